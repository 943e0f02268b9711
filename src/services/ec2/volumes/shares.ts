/** Where the accounts that may use a snapshot find it: a document in each of theirs, changed with the snapshot in one batch. */
import type { CallContext } from "#gateway/context.ts";
import { ebsTypes, everybody, type Snapshot, type SnapshotShare } from "./state.ts";

const audience = ({ sharedWith, isPublic }: Snapshot): string[] => [...sharedWith, ...(isPublic ? [everybody] : [])];

export function keepShares(ctx: CallContext, before: Snapshot, after: Snapshot): void {
  const [old, now] = [new Set(audience(before)), new Set(audience(after))];
  const share: SnapshotShare = { owner: ctx.account };
  for (const account of now) if (!old.has(account)) ctx.state.put(ebsTypes.share, after.id, share, { at: { account } });
  for (const account of old) if (!now.has(account)) ctx.state.delete(ebsTypes.share, after.id, { at: { account } });
}

export function dropShares(ctx: CallContext, snapshot: Snapshot): void {
  keepShares(ctx, snapshot, { ...snapshot, sharedWith: [], isPublic: false });
}
