import { InvalidKey, type DocumentKey } from "./contract.ts";

/**
 * Longest text of each part of a key, in UTF-8 bytes. Chosen so that the widest row of any index stays under
 * PostgreSQL's B-tree limit of 2,704 bytes (a third of a page); the same limits hold in SQLite so that a
 * document that one engine takes is taken by the other.
 * Source: PostgreSQL manual, "B-Tree Implementation"; error 54000 "index row size exceeds btree version 4 maximum 2704".
 */
export const keyLimits = {
  account: 16,
  region: 32,
  service: 64,
  type: 64,
  id: 2048,
  index: 64,
  /** An index value and the id of its document stand in one row. */
  valueAndId: 2360,
} as const;

/** One serialised document or event: 64 MiB. Bodies belong into blobs. */
const valueLimit = 64 * 1024 * 1024;

/** One event of a stream, in characters of JSON: stays under the default payload limit of NATS, 1 MiB, whatever its text. */
export const eventLimit = 320 * 1024;

/**
 * Text that both engines store and order in the same way.
 * INVARIANT: no NUL (PostgreSQL cannot store it, cursors use it as separator) and no lone surrogate (it has no
 * UTF-8 form, so two different ids would become the same bytes).
 */
export function checkText(what: string, text: unknown, limit: number): asserts text is string {
  if (typeof text !== "string") throw new InvalidKey(`${what} must be text, got ${typeof text}`);
  if (text.includes("\0")) throw new InvalidKey(`${what} contains a NUL character`);
  if (!text.isWellFormed()) throw new InvalidKey(`${what} contains a lone surrogate`);
  // A UTF-16 unit takes at most three bytes, so most texts need no count.
  if (text.length * 3 > limit && Buffer.byteLength(text) > limit) {
    throw new InvalidKey(`${what} is longer than ${limit} bytes`);
  }
}

/** Whether an engine could hold a document of this id, or an index row of this value. */
export function isStorable(text: string, limit: number = keyLimits.id): boolean {
  return text.isWellFormed() && !text.includes("\0") && Buffer.byteLength(text) <= limit;
}

export function checkScope(key: Omit<DocumentKey, "id">): void {
  checkText("account", key.account, keyLimits.account);
  checkText("region", key.region, keyLimits.region);
  checkText("service", key.service, keyLimits.service);
  checkText("type", key.type, keyLimits.type);
}

export function checkKey(key: DocumentKey): void {
  checkScope(key);
  checkText("id", key.id, keyLimits.id);
  if (key.id === "") throw new InvalidKey("id is empty");
}

/** Names of streams and consumer groups: also legal, after a small mapping, as names in NATS. */
export function checkName(what: string, name: unknown): asserts name is string {
  if (typeof name !== "string" || !/^[A-Za-z0-9_.-]{1,64}$/.test(name)) {
    throw new InvalidKey(`${what} must be 1 to 64 letters, digits, '-', '_' or '.'`);
  }
}

/** Serialises a value, refusing what JSON cannot carry whole (`undefined`, functions, bigint, cycles). */
export function toJson(what: string, value: unknown, limit = valueLimit): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new InvalidKey(`${what} is not JSON: ${(cause as Error).message}`);
  }
  if (text === undefined) throw new InvalidKey(`${what} is not JSON: ${typeof value}`);
  if (text.length > limit) throw new InvalidKey(`${what} is larger than ${limit} characters of JSON`);
  return text;
}

export function checkVersion(version: number | undefined): void {
  if (version !== undefined && !(Number.isSafeInteger(version) && version >= 0)) {
    throw new InvalidKey(`ifVersion must be a whole number from 0, got ${version}`);
  }
}

/**
 * The smallest text that is greater, by UTF-8 bytes, than every text with this prefix; `undefined` when there
 * is none. UTF-8 orders as code points do, so the last code point that can grow is raised by one.
 */
export function afterPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix);
  while (points.length > 0) {
    const last = points.pop()!.codePointAt(0)!;
    if (last >= 0x10ffff) continue;
    return points.join("") + String.fromCodePoint(last + 1 === 0xd800 ? 0xe000 : last + 1);
  }
  return undefined;
}

/** Changes are kept this long for readers of the feed: 7 days, in milliseconds. */
export const changeRetention = 7 * 86_400_000;
