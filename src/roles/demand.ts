/** Roles that are started when there is something for them: the api role looks, and an installation without it has no such process. */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#kernel/log.ts";
import type { Store } from "#store/contract.ts";

const waitMs = 60_000;
/** What is first there is served this much later at the most; a busy store is asked no more often. */
const pauseMs = 500;

export interface Demand {
  service: string;
  /** A document of one of these is something to do. */
  types: readonly string[];
  role: string;
}

/** Calls `want` once, when there is a first document. */
export function whenNeeded(store: Store, log: Logger, demand: Demand, want: () => void): { close(): Promise<void> } {
  const stop = new AbortController();
  void watch(store, log, demand, stop.signal, want);
  return { close: async () => stop.abort() };
}

async function watch(
  store: Store,
  log: Logger,
  { service, types, role }: Demand,
  signal: AbortSignal,
  want: () => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const after = await store.lastChange();
      for (const type of types) {
        const { items } = await store.list({ service, type, limit: 1 });
        if (signal.aborted) return;
        if (items.length > 0) return want();
      }
      await store.waitForChange(after, waitMs);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error, role }, "cannot look whether a role is needed");
    }
    await delay(pauseMs, undefined, { ref: false });
  }
}
