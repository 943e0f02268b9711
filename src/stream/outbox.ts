import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "#kernel/clock.ts";
import type { Logger } from "#kernel/log.ts";
import type { Lease, OutboxEntry, Store } from "#store/contract.ts";
import type { Stream } from "./contract.ts";

export interface OutboxRelayOptions {
  store: Store;
  stream: Stream;
  /** Unique per process. */
  owner: string;
  clock: Clock;
  log: Logger;
  /** Entries moved at a time. */
  batch?: number;
  leaseMs?: number;
  /** Pause after a failure, in milliseconds. */
  retryMs?: number;
}

const leaseName = "outbox-relay";

/**
 * Moves events from the store's outbox to the streams, in commit order, under a lease so that one relay works at
 * a time. An entry is removed only after the stream has it; killed in between, it is sent again with the same id.
 *
 * INVARIANT: an entry leaves the outbox only when its append has resolved. A stream that fails holds up
 * everything behind it: order per key matters more than progress.
 */
export class OutboxRelay {
  readonly #options: Required<OutboxRelayOptions>;
  readonly #stop = new AbortController();
  readonly #stopped: Promise<void>;
  #running: Promise<void> | undefined;

  constructor(options: OutboxRelayOptions) {
    this.#options = { batch: 500, leaseMs: 15_000, retryMs: 500, ...options };
    this.#stopped = new Promise((resolve) =>
      this.#stop.signal.addEventListener("abort", () => resolve(), { once: true }),
    );
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends after the batch under way, releases the lease. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log, leaseMs, retryMs, store, owner } = this.#options;
    let lease: Lease | undefined;
    while (!this.#stop.signal.aborted) {
      try {
        lease = await store.lease(leaseName, owner, leaseMs);
        if (lease) await this.#relayWhile(lease);
        else await this.#pause(leaseMs / 3);
      } catch (error) {
        log.warn({ err: error }, "the outbox relay pauses");
        await this.#pause(retryMs);
      }
    }
    if (lease)
      await store
        .releaseLease(lease)
        .catch((error: unknown) => log.warn({ err: error }, "the outbox lease runs out by itself"));
  }

  /** Works for half of the lease's time; then it is renewed. */
  async #relayWhile(lease: Lease): Promise<void> {
    const { store, clock, leaseMs } = this.#options;
    const renewAt = lease.expiresAt - leaseMs / 2;
    while (!this.#stop.signal.aborted && clock.now() < renewAt) {
      if ((await this.relayOnce()) > 0) continue;
      await Promise.race([store.waitForOutbox(Math.min(leaseMs / 4, 1_000)), this.#stopped]);
    }
  }

  /** Moves one batch; returns how many entries. For tests and for draining at the end. */
  async relayOnce(): Promise<number> {
    const { store, stream, batch } = this.#options;
    const entries = await store.outbox(batch);
    const byStream = Map.groupBy(entries, (entry) => entry.stream);
    const results = await Promise.allSettled(
      [...byStream].map(async ([name, own]): Promise<OutboxEntry[]> => {
        await stream.append(
          name,
          own.map(({ id, key, event }) => ({ id, key, event })),
        );
        return own;
      }),
    );
    const moved = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    if (moved.length > 0) await store.removeOutbox(moved.map((entry) => entry.sequence));
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
    return moved.length;
  }

  async #pause(milliseconds: number): Promise<void> {
    await delay(milliseconds, undefined, { signal: this.#stop.signal }).catch(() => {});
  }
}
