/**
 * One account administers a service for others (GuardDuty, Security Hub, Macie …): a document on each side.
 * Source: the user guides of these services, "Managing multiple accounts"; they share the shape and the words.
 *
 * INVARIANT: both sides are written in one batch; an account has one administrator of a service and Region at most.
 */
import { hexId, type Random } from "#kernel/ids.ts";
import type { State } from "./context.ts";

export const administrationTypes = {
  /** By account, in the administrator's scope. */
  member: "member",
  /** Under the id `administrator`, in the member's scope. */
  administrator: "administrator",
  /** By the inviting account, in the invited account's scope. */
  invitation: "invitation",
} as const;

export type Relationship = "Created" | "Invited" | "Enabled" | "Disabled" | "Removed" | "Resigned";

export interface Member {
  account: string;
  email: string;
  status: Relationship;
  byOrganization: boolean;
  invitationId?: string;
  /** Epoch milliseconds. */
  invitedAt?: number;
  updatedAt: number;
}

export interface AdministratorLink {
  account: string;
  invitationId: string;
  invitedAt: number;
  /** "Declined" only of invitations. */
  status: "Invited" | "Enabled" | "Disabled" | "Declined";
  byOrganization: boolean;
}

export interface Moment {
  now: number;
  random: Random;
}

const { member: memberType, administrator: linkType, invitation: invitationType } = administrationTypes;

/** The Region is that of the unit of work where none is named. */
const placeOf = (account: string, region: string | undefined) =>
  region === undefined ? { account } : { account, region };

export async function linkOf(state: State, account: string, region?: string): Promise<AdministratorLink | undefined> {
  return (await state.get<AdministratorLink>(linkType, linkType, placeOf(account, region)))?.value;
}

export async function memberOf(state: State, administrator: string, account: string): Promise<Member | undefined> {
  return (await state.get<Member>(memberType, account, { account: administrator }))?.value;
}

export function putMember(state: State, administrator: string, member: Member): void {
  state.put(memberType, member.account, member, { at: { account: administrator } });
}

/** Every account that an administrator has, or has had, to do with. */
export async function membersOf(state: State, administrator: string, region?: string): Promise<Member[]> {
  const members: Member[] = [];
  let after: string | undefined;
  do {
    const query = after === undefined ? {} : { after };
    const page = await state.list<Member>(memberType, query, placeOf(administrator, region));
    members.push(...page.items.map(({ value }) => value));
    after = page.next;
  } while (after !== undefined);
  return members;
}

/** An account that an administrator means to invite. */
export function addMember(state: State, administrator: string, account: string, email: string, now: number): void {
  putMember(state, administrator, { account, email, status: "Created", byOrganization: false, updatedAt: now });
}

/** An account of the organization, which is not asked. */
export async function joinByOrganization(
  state: State,
  administrator: string,
  { account, email }: Pick<Member, "account" | "email">,
  { now, random }: Moment,
): Promise<void> {
  const before = await memberOf(state, administrator, account);
  const invitationId = before?.invitationId ?? hexId("", 32, random);
  const invitedAt = before?.invitedAt ?? now;
  const shared = { invitationId, invitedAt, byOrganization: true, status: "Enabled" as const };
  putMember(state, administrator, { ...shared, account, email, updatedAt: now });
  // The link is read first, so that it cannot be overwritten unseen.
  await linkOf(state, account);
  const link: AdministratorLink = { ...shared, account: administrator };
  state.put(linkType, linkType, link, { at: { account } });
}

export async function invite(state: State, administrator: string, member: Member, { now, random }: Moment) {
  const invitationId = hexId("", 32, random);
  putMember(state, administrator, { ...member, status: "Invited", invitationId, invitedAt: now, updatedAt: now });
  const at = { account: member.account };
  await state.get(invitationType, administrator, at);
  const invitation: AdministratorLink = {
    account: administrator,
    invitationId,
    invitedAt: now,
    status: "Invited",
    byOrganization: false,
  };
  state.put(invitationType, administrator, invitation, { at });
}

/** The invitation becomes the link. */
export function accept(state: State, invitation: AdministratorLink, member: Member, now: number): void {
  const link: AdministratorLink = { ...invitation, status: "Enabled" };
  const at = { account: member.account };
  state.put(linkType, linkType, link, { at });
  state.put(invitationType, invitation.account, link, { at });
  putMember(state, invitation.account, { ...member, status: "Enabled", updatedAt: now });
}

/** Ends the association from either side. @param status what the administrator sees afterwards */
export async function dissociate(
  state: State,
  administrator: string,
  member: Member,
  status: "Removed" | "Resigned",
  now: number,
): Promise<void> {
  const { invitationId: _ended, ...rest } = member;
  putMember(state, administrator, { ...rest, status, updatedAt: now });
  const at = { account: member.account };
  const link = await linkOf(state, member.account);
  if (link?.account === administrator) state.delete(linkType, linkType, { at });
  if (await state.get(invitationType, administrator, at)) state.delete(invitationType, administrator, { at });
}
