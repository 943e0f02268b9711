/**
 * A store that seals the values of some kinds of documents, and the events of some streams, before they are kept, and opens
 * them when they are read. Keys, versions and indexes stay as they are; everything else goes through untouched.
 */
import type {
  Change,
  CountQuery,
  Document,
  DocumentKey,
  IndexQuery,
  Lease,
  ListQuery,
  Operation,
  OutboxEntry,
  Page,
  Store,
} from "./contract.ts";
import { eventLimit, toJson } from "./limits.ts";
import { eventBound, openValue, sealJson, type SealingKey, type SealingKeys } from "./sealing.ts";

export interface SealedKinds {
  /** Service → types of documents. */
  documents: Readonly<Record<string, ReadonlySet<string>>>;
  streams: ReadonlySet<string>;
}

export class SealedStore implements Store {
  readonly #store: Store;
  readonly #kinds: SealedKinds;
  readonly #documents: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #keys: SealingKeys;

  constructor(store: Store, kinds: SealedKinds, keys: SealingKeys) {
    this.#store = store;
    this.#kinds = kinds;
    this.#documents = new Map(Object.entries(kinds.documents));
    this.#keys = keys;
  }

  get knownChange(): number | undefined {
    return this.#store.knownChange;
  }

  get<T>(key: DocumentKey): Promise<Document<T> | undefined> {
    const found = this.#store.get<T>(key);
    return this.#seals(key) ? found.then((document) => document && this.#opened(document)) : found;
  }

  getMany<T>(keys: readonly DocumentKey[]): Promise<(Document<T> | undefined)[]> {
    const found = this.#store.getMany<T>(keys);
    if (!keys.some((key) => this.#seals(key))) return found;
    return found.then((documents) => Promise.all(documents.map(async (each) => each && (await this.#opened(each)))));
  }

  list<T>(query: ListQuery): Promise<Page<T>> {
    const page = this.#store.list<T>(query);
    return this.#seals(query) ? page.then((found) => this.#openedPage(found)) : page;
  }

  find<T>(query: IndexQuery): Promise<Page<T>> {
    const page = this.#store.find<T>(query);
    return this.#seals(query) ? page.then((found) => this.#openedPage(found)) : page;
  }

  commit(batch: readonly Operation[]): Promise<void> {
    const seals = batch.some((operation) => this.#contentOf(operation));
    return seals ? this.#commitSealed(batch) : this.#store.commit(batch);
  }

  async #commitSealed(batch: readonly Operation[]): Promise<void> {
    const key = this.#keys.current();
    if (!(key instanceof Promise)) return await this.#store.commit(this.#sealed(batch, key));
    // The caller may change its objects meanwhile.
    const asCalled = batch.map(copied);
    return await this.#store.commit(this.#sealed(asCalled, await key));
  }

  #seals({ service, type }: { service: string; type: string }): boolean {
    return this.#documents.get(service)?.has(type) === true;
  }

  #contentOf(operation: Operation): boolean {
    if (operation.op === "put") return this.#seals(operation.key);
    return operation.op === "append" && this.#kinds.streams.has(operation.stream);
  }

  #sealed(batch: readonly Operation[], key: SealingKey): Operation[] {
    return batch.map((operation) => {
      if (!this.#contentOf(operation)) return operation;
      if (operation.op === "put") {
        return { ...operation, value: sealJson(key, toJson("value", operation.value), boundTo(operation.key)) };
      }
      if (operation.op !== "append") return operation;
      const { stream, id, event } = operation;
      return { ...operation, event: sealJson(key, toJson("event", event, eventLimit), eventBound(stream, id)) };
    });
  }

  async #opened<T>(document: Document<T>): Promise<Document<T>> {
    if (!this.#seals(document.key)) return document;
    return { ...document, value: await openValue(this.#keys, document.value, boundTo(document.key)) };
  }

  async #openedPage<T>(page: Page<T>): Promise<Page<T>> {
    return { ...page, items: await Promise.all(page.items.map((each) => this.#opened(each))) };
  }

  count(query: CountQuery): Promise<number> {
    return this.#store.count(query);
  }
  changes(after: number, limit: number): Promise<Change[]> {
    return this.#store.changes(after, limit);
  }
  waitForChange(after: number, timeoutMs: number): Promise<void> {
    return this.#store.waitForChange(after, timeoutMs);
  }
  lastChange(): Promise<number> {
    return this.#store.lastChange();
  }
  /** As they are kept: the relay hands them on sealed. */
  outbox(limit: number): Promise<OutboxEntry[]> {
    return this.#store.outbox(limit);
  }
  removeOutbox(sequences: readonly number[]): Promise<void> {
    return this.#store.removeOutbox(sequences);
  }
  waitForOutbox(timeoutMs: number): Promise<void> {
    return this.#store.waitForOutbox(timeoutMs);
  }
  lease(name: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    return this.#store.lease(name, owner, ttlMs);
  }
  releaseLease(lease: Lease): Promise<void> {
    return this.#store.releaseLease(lease);
  }
  expire(limit: number): Promise<number> {
    return this.#store.expire(limit);
  }
  backup(path: string): Promise<void> {
    return this.#store.backup(path);
  }
  ping(): Promise<void> {
    return this.#store.ping();
  }
  close(): Promise<void> {
    return this.#store.close();
  }
}

function copied(operation: Operation): Operation {
  if (operation.op === "put") {
    return { ...operation, value: JSON.parse(toJson("value", operation.value)) as unknown };
  }
  if (operation.op !== "append") return operation;
  return { ...operation, event: JSON.parse(toJson("event", operation.event, eventLimit)) as unknown };
}

function boundTo({ account, region, service, type, id }: DocumentKey): string {
  return `${account}\0${region}\0${service}\0${type}\0${id}`;
}
