/**
 * Member accounts, as their administrator sees them. Accounts that cannot be processed are named with the reason, and
 * the others are processed.
 * Source: GuardDuty API Reference of 2019, CreateMembers, InviteMembers (texts); User Guide, "Managing multiple accounts".
 */
import {
  addMember,
  administrationTypes,
  dissociate,
  invite,
  linkOf,
  memberOf,
  membersOf,
  putMember,
  type Member,
} from "#gateway/administration.ts";
import type { CallContext } from "#gateway/context.ts";
import { invalidParameter, memberForbidden } from "../errors.ts";
import { changedFeatures, isEnabled, shownDataSources, shownFeatures } from "../features.ts";
import { detectorOf, enableByOrganization } from "../membership.ts";
import { ensureServiceRole } from "#gateway/enrolment.ts";
import { delegatedOrganization } from "../organization.ts";
import { pageOf } from "../paging.ts";
import type { Input, Output } from "../sdk.ts";
import { servicePrincipal, administratorOf, requireDetector, types, type Detector } from "../state.ts";

interface Unprocessed {
  AccountId: string;
  Result: string;
}

const rejected = (reason: string): string => `The request is rejected because ${reason}.`;

/** Runs `work` for each account; it gives the reason when the account cannot be processed. */
async function each(
  accounts: readonly string[] | undefined,
  work: (account: string) => Promise<string | undefined>,
): Promise<{ UnprocessedAccounts: Unprocessed[] }> {
  const UnprocessedAccounts: Unprocessed[] = [];
  for (const AccountId of new Set(accounts)) {
    const reason = /^\d{12}$/.test(AccountId) ? await work(AccountId) : "an invalid account ID is specified";
    if (reason !== undefined) UnprocessedAccounts.push({ AccountId, Result: rejected(reason) });
  }
  return { UnprocessedAccounts };
}

const noMember = "the given account ID is not a member of the current account";

/** "Maximum number of items: 50." */
function requireFifty(accounts: readonly unknown[] | undefined): void {
  if (accounts === undefined || accounts.length === 0 || accounts.length > 50) throw invalidParameter("accountIds");
}

export async function createMembers(input: Input<"CreateMembers">, ctx: CallContext): Promise<Output<"CreateMembers">> {
  await requireDetector(ctx, input.DetectorId);
  requireFifty(input.AccountDetails);
  const emails = new Map((input.AccountDetails ?? []).map(({ AccountId, Email }) => [AccountId!, Email!]));
  const administrator = await administratorOf(ctx);
  const organization = await delegatedOrganization(ctx);
  return await each([...emails.keys()], async (account) => {
    if (administrator) {
      return "the current account cannot create members since it is already an associated member of another master account";
    }
    if (account === ctx.account) return "an account cannot become a member of itself";
    const before = await memberOf(ctx.state, ctx.account, account);
    if (before && before.status !== "Removed" && before.status !== "Resigned") {
      return "the given account ID is already a member or associated member of the current account";
    }
    if ((await ctx.identity.accountStatus(account)) === "UNKNOWN") return "the given account ID does not exist";
    const email = emails.get(account)!;
    const other = await linkOf(ctx.state, account);
    if (organization !== undefined && (await ctx.identity.organization(account))?.id === organization) {
      if (other && other.account !== ctx.account) {
        return "the given account ID is already an associated member of another master account";
      }
      await enableByOrganization(ctx.state, { account: ctx.account, region: ctx.region }, { account, email }, ctx);
      const asService = (at: { account: string; region: string }) => ctx.asService(servicePrincipal, at);
      await ctx.once(`role ${account}`, () =>
        ensureServiceRole(asService, servicePrincipal, { account, region: ctx.region }),
      );
      return undefined;
    }
    addMember(ctx.state, ctx.account, account, email, ctx.now);
    return undefined;
  });
}

export async function inviteMembers(input: Input<"InviteMembers">, ctx: CallContext): Promise<Output<"InviteMembers">> {
  await requireDetector(ctx, input.DetectorId);
  requireFifty(input.AccountIds);
  const administrator = await administratorOf(ctx);
  return await each(input.AccountIds, async (account) => {
    if (administrator) {
      return "the current account cannot invite other accounts because it is already a member of another master account";
    }
    if (account === ctx.account) return "the current account cannot invite itself";
    const member = await memberOf(ctx.state, ctx.account, account);
    if (!member) return noMember;
    if (member.status === "Invited" || member.status === "Enabled" || member.status === "Disabled") {
      return "the current account has already invited or is already the GuardDuty master of the given member account ID";
    }
    await invite(ctx.state, ctx.account, member, ctx);
    return undefined;
  });
}

async function shownMember(ctx: CallContext, member: Member) {
  const detector = isAssociated(member) ? await detectorOf(ctx.state, member.account) : undefined;
  return {
    AccountId: member.account,
    ...(detector ? { DetectorId: detector.id } : {}),
    MasterId: ctx.account,
    AdministratorId: ctx.account,
    Email: member.email,
    RelationshipStatus: member.status,
    ...(member.invitedAt === undefined ? {} : { InvitedAt: new Date(member.invitedAt).toISOString() }),
    UpdatedAt: new Date(member.updatedAt).toISOString(),
  };
}

const isAssociated = ({ status }: Member): boolean => status === "Enabled" || status === "Disabled";

export async function getMembers(input: Input<"GetMembers">, ctx: CallContext): Promise<Output<"GetMembers">> {
  await requireDetector(ctx, input.DetectorId);
  requireFifty(input.AccountIds);
  const Members: Awaited<ReturnType<typeof shownMember>>[] = [];
  const { UnprocessedAccounts } = await each(input.AccountIds, async (account) => {
    const member = await memberOf(ctx.state, ctx.account, account);
    if (!member) return noMember;
    Members.push(await shownMember(ctx, member));
    return undefined;
  });
  return { Members, UnprocessedAccounts };
}

export async function listMembers(input: Input<"ListMembers">, ctx: CallContext): Promise<Output<"ListMembers">> {
  await requireDetector(ctx, input.DetectorId);
  // "If onlyAssociated is set to false, the response includes all existing member accounts. The default is true."
  const only = (input.OnlyAssociated ?? "true").toLowerCase();
  if (only !== "true" && only !== "false") throw invalidParameter("onlyAssociated");
  const members = (await membersOf(ctx.state, ctx.account)).filter(
    (member) => only === "false" || isAssociated(member),
  );
  const { items, next } = pageOf(input, members);
  return { Members: await Promise.all(items.map((member) => shownMember(ctx, member))), ...next };
}

export async function disassociateMembers(
  input: Input<"DisassociateMembers">,
  ctx: CallContext,
): Promise<Output<"DisassociateMembers">> {
  await requireDetector(ctx, input.DetectorId);
  requireFifty(input.AccountIds);
  await requireNotAll(ctx, "disassociated");
  return await each(input.AccountIds, async (account) => {
    const member = await memberOf(ctx.state, ctx.account, account);
    if (!member) return noMember;
    await dissociate(ctx.state, ctx.account, member, "Removed", ctx.now);
    return undefined;
  });
}

export async function deleteMembers(input: Input<"DeleteMembers">, ctx: CallContext): Promise<Output<"DeleteMembers">> {
  await requireDetector(ctx, input.DetectorId);
  requireFifty(input.AccountIds);
  await requireNotAll(ctx, "deleted");
  return await each(input.AccountIds, async (account) => {
    const member = await memberOf(ctx.state, ctx.account, account);
    if (!member) return noMember;
    await dissociate(ctx.state, ctx.account, member, "Removed", ctx.now);
    ctx.state.delete(administrationTypes.member, account);
    return undefined;
  });
}

/** "With autoEnableOrganizationMembers configuration for your organization set to ALL, you'll receive an error." */
async function requireNotAll(ctx: CallContext, what: string): Promise<void> {
  const settings = await ctx.state.get<{ autoEnable: string }>(types.organization, types.organization);
  if (settings?.value.autoEnable === "ALL") {
    throw memberForbidden(`be ${what} while autoEnableOrganizationMembers is ALL`);
  }
}

export async function startMonitoringMembers(
  input: Input<"StartMonitoringMembers">,
  ctx: CallContext,
): Promise<Output<"StartMonitoringMembers">> {
  await requireDetector(ctx, input.DetectorId);
  requireFifty(input.AccountIds);
  return await each(input.AccountIds, (account) => monitor(ctx, account, true));
}

export async function stopMonitoringMembers(
  input: Input<"StopMonitoringMembers">,
  ctx: CallContext,
): Promise<Output<"StopMonitoringMembers">> {
  await requireDetector(ctx, input.DetectorId);
  requireFifty(input.AccountIds);
  await requireNotAll(ctx, "suspended");
  return await each(input.AccountIds, (account) => monitor(ctx, account, false));
}

async function monitor(ctx: CallContext, account: string, enabled: boolean): Promise<string | undefined> {
  const member = await memberOf(ctx.state, ctx.account, account);
  if (!member || !isAssociated(member)) return noMember;
  const detector = await detectorOf(ctx.state, account);
  if (!detector) return "the given account ID has no detector";
  const enabledAt = enabled && !detector.enabled ? ctx.now : detector.enabledAt;
  ctx.state.put<Detector>(
    types.detector,
    types.detector,
    { ...detector, enabled, enabledAt, updatedAt: ctx.now },
    { at: { account } },
  );
  // A member whose monitoring is suspended stays associated.
  putMember(ctx.state, ctx.account, { ...member, status: enabled ? "Enabled" : "Disabled", updatedAt: ctx.now });
  return undefined;
}

export async function getMemberDetectors(
  input: Input<"GetMemberDetectors">,
  ctx: CallContext,
): Promise<Output<"GetMemberDetectors">> {
  await requireDetector(ctx, input.DetectorId);
  requireFifty(input.AccountIds);
  const MemberDataSourceConfigurations: Output<"GetMemberDetectors">["MemberDataSourceConfigurations"] = [];
  const { UnprocessedAccounts } = await each(input.AccountIds, async (account) => {
    const detector = await memberDetector(ctx, account);
    if (!detector) return noMember;
    const features = detector.features.filter(({ name }) => isMemberFeature(name));
    MemberDataSourceConfigurations.push({
      AccountId: account,
      DataSources: shownDataSources(detector.features),
      Features: shownFeatures(features) as never,
    });
    return undefined;
  });
  return { MemberDataSourceConfigurations, UnprocessedAccounts };
}

/** Features that an organization may switch; the foundational ones and the analyst are not among them. */
const isMemberFeature = (name: string): boolean =>
  !["CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS", "AI_ANALYST"].includes(name);

async function memberDetector(ctx: CallContext, account: string): Promise<Detector | undefined> {
  const member = await memberOf(ctx.state, ctx.account, account);
  return member && isAssociated(member) ? await detectorOf(ctx.state, account) : undefined;
}

export async function updateMemberDetectors(
  input: Input<"UpdateMemberDetectors">,
  ctx: CallContext,
): Promise<Output<"UpdateMemberDetectors">> {
  await requireDetector(ctx, input.DetectorId);
  requireFifty(input.AccountIds);
  return await each(input.AccountIds, async (account) => {
    const detector = await memberDetector(ctx, account);
    if (!detector) return noMember;
    const features = changedFeatures(detector.features, input.Features, input.DataSources, ctx.now);
    ctx.state.put<Detector>(
      types.detector,
      types.detector,
      { ...detector, features, updatedAt: ctx.now },
      { at: { account } },
    );
    return undefined;
  });
}

/** Accounts whose detector is enabled, with the features they have. */
export async function enabledFeatures(ctx: CallContext, accounts: readonly string[]): Promise<Detector[]> {
  const detectors = await Promise.all(accounts.map((account) => detectorOf(ctx.state, account)));
  return detectors.filter((detector) => detector?.enabled === true).map((detector) => detector!);
}

export const hasS3 = (detector: Detector): boolean => isEnabled(detector.features, "S3_DATA_EVENTS");
