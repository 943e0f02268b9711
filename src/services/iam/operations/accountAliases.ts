/** The account's alias, unique among all accounts. Source: IAM API reference, CreateAccountAlias …. */
import { alreadyExists, noSuchEntity } from "../errors.ts";
import { pageOfArray } from "../paging.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState, installation, type Account, type IamState } from "../state.ts";
import type { CallContext } from "#gateway/context.ts";

async function account(ctx: CallContext, state: IamState): Promise<Account> {
  return (
    (await state.get("account", "account")) ?? {
      account: state.account,
      name: state.account,
      email: "",
      createdAt: ctx.now,
      status: "ACTIVE",
      partition: ctx.partition,
    }
  );
}

export const accountAliases = {
  /** An account has one alias at most: a new one takes the place of the old one. */
  async CreateAccountAlias(input, ctx) {
    const state = iamState(ctx);
    const alias = input.AccountAlias!;
    const aliases = state.in(installation);
    const holder = await aliases.get("alias", alias);
    if (holder && holder.account !== state.account) {
      throw alreadyExists(`The account alias ${alias} already exists.`);
    }
    const record = await account(ctx, state);
    if (record.alias !== undefined && record.alias !== alias) aliases.delete("alias", record.alias, "any");
    aliases.put("alias", alias, { account: state.account });
    state.put("account", "account", { ...record, alias });
    return {};
  },

  async DeleteAccountAlias(input, ctx) {
    const state = iamState(ctx);
    const record = await account(ctx, state);
    if (record.alias === undefined || record.alias !== input.AccountAlias) {
      throw noSuchEntity(`The Account Alias with name ${input.AccountAlias} cannot be found.`);
    }
    const { alias, ...rest } = record;
    state.in(installation).delete("alias", alias, "any");
    state.put("account", "account", rest);
    return {};
  },

  async ListAccountAliases(input, ctx) {
    const record = await iamState(ctx).get("account", "account");
    const list = record?.alias === undefined ? [] : [record.alias];
    const { items, paging } = pageOfArray(input, list, (alias) => alias);
    return { AccountAliases: items, ...paging };
  },
} satisfies IamHandlers;
