/** Documents of custom key stores. All are external key stores: there is no CloudHSM cluster that one could be in. */
import type { At, CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import type { KeyDocument } from "../state.ts";

export type ConnectionErrorCode =
  | "INTERNAL_ERROR"
  | "INVALID_CREDENTIALS"
  | "XKS_PROXY_ACCESS_DENIED"
  | "XKS_PROXY_INVALID_CONFIGURATION"
  | "XKS_PROXY_INVALID_RESPONSE"
  | "XKS_PROXY_INVALID_TLS_CONFIGURATION"
  | "XKS_PROXY_NOT_REACHABLE"
  | "XKS_PROXY_TIMED_OUT";

/** Connecting and disconnecting are done when the call answers: no store is ever CONNECTING or DISCONNECTING. */
export type Connection = { state: "CONNECTED" | "DISCONNECTED" } | { state: "FAILED"; errorCode: ConnectionErrorCode };

export interface KeyStoreDocument {
  /** `cks-` and 17 hexadecimal digits. */
  id: string;
  name: string;
  createdAt: number;
  connection: Connection;
  /** `https://<host name>` */
  uriEndpoint: string;
  uriPath: string;
  accessKeyId: string;
  /** The raw secret access key, protected by the key holder, base64. */
  protectedSecret: string;
}

/** What makes names, URIs and external keys unique: a document each, put with its owner in one batch. */
export interface Claim {
  owner: string;
}

export const storeTypes = {
  keyStore: "keyStore",
  name: "keyStoreName",
  uri: "keyStoreUri",
  externalKey: "keyStoreKey",
} as const;

/** What the secret of a store is protected for; bound to the store's id. */
export const secretPurpose = "kms-xks-credential";

export const externalKeyClaim = (storeId: string, externalKeyId: string): string => `${storeId}/${externalKeyId}`;

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
