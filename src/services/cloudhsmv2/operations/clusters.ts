/** Clusters. Source: CloudHSM API Reference; User Guide, "Create a cluster", "Cluster modes", "Cluster HSM type migration". */
import type { CallContext } from "#gateway/context.ts";
import { type InstalledBackend, requireBackend } from "../backend.ts";
import { allClusters, requireCluster, saveCluster, shownCluster } from "../clusters.ts";
import { requireBackup } from "../backups.ts";
import { invalid, unsupportedType } from "../errors.ts";
import { filtered } from "../filters.ts";
import { backupAddress, newId } from "../ids.ts";
import { chooseSubnets, dropGroup, makeGroup } from "../network.ts";
import { paged } from "../paging.ts";
import { takeClusterRoom } from "../quotas.ts";
import { retentionDays } from "../retention.ts";
import type { ClusterMode, HsmHandlers, HsmType, In } from "../sdk.ts";
import { type BackupDocument, type ClusterDocument, defaultRetentionDays, timeText } from "../state.ts";
import { withTags } from "../tags.ts";

const hsmTypes: readonly string[] = ["hsm1.medium", "hsm2m.medium"] satisfies HsmType[];
const mostShown = 25;

function hsmType(given: string | undefined): HsmType {
  if (given === undefined || !hsmTypes.includes(given)) throw unsupportedType();
  return given as HsmType;
}

/** "hsm1.medium" knows the FIPS mode alone; of the other type the mode has to be said. */
function modeOf(type: HsmType, mode: ClusterMode | undefined): ClusterMode {
  if (type === "hsm1.medium") {
    if (mode === "NON_FIPS") throw invalid("Clusters of type hsm1.medium can be in FIPS mode only.");
    return "FIPS";
  }
  if (mode === undefined) throw invalid(`Mode must be specified for clusters of type ${type}.`);
  return mode;
}

/** What the cluster is to be made of. @throws CloudHsmResourceNotFoundException, CloudHsmInvalidRequestException */
async function sourceOf(
  ctx: CallContext,
  given: string | undefined,
  type: HsmType,
  mode: ClusterMode,
): Promise<BackupDocument | undefined> {
  if (given === undefined) return undefined;
  const address = backupAddress(given, ctx);
  if (!address) throw invalid("SourceBackupId is not the id or ARN of a backup.");
  if (address.region !== ctx.region) throw invalid("A cluster can be made only of a backup in its own Region.");
  const backup = await requireBackup(ctx, address.id, address);
  if (backup.state !== "READY") throw invalid(`Backup ${backup.id} is in the state ${backup.state}; it must be READY.`);
  if (backup.hsmType === "hsm2m.medium" && type === "hsm1.medium") {
    throw invalid("A backup of a cluster of type hsm2m.medium cannot be restored to hsm1.medium.");
  }
  if (backup.mode !== mode) throw invalid(`The backup is of a cluster in ${backup.mode} mode.`);
  return backup;
}

/** A backup tells the mode where the request does not. */
async function sourceMode(ctx: CallContext, given: string | undefined): Promise<ClusterMode | undefined> {
  const address = given === undefined ? undefined : backupAddress(given, ctx);
  return address && (await requireBackup(ctx, address.id, address)).mode;
}

async function create(
  backend: InstalledBackend,
  input: In<"CreateCluster">,
  ctx: CallContext,
): Promise<ClusterDocument> {
  const type = hsmType(input.HsmType);
  if (input.NetworkType === "DUALSTACK") {
    throw invalid("NetworkType DUALSTACK needs subnets with IPv6 CIDR blocks.");
  }
  const mode = modeOf(type, input.Mode ?? (await sourceMode(ctx, input.SourceBackupId)));
  const source = await sourceOf(ctx, input.SourceBackupId, type, mode);
  const days = input.BackupRetentionPolicy ? retentionDays(input.BackupRetentionPolicy) : defaultRetentionDays;
  const tags = withTags({}, input.TagList);
  requireBackend(backend);
  await takeClusterRoom(ctx);
  const id = await ctx.once("id", async () => newId("cluster", ctx.random));
  const { vpcId, byZone } = await chooseSubnets(ctx, input.SubnetIds ?? []);
  const securityGroup = await ctx.once("group", () => makeGroup(ctx, id, vpcId));
  const { account, region } = ctx;
  return {
    id,
    account,
    region,
    createdAt: ctx.now,
    hsmType: type,
    mode,
    networkType: "IPV4",
    subnets: byZone,
    vpcId,
    securityGroup,
    retentionDays: days,
    state: "CREATE_IN_PROGRESS",
    ...(source
      ? {
          source: {
            account: source.account,
            region: source.region,
            backupId: source.id,
            ...(source.clusterCertificate === undefined ? {} : { clusterCertificate: source.clusterCertificate }),
          },
        }
      : {}),
    hsms: [],
    tags,
  };
}

/** Of one type to the other, and back within a day. */
function changed(cluster: ClusterDocument, to: HsmType, now: number): ClusterDocument {
  if (cluster.state !== "ACTIVE")
    throw invalid(`Cluster ${cluster.id} is in the state ${cluster.state}; it must be ACTIVE.`);
  if (cluster.hsmType === to) throw invalid(`Cluster ${cluster.id} is of type ${to} already.`);
  if (cluster.hsms.some(({ state }) => state !== "ACTIVE")) {
    throw invalid(`Every HSM of cluster ${cluster.id} must be ACTIVE.`);
  }
  if (to === "hsm2m.medium") return { ...cluster, state: "MODIFY_IN_PROGRESS", change: { to } };
  if (cluster.rollback?.type !== to || cluster.rollback.until <= now) {
    throw invalid("A cluster can be rolled back to hsm1.medium only within 24 hours of the start of its migration.");
  }
  return { ...cluster, state: "ROLLBACK_IN_PROGRESS", change: { to } };
}

export function clusterHandlers(backend: InstalledBackend): HsmHandlers {
  return {
    async CreateCluster(input, ctx) {
      try {
        const cluster = await create(backend, input, ctx);
        saveCluster(ctx, cluster);
        return { Cluster: shownCluster(cluster) };
      } catch (error) {
        // A run that was overtaken by another call has made it.
        const made = await ctx.once<string | undefined>("group", async () => undefined);
        if (made !== undefined) await dropGroup(ctx, made);
        throw error;
      }
    },

    async DescribeClusters(input, ctx) {
      const clusters = filtered(await allClusters(ctx), input.Filters, {
        clusterIds: ({ id }) => id,
        vpcIds: ({ vpcId }) => vpcId,
        states: ({ state }) => state,
      });
      const { page, next } = paged(clusters, input, mostShown, {
        position: ({ createdAt, id }) => `${timeText(createdAt)}/${id}`,
      });
      return { Clusters: page.map(shownCluster), ...next };
    },

    async ModifyCluster(input, ctx) {
      let cluster = await requireCluster(ctx, input.ClusterId);
      if (input.HsmType === undefined && input.BackupRetentionPolicy === undefined) {
        throw invalid("HsmType or BackupRetentionPolicy must be specified.");
      }
      if (input.BackupRetentionPolicy) {
        if (cluster.state === "DELETE_IN_PROGRESS") throw invalid(`Cluster ${cluster.id} is being deleted.`);
        cluster = { ...cluster, retentionDays: retentionDays(input.BackupRetentionPolicy) };
      }
      if (input.HsmType !== undefined) cluster = changed(cluster, hsmType(input.HsmType), ctx.now);
      saveCluster(ctx, cluster);
      return { Cluster: shownCluster(cluster) };
    },

    /** "Before you can delete a cluster, you must delete all HSMs in the cluster." */
    async DeleteCluster(input, ctx) {
      const cluster = await requireCluster(ctx, input.ClusterId);
      if (cluster.hsms.length > 0) {
        throw invalid(`Cluster ${cluster.id} contains HSMs. Delete all HSMs before you delete the cluster.`);
      }
      if (cluster.state.endsWith("_IN_PROGRESS")) {
        throw invalid(`Cluster ${cluster.id} cannot be deleted in the state ${cluster.state}.`);
      }
      await ctx.once("dropped group", () => dropGroup(ctx, cluster.securityGroup));
      const deleted: ClusterDocument = { ...cluster, state: "DELETE_IN_PROGRESS" };
      saveCluster(ctx, deleted);
      return { Cluster: shownCluster(deleted) };
    },
  };
}
