/**
 * Reading the event history: the newest first, by time and at most one attribute. Segments are opened from the one
 * that ends last; an event is certain to be the next when no unopened segment ends after it.
 *
 * INVARIANT: the tail is read before the directory. A merge in between moves events from the one to the other in one
 * commit: they are seen at least once, and what is seen twice counts once.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { State } from "#gateway/context.ts";
import type { Page } from "#store/contract.ts";
import { hasAttribute, mayHaveAttribute, termOf, type Attribute } from "./attributes.ts";
import { decodeSegment, mayHold, type Entry } from "./segment.ts";
import { dataType, dayOf, segmentType, tailType, type Directory, type SegmentData, type Tail } from "./state.ts";

/** Documents read at a time. */
const pageSize = 200;
/** Segments that one call opens, and directory entries that it reads, before it gives what it has and a token. */
const mostOpened = 100;
const mostRead = 10_000;

export interface Lookup {
  attribute?: Attribute;
  /** Keys from here on (inclusive). */
  from: string;
  /** Keys below this one. */
  before: string;
  /** Most events of one answer. */
  limit: number;
}

export interface Found {
  records: AuditRecord[];
  /** `before` of the next page, when there may be one. */
  next?: string;
}

interface Hit {
  key: string;
  record: AuditRecord;
}

export async function lookUp(state: State, lookup: Lookup): Promise<Found> {
  const newest = new Newest(lookup.limit + 1);
  await readTail(state, lookup, newest);
  const stoppedAt = await readSegments(state, lookup, newest);
  const certain = stoppedAt === undefined ? newest.hits : newest.hits.filter(({ key }) => key > stoppedAt);
  const shown = certain.slice(0, lookup.limit);
  const records = shown.map(({ record }) => record);
  if (certain.length > lookup.limit) return { records, next: shown.at(-1)!.key };
  return stoppedAt === undefined ? { records } : { records, next: after(stoppedAt) };
}

/** The smallest text above a key that is above no other. */
function after(key: string): string {
  return `${key}~`;
}

/** The newest hits so far, each once, the newest first. */
class Newest {
  hits: Hit[] = [];
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  add(hits: readonly Hit[]): void {
    if (hits.length === 0) return;
    const byKey = new Map([...this.hits, ...hits].map((hit) => [hit.key, hit]));
    this.hits = [...byKey.values()].sort((a, b) => (a.key > b.key ? -1 : 1)).slice(0, this.#most);
  }

  /** Whether nothing at or below this key can be among them. */
  isFullAbove(key: string): boolean {
    return this.hits.length === this.#most && this.hits.at(-1)!.key > key;
  }
}

async function readTail(state: State, lookup: Lookup, newest: Newest): Promise<void> {
  let next: string | undefined;
  do {
    const { items, next: more } = await state.list<Tail>(tailType, {
      limit: pageSize,
      ...(next === undefined ? {} : { after: next }),
    });
    for (const { value } of items) {
      if (concerns(value, lookup)) newest.add(hitsIn(decodeSegment(value.data), lookup));
    }
    next = more;
  } while (next !== undefined);
}

/** Gives the newest key of the first segment that was not looked at, when there is one. */
async function readSegments(state: State, lookup: Lookup, newest: Newest): Promise<string | undefined> {
  let next: string | undefined = after(`${dayOf(lookup.before)}T23:59:59Z`);
  let [opened, read] = [0, 0];
  do {
    const directory: Page<Directory> = await state.list<Directory>(segmentType, {
      reverse: true,
      limit: pageSize,
      after: next,
    });
    for (const { key, value } of directory.items) {
      if (value.newest < lookup.from || newest.isFullAbove(value.newest)) return undefined;
      if (opened >= mostOpened || read >= mostRead) return value.newest;
      read++;
      if (!concerns(value, lookup)) continue;
      opened++;
      const data = await state.get<SegmentData>(dataType, key.id);
      if (data) newest.add(hitsIn(decodeSegment(data.value.data), lookup));
      // Other calls are served between two segments.
      await turn();
    }
    next = directory.next;
  } while (next !== undefined);
  return undefined;
}

function concerns(segment: Directory, { attribute, from, before }: Lookup): boolean {
  if (segment.newest < from || segment.oldest >= before) return false;
  return attribute === undefined || mayHold(segment, termOf(attribute));
}

/** The newest of a segment's events that are wanted. */
function hitsIn(entries: readonly Entry[], { attribute, from, before, limit }: Lookup): Hit[] {
  const hits: Hit[] = [];
  for (const { key, json } of entries.toReversed()) {
    if (key >= before) continue;
    if (key < from || hits.length > limit) break;
    if (attribute && !mayHaveAttribute(json, attribute)) continue;
    const record = JSON.parse(json) as AuditRecord;
    if (!attribute || hasAttribute(record, attribute)) hits.push({ key, record });
  }
  return hits;
}
