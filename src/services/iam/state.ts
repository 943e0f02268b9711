/**
 * Every document of IAM and where it lives. IAM belongs to no Region: all documents are under `globalRegion`.
 *
 * Entities are keyed by their lower-case name, so that names are unique without regard to case ("Names are
 * not distinguished by case", IAM API reference, CreateUser) and listings come sorted. Everything that points
 * at an entity (attachments, memberships, keys, passwords) points at its unique id, which survives a rename;
 * an `entity` document leads from the unique id back to the name.
 */
import type { CallContext, State, StateIndexQuery, StateQuery } from "#gateway/context.ts";
import { UnitOfWork } from "#gateway/state.ts";
import type { Random } from "#kernel/ids.ts";
import { Conflict, globalRegion, type Document, type DocumentKey, type Page, type Store } from "#store/contract.ts";

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
  serverCertificate: ServerCertificate;
  credentialReport: CredentialReport;
  lastUsed: LastUsed;
  usage: Usage;
  accessJob: AccessJob;
  deletionTask: DeletionTask;
}

export type DocumentType = keyof Documents;

/** The account that holds what belongs to the installation: account aliases are unique across accounts. */
export const installation = "000000000000";

export interface PutOptions {
  indexes?: Record<string, string | readonly string[]>;
  expiresAt?: number;
  version?: number | "any";
}

/** IAM's documents of one account, typed. */
export class IamState {
  readonly account: string;
  readonly #state: State;

  constructor(state: State, account: string) {
    this.#state = state;
    this.account = account;
  }

  /** The same unit of work in another account: aliases, trust of a foreign principal. */
  in(account: string): IamState {
    return new IamState(this.#state, account);
  }

  async get<T extends DocumentType>(type: T, id: string): Promise<Documents[T] | undefined> {
    return (await this.#state.get<Documents[T]>(type, id, this.#at))?.value;
  }

  async getMany<T extends DocumentType>(type: T, ids: readonly string[]): Promise<(Documents[T] | undefined)[]> {
    if (ids.length === 0) return [];
    return (await this.#state.getMany<Documents[T]>(type, ids, this.#at)).map((document) => document?.value);
  }

  list<T extends DocumentType>(type: T, query?: StateQuery): Promise<Page<Documents[T]>> {
    return this.#state.list<Documents[T]>(type, query, this.#at);
  }

  find<T extends DocumentType>(type: T, index: string, query: StateIndexQuery): Promise<Page<Documents[T]>> {
    return this.#state.find<Documents[T]>(type, index, query, this.#at);
  }

  /** All documents of a type; for lists that quotas keep short, and for reports. */
  async all<T extends DocumentType>(type: T, prefix?: string): Promise<Document<Documents[T]>[]> {
    const items: Document<Documents[T]>[] = [];
    let after: string | undefined;
    do {
      const page: Page<Documents[T]> = await this.list(type, {
        ...(prefix === undefined ? {} : { prefix }),
        ...(after === undefined ? {} : { after }),
      });
      items.push(...page.items);
      after = page.next;
    } while (after !== undefined);
    return items;
  }

  count(type: DocumentType, prefix?: string): Promise<number> {
    return this.#state.count(type, prefix, this.#at);
  }

  put<T extends DocumentType>(type: T, id: string, value: Documents[T], options: PutOptions = {}): void {
    this.#state.put(type, id, value, { ...options, at: this.#at });
  }

  delete(type: DocumentType, id: string, version?: "any"): void {
    this.#state.delete(type, id, version === undefined ? { at: this.#at } : { version, at: this.#at });
  }

  check(type: DocumentType, id: string): void {
    this.#state.check(type, id, this.#at);
  }

  checkNone(type: DocumentType, prefix: string): void {
    this.#state.checkNone(type, prefix, this.#at);
  }

  get #at(): { account: string; region: string; service: string } {
    return { account: this.account, region: globalRegion, service: "iam" };
  }
}

/** IAM's documents of the account a call acts in. */
export function iamState(ctx: CallContext): IamState {
  return new IamState(ctx.state, ctx.account);
}

/** A batch that meets this many newer versions in a row is starved; the caller learns it. */
const maxAttempts = 20;

/** For what runs outside a call: sign-in, bootstrap, the identity source. Commits what `work` staged; a stale read runs it again. */
export async function transact<T>(
  store: Store,
  random: Random,
  account: string,
  work: (state: IamState) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const unit = new UnitOfWork(store, { account, region: globalRegion, service: "iam" }, () => random.uuid());
    const result = await work(new IamState(unit, account));
    try {
      if (unit.operations.length > 0) await store.commit(unit.operations);
      return result;
    } catch (error) {
      if (!(error instanceof Conflict) || attempt === maxAttempts) throw error;
    }
  }
}

export function iamKey(account: string, type: DocumentType, id: string): DocumentKey {
  return { account, region: globalRegion, service: "iam", type, id };
}

/** INVARIANT: "|" is in no ARN and no name, so one policy's attachments are exactly the ids with its prefix. */
export function attachmentId(policyArn: string, kind: EntityKind, id: string): string {
  return `${policyArn}|${kind}|${id}`;
}

export function attachmentPrefix(policyArn: string, kind?: EntityKind): string {
  return kind === undefined ? `${policyArn}|` : `${policyArn}|${kind}|`;
}

export function membershipId(group: string, user: string): string {
  return `${group}/${user}`;
}
