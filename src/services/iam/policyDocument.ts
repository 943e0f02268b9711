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

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);

/** ARNs under `Principal`/`AWS` of every statement, as written. */
export function awsPrincipals(document: string): string[] {
  const found = new Set<string>();
  const policy = JSON.parse(document) as { Statement?: unknown };
  for (const statement of listOf(policy.Statement) as { Principal?: unknown; NotPrincipal?: unknown }[]) {
    for (const principal of [statement.Principal, statement.NotPrincipal]) {
      if (typeof principal !== "object" || principal === null) continue;
      for (const name of listOf((principal as { AWS?: unknown }).AWS)) if (typeof name === "string") found.add(name);
    }
  }
  return [...found];
}

/** The document with principals replaced, everything else as it was. */
export function replacePrincipals(document: string, replacements: ReadonlyMap<string, string>): string {
  const replace = (name: unknown) => (typeof name === "string" ? (replacements.get(name) ?? name) : name);
  const policy = JSON.parse(document) as { Statement?: unknown };
  for (const statement of listOf(policy.Statement) as Record<string, unknown>[]) {
    for (const element of ["Principal", "NotPrincipal"]) {
      const principal = statement[element];
      if (typeof principal !== "object" || principal === null) continue;
      const map = principal as { AWS?: unknown };
      if (map.AWS === undefined) continue;
      map.AWS = Array.isArray(map.AWS) ? map.AWS.map(replace) : replace(map.AWS);
    }
  }
  return JSON.stringify(policy);
}
