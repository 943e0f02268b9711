/** Backups. Source: CloudHSM API Reference; User Guide, "Cluster backups". */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { backupQuestion } from "../access.ts";
import { allBackups, requireBackup, saveBackup, sharedBackups, shownBackup } from "../backups.ts";
import { invalid } from "../errors.ts";
import { filtered } from "../filters.ts";
import { newId } from "../ids.ts";
import { paged } from "../paging.ts";
import { regions } from "../regions.ts";
import { pendingDeletionMs } from "../retention.ts";
import { keepBytes, readBytes } from "../sealedBytes.ts";
import type { BackupState, HsmHandlers, In } from "../sdk.ts";
import { type BackupDocument, timeText } from "../state.ts";
import { withTags } from "../tags.ts";

const mostShown = 50;

function requireState(backup: BackupDocument, state: BackupState): void {
  if (backup.state === state) return;
  throw invalid(`Backup ${backup.id} is in the state ${backup.state}; it must be ${state}.`);
}

/** Those that the caller may see. A policy counts as a share: there is no Resource Access Manager here that promotes one. */
async function sharedWithCaller(ctx: CallContext): Promise<BackupDocument[]> {
  const seen: BackupDocument[] = [];
  for (const backup of await sharedBackups(ctx)) {
    if (await ctx.allowed(backupQuestion(backup, "DescribeBackups"))) seen.push(backup);
  }
  return seen;
}

async function copied(ctx: CallContext, input: In<"CopyBackupToRegion">): Promise<BackupDocument> {
  const backup = await requireBackup(ctx, input.BackupId);
  requireState(backup, "READY");
  const region = input.DestinationRegion ?? "";
  if (!regions.has(region)) throw invalid(`AWS CloudHSM is not available in Region ${region}.`);
  if (region === ctx.region) throw invalid("DestinationRegion must be another Region than that of the backup.");
  const { account } = backup;
  if (!(await ctx.identity.regionEnabled(account, region)))
    throw invalid(`Region ${region} is not enabled for account ${account}.`);
  const { id, bytes } = await ctx.once("copy", async () => {
    const newOne = newId("backup", ctx.random);
    const data = await readBytes(ctx, backup, backup.bytes);
    return { id: newOne, bytes: await keepBytes(ctx, { account, region, id: newOne }, data) };
  });
  const { policy: _notCopied, boundPolicy: _norThis, ...rest } = backup;
  return {
    ...rest,
    id,
    region,
    bytes,
    copiedAt: ctx.now,
    neverExpires: false,
    source: { region: backup.region, backupId: backup.id, clusterId: backup.clusterId },
    // "If you do not specify tags, the service copies tags from the source backup."
    tags: input.TagList ? withTags({}, input.TagList) : backup.tags,
  };
}

export const backupHandlers: HsmHandlers = {
  async DescribeBackups(input, ctx) {
    const backups = input.Shared === true ? await sharedWithCaller(ctx) : await allBackups(ctx);
    const found = filtered(backups, idsOnly(input.Filters), {
      backupIds: ({ id }) => id,
      sourceBackupIds: ({ source }) => source?.backupId,
      clusterIds: ({ clusterId }) => clusterId,
      states: ({ state }) => state,
      neverExpires: ({ neverExpires }) => String(neverExpires),
    });
    const { page, next } = paged(found, input, mostShown, {
      position: ({ createdAt, account, id }) => `${timeText(createdAt)}/${account}/${id}`,
      descending: input.SortAscending !== true,
    });
    return { Backups: page.map(shownBackup), ...next };
  },

  async CopyBackupToRegion(input, ctx) {
    const copy = await copied(ctx, input);
    saveBackup(ctx, copy);
    const { source } = copy;
    return {
      DestinationBackup: {
        CreateTimestamp: new Date(copy.createdAt),
        SourceRegion: source!.region,
        SourceBackup: source!.backupId,
        SourceCluster: source!.clusterId,
      },
    };
  },

  /** "A backup can be restored up to 7 days after the DeleteBackup request is made." It is shared with nobody meanwhile. */
  async DeleteBackup(input, ctx) {
    const backup = await requireBackup(ctx, input.BackupId);
    requireState(backup, "READY");
    const deleted: BackupDocument = { ...backup, state: "PENDING_DELETION", deleteAt: ctx.now + pendingDeletionMs };
    saveBackup(ctx, deleted);
    return { Backup: shownBackup(deleted) };
  },

  async RestoreBackup(input, ctx) {
    const backup = await requireBackup(ctx, input.BackupId);
    requireState(backup, "PENDING_DELETION");
    const { deleteAt: _over, ...rest } = backup;
    const restored: BackupDocument = { ...rest, state: "READY" };
    saveBackup(ctx, restored);
    return { Backup: shownBackup(restored) };
  },

  async ModifyBackupAttributes(input, ctx) {
    const backup = await requireBackup(ctx, input.BackupId);
    requireState(backup, "READY");
    const modified: BackupDocument = { ...backup, neverExpires: input.NeverExpires === true };
    saveBackup(ctx, modified);
    return { Backup: shownBackup(modified) };
  },
};

/** A backup that is shared with one is named by its ARN. */
function idsOnly(filters: Record<string, string[]> | undefined): Record<string, string[]> | undefined {
  if (!filters?.["backupIds"]) return filters;
  const backupIds = filters["backupIds"].map((id) => parseArn(id)?.resource.replace(/^backup\//, "") ?? id);
  return { ...filters, backupIds };
}
