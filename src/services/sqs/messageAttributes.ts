/**
 * Message attributes: rules, sizes and the digest that every SDK checks.
 * Source: SQS Developer Guide, "Amazon SQS message metadata", sections "Message attribute components" and "Calculating
 * the MD5 message digest for message attributes".
 */
import { createHash } from "node:crypto";
import { invalidCharacters, invalidParameter, invalidParameters, invalidValue } from "./errors.ts";
import type { MessageAttributeValue } from "./sdk.ts";

/** As kept: bytes in base64. */
export interface KeptAttribute {
  type: string;
  text?: string;
  bytes?: string;
}

export type KeptAttributes = Record<string, KeptAttribute>;

const mostAttributes = 10;
/** The characters XML 1.0 allows. */
const allowedText = /^[\u0009\u000A\u000D\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u;

/** @throws InvalidMessageContents */
export function checkText(text: string): void {
  if (!text.isWellFormed() || !allowedText.test(text)) throw invalidCharacters();
}

/** @throws InvalidParameterValue, InvalidMessageContents */
export function readAttributes(given: Readonly<Record<string, MessageAttributeValue>> | undefined): KeptAttributes {
  const entries = Object.entries(given ?? {});
  if (entries.length > mostAttributes) {
    throw invalidParameter(
      `Number of message attributes [${entries.length}] exceeds the allowed maximum [${mostAttributes}].`,
    );
  }
  const kept: KeptAttributes = {};
  for (const [name, value] of entries) {
    checkName(name);
    kept[name] = readAttribute(name, value);
  }
  return kept;
}

function checkName(name: string): void {
  if (name.length === 0 || name.length > 256) {
    throw invalidParameter("Length of message attribute name must be less than 256 bytes.");
  }
  if (/^(aws|amazon)\./i.test(name)) {
    throw invalidParameter(
      "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use.",
    );
  }
  if (name.startsWith(".") || name.endsWith(".")) {
    throw invalidParameter("You can't use message attribute names beginning or ending with dots.");
  }
  if (name.includes("..")) throw invalidParameter("Message attribute name can not have successive '.' character.");
  const strange = /[^A-Za-z0-9_.-]/.exec(name)?.[0];
  if (strange !== undefined) {
    throw invalidParameter(
      `Invalid non-alphanumeric character '#x${strange.codePointAt(0)!.toString(16).toUpperCase()}' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.`,
    );
  }
}

function readAttribute(name: string, value: MessageAttributeValue): KeptAttribute {
  const type = value.DataType ?? "";
  if (type === "")
    throw invalidParameter(`The message attribute '${name}' must contain non-empty message attribute type.`);
  const [, base] = /^(String|Number|Binary)(?:\..*)?$/s.exec(type) ?? [];
  if (base === undefined || type.length > 256) {
    throw invalidParameter(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    );
  }
  if ((value.StringListValues?.length ?? 0) > 0 || (value.BinaryListValues?.length ?? 0) > 0) {
    throw invalidParameter(`Message attribute list values in SendMessage operation are not supported.`);
  }
  if (base === "Binary") {
    const bytes = value.BinaryValue;
    if (bytes === undefined || bytes.length === 0) throw emptyValue(name, type);
    return { type, bytes: Buffer.from(bytes).toString("base64") };
  }
  const text = value.StringValue;
  if (text === undefined || text === "") throw emptyValue(name, type);
  checkText(text);
  if (base === "Number" && !isNumber(text)) {
    throw invalidParameter(`Can't cast the value of message (user) attribute '${name}' to a number.`);
  }
  return { type, text };
}

const emptyValue = (name: string, type: string) =>
  invalidParameter(
    `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${type}'.`,
  );

/** Up to 38 digits, between -10^128 and 10^126. */
function isNumber(text: string): boolean {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$/.test(text)) return false;
  const digits = text
    .replace(/[eE].*$/, "")
    .replace(/\D/g, "")
    .replace(/^0+/, "");
  return digits.length <= 38 && Math.abs(Number(text)) <= 1e126;
}

/** Of the system attributes a client may send, X-Ray's trace header is the only one. */
export function readTraceHeader(
  given: Readonly<Record<string, MessageAttributeValue>> | undefined,
): string | undefined {
  for (const [name, value] of Object.entries(given ?? {})) {
    if (name !== "AWSTraceHeader") {
      throw invalidParameters(`Message system attribute name '${name}' is invalid. Valid name: AWSTraceHeader.`);
    }
    const { type, text } = readAttribute(name, value);
    if (type !== "String") throw invalidValue(type, "DataType", "The data type of AWSTraceHeader must be String.");
    return text;
  }
  return undefined;
}

/** Bytes that count towards the size of a message: names, types and values. */
export function attributesSize(attributes: KeptAttributes): number {
  let size = 0;
  for (const [name, { type, text, bytes }] of Object.entries(attributes)) {
    size += Buffer.byteLength(name) + Buffer.byteLength(type);
    size += text !== undefined ? Buffer.byteLength(text) : Buffer.byteLength(bytes ?? "", "base64");
  }
  return size;
}

/** Hex MD5; `undefined` without attributes. Names sort by code unit; they are ASCII. */
export function attributesDigest(attributes: KeptAttributes): string | undefined {
  const names = Object.keys(attributes).toSorted();
  if (names.length === 0) return undefined;
  const hash = createHash("md5");
  const add = (part: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    hash.update(length).update(part);
  };
  for (const name of names) {
    const { type, text, bytes } = attributes[name]!;
    add(Buffer.from(name));
    add(Buffer.from(type));
    hash.update(Buffer.of(text !== undefined ? 1 : 2));
    add(text !== undefined ? Buffer.from(text) : Buffer.from(bytes ?? "", "base64"));
  }
  return hash.digest("hex");
}

export function bodyDigest(body: string): string {
  return createHash("md5").update(body).digest("hex");
}

/** The attributes that a receiver asked for: `All`, `.*`, `prefix.*`, or by name. */
export function selectAttributes(attributes: KeptAttributes, wanted: readonly string[] | undefined): KeptAttributes {
  const patterns = wanted ?? [];
  if (patterns.length === 0) return {};
  const matches = (name: string) =>
    patterns.some(
      (pattern) =>
        pattern === "All" ||
        pattern === ".*" ||
        pattern === name ||
        (pattern.endsWith(".*") && name.startsWith(pattern.slice(0, -2))),
    );
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => matches(name)));
}

export function shownMessageAttributes(attributes: KeptAttributes): Record<string, MessageAttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { type, text, bytes }]) => [
      name,
      text !== undefined
        ? { DataType: type, StringValue: text }
        : { DataType: type, BinaryValue: Buffer.from(bytes ?? "", "base64") },
    ]),
  );
}
