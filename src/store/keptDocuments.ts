/**
 * Documents that were read lately, as the file has them: a look into SQLite costs more than most calls do with what they
 * find. For the one process that owns the file, through which every write goes.
 *
 * INVARIANT: nothing is kept of a document while a write of it is under way, from before the writer is told until it
 * has answered. So what is here is what the file says, at every moment, also for whoever reads the file itself.
 */
import type { DocumentKey } from "./contract.ts";
import type { ValueRow } from "./queries.ts";

/** Characters of all documents in a generation, and of one that is worth keeping. */
const generationSize = 4 << 20;
const longest = 64 << 10;
/** What a key and its place cost beside the document. */
const overhead = 200;

export class KeptDocuments {
  /** `null`: there is none. */
  #young = new Map<string, ValueRow | null>();
  #old = new Map<string, ValueRow | null>();
  #size = 0;
  readonly #writing = new Map<string, number>();
  /** Writes that do not say which documents they change. */
  #sweeping = 0;
  readonly #requireUp: () => void;

  /** @param requireUp throws when the file must not be read any more; then nothing is given from here either */
  constructor(requireUp: () => void) {
    this.#requireUp = requireUp;
  }

  /** The row of a checked key, from here or from the file; `load` reads at once. */
  read(key: DocumentKey, load: () => ValueRow | undefined): ValueRow | undefined {
    this.#requireUp();
    const name = nameOf(key);
    const young = this.#young.get(name);
    if (young !== undefined) return young ?? undefined;
    const kept = this.#old.get(name);
    const row = kept === undefined ? (load() ?? null) : kept;
    if (this.#sweeping === 0 && !this.#writing.has(name)) this.#keep(name, row);
    return row ?? undefined;
  }

  #keep(name: string, row: ValueRow | null): void {
    const size = overhead + (row?.value.length ?? 0);
    if (size > longest) return;
    if (this.#size + size > generationSize) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#size = 0;
    }
    this.#young.set(name, row);
    this.#size += size;
  }

  /** Runs a write of these documents. */
  async writing<T>(keys: readonly DocumentKey[], write: () => Promise<T>): Promise<T> {
    const names = keys.map(nameOf);
    for (const name of names) {
      this.#writing.set(name, (this.#writing.get(name) ?? 0) + 1);
      this.#young.delete(name);
      this.#old.delete(name);
    }
    try {
      return await write();
    } finally {
      for (const name of names) {
        const others = this.#writing.get(name)! - 1;
        if (others === 0) this.#writing.delete(name);
        else this.#writing.set(name, others);
      }
    }
  }

  /** Runs a write that may change any document. */
  async sweeping<T>(write: () => Promise<T>): Promise<T> {
    this.#sweeping++;
    this.#young.clear();
    this.#old.clear();
    this.#size = 0;
    try {
      return await write();
    } finally {
      this.#sweeping--;
    }
  }
}

/** INVARIANT: different keys have different names: no checked key holds NUL. */
function nameOf({ account, region, service, type, id }: DocumentKey): string {
  return `${service}\0${type}\0${account}\0${region}\0${id}`;
}
