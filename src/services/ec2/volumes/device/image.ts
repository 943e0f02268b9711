/**
 * The file of a volume: sparse, without a header, as large as the volume where the file system has files that large (ext4:
 * 16 TiB); behind its end are zeros. What lies in it is data as it is or ciphertext; this layer does not know. Offsets and
 * lengths are whole units of 4096 bytes.
 *
 * INVARIANT: when `flush` resolves, what `write` and `zero` had resolved before survives power loss.
 */
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno } from "#keys/files.ts";
import { unitBytes } from "#engines/xts/index.ts";
import { Cut } from "./cut.ts";
import { punchHole } from "./punch.ts";
import { SharedLock } from "./sharedLock.ts";
import { chunkBytes, WrittenMap } from "./writtenMap.ts";

const mapOf = (path: string): string => `${path}.written`;
const zeros = Buffer.alloc(chunkBytes);
/** Chunks for which a program is run; fewer are overwritten. */
const leastPunched = 8;

export class Image {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #map: WrittenMap;
  readonly #writing = new SharedLock();
  readonly #cuts = new Set<Cut>();
  #size: number;

  private constructor(path: string, file: FileHandle, map: WrittenMap, size: number) {
    this.#path = path;
    this.#file = file;
    this.#map = map;
    this.#size = size;
  }

  /** A new one of zeros; one that a killed process left half made is replaced. */
  static async create(path: string, size: number): Promise<Image> {
    await Image.remove(path);
    const file = await open(path, "wx+", 0o600);
    await extend(file, size);
    const map = await WrittenMap.create(mapOf(path), size / chunkBytes);
    await syncFolder(dirname(path));
    return new Image(path, file, map, size);
  }

  /** @throws ENOENT */
  static async open(path: string, size: number): Promise<Image> {
    const file = await open(path, "r+");
    return new Image(path, file, await WrittenMap.open(mapOf(path), size / chunkBytes), size);
  }

  static async exists(path: string): Promise<boolean> {
    return await stat(path).then(
      () => true,
      (error: unknown) => {
        if (isErrno(error, "ENOENT")) return false;
        throw error;
      },
    );
  }

  static async remove(path: string): Promise<void> {
    await rm(path, { force: true });
    await rm(mapOf(path), { force: true });
  }

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    if (!this.isWritten(offset, length)) return Buffer.alloc(length);
    const data = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await this.#file.read(data, done, length - done, offset + done);
      if (bytesRead === 0) {
        data.fill(0, done);
        break;
      }
      done += bytesRead;
    }
    return data;
  }

  write(offset: number, data: Uint8Array): Promise<void> {
    return this.#change(offset, data.length, async () => {
      await this.#map.mark(...chunksOf(offset, data.length));
      for (let done = 0; done < data.length;) {
        const { bytesWritten } = await this.#file.write(data, done, data.length - done, offset + done);
        done += bytesWritten;
      }
    });
  }

  /** Zeros, which nothing has to be written for where nothing was. Whole chunks give their space back, where there are some. */
  async zero(offset: number, length: number): Promise<void> {
    const whole = this.#wholeChunks(offset, length);
    // Alone: a write that meets it would be in the file without being in the map.
    if (whole.written >= leastPunched) await this.#writing.alone(() => this.#punch(whole.first, whole.end));
    await this.#change(offset, length, async () => {
      const end = offset + length;
      for (let at = offset; at < end;) {
        const chunk = Math.floor(at / chunkBytes);
        const next = Math.min(end, (chunk + 1) * chunkBytes);
        if (this.#map.has(chunk)) await this.#file.write(zeros, 0, next - at, at);
        at = next;
      }
    });
  }

  async flush(): Promise<void> {
    await this.#file.datasync();
  }

  /** The image as it is at one moment; `meanwhile` runs at that moment, while nobody writes. */
  cut(meanwhile: () => Promise<void>): Promise<Cut> {
    return this.#writing.alone(async () => {
      await meanwhile();
      const cut = new Cut(this.#map.list(), (chunk) =>
        this.read(chunk * chunkBytes, Math.min(chunkBytes, this.#size - chunk * chunkBytes)),
      );
      this.#cuts.add(cut);
      return cut;
    });
  }

  grow(size: number): Promise<void> {
    return this.#writing.alone(async () => {
      if (size <= this.#size) return;
      await extend(this.#file, size);
      await this.#map.grow(size / chunkBytes);
      await this.#file.sync();
      this.#size = size;
    });
  }

  async close(): Promise<void> {
    await this.#file.datasync();
    await this.#map.close();
    await this.#file.close();
  }

  #wholeChunks(offset: number, length: number): { first: number; end: number; written: number } {
    const first = Math.ceil(offset / chunkBytes);
    const end = Math.floor(Math.min(offset + length, this.#size) / chunkBytes);
    let written = 0;
    for (let chunk = first; chunk < end; chunk++) if (this.#map.has(chunk)) written++;
    return { first, end, written };
  }

  async #punch(first: number, end: number): Promise<void> {
    await this.#preserve(first, end - 1);
    if (!(await punchHole(this.#path, first * chunkBytes, (end - first) * chunkBytes))) return;
    await this.#map.clear(first, end - 1);
  }

  /** A chunk that was never written is not asked of the file. */
  isWritten(offset: number, length: number): boolean {
    const [first, last] = chunksOf(offset, length);
    for (let chunk = first; chunk <= last; chunk++) if (this.#map.has(chunk)) return true;
    return false;
  }

  #change(offset: number, length: number, work: () => Promise<void>): Promise<void> {
    return this.#writing.shared(async () => {
      if (offset % unitBytes !== 0 || length % unitBytes !== 0 || offset + length > this.#size) {
        throw new RangeError("not whole units of this image");
      }
      await this.#preserve(...chunksOf(offset, length));
      await work();
    });
  }

  async #preserve(first: number, last: number): Promise<void> {
    for (const cut of this.#cuts) {
      if (cut.isClosed) this.#cuts.delete(cut);
      else await cut.preserve(first, last);
    }
  }
}

/** A new name is durable only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A file system that has no files of this size takes what is written, as far as it can. */
async function extend(file: FileHandle, size: number): Promise<void> {
  try {
    await file.truncate(size);
  } catch (error) {
    if (!isErrno(error, "EFBIG")) throw error;
  }
}

function chunksOf(offset: number, length: number): [first: number, last: number] {
  return [Math.floor(offset / chunkBytes), Math.floor((offset + length - 1) / chunkBytes)];
}
