/**
 * What one HSM knows of its cluster: records, all secrets in boxes, and of users who are signed in what their boxes hold.
 * Changes are made by asking the plane, which puts them on the disk of every HSM before it says that they are made.
 */
import { randomBytes } from "node:crypto";
import { HsmError, loginAttempts, type HsmRole } from "../contract.ts";
import { BoxError, close, open } from "./box.ts";
import { OpenObject, sealedObject, type ObjectContent } from "./openObject.ts";
import {
  clusterKey,
  objectKey,
  userKey,
  type Change,
  type ClusterRecord,
  type Entry,
  type HsmRecord,
  type ObjectRecord,
  type PasswordCost,
  type RecordKey,
  type UserRecord,
} from "./records.ts";
import type { KeyBackend } from "../token/backend.ts";
import { CKR, Failure } from "../token/constants.ts";
import { boxTo, forget, modulePin, newSecret, openBox, unlock, type Secret } from "./secrets.ts";

/** Asks for changes, all or none. `false`: a record had another version by then; the new one has been applied. */
export type Commit = (changes: readonly Change[]) => Promise<boolean>;

/** How often a change is tried anew when others changed the same record. */
const mostTries = 20;
/** Objects of a cluster. A sign-in opens all of its user's, some 0.1 ms each. */
const mostObjects = 20_000;
/** Waiting logins; each costs a fifth of a second. */
const mostLogins = 64;

export class Vault {
  readonly #entries = new Map<RecordKey, Entry>();
  readonly #signedIn = new Map<string, SignedIn>();
  readonly #objectKeys = new Set<RecordKey>();
  readonly #commit: Commit;
  readonly #module: Pick<KeyBackend, "unlock" | "lock">;
  readonly cost: PasswordCost;
  #logins: Promise<unknown> = Promise.resolve();
  #waitingLogins = 0;

  /** @param module what crypto users open when they sign in, besides their own boxes */
  constructor(commit: Commit, cost: PasswordCost, module: Pick<KeyBackend, "unlock" | "lock">) {
    this.#commit = commit;
    this.cost = cost;
    this.#module = module;
  }

  /** Takes what the plane says is the state, at the start and after every change anywhere in the cluster. */
  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const known = this.#entries.get(entry.key);
      if (known && known.version >= entry.version) continue;
      this.#entries.set(entry.key, entry);
      if (entry.record?.kind === "object") this.#objectKeys.add(entry.key);
      else this.#objectKeys.delete(entry.key);
      for (const each of this.#signedIn.values()) each.follow(entry);
    }
  }

  cluster(): ClusterRecord | undefined {
    return this.#record<ClusterRecord>(clusterKey);
  }

  user(name: string): UserRecord | undefined {
    return this.#record<UserRecord>(userKey(name));
  }

  users(): UserRecord[] {
    return this.#all("user");
  }

  objects(): ObjectRecord[] {
    return this.#all("object");
  }

  sessionsOf(name: string): number {
    return this.#signedIn.get(name)?.logins ?? 0;
  }

  /**
   * Changes records by what they are now, again when they changed meanwhile.
   * @param decide gives the new records, `undefined` to delete; nothing else may come of it
   */
  async update(
    decide: () =>
      | Promise<ReadonlyMap<RecordKey, HsmRecord | undefined>>
      | ReadonlyMap<RecordKey, HsmRecord | undefined>,
  ): Promise<void> {
    for (let tries = 0; tries < mostTries; tries++) {
      // Versions are read before the decision: what changes while it is made is noticed.
      const before = new Map(this.#entries);
      const changes = [...(await decide())].map(([key, record]): Change => ({
        key,
        base: before.get(key)?.version ?? 0,
        record,
      }));
      if (changes.length === 0 || (await this.#commit(changes))) return;
    }
    throw new HsmError("failed", "others change the same all the time");
  }

  /**
   * Signs a user in. @throws HsmError `login-refused`, `user-locked`
   * INVARIANT: a wrong password is counted on the disk before it is called wrong, and passwords are tried one at a time.
   */
  login(name: string, password: string): Promise<Login> {
    if (this.#waitingLogins >= mostLogins) return Promise.reject(new HsmError("failed", "too many sign in at once"));
    this.#waitingLogins++;
    const attempt = this.#logins.then(() => this.#login(name, password));
    this.#logins = attempt.catch(() => {}).then(() => void this.#waitingLogins--);
    return attempt;
  }

  async #login(name: string, password: string): Promise<Login> {
    const user = this.user(name);
    if (user && user.failedLogins >= loginAttempts) throw new HsmError("user-locked", `${name} is locked`);
    if (!user) {
      // As long as for one that there is.
      await unlock({ ...nobody, cost: this.cost }, password);
      throw refused();
    }
    const secret = await unlock(user, password);
    const failed = secret === undefined;
    if (failed || user.failedLogins > 0) {
      await this.update(() => {
        const now = this.user(name);
        return now
          ? new Map([[userKey(name), { ...now, failedLogins: failed ? now.failedLogins + 1 : 0 }]])
          : new Map();
      });
    }
    if (failed) throw refused();
    if (this.user(name)?.publicKey !== user.publicKey) throw refused();
    const login = this.#enter(user, secret);
    try {
      if (user.role === "crypto-user" && user.pin) await this.#module.unlock?.(modulePin(login.secret, user.pin));
      return login;
    } catch (error) {
      login.leave();
      throw error;
    }
  }

  #enter(user: UserRecord, secret: Secret): Login {
    let state = this.#signedIn.get(user.name);
    if (state && !state.ended) forget(secret);
    else this.#signedIn.set(user.name, (state = new SignedIn(user, secret, this.objects())));
    state.logins++;
    const signedIn = state;
    let left = false;
    return {
      name: user.name,
      role: user.role,
      secret: signedIn.secret,
      isValid: () => !left && !signedIn.ended,
      objects: () => signedIn.objects.values(),
      object: (id) => signedIn.objects.get(id),
      leave: () => {
        if (left) return;
        left = true;
        if (--signedIn.logins === 0) this.#end(user.name, signedIn);
      },
    };
  }

  /** Ends whatever a user has open: his password was changed, or he is gone. */
  endSessions(name: string): void {
    const state = this.#signedIn.get(name);
    if (state) this.#end(name, state);
  }

  #end(name: string, state: SignedIn): void {
    if (this.#signedIn.get(name) === state) this.#signedIn.delete(name);
    state.end();
    if ([...this.#signedIn.values()].every(({ role }) => role === "admin")) this.#module.lock?.();
  }

  /** Keeps an object for its owner. Resolves when every HSM has it. */
  async create(login: Login, content: ObjectContent): Promise<OpenObject> {
    this.expectRoom();
    const id = randomBytes(16).toString("hex");
    const key = randomBytes(32);
    const record: ObjectRecord = {
      kind: "object",
      id,
      owner: login.name,
      grants: { [login.name]: boxTo(login.secret.publicKey, grantPurpose(id), key) },
      sealed: sealedObject(key, id, content),
      ...(content.key?.file === undefined ? {} : { file: content.key.file }),
    };
    await this.update(() => new Map([[objectKey(id), record]]));
    const object = login.object(id);
    if (!object) throw refused();
    return object;
  }

  /** @throws Failure */
  expectRoom(): void {
    if (this.#objectKeys.size >= mostObjects) throw new Failure(CKR.DEVICE_MEMORY, "the cluster is full");
  }

  async change(login: Login, object: OpenObject, content: ObjectContent): Promise<void> {
    await this.update(() => {
      const record = this.owned(login, object.id);
      return new Map([[objectKey(object.id), { ...record, sealed: sealedObject(object.boxKey, object.id, content) }]]);
    });
  }

  /** Gives what was kept of it. */
  async destroy(login: Login, id: string): Promise<ObjectRecord> {
    let record = this.owned(login, id);
    await this.update(() => {
      record = this.owned(login, id);
      return new Map([[objectKey(id), undefined]]);
    });
    return record;
  }

  /** @throws HsmError `key-missing`, also for objects of others: they are not told apart */
  owned(login: Login, id: string): ObjectRecord {
    const record = this.#record<ObjectRecord>(objectKey(id));
    if (!record?.grants[login.name]) throw new HsmError("key-missing", "no such key");
    if (record.owner !== login.name) throw new HsmError("forbidden", "the key is another user's");
    return record;
  }

  async share(login: Login, id: string, withUser: string): Promise<void> {
    await this.update(() => {
      const record = this.owned(login, id);
      const target = this.user(withUser);
      if (target?.role !== "crypto-user") throw new HsmError("no-such-user", `there is no crypto user ${withUser}`);
      const key = openBox(login.secret, grantPurpose(id), record.grants[login.name]!);
      const grants = { ...record.grants, [withUser]: boxTo(target.publicKey, grantPurpose(id), key) };
      return new Map([[objectKey(id), { ...record, grants }]]);
    });
  }

  /** INVARIANT: with the share goes the key of the object: it is closed anew under another. */
  async unshare(login: Login, id: string, withUser: string): Promise<void> {
    await this.update(() => {
      const record = this.owned(login, id);
      if (withUser === record.owner || !record.grants[withUser]) return new Map();
      const old = openBox(login.secret, grantPurpose(id), record.grants[login.name]!);
      const content = open(old, objectPurpose(id), Buffer.from(record.sealed, "base64"));
      const key = randomBytes(32);
      const names = Object.keys(record.grants).filter((name) => name !== withUser && this.user(name));
      const grants = Object.fromEntries(
        names.map((name) => [name, boxTo(this.user(name)!.publicKey, grantPurpose(id), key)]),
      );
      const sealed = close(key, objectPurpose(id), content).toString("base64");
      return new Map([[objectKey(id), { ...record, grants, sealed }]]);
    });
  }

  #record<T extends HsmRecord>(key: RecordKey): T | undefined {
    return this.#entries.get(key)?.record as T | undefined;
  }

  #all<T extends UserRecord | ObjectRecord>(kind: T["kind"]): T[] {
    return [...this.#entries.values()].flatMap(({ record }) => (record?.kind === kind ? [record as T] : []));
  }
}

/** One sign-in of a user. */
export interface Login {
  readonly name: string;
  readonly role: HsmRole;
  readonly secret: Secret;
  /** False once the user's password was changed or the user removed. */
  isValid(): boolean;
  objects(): Iterable<OpenObject>;
  object(id: string): OpenObject | undefined;
  leave(): void;
}

class SignedIn {
  readonly secret: Secret;
  readonly role: HsmRole;
  readonly objects = new Map<string, OpenObject>();
  readonly #name: string;
  readonly #seed: string;
  logins = 0;
  ended = false;

  constructor(user: UserRecord, secret: Secret, objects: readonly ObjectRecord[]) {
    this.#name = user.name;
    this.role = user.role;
    this.#seed = user.seed;
    this.secret = secret;
    for (const record of objects) this.#take(record);
  }

  follow({ key, record }: Entry): void {
    if (key === userKey(this.#name)) {
      // Another password, or no user.
      if ((record as UserRecord | undefined)?.seed !== this.#seed) this.end();
    } else if (key.startsWith("object/")) {
      if (record) this.#take(record as ObjectRecord);
      else this.#drop(key.slice("object/".length));
    }
  }

  end(): void {
    this.ended = true;
    for (const id of this.objects.keys()) this.#drop(id);
    forget(this.secret);
  }

  #take(record: ObjectRecord): void {
    const grant = record.grants[this.#name];
    if (this.ended || !grant) return this.#drop(record.id);
    try {
      const key = openBox(this.secret, grantPurpose(record.id), grant);
      const content = open(key, objectPurpose(record.id), Buffer.from(record.sealed, "base64"));
      const known = this.objects.get(record.id);
      if (known) known.renew(key, content);
      else this.objects.set(record.id, new OpenObject(record.id, record.owner, key, content));
    } catch (error) {
      // Not what was closed: the object is not there. Others are.
      if (!(error instanceof BoxError)) throw error;
      this.#drop(record.id);
    }
  }

  #drop(id: string): void {
    this.objects.get(id)?.close();
    this.objects.delete(id);
  }
}

const grantPurpose = (id: string): string => `key of object ${id}`;
const objectPurpose = (id: string): string => `object ${id}`;

const nobody: UserRecord = (() => {
  const { publicKey } = newSecret();
  return {
    kind: "user",
    name: "",
    role: "crypto-user",
    salt: randomBytes(16).toString("base64"),
    cost: { memoryKiB: 0, passes: 0 },
    seed: randomBytes(60).toString("base64"),
    publicKey: publicKey.toString("base64"),
    escrow: "",
    failedLogins: 0,
  };
})();

function refused(): HsmError {
  return new HsmError("login-refused", "no such user, or not this password");
}
