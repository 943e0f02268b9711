/**
 * What CloudHSM keeps, in the account and Region of the cluster or backup.
 *
 * | type | id | what |
 * |---|---|---|
 * | cluster | cluster-… | settings, state, HSMs, certificates, tags; index `work` while it is not deleted |
 * | backup | backup-… | where its bytes are, the key they are under, tags, policy; index `work`, `cluster` |
 * | quota | `region` | changes with each new cluster and HSM |
 * | share | account/backup-… | in the installation's account, by Region: a backup with a resource policy |
 *
 * Keys, users and PINs are the data plane's (`src/hsm`); nothing of them is here but the sealed bytes of backups, in blobs.
 *
 * INVARIANT: a cluster's document is the only word on its HSMs: what is to become is written first (`CREATE_IN_PROGRESS`,
 * `DELETE_IN_PROGRESS` …), the plane follows, and the end is written when it has followed. After a crash the job goes on
 * from what is written; every step of the plane may be taken twice.
 * INVARIANT: a backup is named only when its bytes are stored.
 */
import type { ClusterCertificates } from "../../hsm/contract.ts";
import type { BoundPolicy } from "#gateway/boundPolicy.ts";
import type { Scope } from "#store/contract.ts";
import type { BackupState, ClusterMode, ClusterState, HsmState, HsmType, NetworkType } from "./sdk.ts";

export const serviceId = "cloudhsmv2";
export const installationAccount = "000000000000";

export const types = { cluster: "cluster", backup: "backup", share: "share", quota: "quota" } as const;

/** Source: CloudHSM User Guide, "Configure backup retention": 90 days unless told. */
export const defaultRetentionDays = 90;

/** A blob and its key, which is under the key holder, in base64. */
export interface SealedBytes {
  blob: string;
  key: string;
}

export interface HsmDocument {
  id: string;
  zone: string;
  subnetId: string;
  type: HsmType;
  /** Of its network interface. */
  eniId?: string;
  eniIp?: string;
  state: HsmState;
  /** When that state was written, milliseconds. */
  since: number;
  message?: string;
  /** Of an HSM of another type: the one it takes the place of, which goes when this one is there. */
  replaces?: string;
}

export interface ClusterDocument {
  id: string;
  account: string;
  region: string;
  createdAt: number;
  hsmType: HsmType;
  mode: ClusterMode;
  networkType: NetworkType;
  /** Availability Zone → subnet. */
  subnets: Record<string, string>;
  vpcId: string;
  securityGroup: string;
  retentionDays: number;
  state: ClusterState;
  message?: string;
  /** What it was made from. Its first HSM begins with it; `bytes` is the cluster's own copy, there once it is created. */
  source?: { account: string; region: string; backupId: string; clusterCertificate?: string; bytes?: SealedBytes };
  hsms: HsmDocument[];
  certificates?: ClusterCertificates;
  /** While it is being initialized. */
  initialization?: { signedCertificate: string; trustAnchor: string };
  /** Of the newest backup. */
  lastBackupAt?: number;
  lastBackupId?: string;
  /** While HSMs are being replaced by those of another type. */
  change?: { to: HsmType };
  /** Of a change of the HSM type: until when it can be undone, and what it was. */
  rollback?: { until: number; type: HsmType };
  tags: Record<string, string>;
}

export interface BackupDocument {
  id: string;
  account: string;
  region: string;
  clusterId: string;
  createdAt: number;
  copiedAt?: number;
  neverExpires: boolean;
  source?: { region: string; backupId: string; clusterId: string };
  state: BackupState;
  /** Of one that is pending deletion. */
  deleteAt?: number;
  hsmType: HsmType;
  mode: ClusterMode;
  /** Shown of a cluster that is made of it. */
  clusterCertificate?: string;
  bytes: SealedBytes;
  policy?: string;
  boundPolicy?: BoundPolicy;
  tags: Record<string, string>;
}

/** Where a shared backup is. */
export interface Share {
  account: string;
  backupId: string;
}

export interface Place {
  account: string;
  region: string;
}

export function scopeOf({ account, region }: Place): Scope {
  return { account, region, service: serviceId };
}

/** What the job looks at. */
export const workIndex = "work";

export function clusterIndexes(cluster: ClusterDocument): Record<string, string> {
  return cluster.state === "DELETED" ? {} : { [workIndex]: "1" };
}

export function backupIndexes(backup: BackupDocument): Record<string, string> {
  return { [workIndex]: "1", cluster: `${backup.clusterId}/${timeText(backup.createdAt)}` };
}

export function timeText(milliseconds: number): string {
  return String(Math.max(0, Math.floor(milliseconds))).padStart(16, "0");
}

/** A deleted cluster is told of for so long: whoever waits for its end sees `DELETED`. */
export const deletedShownMs = 3_600_000;
