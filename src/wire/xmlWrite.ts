/** Output objects to XML text, for restXml, awsQuery and ec2Query. Source: smithy.io "XML bindings". */
import type { Member, Shape } from "#model/types.ts";
import { OutputMismatch } from "./jsonWrite.ts";
import { formatBase64, formatTimestamp } from "./scalars.ts";

type Plain = Record<string, unknown>;
/** The content of an element, and the attributes it puts on it. */
interface Inner {
  attributes: string;
  text: string;
}
type InnerWriter = (value: unknown) => Inner | string;
/** A whole element, or several when the member is flattened. */
export type ElementWriter = (value: unknown) => string;

const special = /[&<>"\r\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Characters that XML 1.0 has no place for become numeric references, as S3 writes them in key names. */
export function escapeXml(text: string): string {
  return text.replace(special, (char) => escapes[char] ?? `&#x${char.charCodeAt(0).toString(16).toUpperCase()};`);
}

function namespaceText(namespace: { prefix?: string; uri: string } | undefined): string {
  if (namespace === undefined) return "";
  return ` xmlns${namespace.prefix ? `:${namespace.prefix}` : ""}="${escapeXml(namespace.uri)}"`;
}

export class XmlWriters {
  readonly #byShape = new Map<Shape, InnerWriter>();

  /** `<name ...>content</name>` for each value of the member. */
  element(member: Member, name: string = member.wireName ?? member.name): ElementWriter {
    const { shape } = member;
    if (member.flattened && shape.kind === "list") {
      const write = this.element(shape.element!, name);
      return (value) => listOf(value).map(write).join("");
    }
    if (member.flattened && shape.kind === "map") return this.#entries(shape, name);
    const inner = this.member(member);
    const start = `<${name}${namespaceText(member.xmlNamespace ?? shape.xmlNamespace)}`;
    const end = `</${name}>`;
    return (value) => {
      const content = inner(value);
      if (typeof content === "string") return `${start}>${content}${end}`;
      return `${start}${content.attributes}>${content.text}${end}`;
    };
  }

  /** Only the children, for a structure whose root the protocol names. */
  children(shape: Shape, members: readonly Member[] = shape.members ?? []): (value: unknown) => string {
    const write = this.#structure(shape, members);
    return (value) => {
      const inner = write(value);
      return typeof inner === "string" ? inner : inner.text;
    };
  }

  member(member: Member): InnerWriter {
    if (member.shape.kind === "timestamp") {
      const format = member.timestampFormat ?? "date-time";
      return (value) => formatTimestamp(dateOf(value), format);
    }
    return this.of(member.shape);
  }

  of(shape: Shape): InnerWriter {
    const known = this.#byShape.get(shape);
    if (known !== undefined) return known;
    let compiled: InnerWriter | undefined;
    this.#byShape.set(shape, (value) => compiled!(value));
    if (shape.members) compiled = this.#structure(shape, shape.members);
    else if (shape.kind === "list") compiled = this.#list(shape);
    else if (shape.kind === "map") compiled = this.#entries(shape, "entry");
    else compiled = scalar(shape);
    this.#byShape.set(shape, compiled);
    return compiled;
  }

  #structure(shape: Shape, members: readonly Member[]): InnerWriter {
    const attributes = members.filter((member) => member.xmlAttribute);
    const elements = members
      .filter((member) => !member.xmlAttribute)
      .map((member) => ({ name: member.name, write: this.element(member) }));
    return (value) => {
      if (value === null || typeof value !== "object") throw new OutputMismatch(shape.name, value);
      const record = value as Plain;
      let text = "";
      for (const { name, write } of elements) {
        const item = record[name];
        if (item !== undefined && item !== null) text += write(item);
      }
      if (attributes.length === 0) return text;
      let attributeText = "";
      for (const member of attributes) {
        const item = record[member.name];
        if (typeof item === "string") attributeText += ` ${member.wireName ?? member.name}="${escapeXml(item)}"`;
      }
      return { attributes: attributeText, text };
    };
  }

  #list(shape: Shape): InnerWriter {
    const write = this.element(shape.element!, shape.element!.wireName ?? "member");
    return (value) => listOf(value).map(write).join("");
  }

  #entries(shape: Shape, name: string): (value: unknown) => string {
    const key = shape.mapKey!.wireName ?? "key";
    const write = this.element(shape.element!, shape.element!.wireName ?? "value");
    return (value) => {
      if (value === null || typeof value !== "object") throw new OutputMismatch("map", value);
      return Object.entries(value)
        .filter((entry) => entry[1] !== undefined && entry[1] !== null)
        .map(([item, inner]) => `<${name}><${key}>${escapeXml(item)}</${key}>${write(inner)}</${name}>`)
        .join("");
    };
  }
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new OutputMismatch("list", value);
  return value.filter((item) => item !== undefined && item !== null);
}

function dateOf(value: unknown): Date {
  if (!(value instanceof Date)) throw new OutputMismatch("Date", value);
  return value;
}

function scalar(shape: Shape): (value: unknown) => string {
  const { kind } = shape;
  switch (kind) {
    case "string":
      return (value) => {
        if (typeof value !== "string") throw new OutputMismatch(kind, value);
        return escapeXml(value);
      };
    case "boolean":
      return (value) => {
        if (typeof value !== "boolean") throw new OutputMismatch(kind, value);
        return value ? "true" : "false";
      };
    case "timestamp":
      return (value) => formatTimestamp(dateOf(value), "date-time");
    case "blob":
      return (value) => {
        if (!(value instanceof Uint8Array)) throw new OutputMismatch("bytes", value);
        return formatBase64(value);
      };
    default:
      return (value) => {
        if (typeof value !== "number" && typeof value !== "bigint") throw new OutputMismatch(kind, value);
        return String(value);
      };
  }
}
