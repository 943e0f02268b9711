/**
 * Documents of the service and their indexes. A key is one document, with its policy, tags, alias names and every
 * version of its material, so that Encrypt and Decrypt read one document.
 */
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
  /** The wrapped token, base64; useless outside the key holder. */
  wrapped: string;
  createdAt: number;
  /** Absent for the first version. */
  rotation?: "AUTOMATIC" | "ON_DEMAND";
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
  state: "Enabled" | "Disabled" | "PendingDeletion" | "Deleting";
  manager: "CUSTOMER" | "AWS";
  createdAt: number;
  /** Epoch milliseconds; with PendingDeletion. */
  deletionDate?: number;
  policy: string;
  tags: Record<string, string>;
  /** Names of the aliases that point here, sorted. The alias documents say the same; both change in one batch. */
  aliases: string[];
  /** How many grants there are. Zero spares the hot path a query; every change of grants changes this document. */
  grants: number;
  versions: MaterialVersion[];
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
  retiringPrincipal?: string;
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

export const types = { key: "key", alias: "alias", grant: "grant", retirable: "retirable" } as const;

/** Fixed width, so that text order is time order. */
export function timeIndex(milliseconds: number): string {
  return String(milliseconds).padStart(16, "0");
}

export const grantDocumentId = (keyId: string, grantId: string): string => `${keyId}/${grantId}`;
export const granteeIndex = (keyId: string, principal: string): string => `${keyId}\t${principal}`;

/** Index rows of a key: when the rotation job and the deletion job are due. */
export function keyIndexes(key: KeyDocument): Record<string, string> {
  const indexes: Record<string, string> = {};
  // A disabled key does not rotate; once enabled it is due at once when its time has passed.
  if (key.rotation && key.state === "Enabled") indexes["rotateAt"] = timeIndex(key.rotation.nextAt);
  if (key.deletionDate !== undefined) indexes["deleteAt"] = timeIndex(key.deletionDate);
  return indexes;
}

export function readKey(ctx: CallContext, keyId: string, at?: At): Promise<Document<KeyDocument> | undefined> {
  return ctx.state.get<KeyDocument>(types.key, keyId, at);
}

/**
 * Stages a changed key. It was read in this call, so the batch fails when somebody else changed it meanwhile.
 * INVARIANT: only callers that were authorized for a key of another account change it there (grants).
 */
export function writeKey(ctx: CallContext, key: KeyDocument): void {
  const at = key.account === ctx.account ? undefined : { account: key.account };
  ctx.state.put(types.key, key.keyId, key, { indexes: keyIndexes(key), ...(at ? { at } : {}) });
}

export function currentVersion(key: KeyDocument): MaterialVersion {
  return key.versions.at(-1)!;
}

/** What binds a token to its key and version. The group in front of "|" is the key: one deletion destroys all versions. */
export function boundTo(arn: string, version: number, spec: string): string {
  return `${arn}|${version}|${spec}|AWS_KMS`;
}

export function tokenOf(key: KeyDocument, version: MaterialVersion): KeyToken {
  return { wrapped: Buffer.from(version.wrapped, "base64"), bound: boundTo(key.arn, version.version, key.spec) };
}

/** A new version of material, made by the key holder. */
export async function newVersion(
  source: Pick<CallContext, "keys" | "random">,
  key: Pick<KeyDocument, "arn" | "spec" | "versions">,
  now: number,
  rotation?: MaterialVersion["rotation"],
): Promise<MaterialVersion> {
  const version = key.versions.length + 1;
  const { token } = await source.keys.generate(key.spec, boundTo(key.arn, version, key.spec));
  return {
    version,
    materialId: source.random.bytes(32).toString("hex"),
    wrapped: Buffer.from(token.wrapped).toString("base64"),
    createdAt: now,
    ...(rotation ? { rotation } : {}),
  };
}
