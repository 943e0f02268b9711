/**
 * Who may use a snapshot. Sources: EC2 API Reference, ModifySnapshotAttribute; EBS User Guide, "Share an Amazon EBS
 * snapshot"; the text about the default key as AWS answers it, hashicorp/packer#7499.
 */
import { isAccountId } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { failure, invalidCombination, invalidValue, missing, operationNotPermitted, valueFor } from "../../errors.ts";
import { need, save } from "../../resources.ts";
import type { Ec2Handlers, In } from "../../sdk.ts";
import { eventsStream, snapshotEvent } from "../events.ts";
import { ebsAlias, ec2Principal } from "../keys.ts";
import { keepShares } from "../shares.ts";
import type { Snapshot } from "../state.ts";

interface Change {
  add: { accounts: string[]; everybody: boolean };
  remove: { accounts: string[]; everybody: boolean };
}

const permission = "createVolumePermission";

/** Both forms of the request: lists of additions and removals, or one list with what to do with it. */
export function changeOf(input: In<"ModifySnapshotAttribute">): Change {
  const change: Change = { add: { accounts: [], everybody: false }, remove: { accounts: [], everybody: false } };
  const given = input.CreateVolumePermission;
  const items = [
    ...(given?.Add ?? []).map((each) => ({ to: "add" as const, user: each.UserId, group: each.Group })),
    ...(given?.Remove ?? []).map((each) => ({ to: "remove" as const, user: each.UserId, group: each.Group })),
  ];
  const plain = [
    ...(input.UserIds ?? []).map((user) => ({ user, group: undefined })),
    ...(input.GroupNames ?? []).map((group) => ({ user: undefined, group })),
  ];
  if (plain.length > 0) {
    const to = input.OperationType;
    if (to !== "add" && to !== "remove") throw missing("operationType");
    items.push(...plain.map((each) => ({ to, user: each.user, group: each.group as never })));
  }
  if (items.length === 0) throw invalidCombination("No attributes specified.");
  for (const { to, user, group } of items) {
    if (user !== undefined) {
      if (!isAccountId(user)) throw failure("InvalidUserID.Malformed", `Invalid user id: "${user}"`);
      change[to].accounts.push(user);
    }
    if (group !== undefined) {
      if (group !== "all") throw valueFor(group, "group", "The only group is all.");
      change[to].everybody = true;
    }
  }
  return change;
}

/** @throws OperationNotPermitted: what is under the AWS managed key stays in the account, what is encrypted is not for everybody */
async function requireShareable(ctx: CallContext, { encryption }: Snapshot, { add }: Change): Promise<void> {
  if (!encryption || (add.accounts.length === 0 && !add.everybody)) return;
  if (add.everybody) throw operationNotPermitted("Encrypted snapshots cannot be shared publicly");
  if (await isManagedKey(ctx, encryption.kmsKeyArn)) {
    throw operationNotPermitted("Encrypted snapshots with EBS default key cannot be shared");
  }
}

/** EBS asks as itself: who may share a snapshot need not see its key. */
async function isManagedKey(ctx: CallContext, kmsKeyArn: string): Promise<boolean> {
  const { kms } = ctx.asService(ec2Principal, { sourceAccount: ctx.account });
  return (await kms.DescribeKey({ KeyId: ebsAlias })).KeyMetadata?.Arn === kmsKeyArn;
}

function requireAttribute(given: string | undefined): void {
  if (given === permission) return;
  throw given === undefined
    ? missing("attribute")
    : invalidValue(`Value (${given}) for parameter attribute is invalid. Only ${permission} can be changed.`);
}

export const snapshotAttributeHandlers: Ec2Handlers = {
  async DescribeSnapshotAttribute(input, ctx) {
    const snapshot = await need(ctx, "snapshot", input.SnapshotId ?? "");
    if (input.Attribute === "productCodes") return { SnapshotId: snapshot.id, ProductCodes: [] };
    requireAttribute(input.Attribute);
    const accounts = snapshot.sharedWith.map((UserId) => ({ UserId }));
    return {
      SnapshotId: snapshot.id,
      CreateVolumePermissions: [...(snapshot.isPublic ? [{ Group: "all" as const }] : []), ...accounts],
    };
  },

  async ModifySnapshotAttribute(input, ctx) {
    const before = await need(ctx, "snapshot", input.SnapshotId ?? "");
    if (input.Attribute !== undefined) requireAttribute(input.Attribute);
    const change = changeOf(input);
    await requireShareable(ctx, before, change);
    const accounts = new Set([...before.sharedWith, ...change.add.accounts]);
    for (const account of change.remove.accounts) accounts.delete(account);
    accounts.delete(ctx.account);
    const isPublic = (before.isPublic || change.add.everybody) && !change.remove.everybody;
    const after: Snapshot = { ...before, sharedWith: [...accounts].toSorted(), isPublic };
    save(ctx, "snapshot", after);
    keepShares(ctx, before, after);
    for (const account of after.sharedWith) {
      if (before.sharedWith.includes(account)) continue;
      const news = { event: "shareSnapshot", result: "succeeded", source: ctx.account, startedAt: ctx.now } as const;
      const event = snapshotEvent({ account, region: ctx.region }, before.id, news, ctx.now, ctx.random);
      ctx.state.emit(eventsStream, account, event);
    }
    return {};
  },

  async ResetSnapshotAttribute(input, ctx) {
    const before = await need(ctx, "snapshot", input.SnapshotId ?? "");
    requireAttribute(input.Attribute);
    const after: Snapshot = { ...before, sharedWith: [], isPublic: false };
    save(ctx, "snapshot", after);
    keepShares(ctx, before, after);
    return {};
  },
};
