/**
 * The outer half of double encryption: what KMS has encrypted, the external key encrypts again through its store's
 * proxy, and opens first. Source: KMS Developer Guide, "Double encryption".
 *
 * INVARIANT: no key of a store that is not CONNECTED is used: the store is read with every use.
 */
import { createHash } from "node:crypto";
import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import type { ExternalKeyMetadata, RequestMetadata } from "#keys/stores/xksApi.ts";
import { XksClient } from "#keys/stores/xksClient.ts";
import type { XksProxyAddress, XksSettings } from "#keys/stores/xksTransport.ts";
import { holding, invalidCiphertext, invalidState } from "../errors.ts";
import { viaService } from "../identify.ts";
import type { KeyDocument } from "../state.ts";
import { asking, invalidOpened, notConnected, onUse } from "./failures.ts";
import { decodeOuter, encodeOuter } from "./outerBlob.ts";
import { type ExternalStoreDocument, isHsmStore, secretPurpose, storeOf } from "./state.ts";

export class ExternalKeys {
  readonly #client: XksClient;

  constructor(settings: XksSettings) {
    this.#client = new XksClient(settings);
  }

  /** @throws KMSInvalidStateException when the key is in a store that is not connected */
  async requireConnected(ctx: CallContext, key: KeyDocument): Promise<void> {
    if (key.external) await connectedStore(ctx, key, key.external.storeId);
  }

  /**
   * What the key holder sealed, sealed once more by the external key of the KMS key; as it is where the key has none.
   * @param aad the additional data of the inner blob: header and encryption context
   */
  async close(ctx: CallContext, key: KeyDocument, sealed: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    if (!key.external) return sealed;
    const { storeId, keyId } = key.external;
    const proxy = await this.#address(ctx, await connectedStore(ctx, key, storeId));
    const request = { plaintext: sealed, aad: digest(aad), requestMetadata: metadataOf(ctx, key) };
    return encodeOuter(await asking(this.#client.encrypt(proxy, keyId, request), onUse));
  }

  /** The inner blob again. @throws InvalidCiphertextException, KMSInvalidStateException */
  async open(ctx: CallContext, key: KeyDocument, sealed: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    if (!key.external) return sealed;
    const { storeId, keyId } = key.external;
    const store = await connectedStore(ctx, key, storeId);
    const outer = decodeOuter(sealed);
    if (!outer) throw invalidCiphertext();
    const proxy = await this.#address(ctx, store);
    const request = { sealed: outer, aad: digest(aad), requestMetadata: metadataOf(ctx, key) };
    return asking(this.#client.decrypt(proxy, keyId, request), onUse);
  }

  /** Asks the proxy of a store how it is. @throws XksFailure */
  health(ctx: CallContext, proxy: XksProxyAddress): Promise<void> {
    return this.#client.health(proxy, { kmsOperation: ctx.operation, kmsRequestId: ctx.requestId });
  }

  /** What the proxy says of an external key. @throws XksFailure */
  async keyMetadata(ctx: CallContext, store: ExternalStoreDocument, keyId: string): Promise<ExternalKeyMetadata> {
    return this.#client.keyMetadata(await this.#address(ctx, store), keyId, metadataOf(ctx));
  }

  async #address(ctx: CallContext, store: ExternalStoreDocument): Promise<XksProxyAddress> {
    return addressOf(ctx, store, await secretOf(ctx, store));
  }
}

/** Awaits the key holder's opening of an inner blob: after an external key, what does not open is that key's fault. */
export async function opened<T>(key: KeyDocument, opening: Promise<T>): Promise<T> {
  try {
    return await holding(opening, key.arn);
  } catch (error) {
    throw key.external && error instanceof AwsError && error.code === "InvalidCiphertextException"
      ? invalidOpened()
      : error;
  }
}

export function addressOf(
  ctx: CallContext,
  { uriEndpoint, uriPath, accessKeyId }: Pick<ExternalStoreDocument, "uriEndpoint" | "uriPath" | "accessKeyId">,
  secretAccessKey: string,
): XksProxyAddress {
  return { endpoint: uriEndpoint, path: uriPath, region: ctx.region, accessKeyId, secretAccessKey };
}

export async function secretOf(ctx: CallContext, store: ExternalStoreDocument): Promise<string> {
  const secret = Buffer.from(store.protectedSecret, "base64");
  return Buffer.from(await holding(ctx.keys.reveal(secretPurpose, store.id, secret))).toString("utf8");
}

async function connectedStore(ctx: CallContext, key: KeyDocument, storeId: string): Promise<ExternalStoreDocument> {
  const store = await storeOf(ctx, key, storeId);
  if (isHsmStore(store) || store.connection.state !== "CONNECTED") throw invalidState(notConnected);
  return store;
}

/** "The XKS Proxy MUST be able to handle AAD values up to 8192 bytes"; the context may be longer, and stays with us. */
function digest(aad: Uint8Array): Buffer {
  return createHash("sha256").update(aad).digest();
}

function metadataOf(ctx: CallContext, key?: KeyDocument): RequestMetadata {
  const { principal } = ctx;
  const via = viaService(ctx);
  return {
    awsPrincipalArn:
      principal.kind === "anonymous" ? "anonymous" : principal.kind === "service" ? principal.service : principal.arn,
    ...(key ? { kmsKeyArn: key.arn } : {}),
    kmsOperation: ctx.operation,
    kmsRequestId: ctx.requestId,
    ...(via === undefined ? {} : { kmsViaService: via.slice(0, via.indexOf(".")) }),
  };
}
