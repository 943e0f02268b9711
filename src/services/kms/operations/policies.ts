import { shownPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { pageOfNamed } from "#gateway/pageTokens.ts";
import { keyAccess } from "../access.ts";
import { notFound } from "../errors.ts";
import { identify } from "../identify.ts";
import { pageFields, pagingOf } from "../paging.ts";
import { checkLockout, checkPolicy } from "../policy.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { writeKey } from "../state.ts";
import { customerKey } from "./keys.ts";

/** The one policy of a key. */
const policyName = "default";

function requirePolicyName(name: string | undefined): void {
  if (name !== undefined && name !== policyName) throw notFound("No such policy exists");
}

async function getKeyPolicy(input: In<"GetKeyPolicy">, ctx: CallContext) {
  const { key } = await identify(ctx, "GetKeyPolicy", input.KeyId ?? "");
  requirePolicyName(input.PolicyName);
  return { Policy: await shownPolicy(ctx.identity, key.policy, key.boundPolicy), PolicyName: policyName };
}

async function putKeyPolicy(input: In<"PutKeyPolicy">, ctx: CallContext) {
  const key = await customerKey(ctx, "PutKeyPolicy", input.KeyId);
  requirePolicyName(input.PolicyName);
  const policy = input.Policy ?? "";
  const written = await checkPolicy(ctx, policy);
  const { boundPolicy: _, ...rest } = key;
  const changed = { ...rest, ...written };
  if (!input.BypassPolicyLockoutSafetyCheck) await checkLockout(ctx, changed);
  writeKey(ctx, changed);
  return {};
}

async function listKeyPolicies(input: In<"ListKeyPolicies">, ctx: CallContext) {
  await identify(ctx, "ListKeyPolicies", input.KeyId ?? "");
  const page = pageOfNamed([policyName], pagingOf(input, { limit: 100, max: 1000 }), (name) => name);
  return { PolicyNames: page.items, ...pageFields(page) };
}

export const policyHandlers = {
  GetKeyPolicy: getKeyPolicy,
  PutKeyPolicy: putKeyPolicy,
  ListKeyPolicies: listKeyPolicies,
} satisfies KmsHandlers;

export const policyAccess = {
  GetKeyPolicy: (input, ctx) => keyAccess(ctx, "GetKeyPolicy", input.KeyId),
  PutKeyPolicy: (input, ctx) =>
    keyAccess(ctx, "PutKeyPolicy", input.KeyId, {
      context: { "kms:BypassPolicyLockoutSafetyCheck": String(input.BypassPolicyLockoutSafetyCheck ?? false) },
    }),
  ListKeyPolicies: (input, ctx) => keyAccess(ctx, "ListKeyPolicies", input.KeyId),
} satisfies KmsAccess;
