/** Sign and Verify. Source: KMS API Reference, Sign and Verify; KMS Developer Guide, "Asymmetric key specs". */
import type { CallContext } from "#gateway/context.ts";
import type { MessageType, SigningAlgorithm } from "#keys/contract.ts";
import { keyAccess } from "../access.ts";
import { dryRun, holding, invalidKeyUsage, invalidSignature, validation } from "../errors.ts";
import { checkTokens } from "../grants.ts";
import { identify } from "../identify.ts";
import { requireState } from "../rules.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { keySpecs } from "../specs.ts";
import { currentVersion, type KeyDocument, tokenOf } from "../state.ts";

const maxMessage = 4096;
/** The representative µ: FIPS 204, section 6.2. */
const muBytes = 64;

interface MessageRule {
  types: readonly MessageType[];
  digestBytes?: number;
}

const hashed = (digestBytes: number): MessageRule => ({ types: ["RAW", "DIGEST"], digestBytes });

/** What a message may be, by algorithm: "ED25519_SHA_512 … requires MessageType:RAW", "ED25519_PH_SHA_512 … DIGEST". */
const messageRules: Readonly<Record<SigningAlgorithm, MessageRule>> = {
  RSASSA_PKCS1_V1_5_SHA_256: hashed(32),
  RSASSA_PKCS1_V1_5_SHA_384: hashed(48),
  RSASSA_PKCS1_V1_5_SHA_512: hashed(64),
  RSASSA_PSS_SHA_256: hashed(32),
  RSASSA_PSS_SHA_384: hashed(48),
  RSASSA_PSS_SHA_512: hashed(64),
  ECDSA_SHA_256: hashed(32),
  ECDSA_SHA_384: hashed(48),
  ECDSA_SHA_512: hashed(64),
  ED25519_SHA_512: { types: ["RAW"] },
  ED25519_PH_SHA_512: { types: ["DIGEST"], digestBytes: 64 },
  ML_DSA_SHAKE_256: { types: ["RAW", "EXTERNAL_MU"] },
};

interface Request {
  key: KeyDocument;
  algorithm: SigningAlgorithm;
  type: MessageType;
  message: Uint8Array;
}

async function signingRequest(
  ctx: CallContext,
  action: "Sign" | "Verify",
  input: Pick<In<"Sign">, "KeyId" | "Message" | "MessageType" | "SigningAlgorithm" | "GrantTokens">,
): Promise<Request> {
  const message = input.Message ?? new Uint8Array(0);
  if (message.length > maxMessage) throw validation(`Message must have at most ${maxMessage} bytes.`);
  const { key } = await identify(ctx, action, input.KeyId ?? "");
  requireState(key, action);
  if (key.usage !== "SIGN_VERIFY") {
    throw invalidKeyUsage(`${key.arn} key usage is ${key.usage} which is not valid for ${action}.`);
  }
  const name = input.SigningAlgorithm ?? "";
  const algorithm = keySpecs.get(key.spec)!.signingAlgorithms!.find((each) => each === name);
  if (!algorithm) throw invalidKeyUsage(`Algorithm ${name} is incompatible with key spec ${key.spec}.`);
  const type = (input.MessageType ?? "RAW") as MessageType;
  const rule = messageRules[algorithm];
  if (!rule.types.includes(type)) throw validation(`MessageType ${type} is incompatible with algorithm ${algorithm}.`);
  const wanted = { RAW: undefined, DIGEST: rule.digestBytes, EXTERNAL_MU: muBytes }[type];
  if (wanted !== undefined && message.length !== wanted) {
    throw validation(`Digest is invalid length for algorithm ${algorithm}.`);
  }
  await checkTokens(ctx, input.GrantTokens);
  ctx.audit({ responseElements: null });
  return { key, algorithm, type, message };
}

async function sign(input: In<"Sign">, ctx: CallContext) {
  const { key, algorithm, type, message } = await signingRequest(ctx, "Sign", input);
  if (input.DryRun) throw dryRun();
  const token = tokenOf(key, currentVersion(key));
  const Signature = await holding(ctx.keys.sign(token, algorithm, type, message), key.arn);
  return { KeyId: key.arn, Signature, SigningAlgorithm: algorithm };
}

async function verify(input: In<"Verify">, ctx: CallContext) {
  const { key, algorithm, type, message } = await signingRequest(ctx, "Verify", input);
  if (input.DryRun) throw dryRun();
  const token = tokenOf(key, currentVersion(key));
  const signature = input.Signature ?? new Uint8Array(0);
  // A wrong signature is an error, never `false`: a caller that forgets to look at the answer is safe.
  if (!(await holding(ctx.keys.verify(token, algorithm, type, message, signature), key.arn))) throw invalidSignature();
  return { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: algorithm };
}

export const signatureHandlers = { Sign: sign, Verify: verify } satisfies KmsHandlers;

const conditions = (input: Pick<In<"Sign">, "SigningAlgorithm" | "MessageType">) => ({
  "kms:SigningAlgorithm": input.SigningAlgorithm ?? "",
  "kms:MessageType": input.MessageType ?? "RAW",
});

export const signatureAccess = {
  Sign: (input, ctx) => keyAccess(ctx, "Sign", input.KeyId, { context: conditions(input) }),
  Verify: (input, ctx) => keyAccess(ctx, "Verify", input.KeyId, { context: conditions(input) }),
} satisfies KmsAccess;
