/** Instance profiles: what hands a role to an EC2 instance. Source: IAM API reference, CreateInstanceProfile …. */
import { keyOf, newNamed, requireInstanceProfile, requireRole } from "../entities.ts";
import { deleteConflict, noSuch, quotaExceeded } from "../errors.ts";
import { pageOf, pageOfArray } from "../paging.ts";
import { quotas } from "../quotas.ts";
import { instanceProfileShape, tagsOf } from "../render.ts";
import type { IamHandlers } from "../sdk.ts";
import { requireModifiable } from "../serviceLinkedRoles.ts";
import { iamState, type IamState, type InstanceProfile } from "../state.ts";
import { readTags } from "../tags.ts";

export function putInstanceProfile(state: IamState, profile: InstanceProfile): void {
  state.put("instanceProfile", keyOf(profile.name), profile, {
    indexes: profile.role === undefined ? {} : { role: profile.role },
  });
}

export const instanceProfiles = {
  async CreateInstanceProfile(input, ctx) {
    const state = iamState(ctx);
    const profile: InstanceProfile = {
      ...(await newNamed(ctx, state, "instanceProfile", input.InstanceProfileName!, input.Path)),
      tags: readTags(input.Tags),
    };
    putInstanceProfile(state, profile);
    return { InstanceProfile: { ...(await instanceProfileShape(state, profile)), ...tagsOf(profile.tags) } };
  },

  async GetInstanceProfile(input, ctx) {
    const state = iamState(ctx);
    const profile = await requireInstanceProfile(state, input.InstanceProfileName!);
    return { InstanceProfile: { ...(await instanceProfileShape(state, profile)), Tags: [...profile.tags] } };
  },

  async ListInstanceProfiles(input, ctx) {
    const state = iamState(ctx);
    const { items, paging } = await pageOf(
      input,
      (after, limit) => state.list("instanceProfile", { limit, ...(after === undefined ? {} : { after }) }),
      (profile) => profile.path.startsWith(input.PathPrefix ?? "/"),
    );
    return {
      InstanceProfiles: await Promise.all(items.map((profile) => instanceProfileShape(state, profile))),
      ...paging,
    };
  },

  async ListInstanceProfilesForRole(input, ctx) {
    const state = iamState(ctx);
    const role = await requireRole(state, input.RoleName!);
    const found: InstanceProfile[] = [];
    let after: string | undefined;
    do {
      const page = await state.find("instanceProfile", "role", {
        value: role.id,
        ...(after === undefined ? {} : { after }),
      });
      found.push(...page.items.map((document) => document.value));
      after = page.next;
    } while (after !== undefined);
    const { items, paging } = pageOfArray(input, found, (profile) => keyOf(profile.name));
    return {
      InstanceProfiles: await Promise.all(items.map((profile) => instanceProfileShape(state, profile))),
      ...paging,
    };
  },

  async DeleteInstanceProfile(input, ctx) {
    const state = iamState(ctx);
    const profile = await requireInstanceProfile(state, input.InstanceProfileName!);
    if (profile.role !== undefined) {
      throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
    }
    state.delete("instanceProfile", keyOf(profile.name));
    return {};
  },

  async AddRoleToInstanceProfile(input, ctx) {
    const state = iamState(ctx);
    const profile = await requireInstanceProfile(state, input.InstanceProfileName!);
    const role = await requireRole(state, input.RoleName!);
    requireModifiable(role);
    if (profile.role !== undefined) {
      throw quotaExceeded("InstanceSessionsPerInstanceProfile", quotas.rolesPerInstanceProfile);
    }
    putInstanceProfile(state, { ...profile, role: role.id });
    // Touches the role, so that a DeleteRole that has just found no profile starts over.
    state.put("role", keyOf(role.name), role);
    return {};
  },

  async RemoveRoleFromInstanceProfile(input, ctx) {
    const state = iamState(ctx);
    const profile = await requireInstanceProfile(state, input.InstanceProfileName!);
    const role = await requireRole(state, input.RoleName!);
    if (profile.role !== role.id) throw noSuch.role(role.name);
    const { role: _removed, ...rest } = profile;
    putInstanceProfile(state, rest);
    return {};
  },
} satisfies IamHandlers;
