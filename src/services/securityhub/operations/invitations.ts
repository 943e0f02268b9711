/** Invitations, as the invited account sees them, and its administrator. Source: Security Hub API Reference. */
import {
  accept,
  administrationTypes,
  dissociate,
  linkOf,
  memberOf,
  putMember,
  type AdministratorLink,
} from "#gateway/administration.ts";
import type { CallContext } from "#gateway/context.ts";
import { invalidInput, notFound } from "../errors.ts";
import { tokenAfter, tokens } from "../paging.ts";
import type { HubHandlers } from "../sdk.ts";
import { requireHub } from "../state.ts";
import { forEach } from "./members.ts";

export const invitationHandlers: HubHandlers = {
  async ListInvitations(input, ctx) {
    const all = await invitationsOf(ctx);
    const start = tokens.readOffset(input.NextToken);
    const end = start + (input.MaxResults ?? 30);
    return { Invitations: all.slice(start, end).map(shown), ...tokenAfter(end, all.length) };
  },

  /** "Not including the currently accepted invitation." */
  async GetInvitationsCount(_input, ctx) {
    return { InvitationsCount: (await invitationsOf(ctx)).filter(({ status }) => status !== "Enabled").length };
  },

  async AcceptAdministratorInvitation(input, ctx) {
    await acceptFrom(ctx, input.AdministratorId!, input.InvitationId!);
    return {};
  },

  async AcceptInvitation(input, ctx) {
    await acceptFrom(ctx, input.MasterId!, input.InvitationId!);
    return {};
  },

  DeclineInvitations: (input, ctx) =>
    forEach(input.AccountIds, (administrator) =>
      endInvitation(ctx, administrator, (invitation) =>
        ctx.state.put<AdministratorLink>(administrationTypes.invitation, administrator, {
          ...invitation,
          status: "Declined",
        }),
      ),
    ),

  DeleteInvitations: (input, ctx) =>
    forEach(input.AccountIds, (administrator) =>
      endInvitation(ctx, administrator, () => ctx.state.delete(administrationTypes.invitation, administrator)),
    ),

  async GetAdministratorAccount(_input, ctx) {
    const link = await administratorOf(ctx);
    return link ? { Administrator: shown(link) } : {};
  },

  async GetMasterAccount(_input, ctx) {
    const link = await administratorOf(ctx);
    return link ? { Master: shown(link) } : {};
  },

  async DisassociateFromAdministratorAccount(_input, ctx) {
    await leave(ctx);
    return {};
  },

  async DisassociateFromMasterAccount(_input, ctx) {
    await leave(ctx);
    return {};
  },
};

async function invitationsOf(ctx: CallContext): Promise<AdministratorLink[]> {
  const { items } = await ctx.state.list<AdministratorLink>(administrationTypes.invitation);
  return items.map(({ value }) => value);
}

function shown({ account, invitationId, invitedAt, status }: AdministratorLink) {
  const MemberStatus = status;
  return { AccountId: account, InvitationId: invitationId, InvitedAt: new Date(invitedAt), MemberStatus };
}

async function administratorOf(ctx: CallContext): Promise<AdministratorLink | undefined> {
  await requireHub(ctx);
  return await linkOf(ctx.state, ctx.account);
}

async function acceptFrom(ctx: CallContext, administrator: string, invitationId: string): Promise<void> {
  await requireHub(ctx);
  const invitation = (await ctx.state.get<AdministratorLink>(administrationTypes.invitation, administrator))?.value;
  const member = await memberOf(ctx.state, administrator, ctx.account);
  const pending = invitation?.invitationId === invitationId && member?.status === "Invited";
  if (!pending) throw notFound("The invitation was not found");
  if (await linkOf(ctx.state, ctx.account)) throw invalidInput("The account is a member of another administrator");
  if (await linkOf(ctx.state, administrator)) throw invalidInput("The administrator is a member of another account");
  accept(ctx.state, invitation, member, ctx.now);
}

async function endInvitation(
  ctx: CallContext,
  administrator: string,
  end: (invitation: AdministratorLink) => void,
): Promise<string | undefined> {
  const invitation = (await ctx.state.get<AdministratorLink>(administrationTypes.invitation, administrator))?.value;
  if (!invitation || invitation.status === "Enabled") return "There is no pending invitation from the account";
  end(invitation);
  const member = await memberOf(ctx.state, administrator, ctx.account);
  if (member?.status !== "Invited") return undefined;
  const { invitationId: _ended, ...rest } = member;
  putMember(ctx.state, administrator, { ...rest, status: "Resigned", updatedAt: ctx.now });
  return undefined;
}

async function leave(ctx: CallContext): Promise<void> {
  const link = await administratorOf(ctx);
  if (!link) throw notFound("The account has no administrator");
  if (link.byOrganization) throw invalidInput("A member of the organization is removed by its administrator");
  const member = await memberOf(ctx.state, link.account, ctx.account);
  if (member) await dissociate(ctx.state, link.account, member, "Resigned", ctx.now);
}
