import type { CallContext } from "#gateway/context.ts";
import type { MaterialSpec } from "#keys/contract.ts";
import { keyAccess } from "../access.ts";
import { dryRun, holding, invalidKeyUsage, unsupported } from "../errors.ts";
import type { Material } from "../keyStores/material.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { tokenOf } from "../state.ts";
import { encryptionKey, recordMaterial, refuseRecipient, sealing } from "./cryptography.ts";

/** KMS API Reference, GenerateDataKeyPair, KeyPairSpec; SM2 is in China Regions only. */
const pairSpecs: readonly MaterialSpec[] = [
  "RSA_2048",
  "RSA_3072",
  "RSA_4096",
  "ECC_NIST_P256",
  "ECC_NIST_P384",
  "ECC_NIST_P521",
  "ECC_SECG_P256K1",
  "ECC_NIST_EDWARDS25519",
  "ML_KEM_512",
  "ML_KEM_768",
  "ML_KEM_1024",
];

type Action = "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext";

async function makePair(
  ctx: CallContext,
  material: Material,
  action: Action,
  input: In<"GenerateDataKeyPairWithoutPlaintext">,
  withPlaintext: boolean,
) {
  const spec = pairSpecs.find((each) => each === input.KeyPairSpec);
  if (!spec) throw unsupported(`KeyPairSpec ${input.KeyPairSpec} is not supported in this Region.`);
  const key = await encryptionKey(ctx, material, action, input.KeyId, { tokens: input.GrantTokens });
  // "You cannot use an asymmetric KMS key or a KMS key in a custom key store."
  if (key.external || key.hsm)
    throw unsupported(`${key.arn} origin is ${key.origin} which is not valid for ${action}.`);
  if (key.spec !== "SYMMETRIC_DEFAULT") {
    throw invalidKeyUsage(`${key.arn} key spec is ${key.spec} which is not valid for ${action}.`);
  }
  if (input.DryRun) throw dryRun();
  const { version, header, aad } = sealing(key, "dataKey", input.EncryptionContext);
  recordMaterial(ctx, version.materialId);
  // Long work, so a lost race for the record does not make a second pair.
  const { publicKey, ciphertext, plaintext } = await ctx.once(`pair under ${version.version}`, () =>
    holding(ctx.keys.dataKeyPair(tokenOf(key, version), spec, aad, withPlaintext), key.arn),
  );
  return {
    plaintext,
    answer: {
      PrivateKeyCiphertextBlob: Buffer.concat([header, ciphertext]),
      PublicKey: publicKey,
      KeyId: key.arn,
      KeyPairSpec: input.KeyPairSpec,
      KeyMaterialId: version.materialId,
    },
  };
}

async function generateDataKeyPair(material: Material, input: In<"GenerateDataKeyPair">, ctx: CallContext) {
  refuseRecipient(input);
  const { plaintext, answer } = await makePair(ctx, material, "GenerateDataKeyPair", input, true);
  return { ...answer, PrivateKeyPlaintext: plaintext };
}

export function dataKeyPairHandlers(material: Material) {
  return {
    GenerateDataKeyPair: (input, ctx) => generateDataKeyPair(material, input, ctx),
    async GenerateDataKeyPairWithoutPlaintext(input, ctx) {
      return (await makePair(ctx, material, "GenerateDataKeyPairWithoutPlaintext", input, false)).answer;
    },
  } satisfies KmsHandlers;
}

function access(ctx: CallContext, action: Action, input: In<"GenerateDataKeyPairWithoutPlaintext">) {
  return keyAccess(ctx, action, input.KeyId, {
    encryptionContext: input.EncryptionContext,
    context: { "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "kms:DataKeyPairSpec": input.KeyPairSpec ?? "" },
  });
}

export const dataKeyPairAccess = {
  GenerateDataKeyPair: (input, ctx) => access(ctx, "GenerateDataKeyPair", input),
  GenerateDataKeyPairWithoutPlaintext: (input, ctx) => access(ctx, "GenerateDataKeyPairWithoutPlaintext", input),
} satisfies KmsAccess;
