/**
 * Small batches of a stream become one: writers that bring their events one by one leave a document each, and these are
 * merged once they have rested. Events keep their ids, because segments keep their sequence.
 *
 * INVARIANT: a merge puts the new batch, deletes the old ones and raises the group's merge count in one commit, so that
 * a reader sees either all of the old or the new one, or that it has to begin anew.
 */
import { AwsError } from "#kernel/errors.ts";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type Document, type Operation } from "#store/contract.ts";
import { batchSpanMs } from "./reading.ts";
import { GroupKeys, jobKeys } from "./sealing.ts";
import { type Batch, batchId, batchIndexes, type Group, keyIn, scopeOf, smallBytes, types } from "./state.ts";

/** Longer than anybody looks for what has just come in. */
export const restMs = 120_000;
/** So many are merged at once; fewer wait for more, up to an hour. */
const enough = 10;
const longestWaitMs = 3_600_000;
const mostBytes = 4 * smallBytes;
const mostBatches = 500;
const pageSize = 1_000;

export async function mergeGroup(ctx: JobContext, group: Group): Promise<void> {
  const now = ctx.clock.now();
  const keys = new GroupKeys(group, jobKeys(ctx, group));
  let after: string | undefined;
  do {
    const page = await ctx.store.find<Batch>({
      ...scopeOf(group),
      type: types.batch,
      index: "small",
      from: `${group.gid}/`,
      to: `${group.gid}0`,
      limit: pageSize,
      ...(after === undefined ? {} : { after }),
    });
    const rested = page.items.filter(({ value }) => value.ingestedAt <= now - restMs);
    for (const run of runs(rested)) {
      if (ctx.signal.aborted) return;
      const old = run.some(({ value }) => value.ingestedAt <= now - longestWaitMs);
      if (run.length < enough && !old) continue;
      if (!(await settle(ctx, group, keys, run))) return;
    }
    after = page.next;
  } while (after !== undefined);
}

/** Neighbours of one stream, sealed under one key, that fit into one batch. */
function* runs(batches: readonly Document<Batch>[]): Generator<Document<Batch>[]> {
  let run: Document<Batch>[] = [];
  let bytes = 0;
  let last = 0;
  for (const document of batches) {
    const { value } = document;
    const first = run[0]?.value;
    const fits =
      first !== undefined &&
      first.sid === value.sid &&
      first.key === value.key &&
      run.length < mostBatches &&
      bytes + value.bytes <= mostBytes &&
      Math.max(last, value.last) - first.first <= batchSpanMs;
    if (!fits && run.length > 0) {
      yield run;
      run = [];
      bytes = 0;
      last = 0;
    }
    run.push(document);
    bytes += value.bytes;
    last = Math.max(last, value.last);
  }
  if (run.length > 0) yield run;
}

/** Merges a run, or lets a batch be that has found no neighbour. False when the group cannot be worked on now. */
async function settle(
  ctx: JobContext,
  group: Group,
  keys: GroupKeys,
  run: readonly Document<Batch>[],
): Promise<boolean> {
  try {
    const [only] = run;
    // What lies under a former key stays under it.
    if (run.length === 1 || only!.value.key !== keys.current) {
      const final = run.map((document): Operation => {
        const { key, value, version } = document;
        return { op: "put", key, value, ifVersion: version, indexes: batchIndexes(group.gid, value, true) };
      });
      await ctx.store.commit(final);
      return true;
    }
    await ctx.store.commit(await merged(group, keys, run));
    return true;
  } catch (error) {
    // Deleted or expired meanwhile: the next turn sees what is left.
    if (error instanceof Conflict) return false;
    if (error instanceof AwsError && error.status < 500) {
      ctx.log.info(
        { group: group.arn, code: error.code },
        "small batches stay: the key of the log group cannot be used",
      );
      return false;
    }
    throw error;
  }
}

async function merged(group: Group, keys: GroupKeys, run: readonly Document<Batch>[]): Promise<Operation[]> {
  const values = run.map(({ value }) => value);
  const segments = (await Promise.all(values.map((batch) => keys.open(batch)))).flat();
  const [head] = values;
  const named = {
    stream: head!.stream,
    sid: head!.sid,
    first: Math.min(...values.map(({ first }) => first)),
    last: Math.max(...values.map(({ last }) => last)),
    ingestedAt: Math.max(...values.map(({ ingestedAt }) => ingestedAt)),
    // An id of its own: its first part may be one of those it replaces.
    seq: `${head!.seq}m${values.length}`,
    count: values.reduce((sum, { count }) => sum + count, 0),
    bytes: values.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  const id = batchId(group.gid, named);
  const batch: Batch = { ...named, ...(await keys.seal(segments, id)) };
  const key = keyIn(group, types.batch, id);
  return [
    { op: "put", key, value: batch, ifVersion: 0, indexes: batchIndexes(group.gid, batch) },
    ...run.map((old): Operation => ({ op: "delete", key: old.key, ifVersion: old.version })),
    { op: "put", key: keyIn(group, types.merges, group.gid), value: {} },
  ];
}
