import { createHash } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createDurably, isErrno, makeFolder } from "./files.ts";

/** First byte of a file that holds a wrapped tombstone key; anything else, zeroes included, means destroyed. */
const live = 0x4b;

/**
 * One small file per key, outside the database: the key's wrapped tombstone key, without which its tokens do not
 * open. Destroying a key overwrites its file and leaves a record in place, so a database restored from a backup
 * cannot bring the key back. Whoever backs up this folder keeps deleted keys alive in that backup: its retention
 * should be shorter than the waiting period of key deletion.
 */
export class TombstoneFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, "tombstones");
  }

  #path(group: string): string {
    const name = createHash("sha256").update(group).digest("hex");
    return join(this.#folder, name.slice(0, 2), name);
  }

  /** The wrapped tombstone key; `"destroyed"`; or `undefined` when the group never had one. */
  async get(group: string): Promise<Buffer | "destroyed" | undefined> {
    try {
      const content = await readFile(this.#path(group));
      return content[0] === live ? content.subarray(1) : "destroyed";
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  /** Durable when it resolves. Rejects with EEXIST when the group has one, or was destroyed. */
  async create(group: string, wrapped: Uint8Array): Promise<void> {
    const path = this.#path(group);
    await makeFolder(dirname(path));
    await createDurably(path, Buffer.concat([Buffer.of(live), wrapped]));
  }

  /**
   * Overwrites the key in place, then leaves a record. In place because a new file would leave the old blocks
   * readable; journals and flash translation layers may still keep a copy, which is wrapped under the domain key.
   */
  async destroy(group: string, now: number): Promise<void> {
    const path = this.#path(group);
    await makeFolder(dirname(path));
    const file = await open(path, "r+").catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return open(path, "wx", 0o600);
      throw error;
    });
    try {
      const { size } = await file.stat();
      await file.write(Buffer.alloc(size), 0, size, 0);
      await file.sync();
      await file.truncate(0);
      await file.write(`destroyed ${new Date(now).toISOString()}\n`, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
