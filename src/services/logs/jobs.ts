/** What happens to logs by the clock: retention, removal of what was deleted, and queries. */
import type { JobContext } from "#gateway/context.ts";
import type { Job } from "#gateway/service.ts";
import { Conflict, type Document, type Operation, type Page } from "#store/contract.ts";
import { mergeGroup } from "./merging.ts";
import { runQueries } from "./queryJob.ts";
import {
  type Batch,
  type Garbage,
  type Group,
  keyIn,
  pad,
  retentionCutoff,
  scopeOf,
  serviceId,
  type Stream,
  streamId,
  types,
} from "./state.ts";
import { streamIndexes } from "./streamIndex.ts";

const pageSize = 200;

async function* pages<T>(ctx: JobContext, type: string): AsyncGenerator<Document<T>> {
  let after: string | undefined;
  do {
    const page: Page<T> = await ctx.store.list<T>({
      service: serviceId,
      type,
      limit: pageSize,
      ...(after === undefined ? {} : { after }),
    });
    for (const document of page.items) {
      if (ctx.signal.aborted) return;
      yield document;
    }
    after = page.next;
  } while (after !== undefined);
}

/** Deletes batches whose every event has passed the group's retention. Readers already do not see them. */
async function retain(ctx: JobContext): Promise<void> {
  for await (const { value: group } of pages<Group>(ctx, types.group)) {
    if (group.retentionDays === undefined) continue;
    const cutoff = retentionCutoff(group, ctx.clock.now());
    while (!ctx.signal.aborted && (await removeOld(ctx, group, cutoff)));
  }
}

/** One page of old batches, with what their streams say of themselves. True when there may be more. */
async function removeOld(ctx: JobContext, group: Group, cutoff: number): Promise<boolean> {
  const { items, next } = await ctx.store.find<Batch>({
    ...scopeOf(group),
    type: types.batch,
    index: "first",
    from: `${group.gid}/`,
    to: `${group.gid}/${pad(cutoff)}`,
    limit: pageSize,
  });
  const old = items.filter(({ value }) => value.last < cutoff);
  if (old.length === 0) return false;
  const byStream = Map.groupBy(old, ({ value }) => value.stream);
  for (const [name, batches] of byStream) {
    const key = keyIn(group, types.stream, streamId(group.gid, name));
    const stream = await ctx.store.get<Stream>(key);
    const deletions = batches.map((batch): Operation => ({ op: "delete", key: batch.key, ifVersion: batch.version }));
    try {
      await ctx.store.commit([...deletions, ...(stream ? [shrunk(group, stream, batches)] : [])]);
    } catch (error) {
      // A writer came in between: the next turn sees its stream.
      if (!(error instanceof Conflict)) throw error;
      return false;
    }
  }
  return next !== undefined || old.length === pageSize;
}

function shrunk(
  group: Group,
  { key, version, value }: Document<Stream>,
  batches: readonly Document<Batch>[],
): Operation {
  const gone = batches.reduce((sum, batch) => sum + batch.value.bytes, 0);
  const last = Math.max(...batches.map((batch) => batch.value.last));
  const next: Stream = {
    ...value,
    bytes: Math.max(0, value.bytes - gone),
    firstEventAt: Math.max(value.firstEventAt ?? 0, last),
  };
  return { op: "put", key, value: next, ifVersion: version, indexes: streamIndexes(group.gid, next) };
}

/** Merges small batches of every group. */
async function mergeAll(ctx: JobContext): Promise<void> {
  for await (const { value: group } of pages<Group>(ctx, types.group)) await mergeGroup(ctx, group);
}

/** Removes what deleted groups and streams have left. */
async function sweep(ctx: JobContext): Promise<void> {
  for await (const { key, value } of pages<Garbage>(ctx, types.garbage)) {
    const { account, region } = key;
    for (const type of value.streams ? [types.batch, types.stream] : [types.batch]) {
      for (;;) {
        const scope = { account, region, service: serviceId, type };
        const { items } = await ctx.store.list({ ...scope, prefix: value.prefix, limit: pageSize });
        if (items.length === 0) break;
        await ctx.store.commit(items.map((item): Operation => ({ op: "delete", key: item.key })));
      }
    }
    const merges = { ...key, type: types.merges, id: value.prefix.split("/")[0]! };
    await ctx.store.commit([{ op: "delete", key }, ...(value.streams ? [{ op: "delete", key: merges } as const] : [])]);
  }
}

export const jobs: readonly Job[] = [
  { name: "retention", everyMs: 60_000, run: retain },
  { name: "sweep", everyMs: 5_000, run: sweep },
  { name: "merge", everyMs: 30_000, run: mergeAll },
  { name: "query", everyMs: 500, run: runQueries },
];
