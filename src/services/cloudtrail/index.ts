import { auditStream } from "#gateway/auditRecord.ts";
import { defineService } from "#gateway/service.ts";
import { accessRows } from "./accessRows.ts";
import { audit } from "./auditRows.ts";
import { deliver, follow } from "./delivery.ts";
import { deliverLogs } from "./logDelivery.ts";
import { digestAll } from "./digests.ts";
import { historyKeeper } from "./history/keep.ts";
import { activityStream, ingest, ingestActivity } from "./lake/ingest.ts";
import { forget } from "./lake/retention.ts";
import { runQueries } from "./lake/runQueries.ts";
import * as channels from "./operations/channels.ts";
import * as stores from "./operations/eventDataStores.ts";
import { getEventSelectors, putEventSelectors } from "./operations/eventSelectors.ts";
import { startLogging, stopLogging } from "./operations/logging.ts";
import { lookupEvents } from "./operations/lookupEvents.ts";
import { listPublicKeys } from "./operations/publicKeys.ts";
import * as queries from "./operations/queries.ts";
import * as policies from "./operations/resourcePolicies.ts";
import { addTags, listTags, removeTags } from "./operations/tags.ts";
import * as trails from "./operations/trails.ts";
import type { CloudTrail } from "./sdk.ts";

export const service = defineService<CloudTrail>()({
  id: "cloudtrail",
  operations: {
    AddTags: addTags,
    CancelQuery: queries.cancelQuery,
    CreateChannel: channels.createChannel,
    CreateEventDataStore: stores.createEventDataStore,
    CreateTrail: trails.createTrail,
    DeleteChannel: channels.deleteChannel,
    DeleteEventDataStore: stores.deleteEventDataStore,
    DeleteResourcePolicy: policies.deleteResourcePolicy,
    DeleteTrail: trails.deleteTrail,
    DescribeQuery: queries.describeQuery,
    DescribeTrails: trails.describeTrails,
    GetChannel: channels.getChannel,
    GetEventDataStore: stores.getEventDataStore,
    GetEventSelectors: getEventSelectors,
    GetQueryResults: queries.getQueryResults,
    GetResourcePolicy: policies.getResourcePolicy,
    GetTrail: trails.getTrail,
    GetTrailStatus: trails.getTrailStatus,
    ListChannels: channels.listChannels,
    ListEventDataStores: stores.listEventDataStores,
    ListPublicKeys: listPublicKeys,
    ListQueries: queries.listQueries,
    ListTags: listTags,
    ListTrails: trails.listTrails,
    LookupEvents: lookupEvents,
    PutEventSelectors: putEventSelectors,
    PutResourcePolicy: policies.putResourcePolicy,
    RemoveTags: removeTags,
    RestoreEventDataStore: stores.restoreEventDataStore,
    StartEventDataStoreIngestion: stores.startEventDataStoreIngestion,
    StartLogging: startLogging,
    StartQuery: queries.startQuery,
    StopEventDataStoreIngestion: stores.stopEventDataStoreIngestion,
    StopLogging: stopLogging,
    UpdateChannel: channels.updateChannel,
    UpdateEventDataStore: stores.updateEventDataStore,
    UpdateTrail: trails.updateTrail,
  },
  access: accessRows,
  audit,
  reactors: [
    { name: "history", stream: auditStream, handle: historyKeeper() },
    { name: "follow", stream: auditStream, handle: follow },
    { name: "lake", stream: auditStream, handle: ingest },
    { name: "activity", stream: activityStream, handle: ingestActivity },
  ],
  jobs: [
    { name: "deliver", everyMs: 1_000, run: deliver },
    { name: "logs", everyMs: 1_000, run: deliverLogs },
    { name: "digest", everyMs: 5_000, run: digestAll },
    { name: "query", everyMs: 250, run: runQueries },
    { name: "forget", everyMs: 60_000, run: forget },
  ],
});
