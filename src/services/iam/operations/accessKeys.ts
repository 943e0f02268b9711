/**
 * Access keys of users and of the root user. The secret is shown once, by CreateAccessKey.
 * Source: IAM API reference, CreateAccessKey …; "If you do not specify a user name, IAM determines the user name
 * implicitly based on the AWS access key ID signing the request".
 */
import type { CallContext } from "#gateway/context.ts";
import { accessKeyId as newAccessKeyId, secretAccessKey } from "#kernel/ids.ts";
import { protectSecret, putAccessKey } from "../accessKeySecret.ts";
import { isRootItself, entityById, putEntity, userOrCaller } from "../entities.ts";
import { accessDenied, noSuch, quotaExceeded } from "../errors.ts";
import { pageOfArray } from "../paging.ts";
import { quotas } from "../quotas.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState, type AccessKey, type IamState, type Root, type User } from "../state.ts";

/** Whose keys: a user's, or the root user's. */
interface Owner {
  id: string;
  name: string | undefined;
  keys: readonly string[];
  put(keys: string[]): void;
}

async function ownerOf(ctx: CallContext, state: IamState, userName: string | undefined): Promise<Owner> {
  if (isRootItself(ctx, userName)) {
    const root: Root = (await state.get("root", "root")) ?? { accessKeys: [], mfa: [] };
    return {
      id: state.account,
      name: undefined,
      keys: root.accessKeys,
      put: (accessKeys) => state.put("root", "root", { ...root, accessKeys }),
    };
  }
  const user: User = await userOrCaller(ctx, state, userName);
  return {
    id: user.id,
    name: user.name,
    keys: user.accessKeys,
    put: (accessKeys) => putEntity(state, "user", { ...user, accessKeys }),
  };
}

async function requireKey(state: IamState, owner: Owner, accessKeyId: string): Promise<AccessKey> {
  const key = await state.get("accessKey", accessKeyId);
  if (!key || key.owner !== owner.id) throw noSuch.accessKey(accessKeyId);
  return key;
}

export const accessKeys = {
  async CreateAccessKey(input, ctx) {
    const state = iamState(ctx);
    const owner = await ownerOf(ctx, state, input.UserName);
    if (owner.keys.length >= quotas.accessKeysPerUser) {
      throw quotaExceeded("AccessKeysPerUser", quotas.accessKeysPerUser);
    }
    const accessKeyId = newAccessKeyId("AKIA", ctx.random);
    const secret = secretAccessKey(ctx.random);
    const key: AccessKey = {
      accessKeyId,
      owner: owner.id,
      status: "Active",
      createdAt: ctx.now,
      secret: await protectSecret(ctx.keys, state.account, accessKeyId, secret),
    };
    putAccessKey(state, key);
    owner.put([...owner.keys, accessKeyId]);
    return {
      AccessKey: {
        UserName: owner.name,
        AccessKeyId: accessKeyId,
        Status: "Active",
        SecretAccessKey: secret,
        CreateDate: new Date(key.createdAt),
      },
    };
  },

  async ListAccessKeys(input, ctx) {
    const state = iamState(ctx);
    const owner = await ownerOf(ctx, state, input.UserName);
    const keys = (await state.getMany("accessKey", owner.keys)).filter((key) => key !== undefined);
    const { items, paging } = pageOfArray(input, keys, (key) => key.accessKeyId);
    return {
      AccessKeyMetadata: items.map((key) => ({
        ...(owner.name === undefined ? {} : { UserName: owner.name }),
        AccessKeyId: key.accessKeyId,
        Status: key.status,
        CreateDate: new Date(key.createdAt),
      })),
      ...paging,
    };
  },

  async UpdateAccessKey(input, ctx) {
    const state = iamState(ctx);
    const owner = await ownerOf(ctx, state, input.UserName);
    const key = await requireKey(state, owner, input.AccessKeyId!);
    // "Expired" is set by AWS only, for keys of a feature that has no counterpart here.
    const status = input.Status === "Active" ? "Active" : "Inactive";
    putAccessKey(state, { ...key, status });
    return {};
  },

  async DeleteAccessKey(input, ctx) {
    const state = iamState(ctx);
    const owner = await ownerOf(ctx, state, input.UserName);
    const key = await requireKey(state, owner, input.AccessKeyId!);
    state.delete("accessKey", key.accessKeyId);
    state.delete("lastUsed", `key/${key.accessKeyId}`, "any");
    owner.put(owner.keys.filter((id) => id !== key.accessKeyId));
    return {};
  },

  async GetAccessKeyLastUsed(input, ctx) {
    const state = iamState(ctx);
    const key = await state.get("accessKey", input.AccessKeyId!);
    if (!key) {
      // AWS does not tell a foreign key from one that does not exist.
      const caller = "arn" in ctx.principal ? ctx.principal.arn : ctx.principal.kind;
      throw accessDenied(
        `User: ${caller} is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key ${input.AccessKeyId}`,
      );
    }
    const [use, user] = await Promise.all([
      state.get("lastUsed", `key/${key.accessKeyId}`),
      entityById(state, "user", key.owner),
    ]);
    return {
      ...(user ? { UserName: user.name } : {}),
      AccessKeyLastUsed: {
        ...(use ? { LastUsedDate: new Date(use.at) } : {}),
        ServiceName: use?.service ?? "N/A",
        Region: use?.region ?? "N/A",
      },
    };
  },
} satisfies IamHandlers;
