/** Documents of custom key stores: those in a CloudHSM cluster, and those behind an external key store proxy. */
import type { At, CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import type { KeyDocument } from "../state.ts";

export type ConnectionErrorCode =
  | "CLUSTER_NOT_FOUND"
  | "INSUFFICIENT_CLOUDHSM_HSMS"
  | "INTERNAL_ERROR"
  | "INVALID_CREDENTIALS"
  | "NETWORK_ERRORS"
  | "USER_LOCKED_OUT"
  | "USER_LOGGED_IN"
  | "USER_NOT_FOUND"
  | "XKS_PROXY_ACCESS_DENIED"
  | "XKS_PROXY_INVALID_CONFIGURATION"
  | "XKS_PROXY_INVALID_RESPONSE"
  | "XKS_PROXY_INVALID_TLS_CONFIGURATION"
  | "XKS_PROXY_NOT_REACHABLE"
  | "XKS_PROXY_TIMED_OUT";

/**
 * `attempt` tells one connection of a CloudHSM key store from the next; connecting one takes a while, and a connection
 * that is given up meanwhile is DISCONNECTING. External key stores are never in between.
 */
export type Connection =
  | { state: "DISCONNECTED" }
  | { state: "CONNECTED"; attempt?: string }
  | { state: "CONNECTING" | "DISCONNECTING"; attempt: string }
  | { state: "FAILED"; errorCode: ConnectionErrorCode };

interface StoreBase {
  /** `cks-` and 17 hexadecimal digits. */
  id: string;
  name: string;
  createdAt: number;
  connection: Connection;
}

export interface ExternalStoreDocument extends StoreBase {
  /** `https://<host name>` */
  uriEndpoint: string;
  uriPath: string;
  accessKeyId: string;
  /** The raw secret access key, protected by the key holder, base64. */
  protectedSecret: string;
}

export interface HsmStoreDocument extends StoreBase {
  clusterId: string;
  /** SHA-256 of the cluster's certificate, DER, in hex: clusters of one backup history have the same. */
  clusterCertificate: string;
  /** PEM, as it was given. */
  trustAnchor: string;
  /** The password of `kmsuser`, protected by the key holder, base64: what KMS was told, then what it made. */
  protectedPassword: string;
  /**
   * The password that connecting makes, likewise. INVARIANT: it is here before the HSMs have it.
   * `offered`: they may have it already.
   */
  nextPassword?: { protected: string; offered: boolean };
}

export type KeyStoreDocument = ExternalStoreDocument | HsmStoreDocument;

export function isHsmStore(store: KeyStoreDocument): store is HsmStoreDocument {
  return "clusterId" in store;
}

/** What makes names, URIs, clusters and keys unique: a document each, put with its owner in one batch. */
export interface Claim {
  owner: string;
}

export const storeTypes = {
  keyStore: "keyStore",
  name: "keyStoreName",
  uri: "keyStoreUri",
  /** By the certificate of the cluster. */
  cluster: "keyStoreCluster",
  /** By store and key in it: the external key, or the KMS key itself. */
  key: "keyStoreKey",
} as const;

/** Index of the stores that are being connected, or are giving that up. */
export const connectingIndex = "connecting";

export function keyStoreIndexes({ id, connection: { state } }: KeyStoreDocument): Record<string, string> {
  return state === "CONNECTING" || state === "DISCONNECTING" ? { [connectingIndex]: id } : {};
}

/** What the secret of a store is protected for; bound to the store's id. */
export const secretPurpose = "kms-xks-credential";
export const passwordPurpose = "kms-hsm-password";

export const keyClaim = (storeId: string, keyIdThere: string): string => `${storeId}/${keyIdThere}`;

/** The claim that a key in a store holds there. */
export function claimOf({ keyId, external, hsm }: KeyDocument): string | undefined {
  if (external) return keyClaim(external.storeId, external.keyId);
  return hsm && keyClaim(hsm.storeId, keyId);
}

export function storeIdOf({ external, hsm }: KeyDocument): string | undefined {
  return external?.storeId ?? hsm?.storeId;
}

/** @throws CustomKeyStoreNotFoundException */
export async function requireStore(ctx: CallContext, id: string, at?: At): Promise<KeyStoreDocument> {
  const document = await ctx.state.get<KeyStoreDocument>(storeTypes.keyStore, id, at);
  if (!document) throw storeNotFound();
  return document.value;
}

/** The store of a key in one, in the key's account. */
export function storeOf(ctx: CallContext, key: KeyDocument, storeId: string): Promise<KeyStoreDocument> {
  return requireStore(ctx, storeId, key.account === ctx.account ? undefined : { account: key.account });
}

export function storeNotFound(): AwsError {
  return new AwsError(
    "CustomKeyStoreNotFoundException",
    "The request was rejected because AWS KMS cannot find a custom key store with the specified key store name or ID.",
  );
}

export function storeState(message: string): AwsError {
  return new AwsError("CustomKeyStoreInvalidStateException", message);
}

export function mustBeDisconnected(state: string): AwsError {
  return storeState(
    `To change this, the connection state of the custom key store must be DISCONNECTED; it is ${state}.`,
  );
}
