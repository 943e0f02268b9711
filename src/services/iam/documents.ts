/** Every document of IAM: what is stored of users, roles, policies and the rest. Times are epoch milliseconds. */
export interface Tag {
  Key: string;
  Value: string;
}

export interface Named {
  name: string;
  /** Unique id: AIDA…, AROA…, AGPA…, ANPA…, AIPA…, ASCA…. */
  id: string;
  /** Begins and ends with "/". */
  path: string;
  arn: string;
  /** Epoch milliseconds, as every time here. */
  createdAt: number;
}

/** What carries permissions: users, groups and roles. */
export interface Principal extends Named {
  /** ARNs of managed policies in order of attachment. */
  attached: string[];
  /** Inline policies: name → document as it was sent. */
  inline: Record<string, string>;
}

export interface User extends Principal {
  tags: Tag[];
  boundary?: string;
  /** Unique ids of groups. */
  groups: string[];
  accessKeys: string[];
  /** Serial numbers of enabled MFA devices. */
  mfa: string[];
}

export type Group = Principal;

export interface Role extends Principal {
  tags: Tag[];
  boundary?: string;
  description?: string;
  trust: string;
  /**
   * Unique ids of the users and roles that the trust policy named when it was saved. An ARN whose entity has
   * another id today (deleted, or deleted and made again) no longer stands for anybody.
   */
  trustIds: Record<string, string>;
  /** Seconds. */
  maxSession: number;
  /** Service principal of a service-linked role. */
  serviceLinked?: string;
}

export interface InstanceProfile extends Named {
  tags: Tag[];
  /** Unique id of its role. */
  role?: string;
}

export interface PolicyVersion {
  id: string;
  document: string;
  createdAt: number;
}

export interface ManagedPolicy extends Named {
  description?: string;
  tags: Tag[];
  defaultVersion: string;
  /** Oldest first. */
  versions: PolicyVersion[];
  /** Number of the next version; numbers are never used twice. */
  nextVersion: number;
  updatedAt: number;
}

/** One per (policy, entity); its id is `attachmentId`. */
export interface Attachment {
  kind: EntityKind;
  id: string;
}

export type EntityKind = "user" | "group" | "role";

export interface EntityPointer {
  kind: EntityKind;
  /** Lower-case name: id of the entity's document. */
  key: string;
}

export interface AccessKey {
  accessKeyId: string;
  /** Unique id of the user, or the account id for the root user. */
  owner: string;
  status: "Active" | "Inactive";
  createdAt: number;
  /** Base64 of the secret under the key holder (purpose `iam-access-key`, bound to account and key id). */
  secret: string;
}

/** argon2id, see password.ts. */
export type PasswordHash = string;

export interface LoginProfile {
  hash: PasswordHash;
  createdAt: number;
  changedAt: number;
  resetRequired: boolean;
  /** Newest first, at most 24: reuse prevention looks at them. */
  previous: PasswordHash[];
}

export interface Throttle {
  failures: number;
  /** No attempt is looked at before this time. */
  notBefore: number;
  /** The waiting time, by its end, of which the trail was told. */
  toldOf?: number;
}

export interface MfaDevice {
  serial: string;
  name: string;
  path: string;
  createdAt: number;
  tags: Tag[];
  /** Base64 of the protected seed (purpose `iam-mfa-seed`, bound to the serial number). */
  seed: string;
  /** Unique id of the user it is enabled for, or the account id for the root user. */
  owner?: string;
  enabledAt?: number;
  /** Steps that the device's clock is ahead of ours. */
  drift: number;
  /** Time step of the last code that was accepted. INVARIANT: no code of this or an earlier step is accepted again. */
  lastStep: number;
  /** Was deactivated: only waits to be deleted. */
  retired?: true;
}

export interface PasswordPolicy {
  minimumLength: number;
  symbols: boolean;
  numbers: boolean;
  uppercase: boolean;
  lowercase: boolean;
  usersMayChange: boolean;
  /** Days; 0: never. */
  maxAge: number;
  reusePrevention: number;
  hardExpiry: boolean;
}

export interface Account {
  account: string;
  name: string;
  email: string;
  createdAt: number;
  alias?: string;
  status: "ACTIVE" | "SUSPENDED";
  /** Partition of every ARN of the account. */
  partition: string;
}

export interface Root {
  /** Absent: no password, nobody can sign in as root. */
  password?: PasswordHash;
  passwordChangedAt?: number;
  /** One-time link to set the first password, or a new one. */
  link?: { hash: string; expiresAt: number };
  accessKeys: string[];
  mfa: string[];
}

export interface OidcProvider {
  arn: string;
  /** Without "https://", as STS and Terraform read it back. */
  url: string;
  createdAt: number;
  clientIds: string[];
  thumbprints: string[];
  tags: Tag[];
}

export interface SamlProvider {
  arn: string;
  name: string;
  uuid: string;
  metadata: string;
  createdAt: number;
  validUntil: number;
  tags: Tag[];
  assertionEncryption: "Required" | "Allowed";
  /** Private keys that decrypt assertions; `secret` is protected (purpose `iam-saml-key`, bound to ARN and key id). */
  keys: { id: string; createdAt: number; secret: string }[];
}

export interface ServerCertificate extends Named {
  body: string;
  chain?: string;
  expiresAt: number;
  tags: Tag[];
  /** Protected private key (purpose `iam-server-certificate`, bound to the unique id). */
  secret: string;
}

export interface CredentialReport {
  generatedAt: number;
  content: string;
}

/** Last use of a key (`key/AKIA…`), a role (`role/AROA…`) or a password (`password/AIDA…` or account id). */
export interface LastUsed {
  at: number;
  region?: string;
  service?: string;
}

/** `entity id/service namespace`: when an entity last used the service, and each of its actions. */
export interface Usage {
  at: number;
  region: string;
  actions: Record<string, { at: number; region: string }>;
}

export interface AccessJob {
  arn: string;
  granularity: "SERVICE_LEVEL" | "ACTION_LEVEL";
  createdAt: number;
  completedAt: number;
  services: AccessJobService[];
}

export interface AccessJobService {
  namespace: string;
  name: string;
  at?: number;
  region?: string;
  entity?: string;
  entities: { arn: string; name: string; kind: "USER" | "ROLE"; id: string; path: string; at: number }[];
  actions: { name: string; at?: number; region?: string; entity?: string }[];
}

export interface DeletionTask {
  role: string;
  finishedAt: number;
}

/** The account's issuer of tokens for the outside; switched off, it stays what it was. Index `issuer`: its id. */
export interface TokenIssuer {
  id: string;
  enabled: boolean;
}

/** Name of a document type → what it holds. */
export interface Documents {
  user: User;
  group: Group;
  role: Role;
  instanceProfile: InstanceProfile;
  policy: ManagedPolicy;
  attachment: Attachment;
  boundaryUse: Attachment;
  membership: { group: string; user: string };
  entity: EntityPointer;
  accessKey: AccessKey;
  loginProfile: LoginProfile;
  /** By access key id: `endedSessions.ts`. */
  endedSession: Record<string, never>;
  throttle: Throttle;
  mfaDevice: MfaDevice;
  passwordPolicy: PasswordPolicy;
  account: Account;
  root: Root;
  /** Under `installation`: aliases and root e-mail addresses are unique among all accounts. */
  alias: { account: string };
  rootEmail: { account: string };
  oidcProvider: OidcProvider;
  samlProvider: SamlProvider;
  tokenIssuer: TokenIssuer;
  serverCertificate: ServerCertificate;
  credentialReport: CredentialReport;
  lastUsed: LastUsed;
  usage: Usage;
  accessJob: AccessJob;
  deletionTask: DeletionTask;
}

export type DocumentType = keyof Documents;
