/**
 * What IAM accepts as a policy document, before it is stored: size, grammar, and what may not occur in the kind
 * of policy. Grammar is `policy`'s; the texts of refusals are AWS's.
 * Source: IAM User Guide, "Grammar of the IAM JSON policy language"; texts as recorded from AWS in LocalStack's
 * snapshot tests.
 */
import { parsePolicy } from "#policy/parse.ts";
import { limitExceeded, quotaExceeded } from "./errors.ts";
import { countedSize, quotas } from "./quotas.ts";
import type { EntityKind } from "./state.ts";

/** @throws LimitExceeded above 6144 characters, MalformedPolicyDocument */
export function requireManagedPolicy(document: string): void {
  parsePolicy(document, "identity");
  if (countedSize(document) > quotas.policySize) throw quotaExceeded("PolicySize", quotas.policySize);
}

const inlineSize: Record<EntityKind, number> = {
  user: quotas.userPolicySize,
  group: quotas.groupPolicySize,
  role: quotas.rolePolicySize,
};

/** All inline policies of an entity share one quota. @throws LimitExceeded, MalformedPolicyDocument */
export function requireInlinePolicies(
  kind: EntityKind,
  name: string,
  policies: Record<string, string>,
  added: string,
): void {
  parsePolicy(added, "identity");
  const total = Object.values(policies).reduce((sum, document) => sum + countedSize(document), 0);
  const limit = inlineSize[kind];
  if (total > limit) throw limitExceeded(`Maximum policy size of ${limit} bytes exceeded for ${kind} ${name}`);
}

/** @throws LimitExceeded above 2048 characters, MalformedPolicyDocument */
export function requireTrustPolicy(document: string): void {
  parsePolicy(document, "trust");
  if (countedSize(document) > quotas.trustPolicySize) throw quotaExceeded("ACLSizePerRole", quotas.trustPolicySize);
}
