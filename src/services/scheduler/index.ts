/** EventBridge Scheduler: the manifest. */
import { defineService } from "#gateway/service.ts";
import { access } from "./access.ts";
import { execute } from "./executeJob.ts";
import { fireSchedules } from "./fireJob.ts";
import { groupHandlers } from "./operations/groups.ts";
import { scheduleHandlers } from "./operations/schedules.ts";
import type { Sdk } from "./sdk.ts";
import { serviceId } from "./state.ts";

export const service = defineService<Sdk>()({
  id: serviceId,
  operations: { ...scheduleHandlers, ...groupHandlers },
  access,
  jobs: [
    { name: "scheduler-due", everyMs: 500, run: fireSchedules },
    { name: "scheduler-executions", everyMs: 500, run: execute },
  ],
});
