/** GetLogEvents, FilterLogEvents, GetLogRecord, GetLogGroupFields. Source: CloudWatch Logs API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { compileFilter, type LogFilter } from "#engines/logFilter/filter.ts";
import { InvalidFilterPattern } from "#engines/logFilter/invalid.ts";
import { discoverFields } from "#engines/logQuery/fields.ts";
import { invalidParameter, invalidPattern, invalidToken } from "../errors.ts";
import { nextToken, readToken } from "../paging.ts";
import {
  backward,
  callBatches,
  callDeleted,
  callMerges,
  forward,
  type LogEvent,
  noPosition,
  type Reader,
} from "../reading.ts";
import type { Input, Output } from "../sdk.ts";
import { callKeys, GroupKeys } from "../sealing.ts";
import { type Group } from "../state.ts";
import { namedGroup, requireGroup, requireStream } from "../target.ts";

const mostEvents = 10_000;
const mostBytes = 1_048_576;
const overhead = 26;
/** A page of FilterLogEvents that has looked at this much is given out, with or without matches. */
const mostScannedBytes = 16 * 1_048_576;

export function readerOf(ctx: CallContext, group: Group): Reader {
  const keys = new GroupKeys(group, callKeys(ctx, group.arn));
  return {
    source: callBatches(ctx),
    deleted: callDeleted(ctx, group),
    merges: callMerges(ctx, group),
    group,
    keys,
    now: ctx.now,
  };
}

/** @throws InvalidParameterException */
export function filterOf(pattern: string | undefined): LogFilter {
  try {
    return compileFilter(pattern ?? "");
  } catch (error) {
    throw error instanceof InvalidFilterPattern ? invalidPattern() : error;
  }
}

/** How many more events an answer may have: by number and by the megabyte. */
class Room {
  #events: number;
  #bytes = mostBytes;
  #any = false;

  constructor(events: number) {
    this.#events = events;
  }

  take({ message }: LogEvent): boolean {
    const bytes = Buffer.byteLength(message) + overhead;
    if (this.#events === 0 || (this.#any && bytes > this.#bytes)) return false;
    this.#events--;
    this.#bytes -= bytes;
    this.#any = true;
    return true;
  }
}

export async function getLogEvents(input: Input<"GetLogEvents">, ctx: CallContext): Promise<Output<"GetLogEvents">> {
  const { value: group } = await requireGroup(ctx, namedGroup(input));
  const stream = await requireStream(ctx, group, input.logStreamName!);
  const { startTime: from = 0, endTime: to = Infinity } = input;
  const token = position(input.nextToken);
  const reader = readerOf(ctx, group);
  const room = new Room(input.limit ?? mostEvents);
  const events: LogEvent[] = [];
  if (token === undefined ? input.startFromHead : token.direction === "f") {
    const after = token?.at ?? noPosition;
    const start = Math.max(from, Number(after.slice(0, 15)));
    for await (const event of forward(reader, { from: start, to, sid: stream.sid })) {
      if (event.id <= after) continue;
      if (!room.take(event)) break;
      events.push(event);
    }
  } else {
    const before = token?.at;
    const end = before === undefined ? to : Math.min(to, Number(before.slice(0, 15)) + 1);
    for await (const event of backward(reader, { from, to: end, sid: stream.sid })) {
      if (before !== undefined && event.id >= before) continue;
      if (!room.take(event)) break;
      events.push(event);
    }
    events.reverse();
  }
  // "If you have reached the end of the stream, it returns the same token you passed in."
  const stay = token?.at ?? noPosition;
  return {
    events: events.map(({ timestamp, message, ingestedAt }) => ({ timestamp, message, ingestionTime: ingestedAt })),
    nextForwardToken: `f/${events.at(-1)?.id ?? stay}/s`,
    nextBackwardToken: `b/${events[0]?.id ?? stay}/s`,
  };
}

function position(token: string | undefined): { direction: "f" | "b"; at: string } | undefined {
  if (token === undefined) return undefined;
  const match = /^([fb])\/(\d{56})\/s$/.exec(token);
  if (!match) throw invalidToken();
  return { direction: match[1] as "f" | "b", at: match[2]! };
}

export async function filterLogEvents(
  input: Input<"FilterLogEvents">,
  ctx: CallContext,
): Promise<Output<"FilterLogEvents">> {
  const { value: group } = await requireGroup(ctx, namedGroup(input));
  const { logStreamNames: names, logStreamNamePrefix: prefix } = input;
  if (names !== undefined && prefix !== undefined) {
    throw invalidParameter("LogStream names and LogStream name prefix are mutually exclusive parameters.");
  }
  const filter = filterOf(input.filterPattern);
  const after = readToken("FilterLogEvents", input.nextToken) ?? noPosition;
  if (!/^\d{56}$/.test(after)) throw invalidToken();
  for (const name of names ?? []) await requireStream(ctx, group, name);
  const wantedNames = names && new Set(names);
  const wanted = (name: string) => wantedNames?.has(name) ?? (prefix === undefined || name.startsWith(prefix));
  // AWS's endTime is inclusive here: "Events with a timestamp later than this time are not returned."
  const to = input.endTime === undefined ? Infinity : input.endTime + 1;
  const from = Math.max(input.startTime ?? 0, Number(after.slice(0, 15)));
  const room = new Room(input.limit ?? mostEvents);
  const events: LogEvent[] = [];
  let scanned = 0;
  let last = after;
  let more = false;
  for await (const event of forward(readerOf(ctx, group), { from, to, wanted })) {
    if (event.id <= after) continue;
    if (scanned > mostScannedBytes || ctx.signal.aborted) {
      more = true;
      break;
    }
    scanned += Buffer.byteLength(event.message);
    if (filter.matches(event.message)) {
      if (!room.take(event)) {
        more = true;
        break;
      }
      events.push(event);
    }
    last = event.id;
  }
  return {
    events: events.map(({ id, stream, timestamp, message, ingestedAt }) => ({
      logStreamName: stream,
      timestamp,
      message,
      ingestionTime: ingestedAt,
      eventId: id,
    })),
    searchedLogStreams: [],
    ...nextToken("FilterLogEvents", more ? last : undefined),
  };
}

/** The `@ptr` of Insights: the group and the id of one event. */
export function recordPointer(group: string, id: string): string {
  return Buffer.from(`${id}/${group}`).toString("base64");
}

export function pointedGroup(pointer: string): { id: string; group: string } {
  const match = /^(\d{56})\/(.+)$/s.exec(Buffer.from(pointer, "base64").toString("utf8"));
  if (!match || recordPointer(match[2]!, match[1]!) !== pointer) throw invalidParameter("Invalid log record pointer.");
  return { id: match[1]!, group: match[2]! };
}

export async function getLogRecord(input: Input<"GetLogRecord">, ctx: CallContext): Promise<Output<"GetLogRecord">> {
  const { id, group: name } = pointedGroup(input.logRecordPointer!);
  const { value: group } = await requireGroup(ctx, name);
  const at = Number(id.slice(0, 15));
  for await (const event of forward(readerOf(ctx, group), { from: at, to: at + 1 })) {
    if (event.id !== id) continue;
    const fields = Object.entries(discoverFields(event.message)).map(([key, value]) => [key, String(value)]);
    return {
      logRecord: {
        "@message": event.message,
        "@timestamp": String(event.timestamp),
        "@ingestionTime": String(event.ingestedAt),
        "@logStream": event.stream,
        "@log": `${group.account}:${group.name}`,
        ...Object.fromEntries(fields),
      },
    };
  }
  throw invalidParameter("Invalid log record pointer.");
}

const fieldsWindowMs = 15 * 60_000;
const fieldsSample = 1_000;

/** Fields of the quarter of an hour around `time`, or of the last one, and in how many percent of its events. */
export async function getLogGroupFields(
  input: Input<"GetLogGroupFields">,
  ctx: CallContext,
): Promise<Output<"GetLogGroupFields">> {
  const { value: group } = await requireGroup(ctx, namedGroup(input));
  const range =
    input.time === undefined
      ? { from: ctx.now - fieldsWindowMs, to: ctx.now + 1 }
      : { from: input.time * 1000 - fieldsWindowMs / 2, to: input.time * 1000 + fieldsWindowMs / 2 };
  const counts = new Map<string, number>();
  let events = 0;
  for await (const event of forward(readerOf(ctx, group), range)) {
    if (++events > fieldsSample) break;
    const own = ["@message", "@timestamp", "@ingestionTime", "@logStream", "@log"];
    for (const name of [...own, ...Object.keys(discoverFields(event.message))]) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  const seen = Math.min(events, fieldsSample);
  return {
    logGroupFields: [...counts].map(([name, count]) => ({ name, percent: Math.round((100 * count) / seen) })),
  };
}
