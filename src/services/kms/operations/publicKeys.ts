/** The public half of key pairs, and what two parties agree on with them: ECDH and ML-KEM. */
import type { CallContext } from "#gateway/context.ts";
import { InvalidInput } from "#keys/contract.ts";
import { keyAccess } from "../access.ts";
import {
  dryRun,
  fromKeyHolder,
  holding,
  invalidCiphertext,
  invalidKeyUsage,
  unsupported,
  validation,
} from "../errors.ts";
import { checkTokens } from "../grants.ts";
import { identify } from "../identify.ts";
import { legacySpec } from "../metadata.ts";
import { requireState } from "../rules.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { algorithmsOf, type KeyUsage } from "../specs.ts";
import { currentVersion, type KeyDocument, tokenOf } from "../state.ts";
import { refuseRecipient } from "./cryptography.ts";

async function getPublicKey(input: In<"GetPublicKey">, ctx: CallContext) {
  const { key } = await identify(ctx, "GetPublicKey", input.KeyId ?? "");
  requireState(key, "GetPublicKey");
  if (key.publicKey === undefined) {
    throw unsupported(`${key.arn} key spec is ${key.spec} which is not valid for this operation.`);
  }
  await checkTokens(ctx, input.GrantTokens);
  return {
    KeyId: key.arn,
    PublicKey: Buffer.from(key.publicKey, "base64"),
    CustomerMasterKeySpec: legacySpec(key.spec),
    KeySpec: key.spec,
    KeyUsage: key.usage,
    ...algorithmsOf(key),
  };
}

type Action = "DeriveSharedSecret" | "Encapsulate" | "Decapsulate";

async function keyFor(
  ctx: CallContext,
  action: Action,
  usage: KeyUsage,
  input: { KeyId: string | undefined; GrantTokens?: string[] | undefined },
): Promise<KeyDocument> {
  const { key } = await identify(ctx, action, input.KeyId ?? "");
  requireState(key, action);
  if (key.usage !== usage) {
    throw invalidKeyUsage(`${key.arn} key usage is ${key.usage} which is not valid for ${action}.`);
  }
  await checkTokens(ctx, input.GrantTokens);
  ctx.audit({ responseElements: null });
  return key;
}

const tokenFor = (key: KeyDocument) => tokenOf(key, currentVersion(key));

async function deriveSharedSecret(input: In<"DeriveSharedSecret">, ctx: CallContext) {
  refuseRecipient(input);
  const key = await keyFor(ctx, "DeriveSharedSecret", "KEY_AGREEMENT", input);
  if (input.DryRun) throw dryRun();
  const peer = input.PublicKey ?? new Uint8Array(0);
  const SharedSecret = await ctx.keys.agree(tokenFor(key), peer).catch((error: unknown) => {
    if (error instanceof InvalidInput) {
      throw validation(`PublicKey is not a valid DER-encoded public key on the curve of ${key.spec}.`);
    }
    throw fromKeyHolder(error, key.arn);
  });
  return {
    KeyId: key.arn,
    SharedSecret,
    KeyAgreementAlgorithm: "ECDH" as const,
    KeyOrigin: key.origin ?? ("AWS_KMS" as const),
  };
}

async function encapsulate(input: In<"Encapsulate">, ctx: CallContext) {
  const key = await keyFor(ctx, "Encapsulate", "ENCAPSULATE_DECAPSULATE", input);
  if (input.DryRun) throw dryRun();
  const { ciphertext, secret } = await holding(ctx.keys.encapsulate(tokenFor(key)), key.arn);
  return {
    KeyId: key.arn,
    SharedSecret: secret,
    SharedSecretCiphertextBlob: ciphertext,
    EncapsulationAlgorithm: "ML_KEM" as const,
  };
}

/** "InvalidCiphertextException when the length … is inconsistent …. In all other cases … a 32-byte value." */
async function decapsulate(input: In<"Decapsulate">, ctx: CallContext) {
  const key = await keyFor(ctx, "Decapsulate", "ENCAPSULATE_DECAPSULATE", input);
  if (input.DryRun) throw dryRun();
  const ciphertext = input.SharedSecretCiphertextBlob ?? new Uint8Array(0);
  const SharedSecret = await ctx.keys.decapsulate(tokenFor(key), ciphertext).catch((error: unknown) => {
    throw error instanceof InvalidInput ? invalidCiphertext() : fromKeyHolder(error, key.arn);
  });
  return { KeyId: key.arn, SharedSecret, EncapsulationAlgorithm: "ML_KEM" as const };
}

export const publicKeyHandlers = {
  GetPublicKey: getPublicKey,
  DeriveSharedSecret: deriveSharedSecret,
  Encapsulate: encapsulate,
  Decapsulate: decapsulate,
} satisfies KmsHandlers;

export const publicKeyAccess = {
  GetPublicKey: (input, ctx) => keyAccess(ctx, "GetPublicKey", input.KeyId),
  DeriveSharedSecret: (input, ctx) =>
    keyAccess(ctx, "DeriveSharedSecret", input.KeyId, {
      context: { "kms:KeyAgreementAlgorithm": input.KeyAgreementAlgorithm ?? "" },
    }),
  Encapsulate: (input, ctx) => keyAccess(ctx, "Encapsulate", input.KeyId),
  Decapsulate: (input, ctx) => keyAccess(ctx, "Decapsulate", input.KeyId),
} satisfies KmsAccess;
