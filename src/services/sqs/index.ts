/** SQS: the manifest. */
import { defineService } from "#gateway/service.ts";
import { access } from "./access.ts";
import { audit } from "./audit.ts";
import { jobs } from "./jobs.ts";
import { messageHandlers } from "./operations/messages.ts";
import { moveTaskHandlers } from "./operations/moveTasks.ts";
import { permissionHandlers } from "./operations/permissions.ts";
import { queueHandlers } from "./operations/queues.ts";
import { newParts } from "./parts.ts";
import type { Sdk } from "./sdk.ts";

const parts = newParts();

export const service = defineService<Sdk>()({
  id: "sqs",
  operations: {
    ...queueHandlers(parts),
    ...messageHandlers(parts),
    ...permissionHandlers,
    ...moveTaskHandlers,
  },
  access,
  ...(audit ? { audit } : {}),
  jobs,
});
