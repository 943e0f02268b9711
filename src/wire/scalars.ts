/** Text forms of numbers, booleans, timestamps and blobs, as headers, labels, query keys, XML and JSON strings carry them. */
import type { ShapeKind, TimestampFormat } from "#model/types.ts";
import { wrongType } from "./failure.ts";

const intMax = 2 ** 31 - 1;
const intMin = -(2 ** 31);
const longMax = 2 ** 63;
/** The range of ECMAScript dates is wider; AWS's end with the year 9999. */
const latest = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const earliest = Date.UTC(0, 0, 1) - 1_000 * 86_400_000 * 366;

const special: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity: Infinity, "-Infinity": -Infinity };

/** Checks a number against its kind; `long` stays a double, as in the SDK for JavaScript. */
export function checkNumber(kind: ShapeKind, value: number): number {
  if (kind === "integer") {
    if (!Number.isInteger(value) || value > intMax || value < intMin) throw wrongType(kind, value);
  } else if (kind === "long") {
    if (!Number.isInteger(value) || value > longMax || value < -longMax) throw wrongType(kind, value);
  } else if (!Number.isFinite(value)) throw wrongType(kind, value);
  return value;
}

export function parseNumber(kind: ShapeKind, text: string): number {
  if ((kind === "float" || kind === "double") && Object.hasOwn(special, text)) return special[text]!;
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$/.test(text)) throw wrongType(kind, text);
  return checkNumber(kind, Number(text));
}

/** JSON and CBOR carry the three values that are not numbers as strings. */
export function specialNumber(text: string): number | undefined {
  return Object.hasOwn(special, text) ? special[text] : undefined;
}

export function parseBoolean(text: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw wrongType("boolean", text);
}

function checkDate(date: Date, source: unknown): Date {
  const time = date.getTime();
  if (Number.isNaN(time) || time > latest || time < earliest) throw wrongType("timestamp", source);
  return date;
}

export function dateOfEpochSeconds(seconds: number): Date {
  return checkDate(new Date(Math.round(seconds * 1000)), seconds);
}

const isoForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$/i;
const httpForm = /^[A-Za-z]{3,9},? \d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4} \d{2}:\d{2}:\d{2}(\.\d+)? GMT$/;

/** Without a zone a date-time is UTC. */
export function parseTimestamp(text: string, format: TimestampFormat): Date {
  if (format === "epoch-seconds") {
    if (!/^-?\d{1,15}(\.\d{1,9})?$/.test(text)) throw wrongType("timestamp", text);
    return dateOfEpochSeconds(Number(text));
  }
  if (isoForm.test(text)) return checkDate(new Date(/(Z|[+-]\d{2}:?\d{2})$/i.test(text) ? text : `${text}Z`), text);
  if (httpForm.test(text)) return checkDate(new Date(text), text);
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return checkDate(new Date(`${text}T00:00:00Z`), text);
  throw wrongType("timestamp", text);
}

export function formatTimestamp(date: Date, format: TimestampFormat): string {
  if (format === "epoch-seconds") return String(date.getTime() / 1000);
  if (format === "http-date") return date.toUTCString();
  const text = date.toISOString();
  return text.endsWith(".000Z") ? `${text.slice(0, -5)}Z` : text;
}

/** Strict base64: a character outside the alphabet or missing padding is refused. */
export function parseBase64(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    throw wrongType("blob", text);
  }
}

export function formatBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** A property that stays an own property whatever its name is. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else target[key] = value;
}
