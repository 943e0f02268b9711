/**
 * What the gateway asks of the identity services. It is implemented in `services/iam`, `services/sts` and
 * `services/organizations` and joined in `roles`; the gateway itself knows no service.
 */
import type { Principal } from "./principal.ts";

/** What is known of an access key id. The secret never leaves the process in a log, an error or an audit record. */
export interface Credential {
  accessKeyId: string;
  secretAccessKey: string;
  /** Session credentials: the token that must accompany them. */
  sessionToken?: string;
  status: "Active" | "Inactive" | "Expired";
  principal: Principal;
}

/** A policy in scope, with the name that explanations and error texts use. */
export interface NamedPolicy {
  /** ARN of a managed policy, or `user/alice/inline/name`. */
  name: string;
  document: string;
  /**
   * Account on whose authority it was attached, where that is not the resource's: for callers of that account its
   * Allow suffices, as a policy of their own account would (KMS grants that another account made).
   */
  issuedBy?: string;
}

/** Everything that bounds a principal, before the resource has a say. */
export interface PolicySet {
  identity: readonly NamedPolicy[];
  boundary?: NamedPolicy;
  /** Absent: no session policy was passed. Empty array never occurs. */
  session?: readonly NamedPolicy[];
  /** Service control policies by level, root of the organization first; absent outside an organization and for the management account. */
  serviceControl?: readonly (readonly NamedPolicy[])[];
}

/** A role as trust decisions see it. */
export interface RoleFacts {
  account: string;
  arn: string;
  id: string;
  name: string;
  trustPolicy: NamedPolicy;
  /** Seconds. */
  maxSessionDuration: number;
  tags: Record<string, string>;
}

/** An OpenID Connect provider that an account trusts. */
export interface OidcProviderFacts {
  arn: string;
  /** Issuer without "https://". */
  url: string;
  clientIds: readonly string[];
  thumbprints: readonly string[];
}

/** A SAML identity provider that an account trusts. */
export interface SamlProviderFacts {
  arn: string;
  name: string;
  /** Its unique identifier, which is in the address of endpoints for encrypted assertions. */
  uuid: string;
  entityId: string;
  /** Base64 DER of the certificates that verify its signatures. */
  signingCertificates: readonly string[];
  /** Epoch milliseconds: when its metadata ends. */
  validUntil: number;
  encryptionRequired: boolean;
  /** PEM of the private keys that it encrypts for. */
  decryptionKeys(): Promise<readonly string[]>;
}

export interface IdentitySource {
  /** `undefined` when no such key exists. */
  credential(accessKeyId: string): Promise<Credential | undefined>;
  policies(principal: Principal): Promise<PolicySet>;
  /** Resource control policies that bind resources of the account, by level. */
  resourceControl(account: string): Promise<readonly (readonly NamedPolicy[])[] | undefined>;
  /** Organization id and path of an account, for `aws:PrincipalOrgID`, `aws:ResourceOrgID`. */
  organization(account: string): Promise<{ id: string; path: string; managementAccount: string } | undefined>;
  /** The principal used a permission; feeds access advisor and "last used". Best effort, batched, never awaited. */
  touched(principal: Principal, service: string, action: string, region: string, at: number): void;
  /** `undefined` when the account has no such role. */
  role(arn: string): Promise<RoleFacts | undefined>;
  /**
   * The unique id (`AIDA…`, `AROA…`) of the user or role that has an ARN today. "missing": its account is ours and has
   * no such entity; "elsewhere": the account is none of ours.
   */
  principalId(arn: string): Promise<{ id: string } | "missing" | "elsewhere">;
  /** Document of a managed policy by ARN, AWS managed or of the account. */
  managedPolicy(account: string, arn: string): Promise<NamedPolicy | undefined>;
  oidcProvider(account: string, url: string): Promise<OidcProviderFacts | undefined>;
  samlProvider(arn: string): Promise<SamlProviderFacts | undefined>;
  /** Id of the account's issuer of tokens for the outside; `undefined` while that is switched off. */
  tokenIssuer(account: string): Promise<string | undefined>;
  /** Checks a one-time code of an MFA device of the principal, and uses it up. */
  verifyMfa(principal: Principal, serialNumber: string, code: string): Promise<boolean>;
  /** The account that an access key id belongs to, whatever its status. */
  accountOfKey(accessKeyId: string): Promise<string | undefined>;
  /** False for an opt-in Region that the account has not opened: its credentials do not exist there. */
  regionEnabled(account: string, region: string): Promise<boolean>;
  /** Closed and suspended accounts are refused before anything else. */
  accountStatus(account: string): Promise<"ACTIVE" | "SUSPENDED" | "UNKNOWN">;
}
