/**
 * Policies passed with a request for credentials. Source: STS API Reference, AssumeRole ("PolicyArns",
 * "Policy", "PackedPolicySize"): at most 10 managed policies; an inline policy of at most 2,048 characters.
 */
import { AwsError } from "#kernel/errors.ts";
import { parsePolicy } from "#policy/parse.ts";
import type { CallContext } from "#gateway/context.ts";
import type { NamedPolicy } from "#gateway/identity.ts";

const longestInline = 2048;
const mostManaged = 10;
/** Room of policies and tags in a session token, as AWS counts it: percent of this many characters. */
const packedRoom = 4096;

export interface PassedPolicies {
  policies: NamedPolicy[];
  packedPolicySize?: number;
}

export async function passedPolicies(
  ctx: CallContext,
  account: string,
  inline: string | undefined,
  managed: readonly { arn?: string | undefined }[] | undefined,
  tags: Readonly<Record<string, string>>,
): Promise<PassedPolicies> {
  const policies: NamedPolicy[] = [];
  if (inline !== undefined) {
    if (inline.replaceAll(/\s/g, "").length > longestInline) throw packedTooLarge("policy");
    parsePolicy(inline, "session");
    policies.push({ name: "inline session policy", document: inline });
  }
  if (managed && managed.length > mostManaged) {
    throw new AwsError("ValidationError", `Member must have length less than or equal to ${mostManaged}`, 400);
  }
  for (const { arn } of managed ?? []) {
    const policy = arn === undefined ? undefined : await ctx.identity.managedPolicy(account, arn);
    if (!policy) throw new AwsError("ValidationError", `Invalid policy arn: ${arn}`, 400);
    policies.push(policy);
  }
  const used =
    (inline?.length ?? 0) + Object.entries(tags).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  const percent = Math.ceil((100 * used) / packedRoom);
  if (percent > 100) throw packedTooLarge("policies and tags");
  return used > 0 ? { policies, packedPolicySize: percent } : { policies };
}

function packedTooLarge(what: string): AwsError {
  return new AwsError("PackedPolicyTooLarge", `Packed size of session ${what} exceeds the allowed maximum`, 400);
}
