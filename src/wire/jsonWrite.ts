/** Output objects to JSON text. A writer is compiled once per shape: it appends text, without building a tree first. */
import type { Member, Shape, TimestampFormat } from "#model/types.ts";
import { formatBase64, formatTimestamp } from "./scalars.ts";

export type JsonWriter = (value: unknown) => string;

/** A handler returned something that the model does not allow: our fault, so an internal failure and not the client's. */
export class OutputMismatch extends TypeError {
  constructor(kind: string, value: unknown) {
    super(`handler output: expected ${kind}, got ${value === null ? "null" : typeof value}`);
    this.name = "OutputMismatch";
  }
}

type Plain = Record<string, unknown>;

export class JsonWriters {
  readonly #useWireNames: boolean;
  readonly #byShape = new Map<Shape, JsonWriter>();

  constructor(useWireNames: boolean) {
    this.#useWireNames = useWireNames;
  }

  structure(shape: Shape, members: readonly Member[] = shape.members ?? []): JsonWriter {
    const fields = new Map<string, { key: string; write: JsonWriter }>();
    for (const member of members) {
      const wireName = this.#useWireNames ? (member.wireName ?? member.name) : member.name;
      fields.set(member.name, { key: `${JSON.stringify(wireName)}:`, write: this.member(member) });
    }
    return (value) => {
      if (value === null || typeof value !== "object") throw new OutputMismatch(shape.name, value);
      let text = "";
      for (const name in value) {
        const item = (value as Plain)[name];
        if (item === undefined || item === null) continue;
        const field = fields.get(name);
        if (field === undefined) continue;
        text += (text === "" ? "{" : ",") + field.key + field.write(item);
      }
      return text === "" ? "{}" : `${text}}`;
    };
  }

  member(member: Member): JsonWriter {
    if (member.shape.kind === "timestamp") return timestampWriter(member.timestampFormat ?? "epoch-seconds");
    return this.of(member.shape);
  }

  of(shape: Shape): JsonWriter {
    const known = this.#byShape.get(shape);
    if (known !== undefined) return known;
    let compiled: JsonWriter | undefined;
    this.#byShape.set(shape, (value) => compiled!(value));
    if (shape.members) compiled = this.structure(shape);
    else if (shape.kind === "list") compiled = this.#list(shape);
    else if (shape.kind === "map") compiled = this.#map(shape);
    else compiled = scalarWriter(shape);
    this.#byShape.set(shape, compiled);
    return compiled;
  }

  #list(shape: Shape): JsonWriter {
    const write = this.member(shape.element!);
    return (value) => {
      if (!Array.isArray(value)) throw new OutputMismatch("list", value);
      let text = "";
      for (const item of value) text += (text === "" ? "[" : ",") + (item === null ? "null" : write(item));
      return text === "" ? "[]" : `${text}]`;
    };
  }

  #map(shape: Shape): JsonWriter {
    const write = this.member(shape.element!);
    return (value) => {
      if (value === null || typeof value !== "object") throw new OutputMismatch("map", value);
      let text = "";
      for (const key of Object.keys(value)) {
        const item = (value as Plain)[key];
        if (item === undefined) continue;
        text += `${text === "" ? "{" : ","}${JSON.stringify(key)}:${item === null ? "null" : write(item)}`;
      }
      return text === "" ? "{}" : `${text}}`;
    };
  }
}

function timestampWriter(format: TimestampFormat): JsonWriter {
  return (value) => {
    if (!(value instanceof Date)) throw new OutputMismatch("Date", value);
    const text = formatTimestamp(value, format);
    return format === "epoch-seconds" ? text : JSON.stringify(text);
  };
}

function scalarWriter(shape: Shape): JsonWriter {
  const { kind } = shape;
  switch (kind) {
    case "string":
      return (value) => {
        if (typeof value !== "string") throw new OutputMismatch(kind, value);
        return JSON.stringify(value);
      };
    case "boolean":
      return (value) => {
        if (typeof value !== "boolean") throw new OutputMismatch(kind, value);
        return value ? "true" : "false";
      };
    case "timestamp":
      return timestampWriter("epoch-seconds");
    case "blob":
      return (value) => {
        if (typeof value === "string") return JSON.stringify(Buffer.from(value, "utf8").toString("base64"));
        if (!(value instanceof Uint8Array)) throw new OutputMismatch("bytes", value);
        return `"${formatBase64(value)}"`;
      };
    case "document":
      return (value) => JSON.stringify(value);
    default:
      return (value) => {
        if (typeof value === "bigint") return value.toString();
        if (typeof value !== "number") throw new OutputMismatch(kind, value);
        return Number.isFinite(value) ? String(value) : `"${value}"`;
      };
  }
}
