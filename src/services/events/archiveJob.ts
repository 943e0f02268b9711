/** Removes what archives need not keep any more, and what deleted archives have left. */
import { timeText } from "#kernel/clock.ts";
import type { JobContext } from "#gateway/context.ts";
import type { Document, Operation } from "#store/contract.ts";
import { cutoffOf } from "./archives.ts";
import { scopeOf, serviceId, types, type Archive, type Place } from "./state.ts";

const pageSize = 500;

export async function trimArchives(ctx: JobContext): Promise<void> {
  for (const { key, value } of await everywhere<Archive>(ctx, types.archive)) {
    const cutoff = cutoffOf(value, ctx.clock.now());
    if (cutoff > 0) await remove(ctx, key, value.uid, timeText(cutoff));
  }
  for (const { key } of await everywhere<object>(ctx, types.garbage)) {
    if (await remove(ctx, key, key.id)) await ctx.store.commit([{ op: "delete", key }]);
  }
}

/** Across accounts by design: one job trims for all of them. */
async function everywhere<T>(ctx: JobContext, type: string): Promise<Document<T>[]> {
  const found: Document<T>[] = [];
  let after: string | undefined;
  do {
    const page = await ctx.store.list<T>({ service: serviceId, type, limit: 1000, ...(after ? { after } : {}) });
    found.push(...page.items);
    after = page.next;
  } while (after !== undefined && !ctx.signal.aborted);
  return found;
}

/** Events of an archive that came before `until`, or all. True when nothing is left of them. */
async function remove(ctx: JobContext, place: Place, uid: string, until?: string): Promise<boolean> {
  for (const type of [types.archived, types.archiveHour]) {
    for (;;) {
      if (ctx.signal.aborted) return false;
      const { items } = await ctx.store.list({ ...scopeOf(place), type, prefix: `${uid}/`, limit: pageSize });
      // Hours go when all of their events have gone: counts are to the hour.
      const old = items.filter(({ key }) => until === undefined || `${key.id}` < `${uid}/${until}`);
      if (old.length > 0) await ctx.store.commit(old.map(({ key }): Operation => ({ op: "delete", key })));
      if (old.length < pageSize) break;
    }
  }
  return true;
}
