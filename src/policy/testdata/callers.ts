/** The principals the decision table speaks of, by short names. Accounts: 111122223333 is home, 444455556666 foreign. */
import type { Principal } from "../principal.ts";

export const home = "111122223333";
export const foreign = "444455556666";

const session = { issuedAt: Date.UTC(2026, 0, 1) };

export const callers = {
  user: {
    kind: "user",
    account: home,
    arn: `arn:aws:iam::${home}:user/alice`,
    id: "AIDACKCEVSQ6C2EXAMPLE",
    name: "alice",
    canonicalUserId: "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",
    tags: { department: "Data", "Cost-Center": "A-123" },
  },
  /** The same user with a session from GetSessionToken, opened with MFA. */
  mfaUser: {
    kind: "user",
    account: home,
    arn: `arn:aws:iam::${home}:user/alice`,
    id: "AIDACKCEVSQ6C2EXAMPLE",
    name: "alice",
    session,
    mfa: { ageSeconds: 120 },
  },
  role: {
    kind: "role",
    account: home,
    roleArn: `arn:aws:iam::${home}:role/reader`,
    roleId: "AROADBQP57FF2AEXAMPLE",
    sessionArn: `arn:aws:sts::${home}:assumed-role/reader/s1`,
    sessionName: "s1",
    session,
  },
  webRole: {
    kind: "role",
    account: home,
    roleArn: `arn:aws:iam::${home}:role/web`,
    roleId: "AROAWEBWEBWEBWEXAMPLE",
    sessionArn: `arn:aws:sts::${home}:assumed-role/web/visitor`,
    sessionName: "visitor",
    federatedProvider: "accounts.google.com",
    session,
  },
  serviceLinkedRole: {
    kind: "role",
    account: home,
    roleArn: `arn:aws:iam::${home}:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty`,
    roleId: "AROASLRSLRSLRSEXAMPLE",
    sessionArn: `arn:aws:sts::${home}:assumed-role/AWSServiceRoleForAmazonGuardDuty/gd`,
    sessionName: "gd",
    session,
  },
  federatedUser: {
    kind: "federatedUser",
    account: home,
    arn: `arn:aws:sts::${home}:federated-user/bob`,
    name: "bob",
    issuerArn: `arn:aws:iam::${home}:user/alice`,
    issuerId: "AIDACKCEVSQ6C2EXAMPLE",
    session,
  },
  /** A federated session the root user asked for. */
  rootFederatedUser: {
    kind: "federatedUser",
    account: home,
    arn: `arn:aws:sts::${home}:federated-user/temp`,
    name: "temp",
    issuerArn: `arn:aws:iam::${home}:root`,
    issuerId: home,
    session,
  },
  root: { kind: "root", account: home, arn: `arn:aws:iam::${home}:root` },
  service: { kind: "service", name: "cloudtrail.amazonaws.com" },
  google: { kind: "federated", provider: "accounts.google.com" },
  saml: { kind: "federated", provider: `arn:aws:iam::${home}:saml-provider/corp` },
  anonymous: { kind: "anonymous" },
} as const satisfies Record<string, Principal>;

export type Caller = keyof typeof callers;
