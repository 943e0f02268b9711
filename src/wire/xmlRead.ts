/** XML nodes to input objects, driven by the model. Source: smithy.io "AWS restXml protocol" and "XML bindings". */
import type { Member, Shape } from "#model/types.ts";
import { WireFailure } from "./failure.ts";
import { parseBase64, parseBoolean, parseNumber, parseTimestamp, setOwn } from "./scalars.ts";
import type { XmlNode } from "./xmlParse.ts";

export type XmlReaderOf<T> = (node: XmlNode) => T;
type Plain = Record<string, unknown>;

export function invalidXml(reason: string): WireFailure {
  return new WireFailure(
    `The XML you provided was not well-formed or did not validate against our published schema: ${reason}`,
    "MalformedXML",
  );
}

interface Field {
  name: string;
  read: XmlReaderOf<unknown>;
  /** Flattened lists and maps occur once per element. */
  repeated: "list" | "map" | undefined;
}

export class XmlReaders {
  readonly #byShape = new Map<Shape, XmlReaderOf<unknown>>();

  structure(shape: Shape, members: readonly Member[] = shape.members ?? []): XmlReaderOf<Plain> {
    const fields = new Map<string, Field>();
    const attributes: [string, string][] = [];
    for (const member of members) {
      const wireName = member.wireName ?? member.name;
      if (member.xmlAttribute) attributes.push([wireName, member.name]);
      else fields.set(wireName, this.#field(member));
    }
    return (node) => {
      const out: Plain = {};
      for (const [wireName, name] of attributes) {
        const value = node.attributes?.get(wireName);
        if (value !== undefined) out[name] = value;
      }
      for (const child of node.children) {
        const field = fields.get(child.name);
        if (field === undefined) throw invalidXml(`unexpected element ${shape.name}/${child.name.slice(0, 64)}`);
        if (field.repeated === "list") ((out[field.name] ??= []) as unknown[]).push(field.read(child));
        else if (field.repeated === "map") {
          const [key, value] = field.read(child) as [string, unknown];
          setOwn((out[field.name] ??= {}) as Plain, key, value);
        } else if (Object.hasOwn(out, field.name)) throw invalidXml(`${child.name} is given twice`);
        else out[field.name] = field.read(child);
      }
      return out;
    };
  }

  #field(member: Member): Field {
    const { name, shape } = member;
    if (member.flattened && shape.kind === "list") {
      return { name, read: this.member(shape.element!), repeated: "list" };
    }
    if (member.flattened && shape.kind === "map") return { name, read: this.#entry(shape), repeated: "map" };
    return { name, read: this.member(member), repeated: undefined };
  }

  member(member: Member): XmlReaderOf<unknown> {
    if (member.shape.kind === "timestamp") {
      const format = member.timestampFormat ?? "date-time";
      return (node) => parseTimestamp(leaf(node).trim(), format);
    }
    return this.of(member.shape);
  }

  of(shape: Shape): XmlReaderOf<unknown> {
    const known = this.#byShape.get(shape);
    if (known !== undefined) return known;
    let compiled: XmlReaderOf<unknown> | undefined;
    this.#byShape.set(shape, (node) => compiled!(node));
    if (shape.members) compiled = this.structure(shape);
    else if (shape.kind === "list") compiled = this.#list(shape);
    else if (shape.kind === "map") compiled = this.#map(shape);
    else compiled = scalar(shape);
    this.#byShape.set(shape, compiled);
    return compiled;
  }

  #list(shape: Shape): XmlReaderOf<unknown[]> {
    const element = shape.element!;
    const name = element.wireName ?? "member";
    const read = this.member(element);
    return (node) =>
      node.children.map((child) => {
        if (child.name !== name) throw invalidXml(`${name} is expected in a list`);
        return read(child);
      });
  }

  #map(shape: Shape): XmlReaderOf<Plain> {
    const entry = this.#entry(shape);
    return (node) => {
      const out: Plain = {};
      for (const child of node.children) {
        if (child.name !== "entry") throw invalidXml("entry is expected in a map");
        const [key, value] = entry(child);
        setOwn(out, key, value);
      }
      return out;
    };
  }

  #entry(shape: Shape): XmlReaderOf<[string, unknown]> {
    const keyName = shape.mapKey!.wireName ?? "key";
    const valueName = shape.element!.wireName ?? "value";
    const read = this.member(shape.element!);
    return (node) => {
      const key = node.children.find((child) => child.name === keyName);
      const value = node.children.find((child) => child.name === valueName);
      if (key === undefined || value === undefined) throw invalidXml("a map entry needs a key and a value");
      return [leaf(key), read(value)];
    };
  }
}

function leaf(node: XmlNode): string {
  if (node.children.length > 0) throw invalidXml(`unexpected element in ${node.name.slice(0, 64)}`);
  return node.text;
}

function scalar(shape: Shape): XmlReaderOf<unknown> {
  const { kind } = shape;
  switch (kind) {
    case "string":
      return leaf;
    case "boolean":
      return (node) => parseBoolean(leaf(node).trim());
    case "blob":
      return (node) => parseBase64(leaf(node).trim());
    case "timestamp":
      return (node) => parseTimestamp(leaf(node).trim(), "date-time");
    case "bigInteger":
    case "bigDecimal":
    case "document":
      throw new TypeError(`no XML form of ${kind}: no service that speaks XML uses it`);
    default:
      return (node) => parseNumber(kind, leaf(node).trim());
  }
}
