/**
 * GuardDuty for a whole organization: the delegated administrator in each Region, and for which accounts it is enabled
 * by itself.
 * Source: GuardDuty API Reference; User Guide, "Managing GuardDuty accounts with AWS Organizations".
 */
import { AwsError } from "#kernel/errors.ts";
import { membersOf } from "#gateway/administration.ts";
import type { CallContext } from "#gateway/context.ts";
import { enrolmentTypes, organizationAccounts, scheduleSweep, type OrganizationAdmin } from "#gateway/enrolment.ts";
import { badRequest, invalidParameter } from "../errors.ts";
import { additionalNames, requireAvailable, type AdditionalName, type FeatureName } from "../features.ts";
import { detectorOf } from "../membership.ts";
import { noOrganizationPermission, requireDelegated } from "../organization.ts";
import { pageOf } from "../paging.ts";
import type { Input, Output } from "../sdk.ts";
import { requireDetector, servicePrincipal, types, type OrganizationSettings } from "../state.ts";
import { associatedMembers } from "../visibleFindings.ts";
import { newDetector } from "./detectors.ts";
import { enabledFeatures, hasS3 } from "./members.ts";

async function requireManagement(ctx: CallContext): Promise<void> {
  const organization = await ctx.identity.organization(ctx.account);
  if (organization?.managementAccount !== ctx.account) throw noOrganizationPermission();
}

const adminId = "administrator";

/** What is the case already is no failure. */
async function unless(code: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== code) throw error;
  }
}

export async function enableOrganizationAdminAccount(
  input: Input<"EnableOrganizationAdminAccount">,
  ctx: CallContext,
): Promise<Output<"EnableOrganizationAdminAccount">> {
  await requireManagement(ctx);
  const account = input.AdminAccountId!;
  if (!/^\d{12}$/.test(account)) throw invalidParameter("adminAccountId");
  const before = await ctx.state.get<OrganizationAdmin>(enrolmentTypes.admin, adminId);
  if (before && before.value.account !== account) {
    throw badRequest(
      "The request failed because another account is already enabled as GuardDuty delegated administrator for the organization.",
    );
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
  if (!(await detectorOf(ctx.state, account))) {
    ctx.state.put(types.detector, types.detector, newDetector(account, ctx.region, ctx), { at: { account } });
  }
  return {};
}

export async function disableOrganizationAdminAccount(
  input: Input<"DisableOrganizationAdminAccount">,
  ctx: CallContext,
): Promise<Output<"DisableOrganizationAdminAccount">> {
  await requireManagement(ctx);
  const account = input.AdminAccountId!;
  const admin = await ctx.state.get<OrganizationAdmin>(enrolmentTypes.admin, adminId);
  if (admin?.value.account !== account) {
    throw badRequest(
      "The request failed because the account ID is not the GuardDuty delegated administrator of the organization.",
    );
  }
  ctx.state.delete(enrolmentTypes.admin, adminId);
  ctx.state.delete(types.organization, types.organization, { at: { account }, version: "any" });
  // In another Region the account may go on administering: it is taken back in Organizations with the last one.
  const elsewhere = (await ctx.state.list<OrganizationAdmin>(enrolmentTypes.admin, {}, { region: "*" })).items.filter(
    ({ key, value }) => key.region !== ctx.region && value.account === account,
  );
  if (elsewhere.length === 0 && account !== ctx.account) {
    await ctx.once("deregister", () =>
      unless("AccountNotRegisteredException", () =>
        ctx.aws.organizations.DeregisterDelegatedAdministrator({
          AccountId: account,
          ServicePrincipal: servicePrincipal,
        }),
      ),
    );
  }
  return {};
}

export async function listOrganizationAdminAccounts(
  input: Input<"ListOrganizationAdminAccounts">,
  ctx: CallContext,
): Promise<Output<"ListOrganizationAdminAccounts">> {
  await requireManagement(ctx);
  const admin = await ctx.state.get<OrganizationAdmin>(enrolmentTypes.admin, adminId);
  const { items, next } = pageOf(input, admin ? [admin.value] : []);
  return {
    AdminAccounts: items.map(({ account }) => ({ AdminAccountId: account, AdminStatus: "ENABLED" as const })),
    ...next,
  };
}

const none: OrganizationSettings = { autoEnable: "NONE", features: {}, knownAccounts: [] };

async function settingsOf(ctx: CallContext): Promise<OrganizationSettings> {
  return (await ctx.state.get<OrganizationSettings>(types.organization, types.organization))?.value ?? none;
}

/** Features of an organization, in the order in which they are shown. */
const orgFeatures = [
  "S3_DATA_EVENTS",
  "EKS_AUDIT_LOGS",
  "EBS_MALWARE_PROTECTION",
  "RDS_LOGIN_EVENTS",
  "EKS_RUNTIME_MONITORING",
  "LAMBDA_NETWORK_LOGS",
  "RUNTIME_MONITORING",
] as const satisfies FeatureName[];

export async function describeOrganizationConfiguration(
  input: Input<"DescribeOrganizationConfiguration">,
  ctx: CallContext,
): Promise<Output<"DescribeOrganizationConfiguration">> {
  await requireDetector(ctx, input.DetectorId);
  await requireDelegated(ctx);
  const { autoEnable, features } = await settingsOf(ctx);
  const on = (name: FeatureName) => (features[name] ?? "NONE") !== "NONE";
  return {
    AutoEnable: autoEnable !== "NONE",
    AutoEnableOrganizationMembers: autoEnable,
    MemberAccountLimitReached: (await membersOf(ctx.state, ctx.account)).length >= mostMembers,
    DataSources: {
      S3Logs: { AutoEnable: on("S3_DATA_EVENTS") },
      Kubernetes: { AuditLogs: { AutoEnable: on("EKS_AUDIT_LOGS") } },
      MalwareProtection: { ScanEc2InstanceWithFindings: { EbsVolumes: { AutoEnable: on("EBS_MALWARE_PROTECTION") } } },
    },
    Features: orgFeatures.map((Name) => ({
      Name,
      AutoEnable: features[Name] ?? "NONE",
      // Parts of features that cannot be enabled are not enabled by themselves either.
      ...(Object.hasOwn(additionalNames, Name)
        ? { AdditionalConfiguration: additionalOf(Name).map((part) => ({ Name: part, AutoEnable: "NONE" as const })) }
        : {}),
    })),
  };
}

const additionalOf = (name: string): readonly AdditionalName[] => additionalNames[name as keyof typeof additionalNames];

/** "Member accounts by AWS Organizations: 50,000." Source: User Guide, "Amazon GuardDuty quotas". */
const mostMembers = 50_000;

export async function updateOrganizationConfiguration(
  input: Input<"UpdateOrganizationConfiguration">,
  ctx: CallContext,
): Promise<Output<"UpdateOrganizationConfiguration">> {
  await requireDetector(ctx, input.DetectorId);
  const { managementAccount } = await requireDelegated(ctx);
  const before = await settingsOf(ctx);
  const autoEnable = autoEnableOf(input, before);
  const features = { ...before.features, ...sentFeatures(input) };
  const becomesNew = autoEnable === "NEW" && before.autoEnable !== "NEW";
  const knownAccounts = becomesNew
    ? await ctx.once("accounts", async () =>
        (await organizationAccounts((at) => ctx.asService(servicePrincipal, at), managementAccount, ctx.region)).map(
          ({ account }) => account,
        ),
      )
    : before.knownAccounts;
  ctx.state.put<OrganizationSettings>(types.organization, types.organization, { autoEnable, features, knownAccounts });
  scheduleSweep(ctx.state, ctx.account, ctx.now);
  return {};
}

function autoEnableOf(
  input: Input<"UpdateOrganizationConfiguration">,
  before: OrganizationSettings,
): OrganizationSettings["autoEnable"] {
  const { AutoEnable, AutoEnableOrganizationMembers: wanted } = input;
  if (AutoEnable !== undefined && wanted !== undefined && AutoEnable !== (wanted !== "NONE")) {
    throw invalidParameter("autoEnable");
  }
  if (wanted !== undefined) return wanted;
  if (AutoEnable === undefined) return before.autoEnable;
  return AutoEnable ? (before.autoEnable === "NONE" ? "NEW" : before.autoEnable) : "NONE";
}

function sentFeatures({
  DataSources,
  Features,
}: Input<"UpdateOrganizationConfiguration">): Record<string, "ALL" | "NEW" | "NONE"> {
  if (DataSources !== undefined && Features !== undefined) throw invalidParameter("dataSources");
  const legacy: [FeatureName, boolean | undefined][] = [
    ["S3_DATA_EVENTS", DataSources?.S3Logs?.AutoEnable],
    ["EKS_AUDIT_LOGS", DataSources?.Kubernetes?.AuditLogs?.AutoEnable],
    ["EBS_MALWARE_PROTECTION", DataSources?.MalwareProtection?.ScanEc2InstanceWithFindings?.EbsVolumes?.AutoEnable],
  ];
  const sent: Record<string, "ALL" | "NEW" | "NONE"> = {};
  for (const [name, on] of legacy) if (on !== undefined) sent[name] = on ? "NEW" : "NONE";
  for (const { Name, AutoEnable } of Features ?? []) {
    if (!orgFeatures.some((feature) => feature === Name)) throw invalidParameter("features");
    sent[Name!] = AutoEnable ?? "NONE";
  }
  for (const [name, whom] of Object.entries(sent)) requireAvailable(name as FeatureName, whom !== "NONE");
  return sent;
}

export async function getOrganizationStatistics(
  _input: Input<"GetOrganizationStatistics">,
  ctx: CallContext,
): Promise<Output<"GetOrganizationStatistics">> {
  const { managementAccount } = await requireDelegated(ctx);
  const accounts = await ctx.once("accounts", () =>
    organizationAccounts((at) => ctx.asService(servicePrincipal, at), managementAccount, ctx.region),
  );
  const members = await associatedMembers(ctx);
  const enabled = await enabledFeatures(ctx, [ctx.account, ...members.map(({ account }) => account)]);
  return {
    OrganizationDetails: {
      UpdatedAt: new Date(ctx.now),
      OrganizationStatistics: {
        TotalAccountsCount: accounts.length,
        MemberAccountsCount: members.length,
        ActiveAccountsCount: members.filter(({ status }) => status === "Enabled").length,
        EnabledAccountsCount: enabled.length,
        CountByFeature: [{ Name: "S3_DATA_EVENTS", EnabledAccountsCount: enabled.filter(hasS3).length }],
      },
    },
  };
}
