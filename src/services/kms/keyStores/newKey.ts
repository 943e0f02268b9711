/** What CreateKey does in a custom key store before a KMS key is made of it. Source: KMS API Reference, CreateKey. */
import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import { validation } from "../errors.ts";
import type { In } from "../sdk.ts";
import type { KeyDocument } from "../state.ts";
import { asking, notConnected, onCreateKey } from "./failures.ts";
import { requireEnoughHsms } from "./hsmCluster.ts";
import { notConnectedToHsm } from "./hsmFailures.ts";
import type { Material } from "./material.ts";
import {
  type Claim,
  type ExternalStoreDocument,
  type HsmStoreDocument,
  isHsmStore,
  type KeyStoreDocument,
  keyClaim,
  requireStore,
  storeState,
  storeTypes,
} from "./state.ts";

interface InStore {
  store: KeyStoreDocument;
  /** What the key's document says of the store, once it is known which key it is. */
  members(key: Pick<KeyDocument, "keyId" | "arn">): Promise<Pick<KeyDocument, "origin" | "external" | "hsm">>;
  /** Its material is in the store only: there is none in the key holder. */
  alone: boolean;
  /** Stages what keeps the store, and the external key from a second KMS key. */
  claim(keyId: string): void;
}

/**
 * `undefined` for a key of no store. @throws CustomKeyStoreNotFoundException, CustomKeyStoreInvalidStateException,
 * CloudHsmClusterInvalidConfigurationException, XksKeyAlreadyInUseException, XksKeyNotFoundException,
 * XksKeyInvalidConfigurationException
 */
export async function keyInStore(
  ctx: CallContext,
  material: Material,
  input: In<"CreateKey">,
): Promise<InStore | undefined> {
  if (input.CustomKeyStoreId === undefined) return undefined;
  const store = await requireStore(ctx, input.CustomKeyStoreId);
  const type = isHsmStore(store) ? "AWS_CLOUDHSM" : "EXTERNAL_KEY_STORE";
  if (input.Origin !== type) {
    throw validation(`Origin ${input.Origin} is not valid in a custom key store of type ${type}.`);
  }
  if (isHsmStore(store)) return hsmKey(ctx, material, store);
  return externalKey(ctx, material, store, input.XksKeyId!);
}

async function hsmKey(ctx: CallContext, { hsm }: Material, store: HsmStoreDocument): Promise<InStore> {
  if (store.connection.state !== "CONNECTED") throw storeState(notConnectedToHsm);
  await ctx.once("HSMs", () => requireEnoughHsms(hsm, store.clusterId));
  return {
    store,
    alone: true,
    async members({ keyId }) {
      const ckaId = keyId.replaceAll("-", "");
      await hsm.generate(ctx, store, keyId, Buffer.from(ckaId, "hex"));
      return { origin: "AWS_CLOUDHSM", hsm: { storeId: store.id, ckaId } };
    },
    claim: (owner) => stageClaim(ctx, store.id, owner, owner),
  };
}

async function externalKey(
  ctx: CallContext,
  { external }: Material,
  store: ExternalStoreDocument,
  keyId: string,
): Promise<InStore> {
  if (store.connection.state !== "CONNECTED") throw storeState(notConnected);
  if (await ctx.state.get<Claim>(storeTypes.key, keyClaim(store.id, keyId))) throw alreadyInUse();
  const metadata = await ctx.once("external key", () => asking(external.keyMetadata(ctx, store, keyId), onCreateKey));
  const { keySpec, keyUsage, keyStatus } = metadata;
  const usable = keyUsage.includes("ENCRYPT") && keyUsage.includes("DECRYPT");
  if (keySpec !== "AES_256" || !usable || keyStatus !== "ENABLED") throw badConfiguration();
  return {
    store,
    alone: false,
    members: async () => ({ origin: "EXTERNAL_KEY_STORE", external: { storeId: store.id, keyId } }),
    claim: (owner) => stageClaim(ctx, store.id, keyId, owner),
  };
}

function stageClaim(ctx: CallContext, storeId: string, keyIdThere: string, owner: string): void {
  // The store must still be there, and connected, when the key is.
  ctx.state.check(storeTypes.keyStore, storeId);
  ctx.state.put<Claim>(storeTypes.key, keyClaim(storeId, keyIdThere), { owner });
}

function alreadyInUse(): AwsError {
  return new AwsError(
    "XksKeyAlreadyInUseException",
    "The request was rejected because the (XksKeyId) is already associated with another KMS key in this external key store. Each KMS key in an external key store must be associated with a different external key.",
  );
}

function badConfiguration(): AwsError {
  return new AwsError(
    "XksKeyInvalidConfigurationException",
    "The request was rejected because the external key specified by the XksKeyId parameter did not meet the configuration requirements for an external key store. The external key must be an AES-256 symmetric key that is enabled and performs encryption and decryption.",
  );
}
