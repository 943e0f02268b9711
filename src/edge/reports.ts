/** Writes what became of listeners and targets into the store, the latest of each; older ones need not arrive. */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#kernel/log.ts";
import { Conflict, type DocumentKey, type Store } from "#store/contract.ts";

export interface Report {
  /** Where the report goes. */
  key: DocumentKey;
  /** What it is about: without that it is not written. */
  subject: DocumentKey;
  value: unknown;
}

const retryMs = 500;

export class Reports {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #waiting = new Map<string, Report>();
  #writing: Promise<void> | undefined;
  #closed = false;

  constructor(store: Store, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  put(report: Report): void {
    this.#waiting.set(`${report.key.type}|${report.key.id}`, report);
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.race([this.#writing, delay(200)]);
  }

  async #write(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#closed) {
      for (const [name, report] of this.#waiting) {
        try {
          await this.#put(report);
          if (this.#waiting.get(name) === report) this.#waiting.delete(name);
        } catch (error) {
          if (!(error instanceof Conflict)) this.#log.debug({ err: error }, "a report waits for the store");
          await delay(retryMs);
        }
      }
    }
  }

  /** In the same batch as a look at its subject, so that none is written for what has just been deleted. */
  async #put({ key, subject, value }: Report): Promise<void> {
    const document = await this.#store.get(subject);
    if (!document) return;
    await this.#store.commit([
      { op: "check", key: subject, ifVersion: document.version },
      { op: "put", key, value },
    ]);
  }
}
