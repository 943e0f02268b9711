/** Finding, keeping and showing clusters. */
import type { CallContext } from "#gateway/context.ts";
import { firstOfficer } from "../../hsm/contract.ts";
import { noCluster } from "./errors.ts";
import type { Certificates, Cluster, Hsm } from "./sdk.ts";
import { clusterIndexes, type ClusterDocument, deletedShownMs, type HsmDocument, types } from "./state.ts";
import { shownTags } from "./tags.ts";

export async function findCluster(ctx: CallContext, id: string): Promise<ClusterDocument | undefined> {
  return (await ctx.state.get<ClusterDocument>(types.cluster, id))?.value;
}

/** One that is not deleted. @throws CloudHsmResourceNotFoundException */
export async function requireCluster(ctx: CallContext, id: string | undefined): Promise<ClusterDocument> {
  const found = await findCluster(ctx, id ?? "");
  if (!found || found.state === "DELETED") throw noCluster(id ?? "");
  return found;
}

export function saveCluster(ctx: CallContext, cluster: ClusterDocument): void {
  ctx.state.put(types.cluster, cluster.id, cluster, {
    indexes: clusterIndexes(cluster),
    ...(cluster.state === "DELETED" ? { expiresAt: ctx.now + deletedShownMs } : {}),
  });
}

/** Every cluster of the account in the Region: the quota keeps them few. */
export async function allClusters(ctx: CallContext): Promise<ClusterDocument[]> {
  const clusters: ClusterDocument[] = [];
  for (let after: string | undefined; ;) {
    const page = await ctx.state.list<ClusterDocument>(types.cluster, { limit: 1_000, ...(after ? { after } : {}) });
    clusters.push(...page.items.map(({ value }) => value));
    if (page.next === undefined) return clusters;
    after = page.next;
  }
}

export function shownHsm(cluster: ClusterDocument, hsm: HsmDocument): Hsm {
  return {
    AvailabilityZone: hsm.zone,
    ClusterId: cluster.id,
    SubnetId: hsm.subnetId,
    ...(hsm.eniId === undefined ? {} : { EniId: hsm.eniId }),
    ...(hsm.eniIp === undefined ? {} : { EniIp: hsm.eniIp }),
    HsmId: hsm.id,
    HsmType: hsm.type,
    State: hsm.state,
    ...(hsm.message === undefined ? {} : { StateMessage: hsm.message }),
  };
}

/**
 * "The CSR exists only when the cluster's state is UNINITIALIZED"; "after the cluster is initialized, you cannot … get your
 * certificates or verify the HSMs". A cluster that is made of a backup shows its own certificate from the beginning.
 * Sources: CloudHSM API Reference, Certificates; User Guide, "Initialize the cluster".
 */
function shownCertificates({ state, certificates, source }: ClusterDocument): Certificates {
  if (certificates && state === "UNINITIALIZED") {
    return {
      ClusterCsr: certificates.clusterCsr,
      HsmCertificate: certificates.hsmCertificate,
      AwsHardwareCertificate: certificates.awsHardwareCertificate,
      ManufacturerHardwareCertificate: certificates.manufacturerHardwareCertificate,
    };
  }
  const clusterCertificate = certificates?.clusterCertificate ?? source?.clusterCertificate;
  return clusterCertificate === undefined ? {} : { ClusterCertificate: clusterCertificate };
}

export function shownCluster(cluster: ClusterDocument): Cluster {
  const { rollback, source } = cluster;
  return {
    BackupPolicy: "DEFAULT",
    BackupRetentionPolicy: { Type: "DAYS", Value: String(cluster.retentionDays) },
    ClusterId: cluster.id,
    CreateTimestamp: new Date(cluster.createdAt),
    Hsms: cluster.hsms.map((hsm) => shownHsm(cluster, hsm)),
    HsmType: cluster.hsmType,
    ...(rollback ? { HsmTypeRollbackExpiration: new Date(rollback.until) } : {}),
    // The officer's password of AWS's manual, until the customer has set one of his own.
    ...(cluster.state === "INITIALIZED" ? { PreCoPassword: firstOfficer.password } : {}),
    SecurityGroup: cluster.securityGroup,
    ...(source ? { SourceBackupId: source.backupId } : {}),
    State: cluster.state,
    ...(cluster.message === undefined ? {} : { StateMessage: cluster.message }),
    SubnetMapping: cluster.subnets,
    VpcId: cluster.vpcId,
    NetworkType: cluster.networkType,
    Certificates: shownCertificates(cluster),
    TagList: shownTags(cluster.tags),
    Mode: cluster.mode,
  };
}
