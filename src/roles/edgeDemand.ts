/** What the api role knows of the edge: when there is something for it to serve (an installation without listeners has no such process), and what became of it. */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#kernel/log.ts";
import type { Store } from "#store/contract.ts";
import { edgeDocument, edgeService, type StatusDocument } from "../edge/config.ts";
import type { AdminStatus } from "./adminContract.ts";

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

const most = 1_000;

/** Of every account: for the operator. */
export async function listenerStates(store: Store): Promise<AdminStatus["listeners"]> {
  const { items } = await store.list<StatusDocument>({ service: edgeService, type: edgeDocument.status, limit: most });
  const troubled = items.flatMap(({ key, value: { state, reason = "" } }) =>
    state === "active" ? [] : [{ listener: key.id, state, reason }],
  );
  return { served: items.length - troubled.filter(({ state }) => state === "failed").length, troubled };
}
