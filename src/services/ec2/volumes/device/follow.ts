/** Tells of every document of EBS once, then of each that changes, and of everything again after a gap. */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#kernel/log.ts";
import type { Document, DocumentKey, Store } from "#store/contract.ts";
import { serviceId } from "../../state.ts";
import { ebsTypes } from "../state.ts";

export const followedTypes = ["volume", "snapshot", ebsTypes.remains] as const;

export interface Followed {
  /** Everything there is: at the start, and whenever changes may have been missed. */
  all(documents: readonly Document[]): Promise<void>;
  /** A document that has changed, or is gone. */
  one(key: DocumentKey, document: Document | undefined): void;
}

const waitMs = 20_000;
const retryMs = 500;
/** Bursts are read at once. */
const gatherMs = 10;
const page = 1_000;
const batch = 2_000;

export class Follow {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #followed: Followed;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  readonly #first = Promise.withResolvers<void>();

  constructor(store: Store, log: Logger, followed: Followed) {
    this.#store = store;
    this.#log = log;
    this.#followed = followed;
  }

  /** Resolves when everything has been told once. */
  start(): Promise<void> {
    this.#running = this.#run();
    return this.#first.promise;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    // A wait of the store has its own end; nobody waits for it.
    await Promise.race([this.#running, delay(50)]);
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#follow();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#log.warn({ err: error }, "the volumes cannot be followed");
        await delay(retryMs);
      }
    }
  }

  async #follow(): Promise<void> {
    let after = await this.#store.lastChange();
    await this.#followed.all(await this.#everything());
    this.#first.resolve();
    while (!this.#stop.signal.aborted) {
      await this.#store.waitForChange(after, waitMs);
      await delay(gatherMs);
      // Another store, or an older copy of it, has taken this one's place.
      if ((await this.#store.lastChange()) < after) return;
      for (;;) {
        const changes = await this.#store.changes(after, batch);
        if (changes.length === 0) break;
        // Trimmed beyond what was read: the rest is not all.
        if (changes[0]!.sequence !== after + 1) return;
        await this.#tell(changes.map(({ key }) => key));
        after = changes.at(-1)!.sequence;
      }
    }
  }

  async #tell(keys: readonly DocumentKey[]): Promise<void> {
    const types: readonly string[] = followedTypes;
    const own = new Map<string, DocumentKey>();
    for (const key of keys)
      if (key.service === serviceId && types.includes(key.type)) own.set(`${key.type}/${key.id}`, key);
    if (own.size === 0) return;
    const wanted = [...own.values()];
    const found = await this.#store.getMany(wanted);
    for (const [index, key] of wanted.entries()) this.#followed.one(key, found[index]);
  }

  async #everything(): Promise<Document[]> {
    const documents: Document[] = [];
    for (const type of followedTypes) {
      for (let after: string | undefined; ;) {
        const query = { service: serviceId, type, limit: page, ...(after === undefined ? {} : { after }) };
        const { items, next } = await this.#store.list(query);
        documents.push(...items);
        if (next === undefined) break;
        after = next;
      }
    }
    return documents;
  }
}
