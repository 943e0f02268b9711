/**
 * Renews all leases of a process at the same moment. The store commits what comes together with one sync, so an
 * installation in which nothing happens writes a few pages now and then, whatever the number of its jobs and reactors.
 */
import type { Logger } from "#kernel/log.ts";

/** A holder that renews nothing for this long is taken for dead. Milliseconds. */
export const leaseMs = 30_000;
/** Two renewals may fail before a lease runs out. */
const renewMs = leaseMs / 3;

export class LeaseKeeper {
  readonly #log: Logger;
  readonly #everyMs: number;
  readonly #renewals = new Set<() => Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger, everyMs: number = renewMs) {
    this.#log = log;
    this.#everyMs = everyMs;
  }

  /** Calls `renew` from now on, until the function it gives is called. A renewal that fails is tried again at the next turn. */
  keep(renew: () => Promise<void>): () => void {
    this.#renewals.add(renew);
    this.#timer ??= setInterval(() => this.#renew(), this.#everyMs);
    return () => {
      this.#renewals.delete(renew);
      if (this.#renewals.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #renew(): void {
    for (const renew of this.#renewals) {
      renew().catch((error: unknown) => this.#log.warn({ err: error }, "lease not renewed"));
    }
  }
}
