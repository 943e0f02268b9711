/**
 * Keeps the edge's documents in step with the store: everything once, then what the change feed names, and everything
 * again after a gap or when another store answers. What is known survives the loss of the store: it is given on as it is.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#kernel/log.ts";
import type { Change, Document, DocumentKey, Store } from "#store/contract.ts";
import { wafDocuments } from "#engines/waf/contract.ts";
import { edgeDocument, edgeService } from "./config.ts";

/** A document as it is known here. */
export interface KnownDocument {
  key: DocumentKey;
  version: number;
  value: unknown;
}

/** Types of documents that are followed, by service. */
const followed: Readonly<Record<string, readonly string[]>> = {
  [edgeService]: [edgeDocument.frontEnd, edgeDocument.listener, edgeDocument.targetGroup, edgeDocument.certificate],
  [wafDocuments.service]: Object.values(wafDocuments.types),
};

const waitMs = 20_000;
const retryMs = 500;
/** Bursts are read at once. */
const idleMs = 25;
const batch = 2_000;
const page = 1_000;

export class Feed {
  readonly documents = new Map<string, KnownDocument>();
  readonly #store: Store;
  readonly #log: Logger;
  readonly #changed: (keys: readonly DocumentKey[]) => Promise<void>;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #reached = false;

  /**
   * @param changed called after the documents have changed, with the keys of those that did; it is awaited. The first
   * full reading is told even when nothing differs.
   */
  constructor(store: Store, log: Logger, changed: (keys: readonly DocumentKey[]) => Promise<void>) {
    this.#store = store;
    this.#log = log;
    this.#changed = changed;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Whether the store has answered since the last loss of it. */
  get reached(): boolean {
    return this.#reached;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    // A wait of the store has its own end; nobody waits for it.
    await Promise.race([this.#running, delay(50)]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (error) {
        if (this.#reached) this.#log.warn({ err: error }, "the store is out of reach; serving goes on as configured");
        this.#reached = false;
        await delay(retryMs);
      }
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    let after = await this.#readAll();
    this.#reached = true;
    while (!signal.aborted) {
      await this.#store.waitForChange(after, waitMs);
      await delay(idleMs);
      const last = await this.#store.lastChange();
      // Another store, or an older copy of it, has taken this one's place.
      if (last < after) return;
      for (;;) {
        const changes = await this.#store.changes(after, batch);
        if (changes.length === 0) break;
        // Trimmed beyond what was read: the rest is not all.
        if (changes[0]!.sequence !== after + 1) return;
        await this.#take(changes);
        after = changes.at(-1)!.sequence;
      }
    }
  }

  async #take(changes: readonly Change[]): Promise<void> {
    const keys = new Map<string, DocumentKey>();
    for (const { key } of changes) if (isFollowed(key)) keys.set(nameOf(key), key);
    if (keys.size === 0) return;
    const wanted = [...keys.values()];
    const found = await this.#store.getMany(wanted);
    for (const [index, key] of wanted.entries()) this.#put(key, found[index]);
    await this.#changed(wanted);
  }

  /** The number of the change up to which everything has been read. */
  async #readAll(): Promise<number> {
    const after = await this.#store.lastChange();
    const seen = new Set<string>();
    const changed: DocumentKey[] = [];
    for (const [service, types] of Object.entries(followed)) {
      for (const type of types) {
        for await (const document of this.#each(service, type)) {
          const name = nameOf(document.key);
          seen.add(name);
          if (this.documents.get(name)?.version === document.version) continue;
          this.#put(document.key, document);
          changed.push(document.key);
        }
      }
    }
    for (const [name, { key }] of this.documents) {
      if (seen.has(name)) continue;
      this.documents.delete(name);
      changed.push(key);
    }
    await this.#changed(changed);
    return after;
  }

  async *#each(service: string, type: string): AsyncGenerator<Document> {
    for (let after: string | undefined; ;) {
      const query = { service, type, limit: page, ...(after === undefined ? {} : { after }) };
      const { items, next } = await this.#store.list(query);
      yield* items;
      if (next === undefined) return;
      after = next;
    }
  }

  #put(key: DocumentKey, document: Document | undefined): void {
    const name = nameOf(key);
    if (!document) this.documents.delete(name);
    else this.documents.set(name, { key, version: document.version, value: document.value });
  }
}

function isFollowed({ service, type }: DocumentKey): boolean {
  return followed[service]?.includes(type) ?? false;
}

export function nameOf({ account, region, service, type, id }: DocumentKey): string {
  return `${account}\0${region}\0${service}\0${type}\0${id}`;
}
