/** The account's password policy. Source: IAM API reference, UpdateAccountPasswordPolicy …. */
import { noSuch, noSuchEntity, validationError } from "../errors.ts";
import { emptyPolicy } from "../password.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState, type PasswordPolicy } from "../state.ts";

const id = "policy";

interface Bound {
  member: "MinimumPasswordLength" | "PasswordReusePrevention" | "MaxPasswordAge";
  min: number;
  max: number;
}

const bounds: readonly Bound[] = [
  { member: "MinimumPasswordLength", min: 6, max: 128 },
  { member: "PasswordReusePrevention", min: 1, max: 24 },
  { member: "MaxPasswordAge", min: 1, max: 1095 },
];

/** @throws ValidationError naming every member that is out of bounds. */
function requireBounds(input: Partial<Record<Bound["member"], number | undefined>>): void {
  const problems = bounds.flatMap(({ member, min, max }) => {
    const value = input[member];
    if (value === undefined || (value >= min && value <= max)) return [];
    const name = member[0]!.toLowerCase() + member.slice(1);
    const constraint = value < min ? `greater than or equal to ${min}` : `less than or equal to ${max}`;
    return [`Value at '${name}' failed to satisfy constraint: Member must have value ${constraint}`];
  });
  if (problems.length === 0) return;
  const errors = problems.length === 1 ? "error" : "errors";
  throw validationError(`${problems.length} validation ${errors} detected: ${problems.join("; ")}`);
}

export const passwordPolicy = {
  /** Replaces the whole policy: "if you do not specify a value, the default value is used". */
  async UpdateAccountPasswordPolicy(input, ctx) {
    requireBounds(input);
    const policy: PasswordPolicy = {
      minimumLength: input.MinimumPasswordLength ?? emptyPolicy.minimumLength,
      symbols: input.RequireSymbols ?? emptyPolicy.symbols,
      numbers: input.RequireNumbers ?? emptyPolicy.numbers,
      uppercase: input.RequireUppercaseCharacters ?? emptyPolicy.uppercase,
      lowercase: input.RequireLowercaseCharacters ?? emptyPolicy.lowercase,
      usersMayChange: input.AllowUsersToChangePassword ?? emptyPolicy.usersMayChange,
      maxAge: input.MaxPasswordAge ?? emptyPolicy.maxAge,
      reusePrevention: input.PasswordReusePrevention ?? emptyPolicy.reusePrevention,
      hardExpiry: input.HardExpiry ?? emptyPolicy.hardExpiry,
    };
    iamState(ctx).put("passwordPolicy", id, policy);
    return {};
  },

  async GetAccountPasswordPolicy(_input, ctx) {
    const policy = await iamState(ctx).get("passwordPolicy", id);
    if (!policy) throw noSuch.passwordPolicy(ctx.account);
    return {
      PasswordPolicy: {
        MinimumPasswordLength: policy.minimumLength,
        RequireSymbols: policy.symbols,
        RequireNumbers: policy.numbers,
        RequireUppercaseCharacters: policy.uppercase,
        RequireLowercaseCharacters: policy.lowercase,
        AllowUsersToChangePassword: policy.usersMayChange,
        ExpirePasswords: policy.maxAge > 0,
        ...(policy.maxAge > 0 ? { MaxPasswordAge: policy.maxAge, HardExpiry: policy.hardExpiry } : {}),
        ...(policy.reusePrevention > 0 ? { PasswordReusePrevention: policy.reusePrevention } : {}),
      },
    };
  },

  async DeleteAccountPasswordPolicy(_input, ctx) {
    const state = iamState(ctx);
    if (!(await state.get("passwordPolicy", id))) {
      throw noSuchEntity("The account policy with name PasswordPolicy cannot be found.");
    }
    state.delete("passwordPolicy", id);
    return {};
  },
} satisfies IamHandlers;
