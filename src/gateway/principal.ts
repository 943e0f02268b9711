/**
 * Who makes a call, after the signature has been verified.
 * Source: IAM User Guide, "AWS JSON policy elements: Principal"; CloudTrail User Guide, "userIdentity element".
 */
export interface SessionContext {
  /** Epoch milliseconds of the session's creation and end. */
  createdAt: number;
  expiresAt: number;
  mfaAuthenticated: boolean;
  /** Epoch milliseconds of the MFA check. */
  mfaAt?: number;
  /** Opened by signing in to the console, or a role taken from there; absent for what programs asked STS for. */
  console?: true;
  /** Of AssumeRoot: a root session that its task policy narrows. */
  assumedRoot?: true;
  sourceIdentity?: string;
  /** Session tags, and which of them are transitive. */
  tags?: Record<string, string>;
  transitiveTagKeys?: readonly string[];
  /** Identity provider of a federated session: its ARN or issuer, with the token's claims that became context keys. */
  federatedProvider?: string;
  federatedContext?: Record<string, string | string[]>;
}

interface Person {
  account: string;
  arn: string;
  /** Unique id: the account id for root, `AIDA…` for a user, `AROA…:session` for a role session. */
  id: string;
  accessKeyId?: string;
  tags?: Record<string, string>;
}

export type Principal =
  | { kind: "anonymous" }
  | (Person & { kind: "root"; session?: SessionContext })
  | (Person & { kind: "user"; userName: string; session?: SessionContext })
  | (Person & {
      kind: "role";
      roleArn: string;
      roleId: string;
      roleName: string;
      sessionName: string;
      session: SessionContext;
    })
  | (Person & { kind: "federated"; userName: string; issuerArn: string; session: SessionContext })
  /** A service of ours that acts for itself, e.g. `cloudtrail.amazonaws.com` writing to a bucket. */
  | { kind: "service"; service: string; sourceArn?: string; sourceAccount?: string };

export function accountOf(principal: Principal): string | undefined {
  return principal.kind === "anonymous" || principal.kind === "service" ? undefined : principal.account;
}

/** Services whose principal has another name than their API's model. */
const principalNames: Readonly<Record<string, string>> = {
  cloudhsmv2: "cloudhsm",
  elbv2: "elasticloadbalancing",
  s3control: "s3",
};

/** The service principal of one of our services. */
export function servicePrincipal(service: string): string {
  return `${principalNames[service] ?? service}.amazonaws.com`;
}
