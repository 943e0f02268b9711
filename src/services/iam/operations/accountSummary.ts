/** Counts and quotas of the account. Source: IAM API reference, GetAccountSummary; keys as recorded from AWS. */
import { quotas } from "../quotas.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState } from "../state.ts";

const present = (is: boolean) => (is ? 1 : 0);

export const accountSummary = {
  async GetAccountSummary(_input, ctx) {
    const state = iamState(ctx);
    const [root, users, groups, roles, profiles, policies, devices, certificates, oidc, saml] = await Promise.all([
      state.get("root", "root"),
      state.count("user"),
      state.count("group"),
      state.count("role"),
      state.count("instanceProfile"),
      state.all("policy"),
      state.all("mfaDevice"),
      state.count("serverCertificate"),
      state.count("oidcProvider"),
      state.count("samlProvider"),
    ]);
    const listed = devices.filter((device) => !device.value.retired);
    return {
      SummaryMap: {
        AccessKeysPerUserQuota: quotas.accessKeysPerUser,
        AccountAccessKeysPresent: present((root?.accessKeys.length ?? 0) > 0),
        AccountMFAEnabled: present((root?.mfa.length ?? 0) > 0),
        AccountPasswordPresent: present(root?.password !== undefined),
        AccountSigningCertificatesPresent: 0,
        AssumeRolePolicySizeQuota: quotas.trustPolicySize,
        AttachedPoliciesPerGroupQuota: quotas.attachedPerGroup,
        AttachedPoliciesPerRoleQuota: quotas.attachedPerRole,
        AttachedPoliciesPerUserQuota: quotas.attachedPerUser,
        GlobalEndpointTokenVersion: 1,
        GroupPolicySizeQuota: quotas.groupPolicySize,
        Groups: groups,
        GroupsPerUserQuota: quotas.groupsPerUser,
        GroupsQuota: quotas.groupsPerAccount,
        InstanceProfiles: profiles,
        InstanceProfilesQuota: quotas.instanceProfilesPerAccount,
        MFADevices: listed.length,
        MFADevicesInUse: listed.filter((device) => device.value.owner !== undefined).length,
        Policies: policies.length,
        PoliciesQuota: quotas.policiesPerAccount,
        PolicySizeQuota: quotas.policySize,
        PolicyVersionsInUse: policies.reduce((sum, policy) => sum + policy.value.versions.length, 0),
        PolicyVersionsInUseQuota: quotas.versionsInUse,
        Providers: oidc + saml,
        RolePolicySizeQuota: quotas.rolePolicySize,
        Roles: roles,
        RolesQuota: quotas.rolesPerAccount,
        ServerCertificates: certificates,
        ServerCertificatesQuota: quotas.serverCertificatesPerAccount,
        SigningCertificatesPerUserQuota: quotas.signingCertificatesPerUser,
        UserPolicySizeQuota: quotas.userPolicySize,
        Users: users,
        UsersQuota: quotas.usersPerAccount,
        VersionsPerPolicyQuota: quotas.versionsPerPolicy,
      },
    };
  },
} satisfies IamHandlers;
