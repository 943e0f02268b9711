/**
 * IAM's default quotas. Source: IAM User Guide, "IAM and AWS STS quotas"; names as `GetAccountSummary` and
 * the texts of `LimitExceeded` use them.
 */
export const quotas = {
  usersPerAccount: 5000,
  groupsPerAccount: 300,
  rolesPerAccount: 1000,
  policiesPerAccount: 1500,
  instanceProfilesPerAccount: 1000,
  serverCertificatesPerAccount: 20,
  oidcProvidersPerAccount: 100,
  samlProvidersPerAccount: 100,
  groupsPerUser: 10,
  accessKeysPerUser: 2,
  mfaDevicesPerUser: 8,
  attachedPerUser: 10,
  attachedPerGroup: 10,
  attachedPerRole: 10,
  versionsPerPolicy: 5,
  versionsInUse: 10000,
  tags: 50,
  /** Characters without white space. */
  policySize: 6144,
  userPolicySize: 2048,
  groupPolicySize: 5120,
  rolePolicySize: 10240,
  trustPolicySize: 2048,
  clientIdsPerOidcProvider: 100,
  thumbprintsPerOidcProvider: 5,
  rolesPerInstanceProfile: 1,
  signingCertificatesPerUser: 2,
} as const;

/** AWS does not count white space against a policy's size. */
export function countedSize(document: string): number {
  return document.replace(/\s/g, "").length;
}
