/**
 * Invitations, as the invited account sees them, and its administrator.
 * Source: GuardDuty API Reference of 2019, AcceptInvitation (texts); API Reference, GetAdministratorAccount.
 */
import {
  accept as acceptInto,
  administrationTypes,
  dissociate,
  linkOf,
  memberOf,
  membersOf,
  putMember,
  type AdministratorLink,
} from "#gateway/administration.ts";
import type { CallContext } from "#gateway/context.ts";
import { badRequest, memberForbidden } from "../errors.ts";
import { pageOf } from "../paging.ts";
import type { Input, Output } from "../sdk.ts";
import { administratorOf, requireDetector, types, type OrganizationSettings } from "../state.ts";

const shown = ({ account, invitationId, invitedAt, status }: AdministratorLink) => ({
  AccountId: account,
  InvitationId: invitationId,
  RelationshipStatus: status,
  InvitedAt: new Date(invitedAt).toISOString(),
});

async function invitationsOf(ctx: CallContext): Promise<AdministratorLink[]> {
  const { items } = await ctx.state.list<AdministratorLink>(administrationTypes.invitation);
  return items.map(({ value }) => value);
}

export async function listInvitations(
  input: Input<"ListInvitations">,
  ctx: CallContext,
): Promise<Output<"ListInvitations">> {
  const { items, next } = pageOf(input, await invitationsOf(ctx));
  return { Invitations: items.map(shown), ...next };
}

/** "The count of all GuardDuty membership invitations … except the currently accepted invitation." */
export async function getInvitationsCount(
  _input: Input<"GetInvitationsCount">,
  ctx: CallContext,
): Promise<Output<"GetInvitationsCount">> {
  return { InvitationsCount: (await invitationsOf(ctx)).filter(({ status }) => status !== "Enabled").length };
}

export async function acceptAdministratorInvitation(
  input: Input<"AcceptAdministratorInvitation">,
  ctx: CallContext,
): Promise<Output<"AcceptAdministratorInvitation">> {
  await accept(ctx, input.DetectorId, input.AdministratorId!, input.InvitationId!);
  return {};
}

export async function acceptInvitation(
  input: Input<"AcceptInvitation">,
  ctx: CallContext,
): Promise<Output<"AcceptInvitation">> {
  await accept(ctx, input.DetectorId, input.MasterId!, input.InvitationId!);
  return {};
}

async function accept(
  ctx: CallContext,
  detectorId: string | undefined,
  administrator: string,
  invitationId: string,
): Promise<void> {
  await requireDetector(ctx, detectorId);
  const refuse = (reason: string) => badRequest(`The request is rejected because the current account ${reason}.`);
  if (await administratorOf(ctx)) {
    throw refuse("cannot accept invitations because it is already a member of a master account");
  }
  if ((await membersOf(ctx.state, ctx.account)).some(({ status }) => status !== "Removed" && status !== "Resigned")) {
    throw refuse("cannot accept invitations because the account contains created, invited, or associated members");
  }
  const invitation = (await ctx.state.get<AdministratorLink>(administrationTypes.invitation, administrator))?.value;
  const member = await memberOf(ctx.state, administrator, ctx.account);
  if (!invitation || invitation.invitationId !== invitationId || member?.invitationId !== invitationId) {
    throw refuse(
      "has no pending invitation from the specified master account ID or is already a member of another master account",
    );
  }
  const above = await linkOf(ctx.state, administrator);
  if (above) throw refuse("cannot accept an invitation from an account that is a member of another master account");
  acceptInto(ctx.state, invitation, member, ctx.now);
}

export async function declineInvitations(
  input: Input<"DeclineInvitations">,
  ctx: CallContext,
): Promise<Output<"DeclineInvitations">> {
  return await ofEach(ctx, input.AccountIds, async (invitation) => {
    ctx.state.put<AdministratorLink>(administrationTypes.invitation, invitation.account, {
      ...invitation,
      status: "Declined",
    });
    await resign(ctx, invitation.account);
  });
}

export async function deleteInvitations(
  input: Input<"DeleteInvitations">,
  ctx: CallContext,
): Promise<Output<"DeleteInvitations">> {
  return await ofEach(ctx, input.AccountIds, async (invitation) => {
    ctx.state.delete(administrationTypes.invitation, invitation.account);
    await resign(ctx, invitation.account);
  });
}

/** The administrator sees that its invitation came to nothing. */
async function resign(ctx: CallContext, administrator: string): Promise<void> {
  const member = await memberOf(ctx.state, administrator, ctx.account);
  if (member?.status !== "Invited") return;
  const { invitationId: _ended, ...rest } = member;
  putMember(ctx.state, administrator, { ...rest, status: "Resigned", updatedAt: ctx.now });
}

async function ofEach(
  ctx: CallContext,
  accounts: readonly string[] | undefined,
  work: (invitation: AdministratorLink) => Promise<void>,
) {
  const UnprocessedAccounts: { AccountId: string; Result: string }[] = [];
  for (const AccountId of new Set(accounts)) {
    const invitation = (await ctx.state.get<AdministratorLink>(administrationTypes.invitation, AccountId))?.value;
    if (invitation && invitation.status !== "Enabled") await work(invitation);
    else {
      const Result =
        "The request is rejected because the current account has no pending invitation from the specified master account ID.";
      UnprocessedAccounts.push({ AccountId, Result });
    }
  }
  return { UnprocessedAccounts };
}

export async function getAdministratorAccount(
  input: Input<"GetAdministratorAccount">,
  ctx: CallContext,
): Promise<Output<"GetAdministratorAccount">> {
  await requireDetector(ctx, input.DetectorId);
  const link = await administratorOf(ctx);
  // Without an administrator the answer is empty, whatever the model says.
  return (link ? { Administrator: shown(link) } : {}) as Output<"GetAdministratorAccount">;
}

export async function getMasterAccount(
  input: Input<"GetMasterAccount">,
  ctx: CallContext,
): Promise<Output<"GetMasterAccount">> {
  await requireDetector(ctx, input.DetectorId);
  const link = await administratorOf(ctx);
  return (link ? { Master: shown(link) } : {}) as Output<"GetMasterAccount">;
}

export async function disassociateFromAdministratorAccount(
  input: Input<"DisassociateFromAdministratorAccount">,
  ctx: CallContext,
): Promise<Output<"DisassociateFromAdministratorAccount">> {
  await leave(ctx, input.DetectorId);
  return {};
}

export async function disassociateFromMasterAccount(
  input: Input<"DisassociateFromMasterAccount">,
  ctx: CallContext,
): Promise<Output<"DisassociateFromMasterAccount">> {
  await leave(ctx, input.DetectorId);
  return {};
}

async function leave(ctx: CallContext, detectorId: string | undefined): Promise<void> {
  await requireDetector(ctx, detectorId);
  const link = await administratorOf(ctx);
  if (!link)
    throw badRequest("The request is rejected because the current account is not associated with a master account.");
  const at = { account: link.account };
  const settings = await ctx.state.get<OrganizationSettings>(types.organization, types.organization, at);
  if (link.byOrganization && settings?.value.autoEnable === "ALL") {
    throw memberForbidden("leave while autoEnableOrganizationMembers is ALL");
  }
  const member = await memberOf(ctx.state, link.account, ctx.account);
  if (member) await dissociate(ctx.state, link.account, member, "Resigned", ctx.now);
  else ctx.state.delete(administrationTypes.administrator, administrationTypes.administrator);
}
