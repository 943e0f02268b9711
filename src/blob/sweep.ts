import { systemRandom, type Random } from "#kernel/ids.ts";
import type { BlobStore } from "./contract.ts";

export interface SweepOptions {
  /** Which of these ids does a document name? When it rejects, nothing is removed. */
  named: (ids: readonly string[]) => Promise<ReadonlySet<string>>;
  /**
   * Only blobs older than this are removed, in milliseconds. INVARIANT: longer than the longest time between a
   * `put` and the commit that names it; a day unless told.
   */
  olderThanMs?: number;
  /** Blobs looked at in one call. */
  pageSize?: number;
  random?: Random;
}

/** Removes what cut uploads have left: old blobs that no document names. Returns how many. */
export async function sweepBlobs(blobs: BlobStore, options: SweepOptions): Promise<number> {
  const { named, olderThanMs = 86_400_000, pageSize = 500, random = systemRandom } = options;
  const before = (await timeOf(blobs, random)) - olderThanMs;
  let removed = 0;
  for (let after: string | undefined; ;) {
    const page = await blobs.list(after, pageSize);
    const old = page.filter((blob) => blob.modified < before).map((blob) => blob.id);
    const keep = old.length > 0 ? await named(old) : new Set<string>();
    for (const id of old) {
      if (keep.has(id)) continue;
      await blobs.delete(id);
      removed++;
    }
    if (page.length < pageSize) return removed;
    after = page.at(-1)!.id;
  }
}

/** What time it is for the blob store: ages are told by its clock alone, since ours may have been moved. */
async function timeOf(blobs: BlobStore, random: Random): Promise<number> {
  const id = `sweep-${random.uuid()}`;
  await blobs.put(id, nothing());
  const info = await blobs.info(id);
  await blobs.delete(id);
  if (!info) throw new Error("the blob store has lost a blob");
  return info.modified;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
