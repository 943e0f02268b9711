/** Message attributes: types and rules. Source: SNS Developer Guide, "Amazon SNS message attributes". */
import { invalidValue } from "./errors.ts";
import type { MessageAttributeValue } from "./sdk.ts";
import type { KeptAttribute } from "./state.ts";

/** @throws ParameterValueInvalid */
export function readAttributes(
  given: Readonly<Record<string, MessageAttributeValue>> | undefined,
): Record<string, KeptAttribute> {
  const kept: Record<string, KeptAttribute> = {};
  for (const [name, value] of Object.entries(given ?? {})) {
    if (!/^[A-Za-z0-9_.-]{1,256}$/.test(name) || /^(aws|amazon)\./i.test(name) || /^\.|\.$|\.\./.test(name)) {
      throw invalidValue(`The message attribute name '${name.slice(0, 256)}' is not valid.`);
    }
    kept[name] = readAttribute(name, value);
  }
  return kept;
}

function readAttribute(name: string, value: MessageAttributeValue): KeptAttribute {
  const type = value.DataType ?? "";
  const base = /^(String|Number|Binary)(?:\.|$)/.exec(type)?.[1];
  if (base === undefined || type.length > 256) {
    throw invalidValue(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    );
  }
  const empty = () =>
    invalidValue(
      `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${type}'.`,
    );
  if (base === "Binary") {
    if (value.BinaryValue === undefined || value.BinaryValue.length === 0) throw empty();
    return { type, value: Buffer.from(value.BinaryValue).toString("base64") };
  }
  const text = value.StringValue;
  if (text === undefined || text === "") throw empty();
  if (!text.isWellFormed()) throw invalidValue(`The message attribute '${name}' contains invalid characters.`);
  if (base === "Number" && !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$/.test(text)) {
    throw invalidValue(`Could not cast message attribute '${name}' value to number.`);
  }
  if (type === "String.Array" && !isArray(text)) {
    throw invalidValue(`The message attribute '${name}' must be a JSON array of strings, numbers, booleans and null.`);
  }
  return { type, value: text };
}

function isArray(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) && parsed.every((each) => each === null || typeof each !== "object");
  } catch {
    return false;
  }
}

export function attributesSize(attributes: Readonly<Record<string, KeptAttribute>>): number {
  let size = 0;
  for (const [name, { type, value }] of Object.entries(attributes)) {
    size +=
      Buffer.byteLength(name) +
      Buffer.byteLength(type) +
      Buffer.byteLength(value, type.startsWith("Binary") ? "base64" : "utf8");
  }
  return size;
}
