/**
 * Log events in order, out of batches that may overlap in time: a batch's events are given out once no batch that
 * comes later can hold an earlier one. Memory is bounded by what overlaps, not by what is read.
 */
import type { CallContext } from "#gateway/context.ts";
import type { Store } from "#store/contract.ts";
import type { GroupKeys } from "./sealing.ts";
import {
  type Batch,
  type Garbage,
  type Group,
  keyIn,
  pad,
  retentionCutoff,
  scopeOf,
  type Segment,
  types,
} from "./state.ts";

/** No batch is longer than this in time; a reader looks back as far for one that began earlier. */
export const batchSpanMs = 3_600_000;
const pageSize = 16;

export interface LogEvent {
  /** 56 digits in order of time, ingestion and place: `eventId`, and the position in tokens. */
  id: string;
  stream: string;
  timestamp: number;
  ingestedAt: number;
  message: string;
}

export const noPosition = "0".repeat(56);

export interface Range {
  /** Epoch milliseconds, inclusive. */
  from: number;
  /** Exclusive. */
  to: number;
  /** One stream only. */
  sid?: string;
  /** Names of streams that are read; all without it. */
  wanted?: (stream: string) => boolean;
}

export interface BatchPage {
  items: { value: Batch }[];
  next?: string;
}

interface BatchQuery {
  from: string;
  to: string;
  after?: string;
  limit: number;
  reverse?: boolean;
}

/** Where batches come from: the state of a call, or the store in a job. */
export type BatchSource = (index: "first" | "last" | "ingested", query: BatchQuery) => Promise<BatchPage>;

export const callBatches =
  (ctx: CallContext): BatchSource =>
  (index, query) =>
    ctx.state.find<Batch>(types.batch, index, query);

export const storeBatches =
  (store: Store, group: Group): BatchSource =>
  (index, query) =>
    store.find<Batch>({ ...scopeOf(group), type: types.batch, index, ...query });

/** Streams that have been deleted and whose batches are not all removed yet. */
export type DeletedStreams = () => Promise<ReadonlySet<string>>;

const sidOf = ({ key }: { key: { id: string } }): string => key.id.split(".")[1] ?? "";

export const callDeleted =
  (ctx: CallContext, { gid }: Group): DeletedStreams =>
  async () =>
    new Set((await ctx.state.list<Garbage>(types.garbage, { prefix: `${gid}.` })).items.map(sidOf));

export const storeDeleted =
  (store: Store, group: Group): DeletedStreams =>
  async () => {
    const query = { ...scopeOf(group), type: types.garbage, prefix: `${group.gid}.`, limit: 1000 };
    return new Set((await store.list<Garbage>(query)).items.map(sidOf));
  };

/** Rises with each merge of batches of the group. */
export type MergeCount = () => Promise<number>;

export const callMerges =
  (ctx: CallContext, { gid }: Group): MergeCount =>
  async () =>
    (await ctx.state.get(types.merges, gid))?.version ?? 0;

export const storeMerges =
  (store: Store, group: Group): MergeCount =>
  async () =>
    (await store.get(keyIn(group, types.merges, group.gid)))?.version ?? 0;

export interface Reader {
  source: BatchSource;
  merges: MergeCount;
  deleted: DeletedStreams;
  group: Group;
  keys: GroupKeys;
  now: number;
}

/** Positions take 15 digits of time, so both ends of a range are cut to what they can say. */
const latest = 999_999_999_999_999;

/** Batches were merged between two pages: some may have gone in front of the cursor with their events. */
class MergedMeanwhile extends Error {}

/** Events of the range, oldest first. */
export async function* forward(reader: Reader, range: Range): AsyncGenerator<LogEvent> {
  let last = noPosition;
  for (;;) {
    try {
      for await (const event of oldestFirst(reader, { ...range, from: Math.max(range.from, timeOf(last)) })) {
        if (event.id <= last) continue;
        last = event.id;
        yield event;
      }
      return;
    } catch (error) {
      if (!(error instanceof MergedMeanwhile)) throw error;
    }
  }
}

/** Events of one stream within the range, newest first. */
export async function* backward(reader: Reader, range: Range & { sid: string }): AsyncGenerator<LogEvent> {
  let last: string | undefined;
  for (;;) {
    try {
      const to = last === undefined ? range.to : Math.min(range.to, timeOf(last) + 1);
      for await (const event of newestFirst(reader, { ...range, to })) {
        if (last !== undefined && event.id >= last) continue;
        last = event.id;
        yield event;
      }
      return;
    } catch (error) {
      if (!(error instanceof MergedMeanwhile)) throw error;
    }
  }
}

const timeOf = (id: string): number => Number(id.slice(0, 15));

async function* oldestFirst(reader: Reader, range: Range): AsyncGenerator<LogEvent> {
  const { gid } = reader.group;
  const bounds = cut(reader, range);
  let waiting: LogEvent[] = [];
  const deleted = range.sid === undefined ? await reader.deleted() : new Set<string>();
  for await (const batch of batches(reader, "first", {
    from: `${gid}/${pad(bounds.from - batchSpanMs)}`,
    to: `${gid}/${pad(bounds.to)}`,
  })) {
    if (batch.last < bounds.from || deleted.has(batch.sid) || !isWanted(batch, range)) continue;
    const ready = waiting.findIndex(({ timestamp }) => timestamp >= batch.first);
    const out = ready < 0 ? waiting : waiting.slice(0, ready);
    waiting = ready < 0 ? [] : waiting.slice(ready);
    yield* out;
    waiting = ordered([...waiting, ...(await eventsOf(reader, batch, bounds))]);
  }
  yield* waiting;
}

async function* newestFirst(reader: Reader, range: Range & { sid: string }): AsyncGenerator<LogEvent> {
  const prefix = `${reader.group.gid}/${range.sid}/`;
  const bounds = cut(reader, range);
  let waiting: LogEvent[] = [];
  for await (const batch of batches(reader, "last", {
    from: `${prefix}${pad(bounds.from)}`,
    to: `${prefix}${pad(Math.min(latest, bounds.to + batchSpanMs))}`,
    reverse: true,
  })) {
    if (batch.first >= bounds.to) continue;
    while (waiting.length > 0 && waiting.at(-1)!.timestamp > batch.last) yield waiting.pop()!;
    waiting = ordered([...waiting, ...(await eventsOf(reader, batch, bounds))]);
  }
  while (waiting.length > 0) yield waiting.pop()!;
}

function cut(reader: Reader, range: Range): Range {
  const from = Math.max(range.from, retentionCutoff(reader.group, reader.now), 0);
  return { ...range, from, to: Math.min(range.to, latest) };
}

function isWanted(batch: Batch, { sid, wanted }: Range): boolean {
  return (sid === undefined || batch.sid === sid) && (wanted?.(batch.stream) ?? true);
}

/** INVARIANT: all pages are of one state of the group's batches; otherwise `MergedMeanwhile`, and the reader begins anew. */
async function* batches(
  { source, merges }: Reader,
  index: "first" | "last",
  query: Omit<BatchQuery, "limit">,
): AsyncGenerator<Batch> {
  let after: string | undefined;
  const before = await merges();
  do {
    const page = await source(index, { ...query, limit: pageSize, ...(after === undefined ? {} : { after }) });
    if ((await merges()) !== before) throw new MergedMeanwhile();
    for (const { value } of page.items) yield value;
    after = page.next;
  } while (after !== undefined);
}

async function eventsOf(reader: Reader, batch: Batch, { from, to }: Range): Promise<LogEvent[]> {
  const segments = await reader.keys.open(batch);
  return toEvents(batch, segments).filter(({ timestamp }) => timestamp >= from && timestamp < to);
}

export function toEvents(batch: Batch, segments: readonly Segment[]): LogEvent[] {
  return segments.flatMap(([seq, ingestedAt, events]) =>
    events.map(([timestamp, message], index) => ({
      id: `${pad(timestamp)}${seq}${String(index).padStart(8, "0")}`,
      stream: batch.stream,
      timestamp,
      ingestedAt,
      message,
    })),
  );
}

function ordered(events: LogEvent[]): LogEvent[] {
  return events.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}
