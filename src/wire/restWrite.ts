/** Output members that travel in headers and the status line. Source: smithy.io "HTTP bindings". */
import { AwsError } from "#kernel/errors.ts";
import type { Member, Shape, TimestampFormat } from "#model/types.ts";
import { OutputMismatch } from "./jsonWrite.ts";
import { formatBase64, formatTimestamp } from "./scalars.ts";

export type Headers = Record<string, string | readonly string[]>;
export type HeaderWriter = (value: unknown, headers: Headers) => void;

const unsafe = /[\u0000-\u0008\u000a-\u001f\u007f]/;

export function isHeaderText(text: string): boolean {
  return !unsafe.test(text);
}

/**
 * INVARIANT: no header value holds a line break, so nothing a client stored or asked for (S3's response-content-disposition)
 * can begin a header of its own. Characters beyond Latin-1 are sent as their UTF-8 bytes.
 */
export function headerText(name: string, text: string): string {
  if (unsafe.test(text))
    throw new AwsError("InvalidArgument", `The value of header ${name} holds a control character.`, 400);
  return /[^\u0000-\u00ff]/.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

function scalarText(shape: Shape, value: unknown, format: TimestampFormat): string {
  if (value instanceof Date) return formatTimestamp(value, format);
  if (value instanceof Uint8Array) return formatBase64(value);
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  throw new OutputMismatch(shape.kind, value);
}

function quoted(text: string): string {
  return /[",]/.test(text) ? `"${text.replace(/["\\]/g, String.raw`\$&`)}"` : text;
}

export function headerWriter(member: Member): HeaderWriter | undefined {
  if (member.location === "header") return oneHeader(member);
  if (member.location === "prefixHeaders") return prefixHeaders(member.wireName ?? "");
  return undefined;
}

function oneHeader(member: Member): HeaderWriter {
  const { shape } = member;
  const name = (member.wireName ?? member.name).toLowerCase();
  const format = member.timestampFormat ?? "http-date";
  if (shape.kind === "list") {
    const element = shape.element!;
    const elementFormat = element.timestampFormat ?? "http-date";
    return (value, headers) => {
      if (!Array.isArray(value)) throw new OutputMismatch("list", value);
      const items = value.map((item) => scalarText(element.shape, item, elementFormat));
      headers[name] = headerText(name, (element.shape.kind === "string" ? items.map(quoted) : items).join(", "));
    };
  }
  const encoded = member.mediaType === "application/json";
  return (value, headers) => {
    const text = scalarText(shape, value, format);
    headers[name] = headerText(name, encoded ? Buffer.from(text).toString("base64") : text);
  };
}

function prefixHeaders(prefix: string): HeaderWriter {
  return (value, headers) => {
    for (const [key, item] of Object.entries(value as Record<string, string>)) {
      const name = `${prefix}${key}`.toLowerCase();
      if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) throw new AwsError("InvalidArgument", "Invalid header name", 400);
      headers[name] = headerText(name, item);
    }
  };
}
