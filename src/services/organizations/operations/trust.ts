/**
 * Whom the organization trusts: services with access, member accounts that administer a service, and the
 * resource policy that delegates the management of policies. `access.ts` is where it counts.
 * Source: AWS Organizations API Reference; User Guide, "Using AWS Organizations with other AWS services",
 * "Delegated administrator for AWS Organizations".
 */
import { keepPolicy, shownPolicy } from "#gateway/boundPolicy.ts";
import type { Accounts } from "#gateway/accounts.ts";
import { AwsError } from "#kernel/errors.ts";
import { base36Id } from "#kernel/ids.ts";
import { parsePolicy } from "#policy/parse.ts";
import { arns } from "../documents.ts";
import { constraint, fault, invalidInput } from "../errors.ts";
import { pageOf } from "../paging.ts";
import { quotas } from "../quotas.ts";
import { renderAccount } from "../render.ts";
import type { Operations } from "../sdk.ts";
import { callersOrganization, changeOrganization, type OrganizationState } from "../state.ts";
import { addTags } from "../tags.ts";

const servicePrincipal = /^[a-z0-9][a-z0-9.-]*\.amazonaws\.com(\.cn)?$/;

function requireServicePrincipal(name: string | undefined): string {
  if (!servicePrincipal.test(name ?? "")) {
    throw invalidInput("UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal.");
  }
  return name!;
}

function requireAllFeatures(organization: OrganizationState): void {
  if (organization.organization.featureSet === "ALL") return;
  throw constraint(
    "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
    "You attempted to perform an operation that requires an organization to be configured to support all features.",
  );
}

const delegationId = (account: string, service: string) => `${account}/${service}`;

async function delegations(organization: OrganizationState) {
  return organization.all("delegation");
}

/** What may be delegated: reading, and the management of policies. Source: User Guide, "Supported actions". */
const delegable =
  /^organizations:(\*|Describe[A-Za-z*]*|List[A-Za-z*]*|(Create|Update|Delete|Attach|Detach)Policy|(Enable|Disable)PolicyType|(Tag|Untag)Resource)$/i;

function checkResourcePolicy(content: string): void {
  if (content.length > quotas.resourcePolicyLength) {
    throw constraint("POLICY_CONTENT_LIMIT_EXCEEDED", "You have exceeded the maximum policy size.");
  }
  try {
    parsePolicy(content, "resource");
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw invalidInput("INVALID_RESOURCE_POLICY_JSON", error.message);
  }
  const statements = [JSON.parse(content).Statement].flat() as { Effect: string; Action?: string | string[] }[];
  for (const { Effect, Action } of statements) {
    const actions = Action === undefined ? ["*"] : [Action].flat();
    if (Effect === "Allow" && !actions.every((action) => delegable.test(action) && action !== "organizations:*")) {
      throw invalidInput(
        "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY",
        "The provided resource policy document includes an unsupported action.",
      );
    }
  }
}

export const trustOperations = (accounts: Accounts): Operations => ({
  async EnableAWSServiceAccess(input, ctx) {
    const organization = await changeOrganization(ctx);
    requireAllFeatures(organization);
    const service = requireServicePrincipal(input.ServicePrincipal);
    const before = await organization.get("serviceAccess", service);
    if (!before) organization.put("serviceAccess", service, { enabledAt: ctx.now });
    return {};
  },

  async DisableAWSServiceAccess(input, ctx) {
    const organization = await changeOrganization(ctx);
    organization.delete("serviceAccess", requireServicePrincipal(input.ServicePrincipal));
    return {};
  },

  async ListAWSServiceAccessForOrganization(input, ctx) {
    const organization = await callersOrganization(ctx);
    const enabled = await organization.documents("serviceAccess");
    const { items, next } = pageOf(input, enabled, ({ key }) => key.id);
    return {
      EnabledServicePrincipals: items.map(({ key, value }) => ({
        ServicePrincipal: key.id,
        DateEnabled: new Date(value.enabledAt),
      })),
      ...next,
    };
  },

  async RegisterDelegatedAdministrator(input, ctx) {
    const organization = await changeOrganization(ctx);
    requireAllFeatures(organization);
    const service = requireServicePrincipal(input.ServicePrincipal);
    const account = input.AccountId!;
    if (account === organization.organization.managementAccount) {
      throw constraint(
        "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
        "You cannot register master account/yourself as delegated administrator for your organization.",
      );
    }
    const member = await organization.get("member", account);
    if (!member) throw fault("AccountNotFoundException");
    if (member.closedAt !== undefined) {
      throw constraint(
        "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR",
        "You can't register a suspended account as a delegated administrator.",
      );
    }
    if (await organization.get("delegation", delegationId(account, service))) {
      throw fault("AccountAlreadyRegisteredException");
    }
    const registered = (await delegations(organization)).filter((row) => row.servicePrincipal === service);
    if (registered.length >= quotas.delegatedAdministratorsPerService) {
      throw constraint(
        "MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED",
        "You have exceeded the maximum number of delegated administrators for the service principal.",
      );
    }
    const row = { account, servicePrincipal: service, enabledAt: ctx.now };
    organization.put("delegation", delegationId(account, service), row);
    return {};
  },

  async DeregisterDelegatedAdministrator(input, ctx) {
    const organization = await changeOrganization(ctx);
    const service = requireServicePrincipal(input.ServicePrincipal);
    const account = input.AccountId!;
    if (!(await organization.get("member", account))) throw fault("AccountNotFoundException");
    const id = delegationId(account, service);
    if (!(await organization.get("delegation", id))) throw fault("AccountNotRegisteredException");
    organization.delete("delegation", id);
    return {};
  },

  async ListDelegatedAdministrators(input, ctx) {
    const organization = await callersOrganization(ctx);
    const since = new Map<string, number>();
    for (const { account, servicePrincipal: service, enabledAt } of await delegations(organization)) {
      if (input.ServicePrincipal !== undefined && service !== input.ServicePrincipal) continue;
      since.set(account, Math.min(since.get(account) ?? enabledAt, enabledAt));
    }
    const { items, next } = pageOf(input, [...since], ([account]) => account);
    const DelegatedAdministrators = await Promise.all(
      items.map(async ([account, enabledAt]) => {
        const member = (await organization.get("member", account))!;
        const record = await accounts.get(ctx.state, account);
        const { Paths: _paths, State: _state, ...shown } = await renderAccount(organization, member, record);
        return { ...shown, DelegationEnabledDate: new Date(enabledAt) };
      }),
    );
    return { DelegatedAdministrators, ...next };
  },

  async ListDelegatedServicesForAccount(input, ctx) {
    const organization = await callersOrganization(ctx);
    if (!(await organization.get("member", input.AccountId!))) throw fault("AccountNotFoundException");
    const own = (await delegations(organization)).filter(({ account }) => account === input.AccountId);
    if (own.length === 0) throw fault("AccountNotRegisteredException");
    const { items, next } = pageOf(input, own, (row) => row.servicePrincipal);
    return {
      DelegatedServices: items.map((row) => ({
        ServicePrincipal: row.servicePrincipal,
        DelegationEnabledDate: new Date(row.enabledAt),
      })),
      ...next,
    };
  },

  async PutResourcePolicy(input, ctx) {
    const organization = await changeOrganization(ctx);
    requireAllFeatures(organization);
    const content = input.Content!;
    checkResourcePolicy(content);
    const before = await organization.get("resourcePolicy", "resourcePolicy");
    const id = before?.id ?? base36Id("rp-", 8, ctx.random);
    const kept = await keepPolicy(ctx.identity, content, () =>
      invalidInput("INVALID_PRINCIPAL", "The provided resource policy document names a principal that does not exist."),
    );
    organization.put("resourcePolicy", "resourcePolicy", { id, ...kept });
    await addTags(organization, id, input.Tags);
    return { ResourcePolicy: rendered(organization, id, content) };
  },

  async DescribeResourcePolicy(_input, ctx) {
    const organization = await callersOrganization(ctx);
    const policy = await organization.get("resourcePolicy", "resourcePolicy");
    if (!policy) throw fault("ResourcePolicyNotFoundException");
    const content = await shownPolicy(ctx.identity, policy.policy, policy.boundPolicy);
    return { ResourcePolicy: rendered(organization, policy.id, content) };
  },

  async DeleteResourcePolicy(_input, ctx) {
    const organization = await changeOrganization(ctx);
    const policy = await organization.get("resourcePolicy", "resourcePolicy");
    if (!policy) throw fault("ResourcePolicyNotFoundException");
    organization.delete("resourcePolicy", "resourcePolicy");
    organization.delete("tags", policy.id);
    return {};
  },
});

function rendered(organization: OrganizationState, Id: string, Content: string) {
  return { ResourcePolicySummary: { Id, Arn: arns.resourcePolicy(organization.organization, Id) }, Content };
}
