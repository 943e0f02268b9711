/**
 * Who is calling, as authentication established it. Sources: IAM User Guide, "AWS JSON policy elements:
 * Principal", "IAM identifiers".
 */
export interface SessionFacts {
  /** When the temporary credentials were issued, milliseconds since the epoch. */
  issuedAt: number;
  sourceIdentity?: string;
}

interface AccountMember {
  /** Twelve digits. */
  account: string;
  /** S3's name for the account, where policies may name it by that. */
  canonicalUserId?: string;
  /** Tags of the user or role and of the session, as `aws:PrincipalTag/…`. */
  tags?: Readonly<Record<string, string>>;
  /** Present with temporary credentials. */
  session?: SessionFacts;
  /**
   * The second factor: of the session when it was opened with one, or of this very request when it carries a code,
   * as AssumeRole and GetSessionToken may.
   */
  mfa?: { ageSeconds: number };
}

export interface RootPrincipal extends AccountMember {
  kind: "root";
  /** `arn:aws:iam::111122223333:root` */
  arn: string;
}

export interface UserPrincipal extends AccountMember {
  kind: "user";
  arn: string;
  /** `AIDA…` */
  id: string;
  name: string;
}

export interface RolePrincipal extends AccountMember {
  kind: "role";
  /** `arn:aws:iam::111122223333:role/path/name` */
  roleArn: string;
  /** `AROA…` */
  roleId: string;
  /** `arn:aws:sts::111122223333:assumed-role/name/session` */
  sessionArn: string;
  sessionName: string;
  /** The identity provider a web identity or SAML session came through. */
  federatedProvider?: string;
}

/** A session from GetFederationToken. */
export interface FederatedUserPrincipal extends AccountMember {
  kind: "federatedUser";
  /** `arn:aws:sts::111122223333:federated-user/name` */
  arn: string;
  name: string;
  /** The IAM user, or root, that asked for the token. */
  issuerArn: string;
  issuerId: string;
}

/** An AWS service acting for itself, e.g. `cloudtrail.amazonaws.com`. */
export interface ServicePrincipal {
  kind: "service";
  name: string;
  /** All names the service answers to, for `aws:PrincipalServiceNamesList`. */
  names?: readonly string[];
  account?: string;
}

/** Someone an identity provider vouches for and who is no AWS principal yet: the caller of AssumeRoleWith…. */
export interface FederatedPrincipal {
  kind: "federated";
  /** The provider's ARN, or the name of a built-in one such as `accounts.google.com`. */
  provider: string;
}

export interface AnonymousPrincipal {
  kind: "anonymous";
}

export type Principal =
  | RootPrincipal
  | UserPrincipal
  | RolePrincipal
  | FederatedUserPrincipal
  | ServicePrincipal
  | FederatedPrincipal
  | AnonymousPrincipal;

/** The name messages give a principal: `User: arn:aws:iam::…`. */
export function principalName(principal: Principal): string {
  switch (principal.kind) {
    case "role":
      return principal.sessionArn;
    case "root":
    case "user":
    case "federatedUser":
      return principal.arn;
    case "service":
      return principal.name;
    case "federated":
      return principal.provider;
    case "anonymous":
      return "anonymous";
  }
}

/** The account a principal belongs to; AWS services, identity providers and strangers belong to none. */
export function accountOf(principal: Principal): string | undefined {
  switch (principal.kind) {
    case "root":
    case "user":
    case "role":
    case "federatedUser":
      return principal.account;
    default:
      return undefined;
  }
}

/** Service-linked roles live under a path that only services can write to; organization policies leave them alone. */
export function isServiceLinkedRole(principal: Principal): boolean {
  return principal.kind === "role" && /^arn:[^:]+:iam::\d{12}:role\/aws-service-role\//.test(principal.roleArn);
}
