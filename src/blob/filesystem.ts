import { constants } from "node:fs";
import { link, lstat, mkdir, open, readdir, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemRandom, type Random } from "#kernel/ids.ts";
import {
  BlobExists,
  BlobMissing,
  BlobUnavailable,
  checkBlobId,
  chunkSize,
  resolveRange,
  type BlobInfo,
  type BlobStore,
  type ByteRange,
} from "./contract.ts";
import { ReadDescriptor } from "./descriptor.ts";

/** Uploads under way; nothing in it has a name yet. Starts with a dot, so it is no shard. */
const incoming = ".incoming";

/** Bytes that are written at a time; twice as many may be held of one upload. */
const writeSize = 512 * 1024;

/** An upload that has not moved for this long has lost its process. Milliseconds. */
const abandonedAfter = 24 * 3_600_000;

/** What a disk says when it cannot take more, or cannot be used. */
const deviceErrors = new Set([
  "ENOSPC",
  "EDQUOT",
  "EIO",
  "EROFS",
  "EACCES",
  "EPERM",
  "EMFILE",
  "ENFILE",
  "ENODEV",
  "EFBIG",
  "ESTALE",
]);

/**
 * Blobs as files `ab/cd/abcd…`. A body is written to an unnamed place of the same file system, synced, then
 * linked to its name, then the folder is synced.
 *
 * INVARIANT: a name stands for a whole, synced body. `link` fails when the name is taken, so of two writers one wins.
 */
export class FilesystemBlobs implements BlobStore {
  readonly #root: string;
  readonly #random: Random;

  private constructor(root: string, options: { random?: Random }) {
    this.#root = root;
    this.#random = options.random ?? systemRandom;
  }

  /** Makes the folder when it is not there, and removes uploads that lost their process. Throws `BlobUnavailable`. */
  static async open(root: string, options: { random?: Random } = {}): Promise<FilesystemBlobs> {
    const store = new FilesystemBlobs(root, options);
    await store.#guard(async () => {
      await mkdir(join(root, incoming), { recursive: true, mode: 0o700 });
      await store.#removeAbandoned();
    });
    return store;
  }

  async #removeAbandoned(): Promise<void> {
    const folder = join(this.#root, incoming);
    // Ages are told by the file system's own clock, which a process elsewhere or a moved clock does not share.
    const probe = join(folder, `${this.#random.uuid()}.probe`);
    await (await open(probe, "wx", 0o600)).close();
    const { mtimeMs: now } = await stat(probe);
    await rm(probe);
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      const info = await lstat(path).catch(() => undefined);
      if (info && now - info.mtimeMs > abandonedAfter) await rm(path, { force: true });
    }
  }

  #path(id: string): string {
    checkBlobId(id);
    return join(this.#root, ...shards(id), id);
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== undefined && deviceErrors.has(code))
        throw new BlobUnavailable(`the blob folder: ${code}`, { cause: error });
      throw error;
    }
  }

  async put(id: string, body: AsyncIterable<Uint8Array>): Promise<BlobInfo> {
    const path = this.#path(id);
    const partial = join(this.#root, incoming, `${this.#random.uuid()}.partial`);
    let file: FileHandle | undefined;
    try {
      file = await this.#guard(() => open(partial, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600));
      const handle = file;
      const size = await this.#write(handle, body);
      return await this.#guard(async () => {
        await handle.sync();
        const { mtimeMs } = await handle.stat();
        await this.#name(id, partial, path);
        return { id, size, modified: Math.floor(mtimeMs) };
      });
    } finally {
      await file?.close().catch(() => {});
      await rm(partial, { force: true }).catch(() => {});
    }
  }

  /** Pieces that come while earlier ones are being written are written together. Gives the size. */
  async #write(handle: FileHandle, body: AsyncIterable<Uint8Array>): Promise<number> {
    let size = 0;
    let held: Uint8Array[] = [];
    let heldSize = 0;
    let writing: Promise<void> | undefined;
    let failure: unknown;
    const flush = async (): Promise<void> => {
      await writing;
      if (failure !== undefined) throw failure;
      const pieces = held;
      held = [];
      heldSize = 0;
      // What it throws is told with the next piece, or at the end: never to nobody.
      writing = this.#guard(() => writeAll(handle, pieces)).catch((error: unknown) => {
        failure = error;
      });
    };
    try {
      for await (const piece of body) {
        size += piece.length;
        heldSize += piece.length;
        held.push(piece);
        if (heldSize >= writeSize) await flush();
      }
      if (held.length > 0) await flush();
    } finally {
      await writing;
    }
    if (failure !== undefined) throw failure;
    return size;
  }

  async #name(id: string, partial: string, path: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.#makeFolder(dirname(path));
      try {
        await link(partial, path);
        break;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EEXIST") throw new BlobExists(id);
        // Somebody has removed the empty folder in between.
        if (code !== "ENOENT" || attempt === 5) throw error;
      }
    }
    await syncFolder(dirname(path));
  }

  async #makeFolder(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    // Each new folder is an entry of the one above it.
    for (let parent = dirname(folder); parent.length >= this.#root.length; parent = dirname(parent))
      await syncFolder(parent);
  }

  async *get(id: string, range?: ByteRange): AsyncIterable<Uint8Array> {
    const path = this.#path(id);
    const file = await this.#guard(() => ReadDescriptor.open(path)).catch((error: unknown) => {
      throw isMissing(error) ? new BlobMissing(id) : error;
    });
    try {
      const bytes = resolveRange(await file.size(), range);
      if (!bytes) return;
      for (let position = bytes.start; position <= bytes.end;) {
        const buffer = Buffer.allocUnsafe(Math.min(chunkSize, bytes.end - position + 1));
        const bytesRead = await this.#guard(() => file.read(buffer, position));
        if (bytesRead === 0) throw new BlobUnavailable(`blob ${id} ends at byte ${position}`);
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async info(id: string): Promise<BlobInfo | undefined> {
    const path = this.#path(id);
    return this.#guard(async () => {
      try {
        const { size, mtimeMs } = await stat(path);
        return { id, size, modified: Math.floor(mtimeMs) };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async delete(id: string): Promise<void> {
    const path = this.#path(id);
    await this.#guard(() => rm(path, { force: true }));
  }

  async list(after: string | undefined, limit: number): Promise<BlobInfo[]> {
    if (after !== undefined) checkBlobId(after);
    const [low1 = "", low2 = ""] = after === undefined ? [] : shards(after);
    const found: BlobInfo[] = [];
    for (const first of await this.#names(this.#root)) {
      if (first < low1 || first === incoming) continue;
      for (const second of await this.#names(join(this.#root, first))) {
        if (first === low1 && second < low2) continue;
        for (const id of await this.#names(join(this.#root, first, second))) {
          if (after !== undefined && id <= after) continue;
          const info = await this.info(id);
          if (info) found.push(info);
          if (found.length === limit) return found;
        }
      }
    }
    return found;
  }

  /** Sorted names of a folder; none when it is gone. Ids are ASCII, so this order is byte order. */
  async #names(folder: string): Promise<string[]> {
    return this.#guard(async () => {
      try {
        return (await readdir(folder)).sort();
      } catch (error) {
        if (isMissing(error)) return [];
        throw error;
      }
    });
  }

  async close(): Promise<void> {}
}

/**
 * Two levels of folders named by the first four characters, so that the order of folders is the order of ids.
 * Short ids are filled up with '-', the smallest character an id may hold.
 */
function shards(id: string): [string, string] {
  return [
    id.slice(0, 2).padEnd(2, "-"),
    id
      .slice(2, 4)
      .padEnd(2, "-")
      .replace(/^\.\.$/, "..-"),
  ];
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}

async function writeAll(file: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  let left = pieces.filter((piece) => piece.length > 0);
  while (left.length > 0) {
    let { bytesWritten } = await file.writev(left);
    // A short write: what is left goes on where it ended.
    left = left.flatMap((piece) => {
      const skipped = Math.min(bytesWritten, piece.length);
      bytesWritten -= skipped;
      return skipped === piece.length ? [] : [piece.subarray(skipped)];
    });
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
