/**
 * Documents of the service and their indexes. A key is one document, with its policy, tags, alias names and every
 * version of its material, so that Encrypt and Decrypt read one document.
 */
import type { BoundPolicy } from "#gateway/boundPolicy.ts";
import type { At, CallContext } from "#gateway/context.ts";
import type { KeyToken } from "#keys/contract.ts";
import type { Document } from "#store/contract.ts";
import type { EncryptionContext } from "./sdk.ts";
import type { KeySpecRow, KeyUsage } from "./specs.ts";

/** One generation of key material. Versions are kept for ever: each decrypts what it encrypted. */
export interface MaterialVersion {
  /** From 1, dense. */
  version: number;
  /** 64 hexadecimal digits, shown as KeyMaterialId. */
  materialId: string;
  /** The wrapped token, base64; useless outside the key holder. Absent while imported material is not here. */
  wrapped?: string;
  /** What the token is bound to, where `boundTo` does not say it: each import has a group of its own. */
  bound?: string;
  /** When it became current. */
  createdAt: number;
  /** Absent for the first version. */
  rotation?: "AUTOMATIC" | "ON_DEMAND";
  /** Imported, and not current before RotateKeyOnDemand. INVARIANT: at most the last version is. */
  pending?: true;
  /** Imported material that is here expires then; epoch milliseconds. */
  expiresAt?: number;
  description?: string;
}

/** How a multi-Region key stands among its relatives. INVARIANT: the same in all of them, except `type`. */
export interface MultiRegion {
  type: "PRIMARY" | "REPLICA";
  primaryRegion: string;
  /** Regions of the replicas, sorted. */
  replicaRegions: string[];
}

export interface KeyDocument {
  keyId: string;
  arn: string;
  account: string;
  region: string;
  description: string;
  spec: KeySpecRow["spec"];
  usage: KeyUsage;
  /** `Deleting`: its time has come and its material is being destroyed; callers no longer see it. */
  state: "Enabled" | "Disabled" | "PendingImport" | "PendingDeletion" | "PendingReplicaDeletion" | "Deleting";
  /** Absent: AWS_KMS. */
  origin?: "EXTERNAL" | "EXTERNAL_KEY_STORE" | "AWS_CLOUDHSM";
  /** Of a key in an external key store: the store, and the id of the external key there. */
  external?: { storeId: string; keyId: string };
  /** Of a key in a CloudHSM key store: its material is in the HSMs only, under this CKA_ID (hex). */
  hsm?: { storeId: string; ckaId: string };
  multiRegion?: MultiRegion;
  manager: "CUSTOMER" | "AWS";
  createdAt: number;
  /** Epoch milliseconds; with PendingDeletion. */
  deletionDate?: number;
  /** When its deletion was scheduled; with PendingDeletion and PendingReplicaDeletion. It costs nothing from then on. */
  deletionScheduledAt?: number;
  /** With PendingReplicaDeletion: the wait that begins when the last replica is gone. */
  pendingWindowDays?: number;
  policy: string;
  /** The policy as it is evaluated, where it names users or roles. */
  boundPolicy?: BoundPolicy;
  tags: Record<string, string>;
  /** Names of the aliases that point here, sorted. The alias documents say the same; both change in one batch. */
  aliases: string[];
  /** How many grants there are. Zero spares the hot path a query; every change of grants changes this document. */
  grants: number;
  versions: MaterialVersion[];
  /** Of a key pair: SubjectPublicKeyInfo, DER, base64. */
  publicKey?: string;
  /** Of a key for imported material: the token of the key of its fingerprints, wrapped, base64. */
  fingerprintKey?: string;
  /** Groups of material that was deleted, expired or replaced, and is still to be destroyed for good. */
  condemned?: string[];
  rotation?: {
    periodDays: number;
    /** Epoch milliseconds. */
    nextAt: number;
  };
}

export interface AliasDocument {
  name: string;
  targetKeyId: string;
  createdAt: number;
  updatedAt: number;
}

export interface GrantDocument {
  grantId: string;
  keyId: string;
  /** ARN and account of the key; the grant lives in that account. */
  keyArn: string;
  account: string;
  name?: string;
  createdAt: number;
  granteePrincipal: string;
  /** Unique id of the user or role that is meant. */
  granteeId?: string;
  retiringPrincipal?: string;
  retiringId?: string;
  issuingAccount: string;
  operations: string[];
  constraints?: { EncryptionContextSubset?: EncryptionContext; EncryptionContextEquals?: EncryptionContext };
}

/** In the account of the retiring principal: where the grant is that it may retire. */
export interface RetirableDocument {
  grantId: string;
  keyId: string;
  account: string;
}

/** What is left of a customer managed key that was deleted for good: what the ledger still has to count. */
export interface DeletedKeyDocument {
  keyId: string;
  spec: KeySpecRow["spec"];
  createdAt: number;
  /** When its material was replaced. */
  rotations: number[];
  deletionScheduledAt: number;
}

/** Longer than anybody asks for a bill. */
export const deletedKeyRetentionMs = 400 * 86_400_000;

export const types = {
  key: "key",
  alias: "alias",
  grant: "grant",
  retirable: "retirable",
  usage: "usage",
  deleted: "deleted",
} as const;

/** The ARN of a key's relative in another Region. */
export function arnIn(key: Pick<KeyDocument, "arn" | "region">, region: string): string {
  return key.arn.replace(`:${key.region}:`, `:${region}:`);
}

/** Fixed width, so that text order is time order. */
export function timeIndex(milliseconds: number): string {
  return String(milliseconds).padStart(16, "0");
}

export const grantDocumentId = (keyId: string, grantId: string): string => `${keyId}/${grantId}`;
export const granteeIndex = (keyId: string, principal: string): string => `${keyId}\t${principal}`;

/** Index rows of a key: when the rotation job and the deletion job are due. */
export function keyIndexes(key: KeyDocument): Record<string, string> {
  const indexes: Record<string, string> = {};
  // A disabled key does not rotate; once enabled it is due at once when its time has passed. Replicas follow the primary.
  if (key.rotation && key.state === "Enabled" && key.multiRegion?.type !== "REPLICA")
    indexes["rotateAt"] = timeIndex(key.rotation.nextAt);
  if (key.deletionDate !== undefined) indexes["deleteAt"] = timeIndex(key.deletionDate);
  const expiry = key.versions.reduce((soonest, { expiresAt = Infinity }) => Math.min(soonest, expiresAt), Infinity);
  if (key.condemned?.length) indexes["materialAt"] = timeIndex(0);
  else if (expiry < Infinity) indexes["materialAt"] = timeIndex(expiry);
  return indexes;
}

export async function readKey(ctx: CallContext, keyId: string, at?: At): Promise<Document<KeyDocument> | undefined> {
  const document = await ctx.state.get<KeyDocument>(types.key, keyId, at);
  return document && { ...document, value: asOf(document.value, ctx.now) };
}

/** INVARIANT: from its expiry on imported material is gone for callers, whether or not the job has come by. */
function asOf(key: KeyDocument, now: number): KeyDocument {
  if (key.origin !== "EXTERNAL" || !key.versions.some(({ expiresAt = Infinity }) => expiresAt <= now)) return key;
  return withoutMaterial(key, ({ expiresAt = Infinity }) => expiresAt <= now);
}

/** The key without the material of some versions, which is condemned; what is only pending is forgotten with it. */
export function withoutMaterial(key: KeyDocument, gone: (version: MaterialVersion) => boolean): KeyDocument {
  const lost = key.versions.filter((version) => version.wrapped !== undefined && gone(version));
  if (lost.length === 0) return key;
  const versions = key.versions.flatMap((version): MaterialVersion[] => {
    if (!lost.includes(version)) return [version];
    const { wrapped: _wrapped, bound: _bound, expiresAt: _expiresAt, ...rest } = version;
    // A replica goes on waiting for the material that its primary has.
    return version.pending && key.multiRegion?.type !== "REPLICA" ? [] : [rest];
  });
  const condemned = [...(key.condemned ?? []), ...lost.map((version) => tokenOf(key, version).bound)];
  const waits = lost.some(({ pending }) => !pending) && !isPendingDeletion(key);
  return { ...key, versions, condemned, ...(waits ? { state: "PendingImport" as const } : {}) };
}

export function isPendingDeletion({ state }: KeyDocument): boolean {
  return state === "PendingDeletion" || state === "PendingReplicaDeletion" || state === "Deleting";
}

/** Whether all material that the key needs is here: pending material it does not need yet. */
export function hasMaterial(key: KeyDocument): boolean {
  if (key.hsm) return true;
  const needed = key.versions.filter(({ pending }) => !pending);
  return needed.length > 0 && needed.every(({ wrapped }) => wrapped !== undefined);
}

/**
 * Stages a changed key. It was read in this call, so the batch fails when somebody else changed it meanwhile.
 * INVARIANT: only callers that were authorized for a key of another account change it there (grants).
 */
export function writeKey(ctx: CallContext, key: KeyDocument): void {
  const at: At = {
    ...(key.account === ctx.account ? {} : { account: key.account }),
    ...(key.region === ctx.region ? {} : { region: key.region }),
  };
  ctx.state.put(types.key, key.keyId, key, { indexes: keyIndexes(key), at });
}

/** When the material of a key was replaced, oldest first. */
export function rotationsOf({ versions }: Pick<KeyDocument, "versions">): number[] {
  return versions.flatMap(({ rotation, pending, createdAt }) => (rotation && !pending ? [createdAt] : []));
}

/** The version that encrypts; `undefined` only for a key that never had material. */
export function newestVersion(key: KeyDocument): MaterialVersion | undefined {
  const last = key.versions.at(-1);
  return last?.pending ? key.versions.at(-2) : last;
}

/** The version that encrypts, of a key whose state says that it has one. */
export function currentVersion(key: KeyDocument): MaterialVersion {
  return newestVersion(key)!;
}

/** What binds a token to its key and version. The group in front of "|" is the key: one deletion destroys all versions. */
export function boundTo(arn: string, version: number, spec: string): string {
  return `${arn}|${version}|${spec}|AWS_KMS`;
}

/** The token of the key that fingerprints imported material; in the group of the key, with which it dies. */
export const fingerprintBound = (arn: string): string => `${arn}|0|HMAC_256|fingerprint`;

export function tokenOf(key: KeyDocument, version: MaterialVersion): KeyToken {
  return {
    wrapped: Buffer.from(version.wrapped ?? "", "base64"),
    bound: version.bound ?? boundTo(key.arn, version.version, key.spec),
  };
}

/** A new version of material, made by the key holder. */
export async function newVersion(
  source: Pick<CallContext, "keys" | "random">,
  key: Pick<KeyDocument, "arn" | "spec" | "versions">,
  now: number,
  rotation?: MaterialVersion["rotation"],
): Promise<MaterialVersion> {
  return (await newMaterial(source, key, now, rotation)).version;
}

/** The same with the public key of a pair, base64. */
export async function newMaterial(
  source: Pick<CallContext, "keys" | "random">,
  key: Pick<KeyDocument, "arn" | "spec" | "versions">,
  now: number,
  rotation?: MaterialVersion["rotation"],
): Promise<{ version: MaterialVersion; publicKey?: string }> {
  const version = key.versions.length + 1;
  const { token, publicKey } = await source.keys.generate(key.spec, boundTo(key.arn, version, key.spec));
  return {
    version: {
      version,
      materialId: source.random.bytes(32).toString("hex"),
      wrapped: Buffer.from(token.wrapped).toString("base64"),
      createdAt: now,
      ...(rotation ? { rotation } : {}),
    },
    ...(publicKey ? { publicKey: Buffer.from(publicKey).toString("base64") } : {}),
  };
}
