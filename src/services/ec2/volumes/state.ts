/**
 * What EBS keeps, beside the resources `volume` and `snapshot` of `../state.ts`.
 *
 * | type | id | what |
 * |---|---|---|
 * | ebsSettings | `settings` | encryption by default and its key, of an account and Region |
 * | snapshotShare | snapshot id | in the account that may use a snapshot: whose it is. Public ones lie in account 000000000000 |
 * | snapshotRemains | snapshot id | a deleted snapshot, the data of which is still to be removed |
 * | volumeToken | client token | the volume that a request with this token made |
 *
 * The api role writes what is wanted, the volumes role what has become of it. A volume and its snapshots are worked on
 * by one data folder, the `host` that made the image.
 */
import type { Tagged } from "../state.ts";

export const ebsTypes = {
  settings: "ebsSettings",
  share: "snapshotShare",
  remains: "snapshotRemains",
  token: "volumeToken",
} as const;

export const settingsId = "settings";
/** Account of documents that belong to everybody. */
export const everybody = "000000000000";

export interface EbsSettings {
  encryptByDefault: boolean;
  /** ARN of a customer managed key; absent: `alias/aws/ebs`. */
  kmsKeyArn?: string;
}

/** The data key of a volume or snapshot, as KMS has wrapped it: 64 bytes, two keys of AES-256 for XTS. */
export interface DataKey {
  kmsKeyArn: string;
  /** Base64. */
  wrapped: string;
  /** Value of `aws:ebs:id` in the encryption context: the volume, or the copy, that it was made or wrapped anew for. */
  context: string;
  /** Names the key itself: volumes and snapshots with the same one are of one lineage. */
  id: string;
  /** The grant by which EC2 may unwrap it. Snapshots have none. */
  grantId?: string;
}

/** Where data comes from, with a grant for as long as it is read under another key. */
export interface Source {
  account: string;
  region: string;
  snapshotId: string;
  /** It is not encrypted. */
  plain: boolean;
  /** Absent where source and target share one data key, or the source has none. */
  key?: DataKey;
}

export type VolumeKind = "standard" | "gp2" | "gp3" | "io1" | "io2" | "st1" | "sc1";

export interface Shape {
  /** GiB. */
  size: number;
  kind: VolumeKind;
  iops?: number;
  /** MiB/s. */
  throughput?: number;
  multiAttach: boolean;
}

export interface Modification {
  state: "modifying" | "optimizing" | "completed";
  from: Shape;
  to: Shape;
  startedAt: number;
  endedAt?: number;
}

/** One connection to the volume. */
export interface Attachment {
  id: string;
  at: number;
}

export interface Volume extends Tagged, Shape {
  zone: string;
  zoneId: string;
  createdAt: number;
  state: "creating" | "available" | "in-use" | "deleting" | "error";
  encryption?: DataKey;
  snapshotId?: string;
  /** What it is to be filled with. */
  source?: Source;
  host?: string;
  attachments: Attachment[];
  /** Its connections are to be ended. */
  detach?: boolean;
  modification?: Modification;
  /** When it was modified, in the last 24 hours. */
  modifiedAt?: number[];
  /** Of the request that made it, for events. */
  requestId: string;
}

export interface Snapshot extends Tagged {
  volumeId: string;
  /** GiB of the volume. */
  size: number;
  description: string;
  state: "pending" | "completed" | "error";
  /** Per cent. */
  progress: number;
  stateMessage?: string;
  startedAt: number;
  completedAt?: number;
  /** Bytes of its data. */
  bytes?: number;
  encryption?: DataKey;
  /** Of a copy. */
  source?: Source;
  host?: string;
  /** Its moment has been: it cannot be taken again. */
  cut?: boolean;
  sharedWith: string[];
  isPublic: boolean;
}

export interface SnapshotShare {
  owner: string;
}

export interface SnapshotRemains {
  host?: string;
  /** Of a copy that was under way. */
  grants: DataKey[];
}

export interface VolumeToken {
  volumeId: string;
  /** What was asked for, so that another request with the token is refused. */
  parameters: string;
}
