/**
 * What is asked of the store with every request, kept in memory until the change feed says that it changed.
 * Answers are kept by kind (a shelf) and id; each belongs to an account, by which changes find it.
 *
 * INVARIANT: an answer that was read before a change is not kept past that change: what is being loaded while
 * something relevant changes is used once and not stored. While the feed cannot be followed nothing is served from here.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#kernel/log.ts";
import type { Change, Store } from "./contract.ts";

/** How long the feed is waited on at a time. */
const waitMs = 2000;
/** Without word from the feed for this long, the cache is not used. */
const trustMs = 3 * waitMs;
/** Pause after each wake-up: engines may wake early, and a burst of changes is read at once. */
const idleMs = 10;
const retryMs = 250;
const batch = 500;
/** Entries per shelf; beyond it everything on it is dropped and loaded again as needed. */
const capacity = 20_000;

export interface Entry<T> {
  account: string;
  value: T;
}

/** One kind of answer, by id. Kept as promises that have resolved: a hit makes no new one. */
export interface Shelf<T> {
  name: string;
  entries: Map<string, { account: string; answer: Promise<T> }>;
}

export interface FollowedCacheOptions {
  store: Store;
  log: Logger;
  /** Monotonic milliseconds; only for deciding whether the cache is still being told of changes. */
  monotonic: () => number;
  /** Whose answers a change makes stale: an account's, everybody's, or nobody's. */
  stale(change: Change): { account: string } | "everything" | undefined;
  /** For the log. */
  what: string;
}

export class FollowedCache {
  readonly #options: FollowedCacheOptions;
  readonly #shelves: Shelf<unknown>[] = [];
  readonly #loading = new Map<string, Promise<unknown>>();
  readonly #stopped = new AbortController();
  /** Rises with each relevant change anywhere. */
  #generation = 0;
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(options: FollowedCacheOptions) {
    this.#options = options;
    void this.#follow();
  }

  shelf<T>(name: string): Shelf<T> {
    const shelf: Shelf<T> = { name, entries: new Map() };
    this.#shelves.push(shelf as Shelf<unknown>);
    return shelf;
  }

  /** The answer from the shelf, or loaded; kept when `keep` says under which account. */
  through<T, S extends T>(
    shelf: Shelf<S>,
    id: string,
    load: () => Promise<T>,
    keep: (value: T) => Entry<S> | undefined,
  ): Promise<T> {
    if (this.#options.monotonic() - this.#heardAt > trustMs) return load();
    return shelf.entries.get(id)?.answer ?? this.#load(shelf, id, load, keep);
  }

  async #load<T, S extends T>(
    { name: kind, entries }: Shelf<S>,
    id: string,
    load: () => Promise<T>,
    keep: (value: T) => Entry<S> | undefined,
  ): Promise<T> {
    const name = `${kind}/${id}`;
    const running = this.#loading.get(name);
    if (running) return running as Promise<T>;
    const generation = this.#generation;
    const loading = load();
    this.#loading.set(name, loading);
    try {
      const value = await loading;
      const entry = keep(value);
      if (entry && generation === this.#generation) {
        if (entries.size >= capacity) entries.clear();
        entries.set(id, { account: entry.account, answer: Promise.resolve(entry.value) });
      }
      return value;
    } finally {
      if (this.#loading.get(name) === loading) this.#loading.delete(name);
    }
  }

  close(): void {
    this.#stopped.abort();
    this.#clear();
  }

  async #follow(): Promise<void> {
    const { store, log, monotonic, what } = this.#options;
    const { signal } = this.#stopped;
    let after: number | undefined;
    while (!signal.aborted) {
      try {
        after ??= await store.lastChange();
        const changes: Change[] = await store.changes(after, batch);
        if (signal.aborted) return;
        for (const change of changes) this.#apply(change);
        this.#heardAt = monotonic();
        after = changes.at(-1)?.sequence ?? after;
        if (changes.length > 0) continue;
        await store.waitForChange(after, waitMs);
        await delay(idleMs, undefined, { ref: false, signal });
      } catch (error) {
        if (signal.aborted) return;
        this.#heardAt = Number.NEGATIVE_INFINITY;
        this.#clear();
        after = undefined;
        log.warn({ err: error }, `cannot follow the change feed; ${what} are read from the store`);
        await delay(retryMs, undefined, { ref: false, signal }).catch(() => undefined);
      }
    }
  }

  #apply(change: Change): void {
    const stale = this.#options.stale(change);
    if (stale === undefined) return;
    if (stale === "everything") return this.#clear();
    this.#generation++;
    this.#loading.clear();
    for (const { entries } of this.#shelves) {
      for (const [id, entry] of entries) if (entry.account === stale.account) entries.delete(id);
    }
  }

  #clear(): void {
    this.#generation++;
    this.#loading.clear();
    for (const { entries } of this.#shelves) entries.clear();
  }
}
