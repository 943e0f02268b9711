/** Documents as the API shows them. */
import type { Handshake } from "@aws-sdk/client-organizations";
import type { AccountRecord } from "#gateway/accounts.ts";
import {
  arns,
  type AccountRequest,
  type ControlPolicy,
  type HandshakeRecord,
  type Member,
  type Unit,
} from "./documents.ts";
import { defaultPolicyArn, policyTypes, type PolicyTypeName } from "./policyTypes.ts";
import type { OrganizationState } from "./state.ts";

export function policyTypeList(organization: OrganizationState) {
  return organization.organization.policyTypes.map((Type) => ({ Type, Status: "ENABLED" as const }));
}

export function renderOrganization(organization: OrganizationState, management: AccountRecord) {
  const { id, managementAccount, featureSet } = organization.organization;
  return {
    Id: id,
    Arn: arns.organization(organization.organization),
    FeatureSet: featureSet,
    MasterAccountArn: arns.account(organization.organization, managementAccount),
    MasterAccountId: managementAccount,
    MasterAccountEmail: management.email,
    // "Do not use. This field is deprecated and doesn't provide complete information about the policies."
    AvailablePolicyTypes:
      featureSet === "ALL" ? [{ Type: "SERVICE_CONTROL_POLICY" as const, Status: "ENABLED" as const }] : [],
  };
}

export function renderRoot(organization: OrganizationState) {
  const { rootId } = organization.organization;
  return {
    Id: rootId,
    Arn: arns.root(organization.organization, rootId),
    Name: "Root",
    PolicyTypes: policyTypeList(organization),
  };
}

/** `o-…/r-…/ou-…/`, with the account's id at its end where it is an account's. */
export function pathOf(organization: OrganizationState, lineage: readonly string[], account?: string): string {
  return [organization.organization.id, ...lineage, ...(account === undefined ? [] : [account]), ""].join("/");
}

export function renderUnit(organization: OrganizationState, unit: Unit, lineage: readonly string[]) {
  const Arn = arns.unit(organization.organization, unit.id);
  return { Id: unit.id, Arn, Name: unit.name, Path: pathOf(organization, lineage) };
}

/** Name and address are those of the account as it stands today. */
export async function renderAccount(
  organization: OrganizationState,
  member: Member,
  record: AccountRecord | undefined,
) {
  const status = record?.status ?? "SUSPENDED";
  return {
    Id: member.account,
    Arn: arns.account(organization.organization, member.account),
    Email: record?.email,
    Name: record?.name,
    Status: status,
    State: status,
    Paths: [pathOf(organization, await organization.lineage(member.parent), member.account)],
    JoinedMethod: member.joinedMethod,
    JoinedTimestamp: new Date(member.joinedAt),
  };
}

export function renderAccountRequest(request: AccountRequest) {
  return {
    Id: request.id,
    AccountName: request.accountName,
    State: request.state,
    RequestedTimestamp: new Date(request.requestedAt),
    CompletedTimestamp: new Date(request.completedAt),
    ...(request.account === undefined ? {} : { AccountId: request.account }),
    ...(request.failureReason === undefined ? {} : { FailureReason: request.failureReason }),
  };
}

export function renderPolicy(organization: OrganizationState, policy: ControlPolicy) {
  const Arn = arns.policy(organization.organization, policy.type, policy.id);
  const { id: Id, name: Name, description: Description, type: Type } = policy;
  return { Id, Arn, Name, Description, Type, AwsManaged: false };
}

export function renderDefaultPolicy(organization: OrganizationState, type: PolicyTypeName) {
  const { id: Id, name: Name, description: Description } = policyTypes[type].default;
  const Arn = defaultPolicyArn(organization.organization.partition, type);
  return { Id, Arn, Name, Description, Type: type, AwsManaged: true };
}

export function handshakeState(handshake: HandshakeRecord, now: number) {
  return handshake.state === "OPEN" && handshake.expiresAt <= now ? "EXPIRED" : handshake.state;
}

export function renderHandshake(
  organization: OrganizationState,
  management: AccountRecord,
  handshake: HandshakeRecord,
  now: number,
): Handshake {
  const { id, featureSet } = organization.organization;
  return {
    Id: handshake.id,
    Arn: arns.handshake(organization.organization, handshake.id, handshake.action),
    Parties: [
      { Id: id, Type: "ORGANIZATION" as const },
      { Id: handshake.target.id, Type: handshake.target.type },
    ],
    State: handshakeState(handshake, now),
    RequestedTimestamp: new Date(handshake.requestedAt),
    ExpirationTimestamp: new Date(handshake.expiresAt),
    Action: handshake.action,
    Resources: [
      {
        Type: "ORGANIZATION" as const,
        Value: id,
        Resources: [
          { Type: "MASTER_EMAIL" as const, Value: management.email },
          { Type: "MASTER_NAME" as const, Value: management.name },
          { Type: "ORGANIZATION_FEATURE_SET" as const, Value: featureSet },
        ],
      },
      { Type: handshake.target.type, Value: handshake.target.id },
      ...(handshake.parent === undefined ? [] : [{ Type: "PARENT_HANDSHAKE" as const, Value: handshake.parent }]),
      ...(handshake.notes === undefined ? [] : [{ Type: "NOTES" as const, Value: handshake.notes }]),
    ],
  };
}
