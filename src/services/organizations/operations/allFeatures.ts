/**
 * From consolidated billing to all features: the management account asks, every invited account approves, the
 * management account confirms. Accounts that the organization created need not be asked.
 * Source: AWS Organizations User Guide, "Enabling all features for an organization with AWS Organizations".
 */
import type { Accounts } from "#gateway/accounts.ts";
import { base36Id } from "#kernel/ids.ts";
import { fault, handshakeConstraint } from "../errors.ts";
import { quotas } from "../quotas.ts";
import { handshakeState, renderHandshake } from "../render.ts";
import type { Ctx, Operations } from "../sdk.ts";
import { changeOrganization, putHandshake, type HandshakeRecord, type OrganizationState } from "../state.ts";
import { managementRecord } from "./organization.ts";

/** The request that is under way. */
export async function openMigration(
  organization: OrganizationState,
  now: number,
): Promise<HandshakeRecord | undefined> {
  return (await organization.all("handshake")).find(
    (handshake) => handshake.action === "ENABLE_ALL_FEATURES" && handshakeState(handshake, now) === "OPEN",
  );
}

export async function approvals(organization: OrganizationState, parent: string): Promise<HandshakeRecord[]> {
  return (await organization.all("handshake")).filter((handshake) => handshake.parent === parent);
}

/** Confirms a request that everybody approved. @throws InvalidHandshakeTransitionException */
export async function finishMigration(organization: OrganizationState, handshake: HandshakeRecord): Promise<void> {
  const asked = await approvals(organization, handshake.id);
  if (asked.some(({ state }) => state !== "ACCEPTED")) throw fault("InvalidHandshakeTransitionException");
  organization.put("organization", "organization", { ...organization.organization, featureSet: "ALL" });
}

export const allFeatureOperations = (accounts: Accounts): Operations => ({
  async EnableAllFeatures(_input, ctx) {
    const organization = await changeOrganization(ctx);
    if (organization.organization.featureSet === "ALL") {
      throw handshakeConstraint(
        "ORGANIZATION_ALREADY_HAS_ALL_FEATURES",
        "The handshake request is invalid because the organization has already enabled all features.",
      );
    }
    if (await openMigration(organization, ctx.now)) {
      throw handshakeConstraint(
        "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION",
        "The handshake request is invalid because the organization has already started the process to enable all features.",
      );
    }
    const { managementAccount } = organization.organization;
    const request = ask(ctx, organization, managementAccount, "ENABLE_ALL_FEATURES");
    for (const { account, joinedMethod } of await organization.all("member")) {
      if (joinedMethod === "INVITED" && account !== managementAccount) {
        ask(ctx, organization, account, "APPROVE_ALL_FEATURES", request.id);
      }
    }
    const management = await managementRecord(ctx, accounts, organization);
    return { Handshake: renderHandshake(organization, management, request, ctx.now) };
  },
});

function ask(
  ctx: Ctx,
  organization: OrganizationState,
  account: string,
  action: HandshakeRecord["action"],
  parent?: string,
): HandshakeRecord {
  const handshake: HandshakeRecord = {
    id: base36Id("h-", 16, ctx.random),
    action,
    account,
    target: { type: "ACCOUNT", id: account },
    tags: [],
    state: "OPEN",
    requestedAt: ctx.now,
    expiresAt: ctx.now + quotas.migrationMs,
    ...(parent === undefined ? {} : { parent }),
  };
  putHandshake(organization, handshake);
  return handshake;
}
