/**
 * Records of calls that one call makes of other services and that wait for its commit: one batch and one sync for
 * both. Only calls that have done their work and changed no document join; every other is committed by itself.
 *
 * INVARIANT: what has joined is committed once: with the call it joined, also when that is refused, or by itself
 * when that takes long or fails for a reason of its own. When it cannot be committed, the call it joined fails.
 */
import type { Operation } from "#store/contract.ts";

/** An upload may take hours; nobody who reads the trail waits for it. Milliseconds. */
const longestWait = 1_000;

export class JoinedRecords {
  readonly #commit: (batch: readonly Operation[]) => Promise<void>;
  #waiting: Operation[] = [];
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  /** Commits by themselves that have been begun. */
  #alone: Promise<unknown> | undefined;

  /** `commit` is the store's. */
  constructor(commit: (batch: readonly Operation[]) => Promise<void>) {
    this.#commit = commit;
  }

  /** False when the call is past the point where it could take them along: they are to be committed by themselves. */
  join(records: readonly Operation[]): boolean {
    if (this.#closed) return false;
    this.#waiting.push(...records);
    this.#timer ??= setTimeout(() => this.#commitAlone(), longestWait);
    return true;
  }

  /** Nothing joins from now on. Gives what the call's batch has to take along. @throws what a commit by itself failed with */
  async close(): Promise<readonly Operation[]> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#alone;
    return this.#waiting.splice(0);
  }

  /** The batch lost a race, and nothing of it was applied: its call is run again. */
  reopen(records: readonly Operation[]): void {
    this.#closed = false;
    if (records.length > 0) this.join(records);
  }

  #commitAlone(): void {
    this.#timer = undefined;
    const committing = Promise.all([this.#alone, this.#commit(this.#waiting.splice(0))]);
    // A failure is told by `close`.
    committing.catch(() => {});
    this.#alone = committing;
  }
}
