/**
 * What the gateway asks of IAM with every request, kept in memory until the change feed says that the account's
 * IAM changed.
 *
 * INVARIANT: an answer that was read before a change is not kept past that change: what is being loaded while
 * the account changes is used once and not stored. While the feed cannot be followed nothing is served from here.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Credential, PolicySet } from "#gateway/identity.ts";
import type { Logger } from "#kernel/log.ts";
import type { Change, Store } from "#store/contract.ts";

type Policies = Pick<PolicySet, "identity" | "boundary">;
type Status = "ACTIVE" | "SUSPENDED" | "UNKNOWN";

/** Documents that say nothing about who may do what; they change all the time. */
const irrelevant = new Set(["lastUsed", "usage", "throttle", "credentialReport", "accessJob", "deletionTask"]);

/** How long the feed is waited on at a time. */
const waitMs = 2000;
/** Without word from the feed for this long, the cache is not used. */
const trustMs = 3 * waitMs;
/** Pause after each wake-up: engines may wake early, and a burst of changes is read at once. */
const idleMs = 10;
const retryMs = 250;
const batch = 500;
/** Entries per kind; beyond it everything is dropped and loaded again as needed. */
const capacity = 20_000;

interface Entry<T> {
  account: string;
  value: T;
}

/** One kind of answer, by id. */
interface Shelf<T> {
  name: string;
  entries: Map<string, Entry<T>>;
}

const shelf = <T>(name: string): Shelf<T> => ({ name, entries: new Map() });

export class IdentityCache {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #monotonic: () => number;
  readonly #credentials = shelf<Credential>("credential");
  readonly #policies = shelf<Policies>("policies");
  readonly #statuses = shelf<Status>("status");
  readonly #loading = new Map<string, Promise<unknown>>();
  readonly #stopped = new AbortController();
  /** Rises with each relevant change anywhere. */
  #generation = 0;
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(store: Store, log: Logger, monotonic: () => number) {
    this.#store = store;
    this.#log = log;
    this.#monotonic = monotonic;
    void this.#follow();
  }

  credential(id: string, load: () => Promise<Credential | undefined>): Promise<Credential | undefined> {
    return this.#through(this.#credentials, id, load, (credential) =>
      credential && "account" in credential.principal
        ? { account: credential.principal.account, value: credential }
        : undefined,
    );
  }

  policies(account: string, id: string, load: () => Promise<Policies>): Promise<Policies> {
    return this.#through(this.#policies, `${account}/${id}`, load, (value) => ({ account, value }));
  }

  status(account: string, load: () => Promise<Status>): Promise<Status> {
    return this.#through(this.#statuses, account, load, (value) =>
      value === "UNKNOWN" ? undefined : { account, value },
    );
  }

  close(): void {
    this.#stopped.abort();
    this.#clear();
  }

  async #through<T, S extends T>(
    { name: kind, entries }: Shelf<S>,
    id: string,
    load: () => Promise<T>,
    keep: (value: T) => Entry<S> | undefined,
  ): Promise<T> {
    if (this.#monotonic() - this.#heardAt > trustMs) return load();
    const hit = entries.get(id);
    if (hit) return hit.value;
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
        entries.set(id, entry);
      }
      return value;
    } finally {
      if (this.#loading.get(name) === loading) this.#loading.delete(name);
    }
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopped;
    let after: number | undefined;
    while (!signal.aborted) {
      try {
        after ??= await this.#store.lastChange();
        const changes: Change[] = await this.#store.changes(after, batch);
        if (signal.aborted) return;
        for (const change of changes) this.#apply(change);
        this.#heardAt = this.#monotonic();
        after = changes.at(-1)?.sequence ?? after;
        if (changes.length > 0) continue;
        await this.#store.waitForChange(after, waitMs);
        await delay(idleMs, undefined, { ref: false, signal });
      } catch (error) {
        if (signal.aborted) return;
        this.#heardAt = Number.NEGATIVE_INFINITY;
        this.#clear();
        after = undefined;
        this.#log.warn({ err: error }, "cannot follow the change feed; identities are read from the store");
        await delay(retryMs, undefined, { ref: false, signal }).catch(() => undefined);
      }
    }
  }

  get #shelves(): Shelf<unknown>[] {
    return [this.#credentials, this.#policies, this.#statuses];
  }

  #apply(change: Change): void {
    const { service, type, account } = change.key;
    if (service !== "iam" || irrelevant.has(type)) return;
    this.#generation++;
    this.#loading.clear();
    for (const { entries } of this.#shelves) {
      for (const [id, entry] of entries) if (entry.account === account) entries.delete(id);
    }
  }

  #clear(): void {
    this.#generation++;
    this.#loading.clear();
    for (const { entries } of this.#shelves) entries.clear();
  }
}
