/**
 * A segment: events of one account and Region, compressed together, with what a lookup needs to pass it by.
 * An event costs a share of a document instead of a row in an index for each of its attributes. Pure.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import { addTerms } from "./attributes.ts";

/** An event: where it stands in the history, and its record as JSON. */
export interface Entry {
  /** `<event time>/<event id>`: the order of the history is that of these texts. */
  key: string;
  json: string;
}

export interface Segment {
  /** Keys of the last and the first event. */
  newest: string;
  oldest: string;
  count: number;
  /** Length of what is compressed, in characters. */
  size: number;
  /** The `termOf` of each attribute value in it, sorted: base64 of 16-bit numbers. */
  terms: string;
  /** Base64 of zstd of a line for each event, the oldest first: key, tab, JSON. */
  data: string;
}

/** Records are much alike: no larger than by the usual level, for half the time. */
const fast = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export function keyOf({ eventTime, eventID }: AuditRecord): string {
  return `${eventTime}/${eventID}`;
}

/** `entries` of at least one event, in any order; an event that comes twice is kept once. */
export function encodeSegment(entries: readonly Entry[], terms: ReadonlySet<number>): Segment {
  const sorted = ordered(entries);
  const text = sorted.map(({ key, json }) => `${key}\t${json}`).join("\n");
  return {
    newest: sorted.at(-1)!.key,
    oldest: sorted[0]!.key,
    count: sorted.length,
    size: text.length,
    terms: encodeTerms(terms),
    data: zstdCompressSync(Buffer.from(text), fast).toString("base64"),
  };
}

/** The oldest first, each once. */
function ordered(entries: readonly Entry[]): Entry[] {
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** The events of a segment, the oldest first. */
export function decodeSegment(data: string): Entry[] {
  const text = zstdDecompressSync(Buffer.from(data, "base64")).toString("utf8");
  return text.split("\n").map((line) => {
    const tab = line.indexOf("\t");
    return { key: line.slice(0, tab), json: line.slice(tab + 1) };
  });
}

export function termsOf(records: readonly AuditRecord[]): Set<number> {
  const terms = new Set<number>();
  for (const record of records) addTerms(record, terms);
  return terms;
}

function encodeTerms(terms: ReadonlySet<number>): string {
  const sorted = Uint16Array.from(terms).sort();
  return Buffer.from(sorted.buffer, sorted.byteOffset, sorted.byteLength).toString("base64");
}

export function decodeTerms(terms: string): Uint16Array {
  const bytes = Buffer.from(terms, "base64");
  // Copied, so that it begins where numbers of two bytes may.
  return new Uint16Array(new Uint8Array(bytes).buffer);
}

/** False only when no event of the segment has a value of this term. */
export function mayHold({ terms }: Pick<Segment, "terms">, term: number): boolean {
  const sorted = decodeTerms(terms);
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < term) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === term;
}
