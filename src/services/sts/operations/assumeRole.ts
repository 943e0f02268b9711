/** AssumeRole. Source: STS API Reference, AssumeRole; IAM User Guide, "Methods to assume a role". */
import { AwsError } from "#kernel/errors.ts";
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import type { RoleFacts } from "#gateway/identity.ts";
import type { SessionContext } from "#gateway/principal.ts";
import type { Access } from "#gateway/service.ts";
import { passedPolicies } from "../sessionPolicies.ts";
import { sessionTags, tagContext } from "../sessionTags.ts";
import type { Input, Output } from "../sdk.ts";
import { issueSession } from "../state.ts";

const defaultDuration = 3600;
const shortest = 900;
/** "Role chaining limits your … role session to a maximum of one hour." */
const longestChained = 3600;

export async function assumeRoleAccess(input: Input<"AssumeRole">, ctx: CallContext): Promise<Access[]> {
  const role = await ctx.identity.role(input.RoleArn!);
  const mfaProved = await proveMfa(ctx, input.SerialNumber, input.TokenCode);
  const previous = sessionOf(ctx);
  const tags = sessionTags(input.Tags, input.TransitiveTagKeys, previous);
  const sourceIdentity = previous?.sourceIdentity ?? input.SourceIdentity;
  const question = (action: string): Access => ({
    action,
    resource: input.RoleArn!,
    resourceAccount: role?.account ?? parseArn(input.RoleArn!)?.account ?? ctx.account,
    // A role that does not exist trusts nobody: the caller cannot tell the two apart.
    resourcePolicies: role ? [role.trustPolicy] : [],
    trust: "delegated",
    policyKind: "trust",
    ...(mfaProved ? { mfaProved } : {}),
    context: {
      "sts:RoleSessionName": input.RoleSessionName!,
      ...(input.ExternalId === undefined ? {} : { "sts:ExternalId": input.ExternalId }),
      ...(sourceIdentity === undefined ? {} : { "sts:SourceIdentity": sourceIdentity }),
      ...resourceTags(role),
      ...tagContext(tags, input.Tags),
    },
  });
  return [
    question("sts:AssumeRole"),
    ...(Object.keys(tags.tags).length > 0 ? [question("sts:TagSession")] : []),
    ...(sourceIdentity === undefined ? [] : [question("sts:SetSourceIdentity")]),
  ];
}

export async function assumeRole(input: Input<"AssumeRole">, ctx: CallContext): Promise<Output<"AssumeRole">> {
  const role = await ctx.identity.role(input.RoleArn!);
  if (!role) throw new AwsError("AccessDenied", "Access denied", 403);
  if (ctx.principal.kind === "root") {
    throw new AwsError("AccessDenied", "Roles may not be assumed by root accounts.", 403);
  }
  const previous = sessionOf(ctx);
  if (
    previous?.sourceIdentity !== undefined &&
    (input.SourceIdentity ?? previous.sourceIdentity) !== previous.sourceIdentity
  ) {
    throw new AwsError("AccessDenied", "The source identity of the calling session cannot be changed.", 403);
  }
  const tags = sessionTags(input.Tags, input.TransitiveTagKeys, previous);
  const { policies, packedPolicySize } = await passedPolicies(
    ctx,
    role.account,
    input.Policy,
    input.PolicyArns,
    tags.tags,
  );
  const sourceIdentity = previous?.sourceIdentity ?? input.SourceIdentity;
  const mfaProved = input.SerialNumber !== undefined;
  const session: SessionContext = {
    createdAt: ctx.now,
    expiresAt: ctx.now + 1000 * duration(ctx, role, input.DurationSeconds),
    mfaAuthenticated: mfaProved,
    ...(mfaProved ? { mfaAt: ctx.now } : {}),
    ...(previous?.console ? { console: true as const } : {}),
    ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
    ...(Object.keys(tags.tags).length > 0 ? { tags: tags.tags } : {}),
    ...(tags.transitive.length > 0 ? { transitiveTagKeys: tags.transitive } : {}),
  };
  const assumed = await issueRoleSession(ctx, role, input.RoleSessionName!, session, policies);
  ctx.audit({
    resources: [{ ARN: role.arn, accountId: role.account, type: "AWS::IAM::Role" }],
  });
  return {
    ...assumed,
    ...(packedPolicySize === undefined ? {} : { PackedPolicySize: packedPolicySize }),
    ...(sourceIdentity === undefined ? {} : { SourceIdentity: sourceIdentity }),
  };
}

/**
 * Credentials and the assumed-role user of any way into a role.
 * @throws AccessDenied when its account is closed, RegionDisabledException in a Region that it has not opened
 */
export async function issueRoleSession(
  ctx: CallContext,
  role: RoleFacts,
  sessionName: string,
  session: SessionContext,
  policies: Parameters<typeof issueSession>[3],
) {
  if ((await ctx.identity.accountStatus(role.account)) === "SUSPENDED") {
    throw new AwsError("AccessDenied", "Access denied", 403);
  }
  if (!(await ctx.identity.regionEnabled(role.account, ctx.region))) {
    throw new AwsError(
      "RegionDisabledException",
      `STS is not activated in this region for account:${role.account}. Your account administrator can activate STS in this region using the IAM Console.`,
      403,
    );
  }
  const arn = `arn:${ctx.partition}:sts::${role.account}:assumed-role/${role.name}/${sessionName}`;
  const credentials = await issueSession(
    ctx,
    {
      kind: "role",
      account: role.account,
      arn,
      id: `${role.id}:${sessionName}`,
      roleArn: role.arn,
      roleId: role.id,
      roleName: role.name,
      sessionName,
      session,
      ...(Object.keys(role.tags).length > 0 ? { tags: role.tags } : {}),
    },
    session,
    policies,
  );
  return { Credentials: credentials, AssumedRoleUser: { AssumedRoleId: `${role.id}:${sessionName}`, Arn: arn } };
}

/** Seconds. Throws ValidationError beyond what the role, or a chain, allows. */
export function duration(ctx: CallContext, role: RoleFacts, wanted: number | undefined): number {
  const seconds = wanted ?? defaultDuration;
  if (seconds < shortest) {
    throw new AwsError(
      "ValidationError",
      `1 validation error detected: Value '${seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to ${shortest}`,
      400,
    );
  }
  if (ctx.principal.kind === "role" && seconds > longestChained) {
    throw new AwsError(
      "ValidationError",
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
      400,
    );
  }
  if (seconds > role.maxSessionDuration) {
    throw new AwsError(
      "ValidationError",
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
      400,
    );
  }
  return seconds;
}

/** Checks the code once per call: a code is used up by its check. */
export async function proveMfa(
  ctx: CallContext,
  serialNumber: string | undefined,
  code: string | undefined,
): Promise<boolean> {
  if (serialNumber === undefined && code === undefined) return false;
  const right =
    serialNumber !== undefined &&
    code !== undefined &&
    (await ctx.once("mfa", () => ctx.identity.verifyMfa(ctx.principal, serialNumber, code)));
  if (!right) {
    throw new AwsError("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ", 403);
  }
  return true;
}

function sessionOf(ctx: CallContext): SessionContext | undefined {
  return "session" in ctx.principal ? ctx.principal.session : undefined;
}

/** Condition keys of the role's own tags. */
export function resourceTags(role: RoleFacts | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(role?.tags ?? {}).flatMap(([key, value]) => [
      [`aws:ResourceTag/${key}`, value],
      [`iam:ResourceTag/${key}`, value],
    ]),
  );
}
