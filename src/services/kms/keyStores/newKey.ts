/** What CreateKey asks of an external key before a KMS key is made of it. Source: KMS API Reference, CreateKey. */
import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import { validation } from "../errors.ts";
import type { In } from "../sdk.ts";
import type { KeyDocument } from "../state.ts";
import type { ExternalKeys } from "./externalKeys.ts";
import { asking, notConnected, onCreateKey } from "./failures.ts";
import { type Claim, externalKeyClaim, requireStore, storeState, storeTypes } from "./state.ts";

interface InStore {
  members: Pick<KeyDocument, "origin" | "external">;
  /** Stages what keeps the external key from a second KMS key. */
  claim(keyId: string): void;
}

/**
 * `undefined` for a key of no store. @throws CustomKeyStoreNotFoundException, CustomKeyStoreInvalidStateException,
 * XksKeyAlreadyInUseException, XksKeyNotFoundException, XksKeyInvalidConfigurationException
 */
export async function externalKey(
  ctx: CallContext,
  external: ExternalKeys,
  input: In<"CreateKey">,
): Promise<InStore | undefined> {
  if (input.CustomKeyStoreId === undefined) return undefined;
  const store = await requireStore(ctx, input.CustomKeyStoreId);
  if (input.Origin !== "EXTERNAL_KEY_STORE") {
    throw validation(`Origin ${input.Origin} is not valid in a custom key store of type EXTERNAL_KEY_STORE.`);
  }
  if (store.connection.state !== "CONNECTED") throw storeState(notConnected);
  const keyId = input.XksKeyId!;
  const id = externalKeyClaim(store.id, keyId);
  if (await ctx.state.get<Claim>(storeTypes.externalKey, id)) throw alreadyInUse();
  const metadata = await ctx.once("external key", () => asking(external.keyMetadata(ctx, store, keyId), onCreateKey));
  const { keySpec, keyUsage, keyStatus } = metadata;
  const usable = keyUsage.includes("ENCRYPT") && keyUsage.includes("DECRYPT");
  if (keySpec !== "AES_256" || !usable || keyStatus !== "ENABLED") throw badConfiguration();
  return {
    members: { origin: "EXTERNAL_KEY_STORE", external: { storeId: store.id, keyId } },
    claim(owner) {
      // The store must still be there, and connected, when the key is.
      ctx.state.check(storeTypes.keyStore, store.id);
      ctx.state.put<Claim>(storeTypes.externalKey, id, { owner });
    },
  };
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
