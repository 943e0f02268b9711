/**
 * What each operation asks of authorization.
 * Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access
 * Management (IAM)".
 */
import type { CallContext } from "#gateway/context.ts";
import type { Access, Input } from "#gateway/service.ts";
import {
  ask,
  askBoth,
  askList,
  askAny,
  askedBoundary,
  itsBoundary,
  listPolicies,
  namedArn,
  newResource,
  policyArn,
  policyArnAndBoundary,
  requestTagKeys,
  requestTags,
  theGroup,
  theInstanceProfile,
  theMfaDevice,
  theOidcProvider,
  thePolicy,
  theRole,
  theSamlProvider,
  theServerCertificate,
  theUser,
  withTags,
} from "./accessTargets.ts";
import { entityById, keyOf } from "./entities.ts";
import type { IamAccess, Sdk } from "./sdk.ts";
import { serviceLinkedRoles } from "./serviceLinkedRoles.ts";
import { iamState } from "./state.ts";

/**
 * A user may change its own password when a policy says so, or when the account's password policy does
 * (AllowUsersToChangePassword). The latter acts like a policy on the user, so that an explicit deny still wins.
 */
async function changePassword(_input: unknown, ctx: CallContext): Promise<Access> {
  const access = await ask("ChangePassword", theUser)({}, ctx);
  const policy = await iamState(ctx).get("passwordPolicy", "policy");
  if (!policy?.usersMayChange || ctx.principal.kind !== "user") return access;
  const document = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { AWS: ctx.principal.arn },
        Action: "iam:ChangePassword",
        Resource: access.resource,
      },
    ],
  });
  return { ...access, trust: "either", resourcePolicies: [{ name: "account password policy", document }] };
}

/** The key's owner; unknown keys are asked about as any resource. */
async function accessKeyOwner(input: { AccessKeyId: string | undefined }, ctx: CallContext): Promise<Access> {
  const state = iamState(ctx);
  const key = await state.get("accessKey", input.AccessKeyId!);
  const user = key ? await entityById(state, "user", key.owner) : undefined;
  return { action: "iam:GetAccessKeyLastUsed", resource: user?.arn ?? "*" };
}

interface Renaming {
  old: string;
  name: string | undefined;
  path: string | undefined;
}

/** "The requester must have appropriate permissions on both the source object and the target object." */
function renamed<I>(
  action: string,
  resource: string,
  kind: "user" | "group" | "serverCertificate",
  read: (input: I) => Renaming,
) {
  return async (input: I, ctx: CallContext): Promise<Access | undefined> => {
    const { old, name, path } = read(input);
    if (path === undefined && name === undefined) return undefined;
    const current = await iamState(ctx).get(kind, keyOf(old));
    const newPath = path ?? current?.path ?? "/";
    return {
      action: `iam:${action}`,
      resource: `arn:${ctx.partition}:iam::${ctx.account}:${resource}${newPath}${name ?? old}`,
    };
  };
}

function passToEc2(input: { RoleName: string | undefined }, ctx: CallContext): Promise<Access> {
  return ask("PassRole", theRole, () => ({ "iam:PassedToService": "ec2.amazonaws.com" }))(input, ctx);
}

interface ServiceLinkedInput {
  AWSServiceName: string | undefined;
  CustomSuffix?: string | undefined;
}

/** A service makes its own role, in an account that its organization has given it to look after; no other's. */
async function createServiceLinkedRole(input: ServiceLinkedInput, ctx: CallContext): Promise<Access> {
  const service = input.AWSServiceName!;
  const access = await ask("CreateServiceLinkedRole", serviceLinkedRole, () => ({ "iam:AWSServiceName": service }))(
    input,
    ctx,
  );
  if (ctx.principal.kind !== "service" || ctx.principal.service !== service) return access;
  const { action: Action, resource: Resource } = access;
  const own = { Effect: "Allow", Principal: { Service: service }, Action, Resource };
  const document = JSON.stringify({ Version: "2012-10-17", Statement: [own] });
  return { ...access, resourcePolicies: [{ name: "the service's own role", document }] };
}

function namedArnOf<I>(arnOf: (input: I, ctx: CallContext) => string) {
  return async (input: I, ctx: CallContext) => ({ arn: arnOf(input, ctx), tags: [] });
}

const serviceLinkedRole = namedArnOf((input: ServiceLinkedInput, ctx) => {
  const name =
    (Object.hasOwn(serviceLinkedRoles, input.AWSServiceName!) ? serviceLinkedRoles[input.AWSServiceName!]! : undefined)
      ?.roleName ?? "AWSServiceRole";
  const suffix = input.CustomSuffix === undefined ? "" : `_${input.CustomSuffix}`;
  return `arn:${ctx.partition}:iam::${ctx.account}:role/aws-service-role/${input.AWSServiceName}/${name}${suffix}`;
});

/** `task/aws-service-role/{principal}/{role}/{uuid}` */
const deletionTaskRole = namedArnOf((input: { DeletionTaskId: string | undefined }, ctx) => {
  const role = input.DeletionTaskId!.split("/").slice(1, -1).join("/");
  return `arn:${ctx.partition}:iam::${ctx.account}:role/${role}`;
});

/** Providers have no path. */
function newNamed<I>(resource: string, name: (input: I) => string | undefined) {
  return namedArnOf((input: I, ctx) => `arn:${ctx.partition}:iam::${ctx.account}:${resource}/${name(input) ?? ""}`);
}

type NewUser = Input<Sdk, "CreateUser">;
type UpdateUser = Input<Sdk, "UpdateUser">;
type NewGroup = Input<Sdk, "CreateGroup">;
type UpdateGroup = Input<Sdk, "UpdateGroup">;
type NewRole = Input<Sdk, "CreateRole">;
type NewInstanceProfile = Input<Sdk, "CreateInstanceProfile">;
type NewPolicy = Input<Sdk, "CreatePolicy">;
type NewMfaDevice = Input<Sdk, "CreateVirtualMFADevice">;
type NewOidcProvider = Input<Sdk, "CreateOpenIDConnectProvider">;
type NewSamlProvider = Input<Sdk, "CreateSAMLProvider">;
type NewServerCertificate = Input<Sdk, "UploadServerCertificate">;
type UpdateServerCertificate = Input<Sdk, "UpdateServerCertificate">;
type ByArn = { Arn: string | undefined };
type BySource = { PolicySourceArn: string | undefined };

export const access = {
  // Users
  CreateUser: withTags(
    "TagUser",
    ask(
      "CreateUser",
      newResource("user", (input: NewUser) => input.UserName),
      (input) => ({ ...requestTags(input), ...askedBoundary(input) }),
    ),
  ),
  GetUser: ask("GetUser", theUser),
  ListUsers: askList("ListUsers", "user"),
  UpdateUser: askBoth(
    ask("UpdateUser", theUser),
    renamed("UpdateUser", "user", "user", (input: UpdateUser) => ({
      old: input.UserName!,
      name: input.NewUserName,
      path: input.NewPath,
    })),
  ),
  DeleteUser: ask("DeleteUser", theUser),
  TagUser: ask("TagUser", theUser, requestTags),
  UntagUser: ask("UntagUser", theUser, requestTagKeys),
  ListUserTags: ask("ListUserTags", theUser),
  AttachUserPolicy: ask("AttachUserPolicy", theUser, policyArnAndBoundary),
  DetachUserPolicy: ask("DetachUserPolicy", theUser, policyArnAndBoundary),
  ListAttachedUserPolicies: ask("ListAttachedUserPolicies", theUser),
  PutUserPolicy: ask("PutUserPolicy", theUser, itsBoundary),
  GetUserPolicy: ask("GetUserPolicy", theUser),
  DeleteUserPolicy: ask("DeleteUserPolicy", theUser, itsBoundary),
  ListUserPolicies: ask("ListUserPolicies", theUser),
  PutUserPermissionsBoundary: ask("PutUserPermissionsBoundary", theUser, askedBoundary),
  DeleteUserPermissionsBoundary: ask("DeleteUserPermissionsBoundary", theUser, itsBoundary),
  ListGroupsForUser: ask("ListGroupsForUser", theUser),

  // Credentials of users and of root
  CreateAccessKey: ask("CreateAccessKey", theUser),
  ListAccessKeys: ask("ListAccessKeys", theUser),
  UpdateAccessKey: ask("UpdateAccessKey", theUser),
  DeleteAccessKey: ask("DeleteAccessKey", theUser),
  GetAccessKeyLastUsed: accessKeyOwner,
  CreateLoginProfile: ask("CreateLoginProfile", theUser),
  GetLoginProfile: ask("GetLoginProfile", theUser),
  UpdateLoginProfile: ask("UpdateLoginProfile", theUser),
  DeleteLoginProfile: ask("DeleteLoginProfile", theUser),
  ChangePassword: changePassword,
  CreateVirtualMFADevice: withTags(
    "TagMFADevice",
    ask(
      "CreateVirtualMFADevice",
      newResource("mfa", (input: NewMfaDevice) => input.VirtualMFADeviceName),
      requestTags,
    ),
  ),
  DeleteVirtualMFADevice: ask("DeleteVirtualMFADevice", theMfaDevice),
  EnableMFADevice: ask("EnableMFADevice", theUser),
  DeactivateMFADevice: ask("DeactivateMFADevice", theUser),
  ResyncMFADevice: ask("ResyncMFADevice", theUser),
  ListMFADevices: ask("ListMFADevices", theUser),
  GetMFADevice: ask("GetMFADevice", theUser),
  ListVirtualMFADevices: askList("ListVirtualMFADevices", "mfa"),
  TagMFADevice: ask("TagMFADevice", theMfaDevice, requestTags),
  UntagMFADevice: ask("UntagMFADevice", theMfaDevice, requestTagKeys),
  ListMFADeviceTags: ask("ListMFADeviceTags", theMfaDevice),
  ListSSHPublicKeys: ask("ListSSHPublicKeys", theUser),
  ListSigningCertificates: ask("ListSigningCertificates", theUser),
  ListServiceSpecificCredentials: ask("ListServiceSpecificCredentials", theUser),

  // Groups
  CreateGroup: ask(
    "CreateGroup",
    newResource("group", (input: NewGroup) => input.GroupName),
  ),
  GetGroup: ask("GetGroup", theGroup),
  ListGroups: askList("ListGroups", "group"),
  UpdateGroup: askBoth(
    ask("UpdateGroup", theGroup),
    renamed("UpdateGroup", "group", "group", (input: UpdateGroup) => ({
      old: input.GroupName!,
      name: input.NewGroupName,
      path: input.NewPath,
    })),
  ),
  DeleteGroup: ask("DeleteGroup", theGroup),
  AddUserToGroup: ask("AddUserToGroup", theGroup),
  RemoveUserFromGroup: ask("RemoveUserFromGroup", theGroup),
  AttachGroupPolicy: ask("AttachGroupPolicy", theGroup, policyArn),
  DetachGroupPolicy: ask("DetachGroupPolicy", theGroup, policyArn),
  ListAttachedGroupPolicies: ask("ListAttachedGroupPolicies", theGroup),
  PutGroupPolicy: ask("PutGroupPolicy", theGroup),
  GetGroupPolicy: ask("GetGroupPolicy", theGroup),
  DeleteGroupPolicy: ask("DeleteGroupPolicy", theGroup),
  ListGroupPolicies: ask("ListGroupPolicies", theGroup),

  // Roles
  CreateRole: withTags(
    "TagRole",
    ask(
      "CreateRole",
      newResource("role", (input: NewRole) => input.RoleName),
      (input) => ({ ...requestTags(input), ...askedBoundary(input) }),
    ),
  ),
  GetRole: ask("GetRole", theRole),
  ListRoles: askList("ListRoles", "role"),
  UpdateRole: ask("UpdateRole", theRole, itsBoundary),
  UpdateRoleDescription: ask("UpdateRoleDescription", theRole, itsBoundary),
  UpdateAssumeRolePolicy: ask("UpdateAssumeRolePolicy", theRole, itsBoundary),
  DeleteRole: ask("DeleteRole", theRole, itsBoundary),
  TagRole: ask("TagRole", theRole, requestTags),
  UntagRole: ask("UntagRole", theRole, requestTagKeys),
  ListRoleTags: ask("ListRoleTags", theRole),
  AttachRolePolicy: ask("AttachRolePolicy", theRole, policyArnAndBoundary),
  DetachRolePolicy: ask("DetachRolePolicy", theRole, policyArnAndBoundary),
  ListAttachedRolePolicies: ask("ListAttachedRolePolicies", theRole),
  PutRolePolicy: ask("PutRolePolicy", theRole, itsBoundary),
  GetRolePolicy: ask("GetRolePolicy", theRole),
  DeleteRolePolicy: ask("DeleteRolePolicy", theRole, itsBoundary),
  ListRolePolicies: ask("ListRolePolicies", theRole),
  PutRolePermissionsBoundary: ask("PutRolePermissionsBoundary", theRole, askedBoundary),
  DeleteRolePermissionsBoundary: ask("DeleteRolePermissionsBoundary", theRole, itsBoundary),
  CreateServiceLinkedRole: createServiceLinkedRole,
  DeleteServiceLinkedRole: ask("DeleteServiceLinkedRole", theRole),
  GetServiceLinkedRoleDeletionStatus: ask("GetServiceLinkedRoleDeletionStatus", deletionTaskRole),

  // Instance profiles
  CreateInstanceProfile: withTags(
    "TagInstanceProfile",
    ask(
      "CreateInstanceProfile",
      newResource("instance-profile", (input: NewInstanceProfile) => input.InstanceProfileName),
      requestTags,
    ),
  ),
  GetInstanceProfile: ask("GetInstanceProfile", theInstanceProfile),
  ListInstanceProfiles: askList("ListInstanceProfiles", "instance-profile"),
  ListInstanceProfilesForRole: ask("ListInstanceProfilesForRole", theRole),
  DeleteInstanceProfile: ask("DeleteInstanceProfile", theInstanceProfile),
  AddRoleToInstanceProfile: askBoth(ask("AddRoleToInstanceProfile", theInstanceProfile), passToEc2),
  RemoveRoleFromInstanceProfile: ask("RemoveRoleFromInstanceProfile", theInstanceProfile),
  TagInstanceProfile: ask("TagInstanceProfile", theInstanceProfile, requestTags),
  UntagInstanceProfile: ask("UntagInstanceProfile", theInstanceProfile, requestTagKeys),
  ListInstanceProfileTags: ask("ListInstanceProfileTags", theInstanceProfile),

  // Managed policies
  CreatePolicy: withTags(
    "TagPolicy",
    ask(
      "CreatePolicy",
      newResource("policy", (input: NewPolicy) => input.PolicyName),
      requestTags,
    ),
  ),
  GetPolicy: ask("GetPolicy", thePolicy),
  ListPolicies: listPolicies,
  DeletePolicy: ask("DeletePolicy", thePolicy),
  CreatePolicyVersion: ask("CreatePolicyVersion", thePolicy),
  GetPolicyVersion: ask("GetPolicyVersion", thePolicy),
  ListPolicyVersions: ask("ListPolicyVersions", thePolicy),
  SetDefaultPolicyVersion: ask("SetDefaultPolicyVersion", thePolicy),
  DeletePolicyVersion: ask("DeletePolicyVersion", thePolicy),
  ListEntitiesForPolicy: ask("ListEntitiesForPolicy", thePolicy),
  TagPolicy: ask("TagPolicy", thePolicy, requestTags),
  UntagPolicy: ask("UntagPolicy", thePolicy, requestTagKeys),
  ListPolicyTags: ask("ListPolicyTags", thePolicy),

  // Identity providers
  CreateOpenIDConnectProvider: withTags(
    "TagOpenIDConnectProvider",
    ask(
      "CreateOpenIDConnectProvider",
      newNamed("oidc-provider", (input: NewOidcProvider) => input.Url?.replace(/^https:\/\//, "")),
      requestTags,
    ),
  ),
  GetOpenIDConnectProvider: ask("GetOpenIDConnectProvider", theOidcProvider),
  ListOpenIDConnectProviders: askAny("ListOpenIDConnectProviders"),
  DeleteOpenIDConnectProvider: ask("DeleteOpenIDConnectProvider", theOidcProvider),
  AddClientIDToOpenIDConnectProvider: ask("AddClientIDToOpenIDConnectProvider", theOidcProvider),
  RemoveClientIDFromOpenIDConnectProvider: ask("RemoveClientIDFromOpenIDConnectProvider", theOidcProvider),
  UpdateOpenIDConnectProviderThumbprint: ask("UpdateOpenIDConnectProviderThumbprint", theOidcProvider),
  TagOpenIDConnectProvider: ask("TagOpenIDConnectProvider", theOidcProvider, requestTags),
  UntagOpenIDConnectProvider: ask("UntagOpenIDConnectProvider", theOidcProvider, requestTagKeys),
  ListOpenIDConnectProviderTags: ask("ListOpenIDConnectProviderTags", theOidcProvider),
  CreateSAMLProvider: withTags(
    "TagSAMLProvider",
    ask(
      "CreateSAMLProvider",
      newNamed("saml-provider", (input: NewSamlProvider) => input.Name),
      requestTags,
    ),
  ),
  GetSAMLProvider: ask("GetSAMLProvider", theSamlProvider),
  ListSAMLProviders: askAny("ListSAMLProviders"),
  UpdateSAMLProvider: ask("UpdateSAMLProvider", theSamlProvider),
  DeleteSAMLProvider: ask("DeleteSAMLProvider", theSamlProvider),
  TagSAMLProvider: ask("TagSAMLProvider", theSamlProvider, requestTags),
  UntagSAMLProvider: ask("UntagSAMLProvider", theSamlProvider, requestTagKeys),
  ListSAMLProviderTags: ask("ListSAMLProviderTags", theSamlProvider),

  // Server certificates
  UploadServerCertificate: withTags(
    "TagServerCertificate",
    ask(
      "UploadServerCertificate",
      newResource("server-certificate", (input: NewServerCertificate) => input.ServerCertificateName),
      requestTags,
    ),
  ),
  GetServerCertificate: ask("GetServerCertificate", theServerCertificate),
  ListServerCertificates: askList("ListServerCertificates", "server-certificate"),
  UpdateServerCertificate: askBoth(
    ask("UpdateServerCertificate", theServerCertificate),
    renamed("UpdateServerCertificate", "server-certificate", "serverCertificate", (input: UpdateServerCertificate) => ({
      old: input.ServerCertificateName!,
      name: input.NewServerCertificateName,
      path: input.NewPath,
    })),
  ),
  DeleteServerCertificate: ask("DeleteServerCertificate", theServerCertificate),
  TagServerCertificate: ask("TagServerCertificate", theServerCertificate, requestTags),
  UntagServerCertificate: ask("UntagServerCertificate", theServerCertificate, requestTagKeys),
  ListServerCertificateTags: ask("ListServerCertificateTags", theServerCertificate),

  // The account
  CreateAccountAlias: askAny("CreateAccountAlias"),
  DeleteAccountAlias: askAny("DeleteAccountAlias"),
  ListAccountAliases: askAny("ListAccountAliases"),
  EnableOutboundWebIdentityFederation: askAny("EnableOutboundWebIdentityFederation"),
  DisableOutboundWebIdentityFederation: askAny("DisableOutboundWebIdentityFederation"),
  GetOutboundWebIdentityFederationInfo: askAny("GetOutboundWebIdentityFederationInfo"),
  GetAccountSummary: askAny("GetAccountSummary"),
  GetAccountAuthorizationDetails: askAny("GetAccountAuthorizationDetails"),
  UpdateAccountPasswordPolicy: askAny("UpdateAccountPasswordPolicy"),
  GetAccountPasswordPolicy: askAny("GetAccountPasswordPolicy"),
  DeleteAccountPasswordPolicy: askAny("DeleteAccountPasswordPolicy"),
  GenerateCredentialReport: askAny("GenerateCredentialReport"),
  GetCredentialReport: askAny("GetCredentialReport"),

  // Access advisor and simulation
  GenerateServiceLastAccessedDetails: ask(
    "GenerateServiceLastAccessedDetails",
    namedArn((input: ByArn) => input.Arn),
  ),
  GetServiceLastAccessedDetails: askAny("GetServiceLastAccessedDetails"),
  GetServiceLastAccessedDetailsWithEntities: askAny("GetServiceLastAccessedDetailsWithEntities"),
  ListPoliciesGrantingServiceAccess: ask(
    "ListPoliciesGrantingServiceAccess",
    namedArn((input: ByArn) => input.Arn),
  ),
  SimulateCustomPolicy: askAny("SimulateCustomPolicy"),
  GetContextKeysForCustomPolicy: askAny("GetContextKeysForCustomPolicy"),
  SimulatePrincipalPolicy: ask(
    "SimulatePrincipalPolicy",
    namedArn((input: BySource) => input.PolicySourceArn),
  ),
  GetContextKeysForPrincipalPolicy: ask(
    "GetContextKeysForPrincipalPolicy",
    namedArn((input: BySource) => input.PolicySourceArn),
  ),
} satisfies IamAccess;
