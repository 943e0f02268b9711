/**
 * Passwords of users and of the root user, checked for the console's sign-in. MFA, expiry and throttling included;
 * sessions are the caller's business.
 * Source: IAM User Guide, "How IAM users sign in to AWS", "Sign in as the root user"; AWS account root user,
 * "Reset a lost or forgotten root user password".
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "#kernel/clock.ts";
import { isAccountId } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import type { Random } from "#kernel/ids.ts";
import type { KeyHolder } from "#keys/contract.ts";
import type { Store } from "#store/contract.ts";
import type { Principal } from "#gateway/principal.ts";
import { entityById, keyOf } from "./entities.ts";
import { acceptCode } from "./mfa.ts";
import { hashPassword, passwordExpiry, requireGoodPassword, verifyPassword } from "./password.ts";
import { installation, transact, type Account, type IamState, type Root } from "./state.ts";
import { countAttempt, forgetAttempts, isFirstOfWait } from "./throttle.ts";

export interface SignInServices {
  store: Store;
  keys: KeyHolder;
  clock: Clock;
  random: Random;
}

export type SignInRequest =
  | { kind: "user"; /** Account id or alias. */ account: string; userName: string; password: string; mfaCode?: string }
  | { kind: "root"; email: string; password: string; mfaCode?: string };

export interface SignedIn {
  outcome: "signedIn";
  kind: "user" | "root";
  account: string;
  arn: string;
  /** Unique id of the user, or the account id. */
  id: string;
  userName?: string;
  mfaAuthenticated: boolean;
  /** Serial number of the device whose code was accepted. */
  mfaSerial?: string;
  /** The user must set a new password before anything else: reset required, or expired. */
  mustChangePassword: boolean;
}

/** Whom an attempt named, for the account's trail. INVARIANT: no part of it is shown to whoever tries to sign in. */
export interface Attempted {
  account: string;
  kind: "user" | "root";
  /** Unique id, and user name; absent when the account has no such user. */
  id?: string;
  userName?: string;
}

export type SignInResult =
  | SignedIn
  /** Password right, code missing. */
  | { outcome: "mfaRequired"; attempted: Attempted }
  /** Never says which part was wrong. `attempted` is absent when there is no such account. */
  | { outcome: "refused"; attempted?: Attempted }
  /** `attempted`: with the first of each waiting time. */
  | { outcome: "throttled"; retryAfterMs: number; attempted?: Attempted }
  /** Expired under a policy with hard expiry: only an administrator can set a new password. */
  | { outcome: "passwordExpired"; attempted: Attempted };

interface Subject {
  kind: "user" | "root";
  account: Account;
  id: string;
  arn: string;
  userName?: string;
  hash: string;
  mfa: readonly string[];
  resetRequired: boolean;
  expired: "no" | "soft" | "hard";
}

export async function checkPassword(services: SignInServices, request: SignInRequest): Promise<SignInResult> {
  const { store, random, clock } = services;
  const name = request.kind === "root" ? request.email : request.userName;
  const reader = await accountOf(services, request);
  const accountId = reader?.account ?? installation;
  const wait = await transact(store, random, accountId, (state) => countAttempt(state, name, clock.now()));
  if (wait > 0) {
    const attempted = reader && (await firstOfWait(services, reader, request, name));
    return { outcome: "throttled", retryAfterMs: wait, ...(attempted ? { attempted } : {}) };
  }

  // Nobody signs in to a closed account: "you can no longer sign in to or access the account" (Account Management guide).
  const subject =
    reader?.status === "ACTIVE"
      ? await transact(store, random, accountId, (state) => subjectOf(state, reader, request, clock.now()))
      : undefined;
  if (!subject) {
    // The same work as for a name that exists, so that the answer takes as long.
    await hashPassword(request.password, random);
    return reader
      ? { outcome: "refused", attempted: { account: accountId, kind: request.kind } }
      : { outcome: "refused" };
  }
  const attempted = attemptAt(subject);
  if (!(await verifyPassword(request.password, subject.hash))) return { outcome: "refused", attempted };
  let mfaSerial: string | undefined;
  if (subject.mfa.length > 0) {
    const { mfaCode } = request;
    // INVARIANT: only a whole sign-in starts the count anew, or the password would buy endless guesses at the code.
    if (mfaCode === undefined) return { outcome: "mfaRequired", attempted };
    mfaSerial = await acceptedBy(services, subject, mfaCode);
    if (mfaSerial === undefined) return { outcome: "refused", attempted };
  }
  if (subject.expired === "hard") return { outcome: "passwordExpired", attempted };
  await transact(store, random, accountId, async (state) => {
    forgetAttempts(state, name);
    state.put("lastUsed", `password/${subject.id}`, { at: clock.now() });
  });
  return {
    outcome: "signedIn",
    kind: subject.kind,
    account: subject.account.account,
    arn: subject.arn,
    id: subject.id,
    ...(subject.userName === undefined ? {} : { userName: subject.userName }),
    mfaAuthenticated: mfaSerial !== undefined,
    ...(mfaSerial === undefined ? {} : { mfaSerial }),
    mustChangePassword: subject.resetRequired || subject.expired === "soft",
  };
}

async function firstOfWait(
  { store, random, clock }: SignInServices,
  account: Account,
  request: SignInRequest,
  name: string,
): Promise<Attempted | undefined> {
  return transact(store, random, account.account, async (state) => {
    if (!(await isFirstOfWait(state, name))) return undefined;
    const subject = await subjectOf(state, account, request, clock.now());
    return subject ? attemptAt(subject) : { account: account.account, kind: request.kind };
  });
}

function attemptAt({ account, kind, id, userName }: Subject): Attempted {
  return { account: account.account, kind, id, ...(userName === undefined ? {} : { userName }) };
}

/** Serial number of the device whose code it is; the code is used up. */
async function acceptedBy(services: SignInServices, subject: Subject, code: string): Promise<string | undefined> {
  if (!/^\d{6}$/.test(code)) return undefined;
  for (const serial of subject.mfa) {
    const accepted = await transact(services.store, services.random, subject.account.account, (state) =>
      acceptCode(state, services.keys, subject.id, serial, code, services.clock.now()),
    );
    if (accepted) return serial;
  }
  return undefined;
}

async function accountOf(services: SignInServices, request: SignInRequest): Promise<Account | undefined> {
  const account =
    request.kind === "root"
      ? (
          await transact(services.store, services.random, installation, (state) =>
            state.get("rootEmail", request.email.toLowerCase()),
          )
        )?.account
      : await accountNamed(services, request.account);
  if (account === undefined) return undefined;
  return transact(services.store, services.random, account, (state) => state.get("account", "account"));
}

/** The account that an account id or an alias names; an id is not looked up. */
export async function accountNamed(
  { store, random }: Pick<SignInServices, "store" | "random">,
  idOrAlias: string,
): Promise<string | undefined> {
  if (isAccountId(idOrAlias)) return idOrAlias;
  return (await transact(store, random, installation, (state) => state.get("alias", idOrAlias)))?.account;
}

/**
 * The user or root user behind a unique id as it is today, without a session; `undefined` once it is gone, may no
 * longer sign in with a password, or its account is closed.
 */
export async function signInPrincipal(
  { store, random }: Pick<SignInServices, "store" | "random">,
  account: string,
  id: string,
): Promise<Extract<Principal, { kind: "user" | "root" }> | undefined> {
  return transact(store, random, account, async (state) => {
    const record = await state.get("account", "account");
    if (record?.status !== "ACTIVE") return undefined;
    if (id === account) {
      const root = await state.get("root", "root");
      if (root?.password === undefined) return undefined;
      return { kind: "root", account, arn: `arn:${record.partition}:iam::${account}:root`, id };
    }
    const [user, profile] = await Promise.all([entityById(state, "user", id), state.get("loginProfile", id)]);
    if (!user || !profile) return undefined;
    const tags = Object.fromEntries(user.tags.map(({ Key, Value }) => [Key, Value]));
    const tagged = user.tags.length === 0 ? {} : { tags };
    return { kind: "user", account, arn: user.arn, id, userName: user.name, ...tagged };
  });
}

async function subjectOf(
  state: IamState,
  account: Account,
  request: SignInRequest,
  now: number,
): Promise<Subject | undefined> {
  if (request.kind === "root") {
    const root = await state.get("root", "root");
    if (root?.password === undefined) return undefined;
    return {
      kind: "root",
      account,
      id: account.account,
      arn: `arn:${account.partition}:iam::${account.account}:root`,
      hash: root.password,
      mfa: root.mfa,
      resetRequired: false,
      expired: "no",
    };
  }
  const user = await state.get("user", keyOf(request.userName));
  const profile = user?.name === request.userName ? await state.get("loginProfile", user.id) : undefined;
  if (!user || !profile) return undefined;
  const policy = await state.get("passwordPolicy", "policy");
  const expiry = passwordExpiry(profile.changedAt, policy);
  const expired = expiry !== undefined && expiry <= now;
  return {
    kind: "user",
    account,
    id: user.id,
    arn: user.arn,
    userName: user.name,
    hash: profile.hash,
    mfa: user.mfa,
    resetRequired: profile.resetRequired,
    expired: !expired ? "no" : policy?.hardExpiry ? "hard" : "soft",
  };
}

const linkLifetimeMs = 24 * 3_600_000;

const linkHash = (token: string) => createHash("sha256").update(token).digest("hex");

/** A one-time link token for the root user's password; only its hash is stored. An earlier link stops working. */
export function newRootLink(random: Random, now: number): { token: string; link: NonNullable<Root["link"]> } {
  const token = random.bytes(32).toString("base64url");
  return { token, link: { hash: linkHash(token), expiresAt: now + linkLifetimeMs } };
}

/** "Forgot password" of the root user, for whoever can deliver the token to the account's e-mail address. */
export async function requestRootLink(services: SignInServices, account: string): Promise<string> {
  const { token, link } = newRootLink(services.random, services.clock.now());
  await transact(services.store, services.random, account, async (state) => {
    const root = (await state.get("root", "root")) ?? { accessKeys: [], mfa: [] };
    state.put("root", "root", { ...root, link });
  });
  return token;
}

/**
 * Sets the root user's password with a link token, or with the present password. The link is used up.
 * @throws AwsError AccessDenied when the proof is wrong or late, PasswordPolicyViolation
 */
export async function setRootPassword(
  services: SignInServices,
  request: { account: string; password: string; proof: { token: string } | { currentPassword: string } },
): Promise<void> {
  const { store, random, clock } = services;
  const refused = new AwsError("AccessDenied", "The link or the password is not valid.", 403);
  const { proof } = request;
  if (!isAccountId(request.account)) throw refused;
  // Nobody guesses a token of 256 bits; counting wrong ones would only let a stranger lock the owner out.
  if (!("token" in proof)) {
    const wait = await transact(store, random, request.account, (state) =>
      countAttempt(state, "root password", clock.now()),
    );
    if (wait > 0) throw new AwsError("Throttling", `Too many attempts. Try again in ${Math.ceil(wait / 1000)} s.`, 400);
  }
  const before = await transact(store, random, request.account, (state) => state.get("root", "root"));
  const proven =
    "token" in proof
      ? before?.link !== undefined &&
        before.link.expiresAt > clock.now() &&
        sameHash(linkHash(proof.token), before.link.hash)
      : before?.password !== undefined && (await verifyPassword(proof.currentPassword, before.password));
  if (!proven) throw refused;
  const hash = await hashPassword(request.password, random);
  await transact(store, random, request.account, async (state) => {
    const [root, account] = await Promise.all([state.get("root", "root"), state.get("account", "account")]);
    // Somebody else used the link, or changed the password, in between: the proof no longer holds.
    if (!root || root.link?.hash !== before?.link?.hash || root.password !== before?.password) throw refused;
    // The account's password policy is for users; root's password follows the default rules (root user guide).
    requireGoodPassword(request.password, undefined, account ? [account.name, account.email] : []);
    const { link: _used, ...rest } = root;
    state.put("root", "root", { ...rest, password: hash, passwordChangedAt: clock.now() });
    forgetAttempts(state, "root password");
    if (account) forgetAttempts(state, account.email);
  });
}

function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
