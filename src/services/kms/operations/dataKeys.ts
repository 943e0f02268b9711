import type { CallContext } from "#gateway/context.ts";
import { keyAccess, plainAccess } from "../access.ts";
import { dryRun, holding, unsupported, validation } from "../errors.ts";
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

async function generateDataKey(input: In<"GenerateDataKey">, ctx: CallContext) {
  refuseRecipient(input);
  const bytes = sizeOf(input);
  const key = await encryptionKey(ctx, "GenerateDataKey", input.KeyId, { tokens: input.GrantTokens });
  if (input.DryRun) throw dryRun();
  const { version, header, aad } = sealing(key, "dataKey", input.EncryptionContext);
  recordMaterial(ctx, version.materialId);
  const { plaintext, ciphertext } = await holding(ctx.keys.dataKey(tokenOf(key, version), bytes, aad), key.arn);
  return {
    CiphertextBlob: Buffer.concat([header, ciphertext]),
    Plaintext: plaintext,
    KeyId: key.arn,
    KeyMaterialId: version.materialId,
  };
}

async function generateDataKeyWithoutPlaintext(input: In<"GenerateDataKeyWithoutPlaintext">, ctx: CallContext) {
  const bytes = sizeOf(input);
  const key = await encryptionKey(ctx, "GenerateDataKeyWithoutPlaintext", input.KeyId, { tokens: input.GrantTokens });
  if (input.DryRun) throw dryRun();
  const { version, header, aad } = sealing(key, "dataKey", input.EncryptionContext);
  recordMaterial(ctx, version.materialId);
  const ciphertext = await holding(ctx.keys.wrappedDataKey(tokenOf(key, version), bytes, aad), key.arn);
  return { CiphertextBlob: Buffer.concat([header, ciphertext]), KeyId: key.arn, KeyMaterialId: version.materialId };
}

async function generateRandom(input: In<"GenerateRandom">, ctx: CallContext) {
  refuseRecipient(input);
  if (input.CustomKeyStoreId !== undefined) throw unsupported("Custom key stores are not supported.");
  if (input.NumberOfBytes === undefined) throw validation("NumberOfBytes is required.");
  if (!isByteCount(input.NumberOfBytes)) throw validation("NumberOfBytes must be between 1 and 1024.");
  ctx.audit({ responseElements: null });
  return { Plaintext: await holding(ctx.keys.random(input.NumberOfBytes)) };
}

export const dataKeyHandlers = {
  GenerateDataKey: generateDataKey,
  GenerateDataKeyWithoutPlaintext: generateDataKeyWithoutPlaintext,
  GenerateRandom: generateRandom,
} satisfies KmsHandlers;

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
