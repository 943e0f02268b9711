/** AWS Security Hub: the manifest. */
import { defineService } from "#gateway/service.ts";
import { access } from "./access.ts";
import { automationRuleHandlers } from "./operations/automationRules.ts";
import { findingHandlers } from "./operations/findings.ts";
import { hubHandlers } from "./operations/hub.ts";
import { insightHandlers } from "./operations/insights.ts";
import { taggingHandlers } from "./operations/tagging.ts";
import { importEvents } from "./reactor.ts";
import type { Sdk } from "./sdk.ts";
import { eventsStream, serviceId } from "./state.ts";

export const service = defineService<Sdk>()({
  id: serviceId,
  operations: {
    ...hubHandlers,
    ...findingHandlers,
    ...insightHandlers,
    ...automationRuleHandlers,
    ...taggingHandlers,
  },
  access,
  reactors: [{ name: "securityhub-imports", stream: eventsStream, handle: importEvents }],
});
