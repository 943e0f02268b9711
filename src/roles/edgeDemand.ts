/** Tells when there is something for the edge role to serve, so that an installation without listeners has no such process. */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#kernel/log.ts";
import type { Store } from "#store/contract.ts";
import { edgeDocument, edgeService } from "../edge/config.ts";

const waitMs = 60_000;
/** A first listener is served this much later at the most; a busy store is asked no more often. */
const pauseMs = 500;

export function whenListeners(store: Store, log: Logger, then: () => void): { close(): Promise<void> } {
  const stop = new AbortController();
  void watch(store, log, stop.signal, then);
  return { close: async () => stop.abort() };
}

async function watch(store: Store, log: Logger, signal: AbortSignal, then: () => void): Promise<void> {
  while (!signal.aborted) {
    try {
      const after = await store.lastChange();
      const { items } = await store.list({ service: edgeService, type: edgeDocument.listener, limit: 1 });
      if (signal.aborted) return;
      if (items.length > 0) return then();
      await store.waitForChange(after, waitMs);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, "cannot look for listeners");
    }
    await delay(pauseMs, undefined, { ref: false });
  }
}
