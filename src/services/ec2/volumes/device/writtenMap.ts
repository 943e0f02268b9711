/**
 * Which chunks of an image may hold something else than zeros: what a snapshot has to look at. A file beside the image:
 * a header of 64 bytes (magic, whether it was closed in order, the system's boot id), then one bit per chunk.
 *
 * INVARIANT: a chunk that holds something has its bit. The bit is written before the data, so no kill of the process
 * comes between. While the image is open bits need not be on the disk: after a crash of the whole system, which may have
 * lost them, every chunk counts as written.
 */
import { type FileHandle, open, readFile } from "node:fs/promises";
import { isErrno } from "#keys/files.ts";

/** Bytes of a chunk, the block of an EBS snapshot. Source: EBS direct APIs, "Block" (512 KiB). */
export const chunkBytes = 512 * 1024;

const magic = "JKMWRIT1";
const headerBytes = 64;
const cleanAt = magic.length;
const bootAt = cleanAt + 1;

export class WrittenMap {
  readonly #file: FileHandle;
  #bits: Uint8Array;
  readonly #bootId: string;

  private constructor(file: FileHandle, bits: Uint8Array, bootId: string) {
    this.#file = file;
    this.#bits = bits;
    this.#bootId = bootId;
  }

  /** Of an image that is new, so that nothing is written. */
  static async create(path: string, chunks: number): Promise<WrittenMap> {
    const map = new WrittenMap(await open(path, "w+", 0o600), new Uint8Array(bytesFor(chunks)), await bootId());
    await map.#file.truncate(headerBytes + map.#bits.length);
    await map.#head(false);
    return map;
  }

  static async open(path: string, chunks: number): Promise<WrittenMap> {
    const boot = await bootId();
    const found = await readFile(path).catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return Buffer.alloc(0);
      throw error;
    });
    const length = bytesFor(chunks);
    const bits = new Uint8Array(length);
    const known = isKnown(found, boot);
    if (known) bits.set(found.subarray(headerBytes, headerBytes + length));
    else bits.fill(0xff);
    const file = await open(path, known ? "r+" : "w+", 0o600);
    const map = new WrittenMap(file, bits, boot);
    if (!known) await file.write(bits, 0, length, headerBytes);
    await map.#head(false);
    return map;
  }

  has(chunk: number): boolean {
    return ((this.#bits[chunk >> 3] ?? 0) & (1 << (chunk & 7))) !== 0;
  }

  /** The chunks that are written, as of now. */
  list(): number[] {
    const chunks: number[] = [];
    for (const [index, byte] of this.#bits.entries()) {
      if (byte === 0) continue;
      for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) chunks.push(index * 8 + bit);
    }
    return chunks;
  }

  async mark(first: number, last: number): Promise<void> {
    let from = -1;
    for (let chunk = first; chunk <= last; chunk++) {
      if (this.has(chunk)) continue;
      this.#bits[chunk >> 3]! |= 1 << (chunk & 7);
      if (from < 0) from = chunk >> 3;
    }
    if (from < 0) return;
    const to = (last >> 3) + 1;
    await this.#file.write(this.#bits, from, to - from, headerBytes + from);
  }

  /** Chunks that are zeros again. */
  async clear(first: number, last: number): Promise<void> {
    for (let chunk = first; chunk <= last; chunk++) this.#bits[chunk >> 3]! &= ~(1 << (chunk & 7));
    const from = first >> 3;
    await this.#file.write(this.#bits, from, (last >> 3) + 1 - from, headerBytes + from);
  }

  async grow(chunks: number): Promise<void> {
    const before = this.#bits;
    const bits = new Uint8Array(bytesFor(chunks));
    bits.set(before);
    this.#bits = bits;
    await this.#file.truncate(headerBytes + bits.length);
  }

  async close(): Promise<void> {
    await this.#file.datasync();
    await this.#head(true);
    await this.#file.close();
  }

  async #head(clean: boolean): Promise<void> {
    const head = Buffer.alloc(headerBytes);
    head.write(magic, 0, "latin1");
    head[cleanAt] = clean ? 1 : 0;
    head.write(this.#bootId, bootAt, "latin1");
    await this.#file.write(head, 0, headerBytes, 0);
    await this.#file.datasync();
  }
}

const bytesFor = (chunks: number): number => Math.ceil(chunks / 8);

function isKnown(found: Buffer, boot: string): boolean {
  if (found.length < headerBytes || found.toString("latin1", 0, magic.length) !== magic) return false;
  const of = found.toString("latin1", bootAt, bootAt + boot.length);
  return found[cleanAt] === 1 || (boot !== "" && of === boot);
}

/** Changes with every start of the system; empty where it cannot be told. */
async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "latin1").catch(() => "")).trim();
}
