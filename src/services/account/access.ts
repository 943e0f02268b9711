/**
 * Whose account a call is about, and what authorization is asked. Without AccountId it is the caller's own; with
 * one it is a member's, and then the caller must be in the management account or in the delegated administrator of
 * `account.amazonaws.com`, with trusted access. "The management account can't specify its own AccountId."
 * Sources: Account Management API Reference (AccountId); Service Authorization Reference, "AWS Account Management".
 */
import type { CallContext } from "#gateway/context.ts";
import { delegatedAdministrators } from "#gateway/delegatedAdministrators.ts";
import type { Access } from "#gateway/service.ts";

const servicePrincipal = "account.amazonaws.com";

interface Addressed {
  AccountId?: string | undefined;
  AlternateContactType?: string | undefined;
  RegionName?: string | undefined;
}

export const targetOf = (input: Addressed, ctx: CallContext): string => input.AccountId ?? ctx.account;

export function ask(action: string) {
  return async (input: Addressed, ctx: CallContext): Promise<Access> => {
    const context = contextOf(input, action);
    const own = { action: `account:${action}`, resource: `arn:${ctx.partition}:account::${ctx.account}:account` };
    if (input.AccountId === undefined) return { ...own, ...context };
    return { ...own, ...(await ofMember(input.AccountId, ctx, action)), ...context };
  };
}

function contextOf({ AlternateContactType, RegionName }: Addressed, action: string): Pick<Access, "context"> {
  if (AlternateContactType !== undefined) return { context: { "account:AlternateContactTypes": AlternateContactType } };
  const targets = action === "EnableRegion" || action === "DisableRegion";
  return targets && RegionName !== undefined ? { context: { "account:TargetRegion": RegionName } } : {};
}

/** A member account says yes through its organization, or nobody is let in. */
async function ofMember(account: string, ctx: CallContext, action: string): Promise<Partial<Access>> {
  const [own, target] = await Promise.all([ctx.identity.organization(ctx.account), ctx.identity.organization(account)]);
  const refused = { resourceAccount: account, resourcePolicies: [], trust: "delegated" } as const;
  if (!own || own.id !== target?.id || account === own.managementAccount) return refused;
  const administrators = await delegatedAdministrators(ctx, servicePrincipal, own.managementAccount);
  if (!administrators.has(ctx.account)) return refused;
  const resource = `arn:${ctx.partition}:account::${own.managementAccount}:account/${own.id}/${account}`;
  const statement = {
    Effect: "Allow",
    Principal: { AWS: ctx.account },
    Action: `account:${action}`,
    Resource: resource,
  };
  return {
    resource,
    resourceAccount: own.managementAccount,
    resourcePolicies: [
      { name: "account management", document: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }) },
    ],
    trust: "delegated",
  };
}
