/**
 * What each operation asks of authorization. The management account decides by its own identity policies. A member
 * account needs besides them that the management account lets it in: as a delegated administrator (to read), or
 * by the organization's resource policy. A service needs trusted access.
 * Sources: Service Authorization Reference, "Actions, resources, and condition keys for AWS Organizations"; API
 * Reference ("can be called only from the organization's management account or by a member account that is a
 * delegated administrator for an AWS service").
 */
import { attachedPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import type { NamedPolicy } from "#gateway/identity.ts";
import type { Access, AccessOf } from "#gateway/service.ts";
import { arns, kindOf } from "./documents.ts";
import { fault } from "./errors.ts";
import { defaultPolicyArn, defaultPolicyType } from "./policyTypes.ts";
import type { Sdk } from "./sdk.ts";
import { membershipOf, openOrganization, type OrganizationState, type Tag } from "./state.ts";

interface Asked {
  /** Ids of the resources; none: the action has no resource. */
  ids?: readonly (string | undefined)[];
  policyType?: string | undefined;
  servicePrincipal?: string | undefined;
  tags?: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined;
  tagKeys?: readonly string[] | undefined;
}

/** Of the account itself: any account may, whatever its place in an organization. */
function ofOneself(action: string) {
  return (): Access => ({ action: `organizations:${action}`, resource: "*" });
}

function ofTheOrganization<I>(action: string, describe: (input: I) => Asked = () => ({})) {
  return async (input: I, ctx: CallContext): Promise<Access[]> => {
    const asked = describe(input);
    const membership = await membershipOf(ctx.state, ctx.account);
    const organization = membership && (await openOrganization(ctx.state, membership.managementAccount));
    const context = requestKeys(asked);
    const foreign = organization && (await letIn(ctx, organization));
    const resources = organization ? await resourcesOf(organization, asked.ids ?? []) : [];
    return (resources.length > 0 ? resources : [{ arn: "*", tags: [] }]).map(({ arn, tags }) => ({
      action: `organizations:${action}`,
      resource: arn,
      ...foreign,
      context: { ...context, ...Object.fromEntries(tags.map(({ Key, Value }) => [`aws:ResourceTag/${Key}`, Value])) },
    }));
  };
}

function requestKeys({ policyType, servicePrincipal, tags, tagKeys }: Asked): NonNullable<Access["context"]> {
  const keys = tagKeys ?? tags?.map(({ Key }) => Key ?? "");
  return {
    ...(policyType === undefined ? {} : { "organizations:PolicyType": policyType }),
    ...(servicePrincipal === undefined ? {} : { "organizations:ServicePrincipal": servicePrincipal }),
    ...Object.fromEntries((tags ?? []).map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value ?? ""])),
    ...(keys && keys.length > 0 ? { "aws:TagKeys": keys } : {}),
  };
}

const readActions = ["organizations:Describe*", "organizations:List*"];

/** On what grounds somebody outside the management account may be let in; `undefined` for the management account. */
async function letIn(ctx: CallContext, organization: OrganizationState): Promise<Partial<Access> | undefined> {
  const { managementAccount } = organization.organization;
  const { principal } = ctx;
  if (ctx.account === managementAccount && principal.kind !== "service") return undefined;
  const grounds: NamedPolicy[] = [];
  if (principal.kind === "service") {
    if (await organization.get("serviceAccess", principal.service)) {
      grounds.push(reading("trusted access", { Service: principal.service }));
    }
  } else {
    const policy = await organization.get("resourcePolicy", "resourcePolicy");
    grounds.push(...attachedPolicy("resource policy of the organization", policy));
    const delegated = (await organization.documents("delegation")).some(({ value }) => value.account === ctx.account);
    if (delegated) grounds.push(reading("delegated administrator", { AWS: ctx.account }));
  }
  return {
    resourceAccount: managementAccount,
    resourcePolicies: grounds,
    onDenied: () => fault("AccessDeniedException"),
  };
}

function reading(name: string, principal: object): NamedPolicy {
  const statement = { Effect: "Allow", Principal: principal, Action: readActions, Resource: "*" };
  return { name, document: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }) };
}

async function resourcesOf(
  organization: OrganizationState,
  ids: readonly (string | undefined)[],
): Promise<{ arn: string; tags: Tag[] }[]> {
  const found: { arn: string; tags: Tag[] }[] = [];
  for (const id of ids) {
    if (id === undefined) continue;
    const tags = (await organization.get("tags", id))?.tags ?? [];
    found.push({ arn: await arnOf(organization, id), tags });
  }
  return found;
}

/** ARN of anything with an id. What does not exist is asked about by its form, so that nobody learns whether it does. */
async function arnOf(organization: OrganizationState, id: string): Promise<string> {
  const o = organization.organization;
  const kind = kindOf(id);
  if (kind !== undefined) return arns[kind](o, id);
  if (id.startsWith("h-")) return arns.handshake(o, id, (await organization.get("handshake", id))?.action ?? "INVITE");
  if (id.startsWith("rp-")) return arns.resourcePolicy(o, id);
  const standard = defaultPolicyType(id);
  if (standard) return defaultPolicyArn(o.partition, standard);
  const policy = await organization.get("policy", id);
  return arns.policy(o, policy?.type ?? "SERVICE_CONTROL_POLICY", id);
}

const none = () => ({});

export const access: AccessOf<Sdk> = {
  AcceptHandshake: ofOneself("AcceptHandshake"),
  CreateOrganization: ofOneself("CreateOrganization"),
  DeclineHandshake: ofOneself("DeclineHandshake"),
  DescribeHandshake: ofOneself("DescribeHandshake"),
  DescribeOrganization: ofOneself("DescribeOrganization"),
  LeaveOrganization: ofOneself("LeaveOrganization"),
  ListHandshakesForAccount: ofOneself("ListHandshakesForAccount"),

  AttachPolicy: ofTheOrganization("AttachPolicy", (input) => ({ ids: [input.PolicyId, input.TargetId] })),
  CancelHandshake: ofTheOrganization("CancelHandshake", (input) => ({ ids: [input.HandshakeId] })),
  CloseAccount: ofTheOrganization("CloseAccount", (input) => ({ ids: [input.AccountId] })),
  CreateAccount: ofTheOrganization("CreateAccount", (input) => ({ tags: input.Tags })),
  CreateOrganizationalUnit: ofTheOrganization("CreateOrganizationalUnit", (input) => ({
    ids: [input.ParentId],
    tags: input.Tags,
  })),
  CreatePolicy: ofTheOrganization("CreatePolicy", (input) => ({ policyType: input.Type, tags: input.Tags })),
  DeleteOrganization: ofTheOrganization("DeleteOrganization", none),
  DeleteOrganizationalUnit: ofTheOrganization("DeleteOrganizationalUnit", (input) => ({
    ids: [input.OrganizationalUnitId],
  })),
  DeletePolicy: ofTheOrganization("DeletePolicy", (input) => ({ ids: [input.PolicyId] })),
  DeleteResourcePolicy: ofTheOrganization("DeleteResourcePolicy", none),
  DeregisterDelegatedAdministrator: ofTheOrganization("DeregisterDelegatedAdministrator", (input) => ({
    ids: [input.AccountId],
    servicePrincipal: input.ServicePrincipal,
  })),
  DescribeAccount: ofTheOrganization("DescribeAccount", (input) => ({ ids: [input.AccountId] })),
  DescribeCreateAccountStatus: ofTheOrganization("DescribeCreateAccountStatus", none),
  DescribeOrganizationalUnit: ofTheOrganization("DescribeOrganizationalUnit", (input) => ({
    ids: [input.OrganizationalUnitId],
  })),
  DescribePolicy: ofTheOrganization("DescribePolicy", (input) => ({ ids: [input.PolicyId] })),
  DescribeResourcePolicy: ofTheOrganization("DescribeResourcePolicy", none),
  DetachPolicy: ofTheOrganization("DetachPolicy", (input) => ({ ids: [input.PolicyId, input.TargetId] })),
  DisableAWSServiceAccess: ofTheOrganization("DisableAWSServiceAccess", (input) => ({
    servicePrincipal: input.ServicePrincipal,
  })),
  DisablePolicyType: ofTheOrganization("DisablePolicyType", (input) => ({
    ids: [input.RootId],
    policyType: input.PolicyType,
  })),
  EnableAllFeatures: ofTheOrganization("EnableAllFeatures", none),
  EnableAWSServiceAccess: ofTheOrganization("EnableAWSServiceAccess", (input) => ({
    servicePrincipal: input.ServicePrincipal,
  })),
  EnablePolicyType: ofTheOrganization("EnablePolicyType", (input) => ({
    ids: [input.RootId],
    policyType: input.PolicyType,
  })),
  InviteAccountToOrganization: ofTheOrganization("InviteAccountToOrganization", (input) => ({ tags: input.Tags })),
  ListAWSServiceAccessForOrganization: ofTheOrganization("ListAWSServiceAccessForOrganization", none),
  ListAccounts: ofTheOrganization("ListAccounts", none),
  ListAccountsForParent: ofTheOrganization("ListAccountsForParent", (input) => ({ ids: [input.ParentId] })),
  ListChildren: ofTheOrganization("ListChildren", (input) => ({ ids: [input.ParentId] })),
  ListCreateAccountStatus: ofTheOrganization("ListCreateAccountStatus", none),
  ListDelegatedAdministrators: ofTheOrganization("ListDelegatedAdministrators", (input) => ({
    servicePrincipal: input.ServicePrincipal,
  })),
  ListDelegatedServicesForAccount: ofTheOrganization("ListDelegatedServicesForAccount", (input) => ({
    ids: [input.AccountId],
  })),
  ListHandshakesForOrganization: ofTheOrganization("ListHandshakesForOrganization", none),
  ListOrganizationalUnitsForParent: ofTheOrganization("ListOrganizationalUnitsForParent", (input) => ({
    ids: [input.ParentId],
  })),
  ListParents: ofTheOrganization("ListParents", (input) => ({ ids: [input.ChildId] })),
  ListPolicies: ofTheOrganization("ListPolicies", (input) => ({ policyType: input.Filter })),
  ListPoliciesForTarget: ofTheOrganization("ListPoliciesForTarget", (input) => ({
    ids: [input.TargetId],
    policyType: input.Filter,
  })),
  ListRoots: ofTheOrganization("ListRoots", none),
  ListTagsForResource: ofTheOrganization("ListTagsForResource", (input) => ({ ids: [input.ResourceId] })),
  ListTargetsForPolicy: ofTheOrganization("ListTargetsForPolicy", (input) => ({ ids: [input.PolicyId] })),
  MoveAccount: ofTheOrganization("MoveAccount", (input) => ({
    ids: [input.AccountId, input.SourceParentId, input.DestinationParentId],
  })),
  PutResourcePolicy: ofTheOrganization("PutResourcePolicy", (input) => ({ tags: input.Tags })),
  RegisterDelegatedAdministrator: ofTheOrganization("RegisterDelegatedAdministrator", (input) => ({
    ids: [input.AccountId],
    servicePrincipal: input.ServicePrincipal,
  })),
  RemoveAccountFromOrganization: ofTheOrganization("RemoveAccountFromOrganization", (input) => ({
    ids: [input.AccountId],
  })),
  TagResource: ofTheOrganization("TagResource", (input) => ({ ids: [input.ResourceId], tags: input.Tags })),
  UntagResource: ofTheOrganization("UntagResource", (input) => ({ ids: [input.ResourceId], tagKeys: input.TagKeys })),
  UpdateOrganizationalUnit: ofTheOrganization("UpdateOrganizationalUnit", (input) => ({
    ids: [input.OrganizationalUnitId],
  })),
  UpdatePolicy: ofTheOrganization("UpdatePolicy", (input) => ({ ids: [input.PolicyId] })),
};
