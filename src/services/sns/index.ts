/** SNS: the manifest. */
import { defineService, type Service } from "#gateway/service.ts";
import { access } from "./access.ts";
import { audit } from "./audit.ts";
import { deliveryJob } from "./deliver.ts";
import { publishHandlers } from "./operations/publish.ts";
import { subscriptionHandlers } from "./operations/subscriptions.ts";
import { topicHandlers } from "./operations/topics.ts";
import { newParts, type SnsSettings } from "./parts.ts";
import type { Sdk } from "./sdk.ts";

export function snsService(settings: SnsSettings): Service {
  const parts = newParts(settings);
  return defineService<Sdk>()({
    id: "sns",
    operations: { ...topicHandlers, ...subscriptionHandlers(parts), ...publishHandlers(parts) },
    access,
    audit,
    jobs: [{ name: "sns-deliveries", everyMs: 1_000, run: deliveryJob(settings) }],
  });
}
