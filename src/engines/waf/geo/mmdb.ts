/**
 * Databases of networks in the MaxMind DB format: a binary tree over the bits of an address, whose leaves point at
 * records. Read from memory; what is damaged is refused when it is opened or gives no record, and never throws later.
 * Source: MaxMind DB File Format Specification 2.0.
 */
import { addressBits } from "../addresses.ts";

export class DatabaseError extends Error {}

const marker = Buffer.from("\xab\xcd\xefMaxMind.com", "latin1");
/** Between the tree and the data. */
const separatorBytes = 16;
/** Records nest: `country.names.en`; a file may claim more. */
const deepest = 32;

export class NetworkDatabase {
  readonly #bytes: Buffer;
  readonly #nodes: number;
  readonly #recordBits: number;
  readonly #version: number;
  readonly #data: number;
  /** Node at which IPv4 begins in a tree of IPv6. */
  readonly #fourStart: number;

  /** @throws DatabaseError */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const found = this.#bytes.lastIndexOf(marker);
    if (found < 0) throw new DatabaseError("it is not a database in the MaxMind DB format");
    const start = found + marker.length;
    const metadata = decode(this.#bytes, start, start, 0)?.value as Record<string, unknown> | undefined;
    const { node_count: nodes, record_size: bits, ip_version: version } = metadata ?? {};
    if (typeof nodes !== "number" || ![24, 28, 32].includes(bits as number) || (version !== 4 && version !== 6)) {
      throw new DatabaseError("its metadata is not that of a MaxMind DB of version 2");
    }
    this.#nodes = nodes;
    this.#recordBits = bits as number;
    this.#version = version;
    this.#data = (nodes * this.#recordBits) / 4 + separatorBytes;
    if (this.#data > found) throw new DatabaseError("it is cut off");
    let node = 0;
    if (version === 6) for (let i = 0; i < 96 && node < nodes; i++) node = this.#record(node, 0);
    this.#fourStart = node;
  }

  /** The record of the network an address is in; `undefined` when there is none. */
  get(address: string): unknown {
    const bits = addressBits(address);
    if (!bits || (bits.length === 128 && this.#version === 4)) return undefined;
    let node = bits.length === 32 ? this.#fourStart : 0;
    for (const bit of bits) {
      if (node >= this.#nodes) break;
      node = this.#record(node, bit);
    }
    if (node <= this.#nodes) return undefined;
    return decode(this.#bytes, this.#data + node - this.#nodes - separatorBytes, this.#data, 0)?.value;
  }

  #record(node: number, side: number): number {
    const bytes = this.#bytes;
    const at = (node * this.#recordBits) / 4;
    if (this.#recordBits === 24) return bytes.readUIntBE(at + side * 3, 3);
    if (this.#recordBits === 32) return bytes.readUInt32BE(at + side * 4);
    const middle = bytes[at + 3]!;
    return side === 0
      ? (middle >> 4) * 0x1000000 + bytes.readUIntBE(at, 3)
      : (middle & 15) * 0x1000000 + bytes.readUIntBE(at + 4, 3);
  }
}

interface Decoded {
  value: unknown;
  next: number;
}

/** `undefined` for what is no value of the format. `base`: what pointers count from. */
function decode(bytes: Buffer, from: number, base: number, depth: number): Decoded | undefined {
  if (depth > deepest || from >= bytes.length) return undefined;
  const control = bytes[from]!;
  let at = from + 1;
  let type = control >> 5;
  if (type === 1) return pointer(bytes, control, at, base, depth);
  if (type === 0) type = 7 + (bytes[at++] ?? 0);
  let size = control & 31;
  if (size >= 29) {
    const extra = size - 28;
    if (at + extra > bytes.length) return undefined;
    size = bytes.readUIntBE(at, extra) + [29, 285, 65_821][extra - 1]!;
    at += extra;
  }
  if (type === 14) return { value: size !== 0, next: at };
  if (type === 7 || type === 11) return container(bytes, type === 7, size, at, base, depth);
  const end = at + size;
  if (end > bytes.length) return undefined;
  if (type === 2) return { value: bytes.toString("utf8", at, end), next: end };
  if (type === 3 && size === 8) return { value: bytes.readDoubleBE(at), next: end };
  if (type === 15 && size === 4) return { value: bytes.readFloatBE(at), next: end };
  if (type === 4) return { value: bytes.subarray(at, end), next: end };
  if (type === 8) return { value: size === 0 ? 0 : bytes.readIntBE(at, Math.min(size, 4)), next: end };
  if (type === 5 || type === 6) return { value: size === 0 ? 0 : bytes.readUIntBE(at, Math.min(size, 6)), next: end };
  if (type === 9 || type === 10)
    return { value: size === 0 ? 0n : BigInt(`0x${bytes.toString("hex", at, end)}`), next: end };
  return undefined;
}

function pointer(bytes: Buffer, control: number, at: number, base: number, depth: number): Decoded | undefined {
  const size = ((control >> 3) & 3) + 1;
  if (at + size > bytes.length) return undefined;
  const tail = bytes.readUIntBE(at, size);
  const high = size === 4 ? 0 : (control & 7) * 256 ** size;
  const target = high + tail + [0, 2_048, 526_336, 0][size - 1]!;
  const found = decode(bytes, base + target, base, depth + 1);
  return found && { value: found.value, next: at + size };
}

function container(
  bytes: Buffer,
  isMap: boolean,
  size: number,
  from: number,
  base: number,
  depth: number,
): Decoded | undefined {
  const map = new Map<string, unknown>();
  const list: unknown[] = [];
  let at = from;
  for (let i = 0; i < size; i++) {
    const key = isMap ? decode(bytes, at, base, depth + 1) : undefined;
    if (isMap && typeof key?.value !== "string") return undefined;
    const value = decode(bytes, key?.next ?? at, base, depth + 1);
    if (!value) return undefined;
    at = value.next;
    if (key) map.set(key.value as string, value.value);
    else list.push(value.value);
  }
  return { value: isMap ? Object.fromEntries(map) : list, next: at };
}
