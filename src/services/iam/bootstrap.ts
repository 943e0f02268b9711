/**
 * Making an account: its record, its locked root user, and the first way in.
 * Source: AWS account root user; IAM User Guide, "Create an administrative user"; AWS Organizations User Guide,
 * "Accessing member accounts" (OrganizationAccountAccessRole).
 */
import { isAccountId } from "#kernel/arn.ts";
import type { Clock } from "#kernel/clock.ts";
import { accessKeyId, iamId, secretAccessKey, type Random } from "#kernel/ids.ts";
import type { KeyHolder } from "#keys/contract.ts";
import type { Store } from "#store/contract.ts";
import { protectSecret, putAccessKey } from "./accessKeySecret.ts";
import { entityArn, putNewEntity } from "./entities.ts";
import { alreadyExists, validationError } from "./errors.ts";
import { newRootLink } from "./signIn.ts";
import { attachmentId, installation, transact, type IamState, type Principal } from "./state.ts";

/** How somebody gets in first. */
export type FirstAccess =
  /** An administrator with an access key; a new one unless given, which an installation does that must know it before. */
  | { kind: "user"; userName: string; accessKey?: { accessKeyId: string; secretAccessKey: string } }
  /** A role that administrators of another account may assume. */
  | { kind: "role"; roleName: string; trustedAccount: string }
  | { kind: "none" };

export interface CreateAccount {
  store: Store;
  keys: KeyHolder;
  clock: Clock;
  random: Random;
  account: string;
  email: string;
  name: string;
  partition?: string;
  /** Default: user "admin". */
  access?: FirstAccess;
}

export interface CreatedAccount {
  account: string;
  /** Token to set the root password with, once, before `rootLinkExpiresAt`. Root has no password and no keys until then. */
  rootLink: string;
  rootLinkExpiresAt: number;
  /** Shown here and never again. */
  administrator?: { userName: string; arn: string; accessKeyId: string; secretAccessKey: string };
  role?: { arn: string };
}

/**
 * All or nothing, in one batch.
 * @throws ValidationError for an account id or e-mail address of the wrong form, EntityAlreadyExists when either is taken
 */
export async function createAccount(request: CreateAccount): Promise<CreatedAccount> {
  const { store, clock, random, account } = request;
  const now = clock.now();
  return transact(store, random, account, (state) => stageAccount(state, { ...request, now }));
}

/** What `stageAccount` makes: as `createAccount`, in a unit of work of the caller. Keys are needed for a user's access key. */
export type StageAccount = Omit<CreateAccount, "store" | "keys" | "clock"> & { now: number } & (
    | { keys: KeyHolder }
    | { access: Exclude<FirstAccess, { kind: "user" }> }
  );

/** Stages a new account. @throws as `createAccount` */
export async function stageAccount(state: IamState, request: StageAccount): Promise<CreatedAccount> {
  const { random, account, name, now, partition = "aws" } = request;
  const email = request.email.toLowerCase();
  if (!isAccountId(account) || account === installation) throw validationError(`${account} is no account id.`);
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) throw validationError(`${request.email} is no e-mail address.`);
  const access: FirstAccess = request.access ?? { kind: "user", userName: "admin" };
  const { token, link } = newRootLink(random, now);
  const created: CreatedAccount = { account, rootLink: token, rootLinkExpiresAt: link.expiresAt };
  if (await state.get("account", "account")) throw alreadyExists(`Account ${account} already exists.`);
  const emails = state.in(installation);
  if (await emails.get("rootEmail", email)) throw alreadyExists(`The e-mail address ${email} is already in use.`);
  emails.put("rootEmail", email, { account });
  state.put("account", "account", { account, name, email, createdAt: now, status: "ACTIVE", partition });
  state.put("root", "root", { link, accessKeys: [], mfa: [] });
  if (access.kind === "user" && "keys" in request) {
    created.administrator = await addAdministrator(state, request.keys, random, partition, access, now);
  } else if (access.kind === "role") {
    created.role = addRole(state, random, partition, access, now);
  }
  return created;
}

const administratorAccess = (partition: string) => `arn:${partition}:iam::aws:policy/AdministratorAccess`;

function newPrincipal(
  state: IamState,
  random: Random,
  partition: string,
  kind: "user" | "role",
  name: string,
  now: number,
): Principal {
  const id = iamId(kind === "user" ? "AIDA" : "AROA", random);
  const policy = administratorAccess(partition);
  state.put("attachment", attachmentId(policy, kind, id), { kind, id });
  return {
    name,
    id,
    path: "/",
    arn: entityArn(partition, state.account, kind, "/", name),
    createdAt: now,
    attached: [policy],
    inline: {},
  };
}

async function addAdministrator(
  state: IamState,
  keys: KeyHolder,
  random: Random,
  partition: string,
  access: FirstAccess & { kind: "user" },
  now: number,
): Promise<NonNullable<CreatedAccount["administrator"]>> {
  const { userName } = access;
  const { accessKeyId, secretAccessKey: secret } = access.accessKey ?? newAccessKey(random);
  const principal = newPrincipal(state, random, partition, "user", userName, now);
  putNewEntity(state, "user", { ...principal, tags: [], groups: [], accessKeys: [accessKeyId], mfa: [] });
  const key = await protectSecret(keys, state.account, accessKeyId, secret);
  putAccessKey(state, { accessKeyId, owner: principal.id, status: "Active", createdAt: now, secret: key });
  return { userName, arn: principal.arn, accessKeyId, secretAccessKey: secret };
}

export function newAccessKey(random: Random): { accessKeyId: string; secretAccessKey: string } {
  return { accessKeyId: accessKeyId("AKIA", random), secretAccessKey: secretAccessKey(random) };
}

function addRole(
  state: IamState,
  random: Random,
  partition: string,
  access: FirstAccess & { kind: "role" },
  now: number,
): { arn: string } {
  const principal = newPrincipal(state, random, partition, "role", access.roleName, now);
  const trusted = `arn:${partition}:iam::${access.trustedAccount}:root`;
  putNewEntity(state, "role", {
    ...principal,
    tags: [],
    trust: JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: trusted }, Action: "sts:AssumeRole" }],
    }),
    trustIds: {},
    maxSession: 3600,
  });
  return { arn: principal.arn };
}
