/**
 * PutAuditEvents: events from outside AWS into the stores of a channel. What is answered as successful is in the
 * stream with this call, durably; CloudTrail takes it from there. Source: CloudTrail Data API Reference.
 */
import { isoSeconds } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { attachedPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access, AuditDetail } from "#gateway/service.ts";
import { checkEvent } from "./auditEvent.ts";
import type { AuditEvent, Failure, PutAuditEventsInput, PutAuditEventsOutput } from "./sdk.ts";
import { activityStream, addressOf, findChannel, policyOf, type Channel } from "./state.ts";

/** "You can add up to 100 of these events (or up to 1 MB) per PutAuditEvents request." */
const mostBytes = 1024 * 1024;

export async function putAuditEvents(input: PutAuditEventsInput, ctx: CallContext): Promise<PutAuditEventsOutput> {
  const channel = await findChannel(ctx, addressOf(ctx, input.channelArn ?? ""));
  if (!channel) throw new AwsError("ChannelNotFound", "The channel could not be found.", 400);
  const events = input.auditEvents ?? [];
  const ids = new Set(events.map(({ id }) => id));
  if (ids.size < events.length) {
    throw new AwsError("DuplicatedAuditEventId", "Two or more entries in the request have the same event ID.", 400);
  }
  const bytes = events.reduce((sum, { eventData = "" }) => sum + Buffer.byteLength(eventData), 0);
  if (bytes > mostBytes) {
    throw new AwsError("ValidationException", `The events of a request are at most ${mostBytes} bytes.`, 400);
  }
  const eventIds = await ctx.once("ids", async () => events.map(() => ctx.random.uuid()));
  const successful: PutAuditEventsOutput["successful"] = [];
  const failed: Failure[] = [];
  events.forEach((event, i) => {
    const failure = take(ctx, channel, event, eventIds[i]!);
    if (failure) failed.push({ id: event.id!, ...failure });
    else successful.push({ id: event.id!, eventID: eventIds[i]! });
  });
  return { successful, failed };
}

function take(ctx: CallContext, channel: Channel, event: AuditEvent, eventID: string) {
  const checked = checkEvent(event.eventData!, event.eventDataChecksum, channel.account);
  if ("errorCode" in checked) return checked;
  const record = {
    eventVersion: "1.0",
    eventCategory: "ActivityAuditLog",
    eventType: "ActivityLog",
    eventID,
    eventTime: checked.eventTime,
    awsRegion: ctx.region,
    recipientAccountId: channel.account,
    metadata: { ingestionTime: isoSeconds(ctx.now), channelARN: channel.arn },
    eventData: checked.data,
  };
  const { account, region, id } = channel;
  ctx.state.emit(activityStream, channel.id, { channel: { account, region, id }, record });
  return undefined;
}

export async function access(input: PutAuditEventsInput, ctx: CallContext): Promise<Access> {
  const address = addressOf(ctx, input.channelArn ?? "");
  const channel = await findChannel(ctx, address);
  const kept = channel && (await policyOf(ctx, channel));
  const arn = `arn:${ctx.partition}:cloudtrail:${address.region}:${address.account}:channel/${address.id}`;
  const foreign = address.account !== ctx.account;
  return {
    action: "cloudtrail-data:PutAuditEvents",
    resource: arn,
    resourceAccount: address.account,
    ...(kept === undefined ? {} : { resourcePolicies: attachedPolicy(arn, kept) }),
    context: {
      ...Object.fromEntries(
        Object.entries(channel?.tags ?? {}).map(([key, value]) => [`aws:ResourceTag/${key}`, value]),
      ),
      ...(input.externalId === undefined ? {} : { "cloudtrail:ExternalId": input.externalId }),
    },
    // Another account learns neither whether the channel is there nor who may use it.
    ...(foreign
      ? {
          onDenied: () =>
            new AwsError(
              "ChannelInsufficientPermission",
              "The caller's account ID must be the same as the channel owner's account ID.",
              400,
            ),
        }
      : {}),
  };
}

/** A data event of the channel; the events themselves are in the stores, not in the trail. */
export function audit(input: PutAuditEventsInput): AuditDetail {
  const { channelArn = "", externalId } = input;
  const accountId = channelArn.split(":")[4];
  return {
    category: "Data",
    requestParameters: { channelArn, ...(externalId === undefined ? {} : { externalId }) },
    resources: [{ ARN: channelArn, type: "AWS::CloudTrail::Channel", ...(accountId ? { accountId } : {}) }],
  };
}
