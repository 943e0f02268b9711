/** Who may do what to which resource, one row per operation. Source: Service Authorization Reference, CloudTrail. */
import type { AccessOf } from "#gateway/service.ts";
import { onAll, onTrail, readByGuardDuty, requestTags } from "./access.ts";
import { onChannel, onEither, onQuery, onStatement, onStore } from "./lake/access.ts";
import { channelArn, storeArn } from "./lake/state.ts";
import type { CloudTrail } from "./sdk.ts";
import type { CallContext } from "#gateway/context.ts";
import type { SentTags } from "./tagged.ts";

/** Tags are on trails by name or ARN, on the others by ARN. */
function onTagged(action: string, id: string | undefined, ctx: CallContext, tags?: SentTags) {
  return /^arn:[^:]*:cloudtrail:[^:]*:[^:]*:(eventdatastore|channel)\//.test(id ?? "")
    ? onEither(action, ctx, id, requestTags(tags))
    : onTrail(action, id, ctx, requestTags(tags));
}

export const accessRows: AccessOf<CloudTrail> = {
  AddTags: (input, ctx) => onTagged("AddTags", input.ResourceId, ctx, input.TagsList),
  CancelQuery: (input, ctx) => onQuery("CancelQuery", ctx, input.QueryId),
  CreateChannel: async (input, ctx) => [
    { action: "cloudtrail:CreateChannel", resource: channelArn(ctx, "*"), context: requestTags(input.Tags) },
    ...(await Promise.all(
      (input.Destinations ?? []).map(({ Location }) =>
        onStore("CreateChannel", ctx, Location, requestTags(input.Tags)),
      ),
    )),
  ],
  CreateEventDataStore: (input, ctx) => ({
    action: "cloudtrail:CreateEventDataStore",
    resource: storeArn(ctx, "*"),
    context: requestTags(input.TagsList),
  }),
  CreateTrail: (input, ctx) => onTrail("CreateTrail", input.Name, ctx, requestTags(input.TagsList)),
  DeleteChannel: (input, ctx) => onChannel("DeleteChannel", ctx, input.Channel),
  DeleteEventDataStore: (input, ctx) => onStore("DeleteEventDataStore", ctx, input.EventDataStore),
  DeleteResourcePolicy: (input, ctx) => onEither("DeleteResourcePolicy", ctx, input.ResourceArn),
  DeleteTrail: (input, ctx) => onTrail("DeleteTrail", input.Name, ctx),
  DescribeQuery: (input, ctx) => onQuery("DescribeQuery", ctx, input.QueryId),
  DescribeTrails: (_input, ctx) => readByGuardDuty(onAll("DescribeTrails"), ctx),
  GetChannel: (input, ctx) => onChannel("GetChannel", ctx, input.Channel),
  GetEventDataStore: (input, ctx) => onStore("GetEventDataStore", ctx, input.EventDataStore),
  GetEventSelectors: (input, ctx) => onTrail("GetEventSelectors", input.TrailName, ctx),
  GetQueryResults: (input, ctx) => onQuery("GetQueryResults", ctx, input.QueryId),
  GetResourcePolicy: (input, ctx) => onEither("GetResourcePolicy", ctx, input.ResourceArn),
  GetTrail: (input, ctx) => onTrail("GetTrail", input.Name, ctx),
  GetTrailStatus: (input, ctx) => onTrail("GetTrailStatus", input.Name, ctx),
  ListChannels: () => onAll("ListChannels"),
  ListEventDataStores: () => onAll("ListEventDataStores"),
  ListPublicKeys: () => onAll("ListPublicKeys"),
  ListQueries: (input, ctx) => onStore("ListQueries", ctx, input.EventDataStore),
  ListTags: (input, ctx) => Promise.all((input.ResourceIdList ?? []).map(async (id) => onTagged("ListTags", id, ctx))),
  ListTrails: () => onAll("ListTrails"),
  LookupEvents: () => onAll("LookupEvents"),
  PutEventSelectors: (input, ctx) => onTrail("PutEventSelectors", input.TrailName, ctx),
  PutResourcePolicy: (input, ctx) => onEither("PutResourcePolicy", ctx, input.ResourceArn),
  RemoveTags: (input, ctx) => onTagged("RemoveTags", input.ResourceId, ctx, input.TagsList),
  RestoreEventDataStore: (input, ctx) => onStore("RestoreEventDataStore", ctx, input.EventDataStore),
  StartEventDataStoreIngestion: (input, ctx) => onStore("StartEventDataStoreIngestion", ctx, input.EventDataStore),
  StartLogging: (input, ctx) => onTrail("StartLogging", input.Name, ctx),
  StartQuery: (input, ctx) => onStatement("StartQuery", ctx, input.QueryStatement, input.EventDataStoreOwnerAccountId),
  StopEventDataStoreIngestion: (input, ctx) => onStore("StopEventDataStoreIngestion", ctx, input.EventDataStore),
  StopLogging: (input, ctx) => onTrail("StopLogging", input.Name, ctx),
  UpdateChannel: async (input, ctx) => onChannel("UpdateChannel", ctx, input.Channel),
  UpdateEventDataStore: (input, ctx) => onStore("UpdateEventDataStore", ctx, input.EventDataStore),
  UpdateTrail: (input, ctx) => onTrail("UpdateTrail", input.Name, ctx),
};
