/**
 * Backups by the clock: those that the retention policy has run out for are marked for deletion, those whose seven days
 * are over are removed for good, and bytes that nothing names are swept.
 * Source: CloudHSM User Guide, "Configure backup retention" ("does not delete a cluster's last backup"; what was purged
 * "you can restore … just as you would restore manually deleted backups"; a copy in another Region has no policy).
 */
import type { JobContext } from "#gateway/context.ts";
import type { Job } from "#gateway/service.ts";
import { sweepBlobs } from "#blob/sweep.ts";
import { Conflict, type Document } from "#store/contract.ts";
import { pendingDeletionMs } from "../retention.ts";
import { blobPrefix, ownerOf } from "../sealedBytes.ts";
import {
  type BackupDocument,
  type ClusterDocument,
  installationAccount,
  scopeOf,
  serviceId,
  types,
  workIndex,
} from "../state.ts";
import { backupKey, backupPut } from "./parts.ts";

const dayMs = 86_400_000;

export const retentionJob: Job = {
  name: "backup-retention",
  everyMs: 10_000,
  async run(ctx) {
    const backups = await allBackups(ctx);
    for (const backup of backups) {
      if (backup.value.state === "PENDING_DELETION") await purge(ctx, backup);
    }
    const ready = backups.filter(({ value }) => value.state === "READY");
    for (const [, ofCluster] of Map.groupBy(ready, ({ value: { account, region, clusterId } }) =>
      [account, region, clusterId].join("/"),
    )) {
      await retain(ctx, ofCluster);
    }
  },
};

async function allBackups({ store }: JobContext): Promise<Document<BackupDocument>[]> {
  const backups: Document<BackupDocument>[] = [];
  for (let after: string | undefined; ;) {
    const page = await store.find<BackupDocument>({
      service: serviceId,
      type: types.backup,
      index: workIndex,
      value: "1",
      limit: 1_000,
      ...(after === undefined ? {} : { after }),
    });
    backups.push(...page.items);
    if (page.next === undefined) return backups;
    after = page.next;
  }
}

/** Marks those of one cluster that are older than its policy says, but never the newest. */
async function retain(ctx: JobContext, backups: readonly Document<BackupDocument>[]): Promise<void> {
  const own = backups.filter(({ value }) => value.source === undefined);
  const { account, region, clusterId } = backups[0]!.value;
  const cluster = await ctx.store.get<ClusterDocument>({
    ...scopeOf({ account, region }),
    type: types.cluster,
    id: clusterId,
  });
  // Backups that are not associated with a cluster any more are the customer's to delete.
  if (!cluster || cluster.value.state === "DELETED") return;
  const now = ctx.clock.now();
  const old = own
    .toSorted((a, b) => b.value.createdAt - a.value.createdAt)
    .slice(1)
    .filter(({ value }) => !value.neverExpires && now - value.createdAt >= cluster.value.retentionDays * dayMs);
  for (const { value, version } of old) {
    const marked: BackupDocument = { ...value, state: "PENDING_DELETION", deleteAt: now + pendingDeletionMs };
    await unlessChanged(ctx.store.commit([backupPut(marked, version)]));
  }
}

/** The document goes first: nothing names bytes that are gone. */
async function purge(ctx: JobContext, { value, version }: Document<BackupDocument>): Promise<void> {
  if ((value.deleteAt ?? Infinity) > ctx.clock.now()) return;
  const share = { account: installationAccount, region: value.region, service: serviceId, type: types.share };
  const gone = await unlessChanged(
    ctx.store.commit([
      { op: "delete", key: backupKey(value), ifVersion: version },
      { op: "delete", key: { ...share, id: `${value.account}/${value.id}` } },
    ]),
  );
  if (gone) await ctx.blobs.delete(value.bytes.blob);
}

/** Somebody restored or tagged it at the same moment: the next turn looks again. */
async function unlessChanged(commit: Promise<void>): Promise<boolean> {
  try {
    await commit;
    return true;
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
}

/** Ages are the blob store's own, so a moved clock removes nothing early. */
export const sweepJob: Job = {
  name: "backup-sweep",
  everyMs: 6 * 3_600_000,
  async run(ctx) {
    await sweepBlobs(ctx.blobs, { named: (ids) => namedAmong(ctx, ids), random: ctx.random });
  },
};

/** Blobs of others are left alone. */
async function namedAmong({ store }: JobContext, ids: readonly string[]): Promise<Set<string>> {
  const named = new Set<string>();
  for (const id of ids) {
    const owner = id.startsWith(blobPrefix) ? ownerOf(id) : undefined;
    if (!owner) {
      named.add(id);
      continue;
    }
    const type = owner.id.startsWith("backup-") ? types.backup : types.cluster;
    const found = await store.get<Partial<BackupDocument & ClusterDocument>>({ ...scopeOf(owner), type, id: owner.id });
    const bytes = found?.value.bytes ?? (found?.value.source as ClusterDocument["source"])?.bytes;
    if (bytes?.blob === id) named.add(id);
  }
  return named;
}
