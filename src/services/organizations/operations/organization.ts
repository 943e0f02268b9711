/** The organization itself. Source: AWS Organizations API Reference. */
import type { AccountRecord, Accounts } from "#gateway/accounts.ts";
import { base36Id } from "#kernel/ids.ts";
import { fault, invalidInput } from "../errors.ts";
import { pageOf } from "../paging.ts";
import { isAvailable } from "../policyTypes.ts";
import { policyTypeList, renderOrganization, renderRoot } from "../render.ts";
import type { Ctx, Operations } from "../sdk.ts";
import {
  callersOrganization,
  changeOf,
  changeOrganization,
  deleteMembership,
  membershipOf,
  putMembership,
  scopeOf,
  type DocumentType,
  type Organization,
  type OrganizationState,
} from "../state.ts";

/** Everything that goes with its organization; the management account's own documents. */
const owned: readonly DocumentType[] = [
  "unit",
  "member",
  "policy",
  "attachments",
  "accountRequest",
  "closure",
  "handshake",
  "delegation",
  "serviceAccess",
  "resourcePolicy",
  "tags",
];

export async function managementRecord(
  ctx: Ctx,
  accounts: Accounts,
  organization: OrganizationState,
): Promise<AccountRecord> {
  const record = await accounts.get(ctx.state, organization.organization.managementAccount);
  if (!record) throw new Error("the management account is not registered");
  return record;
}

export const organizationOperations = (accounts: Accounts): Operations => ({
  async CreateOrganization(input, ctx) {
    if (await membershipOf(ctx.state, ctx.account)) throw fault("AlreadyInOrganizationException");
    const rootId = base36Id("r-", 4, ctx.random);
    const organization: Organization = {
      id: base36Id("o-", 10, ctx.random),
      managementAccount: ctx.account,
      featureSet: input.FeatureSet ?? "ALL",
      rootId,
      partition: ctx.partition,
      createdAt: ctx.now,
      policyTypes: [],
    };
    putMembership(ctx.state, ctx.account, { organization: organization.id, managementAccount: ctx.account });
    ctx.state.put("organization", "organization", organization, { version: 0, at: scopeOf(ctx.account) });
    const opened = await changeOf(ctx.state, ctx.account);
    opened.put("member", ctx.account, {
      account: ctx.account,
      parent: rootId,
      joinedMethod: "INVITED",
      joinedAt: ctx.now,
    });
    return { Organization: renderOrganization(opened, await managementRecord(ctx, accounts, opened)) };
  },

  async DescribeOrganization(_input, ctx) {
    const organization = await callersOrganization(ctx);
    return { Organization: renderOrganization(organization, await managementRecord(ctx, accounts, organization)) };
  },

  async DeleteOrganization(_input, ctx) {
    const organization = await changeOrganization(ctx);
    const { managementAccount } = organization.organization;
    const members = await organization.all("member");
    if (members.some(({ account }) => account !== managementAccount)) throw fault("OrganizationNotEmptyException");
    for (const type of owned) {
      for (const { key } of await organization.documents(type)) organization.delete(type, key.id);
    }
    organization.delete("organization", "organization");
    deleteMembership(ctx.state, managementAccount);
    return {};
  },

  async ListRoots(input, ctx) {
    const organization = await callersOrganization(ctx);
    const { items, next } = pageOf(input, [renderRoot(organization)], ({ Id }) => Id);
    return { Roots: items, ...next };
  },

  async EnablePolicyType(input, ctx) {
    const organization = await changeOrganization(ctx);
    requireRoot(organization, input.RootId);
    const type = input.PolicyType!;
    if (!isAvailable(type) || organization.organization.featureSet !== "ALL") {
      throw fault("PolicyTypeNotAvailableForOrganizationException");
    }
    if (organization.isEnabled(type)) throw fault("PolicyTypeAlreadyEnabledException");
    organization.organization.policyTypes.push(type);
    organization.put("organization", "organization", organization.organization);
    return { Root: { ...renderRoot(organization), PolicyTypes: policyTypeList(organization) } };
  },

  /** "All policies of that type are automatically detached from all entities in that root." */
  async DisablePolicyType(input, ctx) {
    const organization = await changeOrganization(ctx);
    requireRoot(organization, input.RootId);
    const type = input.PolicyType!;
    if (!isAvailable(type) || !organization.isEnabled(type)) throw fault("PolicyTypeNotEnabledException");
    const { policyTypes } = organization.organization;
    policyTypes.splice(policyTypes.indexOf(type), 1);
    organization.put("organization", "organization", organization.organization);
    for (const { key, value } of await organization.documents("attachments")) {
      const { [type]: _detached, ...rest } = value;
      organization.put("attachments", key.id, rest);
    }
    return { Root: renderRoot(organization) };
  },
});

function requireRoot(organization: OrganizationState, id: string | undefined): void {
  if (!/^r-[0-9a-z]{4,32}$/.test(id ?? "")) throw invalidInput("INVALID_PATTERN");
  if (id !== organization.organization.rootId) throw fault("RootNotFoundException");
}
