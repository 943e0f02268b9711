/** Files of a module's token: for a backup, and onto the disk. */
import { mkdir, open, readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { isErrno, writeDurably } from "#keys/files.ts";
import { HsmError } from "../contract.ts";

/** By path below the folder; base64. */
export async function readFiles(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[relative(folder, path)] = (await readFile(path)).toString("base64");
  }
  return files;
}

export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    if (!/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/.test(path) || path.split("/").includes("..")) {
      throw new HsmError("backup-invalid", "a file of the backup is outside of its folder");
    }
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    await writeDurably(join(folder, path), Buffer.from(content, "base64"));
  }
}

/** A file that was new so long ago is written to no more: a module has long answered, or is ended. Milliseconds. */
const settledMs = 15_000;

/** Brings to the disk what a module has written, which SoftHSM leaves to the system. An object is written once, by one call. */
export class DurableFiles {
  readonly #folder: string;
  /** When each was seen first, by the monotonic clock, and its size and time of change when it was brought to the disk. */
  readonly #seen = new Map<string, { since: number; synced: string }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** While nobody writes: what is there then is not looked at again. */
  async begin(): Promise<void> {
    try {
      await this.sync(Number.NEGATIVE_INFINITY);
    } catch (error) {
      // A token that is gone is its users' to notice; the rest of the cluster is served.
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  /** Resolves when everything that was there at the call is on the disk. */
  async sync(since = performance.now()): Promise<void> {
    const entries = await readdir(this.#folder, { withFileTypes: true, recursive: true });
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const fresh = paths.filter((path) => !this.#seen.has(path));
    const there = new Set(paths);
    for (const [path, seen] of this.#seen) {
      if (!there.has(path)) this.#seen.delete(path);
      else if (performance.now() - seen.since < settledMs) await this.#file(path, seen);
    }
    for (const path of fresh) {
      const seen = { since, synced: "" };
      this.#seen.set(path, seen);
      await this.#file(path, seen);
    }
    // A name is on the disk when its folder is.
    for (const folder of new Set(fresh.map((path) => dirname(path)))) await syncPath(folder);
  }

  async #file(path: string, seen: { synced: string }): Promise<void> {
    try {
      seen.synced = await syncPath(path, seen.synced);
    } catch (error) {
      // Destroyed meanwhile.
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
}

/** @param synced what it was like when it was brought to the disk. Gives what it is like now */
async function syncPath(path: string, synced?: string): Promise<string> {
  const handle = await open(path, "r");
  try {
    const { mtimeNs, size } = await handle.stat({ bigint: true });
    const state = `${mtimeNs} ${size}`;
    if (state !== synced) await handle.sync();
    return state;
  } finally {
    await handle.close();
  }
}
