/**
 * From a parsed JSON or CBOR value to the input object. A reader is compiled once per shape and protocol: closures over the
 * model, no lookups at run time.
 */
import type { Member, Shape, TimestampFormat } from "#model/types.ts";
import { WireFailure, wrongType } from "./failure.ts";
import { checkNumber, dateOfEpochSeconds, parseBase64, parseTimestamp, setOwn, specialNumber } from "./scalars.ts";

export type Reader = (value: unknown) => unknown;

export interface TreeDialect {
  /** restJson1 names members by `jsonName`; awsJson and CBOR do not. */
  useWireNames: boolean;
  /** CBOR has bytes and tagged dates of its own. */
  native: boolean;
  timestampFormat: TimestampFormat;
}

export const awsJsonDialect: TreeDialect = { useWireNames: false, native: false, timestampFormat: "epoch-seconds" };
export const restJsonDialect: TreeDialect = { useWireNames: true, native: false, timestampFormat: "epoch-seconds" };
export const cborDialect: TreeDialect = { useWireNames: false, native: true, timestampFormat: "epoch-seconds" };

type Plain = Record<string, unknown>;

export class TreeReaders {
  readonly #dialect: TreeDialect;
  readonly #byShape = new Map<Shape, Reader>();

  constructor(dialect: TreeDialect) {
    this.#dialect = dialect;
  }

  /** Members that travel elsewhere (labels, headers ...) are not read from the body. */
  structure(shape: Shape, members: readonly Member[] = shape.members ?? []): Reader {
    const fields = Object.create(null) as Record<string, { name: string; read: Reader }>;
    for (const member of members) {
      const wireName = this.#dialect.useWireNames ? (member.wireName ?? member.name) : member.name;
      fields[wireName] = { name: member.name, read: this.member(member) };
    }
    const { kind } = shape;
    const union = kind === "union";
    return (value) => {
      if (!isPlain(value)) throw wrongType(kind, value);
      const out: Plain = {};
      let count = 0;
      for (const key in value) {
        const field = fields[key];
        if (field === undefined) continue;
        const item = value[key];
        if (item === null || item === undefined) continue;
        out[field.name] = field.read(item);
        count++;
      }
      if (union && count > 1) throw new WireFailure(`Only one member of the union ${shape.name} may be set.`);
      return out;
    };
  }

  member(member: Member): Reader {
    const { shape } = member;
    if (shape.kind === "timestamp") return this.#timestamp(member.timestampFormat ?? this.#dialect.timestampFormat);
    return this.of(shape);
  }

  of(shape: Shape): Reader {
    const known = this.#byShape.get(shape);
    if (known !== undefined) return known;
    if (shape.members === undefined && shape.element === undefined) {
      const scalar = this.#scalar(shape);
      this.#byShape.set(shape, scalar);
      return scalar;
    }
    // A recursive shape meets this forwarder while it is being compiled.
    let compiled: Reader | undefined;
    this.#byShape.set(shape, (value) => compiled!(value));
    compiled = shape.members ? this.structure(shape) : shape.kind === "list" ? this.#list(shape) : this.#map(shape);
    this.#byShape.set(shape, compiled);
    return compiled;
  }

  #list(shape: Shape): Reader {
    const read = this.member(shape.element!);
    return (value) => {
      if (!Array.isArray(value)) throw wrongType("list", value);
      const out: unknown[] = [];
      // A null element of a dense list stays: validation names it.
      for (const item of value) out.push(item === null || item === undefined ? null : read(item));
      return out;
    };
  }

  #map(shape: Shape): Reader {
    const read = this.member(shape.element!);
    return (value) => {
      if (!isPlain(value)) throw wrongType("map", value);
      const out: Plain = {};
      for (const key of Object.keys(value)) {
        const item = value[key];
        setOwn(out, wellFormed(key), item === null || item === undefined ? null : read(item));
      }
      return out;
    };
  }

  #scalar(shape: Shape): Reader {
    const { kind } = shape;
    const { native } = this.#dialect;
    switch (kind) {
      case "string":
        return (value) => (typeof value === "string" ? wellFormed(value) : refuse(kind, value));
      case "boolean":
        return (value) => (typeof value === "boolean" ? value : refuse(kind, value));
      case "integer":
      case "long":
        return (value) => {
          if (typeof value === "bigint" && native) return checkNumber(kind, Number(value));
          return typeof value === "number" ? checkNumber(kind, value) : refuse(kind, value);
        };
      case "float":
      case "double":
        return (value) => {
          if (typeof value === "number") return native ? value : checkNumber(kind, value);
          if (typeof value === "bigint" && native) return Number(value);
          return (typeof value === "string" ? specialNumber(value) : undefined) ?? refuse(kind, value);
        };
      case "bigInteger":
        return (value) => {
          if (typeof value === "bigint") return value;
          return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : refuse(kind, value);
        };
      case "bigDecimal":
        return (value) => (typeof value === "number" ? checkNumber("double", value) : refuse(kind, value));
      case "timestamp":
        return this.#timestamp(this.#dialect.timestampFormat);
      case "blob":
        if (native) return (value) => (value instanceof Uint8Array ? value : refuse(kind, value));
        return (value) => (typeof value === "string" ? parseBase64(value) : refuse(kind, value));
      case "document":
        return (value) => value;
      default:
        throw new TypeError(`${kind} is not a scalar`);
    }
  }

  #timestamp(format: TimestampFormat): Reader {
    const { native } = this.#dialect;
    return (value) => {
      if (native) return value instanceof Date ? value : refuse("timestamp", value);
      if (typeof value === "number") return dateOfEpochSeconds(checkNumber("double", value));
      if (typeof value !== "string") return refuse("timestamp", value);
      return parseTimestamp(value, format);
    };
  }
}

function refuse(kind: string, value: unknown): never {
  throw wrongType(kind, value);
}

function isPlain(value: unknown): value is Plain {
  return (
    value !== null &&
    typeof value === "object" &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Date)
  );
}

/** Half a surrogate pair would become U+FFFD when stored, and two names one. */
function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw new WireFailure("Unpaired surrogate in string");
  return text;
}
