/**
 * Waking receivers that wait for a queue, whichever process the message arrived through. While anybody waits, the
 * store's change feed is followed once for the whole process; nobody asks the store in a loop.
 */
import type { ChangeFeed } from "#gateway/context.ts";
import type { Change } from "#store/contract.ts";
import { serviceId, types, type Queue } from "./state.ts";

/** How long the feed is waited on at a time. */
const feedWaitMs = 2000;
/** After a failure of the store. */
const retryMs = 250;
const batch = 500;
/** A waiter looks for itself after this long, for a clock that was moved and a feed that failed. */
export const longestDozeMs = 2000;

export interface Ticket {
  /** Resolves when something may have arrived since the ticket was taken or last waited on, or after `ms`, or when `signal` aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  leave(): void;
}

export class Arrivals {
  readonly #waiters = new Map<string, Set<() => void>>();
  #following: Promise<void> | undefined;

  /** INVARIANT: what arrives after this resolved is not missed: the feed is read from before it. */
  async enter(feed: ChangeFeed, queue: Queue): Promise<Ticket> {
    const key = placeOf(queue.account, queue.region, queue.epoch);
    let fired = false;
    let wake: (() => void) | undefined;
    const ring = () => {
      fired = true;
      wake?.();
    };
    const rings = this.#waiters.get(key) ?? new Set();
    this.#waiters.set(key, rings.add(ring));
    const leave = () => {
      rings.delete(ring);
      if (rings.size === 0 && this.#waiters.get(key) === rings) this.#waiters.delete(key);
    };
    this.#following ??= this.#start(feed);
    try {
      await this.#following;
    } catch (error) {
      leave();
      throw error;
    }
    return {
      async wait(ms, signal) {
        if (!fired && !signal.aborted && ms > 0) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(() => done(), ms);
            const done = () => {
              clearTimeout(timer);
              signal.removeEventListener("abort", done);
              resolve();
            };
            wake = done;
            signal.addEventListener("abort", done, { once: true });
          });
        }
        wake = undefined;
        fired = false;
      },
      leave,
    };
  }

  /** Resolves when the position in the feed is known; goes on until nobody waits. */
  async #start(feed: ChangeFeed): Promise<void> {
    try {
      const after = await feed.lastChange();
      void this.#follow(feed, after);
    } catch (error) {
      this.#following = undefined;
      throw error;
    }
  }

  async #follow(feed: ChangeFeed, start: number): Promise<void> {
    let after = start;
    while (this.#waiters.size > 0) {
      try {
        const changes = await feed.changes(after, batch);
        for (const change of changes) this.#tell(change);
        after = changes.at(-1)?.sequence ?? after;
        if (changes.length < batch) await feed.waitForChange(after, feedWaitMs);
      } catch {
        // The store does not answer; waiters look for themselves meanwhile, and nothing is skipped.
        await new Promise((resolve) => setTimeout(resolve, retryMs).unref());
      }
    }
    this.#following = undefined;
  }

  #tell({ key, version }: Change): void {
    if (key.service !== serviceId) return;
    // A message becomes available by arriving (version 1); what else makes one available says so by a signal.
    const arrived = key.type === types.message ? version === 1 : key.type === types.signal && version > 0;
    if (!arrived) return;
    const end = key.id.indexOf("/");
    const rings = this.#waiters.get(placeOf(key.account, key.region, end < 0 ? key.id : key.id.slice(0, end)));
    for (const ring of rings ?? []) ring();
  }
}

function placeOf(account: string, region: string, epoch: string): string {
  return `${account}/${region}/${epoch}`;
}
