/**
 * How an account becomes and ceases to be a member: one document on each side, and the member's detector.
 * INVARIANT: both sides are written in one batch; a member has one administrator at most.
 */
import { hexId, type Random } from "#kernel/ids.ts";
import type { At, State } from "#gateway/context.ts";
import { newDetector } from "./operations/detectors.ts";
import { types, type AdministratorLink, type Detector, type Member } from "./state.ts";

export interface Moment {
  now: number;
  random: Random;
}

export async function linkOf(state: State, account: string): Promise<AdministratorLink | undefined> {
  return (await state.get<AdministratorLink>(types.administrator, types.administrator, { account }))?.value;
}

export async function detectorOf(state: State, account: string): Promise<Detector | undefined> {
  return (await state.get<Detector>(types.detector, types.detector, { account }))?.value;
}

export async function memberOf(state: State, administrator: string, account: string): Promise<Member | undefined> {
  return (await state.get<Member>(types.member, account, { account: administrator }))?.value;
}

export function putMember(state: State, administrator: string, member: Member): void {
  state.put(types.member, member.account, member, { at: { account: administrator } });
}

/** Makes an account of the organization a member, with a detector where it has none. */
export async function enableByOrganization(
  state: State,
  where: { administrator: string; region: string },
  { account, email }: { account: string; email: string },
  moment: Moment,
): Promise<void> {
  const at: At = { account };
  const detector = (await detectorOf(state, account)) ?? newDetector(account, where.region, moment);
  const enabledAt = detector.enabled ? detector.enabledAt : moment.now;
  state.put<Detector>(types.detector, types.detector, { ...detector, enabled: true, enabledAt }, { at });
  const before = await memberOf(state, where.administrator, account);
  const invitationId = before?.invitationId ?? hexId("", 32, moment.random);
  const invitedAt = before?.invitedAt ?? moment.now;
  putMember(state, where.administrator, {
    account,
    email,
    status: "Enabled",
    byOrganization: true,
    invitationId,
    invitedAt,
    updatedAt: moment.now,
  });
  // The link is read first, so that it cannot be overwritten unseen.
  await linkOf(state, account);
  const link: AdministratorLink = {
    account: where.administrator,
    invitationId,
    invitedAt,
    status: "Enabled",
    byOrganization: true,
  };
  state.put(types.administrator, types.administrator, link, { at });
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
  const link = await linkOf(state, member.account);
  if (link?.account === administrator) {
    state.delete(types.administrator, types.administrator, { at: { account: member.account } });
  }
  const at = { account: member.account };
  if (await state.get(types.invitation, administrator, at)) state.delete(types.invitation, administrator, { at });
}
