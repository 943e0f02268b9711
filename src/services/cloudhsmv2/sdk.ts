/**
 * The operations as AWS's model says them. The newest SDK client in TypeScript is older than three of the operations and
 * several members, so the shapes are written down here. Source: CloudHSM API Reference (2017-04-28), botocore 1.43.
 */
import type { AccessOf, Handlers, Input as InputOf, Output as OutputOf } from "#gateway/service.ts";

export interface Tag {
  Key: string;
  Value: string;
}

export interface BackupRetentionPolicy {
  Type?: "DAYS" | undefined;
  Value?: string | undefined;
}

export type HsmType = "hsm1.medium" | "hsm2m.medium";
export type ClusterMode = "FIPS" | "NON_FIPS";
export type NetworkType = "IPV4" | "DUALSTACK";
export type HsmState = "CREATE_IN_PROGRESS" | "ACTIVE" | "DEGRADED" | "DELETE_IN_PROGRESS" | "DELETED";
export type ClusterState =
  | "CREATE_IN_PROGRESS"
  | "UNINITIALIZED"
  | "INITIALIZE_IN_PROGRESS"
  | "INITIALIZED"
  | "ACTIVE"
  | "UPDATE_IN_PROGRESS"
  | "MODIFY_IN_PROGRESS"
  | "ROLLBACK_IN_PROGRESS"
  | "DELETE_IN_PROGRESS"
  | "DELETED"
  | "DEGRADED";
export type BackupState = "CREATE_IN_PROGRESS" | "READY" | "DELETED" | "PENDING_DELETION";

export interface Certificates {
  ClusterCsr?: string;
  HsmCertificate?: string;
  AwsHardwareCertificate?: string;
  ManufacturerHardwareCertificate?: string;
  ClusterCertificate?: string;
}

export interface Hsm {
  AvailabilityZone?: string;
  ClusterId?: string;
  SubnetId?: string;
  EniId?: string;
  EniIp?: string;
  EniIpV6?: string;
  HsmId: string;
  HsmType?: string;
  State?: HsmState;
  StateMessage?: string;
}

export interface Cluster {
  BackupPolicy?: "DEFAULT";
  BackupRetentionPolicy?: BackupRetentionPolicy;
  ClusterId?: string;
  CreateTimestamp?: Date;
  Hsms?: Hsm[];
  HsmType?: string;
  HsmTypeRollbackExpiration?: Date;
  PreCoPassword?: string;
  SecurityGroup?: string;
  SourceBackupId?: string;
  State?: ClusterState;
  StateMessage?: string;
  SubnetMapping?: Record<string, string>;
  VpcId?: string;
  NetworkType?: NetworkType;
  Certificates?: Certificates;
  TagList?: Tag[];
  Mode?: ClusterMode;
}

export interface Backup {
  BackupId: string;
  BackupArn?: string;
  BackupState?: BackupState;
  ClusterId?: string;
  CreateTimestamp?: Date;
  CopyTimestamp?: Date;
  NeverExpires?: boolean;
  SourceRegion?: string;
  SourceBackup?: string;
  SourceCluster?: string;
  DeleteTimestamp?: Date;
  TagList?: Tag[];
  HsmType?: string;
  Mode?: ClusterMode;
}

interface Command<I, O> {
  prototype: {
    readonly input: I;
    resolveMiddleware(...args: never[]): (args: never) => Promise<{ output: O & { $metadata: unknown } }>;
  };
}

type Filters = Record<string, string[]>;
type Paged = { NextToken?: string | undefined; MaxResults?: number | undefined };
type Policy = { ResourceArn?: string; Policy?: string };

export interface Sdk {
  CopyBackupToRegionCommand: Command<
    { DestinationRegion: string | undefined; BackupId: string | undefined; TagList?: Tag[] | undefined },
    { DestinationBackup?: Pick<Backup, "CreateTimestamp" | "SourceRegion" | "SourceBackup" | "SourceCluster"> }
  >;
  CreateClusterCommand: Command<
    {
      BackupRetentionPolicy?: BackupRetentionPolicy | undefined;
      HsmType: string | undefined;
      SourceBackupId?: string | undefined;
      SubnetIds: string[] | undefined;
      NetworkType?: NetworkType | undefined;
      TagList?: Tag[] | undefined;
      Mode?: ClusterMode | undefined;
    },
    { Cluster?: Cluster }
  >;
  CreateHsmCommand: Command<
    { ClusterId: string | undefined; AvailabilityZone: string | undefined; IpAddress?: string | undefined },
    { Hsm?: Hsm }
  >;
  DeleteBackupCommand: Command<{ BackupId: string | undefined }, { Backup?: Backup }>;
  DeleteClusterCommand: Command<{ ClusterId: string | undefined }, { Cluster?: Cluster }>;
  DeleteHsmCommand: Command<
    {
      ClusterId: string | undefined;
      HsmId?: string | undefined;
      EniId?: string | undefined;
      EniIp?: string | undefined;
    },
    { HsmId?: string }
  >;
  DeleteResourcePolicyCommand: Command<{ ResourceArn?: string | undefined }, Policy>;
  DescribeBackupsCommand: Command<
    Paged & { Filters?: Filters | undefined; Shared?: boolean | undefined; SortAscending?: boolean | undefined },
    { Backups?: Backup[]; NextToken?: string }
  >;
  DescribeClustersCommand: Command<
    Paged & { Filters?: Filters | undefined },
    { Clusters?: Cluster[]; NextToken?: string }
  >;
  GetResourcePolicyCommand: Command<{ ResourceArn?: string | undefined }, { Policy?: string }>;
  InitializeClusterCommand: Command<
    { ClusterId: string | undefined; SignedCert: string | undefined; TrustAnchor: string | undefined },
    { State?: ClusterState; StateMessage?: string }
  >;
  ListTagsCommand: Command<
    Paged & { ResourceId: string | undefined },
    { TagList: Tag[] | undefined; NextToken?: string }
  >;
  ModifyBackupAttributesCommand: Command<
    { BackupId: string | undefined; NeverExpires: boolean | undefined },
    { Backup?: Backup }
  >;
  ModifyClusterCommand: Command<
    {
      HsmType?: string | undefined;
      BackupRetentionPolicy?: BackupRetentionPolicy | undefined;
      ClusterId: string | undefined;
    },
    { Cluster?: Cluster }
  >;
  PutResourcePolicyCommand: Command<{ ResourceArn?: string | undefined; Policy?: string | undefined }, Policy>;
  RestoreBackupCommand: Command<{ BackupId: string | undefined }, { Backup?: Backup }>;
  TagResourceCommand: Command<{ ResourceId: string | undefined; TagList: Tag[] | undefined }, object>;
  UntagResourceCommand: Command<{ ResourceId: string | undefined; TagKeyList: string[] | undefined }, object>;
}

export type HsmHandlers = Partial<Handlers<Sdk>>;
export type HsmAccess = AccessOf<Sdk>;
export type In<Op extends string> = InputOf<Sdk, Op>;
export type Out<Op extends string> = OutputOf<Sdk, Op>;
