/**
 * AssumeRoot: a short root session of a member account for one task, from the management account or the delegated
 * administrator of IAM, once the organization gave IAM trusted access.
 * Source: STS API Reference; IAM User Guide, "Perform a privileged task on an AWS Organizations member account".
 */
import { AwsError } from "#kernel/errors.ts";
import { isAccountId, parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { delegatedAdministrators } from "#gateway/delegatedAdministrators.ts";
import type { NamedPolicy } from "#gateway/identity.ts";
import type { SessionContext } from "#gateway/principal.ts";
import type { Access } from "#gateway/service.ts";
import type { Input, Output } from "../sdk.ts";
import { issueSession } from "../state.ts";

const longestSeconds = 900;
const iamPrincipal = "iam.amazonaws.com";
const tasks = new Set([
  "IAMAuditRootUserCredentials",
  "IAMCreateRootUserPassword",
  "IAMDeleteRootUserCredentials",
  "S3UnlockBucketPolicy",
  "SQSUnlockQueuePolicy",
]);

function rootArn(ctx: CallContext, target: string): { account: string; arn: string } {
  const arn = parseArn(target);
  const account = arn?.service === "iam" && arn.resource === "root" ? arn.account : target;
  if (!isAccountId(account)) throw new AwsError("ValidationError", `${target} is not a valid target principal.`, 400);
  return { account, arn: `arn:${ctx.partition}:iam::${account}:root` };
}

/** The member account's consent: that of its organization, as a policy on its root user. */
async function centralAccess(ctx: CallContext, account: string, arn: string): Promise<NamedPolicy[]> {
  const [own, target] = await Promise.all([ctx.identity.organization(ctx.account), ctx.identity.organization(account)]);
  if (!own || own.id !== target?.id || account === own.managementAccount) return [];
  const administrators = await delegatedAdministrators(ctx, iamPrincipal, own.managementAccount);
  if (!administrators.has(ctx.account)) return [];
  const statement = { Effect: "Allow", Principal: { AWS: ctx.account }, Action: "sts:AssumeRoot", Resource: arn };
  const document = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  return [{ name: "centralized root access", document }];
}

export async function assumeRootAccess(input: Input<"AssumeRoot">, ctx: CallContext): Promise<Access> {
  const { account, arn } = rootArn(ctx, input.TargetPrincipal!);
  return {
    action: "sts:AssumeRoot",
    resource: arn,
    resourceAccount: account,
    resourcePolicies: await centralAccess(ctx, account, arn),
    // Without that consent nobody is let in, the account's own administrators included.
    trust: "delegated",
    context: { "sts:TaskPolicyArn": input.TaskPolicyArn?.arn ?? "" },
  };
}

export async function assumeRoot(input: Input<"AssumeRoot">, ctx: CallContext): Promise<Output<"AssumeRoot">> {
  const { account, arn } = rootArn(ctx, input.TargetPrincipal!);
  if (ctx.principal.kind === "root") {
    throw new AwsError("AccessDenied", "You cannot use root user credentials to make this call.", 403);
  }
  const taskArn = input.TaskPolicyArn?.arn ?? "";
  const name = taskArn.startsWith(`arn:${ctx.partition}:iam::aws:policy/root-task/`) ? taskArn.split("/").at(-1)! : "";
  const task = tasks.has(name) ? await ctx.identity.managedPolicy(account, taskArn) : undefined;
  if (!task) throw new AwsError("ValidationError", `Invalid task policy: ${taskArn}`, 400);
  const sourceIdentity = "session" in ctx.principal ? ctx.principal.session?.sourceIdentity : undefined;
  const session: SessionContext = {
    createdAt: ctx.now,
    expiresAt: ctx.now + 1000 * Math.min(input.DurationSeconds ?? longestSeconds, longestSeconds),
    mfaAuthenticated: false,
    assumedRoot: true,
    ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
  };
  const Credentials = await issueSession(ctx, { kind: "root", account, arn, id: account }, session, [task]);
  return { Credentials, ...(sourceIdentity === undefined ? {} : { SourceIdentity: sourceIdentity }) };
}
