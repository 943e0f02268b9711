/** What a cluster has acknowledged, and the one line in which changes of it are made. */
import type { Change, Entry, RecordKey } from "../vault/records.ts";

export interface CommitEffects {
  /** On the disk of every HSM when it resolves; when it rejects, of none. */
  write(entries: Entry[]): Promise<void>;
  /** In the memory of every HSM that lives. */
  apply(entries: Entry[]): Promise<void>;
}

interface Pending {
  changes: readonly Change[];
  resolve(result: { done: boolean; entries: Entry[] }): void;
  reject(error: Error): void;
}

export class Commits {
  readonly #effects: CommitEffects;
  readonly #entries = new Map<RecordKey, Entry>();
  #pending: Pending[] = [];
  #busy = false;

  constructor(effects: CommitEffects) {
    this.#effects = effects;
  }

  get(key: RecordKey): Entry | undefined {
    return this.#entries.get(key);
  }

  all(): Entry[] {
    return [...this.#entries.values()];
  }

  /** Takes what is known from elsewhere; an older version of an entry is no news. */
  remember(entry: Entry): void {
    const known = this.#entries.get(entry.key);
    if (!known || known.version < entry.version) this.#entries.set(entry.key, entry);
  }

  forget(): void {
    this.#entries.clear();
  }

  /** All of the changes or none. `done` is false when a record has another version than its change goes by. */
  commit(changes: readonly Change[]): Promise<{ done: boolean; entries: Entry[] }> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ changes, resolve, reject });
      void this.#run();
    });
  }

  /** Does it while nothing is written. */
  async between<T>(work: () => Promise<T>): Promise<T> {
    while (this.#busy) await new Promise((resolve) => setImmediate(resolve));
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
      void this.#run();
    }
  }

  /** What waits while a write is under way is written together. */
  async #run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#pending.length > 0) await this.#together(this.#pending.splice(0));
    this.#busy = false;
  }

  async #together(commits: readonly Pending[]): Promise<void> {
    const fresh = new Map<RecordKey, Entry>();
    const current = (key: RecordKey): Entry | undefined => fresh.get(key) ?? this.#entries.get(key);
    const verdicts = commits.map(({ changes }) => {
      const done = changes.every(({ key, base }) => (current(key)?.version ?? 0) === base);
      if (done) for (const { key, base, record } of changes) fresh.set(key, { key, version: base + 1, record });
      return done;
    });
    const entries = [...fresh.values()];
    try {
      if (entries.length > 0) await this.#effects.write(entries);
      for (const entry of entries) this.remember(entry);
      if (entries.length > 0) await this.#effects.apply(entries);
      commits.forEach(({ changes, resolve }, index) => {
        resolve({ done: verdicts[index]!, entries: changes.flatMap(({ key }) => this.#entries.get(key) ?? []) });
      });
    } catch (error) {
      for (const { reject } of commits) reject(error as Error);
    }
  }
}
