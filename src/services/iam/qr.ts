/**
 * QR codes of enrolment URIs, as PNG. Byte mode, error correction level M, versions 1 to 40.
 * Source: ISO/IEC 18004:2015 (tables 9, 13; sections 7.4 to 7.10, annexes C, D, E); PNG: RFC 2083.
 */
import { crc32, deflateSync } from "node:zlib";

/** Level M, by version: error correction codewords per block, and number of blocks (table 9). */
const correctionPerBlock = [
  10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28,
];
const blockCounts = [
  1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35,
  37, 38, 40, 43, 45, 47, 49,
];

const sizeOf = (version: number) => 17 + 4 * version;

/** Centres of alignment patterns (annex E). */
function alignmentCentres(version: number): number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const last = sizeOf(version) - 7;
  const step = version === 32 ? 26 : Math.ceil((last - 6) / (count - 1) / 2) * 2;
  const centres = [6];
  for (let i = count - 2; i >= 0; i--) centres.push(last - i * step);
  return centres;
}

/** Multiplication in GF(2^8) with the polynomial 0x11d. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((b >>> bit) & 1) * a;
  }
  return product;
}

function generator(degree: number): number[] {
  const polynomial = [...Array.from({ length: degree - 1 }, () => 0), 1];
  let root = 1;
  for (let i = 0; i < degree; i++) {
    for (let j = 0; j < degree; j++) {
      polynomial[j] = multiply(polynomial[j]!, root) ^ (polynomial[j + 1] ?? 0);
    }
    root = multiply(root, 2);
  }
  return polynomial;
}

function correction(data: readonly number[], divisor: readonly number[]): number[] {
  const remainder = divisor.map(() => 0);
  for (const byte of data) {
    const factor = byte ^ remainder.shift()!;
    remainder.push(0);
    divisor.forEach((coefficient, i) => (remainder[i]! ^= multiply(coefficient, factor)));
  }
  return remainder;
}

/** Which modules a version keeps for finder, timing, alignment, format and version patterns. */
class Grid {
  readonly size: number;
  readonly dark: boolean[][];
  readonly fixed: boolean[][];

  constructor(version: number) {
    this.size = sizeOf(version);
    this.dark = Array.from({ length: this.size }, () => Array.from({ length: this.size }, () => false));
    this.fixed = this.dark.map((row) => [...row]);
    this.#patterns(version);
  }

  set(x: number, y: number, dark: boolean): void {
    if (x < 0 || y < 0 || x >= this.size || y >= this.size) return;
    this.dark[y]![x] = dark;
    this.fixed[y]![x] = true;
  }

  #patterns(version: number): void {
    const end = this.size - 1;
    for (let i = 0; i < this.size; i++) {
      this.set(6, i, i % 2 === 0);
      this.set(i, 6, i % 2 === 0);
    }
    for (const [x, y] of [
      [3, 3],
      [end - 3, 3],
      [3, end - 3],
    ] as const) {
      for (let dy = -4; dy <= 4; dy++) {
        for (let dx = -4; dx <= 4; dx++) {
          const ring = Math.max(Math.abs(dx), Math.abs(dy));
          this.set(x + dx, y + dy, ring !== 2 && ring !== 4);
        }
      }
    }
    const centres = alignmentCentres(version);
    const last = centres.at(-1);
    for (const x of centres) {
      for (const y of centres) {
        if ((x === 6 && y === 6) || (x === 6 && y === last) || (x === last && y === 6)) continue;
        for (let dy = -2; dy <= 2; dy++) {
          for (let dx = -2; dx <= 2; dx++) this.set(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
        }
      }
    }
    this.format(0);
    if (version >= 7) this.#version(version);
  }

  /** Level and mask, protected by a BCH code (annex C). Level M is 00. */
  format(mask: number): void {
    let remainder = mask;
    for (let i = 0; i < 10; i++) remainder = (remainder << 1) ^ ((remainder >>> 9) * 0x537);
    const bits = ((mask << 10) | remainder) ^ 0x5412;
    const bit = (i: number) => ((bits >>> i) & 1) === 1;
    for (let i = 0; i <= 5; i++) this.set(8, i, bit(i));
    this.set(8, 7, bit(6));
    this.set(8, 8, bit(7));
    this.set(7, 8, bit(8));
    for (let i = 9; i < 15; i++) this.set(14 - i, 8, bit(i));
    for (let i = 0; i < 8; i++) this.set(this.size - 1 - i, 8, bit(i));
    for (let i = 8; i < 15; i++) this.set(8, this.size - 15 + i, bit(i));
    this.set(8, this.size - 8, true);
  }

  /** Annex D. */
  #version(version: number): void {
    let remainder = version;
    for (let i = 0; i < 12; i++) remainder = (remainder << 1) ^ ((remainder >>> 11) * 0x1f25);
    const bits = (version << 12) | remainder;
    for (let i = 0; i < 18; i++) {
      const dark = ((bits >>> i) & 1) === 1;
      const a = this.size - 11 + (i % 3);
      const b = Math.floor(i / 3);
      this.set(a, b, dark);
      this.set(b, a, dark);
    }
  }

  get freeModules(): number {
    return this.fixed.reduce((sum, row) => sum + row.filter((fixed) => !fixed).length, 0);
  }
}

/** Data and correction codewords, blocks interleaved (7.6). */
function codewords(bytes: Uint8Array, version: number, total: number): number[] {
  const blocks = blockCounts[version - 1]!;
  const perBlock = correctionPerBlock[version - 1]!;
  const capacity = total - blocks * perBlock;
  const bits: number[] = [];
  const append = (value: number, length: number) => {
    for (let i = length - 1; i >= 0; i--) bits.push((value >>> i) & 1);
  };
  append(0b0100, 4);
  append(bytes.length, version < 10 ? 8 : 16);
  for (const byte of bytes) append(byte, 8);
  append(0, Math.min(4, capacity * 8 - bits.length));
  while (bits.length % 8 !== 0) bits.push(0);
  const data: number[] = [];
  for (let i = 0; i < bits.length; i += 8) data.push(Number.parseInt(bits.slice(i, i + 8).join(""), 2));
  for (let pad = 0xec; data.length < capacity; pad ^= 0xec ^ 0x11) data.push(pad);

  const divisor = generator(perBlock);
  const shortLength = Math.floor(capacity / blocks);
  const longBlocks = capacity % blocks;
  const parts: number[][] = [];
  const checks: number[][] = [];
  for (let i = 0, at = 0; i < blocks; i++) {
    const part = data.slice(at, (at += shortLength + (i >= blocks - longBlocks ? 1 : 0)));
    parts.push(part);
    checks.push(correction(part, divisor));
  }
  const interleaved: number[] = [];
  for (let i = 0; i <= shortLength; i++) for (const part of parts) if (i < part.length) interleaved.push(part[i]!);
  for (let i = 0; i < perBlock; i++) for (const check of checks) interleaved.push(check[i]!);
  return interleaved;
}

/** Two columns at a time, from the right, up and down (7.7.3). */
function place(grid: Grid, words: readonly number[]): void {
  let index = 0;
  for (let right = grid.size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    const upward = ((right + 1) & 2) === 0;
    for (let step = 0; step < grid.size; step++) {
      const y = upward ? grid.size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (grid.fixed[y]![x] || index >= words.length * 8) continue;
        grid.dark[y]![x] = ((words[index >>> 3]! >>> (7 - (index & 7))) & 1) === 1;
        index++;
      }
    }
  }
}

const masks: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

function masked(grid: Grid, mask: number): boolean[][] {
  grid.format(mask);
  return grid.dark.map((row, y) => row.map((dark, x) => dark !== (!grid.fixed[y]![x] && masks[mask]!(x, y))));
}

/** How hard a symbol is to read (7.8.3.1): runs, blocks, look-alikes of the finder, imbalance. */
function penalty(modules: readonly boolean[][]): number {
  const size = modules.length;
  const columns = modules.map((_row, x) => modules.map((row) => row[x]!));
  let points = 0;
  for (const line of [...modules, ...columns]) {
    const text = line.map((dark) => (dark ? "1" : "0")).join("");
    for (const run of text.match(/0{5,}|1{5,}/g) ?? []) points += run.length - 2;
    points += 40 * [...text.matchAll(/(?=00001011101|10111010000)/g)].length;
  }
  for (let y = 0; y < size - 1; y++) {
    for (let x = 0; x < size - 1; x++) {
      const first = modules[y]![x];
      if (first === modules[y]![x + 1] && first === modules[y + 1]![x] && first === modules[y + 1]![x + 1]) points += 3;
    }
  }
  const dark = modules.flat().filter(Boolean).length;
  return points + 10 * Math.floor(Math.abs((dark * 20) / (size * size) - 10));
}

/** Dark modules of the smallest symbol that holds the text. @throws RangeError above 2331 bytes */
export function qrModules(text: string): boolean[][] {
  const bytes = new TextEncoder().encode(text);
  for (let version = 1; version <= 40; version++) {
    const grid = new Grid(version);
    const total = Math.floor(grid.freeModules / 8);
    const capacity = total - blockCounts[version - 1]! * correctionPerBlock[version - 1]!;
    if (bytes.length * 8 + 4 + (version < 10 ? 8 : 16) > capacity * 8) continue;
    place(grid, codewords(bytes, version, total));
    const candidates = masks.map((_mask, i) => masked(grid, i));
    const points = candidates.map(penalty);
    return candidates[points.indexOf(Math.min(...points))]!;
  }
  throw new RangeError(`${bytes.length} bytes do not fit into a QR code`);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

const quietZone = 4;

/** 8-bit grey PNG, `scale` pixels per module. */
export function qrPng(text: string, scale = 4): Buffer {
  const modules = qrModules(text);
  const size = (modules.length + 2 * quietZone) * scale;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header[8] = 8;
  const rows = Buffer.alloc(size * (size + 1), 255);
  for (let y = 0; y < size; y++) {
    rows[y * (size + 1)] = 0;
    const row = modules[Math.floor(y / scale) - quietZone];
    for (let x = 0; row && x < size; x++) {
      if (row[Math.floor(x / scale) - quietZone]) rows[y * (size + 1) + 1 + x] = 0;
    }
  }
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
