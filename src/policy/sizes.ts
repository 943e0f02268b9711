/**
 * How large policies may be. "IAM does not count white space when calculating the size of a policy against these
 * quotas." Source: IAM User Guide, "IAM and AWS STS quotas"; texts as IAM answers CreatePolicy, PutUserPolicy,
 * PutRolePolicy, PutGroupPolicy and CreateRole.
 */
import { AwsError } from "#kernel/errors.ts";

/** Characters without white space. `inline…` is the sum over all inline policies of one identity. */
export const sizeLimits = {
  managed: 6144,
  trust: 2048,
  inlineUser: 2048,
  inlineRole: 10240,
  inlineGroup: 5120,
} as const;

export function policySize(text: string): number {
  let size = 0;
  for (const character of text) {
    if (!/\s/.test(character)) size++;
  }
  return size;
}

const owners = { inlineUser: "user", inlineRole: "role", inlineGroup: "group" } as const;

/**
 * @param texts the document; for inline policies all that the identity has, with the new one
 * @param owner name of the user, role or group of an inline policy
 * @throws AwsError `LimitExceeded`, 409
 */
export function checkPolicySize(limit: keyof typeof sizeLimits, texts: readonly string[], owner = ""): void {
  const size = texts.reduce((sum, text) => sum + policySize(text), 0);
  const most = sizeLimits[limit];
  if (size <= most) return;
  if (limit === "managed") throw new AwsError("LimitExceeded", `Cannot exceed quota for PolicySize: ${most}`, 409);
  if (limit === "trust") throw new AwsError("LimitExceeded", `Cannot exceed quota for ACLSizePerRole: ${most}`, 409);
  throw new AwsError(
    "LimitExceeded",
    `Maximum policy size of ${most} bytes exceeded for ${owners[limit]} ${owner}`,
    409,
  );
}
