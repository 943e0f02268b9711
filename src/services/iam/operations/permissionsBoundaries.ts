/** Setting and removing permissions boundaries. Source: IAM API reference, PutUserPermissionsBoundary …. */
import { deleteBoundaryUse, putBoundaryUse, requireBoundary } from "../boundaries.ts";
import { putEntity, requireRole, requireUser } from "../entities.ts";
import { noSuchEntity } from "../errors.ts";
import type { IamHandlers } from "../sdk.ts";
import { requireModifiable } from "../serviceLinkedRoles.ts";
import { iamState, type Documents, type IamState } from "../state.ts";

async function set<K extends "user" | "role">(
  state: IamState,
  kind: K,
  entity: Documents[K],
  arn: string,
): Promise<Record<string, never>> {
  if (entity.boundary === arn) return {};
  const boundary = await requireBoundary(state, arn);
  deleteBoundaryUse(state, kind, entity);
  const changed: Documents[K] = { ...entity, boundary };
  putEntity(state, kind, changed);
  putBoundaryUse(state, kind, changed);
  return {};
}

function unset<K extends "user" | "role">(state: IamState, kind: K, entity: Documents[K]): Record<string, never> {
  if (entity.boundary === undefined) {
    throw noSuchEntity(`The permissions boundary of ${kind} ${entity.name} cannot be found.`);
  }
  deleteBoundaryUse(state, kind, entity);
  const { boundary: _removed, ...rest } = entity;
  putEntity(state, kind, rest as Documents[K]);
  return {};
}

export const permissionsBoundaries = {
  async PutUserPermissionsBoundary(input, ctx) {
    const state = iamState(ctx);
    return set(state, "user", await requireUser(state, input.UserName!), input.PermissionsBoundary!);
  },
  async DeleteUserPermissionsBoundary(input, ctx) {
    const state = iamState(ctx);
    return unset(state, "user", await requireUser(state, input.UserName!));
  },
  async PutRolePermissionsBoundary(input, ctx) {
    const state = iamState(ctx);
    const role = await requireRole(state, input.RoleName!);
    requireModifiable(role);
    return set(state, "role", role, input.PermissionsBoundary!);
  },
  async DeleteRolePermissionsBoundary(input, ctx) {
    const state = iamState(ctx);
    const role = await requireRole(state, input.RoleName!);
    requireModifiable(role);
    return unset(state, "role", role);
  },
} satisfies IamHandlers;
