/**
 * Security Hub for a whole organization: who administers it in a Region, and who joins by itself.
 * Source: Security Hub User Guide, "Managing Security Hub for multiple accounts with AWS Organizations".
 */
import { joinByOrganization, linkOf, memberOf, type Moment } from "#gateway/administration.ts";
import type { CallContext, JobContext, State } from "#gateway/context.ts";
import {
  enrolmentTypes,
  type Enrolment,
  type OrganizationAccount,
  type OrganizationAdmin,
} from "#gateway/enrolment.ts";
import { newHub, putHub, subscribeAll } from "./hub.ts";
import { hubOf, serviceId, servicePrincipal, types, type OrganizationSettings, type Place } from "./state.ts";

/** Whether the caller's account administers Security Hub for its organization in the Region. */
export async function isDelegated(ctx: CallContext): Promise<boolean> {
  const organization = await ctx.identity.organization(ctx.account);
  if (!organization) return false;
  const at = { account: organization.managementAccount };
  const admin = await ctx.state.get<OrganizationAdmin>(enrolmentTypes.admin, "administrator", at);
  return admin?.value.account === ctx.account;
}

/** An account of the organization becomes a member, with a hub where it has none. */
export async function joinHub(
  state: State,
  administrator: Place,
  { account, email }: OrganizationAccount,
  moment: Moment,
): Promise<void> {
  const place = { account, region: administrator.region };
  if (!(await hubOf(state, place))) {
    putHub(state, newHub(place, moment.now));
    subscribeAll(state, place);
  }
  await joinByOrganization(state, administrator.account, { account, email }, moment);
}

export const enrolment: Enrolment = {
  service: serviceId,
  principal: servicePrincipal,
  async join(state: State, at: Place, account: OrganizationAccount, ctx: JobContext) {
    const settings = await state.get<OrganizationSettings>(types.organization, types.organization);
    if (!settings?.value.autoEnable || settings.value.knownAccounts.includes(account.account)) return;
    // An account that another administrator has, or that was removed on purpose, is left alone.
    if (await memberOf(state, at.account, account.account)) return;
    const link = await linkOf(state, account.account);
    if (link && link.account !== at.account) return;
    await joinHub(state, at, account, { now: ctx.clock.now(), random: ctx.random });
  },
};
