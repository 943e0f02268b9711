/** What a cluster keeps. Everything secret in a record is in a box; bytes are base64. */
import type { HsmRole, QuorumService } from "../contract.ts";

/** `user/<name>`, `object/<id>`, `file/<path>`, or `cluster`. */
export type RecordKey = string;

export interface UserRecord {
  kind: "user";
  name: string;
  role: HsmRole;
  /** argon2id of the password, and the user's seed in a box under it. */
  salt: string;
  cost: PasswordCost;
  seed: string;
  /** X25519, of the seed: others close boxes to it. */
  publicKey: string;
  /** Of a crypto user: the seed, to the officers. Of an officer: the officers' seed, to himself. */
  escrow: string;
  /** PIN of the module behind a `pkcs11` cluster, to this user. */
  pin?: string;
  failedLogins: number;
  /** RSA public key, PEM. */
  quorumKey?: string;
}

export interface PasswordCost {
  memoryKiB: number;
  passes: number;
}

export interface ClusterRecord {
  kind: "cluster";
  /** No officer has a password of his own yet. */
  activated: boolean;
  /** X25519 key that every officer can open. */
  officersKey: string;
  /** PIN of the module behind a `pkcs11` cluster, to the officers. */
  pin?: string;
  quorum: Record<QuorumService, number>;
  /** The one active token of each officer and service, by `<service>/<officer>`. */
  tokens: Record<string, { unsigned: string; expiresAt: number }>;
}

export interface ObjectRecord {
  kind: "object";
  id: string;
  owner: string;
  /** The object's key, to its owner and to those it is shared with. */
  grants: Record<string, string>;
  /** Attributes and material, under the object's key. */
  sealed: string;
  /** Path of the file with the key in the token's folder, where each HSM has its own. */
  file?: string;
}

/** A file of the token that every HSM has in its folder; `file/<path>`. Kept by the plane, and of no concern to an HSM's process. */
export interface FileRecord {
  kind: "file";
  /** As the module wrote it, deflated; base64. What is secret in it is under the module's PIN. */
  content: string;
  /** The object that it is of; it is gone with that one. */
  of?: RecordKey;
}

export type HsmRecord = UserRecord | ClusterRecord | ObjectRecord | FileRecord;

/** A record with its version; without a record it was deleted, which is remembered so that no HSM brings it back. */
export interface Entry {
  key: RecordKey;
  version: number;
  record: HsmRecord | undefined;
}

/** A change of one record that had this version (0: there was none). */
export interface Change {
  key: RecordKey;
  base: number;
  record: HsmRecord | undefined;
}

export const clusterKey = "cluster";
export const userKey = (name: string): RecordKey => `user/${name}`;
export const objectKey = (id: string): RecordKey => `object/${id}`;
