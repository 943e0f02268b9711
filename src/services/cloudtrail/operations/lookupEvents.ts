/** LookupEvents. Source: CloudTrail API Reference: one attribute, 50 events a page, the last 90 days. */
import type { CallContext } from "#gateway/context.ts";
import { InvalidKey, type Document, type Page } from "#store/contract.ts";
import { isoSeconds } from "#kernel/clock.ts";
import { invalidLookup, invalidTimeRange, invalidToken } from "../errors.ts";
import { indexValue, usernameOf } from "../history.ts";
import type { Input, Output } from "../sdk.ts";
import type { HistoryEvent } from "../state.ts";

const pageSize = 50;
/** Sorts after every ISO time. */
const endOfTime = "9999-12-31T23:59:59Z";
const startOfTime = "0000-01-01T00:00:00Z";

export async function lookupEvents(input: Input<"LookupEvents">, ctx: CallContext): Promise<Output<"LookupEvents">> {
  if (input.EventCategory !== undefined) return { Events: [] };
  const from = input.StartTime ? isoSeconds(input.StartTime.getTime()) : startOfTime;
  const to = input.EndTime ? isoSeconds(input.EndTime.getTime()) : endOfTime;
  if (from > to) throw invalidTimeRange("The start time is after the end time.");
  const limit = input.MaxResults ?? pageSize;
  const attributes = input.LookupAttributes ?? [];
  if (attributes.length > 1) throw invalidLookup("You can specify only one lookup attribute.");
  const [attribute] = attributes;
  const page = await refusingToken(
    attribute
      ? byAttribute(ctx, attribute.AttributeKey!, attribute.AttributeValue!, from, to, input.NextToken, limit)
      : byTime(ctx, from, to, input.NextToken, limit),
  );
  return {
    Events: page.items.map(({ value }) => eventView(value)),
    ...(page.next === undefined ? {} : { NextToken: seal(page.next) }),
  };
}

function byAttribute(
  ctx: CallContext,
  key: string,
  value: string,
  from: string,
  to: string,
  token: string | undefined,
  limit: number,
) {
  return ctx.state.find<HistoryEvent>("event", key, {
    from: indexValue(value, from),
    // `to` is exclusive and times have seconds: the character after "Z" includes the last second.
    to: indexValue(value, `${to}~`),
    limit,
    reverse: true,
    ...(token === undefined ? {} : { after: open(token) }),
  });
}

async function byTime(ctx: CallContext, from: string, to: string, token: string | undefined, limit: number) {
  // Ids begin with the time; reverse order starts below the end.
  const page = await ctx.state.list<HistoryEvent>("event", {
    after: token === undefined ? `${to}~` : open(token),
    limit,
    reverse: true,
  });
  const items = page.items.filter(({ key }) => key.id >= from);
  const more = page.next !== undefined && items.length === page.items.length;
  return more ? { items, next: page.next } : ({ items } as { items: Document<HistoryEvent>[]; next?: string });
}

function eventView({ record }: HistoryEvent) {
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

/** A token is a cursor of the store, which knows its own. */
async function refusingToken<T extends Pick<Page<unknown>, "items">>(page: Promise<T>): Promise<T> {
  try {
    return await page;
  } catch (error) {
    throw error instanceof InvalidKey ? invalidToken("The token is not valid.") : error;
  }
}

function seal(cursor: string): string {
  return Buffer.from(cursor).toString("base64url");
}

function open(token: string): string {
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (text === "" || seal(text) !== token) throw invalidToken("The token is not valid.");
  return text;
}
