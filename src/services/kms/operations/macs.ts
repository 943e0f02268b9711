import type { CallContext } from "#gateway/context.ts";
import { keyAccess } from "../access.ts";
import { dryRun, holding, invalidKeyUsage, invalidMac, validation } from "../errors.ts";
import { checkTokens } from "../grants.ts";
import { identify } from "../identify.ts";
import { requireState } from "../rules.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { keySpecs } from "../specs.ts";
import { currentVersion, type KeyDocument, tokenOf } from "../state.ts";

const maxMessage = 4096;

async function macKey(
  ctx: CallContext,
  action: "GenerateMac" | "VerifyMac",
  input: Pick<In<"GenerateMac">, "KeyId" | "Message" | "MacAlgorithm" | "GrantTokens">,
): Promise<KeyDocument> {
  const { Message: message, MacAlgorithm: algorithm } = input;
  if (!message || message.length === 0 || message.length > maxMessage) {
    throw validation(`Message must have 1 to ${maxMessage} bytes.`);
  }
  const { key } = await identify(ctx, action, input.KeyId ?? "");
  requireState(key, action);
  if (key.usage !== "GENERATE_VERIFY_MAC") {
    throw invalidKeyUsage(`${key.arn} key usage is ${key.usage} which is not valid for ${action}.`);
  }
  if (keySpecs.get(key.spec)!.macAlgorithm !== algorithm) {
    throw invalidKeyUsage(`Algorithm ${algorithm} is incompatible with key spec ${key.spec}.`);
  }
  await checkTokens(ctx, input.GrantTokens);
  ctx.audit({ responseElements: null });
  return key;
}

async function generateMac(input: In<"GenerateMac">, ctx: CallContext) {
  const key = await macKey(ctx, "GenerateMac", input);
  if (input.DryRun) throw dryRun();
  const mac = await holding(ctx.keys.mac(tokenOf(key, currentVersion(key)), input.Message!), key.arn);
  return { Mac: mac, MacAlgorithm: input.MacAlgorithm, KeyId: key.arn };
}

async function verifyMac(input: In<"VerifyMac">, ctx: CallContext) {
  const key = await macKey(ctx, "VerifyMac", input);
  if (input.DryRun) throw dryRun();
  const token = tokenOf(key, currentVersion(key));
  const mac = input.Mac ?? new Uint8Array(0);
  // A wrong MAC is an error, never `false`: a caller that forgets to look at the answer is safe.
  if (!(await holding(ctx.keys.verifyMac(token, input.Message!, mac), key.arn))) throw invalidMac();
  return { KeyId: key.arn, MacValid: true, MacAlgorithm: input.MacAlgorithm };
}

export const macHandlers = { GenerateMac: generateMac, VerifyMac: verifyMac } satisfies KmsHandlers;

export const macAccess = {
  GenerateMac: (input, ctx) =>
    keyAccess(ctx, "GenerateMac", input.KeyId, { context: { "kms:MacAlgorithm": input.MacAlgorithm ?? "" } }),
  VerifyMac: (input, ctx) =>
    keyAccess(ctx, "VerifyMac", input.KeyId, { context: { "kms:MacAlgorithm": input.MacAlgorithm ?? "" } }),
} satisfies KmsAccess;
