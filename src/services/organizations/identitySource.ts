/**
 * Organizations' part of the gateway's identity source: where an account stands, and the control policies from the
 * root of its organization down to it. Source: AWS Organizations User Guide, "SCP evaluation", "RCP evaluation".
 *
 * INVARIANT: a policy that ought to be there and cannot be found refuses everything: it might have denied.
 */
import type { IdentitySource, NamedPolicy } from "#gateway/identity.ts";
import { UnitOfWork } from "#gateway/state.ts";
import type { Logger } from "#kernel/log.ts";
import type { Store } from "#store/contract.ts";
import { FollowedCache } from "#store/followedCache.ts";
import { arns } from "./documents.ts";
import { defaultPolicyArn, defaultPolicyType, policyTypes, type PolicyTypeName } from "./policyTypes.ts";
import { pathOf } from "./render.ts";
import { attachedPolicies, membershipOf, openOrganization, scopeOf, type OrganizationState } from "./state.ts";

/** By level, root of the organization first. */
type Levels = readonly (readonly NamedPolicy[])[];

interface Standing {
  organization: { id: string; path: string; managementAccount: string };
  serviceControl?: Levels;
  resourceControl?: Levels;
}

export interface OrganizationIdentity extends Pick<IdentitySource, "organization" | "resourceControl"> {
  /** `undefined` for the management account, outside organizations, and while the policy type is switched off. */
  serviceControl(account: string): Promise<Levels | undefined>;
  close(): void;
}

/** Documents that bind nobody. */
const irrelevant = new Set([
  "accountRequest",
  "closure",
  "handshake",
  "invitation",
  "delegation",
  "serviceAccess",
  "tags",
]);
const missing = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Deny", Action: "*", Resource: "*" }],
});

export function createOrganizationIdentity(options: {
  store: Store;
  log: Logger;
  monotonic?: () => number;
}): OrganizationIdentity {
  const { store, log, monotonic = () => performance.now() } = options;
  const cache = new FollowedCache({
    store,
    log,
    monotonic,
    what: "organizations",
    // Changes are rare, and one at the root is everybody's.
    stale: ({ key }) => (key.service === "organizations" && !irrelevant.has(key.type) ? "everything" : undefined),
  });
  const standings = cache.shelf<Standing | "alone">("standing");

  const standing = (account: string): Promise<Standing | "alone"> =>
    cache.through(
      standings,
      account,
      () => load(store, account),
      (value) => ({ account, value }),
    );
  const inOrganization = (found: Standing | "alone"): Standing | undefined => (found === "alone" ? undefined : found);

  return {
    organization: async (account) => inOrganization(await standing(account))?.organization,
    serviceControl: async (account) => inOrganization(await standing(account))?.serviceControl,
    resourceControl: async (account) => inOrganization(await standing(account))?.resourceControl,
    close: () => cache.close(),
  };
}

async function load(store: Store, account: string): Promise<Standing | "alone"> {
  const state = new UnitOfWork(store, scopeOf(account), noEvents);
  const membership = await membershipOf(state, account);
  if (!membership) return "alone";
  const { managementAccount } = membership;
  const organization = await openOrganization(state, managementAccount);
  const member = await organization.get("member", account);
  if (!member) {
    // It may have left between the two reads; nothing else explains it, and then nothing is decided.
    if (await membershipOf(new UnitOfWork(store, scopeOf(account), noEvents), account)) {
      throw new Error(`account ${account} is no member of ${organization.organization.id}`);
    }
    return "alone";
  }
  const lineage = await organization.lineage(member.parent);
  const found: Standing = {
    organization: {
      id: organization.organization.id,
      path: pathOf(organization, lineage),
      managementAccount,
    },
  };
  // "SCPs don't affect users or roles in the management account"; RCPs don't affect its resources.
  if (account === managementAccount) return found;
  const targets = [...lineage, account];
  if (organization.isEnabled("SERVICE_CONTROL_POLICY")) {
    found.serviceControl = await levels(organization, targets, "SERVICE_CONTROL_POLICY");
  }
  if (organization.isEnabled("RESOURCE_CONTROL_POLICY")) {
    found.resourceControl = await levels(organization, targets, "RESOURCE_CONTROL_POLICY");
  }
  return found;
}

function noEvents(): never {
  throw new Error("reading emits no events");
}

function levels(organization: OrganizationState, targets: readonly string[], type: PolicyTypeName): Promise<Levels> {
  return Promise.all(
    targets.map(async (target) => {
      const ids = attachedPolicies((await organization.get("attachments", target)) ?? {}, type);
      return Promise.all(ids.map((id) => named(organization, type, id)));
    }),
  );
}

async function named(organization: OrganizationState, type: PolicyTypeName, id: string): Promise<NamedPolicy> {
  if (defaultPolicyType(id)) {
    const { partition } = organization.organization;
    return { name: defaultPolicyArn(partition, type), document: policyTypes[type].default.content };
  }
  const policy = await organization.get("policy", id);
  const name = arns.policy(organization.organization, type, id);
  return { name, document: policy?.content ?? missing };
}
