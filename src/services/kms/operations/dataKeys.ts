import type { CallContext } from "#gateway/context.ts";
import { keyAccess, plainAccess } from "../access.ts";
import { dryRun, holding, unsupported, validation } from "../errors.ts";
import type { ExternalKeys } from "../keyStores/externalKeys.ts";
import { requireStore } from "../keyStores/state.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { tokenOf } from "../state.ts";
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

async function generateDataKey(external: ExternalKeys, input: In<"GenerateDataKey">, ctx: CallContext) {
  refuseRecipient(input);
  const bytes = sizeOf(input);
  const key = await encryptionKey(ctx, external, "GenerateDataKey", input.KeyId, { tokens: input.GrantTokens });
  if (input.DryRun) throw dryRun();
  const { version, header, aad } = sealing(key, "dataKey", input.EncryptionContext);
  recordMaterial(ctx, version.materialId);
  const { plaintext, ciphertext } = await holding(ctx.keys.dataKey(tokenOf(key, version), bytes, aad), key.arn);
  return {
    CiphertextBlob: Buffer.concat([
      header,
      key.external ? await external.close(ctx, key, ciphertext, aad) : ciphertext,
    ]),
    Plaintext: plaintext,
    KeyId: key.arn,
    KeyMaterialId: version.materialId,
  };
}

async function generateDataKeyWithoutPlaintext(
  external: ExternalKeys,
  input: In<"GenerateDataKeyWithoutPlaintext">,
  ctx: CallContext,
) {
  const bytes = sizeOf(input);
  const action = "GenerateDataKeyWithoutPlaintext";
  const key = await encryptionKey(ctx, external, action, input.KeyId, { tokens: input.GrantTokens });
  if (input.DryRun) throw dryRun();
  const { version, header, aad } = sealing(key, "dataKey", input.EncryptionContext);
  recordMaterial(ctx, version.materialId);
  const sealed = await holding(ctx.keys.wrappedDataKey(tokenOf(key, version), bytes, aad), key.arn);
  const ciphertext = await external.close(ctx, key, sealed, aad);
  return { CiphertextBlob: Buffer.concat([header, ciphertext]), KeyId: key.arn, KeyMaterialId: version.materialId };
}

async function generateRandom(input: In<"GenerateRandom">, ctx: CallContext) {
  refuseRecipient(input);
  if (input.CustomKeyStoreId !== undefined) {
    await requireStore(ctx, input.CustomKeyStoreId);
    // "External key store IDs are not valid for this parameter."
    throw unsupported("GenerateRandom is not supported in an external key store.");
  }
  if (input.NumberOfBytes === undefined) throw validation("NumberOfBytes is required.");
  if (!isByteCount(input.NumberOfBytes)) throw validation("NumberOfBytes must be between 1 and 1024.");
  ctx.audit({ responseElements: null });
  return { Plaintext: await holding(ctx.keys.random(input.NumberOfBytes)) };
}

export function dataKeyHandlers(external: ExternalKeys) {
  return {
    GenerateDataKey: (input, ctx) => generateDataKey(external, input, ctx),
    GenerateDataKeyWithoutPlaintext: (input, ctx) => generateDataKeyWithoutPlaintext(external, input, ctx),
    GenerateRandom: generateRandom,
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
