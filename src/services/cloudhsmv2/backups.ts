/** Finding, keeping and showing backups, and who else may have them. */
import type { CallContext } from "#gateway/context.ts";
import { noBackup } from "./errors.ts";
import { arnOf } from "./ids.ts";
import type { Backup } from "./sdk.ts";
import { backupIndexes, type BackupDocument, installationAccount, type Place, type Share, types } from "./state.ts";
import { shownTags } from "./tags.ts";

export async function findBackup(ctx: CallContext, id: string, at?: Place): Promise<BackupDocument | undefined> {
  return (await ctx.state.get<BackupDocument>(types.backup, id, at))?.value;
}

/** @throws CloudHsmResourceNotFoundException */
export async function requireBackup(ctx: CallContext, id: string | undefined, at?: Place): Promise<BackupDocument> {
  const found = await findBackup(ctx, id ?? "", at);
  if (!found || found.state === "DELETED") throw noBackup(id ?? "");
  return found;
}

export function saveBackup(ctx: CallContext, backup: BackupDocument): void {
  const { account, region } = backup;
  ctx.state.put(types.backup, backup.id, backup, { indexes: backupIndexes(backup), at: { account, region } });
}

/** Every backup of the account in the Region. */
export async function allBackups(ctx: CallContext): Promise<BackupDocument[]> {
  const backups: BackupDocument[] = [];
  for (let after: string | undefined; ;) {
    const page = await ctx.state.list<BackupDocument>(types.backup, { limit: 1_000, ...(after ? { after } : {}) });
    backups.push(...page.items.map(({ value }) => value));
    if (page.next === undefined) return backups;
    after = page.next;
  }
}

const shareId = ({ account, id }: BackupDocument): string => `${account}/${id}`;
const sharesAt = (region: string): Place => ({ account: installationAccount, region });

/** A backup with a policy is found by others; one without is not. */
export function putShare(ctx: CallContext, backup: BackupDocument): void {
  const share: Share = { account: backup.account, backupId: backup.id };
  ctx.state.put<Share>(types.share, shareId(backup), share, { version: "any", at: sharesAt(backup.region) });
}

export function dropShare(ctx: CallContext, backup: BackupDocument): void {
  ctx.state.delete(types.share, shareId(backup), { version: "any", at: sharesAt(backup.region) });
}

/** Backups of other accounts that have a policy, in this Region. Whether the caller may see one is asked of each. */
export async function sharedBackups(ctx: CallContext): Promise<BackupDocument[]> {
  const backups: BackupDocument[] = [];
  for (let after: string | undefined; ;) {
    const page = await ctx.state.list<Share>(
      types.share,
      { limit: 1_000, ...(after ? { after } : {}) },
      sharesAt(ctx.region),
    );
    for (const { value } of page.items) {
      if (value.account === ctx.account) continue;
      const found = await findBackup(ctx, value.backupId, { account: value.account, region: ctx.region });
      if (found?.policy !== undefined) backups.push(found);
    }
    if (page.next === undefined) return backups;
    after = page.next;
  }
}

export function shownBackup(backup: BackupDocument): Backup {
  const { source } = backup;
  return {
    BackupId: backup.id,
    BackupArn: arnOf(backup, backup.id),
    BackupState: backup.state,
    ClusterId: backup.clusterId,
    CreateTimestamp: new Date(backup.createdAt),
    ...(backup.copiedAt === undefined ? {} : { CopyTimestamp: new Date(backup.copiedAt) }),
    NeverExpires: backup.neverExpires,
    ...(source ? { SourceRegion: source.region, SourceBackup: source.backupId, SourceCluster: source.clusterId } : {}),
    ...(backup.deleteAt === undefined ? {} : { DeleteTimestamp: new Date(backup.deleteAt) }),
    TagList: shownTags(backup.tags),
    HsmType: backup.hsmType,
    Mode: backup.mode,
  };
}
