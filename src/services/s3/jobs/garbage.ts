/**
 * Removes bodies that nothing names any more, and what a deleted bucket left. Nothing of it can be read before
 * either: the wrapped key went with the document that named the body.
 */
import type { JobContext } from "#gateway/context.ts";
import type { Job } from "#gateway/service.ts";
import { globalRegion, type Document, type Operation, type Store } from "#store/contract.ts";
import type { Part } from "../state.ts";

/** A download that began before the body was replaced may still be under way. */
const grace = 3_600_000;
const batch = 500;
const scope = { account: "000000000000", region: globalRegion, service: "s3" } as const;

export const removeGarbage: Job = {
  name: "s3-remove-garbage",
  everyMs: 60_000,
  async run(ctx) {
    await removeBodies(ctx);
    await removeRemains(ctx);
  },
};

async function removeBodies(ctx: JobContext): Promise<void> {
  let after: string | undefined;
  do {
    const page = await ctx.store.list<{ at: number }>({
      ...scope,
      type: "garbage",
      limit: batch,
      ...(after === undefined ? {} : { after }),
    });
    const due = page.items.filter((item) => item.value.at + grace <= ctx.clock.now());
    for (const { key } of due) {
      if (ctx.signal.aborted) return;
      await ctx.blobs.delete(key.id);
    }
    if (due.length > 0) await ctx.store.commit(due.map(({ key }): Operation => ({ op: "delete", key })));
    after = page.next;
  } while (after !== undefined);
}

/** Uploads in progress do not keep a bucket from being deleted, so they are what can be left. */
async function removeRemains(ctx: JobContext): Promise<void> {
  const page = await ctx.store.list<{ owner: string; region: string }>({ ...scope, type: "remains", limit: batch });
  for (const { key, value } of page.items) {
    const at = { account: value.owner, region: value.region, service: "s3" };
    for (const type of ["upload", "part", "completedUpload", "nullVersion"]) {
      for (;;) {
        if (ctx.signal.aborted) return;
        const left = await ctx.store.list<Partial<Part>>({ ...at, type, prefix: `${key.id}/`, limit: batch });
        if (left.items.length === 0) break;
        await ctx.store.commit(left.items.flatMap((item) => removal(item, ctx.clock.now())));
      }
    }
    await ctx.store.commit([
      { op: "delete", key },
      { op: "delete", key: { ...scope, type: "lifecycleRun", id: key.id } },
    ]);
  }
}

function removal(item: Document<Partial<Part>>, now: number): Operation[] {
  const gone: Operation = { op: "delete", key: item.key };
  const { blob } = item.value;
  if (blob === undefined) return [gone];
  return [gone, { op: "put", key: { ...scope, type: "garbage", id: blob }, value: { at: now } }];
}

/** Whether any document names a body; what the sweep of the blob store asks before it removes an old one. */
export async function isBodyNamed(store: Store, blob: string): Promise<boolean> {
  for (const type of ["object", "version", "part"]) {
    const found = await store.find({ service: "s3", type, index: "blob", value: blob, limit: 1 });
    if (found.items.length > 0) return true;
  }
  return (await store.get({ ...scope, type: "garbage", id: blob })) !== undefined;
}
