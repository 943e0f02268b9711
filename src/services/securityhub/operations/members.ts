/**
 * Member accounts, as their administrator sees them. Accounts that cannot be processed are named, with the reason.
 * Source: Security Hub API Reference, CreateMembers, InviteMembers …; User Guide, "Managing administrator and member accounts".
 */
import * as administration from "#gateway/administration.ts";
import { ensureServiceRole } from "#gateway/enrolment.ts";
import type { CallContext } from "#gateway/context.ts";
import { invalidAccess, invalidInput } from "../errors.ts";
import { isDelegated, joinHub } from "../organization.ts";
import { tokenAfter, tokens } from "../paging.ts";
import type { HubHandlers } from "../sdk.ts";
import { requireHub, servicePrincipal } from "../state.ts";

export const memberHandlers: HubHandlers = {
  async CreateMembers(input, ctx) {
    await requireAdministrator(ctx);
    const emails = new Map((input.AccountDetails ?? []).map(({ AccountId, Email }) => [AccountId ?? "", Email ?? ""]));
    const delegated = await isDelegated(ctx);
    return await forEach([...emails.keys()], async (account) => {
      if (account === ctx.account) return "An account cannot be a member of itself";
      if ((await ctx.identity.accountStatus(account)) === "UNKNOWN") return "The account does not exist";
      const before = await administration.memberOf(ctx.state, ctx.account, account);
      if (before && !hasLeft(before)) return "The account is already a member";
      const email = emails.get(account)!;
      if (delegated && (await sameOrganization(ctx, account))) {
        if (await isTaken(ctx, account)) return "The account is a member of another administrator";
        await joinHub(ctx.state, ctx, { account, email }, ctx);
        const asService = (at: { account: string; region: string }) => ctx.asService(servicePrincipal, at);
        await ctx.once(`role ${account}`, () =>
          ensureServiceRole(asService, servicePrincipal, { account, region: ctx.region }),
        );
      } else administration.addMember(ctx.state, ctx.account, account, email, ctx.now);
      return undefined;
    });
  },

  async InviteMembers(input, ctx) {
    await requireAdministrator(ctx);
    return await forEach(input.AccountIds, async (account) => {
      const member = await administration.memberOf(ctx.state, ctx.account, account);
      if (!member) return notMember;
      if (member.status === "Invited" || member.status === "Enabled") return "The account has been invited already";
      await administration.invite(ctx.state, ctx.account, member, ctx);
      return undefined;
    });
  },

  async GetMembers(input, ctx) {
    await requireHub(ctx);
    const Members: ReturnType<typeof shown>[] = [];
    const { UnprocessedAccounts } = await forEach(input.AccountIds, async (account) => {
      const member = await administration.memberOf(ctx.state, ctx.account, account);
      if (!member) return notMember;
      Members.push(shown(ctx.account, member));
      return undefined;
    });
    return { Members, UnprocessedAccounts };
  },

  /** "By default, only … member accounts whose relationship status is ENABLED." */
  async ListMembers(input, ctx) {
    await requireHub(ctx);
    const members = (await administration.membersOf(ctx.state, ctx.account)).filter(
      ({ status }) => input.OnlyAssociated === false || status === "Enabled",
    );
    const start = tokens.readOffset(input.NextToken);
    const end = start + (input.MaxResults ?? 50);
    const Members = members.slice(start, end).map((member) => shown(ctx.account, member));
    return { Members, ...tokenAfter(end, members.length) };
  },

  async DisassociateMembers(input, ctx) {
    await requireHub(ctx);
    const { UnprocessedAccounts } = await forEach(input.AccountIds, async (account) => {
      const member = await administration.memberOf(ctx.state, ctx.account, account);
      if (!member) return notMember;
      await administration.dissociate(ctx.state, ctx.account, member, "Removed", ctx.now);
      return undefined;
    });
    // The answer has no member for what was not done.
    if (UnprocessedAccounts.length > 0) throw invalidInput(UnprocessedAccounts[0]!.ProcessingResult);
    return {};
  },

  /** "You can invoke this API only to delete accounts that are … disassociated." */
  async DeleteMembers(input, ctx) {
    await requireHub(ctx);
    return await forEach(input.AccountIds, async (account) => {
      const member = await administration.memberOf(ctx.state, ctx.account, account);
      if (!member) return notMember;
      if (member.status === "Enabled") return "The account has to be disassociated first";
      await administration.dissociate(ctx.state, ctx.account, member, "Removed", ctx.now);
      ctx.state.delete(administration.administrationTypes.member, account);
      return undefined;
    });
  },
};

const notMember = "The account is not a member";
const hasLeft = ({ status }: administration.Member): boolean => status === "Removed" || status === "Resigned";

/** @throws InvalidAccessException for the member of another administrator */
async function requireAdministrator(ctx: CallContext): Promise<void> {
  await requireHub(ctx);
  const above = await administration.linkOf(ctx.state, ctx.account);
  if (above) throw invalidAccess(`Account ${ctx.account} is a member of the administrator account ${above.account}`);
}

async function sameOrganization(ctx: CallContext, account: string): Promise<boolean> {
  const [own, other] = await Promise.all([ctx.identity.organization(ctx.account), ctx.identity.organization(account)]);
  return own !== undefined && own.id === other?.id;
}

async function isTaken(ctx: CallContext, account: string): Promise<boolean> {
  const link = await administration.linkOf(ctx.state, account);
  return link !== undefined && link.account !== ctx.account;
}

export async function forEach(
  accounts: readonly string[] | undefined,
  work: (account: string) => Promise<string | undefined>,
): Promise<{ UnprocessedAccounts: { AccountId: string; ProcessingResult: string }[] }> {
  const UnprocessedAccounts: { AccountId: string; ProcessingResult: string }[] = [];
  for (const AccountId of new Set(accounts)) {
    const reason = /^\d{12}$/.test(AccountId) ? await work(AccountId) : "The account ID is not valid";
    if (reason !== undefined) UnprocessedAccounts.push({ AccountId, ProcessingResult: reason });
  }
  return { UnprocessedAccounts };
}

function shown(administrator: string, member: administration.Member) {
  return {
    AccountId: member.account,
    Email: member.email,
    MasterId: administrator,
    AdministratorId: administrator,
    MemberStatus: member.status,
    ...(member.invitedAt === undefined ? {} : { InvitedAt: new Date(member.invitedAt) }),
    UpdatedAt: new Date(member.updatedAt),
  };
}
