/** What is under way with a cluster and its HSMs, taken to its end. Each step can be taken again after a crash. */
import type { ClusterStatus } from "../../../hsm/contract.ts";
import { HsmError } from "../../../hsm/contract.ts";
import { newId } from "../ids.ts";
import { keepBytes, readBytes } from "../sealedBytes.ts";
import type { ClusterState } from "../sdk.ts";
import { type BackupDocument, type ClusterDocument, type HsmDocument, scopeOf, types } from "../state.ts";
import { backUpSince, beginning, take } from "./backup.ts";
import { isForgotten, type Parts, settled, update, withHsm } from "./parts.ts";

type Step = (parts: Parts, cluster: ClusterDocument) => Promise<void>;

/** An HSM of a cluster in one of these has users, or will have them from a backup. */
const claimed: ReadonlySet<ClusterState> = new Set([
  "INITIALIZED",
  "ACTIVE",
  "DEGRADED",
  "MODIFY_IN_PROGRESS",
  "ROLLBACK_IN_PROGRESS",
]);

/** How long a change of the HSM type can be undone. Source: User Guide, "Cluster HSM type migration". */
const rollbackMs = 24 * 3_600_000;

const steps: Partial<Record<ClusterState, Step>> = {
  CREATE_IN_PROGRESS: createCluster,
  DELETE_IN_PROGRESS: deleteCluster,
  INITIALIZE_IN_PROGRESS: initialize,
  MODIFY_IN_PROGRESS: changeType,
  ROLLBACK_IN_PROGRESS: changeType,
};

/** Takes one step. False when nothing is under way. */
export async function step(parts: Parts, cluster: ClusterDocument): Promise<boolean> {
  const hsm = cluster.hsms.find(({ state }) => state === "CREATE_IN_PROGRESS" || state === "DELETE_IN_PROGRESS");
  if (hsm && cluster.state !== "CREATE_IN_PROGRESS") {
    await (hsm.state === "CREATE_IN_PROGRESS" ? createHsm : deleteHsm)(parts, cluster, hsm);
    return true;
  }
  const own = steps[cluster.state];
  await own?.(parts, cluster);
  return own !== undefined;
}

/** The plane knows a cluster from its first HSM on. One that is made of a backup gets a copy of its bytes. */
async function createCluster(parts: Parts, cluster: ClusterDocument): Promise<void> {
  const { source } = cluster;
  if (!source) {
    await update(parts, cluster, (now) =>
      now.state === "CREATE_IN_PROGRESS" ? settled<ClusterDocument>({ ...now, state: "UNINITIALIZED" }) : undefined,
    );
    return;
  }
  const { ctx } = parts;
  const place = { account: source.account, region: source.region };
  const found = await ctx.store.get<BackupDocument>({ ...scopeOf(place), type: types.backup, id: source.backupId });
  if (!found) throw new Error(`backup ${source.backupId} is gone`);
  const data = await readBytes(ctx, { ...place, id: source.backupId }, found.value.bytes);
  const bytes = await keepBytes(ctx, cluster, data);
  await update(parts, cluster, (now) =>
    now.state === "CREATE_IN_PROGRESS"
      ? settled<ClusterDocument>({ ...now, state: "ACTIVE", source: { ...source, bytes } })
      : undefined,
  );
}

async function deleteCluster(parts: Parts, cluster: ClusterDocument): Promise<void> {
  await parts.plane.deleteCluster(cluster.id);
  await update(parts, cluster, (now) => settled<ClusterDocument>({ ...now, state: "DELETED", hsms: [] }));
  if (cluster.source?.bytes) await parts.ctx.blobs.delete(cluster.source.bytes.blob);
}

async function createHsm(parts: Parts, cluster: ClusterDocument, hsm: HsmDocument): Promise<void> {
  const { plane } = parts;
  const before = await plane.cluster(cluster.id);
  const alone = !before || before.hsms.every(({ hsmId }) => hsmId === hsm.id);
  // "AWS CloudHSM makes a backup copy of an existing HSM in the cluster."
  if (!alone && claimed.has(cluster.state)) await backUpSince(parts, cluster, hsm.since);
  const backup = alone ? await beginning(parts, cluster) : undefined;
  if (alone && !backup && !before && claimed.has(cluster.state)) {
    throw new HsmError("backup-invalid", "The cluster has no backup that an HSM could begin with.");
  }
  await plane.createHsm(cluster.id, hsm.id, backup && { backup });
  const after = await plane.cluster(cluster.id);
  const message = `HSM created${after?.backend ? `: ${after.backend.description}` : ""}.`;
  const told = await update(parts, cluster, (now) => {
    const made = withHsm(now, hsm, (each) => {
      const { replaces: _replaced, ...rest } = each;
      return { ...rest, state: "ACTIVE", since: parts.ctx.clock.now(), message };
    });
    const replaced = hsm.replaces === undefined ? made : made && leaving(made, hsm.replaces, parts.ctx.clock.now());
    return replaced && withCertificates(asThePlane(replaced, after), after);
  });
  // INVARIANT: no HSM runs for a cluster that nobody can find or delete.
  if (!told && (await isForgotten(parts, cluster))) await plane.deleteCluster(cluster.id);
}

/** A backup that was taken before the activation makes a cluster that still waits for it. */
function asThePlane(cluster: ClusterDocument, status: ClusterStatus | undefined): ClusterDocument {
  return cluster.state === "ACTIVE" && status?.state === "initialized" ? { ...cluster, state: "INITIALIZED" } : cluster;
}

function leaving(cluster: ClusterDocument, id: string, since: number): ClusterDocument {
  const hsms = cluster.hsms.map((each) =>
    each.id === id ? { ...each, state: "DELETE_IN_PROGRESS" as const, since } : each,
  );
  return { ...cluster, hsms };
}

/**
 * INVARIANT: the last HSM that holds keys goes only after they are in a backup; while none can be taken (no HSM lives), it
 * stays. A module that can be backed up by nobody but its vendor's tools is the exception; the README says so.
 */
async function deleteHsm(parts: Parts, cluster: ClusterDocument, hsm: HsmDocument): Promise<void> {
  const { plane } = parts;
  const there = (await plane.cluster(cluster.id))?.hsms.some(({ hsmId }) => hsmId === hsm.id) ?? false;
  // While its type is being changed, another HSM has just taken its place, and a backup was taken before.
  if (there && claimed.has(cluster.state) && !cluster.change) await backUpSince(parts, cluster, hsm.since);
  if (there) await plane.deleteHsm(cluster.id, hsm.id);
  await update(parts, cluster, (now) => {
    const hsms = now.hsms.filter(({ id }) => id !== hsm.id);
    if (hsms.length === now.hsms.length) return undefined;
    const { certificates: _gone, ...rest } = now;
    // An unclaimed cluster's key pair went with its only HSM.
    return hsms.length === 0 && !claimed.has(now.state) ? { ...rest, hsms } : { ...now, hsms };
  });
}

async function initialize(parts: Parts, cluster: ClusterDocument): Promise<void> {
  const { signedCertificate = "", trustAnchor = "" } = cluster.initialization ?? {};
  let refused: string | undefined;
  try {
    await parts.plane.initialize(cluster.id, signedCertificate, trustAnchor);
  } catch (error) {
    if (!(error instanceof HsmError)) throw error;
    if (error.kind === "certificate-invalid" || error.kind === "certificate-mismatch") refused = error.message;
    else if (error.kind !== "wrong-state") throw error;
  }
  const status = await parts.plane.cluster(cluster.id);
  const done = status?.state === "initialized" || status?.state === "active";
  if (!done && refused === undefined) throw new HsmError("wrong-state", "the cluster cannot be initialized");
  await update(parts, cluster, (now) => {
    if (now.state !== "INITIALIZE_IN_PROGRESS") return undefined;
    const { initialization: _done, ...rest } = now;
    if (!done) return settled<ClusterDocument>({ ...rest, state: "UNINITIALIZED" }, refused);
    return withCertificates(
      settled<ClusterDocument>({ ...rest, state: "INITIALIZED" }, "Cluster initialized."),
      status,
    );
  });
}

/** One HSM after the other: a new one of the other type is there before the old one goes, behind the same interface. */
async function changeType(parts: Parts, cluster: ClusterDocument): Promise<void> {
  const { change } = cluster;
  const now = parts.ctx.clock.now();
  const old = change && cluster.hsms.find(({ type }) => type !== change.to);
  if (old) {
    const next: HsmDocument = {
      ...settled(old),
      id: newId("hsm", parts.ctx.random),
      type: change.to,
      state: "CREATE_IN_PROGRESS",
      since: now,
      replaces: old.id,
    };
    await update(parts, cluster, (fresh) =>
      fresh.hsms.some(({ replaces }) => replaces === old.id) ? undefined : { ...fresh, hsms: [...fresh.hsms, next] },
    );
    return;
  }
  await update(parts, cluster, (fresh) => {
    if (!fresh.change) return undefined;
    const { change: done, rollback: _undone, ...rest } = fresh;
    const rollback =
      fresh.state === "MODIFY_IN_PROGRESS" ? { rollback: { until: now + rollbackMs, type: fresh.hsmType } } : {};
    return settled<ClusterDocument>({ ...rest, ...rollback, hsmType: done.to, state: "ACTIVE" });
  });
}

/** The customer has set the first officer's password: the cluster is active, and has its first backup. */
export async function activate(parts: Parts, cluster: ClusterDocument): Promise<void> {
  const taken = await take(parts, cluster);
  await update(
    parts,
    cluster,
    (now) =>
      now.state === "INITIALIZED" ? settled<ClusterDocument>({ ...now, ...taken?.newest, state: "ACTIVE" }) : undefined,
    taken?.operations,
  );
}

function withCertificates(cluster: ClusterDocument, status: ClusterStatus | undefined): ClusterDocument {
  return status?.certificates ? { ...cluster, certificates: status.certificates } : cluster;
}
