/**
 * The Range header. Source: RFC 9110 section 14; Amazon S3 API Reference, GetObject ("Amazon S3 doesn't support
 * retrieving multiple ranges of data per GET request": such a header is ignored and the whole object answered).
 */
import { invalidRange } from "./errors.ts";

export interface Range {
  start: number;
  /** Inclusive. */
  end: number;
}

/**
 * `undefined` when the header asks for the whole object or says nothing that S3 understands.
 * @throws InvalidRange (416) when it asks for bytes that do not exist
 */
export function parseRange(header: string | undefined, size: number): Range | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  if (!match) return undefined;
  const [, from, to] = match as unknown as [string, string, string];
  if (from === "" && to === "") return undefined;
  if (from === "") {
    const length = Number(to);
    if (length === 0 || size === 0) throw invalidRange(header, size);
    return { start: Math.max(0, size - length), end: size - 1 };
  }
  const start = Number(from);
  if (to !== "" && Number(to) < start) return undefined;
  if (start >= size) throw invalidRange(header, size);
  return { start, end: to === "" ? size - 1 : Math.min(Number(to), size - 1) };
}
