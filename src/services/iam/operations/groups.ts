/** Groups and who is in them. Source: IAM API reference, CreateGroup … RemoveUserFromGroup. */
import {
  byName,
  deleteEntity,
  entitiesById,
  newNamed,
  putEntity,
  putNewEntity,
  renameEntity,
  requireGroup,
  requireUser,
  keyOf,
} from "../entities.ts";
import { deleteConflict, noSuch, quotaExceeded } from "../errors.ts";
import { pageOf, pageOfArray } from "../paging.ts";
import { quotas } from "../quotas.ts";
import { groupShape, userSummary } from "../render.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState, membershipId } from "../state.ts";

export const groups = {
  async CreateGroup(input, ctx) {
    const state = iamState(ctx);
    const group = {
      ...(await newNamed(ctx, state, "group", input.GroupName!, input.Path)),
      attached: [],
      inline: {},
    };
    putNewEntity(state, "group", group);
    return { Group: groupShape(group) };
  },

  async GetGroup(input, ctx) {
    const state = iamState(ctx);
    const group = await requireGroup(state, input.GroupName!);
    const memberships = await state.all("membership", `${group.id}/`);
    const members = await entitiesById(
      state,
      "user",
      memberships.map((membership) => membership.value.user),
    );
    const { items, paging } = pageOfArray(input, members.sort(byName), (user) => keyOf(user.name));
    return { Group: groupShape(group), Users: items.map((user) => userSummary(user)), ...paging };
  },

  async ListGroups(input, ctx) {
    const state = iamState(ctx);
    const { items, paging } = await pageOf(
      input,
      (after, limit) => state.list("group", { limit, ...(after === undefined ? {} : { after }) }),
      (group) => group.path.startsWith(input.PathPrefix ?? "/"),
    );
    return { Groups: items.map(groupShape), ...paging };
  },

  async ListGroupsForUser(input, ctx) {
    const state = iamState(ctx);
    const user = await requireUser(state, input.UserName!);
    const list = (await entitiesById(state, "group", user.groups)).sort(byName);
    const { items, paging } = pageOfArray(input, list, (group) => keyOf(group.name));
    return { Groups: items.map(groupShape), ...paging };
  },

  async UpdateGroup(input, ctx) {
    const state = iamState(ctx);
    const group = await requireGroup(state, input.GroupName!);
    await renameEntity(ctx, state, "group", group, { name: input.NewGroupName, path: input.NewPath });
    return {};
  },

  async DeleteGroup(input, ctx) {
    const state = iamState(ctx);
    const group = await requireGroup(state, input.GroupName!);
    if ((await state.count("membership", `${group.id}/`)) > 0) {
      throw deleteConflict("Cannot delete entity, must remove users from group first.");
    }
    if (group.attached.length > 0) throw deleteConflict("Cannot delete entity, must detach all policies first.");
    if (Object.keys(group.inline).length > 0) throw deleteConflict("Cannot delete entity, must delete policies first.");
    deleteEntity(state, "group", group);
    state.checkNone("membership", `${group.id}/`);
    return {};
  },

  /** Adding twice changes nothing, as with AWS. */
  async AddUserToGroup(input, ctx) {
    const state = iamState(ctx);
    const user = await requireUser(state, input.UserName!);
    const group = await requireGroup(state, input.GroupName!);
    if (user.groups.includes(group.id)) return {};
    if (user.groups.length >= quotas.groupsPerUser) throw quotaExceeded("GroupsPerUser", quotas.groupsPerUser);
    putEntity(state, "user", { ...user, groups: [...user.groups, group.id] });
    state.put("membership", membershipId(group.id, user.id), { group: group.id, user: user.id });
    // The group must still be there when this lands: DeleteGroup looks for memberships.
    state.check("group", keyOf(group.name));
    return {};
  },

  async RemoveUserFromGroup(input, ctx) {
    const state = iamState(ctx);
    const user = await requireUser(state, input.UserName!);
    const group = await requireGroup(state, input.GroupName!);
    if (!user.groups.includes(group.id)) throw noSuch.user(user.name);
    putEntity(state, "user", { ...user, groups: user.groups.filter((id) => id !== group.id) });
    state.delete("membership", membershipId(group.id, user.id), "any");
    return {};
  },
} satisfies IamHandlers;
