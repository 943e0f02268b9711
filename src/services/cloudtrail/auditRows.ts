/** Resources of the lake's records. Source: CloudTrail User Guide, "Resource types supported by CloudTrail". */
import { parseArn } from "#kernel/arn.ts";
import type { AuditDetail, ServiceDefinition } from "#gateway/service.ts";
import type { CallContext } from "#gateway/context.ts";
import type { CloudTrail } from "./sdk.ts";

interface Named {
  EventDataStore?: string | undefined;
  EventDataStoreArn?: string | undefined;
  Channel?: string | undefined;
  ChannelArn?: string | undefined;
}

const named = [
  "CreateChannel",
  "UpdateChannel",
  "DeleteChannel",
  "GetChannel",
  "CreateEventDataStore",
  "UpdateEventDataStore",
  "DeleteEventDataStore",
  "RestoreEventDataStore",
  "GetEventDataStore",
  "ListQueries",
  "StartEventDataStoreIngestion",
  "StopEventDataStoreIngestion",
] as const;

/** The answer names the resource in full; a request may name it by its last part. */
function resourceOf(input: Named, output: Named | undefined, ctx: CallContext): AuditDetail {
  const store = output?.EventDataStoreArn ?? input.EventDataStore;
  const channel = output?.ChannelArn ?? input.Channel;
  const [given, path, type] = channel
    ? [channel, "channel", "AWS::CloudTrail::Channel"]
    : [store, "eventdatastore", "AWS::CloudTrail::EventDataStore"];
  if (given === undefined) return {};
  const ARN = given.startsWith("arn:")
    ? given
    : `arn:${ctx.partition}:cloudtrail:${ctx.region}:${ctx.account}:${path}/${given}`;
  return { resources: [{ ARN, accountId: parseArn(ARN)?.account ?? ctx.account, type: type! }] };
}

export const audit = Object.fromEntries(named.map((operation) => [operation, resourceOf])) as unknown as NonNullable<
  ServiceDefinition<CloudTrail>["audit"]
>;
