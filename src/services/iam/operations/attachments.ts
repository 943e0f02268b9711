/**
 * Attaching managed policies to users, groups and roles: the same three operations for each kind.
 * Source: IAM API reference, AttachUserPolicy …; an attached policy attached again changes nothing.
 */
import { keyOf, putEntity, requireGroup, requireRole, requireUser } from "../entities.ts";
import { noSuch, quotaExceeded } from "../errors.ts";
import { checkPolicy, findPolicy, requirePolicyArn } from "../managedPolicy.ts";
import { pageOfArray, type PageInput } from "../paging.ts";
import { quotas } from "../quotas.ts";
import type { IamHandlers } from "../sdk.ts";
import { requireModifiable } from "../serviceLinkedRoles.ts";
import { attachmentId, iamState, type Documents, type EntityKind, type IamState } from "../state.ts";

const limits: Record<EntityKind, { name: string; value: number }> = {
  user: { name: "PoliciesPerUser", value: quotas.attachedPerUser },
  group: { name: "PoliciesPerGroup", value: quotas.attachedPerGroup },
  role: { name: "PoliciesPerRole", value: quotas.attachedPerRole },
};

async function attach<K extends EntityKind>(
  state: IamState,
  kind: K,
  entity: Documents[K],
  arn: string,
): Promise<Record<string, never>> {
  requirePolicyArn(arn, "ValidationError");
  const policy = await findPolicy(state, arn);
  if (!policy) throw noSuch.attachablePolicy(arn);
  if (entity.attached.includes(arn)) return {};
  const limit = limits[kind];
  if (entity.attached.length >= limit.value) throw quotaExceeded(limit.name, limit.value);
  putEntity(state, kind, { ...entity, attached: [...entity.attached, arn] });
  state.put("attachment", attachmentId(arn, kind, entity.id), { kind, id: entity.id });
  checkPolicy(state, policy);
  return {};
}

function detach<K extends EntityKind>(
  state: IamState,
  kind: K,
  entity: Documents[K],
  arn: string,
): Record<string, never> {
  requirePolicyArn(arn, "ValidationError");
  if (!entity.attached.includes(arn)) throw noSuch.policy(arn);
  putEntity(state, kind, { ...entity, attached: entity.attached.filter((each) => each !== arn) });
  state.delete("attachment", attachmentId(arn, kind, entity.id), "any");
  return {};
}

interface ListInput extends PageInput {
  PathPrefix?: string | undefined;
}

function list(entity: Documents[EntityKind], input: ListInput) {
  const policies = entity.attached.map((arn) => {
    const path = arn.slice(arn.indexOf(":policy/") + ":policy".length);
    const cut = path.lastIndexOf("/") + 1;
    return { arn, path: path.slice(0, cut), name: path.slice(cut) };
  });
  const { items, paging } = pageOfArray(
    input,
    policies
      .filter((policy) => policy.path.startsWith(input.PathPrefix ?? "/"))
      .sort((a, b) => (keyOf(a.name) < keyOf(b.name) ? -1 : 1)),
    (policy) => policy.arn,
  );
  return { AttachedPolicies: items.map((policy) => ({ PolicyName: policy.name, PolicyArn: policy.arn })), ...paging };
}

export const attachments = {
  async AttachUserPolicy(input, ctx) {
    const state = iamState(ctx);
    return attach(state, "user", await requireUser(state, input.UserName!), input.PolicyArn!);
  },
  async DetachUserPolicy(input, ctx) {
    const state = iamState(ctx);
    return detach(state, "user", await requireUser(state, input.UserName!), input.PolicyArn!);
  },
  async ListAttachedUserPolicies(input, ctx) {
    return list(await requireUser(iamState(ctx), input.UserName!), input);
  },

  async AttachGroupPolicy(input, ctx) {
    const state = iamState(ctx);
    return attach(state, "group", await requireGroup(state, input.GroupName!), input.PolicyArn!);
  },
  async DetachGroupPolicy(input, ctx) {
    const state = iamState(ctx);
    return detach(state, "group", await requireGroup(state, input.GroupName!), input.PolicyArn!);
  },
  async ListAttachedGroupPolicies(input, ctx) {
    return list(await requireGroup(iamState(ctx), input.GroupName!), input);
  },

  async AttachRolePolicy(input, ctx) {
    const state = iamState(ctx);
    const role = await requireRole(state, input.RoleName!);
    requireModifiable(role);
    return attach(state, "role", role, input.PolicyArn!);
  },
  async DetachRolePolicy(input, ctx) {
    const state = iamState(ctx);
    const role = await requireRole(state, input.RoleName!);
    requireModifiable(role);
    return detach(state, "role", role, input.PolicyArn!);
  },
  async ListAttachedRolePolicies(input, ctx) {
    return list(await requireRole(iamState(ctx), input.RoleName!), input);
  },
} satisfies IamHandlers;
