/**
 * Removes bodies that were written and never named: the process ended between the end of an upload and its commit.
 * Ages are the blob store's own, so moving the installation's clock removes nothing early.
 */
import type { Job } from "#gateway/service.ts";
import { sweepBlobs } from "#blob/sweep.ts";
import type { Store } from "#store/contract.ts";
import { bodyPrefix } from "../body.ts";
import { isBodyNamed } from "./garbage.ts";

export const sweepBodies: Job = {
  name: "s3-sweep-bodies",
  everyMs: 6 * 3_600_000,
  async run(ctx) {
    await sweepBlobs(ctx.blobs, { named: (ids) => namedAmong(ctx.store, ids), random: ctx.random });
  },
};

/** Blobs of others are left alone. */
async function namedAmong(store: Store, ids: readonly string[]): Promise<Set<string>> {
  const named = new Set<string>();
  for (const id of ids) if (!id.startsWith(bodyPrefix) || (await isBodyNamed(store, id))) named.add(id);
  return named;
}
