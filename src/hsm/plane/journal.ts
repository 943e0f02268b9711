/**
 * What one HSM has on disk: its records, appended as they change. Each entry is closed under a key of the installation and
 * bound to its place; what is secret in it is besides in boxes that only users' passwords open.
 *
 *     "JHSM1\n", then per entry: length (4 bytes), AES-256-GCM box of the JSON of an entry, purpose `<cluster> <number>`
 */
import { open, readFile, rename, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno, makeFolder } from "#keys/files.ts";
import { BoxError, close as closeBox, open as openBox } from "../vault/box.ts";
import type { Entry, RecordKey } from "../vault/records.ts";

const magic = Buffer.from("JHSM1\n");
const longestEntry = 4 * 1024 * 1024;

/** The file holds what cannot have been written by us under this key. */
export class JournalDamaged extends Error {
  constructor(path: string, why: string) {
    super(`${path} is damaged: ${why}`);
    this.name = "JournalDamaged";
  }
}

export class Journal {
  readonly #path: string;
  readonly #key: Buffer;
  readonly #cluster: string;
  readonly #entries = new Map<RecordKey, Entry>();
  #file: FileHandle | undefined;
  #count = 0;
  /** Where the last whole entry ends. */
  #end = 0;

  private constructor(folder: string, key: Buffer, cluster: string) {
    this.#path = join(folder, "journal");
    this.#key = key;
    this.#cluster = cluster;
  }

  /** Opens or makes the journal of an HSM. @throws JournalDamaged */
  static async open(folder: string, key: Buffer, cluster: string): Promise<Journal> {
    await makeFolder(folder);
    const journal = new Journal(folder, key, cluster);
    const content = await readFile(journal.#path).catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    });
    if (content && content.length >= magic.length) journal.#read(content);
    if (!content || content.length < magic.length || journal.#count > 2 * journal.#entries.size + 64) {
      await journal.rewrite([...journal.#entries.values()]);
    } else {
      journal.#file = await open(journal.#path, "r+");
      // A last entry that was not whole was never acknowledged.
      if (content.length > journal.#end) await journal.#file.truncate(journal.#end);
    }
    return journal;
  }

  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  get(key: RecordKey): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Appends; on the disk when it resolves. Not to be called again before. */
  async append(entries: readonly Entry[]): Promise<void> {
    if (!this.#file) throw new Error("the journal is closed");
    const bytes = Buffer.concat(entries.map((entry, index) => this.#sealed(entry, this.#count + index)));
    try {
      await this.#file.write(bytes, 0, bytes.length, this.#end);
      await this.#file.datasync();
    } catch (error) {
      // What was written of it is not to be taken for an entry.
      await this.#file.truncate(this.#end).catch(() => {});
      throw error;
    }
    this.#end += bytes.length;
    this.#count += entries.length;
    for (const entry of entries) this.#entries.set(entry.key, entry);
  }

  /** Begins anew with these entries: the old file or the new one is there whatever happens. */
  async rewrite(entries: readonly Entry[]): Promise<void> {
    await this.close();
    const bytes = Buffer.concat([magic, ...entries.map((entry, index) => this.#sealed(entry, index))]);
    const file = await open(`${this.#path}.new`, "w+", 0o600);
    await file.write(bytes, 0, bytes.length, 0);
    await file.sync();
    await rename(`${this.#path}.new`, this.#path);
    const folder = await open(dirname(this.#path), "r");
    await folder.sync();
    await folder.close();
    this.#file = file;
    this.#count = entries.length;
    this.#end = bytes.length;
    this.#entries.clear();
    for (const entry of entries) this.#entries.set(entry.key, entry);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  #sealed(entry: Entry, number: number): Buffer {
    const box = closeBox(this.#key, `${this.#cluster} ${number}`, Buffer.from(JSON.stringify(entry)));
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(box.length);
    return Buffer.concat([length, box]);
  }

  #read(content: Buffer): void {
    if (!content.subarray(0, magic.length).equals(magic)) throw new JournalDamaged(this.#path, "not a journal");
    let at = magic.length;
    while (at + 4 <= content.length) {
      const length = content.readUInt32BE(at);
      if (length > longestEntry) throw new JournalDamaged(this.#path, `entry ${this.#count} has ${length} bytes`);
      if (at + 4 + length > content.length) break;
      const entry = this.#opened(content.subarray(at + 4, at + 4 + length), at + 4 + length === content.length);
      if (!entry) break;
      this.#entries.set(entry.key, entry);
      this.#count++;
      at += 4 + length;
    }
    this.#end = at;
  }

  /** `undefined`: a last entry whose bytes did not all reach the disk. */
  #opened(box: Buffer, isLast: boolean): Entry | undefined {
    try {
      return JSON.parse(openBox(this.#key, `${this.#cluster} ${this.#count}`, box).toString("utf8")) as Entry;
    } catch (error) {
      if (!(error instanceof BoxError)) throw error;
      if (isLast) return undefined;
      throw new JournalDamaged(this.#path, `entry ${this.#count} does not open`);
    }
  }
}
