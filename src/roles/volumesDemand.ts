/** When there is something for the volumes role: a volume, or a snapshot that is to be made or removed. */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#kernel/log.ts";
import type { Store } from "#store/contract.ts";
import { followedTypes } from "../services/ec2/volumes/device/follow.ts";

const waitMs = 60_000;
/** A first volume is made this much later at the most; a busy store is asked no more often. */
const pauseMs = 500;

export function whenVolumes(store: Store, log: Logger, then: () => void): { close(): Promise<void> } {
  const stop = new AbortController();
  void watch(store, log, stop.signal, then);
  return { close: async () => stop.abort() };
}

async function watch(store: Store, log: Logger, signal: AbortSignal, then: () => void): Promise<void> {
  while (!signal.aborted) {
    try {
      const after = await store.lastChange();
      for (const type of followedTypes) {
        const { items } = await store.list({ service: "ec2", type, limit: 1 });
        if (signal.aborted) return;
        if (items.length > 0) return then();
      }
      await store.waitForChange(after, waitMs);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, "cannot look for volumes");
    }
    await delay(pauseMs, undefined, { ref: false });
  }
}
