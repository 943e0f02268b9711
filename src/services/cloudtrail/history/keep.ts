/**
 * From the audit stream into the event history. What comes in together becomes a segment; when few events came, it
 * joins the tail, whose segments are merged when there are enough of them: an event is written once or twice.
 *
 * INVARIANT: an event is in the history as soon as its batch is handled, and stays: a merge takes the old segments away
 * in the commit that brings the new ones. A batch that is handled twice leaves the same events twice, which readers
 * and merges make one.
 */
import { createHash } from "node:crypto";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { ReactorContext } from "#gateway/context.ts";
import { Conflict, type Document, type DocumentKey, type Operation, type Scope } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { serviceId } from "../state.ts";
import { decodeSegment, decodeTerms, encodeSegment, keyOf, termsOf, type Entry, type Segment } from "./segment.ts";
import { dataType, dayOf, retentionMs, segmentType, tailType, type Tail } from "./state.ts";

/** So many events at once need no tail. */
const wholeSegment = 256;
/** The tail is merged at so many documents or events: lookups read all of it. */
const tailDocuments = 128;
const tailEvents = 512;
/** Largest text of a segment, in characters, unless one event is larger. */
const segmentSize = 4 * 1024 * 1024;
const segmentEvents = 1024;
/** Data of one commit, in characters. */
const commitSize = 8 * 1024 * 1024;
/** Documents read at a time in a merge. */
const mergePage = 32;
/** Accounts and Regions of which the size of the tail is remembered. */
const mostTails = 10_000;

interface TailSize {
  documents: number;
  events: number;
}

/** The reactor. It remembers how large the tails are, as a hint of when to merge; the first time it counts. */
export function historyKeeper(): (events: readonly StoredEvent[], ctx: ReactorContext) => Promise<void> {
  const sizes = new Map<string, TailSize>();
  return async (events, ctx) => {
    const records = events
      .map(({ event }) => event as AuditRecord)
      .filter(({ eventCategory }) => eventCategory === "Management");
    const groups = Map.groupBy(records, ({ recipientAccountId, awsRegion }) => `${recipientAccountId}/${awsRegion}`);
    const parts = [...groups.values()].flatMap(partsOf);
    await commitAll(
      ctx,
      parts.map(({ scope, first, segment }) =>
        segment.count < wholeSegment ? [tailOperation(scope, first, segment)] : segmentOperations(scope, segment),
      ),
    );
    if (sizes.size > mostTails) sizes.clear();
    for (const { scope, segment } of parts) {
      if (segment.count >= wholeSegment) continue;
      const size = await grown(ctx, sizes, scope, segment.count);
      if (size.documents >= tailDocuments || size.events >= tailEvents) {
        await mergeTail(ctx, scope);
        sizes.delete(nameOf(scope));
      }
    }
  };
}

interface Part {
  scope: Scope;
  /** Key of the event that came first. */
  first: string;
  segment: Segment;
}

/** Segments of records of one account and Region. */
function partsOf(records: readonly AuditRecord[]): Part[] {
  const { recipientAccountId: account, awsRegion: region } = records[0]!;
  const entries = records.map((record) => ({ key: keyOf(record), json: JSON.stringify(record), record }));
  // The records of a whole segment are of one day; in the tail they need not be.
  const groups = entries.length < wholeSegment ? chunksOf(entries) : chunksByDay(entries);
  return groups.map((group) => ({
    scope: { account, region, service: serviceId },
    first: group[0]!.key,
    segment: encodeSegment(group, termsOf(group.map(({ record }) => record))),
  }));
}

function chunksByDay<E extends Entry>(entries: readonly E[]): E[][] {
  return [...Map.groupBy(entries, ({ key }) => dayOf(key)).values()].flatMap(chunksOf);
}

/** In the order given, none larger than a segment may be. */
function chunksOf<E extends Entry>(entries: readonly E[]): E[][] {
  const chunks: E[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    if (size + entry.json.length > segmentSize || chunks.at(-1)!.length >= segmentEvents) {
      chunks.push([]);
      size = 0;
    }
    chunks.at(-1)!.push(entry);
    size += entry.json.length;
  }
  return chunks;
}

function expiryOf({ newest }: Segment): number {
  return Date.parse(newest.slice(0, newest.indexOf("/"))) + retentionMs;
}

/** Named by its first event, so that a batch that comes again replaces what it left. */
function tailOperation(scope: Scope, first: string, segment: Segment): Operation {
  return { op: "put", key: { ...scope, type: tailType, id: first }, value: segment, expiresAt: expiryOf(segment) };
}

/** Named by its content, so that a batch that comes again writes the same documents. */
function segmentOperations(scope: Scope, segment: Segment): Operation[] {
  const { data, ...directory } = segment;
  const digest = createHash("sha256").update(data).digest("hex").slice(0, 16);
  const id = `${segment.newest}/${digest}`;
  const expiresAt = expiryOf(segment);
  return [
    { op: "put", key: { ...scope, type: segmentType, id }, value: directory, expiresAt },
    { op: "put", key: { ...scope, type: dataType, id }, value: { data }, expiresAt },
  ];
}

/** In as few commits as are not too large; what belongs together stays together. */
async function commitAll(ctx: ReactorContext, groups: readonly (readonly Operation[])[]): Promise<void> {
  let batch: Operation[] = [];
  let size = 0;
  for (const group of groups) {
    batch.push(...group);
    for (const each of group) size += each.op === "put" ? ((each.value as Partial<Segment>).data?.length ?? 0) : 0;
    if (size < commitSize) continue;
    await ctx.store.commit(batch);
    batch = [];
    size = 0;
  }
  await ctx.store.commit(batch);
}

const nameOf = ({ account, region }: Scope): string => `${account}/${region}`;

async function grown(
  ctx: ReactorContext,
  sizes: Map<string, TailSize>,
  scope: Scope,
  events: number,
): Promise<TailSize> {
  const known = sizes.get(nameOf(scope));
  const size = known
    ? { documents: known.documents + 1, events: known.events + events }
    : await countTail(ctx, { ...scope, type: tailType }, events);
  sizes.set(nameOf(scope), size);
  return size;
}

async function countTail(ctx: ReactorContext, key: Omit<DocumentKey, "id">, events: number): Promise<TailSize> {
  const documents = await ctx.store.count(key);
  // Of what was there before nobody knows: half of what would have been merged.
  return { documents, events: documents > 1 ? tailEvents / 2 + events : events };
}

/** The tail of an account and Region becomes segments, each of one day. A merge that meets another is left to it. */
async function mergeTail(ctx: ReactorContext, scope: Scope): Promise<void> {
  for (;;) {
    const tails = await readTails(ctx, scope);
    if (tails.length === 0) return;
    const entries = tails.flatMap(({ value }) => decodeSegment(value.data));
    const terms = tails.map(({ value }) => new Set(decodeTerms(value.terms)));
    const together = terms.reduce((all, each) => all.union(each));
    const chunks = chunksByDay(entries.sort((a, b) => (a.key < b.key ? -1 : 1)));
    // The terms of all: of a segment that has only some of the events they say "perhaps" more often.
    const segments = chunks.map((chunk) => encodeSegment(chunk, together));
    try {
      await ctx.store.commit([
        ...tails.map(({ key, version }): Operation => ({ op: "delete", key, ifVersion: version })),
        ...segments.flatMap((segment) => segmentOperations(scope, segment)),
      ]);
    } catch (error) {
      if (error instanceof Conflict) return;
      throw error;
    }
  }
}

/** The oldest documents of the tail, as many as make one merge. */
async function readTails(ctx: ReactorContext, scope: Scope): Promise<Document<Tail>[]> {
  const found: Document<Tail>[] = [];
  let [size, events] = [0, 0];
  let after: string | undefined;
  do {
    const page = await ctx.store.list<Tail>({
      ...scope,
      type: tailType,
      limit: mergePage,
      ...(after === undefined ? {} : { after }),
    });
    for (const document of page.items) {
      found.push(document);
      size += document.value.size;
      events += document.value.count;
      if (size >= segmentSize || events >= 2 * segmentEvents) return found;
    }
    after = page.next;
  } while (after !== undefined);
  return found;
}
