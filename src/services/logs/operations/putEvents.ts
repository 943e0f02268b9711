/** PutLogEvents. Source: CloudWatch Logs API Reference, PutLogEvents: the constraints of a batch. */
import type { CallContext } from "#gateway/context.ts";
import { invalidParameter } from "../errors.ts";
import { batchSpanMs } from "../reading.ts";
import type { Input, Output } from "../sdk.ts";
import { callKeys, GroupKeys } from "../sealing.ts";
import {
  type Batch,
  batchId,
  batchIndexes,
  type Group,
  ingestedStream,
  pad,
  retentionCutoff,
  type Stream,
  streamId,
  types,
} from "../state.ts";
import { streamIndexes } from "../streamIndex.ts";
import { requireGroup, requireStream } from "../target.ts";

const mostBytes = 1_048_576;
const overhead = 26;
const hourMs = 3_600_000;
const longestSpanMs = 24 * hourMs;
const futureMs = 2 * hourMs;
const pastMs = 14 * 24 * hourMs;

type Event = readonly [timestamp: number, message: string];

export async function putLogEvents(input: Input<"PutLogEvents">, ctx: CallContext): Promise<Output<"PutLogEvents">> {
  const { value: group } = await requireGroup(ctx, input.logGroupName!);
  const stream = await requireStream(ctx, group, input.logStreamName!);
  const events = (input.logEvents ?? []).map(({ timestamp, message }): Event => [timestamp!, message!]);
  checkBatch(events);
  const accepted = acceptable(group, events, ctx.now);
  if (accepted.events.length > 0) await store(ctx, group, stream, accepted.events);
  return {
    nextSequenceToken: sequenceToken(ctx),
    ...(accepted.rejected === undefined ? {} : { rejectedLogEventsInfo: accepted.rejected }),
    // Entities are not kept here, and that is AWS's way to say so.
    ...(input.entity === undefined ? {} : { rejectedEntityInfo: { errorType: "UnsupportedLogGroupType" as const } }),
  };
}

/** "The sequence token is now ignored in PutLogEvents actions"; an answer has one all the same. */
function sequenceToken(ctx: CallContext): string {
  let digits = "";
  for (let i = 0; i < 56; i++) digits += i === 0 ? "4" : String(ctx.random.below(10));
  return digits;
}

/** @throws InvalidParameterException */
function checkBatch(events: readonly Event[]): void {
  let bytes = 0;
  for (const [index, [timestamp, message]] of events.entries()) {
    bytes += Buffer.byteLength(message) + overhead;
    if (!message.isWellFormed()) throw invalidParameter("Log event message is not valid UTF-8.");
    if (index > 0 && timestamp < events[index - 1]![0]) {
      throw invalidParameter("Log events in a single PutLogEvents request must be in chronological order.");
    }
  }
  if (bytes > mostBytes) {
    throw invalidParameter(`Upload too large: ${bytes} bytes exceeds limit of ${mostBytes}`);
  }
  if (events.at(-1)![0] - events[0]![0] > longestSpanMs) {
    throw invalidParameter("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
  }
}

/** Leaves out what is too old, expired or too new; their places are reported. */
function acceptable(group: Group, events: readonly Event[], now: number) {
  const count = (limit: number) => {
    const first = events.findIndex(([timestamp]) => timestamp >= limit);
    return first < 0 ? events.length : first;
  };
  const tooOld = count(now - pastMs);
  const expired = count(retentionCutoff(group, now));
  const tooNew = count(now + futureMs + 1);
  const from = Math.max(tooOld, expired);
  const rejected = {
    ...(tooNew < events.length ? { tooNewLogEventStartIndex: tooNew } : {}),
    ...(tooOld > 0 ? { tooOldLogEventEndIndex: tooOld } : {}),
    ...(expired > 0 ? { expiredLogEventEndIndex: expired } : {}),
  };
  return {
    events: events.slice(from, Math.max(from, tooNew)),
    rejected: Object.keys(rejected).length === 0 ? undefined : rejected,
  };
}

async function store(ctx: CallContext, group: Group, stream: Stream, events: readonly Event[]): Promise<void> {
  const keys = new GroupKeys(group, callKeys(ctx, group.arn));
  // The group must still be there, with this key, when the events become part of it.
  ctx.state.check(types.group, group.name);
  let total = 0;
  for (const part of withinSpan(events)) {
    const first = part[0]![0];
    const last = part.at(-1)![0];
    const bytes = part.reduce((sum, [, message]) => sum + Buffer.byteLength(message) + overhead, 0);
    total += bytes;
    const named = { stream: stream.name, sid: stream.sid, first, last, ingestedAt: ctx.now, seq: sequence(ctx) };
    const id = batchId(group.gid, named);
    const batch: Batch = {
      ...named,
      count: part.length,
      bytes,
      ...(await keys.seal([[named.seq, ctx.now, [...part]]], id)),
    };
    ctx.state.put(types.batch, id, batch, { version: 0, indexes: batchIndexes(group.gid, batch) });
    if (group.metricFilters > 0) {
      ctx.state.emit(ingestedStream, `${ctx.account}/${ctx.region}/${group.name}`, {
        account: ctx.account,
        region: ctx.region,
        group: group.name,
        batch: id,
      });
    }
  }
  const next: Stream = {
    ...stream,
    firstEventAt: Math.min(stream.firstEventAt ?? Infinity, events[0]![0]),
    lastEventAt: Math.max(stream.lastEventAt ?? 0, events.at(-1)![0]),
    lastIngestedAt: ctx.now,
    bytes: stream.bytes + total,
  };
  ctx.state.put(types.stream, streamId(group.gid, stream.name), next, { indexes: streamIndexes(group.gid, next) });
}

function sequence(ctx: CallContext): string {
  const chance =
    `${ctx.random.below(1_000_000_000)}`.padStart(9, "0") + `${ctx.random.below(1_000_000_000)}`.padStart(9, "0");
  return pad(ctx.now) + chance;
}

/** INVARIANT: no batch spans more than `batchSpanMs`, which is how far readers look back. */
function* withinSpan(events: readonly Event[]): Generator<readonly Event[]> {
  let start = 0;
  for (let end = 1; end <= events.length; end++) {
    if (end < events.length && events[end]![0] - events[start]![0] <= batchSpanMs) continue;
    yield events.slice(start, end);
    start = end;
  }
}
