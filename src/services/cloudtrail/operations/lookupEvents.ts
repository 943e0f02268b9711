/** LookupEvents. Source: CloudTrail API Reference: one attribute, 50 events a page, the last 90 days. */
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { CallContext } from "#gateway/context.ts";
import { isoSeconds } from "#kernel/clock.ts";
import { invalidLookup, invalidTimeRange, invalidToken } from "../errors.ts";
import { usernameOf } from "../history/attributes.ts";
import { lookUp } from "../history/lookup.ts";
import { retentionMs } from "../history/state.ts";
import type { Input, Output } from "../sdk.ts";

const pageSize = 50;
/** Sorts after every ISO time. */
const endOfTime = "9999-12-31T23:59:59Z";
const startOfTime = "0000-01-01T00:00:00Z";

export async function lookupEvents(input: Input<"LookupEvents">, ctx: CallContext): Promise<Output<"LookupEvents">> {
  if (input.EventCategory !== undefined) return { Events: [] };
  const from = input.StartTime ? isoSeconds(input.StartTime.getTime()) : startOfTime;
  const to = input.EndTime ? isoSeconds(input.EndTime.getTime()) : endOfTime;
  if (from > to) throw invalidTimeRange("The start time is after the end time.");
  const attributes = input.LookupAttributes ?? [];
  if (attributes.length > 1) throw invalidLookup("You can specify only one lookup attribute.");
  const [attribute] = attributes;
  const kept = isoSeconds(ctx.now - retentionMs);
  const { records, next } = await lookUp(ctx.state, {
    ...(attribute ? { attribute: { name: attribute.AttributeKey!, value: attribute.AttributeValue! } } : {}),
    from: from > kept ? from : kept,
    // Times have whole seconds and are followed by the event's id: the last second is included.
    before: input.NextToken === undefined ? `${to}~` : earlier(open(input.NextToken), `${to}~`),
    limit: input.MaxResults ?? pageSize,
  });
  return {
    Events: records.map(eventView),
    ...(next === undefined ? {} : { NextToken: seal(next) }),
  };
}

function earlier(a: string, b: string): string {
  return a < b ? a : b;
}

function eventView(record: AuditRecord) {
  const username = usernameOf(record);
  const accessKeyId = record.userIdentity["accessKeyId"];
  return {
    EventId: record.eventID,
    EventName: record.eventName,
    ReadOnly: String(record.readOnly),
    ...(typeof accessKeyId === "string" ? { AccessKeyId: accessKeyId } : {}),
    EventTime: new Date(record.eventTime),
    EventSource: record.eventSource,
    ...(username === undefined ? {} : { Username: username }),
    Resources: (record.resources ?? []).map(({ ARN, type }) => ({ ResourceType: type, ResourceName: ARN })),
    CloudTrailEvent: JSON.stringify(record),
  };
}

/** A token is the place in the history where the page before it ended: `<event time>/<event id>`. */
const place = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\/[\w-]{1,64}~?$/;

function seal(key: string): string {
  return Buffer.from(key).toString("base64url");
}

function open(token: string): string {
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (!place.test(text) || seal(text) !== token) throw invalidToken("The token is not valid.");
  return text;
}
