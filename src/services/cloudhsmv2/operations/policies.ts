/** Resource policies of backups. Source: CloudHSM API Reference, PutResourcePolicy; User Guide, "Working with shared backups". */
import { AwsError } from "#kernel/errors.ts";
import { keepPolicy, shownPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { parsePolicy } from "#policy/parse.ts";
import { dropShare, putShare, requireBackup, saveBackup } from "../backups.ts";
import { invalid, notFound } from "../errors.ts";
import { arnOf, backupAddress } from "../ids.ts";
import type { HsmHandlers } from "../sdk.ts";
import type { BackupDocument } from "../state.ts";

/** Backups alone have policies, and their owner alone sets them. */
async function required(ctx: CallContext, arn: string | undefined): Promise<BackupDocument> {
  if (arn === undefined) throw invalid("ResourceArn must be specified.");
  const address = arn.startsWith("arn:") ? backupAddress(arn, ctx) : undefined;
  if (!address) throw invalid("Resource policies are supported for backups only.");
  if (address.account !== ctx.account || address.region !== ctx.region) {
    throw invalid("A resource policy can be managed only in the account and Region of its backup.");
  }
  return requireBackup(ctx, address.id);
}

function checkPolicy(text: string, arn: string): void {
  try {
    parsePolicy(text, "resource");
  } catch (error) {
    throw error instanceof AwsError ? invalid(`The policy is not valid: ${error.message}`) : error;
  }
  const { Statement } = JSON.parse(text) as { Statement: Statement | Statement[] };
  for (const { Action, Resource, Principal } of listOf(Statement)) {
    if (Principal === undefined) throw invalid("The policy is not valid: each statement must name its principals.");
    const wrong = listOf(Action).find((action) => action === undefined || !shareable.has(action));
    if (Action === undefined || wrong !== undefined) {
      throw invalid(`The policy is not valid: ${wrong ?? "NotAction"} cannot be granted on a backup.`);
    }
    if (listOf(Resource).some((resource) => resource !== arn)) {
      throw invalid(`The policy is not valid: its resource must be ${arn}.`);
    }
  }
}

/** What others can do with a backup. Source: User Guide, "Working with shared backups", "Permissions for consumers". */
const shareable: ReadonlySet<string> = new Set(["cloudhsm:CreateCluster", "cloudhsm:DescribeBackups"]);

interface Statement {
  Principal?: unknown;
  Action?: string | string[];
  Resource?: string | string[];
}

const listOf = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

export const policyHandlers: HsmHandlers = {
  async PutResourcePolicy(input, ctx) {
    const backup = await required(ctx, input.ResourceArn);
    if (backup.state !== "READY") {
      throw invalid(`Backup ${backup.id} is in the state ${backup.state}; to be shared it must be READY.`);
    }
    const arn = arnOf(backup, backup.id);
    const policy = input.Policy ?? "";
    if (policy === "") throw invalid("Policy must be specified.");
    checkPolicy(policy, arn);
    const { boundPolicy: _former, ...rest } = backup;
    const kept = await keepPolicy(ctx.identity, policy, (principal) =>
      invalid(`The policy is not valid: there is no principal ${principal}.`),
    );
    saveBackup(ctx, { ...rest, ...kept });
    putShare(ctx, backup);
    return { ResourceArn: arn, Policy: policy };
  },

  async GetResourcePolicy(input, ctx) {
    const { policy, boundPolicy } = await required(ctx, input.ResourceArn);
    if (policy === undefined) return {};
    return { Policy: await shownPolicy(ctx.identity, policy, boundPolicy) };
  },

  async DeleteResourcePolicy(input, ctx) {
    const backup = await required(ctx, input.ResourceArn);
    const { policy, boundPolicy, ...rest } = backup;
    if (policy === undefined) throw notFound(`Backup ${backup.id} has no resource policy.`);
    saveBackup(ctx, rest);
    dropShare(ctx, backup);
    return { ResourceArn: arnOf(backup, backup.id), Policy: await shownPolicy(ctx.identity, policy, boundPolicy) };
  },
};
