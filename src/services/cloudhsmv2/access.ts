/**
 * The authorization questions of CloudHSM. Source: Service Authorization Reference, AWS CloudHSM: clusters and backups have
 * ARNs and tags, describing and DeleteHsm have no resource, there are no condition keys but those of tags; a backup can
 * have a resource policy, which others need for CreateCluster and DescribeBackups (User Guide, "Permissions for shared backups").
 */
import { attachedPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { findBackup } from "./backups.ts";
import { findCluster } from "./clusters.ts";
import { arnOf, type BackupAddress, backupAddress } from "./ids.ts";
import type { HsmAccess } from "./sdk.ts";
import type { BackupDocument } from "./state.ts";
import { requestTags, resourceTags } from "./tags.ts";

type ContextValues = Record<string, string | readonly string[]>;

function told(ctx: CallContext, arn: string, account: string, type: string): void {
  ctx.audit({ resources: [{ ARN: arn, accountId: account, type }] });
}

async function onCluster(ctx: CallContext, action: string, id = "", context: ContextValues = {}): Promise<Access> {
  const resource = arnOf(ctx, id === "" ? "cluster-" : id);
  const found = await findCluster(ctx, id);
  told(ctx, resource, ctx.account, "AWS::CloudHSM::Cluster");
  return { action: `cloudhsm:${action}`, resource, context: { ...resourceTags(found?.tags), ...context } };
}

/** A backup as others are asked about it: its policy counts. */
export function backupQuestion(backup: BackupDocument, action: string): Access {
  const resource = arnOf(backup, backup.id);
  return {
    action: `cloudhsm:${action}`,
    resource,
    resourceAccount: backup.account,
    resourcePolicies: attachedPolicy(`${resource}/policy`, backup),
    context: resourceTags(backup.tags),
  };
}

async function onBackup(
  ctx: CallContext,
  action: string,
  address: BackupAddress | undefined,
  context: ContextValues = {},
): Promise<Access> {
  // Not an ARN of a backup: the handler says so to whoever may do this to any.
  if (!address) return { action: `cloudhsm:${action}`, resource: "*", context };
  const resource = arnOf(address, address.id);
  told(ctx, resource, address.account, "AWS::CloudHSM::Backup");
  const found = await findBackup(ctx, address.id, address);
  if (!found) return { action: `cloudhsm:${action}`, resource, resourceAccount: address.account, context };
  const question = backupQuestion(found, action);
  return { ...question, context: { ...question.context, ...context } };
}

const own = (ctx: CallContext, id: string | undefined): BackupAddress => ({
  account: ctx.account,
  region: ctx.region,
  id: id ?? "",
});

const byCluster =
  (action: string) =>
  (input: { ClusterId: string | undefined }, ctx: CallContext): Promise<Access> =>
    onCluster(ctx, action, input.ClusterId);

const byBackup =
  (action: string) =>
  (input: { BackupId: string | undefined }, ctx: CallContext): Promise<Access> =>
    onBackup(ctx, action, own(ctx, input.BackupId));

const byArn =
  (action: string) =>
  (input: { ResourceArn?: string | undefined }, ctx: CallContext): Promise<Access> =>
    onBackup(ctx, action, backupAddress(input.ResourceArn ?? "arn:", ctx));

const all = (action: string) => (): Access => ({ action: `cloudhsm:${action}`, resource: "*" });

function tagged(action: string, ctx: CallContext, id = "", context: ContextValues = {}): Promise<Access> {
  return id.startsWith("backup-") ? onBackup(ctx, action, own(ctx, id), context) : onCluster(ctx, action, id, context);
}

export const access: HsmAccess = {
  CopyBackupToRegion: (input, ctx) =>
    onBackup(ctx, "CopyBackupToRegion", own(ctx, input.BackupId), requestTags(input.TagList)),
  CreateCluster(input, ctx) {
    const context = requestTags(input.TagList);
    const { SourceBackupId: source } = input;
    if (source === undefined) return { action: "cloudhsm:CreateCluster", resource: "*", context };
    return onBackup(ctx, "CreateCluster", backupAddress(source, ctx), context);
  },
  CreateHsm: byCluster("CreateHsm"),
  DeleteBackup: byBackup("DeleteBackup"),
  DeleteCluster: byCluster("DeleteCluster"),
  DeleteHsm: all("DeleteHsm"),
  DeleteResourcePolicy: byArn("DeleteResourcePolicy"),
  DescribeBackups: all("DescribeBackups"),
  DescribeClusters: all("DescribeClusters"),
  GetResourcePolicy: byArn("GetResourcePolicy"),
  InitializeCluster: byCluster("InitializeCluster"),
  ListTags: (input, ctx) => tagged("ListTags", ctx, input.ResourceId),
  ModifyBackupAttributes: byBackup("ModifyBackupAttributes"),
  ModifyCluster: byCluster("ModifyCluster"),
  PutResourcePolicy: byArn("PutResourcePolicy"),
  RestoreBackup: byBackup("RestoreBackup"),
  TagResource: (input, ctx) => tagged("TagResource", ctx, input.ResourceId, requestTags(input.TagList)),
  UntagResource: (input, ctx) =>
    tagged("UntagResource", ctx, input.ResourceId, { "aws:TagKeys": input.TagKeyList ?? [] }),
};
