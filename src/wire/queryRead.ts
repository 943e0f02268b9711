/**
 * Form parameters (`A.member.1.B=x`) to input objects, for awsQuery and ec2Query.
 * Source: smithy.io "AWS query protocol", "AWS EC2 query protocol".
 */
import type { Member, Shape } from "#model/types.ts";
import { WireFailure, wrongType } from "./failure.ts";
import { maxDepth } from "./jsonText.ts";
import { parseBase64, parseBoolean, parseNumber, parseTimestamp, setOwn } from "./scalars.ts";

/** Parameters grouped by the dots in their names. */
export interface FormNode {
  value?: string;
  children?: Map<string, FormNode>;
}
type FormReader = (node: FormNode) => unknown;
type Plain = Record<string, unknown>;

/** Throws `WireFailure` for a broken escape or a name that is nested too deeply. */
export function parseForm(text: string): Map<string, string> {
  const form = new Map<string, string>();
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decodeFormPart(equals === -1 ? pair : pair.slice(0, equals));
    // The first of two equal names wins nowhere: which one counts would be a guess.
    if (form.has(name)) throw new WireFailure(`Parameter ${name.slice(0, 64)} is given twice`);
    form.set(name, equals === -1 ? "" : decodeFormPart(pair.slice(equals + 1)));
  }
  return form;
}

export function decodeFormPart(text: string): string {
  const plain = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!plain.includes("%")) return plain;
  try {
    return decodeURIComponent(plain);
  } catch {
    throw new WireFailure("Invalid percent-encoding");
  }
}

export function formTree(form: ReadonlyMap<string, string>): FormNode {
  const root: FormNode = {};
  for (const [name, value] of form) {
    const parts = name.split(".");
    if (parts.length > maxDepth) throw new WireFailure("Parameter name is nested too deeply");
    let node = root;
    for (const part of parts) {
      node.children ??= new Map();
      let next = node.children.get(part);
      if (next === undefined) node.children.set(part, (next = {}));
      node = next;
    }
    node.value = value;
  }
  return root;
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export class QueryReaders {
  readonly #ec2: boolean;
  readonly #byShape = new Map<Shape, FormReader>();

  constructor(dialect: "query" | "ec2") {
    this.#ec2 = dialect === "ec2";
  }

  #key(member: Member): string {
    if (this.#ec2) return member.ec2QueryName ?? capitalized(member.wireName ?? member.name);
    return member.wireName ?? member.name;
  }

  of(shape: Shape): FormReader {
    const known = this.#byShape.get(shape);
    if (known !== undefined) return known;
    let compiled: FormReader | undefined;
    this.#byShape.set(shape, (node) => compiled!(node));
    compiled = shape.members ? this.#structure(shape) : scalar(shape);
    this.#byShape.set(shape, compiled);
    return compiled;
  }

  member(member: Member): FormReader {
    const { shape } = member;
    if (shape.kind === "list") return this.#list(member);
    if (shape.kind === "map") return this.#map(member);
    if (shape.kind === "timestamp") {
      const format = member.timestampFormat ?? "date-time";
      return (node) => parseTimestamp(leaf(node, "timestamp"), format);
    }
    return this.of(shape);
  }

  #structure(shape: Shape): FormReader {
    const fields: [string, string, FormReader][] = (shape.members ?? []).map((member) => [
      this.#key(member),
      member.name,
      this.member(member),
    ]);
    return (node) => {
      if (node.value !== undefined && node.value !== "") throw wrongType("structure", node.value);
      const out: Plain = {};
      if (node.children === undefined) return out;
      for (const [key, name, read] of fields) {
        const child = node.children.get(key);
        if (child !== undefined) out[name] = read(child);
      }
      return out;
    };
  }

  #list(member: Member): FormReader {
    const element = member.shape.element!;
    const read = this.member(element);
    const container = this.#ec2 || member.flattened ? undefined : (element.wireName ?? "member");
    return (node) => numbered(node, container, "list").map(read);
  }

  #map(member: Member): FormReader {
    const { shape } = member;
    const keyName = shape.mapKey!.wireName ?? "key";
    const valueName = shape.element!.wireName ?? "value";
    const read = this.member(shape.element!);
    const container = this.#ec2 || member.flattened ? undefined : "entry";
    return (node) => {
      const out: Plain = {};
      for (const entry of numbered(node, container, "map")) {
        const key = entry.children?.get(keyName);
        const value = entry.children?.get(valueName);
        if (key === undefined || value === undefined) throw new WireFailure("A map entry needs a key and a value");
        setOwn(out, leaf(key, "string"), read(value));
      }
      return out;
    };
  }
}

/** The children `1`, `2` ... in numeric order; gaps are closed, as AWS does. */
function numbered(node: FormNode, container: string | undefined, kind: string): FormNode[] {
  if (node.value !== undefined && node.value !== "") throw wrongType(kind, node.value);
  const holder = container === undefined ? node : node.children?.get(container);
  if (holder?.children === undefined) return [];
  const items: [number, FormNode][] = [];
  for (const [key, child] of holder.children) {
    if (!/^\d{1,9}$/.test(key)) throw new WireFailure(`Expected a number after ${container ?? "the list's name"}`);
    items.push([Number(key), child]);
  }
  return items.toSorted((a, b) => a[0] - b[0]).map((item) => item[1]);
}

function leaf(node: FormNode, kind: string): string {
  if (node.children !== undefined || node.value === undefined) throw wrongType(kind, {});
  return node.value;
}

function scalar(shape: Shape): FormReader {
  const { kind } = shape;
  switch (kind) {
    case "string":
      return (node) => leaf(node, kind);
    case "boolean":
      return (node) => parseBoolean(leaf(node, kind));
    case "blob":
      return (node) => parseBase64(leaf(node, kind));
    case "timestamp":
      return (node) => parseTimestamp(leaf(node, kind), "date-time");
    case "integer":
    case "long":
    case "float":
    case "double":
      return (node) => parseNumber(kind, leaf(node, kind));
    default:
      throw new TypeError(`no form parameter for ${kind}: no service with a query protocol uses it`);
  }
}
