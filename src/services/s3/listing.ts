/**
 * Walking keys in order with prefix and delimiter. A common prefix is jumped over, not scanned: a listing costs
 * what it answers, not what the bucket holds.
 */
import { createHash } from "node:crypto";
import type { CallContext } from "#gateway/context.ts";
import type { Document, Page } from "#store/contract.ts";
import { afterPrefix } from "#store/limits.ts";
import { invalidArgument } from "./errors.ts";
import { objectId } from "./ids.ts";
import { checkKeyText } from "./names.ts";
import { within, type Bucket } from "./state.ts";

/** Where a walk begins among the documents of one type. */
export interface Start {
  /** After this id … */
  after?: string;
  /** … or at it. */
  from?: string;
}

export interface Source {
  type: string;
  keyOf(id: string): string;
  start: Start;
}

interface Walk {
  prefix: string;
  delimiter: string;
  limit: number;
  /** Of one key, documents of the first source come first. */
  sources: readonly Source[];
}

export type Row<T> = { prefix: string } | { document: Document<T>; key: string; source: number };

interface Walked<T> {
  rows: Row<T>[];
  /** Whether there is more after the last row. */
  truncated: boolean;
}

/** Rows in the order of keys; a common prefix counts as one. */
export async function walk<T>(ctx: CallContext, bucket: Bucket, query: Walk): Promise<Walked<T>> {
  const { prefix, delimiter, limit } = query;
  const cursors = query.sources.map((source) => new Cursor<T>(ctx, bucket, query, source));
  const rows: Row<T>[] = [];
  for (;;) {
    let first: { key: string; document: Document<T>; source: number } | undefined;
    for (const [source, cursor] of cursors.entries()) {
      const document = await cursor.peek();
      if (!document) continue;
      const key = query.sources[source]!.keyOf(document.key.id);
      if (!first || compareKeys(key, first.key) < 0) first = { key, document, source };
    }
    if (!first) return { rows, truncated: false };
    if (rows.length === limit) return { rows, truncated: true };
    const cut = delimiter === "" ? -1 : first.key.indexOf(delimiter, prefix.length);
    if (cut < 0) {
      rows.push(first);
      cursors[first.source]!.advance();
      continue;
    }
    const common = first.key.slice(0, cut + delimiter.length);
    rows.push({ prefix: common });
    const next = afterPrefix(objectId(bucket.uid, common));
    if (next === undefined) return { rows, truncated: false };
    for (const cursor of cursors) cursor.seek(next);
  }
}

/** S3's order: by the bytes of UTF-8, which is the order of code points and not of JavaScript's strings. */
function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const largestPage = 1000;
const smallestPage = 16;

/** One type of document in order, read page by page. */
class Cursor<T> {
  readonly #list: (start: Start, limit: number) => Promise<Page<T>>;
  /** With a delimiter most of a page may be jumped over, so pages start small and grow while they are used up. */
  #pageSize: number;
  #items: Document<T>[] = [];
  #index = 0;
  #next: Start | undefined;

  constructor(ctx: CallContext, bucket: Bucket, query: Walk, source: Source) {
    const prefix = objectId(bucket.uid, query.prefix);
    this.#list = (start, limit) => ctx.state.list<T>(source.type, { prefix, limit, ...start }, within(bucket));
    this.#pageSize = query.delimiter === "" ? Math.min(query.limit + 1, largestPage) : smallestPage;
    this.#next = source.start;
  }

  async peek(): Promise<Document<T> | undefined> {
    if (this.#index === this.#items.length && this.#next) {
      const page = await this.#list(this.#next, this.#pageSize);
      this.#items = page.items;
      this.#index = 0;
      this.#next = page.next === undefined ? undefined : { after: page.next };
      this.#pageSize = Math.min(this.#pageSize * 4, largestPage);
    }
    return this.#items[this.#index];
  }

  advance(): void {
    this.#index++;
  }

  /** Forward to the first id from `id` on; within the page when it reaches that far. */
  seek(id: string): void {
    while (this.#index < this.#items.length && compareKeys(this.#items[this.#index]!.key.id, id) < 0) this.#index++;
    if (this.#index < this.#items.length || !this.#next) return;
    this.#next = { from: id };
    this.#pageSize = smallestPage;
  }
}

/** Start after a key that a client named, which may be a common prefix of the page before. */
export function startAfterKey(bucket: Bucket, key: string | undefined, prefix: string, delimiter: string): Start {
  if (key === undefined || key === "") return {};
  const isCommonPrefix = delimiter !== "" && key.endsWith(delimiter) && key.startsWith(prefix) && key !== prefix;
  if (!isCommonPrefix) return { after: objectId(bucket.uid, key) };
  return startAt(afterPrefix(objectId(bucket.uid, key)));
}

/** From an id on; `undefined` is beyond everything. */
export function startAt(id: string | undefined): Start {
  return { from: id ?? "\u{10ffff}" };
}

/** A place in a listing, opaque, and bound to what was listed: it does not work for another query. */
export function writeListToken(position: string, binding: readonly string[]): string {
  return Buffer.concat([digest(binding), Buffer.from(position)]).toString("base64url");
}

/** @throws InvalidArgument for a token of another listing, or one that never was one */
export function readListToken(token: string | undefined, binding: readonly string[]): string | undefined {
  if (token === undefined) return undefined;
  const bytes = Buffer.from(token, "base64url");
  if (bytes.length <= 8 || !bytes.subarray(0, 8).equals(digest(binding))) {
    throw invalidArgument("The continuation token provided is incorrect", "continuation-token", token);
  }
  return bytes.subarray(8).toString("utf8");
}

function digest(binding: readonly string[]): Buffer {
  return createHash("sha256").update(JSON.stringify(binding)).digest().subarray(0, 8);
}

/** Checks the parameters that all listings share. */
export function listParameters(input: {
  Prefix?: string | undefined;
  Delimiter?: string | undefined;
  EncodingType?: string | undefined;
  max: number | undefined;
  maxName: string;
}): { prefix: string; delimiter: string; limit: number; encode(text: string): string } {
  const { Prefix: prefix = "", Delimiter: delimiter = "", EncodingType: encoding, max = 1000, maxName } = input;
  checkKeyText(prefix);
  if (encoding !== undefined && encoding !== "url") {
    throw invalidArgument("Invalid Encoding Method specified in Request", "encoding-type", encoding);
  }
  if (!Number.isInteger(max) || max < 0) {
    throw invalidArgument(`Argument ${maxName} must be an integer between 0 and 2147483647`, maxName, max);
  }
  return {
    prefix,
    delimiter,
    limit: Math.min(max, 1000),
    encode: encoding === "url" ? urlEncoded : (text) => text,
  };
}

/** `encoding-type=url`: what XML cannot carry is percent-encoded; "/" stays. */
function urlEncoded(text: string): string {
  return encodeURIComponent(text)
    .replaceAll("%2F", "/")
    .replaceAll("%20", "+")
    .replace(/[!'()]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
