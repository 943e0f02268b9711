/**
 * What officers, and users about themselves, do in a cluster. Each action names who acts; a quorum, where one is set, is
 * asked for before anything is done. Source: AWS CloudHSM User Guide, "HSM users", "quorum authentication".
 */
import type { Clock } from "#kernel/clock.ts";
import { firstOfficer, HsmError, loginAttempts, type HsmCredentials, type HsmRole, type HsmUser } from "../contract.ts";
import { expectPublicKey, newToken, QuorumCheck, type TokenParts } from "./quorum.ts";
import {
  clusterKey,
  objectKey,
  userKey,
  type ClusterRecord,
  type HsmRecord,
  type RecordKey,
  type UserRecord,
} from "./records.ts";
import {
  escrowedSecret,
  lock,
  modulePin,
  newCluster,
  newSecret,
  newUser,
  officersSecret,
  type Secret,
} from "./secrets.ts";
import type { QuorumService, QuorumToken } from "../contract.ts";
import type { Login, Vault } from "./vault.ts";

type Changes = Map<RecordKey, HsmRecord | undefined>;

/** Most users of a cluster. Source: AWS CloudHSM User Guide, "quotas": 1,024. */
const mostUsers = 1_024;

export class Officers {
  readonly #vault: Vault;
  readonly #clock: Clock;
  readonly #quorum: QuorumCheck;

  constructor(vault: Vault, clock: Clock) {
    this.#vault = vault;
    this.#clock = clock;
    this.#quorum = new QuorumCheck(clock);
  }

  /** Makes the first officer, with the password everybody knows. @param pin of the module behind a `pkcs11` cluster */
  async initialize(pin: Buffer | undefined): Promise<void> {
    if (this.#vault.cluster()) throw new HsmError("wrong-state", "the cluster is initialized");
    const officers = newSecret();
    const { name, password } = firstOfficer;
    const cost = this.#vault.cost;
    const admin = await newUser({ name, role: "admin", password, secret: newSecret(), cost, officers, pin });
    await this.#vault.update(
      (): Changes =>
        new Map<RecordKey, HsmRecord>([
          [clusterKey, newCluster(officers, pin)],
          [userKey(name), admin],
        ]),
    );
  }

  list(): HsmUser[] {
    return this.#vault.users().map(({ name, role, failedLogins, quorumKey }) => ({
      name,
      role,
      failedLogins,
      locked: failedLogins >= loginAttempts,
      quorumKey: quorumKey !== undefined,
      sessions: this.#vault.sessionsOf(name),
    }));
  }

  async createUser(as: HsmCredentials, user: { name: string; role: HsmRole; password: string }): Promise<void> {
    checkName(user.name);
    checkPassword(user.password);
    if (user.role !== "admin" && user.role !== "crypto-user") throw new HsmError("invalid-argument", "no such role");
    await this.#asOfficer(as, "user", async (cluster, officers) => {
      this.#expectActive(cluster);
      if (this.#vault.user(user.name)) throw new HsmError("user-exists", `there is a user ${user.name}`);
      if (this.#vault.users().length >= mostUsers)
        throw new HsmError("invalid-argument", `a cluster has at most ${mostUsers} users`);
      const pin = cluster.pin && modulePin(officers, cluster.pin);
      const cost = this.#vault.cost;
      const record = await newUser({ ...user, secret: newSecret(), cost, officers, pin: pin || undefined });
      return new Map([[userKey(user.name), record]]);
    });
  }

  async deleteUser(as: HsmCredentials, name: string): Promise<void> {
    await this.#asOfficer(as, "user", (cluster) => {
      this.#expectActive(cluster);
      const user = this.#expectUser(name);
      const officers = this.#vault.users().filter(({ role }) => role === "admin");
      if (user.role === "admin" && officers.length === 1) throw new HsmError("wrong-state", "the last officer stays");
      if (user.role === "admin") this.#expectQuorumWithout(cluster, name);
      const changes: Changes = new Map([[userKey(name), undefined]]);
      for (const object of this.#vault.objects()) {
        if (object.owner === name) changes.set(objectKey(object.id), undefined);
        else if (object.grants[name]) {
          const { [name]: _, ...grants } = object.grants;
          changes.set(objectKey(object.id), { ...object, grants });
        }
      }
      return changes;
    });
  }

  async changePassword(as: HsmCredentials, name: string, password: string): Promise<void> {
    checkPassword(password);
    if (as.user === name) return this.#changeOwn(as, name, password);
    await this.#asOfficer(as, "user", async (cluster, officers) => {
      this.#expectActive(cluster);
      const user = this.#expectUser(name);
      // Another officer's seed is his own: he gets a new one, which opens what officers share.
      const fresh = user.role === "admin" ? newSecret() : undefined;
      const secret = fresh ?? escrowedSecret(user, officers);
      const pin = cluster.pin ? modulePin(officers, cluster.pin) : undefined;
      const record = await newUser({ name, role: user.role, password, secret, cost: this.#vault.cost, officers, pin });
      const { quorumKey } = user;
      return new Map([[userKey(name), { ...record, ...(quorumKey ? { quorumKey } : {}) }]]);
    });
  }

  /** The first change of the first officer's password activates the cluster. */
  async #changeOwn(as: HsmCredentials, name: string, password: string): Promise<void> {
    const isFirst = this.#vault.cluster()?.activated === false;
    if (isFirst && password === firstOfficer.password)
      throw new HsmError("invalid-argument", "this is the password everybody knows");
    await this.#as(as, async (login) => {
      await this.#vault.update(async () => {
        const user = this.#expectUser(name);
        const cluster = this.#vault.cluster()!;
        const changed = {
          ...user,
          ...(await lock(name, user.role, password, login.secret, this.#vault.cost)),
          failedLogins: 0,
        };
        const changes: Changes = new Map([[userKey(name), changed]]);
        if (isFirst) changes.set(clusterKey, { ...cluster, activated: true });
        return changes;
      });
    });
  }

  async checkLogin(as: HsmCredentials): Promise<HsmRole> {
    return this.#as(as, async ({ role }) => role);
  }

  async registerQuorumKey(as: HsmCredentials, publicKey: string): Promise<void> {
    const key = expectPublicKey(publicKey);
    await this.#as(as, async (login) => {
      expectOfficer(login);
      await this.#vault.update((): Changes => {
        this.#expectActive(this.#vault.cluster());
        return new Map([[userKey(login.name), { ...this.#expectUser(login.name), quorumKey: key }]]);
      });
    });
  }

  async setQuorum(as: HsmCredentials, service: QuorumService, approvals: number): Promise<void> {
    if (approvals !== 0 && !(Number.isInteger(approvals) && approvals >= 2 && approvals <= 8)) {
      throw new HsmError("invalid-argument", "a quorum is 0, or 2 to 8 approvals");
    }
    await this.#asOfficer(as, "quorum", (cluster) => {
      this.#expectActive(cluster);
      const withKey = this.#vault.users().filter(({ role, quorumKey }) => role === "admin" && quorumKey);
      if (approvals > withKey.length) {
        throw new HsmError("invalid-argument", `${withKey.length} officers have registered a key`);
      }
      return new Map([[clusterKey, { ...cluster, quorum: { ...cluster.quorum, [service]: approvals } }]]);
    });
  }

  quorum(): Record<QuorumService, number> {
    return { ...(this.#vault.cluster()?.quorum ?? { user: 0, quorum: 0 }) };
  }

  async quorumToken(as: HsmCredentials, service: QuorumService): Promise<QuorumToken> {
    return this.#as(as, async (login) => {
      expectOfficer(login);
      let parts: TokenParts | undefined;
      await this.#vault.update((): Changes => {
        const cluster = this.#vault.cluster()!;
        this.#expectActive(cluster);
        if (cluster.quorum[service] === 0)
          throw new HsmError("wrong-state", `no quorum is set for the service ${service}`);
        parts = newToken(cluster, login.name, service, this.#clock.now());
        return new Map([[clusterKey, parts.cluster]]);
      });
      return parts!.token;
    });
  }

  async shareKey(as: HsmCredentials, id: string, withUser: string): Promise<void> {
    await this.#as(as, (login) => this.#vault.share(login, id, withUser));
  }

  async unshareKey(as: HsmCredentials, id: string, withUser: string): Promise<void> {
    await this.#as(as, (login) => this.#vault.unshare(login, id, withUser));
  }

  async #as<T>({ user, password }: HsmCredentials, work: (login: Login) => Promise<T>): Promise<T> {
    if (!this.#vault.cluster()) throw new HsmError("wrong-state", "the cluster is not initialized");
    const login = await this.#vault.login(user, password);
    try {
      return await work(login);
    } finally {
      login.leave();
    }
  }

  /** INVARIANT: the approvals are used up in the same change as what they approve. */
  async #asOfficer(
    as: HsmCredentials,
    service: QuorumService,
    decide: (cluster: ClusterRecord, officers: Secret) => Promise<Changes> | Changes,
  ): Promise<void> {
    await this.#as(as, async (login) => {
      expectOfficer(login);
      const officers = officersSecret(this.#expectUser(login.name), login.secret);
      await this.#vault.update(async () => {
        const cluster = this.#vault.cluster()!;
        this.#quorum.expect(cluster, this.#vault.users(), as, service);
        const changes = await decide(cluster, officers);
        const changed = (changes.get(clusterKey) as ClusterRecord | undefined) ?? cluster;
        const used = this.#quorum.used(changed, as, service);
        return used === cluster ? changes : new Map([...changes, [clusterKey, used]]);
      });
    });
  }

  #expectUser(name: string): UserRecord {
    const user = this.#vault.user(name);
    if (!user) throw new HsmError("no-such-user", `there is no user ${name}`);
    return user;
  }

  #expectActive(cluster: ClusterRecord | undefined): void {
    if (!cluster?.activated)
      throw new HsmError("not-active", "change the first officer's password before anything else");
  }

  /** An officer without whom a quorum could never be reached stays. */
  #expectQuorumWithout({ quorum }: ClusterRecord, name: string): void {
    const left = this.#vault
      .users()
      .filter((user) => user.role === "admin" && user.quorumKey && user.name !== name).length;
    const needed = Math.max(quorum.user, quorum.quorum);
    if (left < needed) throw new HsmError("wrong-state", `the quorum needs ${needed} officers with a key`);
  }
}

function expectOfficer({ role, name }: Login): void {
  if (role !== "admin") throw new HsmError("forbidden", `${name} is not an officer`);
}

function checkName(name: string): void {
  if (!/^[A-Za-z0-9_-]{1,31}$/.test(name))
    throw new HsmError("invalid-argument", "a user's name has 1 to 31 letters, digits, _ and -");
}

function checkPassword(password: string): void {
  // oxlint-disable-next-line no-control-regex
  if (!/^[^\u0000-\u001f\u007f]{7,32}$/u.test(password))
    throw new HsmError("invalid-argument", "a password has 7 to 32 characters");
}
