/**
 * CBOR (RFC 8949) as Smithy RPC v2 uses it: maps with text keys, tag 1 for timestamps, no other tags of meaning.
 * Source: smithy.io "Smithy RPC v2 CBOR protocol".
 */
import { isUtf8 } from "node:buffer";
import { WireFailure } from "./failure.ts";
import { maxDepth } from "./jsonText.ts";
import { dateOfEpochSeconds, setOwn } from "./scalars.ts";

function broken(reason: string): WireFailure {
  return new WireFailure(`Could not parse request body into cbor: ${reason}`);
}

const breakMark = Symbol("break");

class CborReader {
  #at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  #take(count: number): number {
    const start = this.#at;
    if (count > this.#bytes.length - start) throw broken("unexpected end");
    this.#at += count;
    return start;
  }

  /** The argument of a head; -1 for an indefinite length. */
  #argument(info: number): number | bigint {
    if (info < 24) return info;
    if (info === 24) return this.#bytes[this.#take(1)]!;
    if (info === 25) return this.#view.getUint16(this.#take(2));
    if (info === 26) return this.#view.getUint32(this.#take(4));
    if (info === 27) {
      const wide = this.#view.getBigUint64(this.#take(8));
      return wide <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(wide) : wide;
    }
    if (info === 31) return -1;
    throw broken("reserved length");
  }

  #length(info: number): number {
    const length = this.#argument(info);
    if (typeof length === "bigint") throw broken("unexpected end");
    return length;
  }

  value(depth: number): unknown {
    if (depth > maxDepth) throw new WireFailure("Request body is nested too deeply");
    const head = this.#bytes[this.#take(1)]!;
    const major = head >> 5;
    const info = head & 31;
    switch (major) {
      case 0:
      case 1: {
        const argument = this.#argument(info);
        if (info === 31) throw broken("reserved length");
        if (major === 0) return argument;
        return typeof argument === "bigint" ? -1n - argument : -1 - argument;
      }
      case 2:
        return this.#bytesOf(info);
      case 3:
        return this.#text(info);
      case 4:
        return this.#array(info, depth);
      case 5:
        return this.#map(info, depth);
      case 6:
        return this.#tagged(info, depth);
      default:
        return this.#simple(info);
    }
  }

  #bytesOf(info: number): Uint8Array {
    const length = this.#length(info);
    if (length >= 0) {
      const start = this.#take(length);
      return this.#bytes.slice(start, start + length);
    }
    const parts: Uint8Array[] = [];
    for (;;) {
      const head = this.#bytes[this.#take(1)]!;
      if (head === 0xff) return new Uint8Array(Buffer.concat(parts));
      if (head >> 5 !== 2 || (head & 31) === 31) throw broken("byte string chunk expected");
      parts.push(this.#bytesOf(head & 31));
    }
  }

  #text(info: number): string {
    const length = this.#length(info);
    if (length >= 0) {
      const start = this.#take(length);
      const bytes = this.#bytes.subarray(start, start + length);
      if (!isUtf8(bytes)) throw broken("invalid UTF-8");
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    }
    let text = "";
    for (;;) {
      const head = this.#bytes[this.#take(1)]!;
      if (head === 0xff) return text;
      if (head >> 5 !== 3 || (head & 31) === 31) throw broken("text string chunk expected");
      text += this.#text(head & 31);
    }
  }

  #array(info: number, depth: number): unknown[] {
    const length = this.#length(info);
    const out: unknown[] = [];
    for (let i = 0; length < 0 || i < length; i++) {
      const item = this.value(depth + 1);
      if (item === breakMark) {
        if (length < 0) return out;
        throw broken("unexpected break");
      }
      out.push(item);
    }
    return out;
  }

  #map(info: number, depth: number): Record<string, unknown> {
    const length = this.#length(info);
    const out: Record<string, unknown> = {};
    for (let i = 0; length < 0 || i < length; i++) {
      const key = this.value(depth + 1);
      if (key === breakMark && length < 0) return out;
      if (typeof key !== "string") throw broken("map keys are text");
      if (Object.hasOwn(out, key)) throw new WireFailure("Duplicate key in request body");
      const item = this.value(depth + 1);
      if (item === breakMark) throw broken("unexpected break");
      setOwn(out, key, item);
    }
    return out;
  }

  #tagged(info: number, depth: number): unknown {
    const tag = this.#argument(info);
    if (info === 31) throw broken("reserved length");
    const value = this.value(depth + 1);
    if (tag !== 1) throw broken(`tag ${tag} is not used`);
    if (typeof value !== "number") throw broken("tag 1 needs a number");
    return dateOfEpochSeconds(value);
  }

  #simple(info: number): unknown {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
      case 23:
        return null;
      case 25:
        return halfFloat(this.#view.getUint16(this.#take(2)));
      case 26:
        return this.#view.getFloat32(this.#take(4));
      case 27:
        return this.#view.getFloat64(this.#take(8));
      case 31:
        return breakMark;
      default:
        throw broken("unknown simple value");
    }
  }
}

/** IEEE 754 binary16. */
function halfFloat(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Throws `SerializationException`; bytes after the value are refused too. */
export function parseCbor(bytes: Uint8Array): unknown {
  const reader = new CborReader(bytes);
  const value = reader.value(0);
  if (value === breakMark) throw broken("unexpected break");
  if (!reader.done) throw broken("bytes after the value");
  return value;
}

/** An append-only CBOR output. */
export class CborOutput {
  #bytes = Buffer.allocUnsafe(256);
  #at = 0;

  #grow(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, at + count));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    this.#at += count;
    return at;
  }

  /** Growing first: it may replace the buffer. */
  #byte(value: number): void {
    const at = this.#grow(1);
    this.#bytes[at] = value;
  }

  head(major: number, argument: number): void {
    const top = major << 5;
    if (argument < 24) this.#byte(top | argument);
    else if (argument < 0x1_00) {
      this.#byte(top | 24);
      this.#byte(argument);
    } else if (argument < 0x1_0000) {
      const at = this.#grow(3);
      this.#bytes[at] = top | 25;
      this.#bytes.writeUInt16BE(argument, at + 1);
    } else if (argument < 0x1_0000_0000) {
      const at = this.#grow(5);
      this.#bytes[at] = top | 26;
      this.#bytes.writeUInt32BE(argument, at + 1);
    } else {
      const at = this.#grow(9);
      this.#bytes[at] = top | 27;
      this.#bytes.writeBigUInt64BE(BigInt(argument), at + 1);
    }
  }

  integer(value: number): void {
    if (value < 0) this.head(1, -1 - value);
    else this.head(0, value);
  }

  double(value: number): void {
    const at = this.#grow(9);
    this.#bytes[at] = 0xfb;
    this.#bytes.writeDoubleBE(value, at + 1);
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.head(3, length);
    const at = this.#grow(length);
    this.#bytes.write(value, at);
  }

  bytes(value: Uint8Array): void {
    this.head(2, value.byteLength);
    const at = this.#grow(value.byteLength);
    this.#bytes.set(value, at);
  }

  boolean(value: boolean): void {
    this.#byte(value ? 0xf5 : 0xf4);
  }

  null(): void {
    this.#byte(0xf6);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }
}
