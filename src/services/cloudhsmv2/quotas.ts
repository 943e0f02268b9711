/** Per account and Region. Source: CloudHSM User Guide, "Quotas" (clusters 4, HSMs 6, HSMs per cluster 28). */
import type { CallContext } from "#gateway/context.ts";
import { allClusters } from "./clusters.ts";
import { serviceFailure } from "./errors.ts";
import { type ClusterDocument, types } from "./state.ts";

const mostClusters = 4;
const mostHsms = 6;

/**
 * Clusters that are there. INVARIANT: whoever adds a cluster or an HSM changes one document with it, so of two at once one
 * looks again, and both together cannot exceed a quota.
 */
async function counted(ctx: CallContext): Promise<ClusterDocument[]> {
  const found = await ctx.state.get<{ changes: number }>(types.quota, "region");
  ctx.state.put(types.quota, "region", { changes: (found?.value.changes ?? 0) + 1 });
  return (await allClusters(ctx)).filter(({ state }) => state !== "DELETED");
}

/** @throws CloudHsmServiceException */
export async function takeClusterRoom(ctx: CallContext): Promise<void> {
  if ((await counted(ctx)).length < mostClusters) return;
  throw serviceFailure(`The request would exceed the quota of ${mostClusters} clusters in this Region.`);
}

/** Six in all are fewer than the 28 that one cluster may have. @throws CloudHsmServiceException */
export async function takeHsmRoom(ctx: CallContext): Promise<void> {
  if ((await counted(ctx)).flatMap(({ hsms }) => hsms).length < mostHsms) return;
  throw serviceFailure(`The request would exceed the quota of ${mostHsms} HSMs in this Region.`);
}
