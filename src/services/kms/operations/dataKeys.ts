import type { CallContext } from "#gateway/context.ts";
import { keyAccess, plainAccess } from "../access.ts";
import { dryRun, holding, unsupported, validation } from "../errors.ts";
import { notConnectedToHsm } from "../keyStores/hsmFailures.ts";
import type { Material } from "../keyStores/material.ts";
import { isHsmStore, requireStore, storeState } from "../keyStores/state.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { encryptionKey, recordMaterial, refuseRecipient, sealing } from "./cryptography.ts";

const specBytes: Readonly<Record<string, number>> = { AES_128: 16, AES_256: 32 };

/** Bytes of the data key that a request asks for. @throws ValidationException */
function sizeOf(input: Pick<In<"GenerateDataKey">, "KeySpec" | "NumberOfBytes">): number {
  if ((input.KeySpec === undefined) === (input.NumberOfBytes === undefined)) {
    throw validation("Please specify either number of bytes or key spec.");
  }
  const bytes = input.KeySpec === undefined ? input.NumberOfBytes! : specBytes[input.KeySpec];
  if (bytes === undefined || !isByteCount(bytes)) throw validation("NumberOfBytes must be between 1 and 1024.");
  return bytes;
}

function isByteCount(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= 1024;
}

async function generateDataKey(material: Material, input: In<"GenerateDataKey">, ctx: CallContext) {
  refuseRecipient(input);
  const bytes = sizeOf(input);
  const key = await encryptionKey(ctx, material, "GenerateDataKey", input.KeyId, { tokens: input.GrantTokens });
  if (input.DryRun) throw dryRun();
  const { version, header, aad } = sealing(key, "dataKey", input.EncryptionContext);
  recordMaterial(ctx, version.materialId);
  const { plaintext, ciphertext } = await material.dataKey(ctx, key, version, bytes, aad);
  return {
    CiphertextBlob: Buffer.concat([header, ciphertext]),
    Plaintext: plaintext,
    KeyId: key.arn,
    KeyMaterialId: version.materialId,
  };
}

async function generateDataKeyWithoutPlaintext(
  material: Material,
  input: In<"GenerateDataKeyWithoutPlaintext">,
  ctx: CallContext,
) {
  const bytes = sizeOf(input);
  const action = "GenerateDataKeyWithoutPlaintext";
  const key = await encryptionKey(ctx, material, action, input.KeyId, { tokens: input.GrantTokens });
  if (input.DryRun) throw dryRun();
  const { version, header, aad } = sealing(key, "dataKey", input.EncryptionContext);
  recordMaterial(ctx, version.materialId);
  const ciphertext = await material.wrappedDataKey(ctx, key, version, bytes, aad);
  return { CiphertextBlob: Buffer.concat([header, ciphertext]), KeyId: key.arn, KeyMaterialId: version.materialId };
}

async function generateRandom(material: Material, input: In<"GenerateRandom">, ctx: CallContext) {
  refuseRecipient(input);
  const store = input.CustomKeyStoreId === undefined ? undefined : await requireStore(ctx, input.CustomKeyStoreId);
  // "External key store IDs are not valid for this parameter."
  if (store && !isHsmStore(store)) throw unsupported("GenerateRandom is not supported in an external key store.");
  if (input.NumberOfBytes === undefined) throw validation("NumberOfBytes is required.");
  if (!isByteCount(input.NumberOfBytes)) throw validation("NumberOfBytes must be between 1 and 1024.");
  ctx.audit({ responseElements: null });
  if (store) {
    if (store.connection.state !== "CONNECTED") throw storeState(notConnectedToHsm);
    return { Plaintext: await material.hsm.random(ctx, store, input.NumberOfBytes) };
  }
  return { Plaintext: await holding(ctx.keys.random(input.NumberOfBytes)) };
}

export function dataKeyHandlers(material: Material) {
  return {
    GenerateDataKey: (input, ctx) => generateDataKey(material, input, ctx),
    GenerateDataKeyWithoutPlaintext: (input, ctx) => generateDataKeyWithoutPlaintext(material, input, ctx),
    GenerateRandom: (input, ctx) => generateRandom(material, input, ctx),
  } satisfies KmsHandlers;
}

const algorithm = { "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT" };

export const dataKeyAccess = {
  GenerateDataKey: (input, ctx) =>
    keyAccess(ctx, "GenerateDataKey", input.KeyId, { encryptionContext: input.EncryptionContext, context: algorithm }),
  GenerateDataKeyWithoutPlaintext: (input, ctx) =>
    keyAccess(ctx, "GenerateDataKeyWithoutPlaintext", input.KeyId, {
      encryptionContext: input.EncryptionContext,
      context: algorithm,
    }),
  GenerateRandom: (_, ctx) => plainAccess(ctx, "GenerateRandom"),
} satisfies KmsAccess;
