/** Output objects to CBOR, driven by the model. */
import type { Member, Shape } from "#model/types.ts";
import type { CborOutput } from "./cbor.ts";
import { OutputMismatch } from "./jsonWrite.ts";

export type CborWriter = (value: unknown, out: CborOutput) => void;

type Plain = Record<string, unknown>;

const present = (value: unknown): boolean => value !== undefined && value !== null;

export class CborWriters {
  readonly #byShape = new Map<Shape, CborWriter>();

  of(shape: Shape): CborWriter {
    const known = this.#byShape.get(shape);
    if (known !== undefined) return known;
    let compiled: CborWriter | undefined;
    this.#byShape.set(shape, (value, out) => compiled!(value, out));
    if (shape.members) compiled = this.structure(shape, shape.members);
    else if (shape.kind === "list") compiled = this.#list(shape);
    else if (shape.kind === "map") compiled = this.#map(shape);
    else compiled = scalarWriter(shape);
    this.#byShape.set(shape, compiled);
    return compiled;
  }

  structure(shape: Shape, members: readonly Member[]): CborWriter {
    const fields = members.map((member) => ({ name: member.name, write: this.of(member.shape) }));
    return (value, out) => {
      if (value === null || typeof value !== "object") throw new OutputMismatch(shape.name, value);
      const record = value as Plain;
      const set = fields.filter((field) => present(record[field.name]));
      out.head(5, set.length);
      for (const field of set) {
        out.text(field.name);
        field.write(record[field.name], out);
      }
    };
  }

  #list(shape: Shape): CborWriter {
    const write = this.of(shape.element!.shape);
    return (value, out) => {
      if (!Array.isArray(value)) throw new OutputMismatch("list", value);
      out.head(4, value.length);
      for (const item of value) {
        if (present(item)) write(item, out);
        else out.null();
      }
    };
  }

  #map(shape: Shape): CborWriter {
    const write = this.of(shape.element!.shape);
    return (value, out) => {
      if (value === null || typeof value !== "object") throw new OutputMismatch("map", value);
      const entries = Object.entries(value).filter((entry) => entry[1] !== undefined);
      out.head(5, entries.length);
      for (const [key, item] of entries) {
        out.text(key);
        if (item === null) out.null();
        else write(item, out);
      }
    };
  }
}

function scalarWriter(shape: Shape): CborWriter {
  const { kind } = shape;
  switch (kind) {
    case "string":
      return (value, out) => {
        if (typeof value !== "string") throw new OutputMismatch(kind, value);
        out.text(value);
      };
    case "boolean":
      return (value, out) => {
        if (typeof value !== "boolean") throw new OutputMismatch(kind, value);
        out.boolean(value);
      };
    case "timestamp":
      return (value, out) => {
        if (!(value instanceof Date)) throw new OutputMismatch("Date", value);
        out.head(6, 1);
        out.double(value.getTime() / 1000);
      };
    case "blob":
      return (value, out) => {
        if (!(value instanceof Uint8Array)) throw new OutputMismatch("bytes", value);
        out.bytes(value);
      };
    case "integer":
    case "long":
      return (value, out) => {
        if (typeof value !== "number" || !Number.isInteger(value)) throw new OutputMismatch(kind, value);
        out.integer(value);
      };
    case "float":
    case "double":
      return (value, out) => {
        if (typeof value !== "number") throw new OutputMismatch(kind, value);
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) out.integer(value);
        else out.double(value);
      };
    default:
      throw new TypeError(`no CBOR form of ${kind}: no service that speaks CBOR uses it`);
  }
}
