/** Finding snapshots: one's own, and those that others share. Source: EBS User Guide, "Share an Amazon EBS snapshot". */
import type { CallContext } from "#gateway/context.ts";
import { notFound, requireForm } from "../resources.ts";
import { ebsTypes, everybody, type Snapshot, type SnapshotShare } from "./state.ts";

export interface OwnedSnapshot {
  owner: string;
  region: string;
  snapshot: Snapshot;
}

/** @throws InvalidSnapshotID.Malformed, InvalidSnapshot.NotFound also for one that is not shared with the caller's account */
export async function needVisible(ctx: CallContext, id: string, region: string = ctx.region): Promise<OwnedSnapshot> {
  requireForm("snapshot", id);
  const found = await findVisible(ctx, id, region);
  if (!found) throw notFound("snapshot", id);
  return found;
}

async function findVisible(ctx: CallContext, id: string, region: string): Promise<OwnedSnapshot | undefined> {
  const own = await ctx.state.get<Snapshot>("snapshot", id, { region });
  if (own) return { owner: ctx.account, region, snapshot: own.value };
  for (const account of [ctx.account, everybody]) {
    const share = await ctx.state.get<SnapshotShare>(ebsTypes.share, id, { account, region });
    const found = share && (await sharedBy(ctx, id, share.value.owner, region));
    if (found) return found;
  }
  return undefined;
}

/** INVARIANT: what counts is what the owner's document says now; a share is a pointer to it. */
async function sharedBy(
  ctx: CallContext,
  id: string,
  owner: string,
  region: string,
): Promise<OwnedSnapshot | undefined> {
  const found = await ctx.state.get<Snapshot>("snapshot", id, { account: owner, region });
  const snapshot = found?.value;
  if (!snapshot || !(snapshot.isPublic || snapshot.sharedWith.includes(ctx.account))) return undefined;
  return { owner, region, snapshot };
}

/** Snapshots of others that the caller may use. */
export async function sharedWithCaller(ctx: CallContext): Promise<OwnedSnapshot[]> {
  const found = new Map<string, OwnedSnapshot>();
  for (const account of [ctx.account, everybody]) {
    let after: string | undefined;
    do {
      const query = { limit: 1000, ...(after === undefined ? {} : { after }) };
      const page = await ctx.state.list<SnapshotShare>(ebsTypes.share, query, { account });
      for (const { key, value } of page.items) {
        const each = value.owner === ctx.account ? undefined : await sharedBy(ctx, key.id, value.owner, ctx.region);
        if (each) found.set(key.id, each);
      }
      after = page.next;
    } while (after !== undefined);
  }
  return [...found.values()];
}
