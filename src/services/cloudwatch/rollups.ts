/**
 * Rolls raw datapoints up into documents of seconds, minutes, five minutes and hours.
 *
 * INVARIANT: a raw document is deleted in the batch that adds it to its rollups, so a crash neither loses nor doubles it.
 */
import { merge, type Summary } from "#engines/metricMath/distribution.ts";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type Document, type DocumentKey, type Operation } from "#store/contract.ts";
import { pad, type Raw, resolutions, type Rollup, serviceId, types } from "./state.ts";

/** Datapoints rest this long, so that one write takes in many. */
export const restMs = 10_000;
const pageSize = 1_000;
const mostAtOnce = 200;

export async function rollUp(ctx: JobContext): Promise<void> {
  const before = ctx.clock.now() - restMs;
  let after: string | undefined;
  do {
    const page = await ctx.store.list<Raw>({
      service: serviceId,
      type: types.raw,
      limit: pageSize,
      ...(after === undefined ? {} : { after }),
    });
    const due = page.items.filter(({ value }) => value.receivedAt <= before);
    const byMetric = Map.groupBy(due, ({ key }) => `${key.account}/${key.region}/${key.id.split("/")[0]}`);
    for (const documents of byMetric.values()) {
      for (let at = 0; at < documents.length; at += mostAtOnce) {
        if (ctx.signal.aborted) return;
        await rollUpMetric(ctx, documents.slice(at, at + mostAtOnce));
      }
    }
    after = page.next;
  } while (after !== undefined);
}

async function rollUpMetric(ctx: JobContext, documents: readonly Document<Raw>[]): Promise<void> {
  const targets = new Map<
    string,
    { additions: [offset: string, unit: string, summary: Summary][]; expiresAt: number }
  >();
  const now = ctx.clock.now();
  for (const { key, value } of documents) {
    const hash = key.id.split("/")[0]!;
    for (const { at, unit, summary, fine } of value.points) {
      for (const { seconds, windowMs, keptMs } of resolutions) {
        if ((seconds === 1 && !fine) || at < now - keptMs) continue;
        const window = Math.floor(at / windowMs) * windowMs;
        const id = `${hash}/${String(seconds).padStart(4, "0")}/${pad(window)}`;
        const target = targets.get(id) ?? { additions: [], expiresAt: window + windowMs + keptMs };
        target.additions.push([String(Math.floor((at - window) / (seconds * 1000))), unit, summary]);
        targets.set(id, target);
      }
    }
  }
  const keys = [...targets.keys()].map((id): DocumentKey => ({ ...documents[0]!.key, type: types.rollup, id }));
  const stored = await ctx.store.getMany<Rollup>(keys);
  const puts = keys.map((key, index): Operation => {
    const { additions, expiresAt } = targets.get(key.id)!;
    const periods = { ...stored[index]?.value.periods };
    for (const [offset, unit, summary] of additions) {
      periods[offset] = { ...periods[offset], [unit]: merge(periods[offset]?.[unit], summary) };
    }
    return { op: "put", key, value: { periods } satisfies Rollup, expiresAt, ifVersion: stored[index]?.version ?? 0 };
  });
  const deletions = documents.map(({ key, version }): Operation => ({ op: "delete", key, ifVersion: version }));
  try {
    await ctx.store.commit([...puts, ...deletions]);
  } catch (error) {
    // Only a former holder of this job's lease can have been here; what it did stands.
    if (!(error instanceof Conflict)) throw error;
  }
}
