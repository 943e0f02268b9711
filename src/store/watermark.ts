/**
 * A number that only rises, and callers who wait for it to pass a value. Used for "a change after n may exist".
 * Waiters are woken for nothing rather than left asleep: the caller always reads again.
 */
export class Watermark {
  #value = 0;
  readonly #waiters = new Set<{ after: number; wake: () => void }>();

  get value(): number {
    return this.#value;
  }

  raise(value: number): void {
    if (value <= this.#value) return;
    this.#value = value;
    for (const waiter of this.#waiters) if (value > waiter.after) waiter.wake();
  }

  /** What was known is of another file: begins anew, and wakes everybody. */
  reset(): void {
    this.#value = 0;
    this.wakeAll();
  }

  /** Wakes everybody: the connection that would have told them is gone, or the store closes. */
  wakeAll(): void {
    for (const waiter of this.#waiters) waiter.wake();
  }

  /** Resolves when the value is greater than `after`, on `wakeAll`, or after `timeoutMs`. */
  waitAbove(after: number, timeoutMs: number): Promise<void> {
    if (this.#value > after || timeoutMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter = {
        after,
        wake: () => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      const timer = setTimeout(waiter.wake, Math.min(timeoutMs, 2 ** 31 - 1));
      this.#waiters.add(waiter);
    });
  }
}
