/**
 * S3's checksum algorithms as incremental objects, and how checksums of parts become the checksum of an object.
 * Source: S3 User Guide, "Checking object integrity in Amazon S3"; CRC parameters: catalogue of parametrised CRC
 * algorithms (CRC-32/ISO-HDLC, CRC-32/ISCSI, CRC-64/NVME).
 */
import { createHash, type Hash } from "node:crypto";
import { crc32 as zlibCrc32 } from "node:zlib";

export type ChecksumAlgorithm = "CRC32" | "CRC32C" | "CRC64NVME" | "SHA1" | "SHA256";

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  update(bytes: Uint8Array): void;
  /** Big-endian bytes, the form that is base64-encoded in headers. May be called once, at the end. */
  digest(): Buffer;
}

/** Bytes of a digest; the CRC algorithms can be combined into full-object checksums, the SHAs only into composite ones. */
export const checksumAlgorithms: Readonly<
  Record<ChecksumAlgorithm, { bytes: number; combines: boolean; header: string }>
> = {
  CRC32: { bytes: 4, combines: true, header: "x-amz-checksum-crc32" },
  CRC32C: { bytes: 4, combines: true, header: "x-amz-checksum-crc32c" },
  CRC64NVME: { bytes: 8, combines: true, header: "x-amz-checksum-crc64nvme" },
  SHA1: { bytes: 20, combines: false, header: "x-amz-checksum-sha1" },
  SHA256: { bytes: 32, combines: false, header: "x-amz-checksum-sha256" },
};

export const checksumByHeader: ReadonlyMap<string, ChecksumAlgorithm> = new Map(
  Object.entries(checksumAlgorithms).map(([name, facts]) => [facts.header, name as ChecksumAlgorithm]),
);

export function createChecksum(algorithm: ChecksumAlgorithm): Checksum {
  switch (algorithm) {
    case "CRC32":
      return new Crc32();
    case "CRC32C":
      return new Crc32c();
    case "CRC64NVME":
      return new Crc64Nvme();
    case "SHA1":
      return new Sha("SHA1", "sha1");
    case "SHA256":
      return new Sha("SHA256", "sha256");
  }
}

/** A base64 text of exactly the algorithm's length → its bytes. */
export function parseChecksum(algorithm: ChecksumAlgorithm, base64: string): Buffer | undefined {
  const bytes = Buffer.from(base64, "base64");
  return bytes.length === checksumAlgorithms[algorithm].bytes && bytes.toString("base64") === base64
    ? bytes
    : undefined;
}

class Sha implements Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly #hash: Hash;
  constructor(algorithm: ChecksumAlgorithm, name: string) {
    this.algorithm = algorithm;
    this.#hash = createHash(name);
  }
  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }
  digest(): Buffer {
    return this.#hash.digest();
  }
}

class Crc32 implements Checksum {
  readonly algorithm = "CRC32";
  #crc = 0;
  update(bytes: Uint8Array): void {
    this.#crc = zlibCrc32(bytes, this.#crc);
  }
  digest(): Buffer {
    const out = Buffer.alloc(4);
    out.writeUInt32BE(this.#crc);
    return out;
  }
}

/** Eight tables of 256 in one: the effect of a byte that is followed by 0 … 7 others ("slicing by 8"). */
function tables32(polynomial: number): Int32Array {
  const table = new Int32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    table[n] = crc;
  }
  for (let n = 256; n < table.length; n++) {
    const before = table[n - 256] as number;
    table[n] = (before >>> 8) ^ (table[before & 255] as number);
  }
  return table;
}

const castagnoli = tables32(0x82f63b78);

class Crc32c implements Checksum {
  readonly algorithm = "CRC32C";
  #crc = -1;
  update(bytes: Uint8Array): void {
    const table = castagnoli;
    let crc = this.#crc;
    let i = 0;
    for (const end = bytes.length - 7; i < end; i += 8) {
      crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
      crc =
        table[1792 + (crc & 255)]! ^
        table[1536 + ((crc >>> 8) & 255)]! ^
        table[1280 + ((crc >>> 16) & 255)]! ^
        table[1024 + (crc >>> 24)]! ^
        table[768 + bytes[i + 4]!]! ^
        table[512 + bytes[i + 5]!]! ^
        table[256 + bytes[i + 6]!]! ^
        table[bytes[i + 7]!]!;
    }
    for (; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]!) & 255]!;
    this.#crc = crc;
  }
  digest(): Buffer {
    const out = Buffer.alloc(4);
    out.writeUInt32BE(~this.#crc >>> 0);
    return out;
  }
}

/** The 64-bit tables are kept as two halves: BigInt arithmetic per byte would be a hundred times slower. */
function tables64(polynomial: bigint): { high: Int32Array; low: Int32Array } {
  const high = new Int32Array(8 * 256);
  const low = new Int32Array(8 * 256);
  const whole: bigint[] = [];
  for (let n = 0; n < 256; n++) {
    let crc = BigInt(n);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ polynomial : crc >> 1n;
    whole[n] = crc;
  }
  for (let k = 1; k < 8; k++) {
    for (let n = 0; n < 256; n++) {
      const before = whole[(k - 1) * 256 + n] as bigint;
      whole[k * 256 + n] = (before >> 8n) ^ (whole[Number(before & 255n)] as bigint);
    }
  }
  for (let n = 0; n < whole.length; n++) {
    high[n] = Number((whole[n] as bigint) >> 32n);
    low[n] = Number((whole[n] as bigint) & 0xffffffffn);
  }
  return { high, low };
}

const nvmePolynomial = 0x9a6c9329ac4bc9b5n;
const nvme = tables64(nvmePolynomial);

class Crc64Nvme implements Checksum {
  readonly algorithm = "CRC64NVME";
  #high = -1;
  #low = -1;
  update(bytes: Uint8Array): void {
    const { high, low } = nvme;
    let h = this.#high;
    let l = this.#low;
    let i = 0;
    for (const end = bytes.length - 7; i < end; i += 8) {
      l ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
      h ^= bytes[i + 4]! | (bytes[i + 5]! << 8) | (bytes[i + 6]! << 16) | (bytes[i + 7]! << 24);
      const a = 1792 + (l & 255);
      const b = 1536 + ((l >>> 8) & 255);
      const c = 1280 + ((l >>> 16) & 255);
      const d = 1024 + (l >>> 24);
      const e = 768 + (h & 255);
      const f = 512 + ((h >>> 8) & 255);
      const g = 256 + ((h >>> 16) & 255);
      const j = h >>> 24;
      h = high[a]! ^ high[b]! ^ high[c]! ^ high[d]! ^ high[e]! ^ high[f]! ^ high[g]! ^ high[j]!;
      l = low[a]! ^ low[b]! ^ low[c]! ^ low[d]! ^ low[e]! ^ low[f]! ^ low[g]! ^ low[j]!;
    }
    for (; i < bytes.length; i++) {
      const index = (l ^ bytes[i]!) & 255;
      l = ((l >>> 8) | (h << 24)) ^ low[index]!;
      h = (h >>> 8) ^ high[index]!;
    }
    this.#high = h;
    this.#low = l;
  }
  digest(): Buffer {
    const out = Buffer.alloc(8);
    out.writeUInt32BE(~this.#high >>> 0, 0);
    out.writeUInt32BE(~this.#low >>> 0, 4);
    return out;
  }
}

interface Field {
  polynomial: bigint;
  bits: bigint;
}

const fields: Partial<Record<ChecksumAlgorithm, Field>> = {
  CRC32: { polynomial: 0xedb88320n, bits: 32n },
  CRC32C: { polynomial: 0x82f63b78n, bits: 32n },
  CRC64NVME: { polynomial: nvmePolynomial, bits: 64n },
};

/** a·b modulo the polynomial, all bit-reflected: the top bit is x⁰. */
function multiply(a: bigint, b: bigint, field: Field): bigint {
  let product = 0n;
  let factor = b;
  for (let mask = 1n << (field.bits - 1n); mask !== 0n; mask >>= 1n) {
    if (a & mask) product ^= factor;
    factor = factor & 1n ? (factor >> 1n) ^ field.polynomial : factor >> 1n;
  }
  return product;
}

/**
 * The CRC of A‖B from crc(A), crc(B) and the length of B in bytes: crc(A)·x^(8·|B|) + crc(B). Appending |B| zero bytes
 * multiplies by x^(8·|B|), and the initial and final inversions cancel.
 */
export function combineCrc(
  algorithm: ChecksumAlgorithm,
  first: Uint8Array,
  second: Uint8Array,
  secondLength: number,
): Buffer {
  const field = fieldOf(algorithm);
  return append(first, second, shiftOver(secondLength, field), field);
}

function fieldOf(algorithm: ChecksumAlgorithm): Field {
  const field = fields[algorithm];
  if (field === undefined) throw new TypeError(`${algorithm} cannot be combined`);
  return field;
}

/** x^(8·length): what a CRC is multiplied by when `length` bytes follow. */
function shiftOver(length: number, field: Field): bigint {
  if (!Number.isSafeInteger(length) || length < 0) throw new RangeError("length of the second part");
  const one = 1n << (field.bits - 1n);
  let power = one >> 1n; // x¹
  let shift = one;
  for (let bits = BigInt(length) * 8n; bits !== 0n; bits >>= 1n) {
    if (bits & 1n) shift = multiply(shift, power, field);
    power = multiply(power, power, field);
  }
  return shift;
}

function append(first: Uint8Array, second: Uint8Array, shift: bigint, field: Field): Buffer {
  const value = multiply(toBig(first), shift, field) ^ toBig(second);
  return Buffer.from(value.toString(16).padStart(Number(field.bits / 4n), "0"), "hex");
}

function toBig(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex") || "0"}`);
}

/** Full-object checksum of a multipart upload (CRC algorithms). Parts in order; empty input is the CRC of nothing. */
export function fullObjectChecksum(
  algorithm: ChecksumAlgorithm,
  parts: readonly { digest: Uint8Array; length: number }[],
): Buffer {
  const field = fieldOf(algorithm);
  // Nearly all parts of an upload have one length, and 10,000 of them would otherwise take seconds.
  const shifts = new Map<number, bigint>();
  let whole: Buffer = createChecksum(algorithm).digest();
  for (const { digest, length } of parts) {
    let shift = shifts.get(length);
    if (shift === undefined) shifts.set(length, (shift = shiftOver(length, field)));
    whole = append(whole, digest, shift, field);
  }
  return whole;
}

/** Composite checksum: the checksum of the parts' checksums, as S3 prints it: `base64-N`. */
export function compositeChecksum(algorithm: ChecksumAlgorithm, parts: readonly { digest: Uint8Array }[]): string {
  const checksum = createChecksum(algorithm);
  for (const part of parts) checksum.update(part.digest);
  return `${checksum.digest().toString("base64")}-${parts.length}`;
}
