/**
 * Document ids that keep S3's order. Keys are compared by their UTF-8 bytes, and `key` must sort before
 * `key + anything`, also when something is appended to the key in the id.
 *
 * Keys may hold any character; U+0000 (which PostgreSQL's text cannot hold) and U+0001 (our escape) are escaped
 * in an order-preserving way, and U+0001 U+0001, lower than any escaped character, ends a key.
 */
const escapes: Record<string, string> = { "\u0000": "\u0001\u0002", "\u0001": "\u0001\u0003" };
const unescapes: Record<string, string> = { "\u0002": "\u0000", "\u0003": "\u0001" };
const endOfKey = "\u0001\u0001";

// oxlint-disable-next-line no-control-regex -- the control characters are the point
const special = /[\u0000\u0001]/g;
// oxlint-disable-next-line no-control-regex
const escaped = /\u0001([\u0002\u0003])/g;

function escapeKey(key: string): string {
  return key.replace(special, (character) => escapes[character]!);
}

function unescapeKey(text: string): string {
  return text.replace(escaped, (_, code: string) => unescapes[code]!);
}

/** Id of the current version of a key; also, for a key prefix, the prefix of such ids. */
export function objectId(bucketUid: string, key: string): string {
  return `${bucketUid}/${escapeKey(key)}`;
}

export function keyOfObjectId(id: string): string {
  return unescapeKey(id.slice(id.indexOf("/") + 1));
}

/** Prefix of the ids of all entries that belong to a key: versions, uploads. */
export function entriesOfKey(bucketUid: string, key: string): string {
  return objectId(bucketUid, key) + endOfKey;
}

export function keyOfEntryId(id: string): string {
  return unescapeKey(id.slice(id.indexOf("/") + 1, id.lastIndexOf(endOfKey)));
}

/** Id of a version that is not current (or is a delete marker): newest first within its key. */
export function versionEntryId(bucketUid: string, key: string, sequence: number, versionId: string): string {
  return entriesOfKey(bucketUid, key) + (maxSequence - sequence).toString(16).padStart(12, "0") + "." + versionId;
}

export function uploadEntryId(bucketUid: string, key: string, uploadId: string): string {
  return entriesOfKey(bucketUid, key) + uploadId;
}

export function partId(bucketUid: string, uploadId: string, partNumber: number): string {
  return `${bucketUid}/${uploadId}/${String(partNumber).padStart(5, "0")}`;
}

const maxSequence = 2 ** 48 - 1;

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url").replaceAll("-", ".");
}

/**
 * A version id names its place in the history of its key (48 bits, first) and is otherwise random, so that a
 * version is found without an index. Opaque to clients, as S3's are.
 */
export function newVersionId(sequence: number, random: Uint8Array): string {
  const bytes = Buffer.alloc(6 + random.length);
  bytes.writeUIntBE(sequence, 0, 6);
  bytes.set(random, 6);
  return toText(bytes);
}

/** `undefined` when the text is no version id of ours. */
export function sequenceOfVersionId(versionId: string): number | undefined {
  if (versionId.length !== 32 || [...versionId].some((character) => !alphabet.includes(character))) return undefined;
  return Buffer.from(versionId.replaceAll(".", "-"), "base64url").readUIntBE(0, 6);
}

/** An upload id sorts by the time of initiation. */
export function newUploadId(now: number, random: Uint8Array): string {
  return now.toString(16).padStart(12, "0") + "." + toText(random);
}
