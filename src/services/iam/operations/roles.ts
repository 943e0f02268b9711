/** Roles. Source: IAM API reference, CreateRole … UpdateAssumeRolePolicy. */
import { deleteBoundaryUse, putBoundaryUse, requireBoundary } from "../boundaries.ts";
import { deleteEntity, newNamed, putEntity, putNewEntity, readPath, requireRole } from "../entities.ts";
import { deleteConflict, validationError } from "../errors.ts";
import { pageOf } from "../paging.ts";
import { requireTrustPolicy } from "../policyDocument.ts";
import { roleDetail, roleNew, roleSummary } from "../render.ts";
import type { IamHandlers } from "../sdk.ts";
import { requireModifiable } from "../serviceLinkedRoles.ts";
import { iamState, type Role } from "../state.ts";
import { readTags } from "../tags.ts";
import { trustIdsOf } from "../trustPolicy.ts";

const defaultSession = 3600;
const minSession = 3600;
const maxSession = 43_200;

function readSession(seconds: number | undefined): number {
  if (seconds === undefined) return defaultSession;
  if (seconds < minSession || seconds > maxSession) {
    throw validationError(
      `1 validation error detected: Value at 'maxSessionDuration' failed to satisfy constraint: Member must have value ${
        seconds < minSession ? `greater than or equal to ${minSession}` : `less than or equal to ${maxSession}`
      }`,
    );
  }
  return seconds;
}

export const roles = {
  async CreateRole(input, ctx) {
    const state = iamState(ctx);
    const trust = input.AssumeRolePolicyDocument!;
    const tags = readTags(input.Tags);
    if (readPath(input.Path).startsWith("/aws-service-role/")) {
      throw validationError(
        "The specified value for path is invalid. Roles with the path /aws-service-role/ can only be created by CreateServiceLinkedRole.",
      );
    }
    requireTrustPolicy(trust);
    const boundary =
      input.PermissionsBoundary === undefined ? undefined : await requireBoundary(state, input.PermissionsBoundary);
    const role: Role = {
      ...(await newNamed(ctx, state, "role", input.RoleName!, input.Path)),
      attached: [],
      inline: {},
      tags,
      ...(boundary === undefined ? {} : { boundary }),
      ...(input.Description === undefined ? {} : { description: input.Description }),
      trust,
      trustIds: await trustIdsOf(state, trust),
      maxSession: readSession(input.MaxSessionDuration),
    };
    putNewEntity(state, "role", role);
    putBoundaryUse(state, "role", role);
    // CreateRole shows the session duration only when the caller set one.
    const shape = await roleNew(state, role);
    return { Role: input.MaxSessionDuration === undefined ? shape : { ...shape, MaxSessionDuration: role.maxSession } };
  },

  async GetRole(input, ctx) {
    const state = iamState(ctx);
    const role = await requireRole(state, input.RoleName!);
    return { Role: await roleDetail(state, role, await state.get("lastUsed", `role/${role.id}`)) };
  },

  async ListRoles(input, ctx) {
    const state = iamState(ctx);
    const { items, paging } = await pageOf(
      input,
      (after, limit) => state.list("role", { limit, ...(after === undefined ? {} : { after }) }),
      (role) => role.path.startsWith(input.PathPrefix ?? "/"),
    );
    return { Roles: await Promise.all(items.map((role) => roleSummary(state, role))), ...paging };
  },

  async UpdateRole(input, ctx) {
    const state = iamState(ctx);
    const role = await requireRole(state, input.RoleName!);
    if (input.MaxSessionDuration !== undefined) requireModifiable(role);
    putEntity(state, "role", {
      ...role,
      ...(input.Description === undefined ? {} : { description: input.Description }),
      ...(input.MaxSessionDuration === undefined ? {} : { maxSession: readSession(input.MaxSessionDuration) }),
    });
    return {};
  },

  async UpdateRoleDescription(input, ctx) {
    const state = iamState(ctx);
    const role = { ...(await requireRole(state, input.RoleName!)), description: input.Description! };
    putEntity(state, "role", role);
    return { Role: await roleNew(state, role) };
  },

  async UpdateAssumeRolePolicy(input, ctx) {
    const state = iamState(ctx);
    const role = await requireRole(state, input.RoleName!);
    requireModifiable(role);
    const trust = input.PolicyDocument!;
    requireTrustPolicy(trust);
    putEntity(state, "role", { ...role, trust, trustIds: await trustIdsOf(state, trust) });
    return {};
  },

  async DeleteRole(input, ctx) {
    const state = iamState(ctx);
    const role = await requireRole(state, input.RoleName!);
    requireModifiable(role);
    const profiles = await state.find("instanceProfile", "role", { value: role.id, limit: 1 });
    if (profiles.items.length > 0) {
      throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
    }
    if (role.attached.length > 0) throw deleteConflict("Cannot delete entity, must detach all policies first.");
    if (Object.keys(role.inline).length > 0) throw deleteConflict("Cannot delete entity, must delete policies first.");
    deleteBoundaryUse(state, "role", role);
    deleteEntity(state, "role", role);
    return {};
  },
} satisfies IamHandlers;
