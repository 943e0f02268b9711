/**
 * Takes backups. "The service makes a backup when you … activate a cluster, add an HSM to an active cluster, remove an HSM
 * from an active cluster", and "at least once every 24 hours". Source: CloudHSM User Guide, "Cluster backups".
 */
import type { Operation } from "#store/contract.ts";
import { HsmError } from "../../../hsm/contract.ts";
import { newId } from "../ids.ts";
import { keepBytes, readBytes } from "../sealedBytes.ts";
import { type BackupDocument, type ClusterDocument, scopeOf, types } from "../state.ts";
import { backupPut, type Parts, update } from "./parts.ts";

export const backupEveryMs = 24 * 3_600_000;
/** Copies from other Regions can be among them, by a cluster's id that is the same; the newest of its own is sought. */
const mostCopies = 1_000;

/** What the cluster's document says of its newest backup. */
type Newest = Pick<ClusterDocument, "lastBackupAt" | "lastBackupId">;

export interface Taken {
  newest: Newest;
  operations: Operation[];
}

/**
 * A backup that is stored and not yet named: its operations belong into the batch that says what it was taken for.
 * `undefined` where the module cannot be backed up at all.
 */
export async function take({ ctx, plane }: Parts, cluster: ClusterDocument): Promise<Taken | undefined> {
  let data: Uint8Array;
  try {
    ({ data } = await plane.backup(cluster.id));
  } catch (error) {
    if (error instanceof HsmError && error.kind === "unsupported") return undefined;
    throw error;
  }
  const { account, region } = cluster;
  const id = newId("backup", ctx.random);
  const now = ctx.clock.now();
  const { clusterCertificate } = (await plane.cluster(cluster.id))?.certificates ?? cluster.certificates ?? {};
  const backup: BackupDocument = {
    id,
    account,
    region,
    clusterId: cluster.id,
    createdAt: now,
    neverExpires: false,
    state: "READY",
    hsmType: cluster.hsmType,
    mode: cluster.mode,
    ...(clusterCertificate === undefined ? {} : { clusterCertificate }),
    bytes: await keepBytes(ctx, { account, region, id }, data),
    tags: {},
  };
  return { newest: { lastBackupAt: now, lastBackupId: id }, operations: [backupPut(backup, 0)] };
}

/** Takes one and names it. */
export async function backUp(parts: Parts, cluster: ClusterDocument): Promise<void> {
  const taken = await take(parts, cluster);
  if (taken) await update(parts, cluster, (now) => ({ ...now, ...taken.newest }), taken.operations);
}

/** Takes one unless the cluster has one that is younger than `since`. */
export async function backUpSince(parts: Parts, cluster: ClusterDocument, since: number): Promise<void> {
  if ((cluster.lastBackupAt ?? 0) <= since) await backUp(parts, cluster);
}

/**
 * What a cluster without HSMs begins with again: its newest backup that is left, or what it was made of when it has had
 * none. `undefined`: nothing; older users and keys than the customer has left are not brought back.
 */
export async function beginning({ ctx }: Parts, cluster: ClusterDocument): Promise<Uint8Array | undefined> {
  const { account, region, id, lastBackupId, source } = cluster;
  if (lastBackupId === undefined) return source?.bytes && readBytes(ctx, cluster, source.bytes);
  const { items } = await ctx.store.find<BackupDocument>({
    ...scopeOf({ account, region }),
    type: types.backup,
    index: "cluster",
    from: `${id}/`,
    // The character after the slash.
    to: `${id}0`,
    reverse: true,
    limit: mostCopies,
  });
  const newest = items.map(({ value }) => value).find((backup) => backup.source === undefined);
  return newest && readBytes(ctx, newest, newest.bytes);
}
