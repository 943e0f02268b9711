/** Users. Source: IAM API reference, CreateUser … DeleteUser. */
import { deleteBoundaryUse, putBoundaryUse, requireBoundary } from "../boundaries.ts";
import {
  deleteEntity,
  isRootItself,
  newNamed,
  putNewEntity,
  renameEntity,
  requireUser,
  userOrCaller,
} from "../entities.ts";
import { deleteConflict } from "../errors.ts";
import { pageOf } from "../paging.ts";
import { userDetail, userSummary } from "../render.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState, type User } from "../state.ts";
import { readTags } from "../tags.ts";

/** What must be gone before a user can go, in the order AWS asks for it. */
const leftovers: readonly [has: (user: User) => boolean, must: string][] = [
  [(user) => user.accessKeys.length > 0, "must delete access keys first"],
  [(user) => user.mfa.length > 0, "must delete MFA device first"],
  [(user) => user.attached.length > 0, "must detach all policies first"],
  [(user) => Object.keys(user.inline).length > 0, "must delete policies first"],
  [(user) => user.groups.length > 0, "must remove users from group first"],
];

export const users = {
  async CreateUser(input, ctx) {
    const state = iamState(ctx);
    const tags = readTags(input.Tags);
    const boundary =
      input.PermissionsBoundary === undefined ? undefined : await requireBoundary(state, input.PermissionsBoundary);
    const user: User = {
      ...(await newNamed(ctx, state, "user", input.UserName!, input.Path)),
      attached: [],
      inline: {},
      tags,
      ...(boundary === undefined ? {} : { boundary }),
      groups: [],
      accessKeys: [],
      mfa: [],
    };
    putNewEntity(state, "user", user);
    putBoundaryUse(state, "user", user);
    return { User: userDetail(user) };
  },

  async GetUser(input, ctx) {
    const state = iamState(ctx);
    if (isRootItself(ctx, input.UserName)) {
      const [account, use] = await Promise.all([
        state.get("account", "account"),
        state.get("lastUsed", `password/${state.account}`),
      ]);
      // Root is no user: AWS answers with the account id as user id and without a name.
      return {
        User: {
          Path: "/",
          UserName: undefined,
          UserId: state.account,
          Arn: `arn:${ctx.partition}:iam::${state.account}:root`,
          CreateDate: new Date(account?.createdAt ?? ctx.now),
          ...(use ? { PasswordLastUsed: new Date(use.at) } : {}),
        },
      };
    }
    const user = await userOrCaller(ctx, state, input.UserName);
    return { User: userDetail(user, await state.get("lastUsed", `password/${user.id}`)) };
  },

  async ListUsers(input, ctx) {
    const state = iamState(ctx);
    const { items, paging } = await pageOf(
      input,
      (after, limit) => state.list("user", { limit, ...(after === undefined ? {} : { after }) }),
      (user) => user.path.startsWith(input.PathPrefix ?? "/"),
    );
    const uses = await state.getMany(
      "lastUsed",
      items.map((user) => `password/${user.id}`),
    );
    return { Users: items.map((user, i) => userSummary(user, uses[i])), ...paging };
  },

  async UpdateUser(input, ctx) {
    const state = iamState(ctx);
    const user = await requireUser(state, input.UserName!);
    await renameEntity(ctx, state, "user", user, { name: input.NewUserName, path: input.NewPath });
    return {};
  },

  async DeleteUser(input, ctx) {
    const state = iamState(ctx);
    const user = await requireUser(state, input.UserName!);
    if (await state.get("loginProfile", user.id)) {
      throw deleteConflict("Cannot delete entity, must delete login profile first.");
    }
    for (const [has, must] of leftovers) if (has(user)) throw deleteConflict(`Cannot delete entity, ${must}.`);
    deleteBoundaryUse(state, "user", user);
    deleteEntity(state, "user", user);
    state.check("loginProfile", user.id);
    return {};
  },
} satisfies IamHandlers;
