/** What the steps of the lifecycle work with, and how they write what has become of a cluster. */
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type DocumentKey, type Operation } from "#store/contract.ts";
import type { HsmPlane } from "../../../hsm/contract.ts";
import {
  backupIndexes,
  type BackupDocument,
  clusterIndexes,
  type ClusterDocument,
  deletedShownMs,
  type HsmDocument,
  scopeOf,
  types,
} from "../state.ts";

export interface Parts {
  ctx: JobContext;
  plane: HsmPlane;
}

export function clusterKey(cluster: ClusterDocument): DocumentKey {
  return { ...scopeOf(cluster), type: types.cluster, id: cluster.id };
}

export function backupKey(backup: BackupDocument): DocumentKey {
  return { ...scopeOf(backup), type: types.backup, id: backup.id };
}

export function backupPut(backup: BackupDocument, ifVersion: number): Operation {
  return { op: "put", key: backupKey(backup), value: backup, ifVersion, indexes: backupIndexes(backup) };
}

/**
 * Changes the cluster as it is by now: `change` decides anew when somebody else has changed it in between, and gives
 * `undefined` when there is nothing to do any more. What it gives and `also` are one batch.
 */
export async function update(
  { ctx }: Parts,
  cluster: ClusterDocument,
  change: (now: ClusterDocument) => ClusterDocument | undefined,
  also: readonly Operation[] = [],
): Promise<ClusterDocument | undefined> {
  const key = clusterKey(cluster);
  for (;;) {
    const found = await ctx.store.get<ClusterDocument>(key);
    const value = found && change(found.value);
    if (!found || !value) return undefined;
    const expires = value.state === "DELETED" ? { expiresAt: ctx.clock.now() + deletedShownMs } : {};
    const put: Operation = {
      op: "put",
      key,
      value,
      ifVersion: found.version,
      indexes: clusterIndexes(value),
      ...expires,
    };
    try {
      await ctx.store.commit([put, ...also]);
      return value;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
}

/** Nothing is known of the cluster any more, not even that it was deleted: the installation was emptied meanwhile. */
export async function isForgotten({ ctx }: Parts, cluster: ClusterDocument): Promise<boolean> {
  return (await ctx.store.get(clusterKey(cluster))) === undefined;
}

/** The cluster with one HSM changed; `undefined` when it has no such HSM in that state any more. */
export function withHsm(
  cluster: ClusterDocument,
  expected: HsmDocument,
  change: (hsm: HsmDocument) => HsmDocument,
): ClusterDocument | undefined {
  const at = cluster.hsms.findIndex(({ id, state }) => id === expected.id && state === expected.state);
  if (at < 0) return undefined;
  return { ...cluster, hsms: cluster.hsms.with(at, change(cluster.hsms[at]!)) };
}

/** A text without what is wrong now. */
export function settled<T extends { message?: string }>(each: T, message?: string): T {
  const { message: _old, ...rest } = each;
  return { ...rest, ...(message === undefined ? {} : { message }) } as T;
}
