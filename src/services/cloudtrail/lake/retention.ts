/**
 * The lake forgets: events older than their store's retention, and stores whose seven days of pending deletion are over.
 * "CloudTrail Lake determines whether to retain an event by checking if the eventTime of the event is within the
 * specified retention period" (API Reference, CreateEventDataStore).
 */
import { isoSeconds } from "#kernel/clock.ts";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type Document } from "#store/contract.ts";
import { everyStore } from "./ingest.ts";
import { keptSince, lakeScope, type EventDataStore, type LakeEvent } from "./state.ts";

const batch = 500;

export async function forget(ctx: JobContext): Promise<void> {
  const now = ctx.clock.now();
  for (const store of await everyStore(ctx)) {
    if (ctx.signal.aborted) return;
    const { deleteAt } = store.value;
    if (deleteAt !== undefined && deleteAt <= now) await remove(ctx, store);
    else await removeEvents(ctx, store.value, `${store.value.id}/${isoSeconds(keptSince(store.value, now))}`);
  }
}

/** Its events first, then the store, if it has none left. */
async function remove(ctx: JobContext, store: Document<EventDataStore>): Promise<void> {
  // "0" follows "/" in byte order.
  await removeEvents(ctx, store.value, `${store.value.id}0`);
  try {
    await ctx.store.commit([
      { op: "delete", key: { ...lakeScope(store.value), type: "resourcePolicy", id: store.value.arn } },
      { op: "checkNone", key: { ...lakeScope(store.value), type: "lakeEvent" }, prefix: `${store.value.id}/` },
      { op: "delete", key: { ...lakeScope(store.value), type: "storeName", id: store.value.name } },
      { op: "delete", key: store.key, ifVersion: store.version },
    ]);
  } catch (error) {
    // Restored, or an event came in: the next turn decides again.
    if (!(error instanceof Conflict)) throw error;
  }
}

/** Removes events whose ids are smaller than `before`: ids begin with the time. */
async function removeEvents(ctx: JobContext, store: EventDataStore, before: string): Promise<void> {
  for (;;) {
    const { items } = await ctx.store.list<LakeEvent>({
      ...lakeScope(store),
      type: "lakeEvent",
      prefix: `${store.id}/`,
      limit: batch,
    });
    const old = items.filter(({ key }) => key.id < before);
    if (old.length > 0) await ctx.store.commit(old.map(({ key }) => ({ op: "delete", key })));
    if (old.length < batch || ctx.signal.aborted) return;
  }
}
