/** What AssumeRoleWithSAML and AssumeRoleWithWebIdentity ask of a role's trust policy, for whoever an identity provider vouches for. */
import { parseArn } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { resourceTags } from "./operations/assumeRole.ts";
import { sessionTags, tagContext } from "./sessionTags.ts";

export interface Federated {
  /** ARN of the identity provider. */
  provider: string;
  sessionName: string;
  tags: readonly { Key: string; Value: string }[];
  transitiveTagKeys: readonly string[];
  sourceIdentity?: string | undefined;
  /** Keys of the token or assertion. */
  context: Record<string, string | string[]>;
}

export const notAuthorized = (operation: string): AwsError =>
  new AwsError("AccessDenied", `Not authorized to perform sts:${operation}`, 403);

export async function federatedAccess(
  operation: string,
  roleArn: string,
  { provider, sessionName, tags, transitiveTagKeys, sourceIdentity, context }: Federated,
  ctx: CallContext,
): Promise<Access[]> {
  const role = await ctx.identity.role(roleArn);
  const session = sessionTags(tags, transitiveTagKeys, undefined);
  const question = (action: string): Access => ({
    action,
    resource: roleArn,
    resourceAccount: parseArn(roleArn)?.account ?? ctx.account,
    // A role that does not exist trusts nobody: the caller cannot tell the two apart.
    resourcePolicies: role ? [role.trustPolicy] : [],
    trust: "delegated",
    policyKind: "trust",
    federatedProvider: provider,
    context: {
      ...context,
      "sts:RoleSessionName": sessionName,
      ...(sourceIdentity === undefined ? {} : { "sts:SourceIdentity": sourceIdentity }),
      ...resourceTags(role),
      ...tagContext(session, tags),
    },
    onDenied: () => notAuthorized(operation),
  });
  return [
    question(`sts:${operation}`),
    ...(tags.length > 0 ? [question("sts:TagSession")] : []),
    ...(sourceIdentity === undefined ? [] : [question("sts:SetSourceIdentity")]),
  ];
}
