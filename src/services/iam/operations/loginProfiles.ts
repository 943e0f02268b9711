/** Console passwords of users. Source: IAM API reference, CreateLoginProfile …, ChangePassword. */
import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import { requireUser, userOrCaller } from "../entities.ts";
import { accessDenied, alreadyExists, noSuch, passwordPolicyViolation, validationError } from "../errors.ts";
import { hashPassword, requireGoodPassword, verifyPassword } from "../password.ts";
import type { IamHandlers } from "../sdk.ts";
import { forgetAttempts } from "../throttle.ts";
import { iamState, type IamState, type LoginProfile, type User } from "../state.ts";

/** Reuse prevention looks back at most this far (PasswordReusePrevention is 1 to 24). */
const remembered = 24;

/** @throws PasswordPolicyViolation for a weak password or one used before. */
async function newHash(
  ctx: CallContext,
  state: IamState,
  password: string,
  current: LoginProfile | undefined,
): Promise<string> {
  const [policy, account] = await Promise.all([state.get("passwordPolicy", "policy"), state.get("account", "account")]);
  requireGoodPassword(
    password,
    policy,
    [account?.name, account?.email].filter((word) => word !== undefined),
  );
  const before = current ? [current.hash, ...current.previous].slice(0, policy?.reusePrevention ?? 0) : [];
  for (const hash of before) {
    if (await verifyPassword(password, hash)) {
      throw passwordPolicyViolation("Password does not conform to the account password policy.");
    }
  }
  // Hashing costs a tenth of a second of CPU: once per call, however often the handler runs.
  return ctx.once("password hash", () => hashPassword(password, ctx.random));
}

function changed(profile: LoginProfile, hash: string, now: number, resetRequired: boolean): LoginProfile {
  return {
    ...profile,
    hash,
    changedAt: now,
    resetRequired,
    previous: [profile.hash, ...profile.previous].slice(0, remembered),
  };
}

async function requireProfile(state: IamState, user: User): Promise<LoginProfile> {
  const profile = await state.get("loginProfile", user.id);
  if (!profile) throw noSuch.loginProfile(user.name);
  return profile;
}

const shape = (user: User, profile: LoginProfile) => ({
  UserName: user.name,
  CreateDate: new Date(profile.createdAt),
  PasswordResetRequired: profile.resetRequired,
});

export const loginProfiles = {
  async CreateLoginProfile(input, ctx) {
    const state = iamState(ctx);
    const user = await userOrCaller(ctx, state, input.UserName);
    if (input.Password === undefined) throw validationError("Must specify password for an IAM user");
    if (await state.get("loginProfile", user.id)) {
      throw alreadyExists(`Login Profile for user ${user.name} already exists.`);
    }
    const profile: LoginProfile = {
      hash: await newHash(ctx, state, input.Password, undefined),
      createdAt: ctx.now,
      changedAt: ctx.now,
      resetRequired: input.PasswordResetRequired ?? false,
      previous: [],
    };
    state.put("loginProfile", user.id, profile);
    state.check("user", user.name.toLowerCase());
    return { LoginProfile: shape(user, profile) };
  },

  async GetLoginProfile(input, ctx) {
    const state = iamState(ctx);
    const user = await userOrCaller(ctx, state, input.UserName);
    return { LoginProfile: shape(user, await requireProfile(state, user)) };
  },

  async UpdateLoginProfile(input, ctx) {
    const state = iamState(ctx);
    const user = await requireUser(state, input.UserName!);
    const profile = await requireProfile(state, user);
    const resetRequired = input.PasswordResetRequired ?? profile.resetRequired;
    if (input.Password === undefined) {
      state.put("loginProfile", user.id, { ...profile, resetRequired });
    } else {
      const hash = await newHash(ctx, state, input.Password, profile);
      state.put("loginProfile", user.id, changed(profile, hash, ctx.now, resetRequired));
    }
    forgetAttempts(state, user.name);
    return {};
  },

  async DeleteLoginProfile(input, ctx) {
    const state = iamState(ctx);
    const user = await userOrCaller(ctx, state, input.UserName);
    await requireProfile(state, user);
    state.delete("loginProfile", user.id);
    forgetAttempts(state, user.name);
    return {};
  },

  async ChangePassword(input, ctx) {
    if (ctx.principal.kind !== "user") {
      throw new AwsError("InvalidUserType", "Only IAM Users can change their own password.", 400);
    }
    const state = iamState(ctx);
    const user = await requireUser(state, ctx.principal.userName);
    const profile = await requireProfile(state, user);
    if (!(await ctx.once("old password", () => verifyPassword(input.OldPassword!, profile.hash)))) {
      throw accessDenied("The old password was incorrect.");
    }
    const hash = await newHash(ctx, state, input.NewPassword!, profile);
    state.put("loginProfile", user.id, changed(profile, hash, ctx.now, false));
    return {};
  },
} satisfies IamHandlers;
