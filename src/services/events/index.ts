/** EventBridge: the manifest. */
import { defineService, type Service } from "#gateway/service.ts";
import { access } from "./access.ts";
import { trimArchives } from "./archiveJob.ts";
import { audit } from "./audit.ts";
import { connectionJob } from "./connectionJob.ts";
import { deliveryJob } from "./deliver.ts";
import type { EventsSettings } from "./httpCalls.ts";
import { matchReactor } from "./matching.ts";
import { apiDestinationHandlers } from "./operations/apiDestinations.ts";
import { archiveHandlers } from "./operations/archives.ts";
import { busHandlers } from "./operations/buses.ts";
import { connectionHandlers } from "./operations/connections.ts";
import { permissionHandlers } from "./operations/permissions.ts";
import { putEventsHandlers } from "./operations/putEvents.ts";
import { replayHandlers } from "./operations/replays.ts";
import { ruleHandlers } from "./operations/rules.ts";
import { taggingHandlers } from "./operations/tagging.ts";
import { targetHandlers } from "./operations/targets.ts";
import { newParts } from "./parts.ts";
import { replayJob } from "./replayJob.ts";
import { fireSchedules } from "./scheduleJob.ts";
import type { Sdk } from "./sdk.ts";
import { serviceId } from "./state.ts";

export function eventsService(settings: EventsSettings): Service {
  const parts = newParts(settings);
  return defineService<Sdk>()({
    id: serviceId,
    operations: {
      ...busHandlers,
      ...permissionHandlers,
      ...putEventsHandlers(parts),
      ...ruleHandlers,
      ...targetHandlers,
      ...archiveHandlers,
      ...replayHandlers,
      ...connectionHandlers,
      ...apiDestinationHandlers,
      ...taggingHandlers,
    },
    access,
    audit,
    reactors: [matchReactor(parts)],
    jobs: [
      { name: "events-deliveries", everyMs: 1_000, run: deliveryJob(parts) },
      { name: "events-schedules", everyMs: 500, run: fireSchedules },
      { name: "events-replays", everyMs: 500, run: replayJob(parts) },
      { name: "events-connections", everyMs: 500, run: connectionJob(settings) },
      { name: "events-archives", everyMs: 60_000, run: trimArchives },
    ],
  });
}
