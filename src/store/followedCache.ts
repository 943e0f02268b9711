/**
 * What is asked of the store with every request, kept in memory until the change feed says that it changed.
 * Answers are kept by kind (a shelf) and id; each belongs to an account, by which changes find it.
 *
 * INVARIANT: an answer that was read before a change is not kept past that change: what is being loaded while
 * something relevant changes is used once and not stored. While the feed cannot be followed nothing is served from here.
 * INVARIANT: what this process has committed, and been told so, is seen by the next question: a policy that was put or
 * taken away holds from then on. Changes by other processes are seen as soon as the feed tells of them.
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
  /** The newest change that has been applied; undefined while the feed is not followed. */
  #applied: number | undefined;
  #catchingUp: Promise<void> | undefined;

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
    if (this.#isBehind()) {
      const hit = () => shelf.entries.get(id)?.answer ?? this.#load(shelf, id, load, keep);
      return this.#caughtUp().then(() => (this.#isBehind() ? load() : hit()));
    }
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

  #isBehind(): boolean {
    return this.#applied !== undefined && (this.#options.store.knownChange ?? 0) > this.#applied;
  }

  /** Applies what this process knows of and the feed has not come to yet. */
  #caughtUp(): Promise<void> {
    this.#catchingUp ??= this.#catchUp().finally(() => (this.#catchingUp = undefined));
    return this.#catchingUp;
  }

  async #catchUp(): Promise<void> {
    const { store } = this.#options;
    try {
      while (this.#applied !== undefined && this.#isBehind()) {
        const known = store.knownChange ?? 0;
        const changes = await store.changes(this.#applied, batch);
        for (const change of changes) this.#apply(change);
        // A number may have been given to a commit that came to nothing.
        this.#reached(changes.at(-1)?.sequence ?? known);
      }
    } catch {
      // What cannot be followed is not trusted: `#follow` meets the same failure, and tells.
      this.#clear();
    }
  }

  #reached(sequence: number): void {
    if (this.#applied !== undefined && sequence > this.#applied) this.#applied = sequence;
  }

  async #follow(): Promise<void> {
    const { store, log, monotonic, what } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        this.#applied ??= await store.lastChange();
        const after = this.#applied;
        const changes: Change[] = await store.changes(after, batch);
        if (signal.aborted) return;
        for (const change of changes) this.#apply(change);
        this.#heardAt = monotonic();
        this.#reached(changes.at(-1)?.sequence ?? after);
        if (changes.length > 0) continue;
        await store.waitForChange(this.#applied, waitMs);
        await delay(idleMs, undefined, { ref: false, signal });
      } catch (error) {
        if (signal.aborted) return;
        this.#heardAt = Number.NEGATIVE_INFINITY;
        this.#clear();
        this.#applied = undefined;
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
