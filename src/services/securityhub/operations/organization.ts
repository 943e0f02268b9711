/** The delegated administrator of an organization, and for which accounts the hub is enabled by itself. Source: API Reference. */
import { AwsError } from "#kernel/errors.ts";
import { membersOf } from "#gateway/administration.ts";
import type { CallContext } from "#gateway/context.ts";
import { enrolmentTypes, organizationAccounts, scheduleSweep, type OrganizationAdmin } from "#gateway/enrolment.ts";
import { accessDenied, conflict, invalidAccess, invalidInput, notFound, unavailable } from "../errors.ts";
import { newHub, putHub, subscribeAll } from "../hub.ts";
import { isDelegated } from "../organization.ts";
import type { HubHandlers } from "../sdk.ts";
import { hubOf, requireHub, servicePrincipal, types, type OrganizationSettings } from "../state.ts";

const adminId = "administrator";
/** Source: Security Hub User Guide, "Quotas": member accounts with AWS Organizations. */
const mostMembers = 11_000;

export const organizationHandlers: HubHandlers = {
  /** Enables Security Hub for the administrator too, where it is not enabled. */
  async EnableOrganizationAdminAccount(input, ctx) {
    await requireManagement(ctx);
    const account = input.AdminAccountId!;
    if (input.Feature === "SecurityHubV2") throw unavailable("Security Hub V2", "its own operations");
    if (!/^\d{12}$/.test(account)) throw invalidInput("Invalid parameter 'AdminAccountId'");
    const before = await ctx.state.get<OrganizationAdmin>(enrolmentTypes.admin, adminId);
    if (before && before.value.account !== account) {
      throw conflict(`The account ${before.value.account} is already the Security Hub administrator`);
    }
    await ctx.once("delegate", async () => {
      const { organizations } = ctx.aws;
      await organizations.EnableAWSServiceAccess({ ServicePrincipal: servicePrincipal });
      // The management account administers without being registered.
      if (account === ctx.account) return;
      await unless("AccountAlreadyRegisteredException", () =>
        organizations.RegisterDelegatedAdministrator({ AccountId: account, ServicePrincipal: servicePrincipal }),
      );
    });
    ctx.state.put<OrganizationAdmin>(enrolmentTypes.admin, adminId, { account });
    const place = { account, region: ctx.region };
    if (!(await hubOf(ctx.state, place))) {
      putHub(ctx.state, newHub(place, ctx.now));
      subscribeAll(ctx.state, place);
    }
    return { AdminAccountId: account };
  },

  async DisableOrganizationAdminAccount(input, ctx) {
    await requireManagement(ctx);
    const account = input.AdminAccountId!;
    const admin = await ctx.state.get<OrganizationAdmin>(enrolmentTypes.admin, adminId);
    if (admin?.value.account !== account)
      throw notFound(`The account ${account} is not the Security Hub administrator`);
    ctx.state.delete(enrolmentTypes.admin, adminId);
    ctx.state.delete(types.organization, types.organization, { at: { account }, version: "any" });
    // In another Region the account may go on administering: it is taken back in Organizations with the last one.
    const { items } = await ctx.state.list<OrganizationAdmin>(enrolmentTypes.admin, {}, { region: "*" });
    const elsewhere = items.some(({ key, value }) => key.region !== ctx.region && value.account === account);
    if (!elsewhere && account !== ctx.account) {
      const gone = { AccountId: account, ServicePrincipal: servicePrincipal };
      await ctx.once("deregister", () =>
        unless("AccountNotRegisteredException", () => ctx.aws.organizations.DeregisterDelegatedAdministrator(gone)),
      );
    }
    return {};
  },

  async ListOrganizationAdminAccounts(_input, ctx) {
    await requireManagement(ctx);
    const admin = await ctx.state.get<OrganizationAdmin>(enrolmentTypes.admin, adminId);
    return { AdminAccounts: admin ? [{ AccountId: admin.value.account, Status: "ENABLED" as const }] : [] };
  },

  async DescribeOrganizationConfiguration(_input, ctx) {
    await requireDelegated(ctx);
    const { autoEnable } = await settingsOf(ctx);
    return {
      AutoEnable: autoEnable,
      // No standard is enabled in an account that joins.
      AutoEnableStandards: "NONE" as const,
      MemberAccountLimitReached: (await membersOf(ctx.state, ctx.account)).length >= mostMembers,
      OrganizationConfiguration: { ConfigurationType: "LOCAL" as const, Status: "ENABLED" as const },
    };
  },

  /** New accounts: those that were not in the organization when it was set. */
  async UpdateOrganizationConfiguration(input, ctx) {
    await requireDelegated(ctx);
    if (input.OrganizationConfiguration?.ConfigurationType === "CENTRAL") {
      throw unavailable("Central configuration", "security standards, which need AWS Config");
    }
    if ((input.AutoEnableStandards ?? "NONE") !== "NONE") {
      throw unavailable(
        `AutoEnableStandards ${input.AutoEnableStandards}`,
        "security standards, which need AWS Config",
      );
    }
    const before = await settingsOf(ctx);
    const autoEnable = input.AutoEnable!;
    const knownAccounts = autoEnable && !before.autoEnable ? await accountsNow(ctx) : before.knownAccounts;
    ctx.state.put<OrganizationSettings>(types.organization, types.organization, { autoEnable, knownAccounts });
    scheduleSweep(ctx.state, ctx.account, ctx.now);
    return {};
  },
};

async function requireManagement(ctx: CallContext): Promise<void> {
  const organization = await ctx.identity.organization(ctx.account);
  if (organization?.managementAccount !== ctx.account) {
    throw accessDenied("The request failed because you must be the management account of an organization");
  }
}

async function requireDelegated(ctx: CallContext): Promise<void> {
  await requireHub(ctx);
  if (!(await isDelegated(ctx))) {
    throw invalidAccess(`Account ${ctx.account} is not an administrator for this organization`);
  }
}

async function settingsOf(ctx: CallContext): Promise<OrganizationSettings> {
  const found = await ctx.state.get<OrganizationSettings>(types.organization, types.organization);
  return found?.value ?? { autoEnable: false, knownAccounts: [] };
}

async function accountsNow(ctx: CallContext): Promise<string[]> {
  const { managementAccount } = (await ctx.identity.organization(ctx.account))!;
  const asService = (at: { account: string; region: string }) => ctx.asService(servicePrincipal, at);
  const accounts = await ctx.once("accounts", () => organizationAccounts(asService, managementAccount, ctx.region));
  return accounts.map(({ account }) => account);
}

/** What is the case already is no failure. */
async function unless(code: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== code) throw error;
  }
}
