/**
 * The last configuration, on the disk: what the edge serves from when it starts while the store cannot be asked. Sealed:
 * it holds private keys.
 */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { KnownDocument } from "./feed.ts";
import type { Sealing } from "./sealing.ts";
import type { Secrets } from "./revealed.ts";

interface Saved {
  format: 1;
  documents: KnownDocument[];
  secrets: [string, string][];
}

export class LastKnown {
  readonly #path: string;
  readonly #sealing: Sealing;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, sealing: Sealing) {
    this.#path = path;
    this.#sealing = sealing;
  }

  /** Undefined where there is none that was sealed under this secret. */
  async read(): Promise<{ documents: KnownDocument[]; secrets: Secrets } | undefined> {
    const sealed = await readFile(this.#path).catch(() => undefined);
    const opened = sealed && this.#sealing.open(sealed);
    if (!opened) return undefined;
    const saved = JSON.parse(opened.toString()) as Saved;
    return saved.format === 1 ? { documents: saved.documents, secrets: new Map(saved.secrets) } : undefined;
  }

  /** The file is whole at every moment: the new one takes the old one's place. */
  write(documents: Iterable<KnownDocument>, secrets: Secrets): Promise<void> {
    const saved: Saved = { format: 1, documents: [...documents], secrets: [...secrets] };
    const sealed = this.#sealing.seal(Buffer.from(JSON.stringify(saved)));
    this.#writing = this.#writing.catch(() => {}).then(() => this.#replace(sealed));
    return this.#writing;
  }

  async #replace(sealed: Buffer): Promise<void> {
    const next = `${this.#path}.new`;
    try {
      await writeFile(next, sealed, { mode: 0o600, flush: true });
      await rename(next, this.#path);
    } catch (error) {
      await rm(next, { force: true });
      throw error;
    }
  }
}
