/** Bytes of a JSON body to a value, with the checks that `JSON.parse` does not make: encoding, depth, duplicate keys. */
import { isUtf8 } from "node:buffer";
import { WireFailure } from "./failure.ts";

/** Deepest legal nesting of a body. The deepest modelled shapes (WAF statements) stay below 40. */
export const maxDepth = 128;

/**
 * Throws `SerializationException`. A key given twice is refused: whoever inspected the request before us may have
 * read the other value.
 */
export function parseJson(bytes: Uint8Array): unknown {
  if (!isUtf8(bytes)) throw new WireFailure("Invalid UTF-8 in request body");
  const keys = countKeys(bytes);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch {
    throw new WireFailure("Could not parse request body into json");
  }
  if (keys !== 0 && keysOf(value) !== keys) throw new WireFailure("Duplicate key in request body");
  return value;
}

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** Counts the key-value pairs; throws when the nesting is deeper than `maxDepth`. */
function countKeys(bytes: Uint8Array): number {
  let keys = 0;
  let depth = 0;
  const { length } = bytes;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i]!;
    if (byte === quote) {
      // Past the string: indexOf is far faster than the loop for long strings (base64 bodies).
      let end = bytes.indexOf(quote, i + 1);
      while (end !== -1 && escaped(bytes, end)) end = bytes.indexOf(quote, end + 1);
      if (end === -1) return keys;
      i = end;
    } else if (byte === colon) keys++;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > maxDepth) throw new WireFailure("Request body is nested too deeply");
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return keys;
}

/** Whether an odd number of backslashes stands before `at`. */
function escaped(bytes: Uint8Array, at: number): boolean {
  let i = at - 1;
  while (i >= 0 && bytes[i] === backslash) i--;
  return (at - i) % 2 === 0;
}

function keysOf(value: unknown): number {
  if (value === null || typeof value !== "object") return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += keysOf(item);
    return count;
  }
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) count += 1 + keysOf(record[key]);
  return count;
}
