import { auditStream } from "#gateway/auditRecord.ts";
import { defineService } from "#gateway/service.ts";
import { onAll, onTrail, requestTags } from "./access.ts";
import { deliver, follow } from "./delivery.ts";
import { digestAll } from "./digests.ts";
import { getEventSelectors, putEventSelectors } from "./operations/eventSelectors.ts";
import { startLogging, stopLogging } from "./operations/logging.ts";
import { lookupEvents } from "./operations/lookupEvents.ts";
import { listPublicKeys } from "./operations/publicKeys.ts";
import { addTags, listTags, removeTags } from "./operations/tags.ts";
import {
  createTrail,
  deleteTrail,
  describeTrails,
  getTrail,
  getTrailStatus,
  listTrails,
  updateTrail,
} from "./operations/trails.ts";
import type { CloudTrail } from "./sdk.ts";

export const service = defineService<CloudTrail>()({
  id: "cloudtrail",
  operations: {
    AddTags: addTags,
    CreateTrail: createTrail,
    DeleteTrail: deleteTrail,
    DescribeTrails: describeTrails,
    GetEventSelectors: getEventSelectors,
    GetTrail: getTrail,
    GetTrailStatus: getTrailStatus,
    ListPublicKeys: listPublicKeys,
    ListTags: listTags,
    ListTrails: listTrails,
    LookupEvents: lookupEvents,
    PutEventSelectors: putEventSelectors,
    RemoveTags: removeTags,
    StartLogging: startLogging,
    StopLogging: stopLogging,
    UpdateTrail: updateTrail,
  },
  access: {
    AddTags: (input, ctx) => onTrail("AddTags", input.ResourceId, ctx, requestTags(input.TagsList)),
    CreateTrail: (input, ctx) => onTrail("CreateTrail", input.Name, ctx, requestTags(input.TagsList)),
    DeleteTrail: (input, ctx) => onTrail("DeleteTrail", input.Name, ctx),
    DescribeTrails: () => onAll("DescribeTrails"),
    GetEventSelectors: (input, ctx) => onTrail("GetEventSelectors", input.TrailName, ctx),
    GetTrail: (input, ctx) => onTrail("GetTrail", input.Name, ctx),
    GetTrailStatus: (input, ctx) => onTrail("GetTrailStatus", input.Name, ctx),
    ListPublicKeys: () => onAll("ListPublicKeys"),
    ListTags: (input, ctx) => (input.ResourceIdList ?? []).map((id) => onTrail("ListTags", id, ctx)),
    ListTrails: () => onAll("ListTrails"),
    LookupEvents: () => onAll("LookupEvents"),
    PutEventSelectors: (input, ctx) => onTrail("PutEventSelectors", input.TrailName, ctx),
    RemoveTags: (input, ctx) => onTrail("RemoveTags", input.ResourceId, ctx, requestTags(input.TagsList)),
    StartLogging: (input, ctx) => onTrail("StartLogging", input.Name, ctx),
    StopLogging: (input, ctx) => onTrail("StopLogging", input.Name, ctx),
    UpdateTrail: (input, ctx) => onTrail("UpdateTrail", input.Name, ctx),
  },
  reactors: [{ name: "follow", stream: auditStream, handle: follow }],
  jobs: [
    { name: "deliver", everyMs: 1_000, run: deliver },
    { name: "digest", everyMs: 5_000, run: digestAll },
  ],
});
