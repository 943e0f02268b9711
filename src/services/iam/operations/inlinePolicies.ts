/**
 * Inline policies of users, groups and roles: the same four operations for each kind.
 * Source: IAM API reference, PutUserPolicy ….
 */
import { putEntity, requireGroup, requireRole, requireUser } from "../entities.ts";
import { noSuch } from "../errors.ts";
import { pageOfArray, type PageInput } from "../paging.ts";
import { requireInlinePolicies } from "../policyDocument.ts";
import { encodeDocument } from "../render.ts";
import type { IamHandlers } from "../sdk.ts";
import { requireModifiable } from "../serviceLinkedRoles.ts";
import { iamState, type Documents, type EntityKind, type IamState } from "../state.ts";

function put<K extends EntityKind>(
  state: IamState,
  kind: K,
  entity: Documents[K],
  name: string,
  document: string,
): Record<string, never> {
  const inline = { ...entity.inline, [name]: document };
  requireInlinePolicies(kind, entity.name, inline, document);
  putEntity(state, kind, { ...entity, inline });
  return {};
}

function get(kind: EntityKind, entity: Documents[EntityKind], name: string): string {
  if (!Object.hasOwn(entity.inline, name)) throw noSuch.inlinePolicy(kind, name);
  return encodeDocument(entity.inline[name]!);
}

function remove<K extends EntityKind>(
  state: IamState,
  kind: K,
  entity: Documents[K],
  name: string,
): Record<string, never> {
  if (!Object.hasOwn(entity.inline, name)) throw noSuch.inlinePolicy(kind, name);
  const { [name]: _removed, ...inline } = entity.inline;
  putEntity(state, kind, { ...entity, inline });
  return {};
}

function list(entity: Documents[EntityKind], input: PageInput) {
  const { items, paging } = pageOfArray(input, Object.keys(entity.inline).sort(), (name) => name);
  return { PolicyNames: items, ...paging };
}

export const inlinePolicies = {
  async PutUserPolicy(input, ctx) {
    const state = iamState(ctx);
    return put(state, "user", await requireUser(state, input.UserName!), input.PolicyName!, input.PolicyDocument!);
  },
  async GetUserPolicy(input, ctx) {
    const user = await requireUser(iamState(ctx), input.UserName!);
    const PolicyDocument = get("user", user, input.PolicyName!);
    return { UserName: user.name, PolicyName: input.PolicyName!, PolicyDocument };
  },
  async DeleteUserPolicy(input, ctx) {
    const state = iamState(ctx);
    return remove(state, "user", await requireUser(state, input.UserName!), input.PolicyName!);
  },
  async ListUserPolicies(input, ctx) {
    return list(await requireUser(iamState(ctx), input.UserName!), input);
  },

  async PutGroupPolicy(input, ctx) {
    const state = iamState(ctx);
    return put(state, "group", await requireGroup(state, input.GroupName!), input.PolicyName!, input.PolicyDocument!);
  },
  async GetGroupPolicy(input, ctx) {
    const group = await requireGroup(iamState(ctx), input.GroupName!);
    const PolicyDocument = get("group", group, input.PolicyName!);
    return { GroupName: group.name, PolicyName: input.PolicyName!, PolicyDocument };
  },
  async DeleteGroupPolicy(input, ctx) {
    const state = iamState(ctx);
    return remove(state, "group", await requireGroup(state, input.GroupName!), input.PolicyName!);
  },
  async ListGroupPolicies(input, ctx) {
    return list(await requireGroup(iamState(ctx), input.GroupName!), input);
  },

  async PutRolePolicy(input, ctx) {
    const state = iamState(ctx);
    const role = await requireRole(state, input.RoleName!);
    requireModifiable(role);
    return put(state, "role", role, input.PolicyName!, input.PolicyDocument!);
  },
  async GetRolePolicy(input, ctx) {
    const role = await requireRole(iamState(ctx), input.RoleName!);
    const PolicyDocument = get("role", role, input.PolicyName!);
    return { RoleName: role.name, PolicyName: input.PolicyName!, PolicyDocument };
  },
  async DeleteRolePolicy(input, ctx) {
    const state = iamState(ctx);
    const role = await requireRole(state, input.RoleName!);
    requireModifiable(role);
    return remove(state, "role", role, input.PolicyName!);
  },
  async ListRolePolicies(input, ctx) {
    return list(await requireRole(iamState(ctx), input.RoleName!), input);
  },
} satisfies IamHandlers;
