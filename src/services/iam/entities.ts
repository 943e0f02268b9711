/** Users, groups, roles and the other named things: finding them, their ARNs, creating and renaming them. */
import type { CallContext } from "#gateway/context.ts";
import { iamId } from "#kernel/ids.ts";
import { alreadyExists, needsUserName, noSuch, quotaExceeded, validationError } from "./errors.ts";
import { quotas } from "./quotas.ts";
import {
  type Documents,
  type EntityKind,
  type Group,
  type IamState,
  type InstanceProfile,
  type Named,
  type Role,
  type User,
} from "./state.ts";

interface Kind {
  /** First part of the ARN's resource. */
  resource: string;
  idPrefix: string;
  quota: number;
  quotaName: string;
  exists: (name: string) => string;
}

type NamedKind = EntityKind | "instanceProfile" | "policy" | "serverCertificate";

/** Source of prefixes: IAM User Guide, "Unique identifiers". */
export const kinds: Record<NamedKind, Kind> = {
  user: {
    resource: "user",
    idPrefix: "AIDA",
    quota: quotas.usersPerAccount,
    quotaName: "UsersPerAccount",
    exists: (name) => `User with name ${name} already exists.`,
  },
  group: {
    resource: "group",
    idPrefix: "AGPA",
    quota: quotas.groupsPerAccount,
    quotaName: "GroupsPerAccount",
    exists: (name) => `Group with name ${name} already exists.`,
  },
  role: {
    resource: "role",
    idPrefix: "AROA",
    quota: quotas.rolesPerAccount,
    quotaName: "RolesPerAccount",
    exists: (name) => `Role with name ${name} already exists.`,
  },
  instanceProfile: {
    resource: "instance-profile",
    idPrefix: "AIPA",
    quota: quotas.instanceProfilesPerAccount,
    quotaName: "InstanceProfilesPerAccount",
    exists: (name) => `Instance Profile ${name} already exists.`,
  },
  policy: {
    resource: "policy",
    idPrefix: "ANPA",
    quota: quotas.policiesPerAccount,
    quotaName: "CustomerManagedPoliciesPerAccount",
    exists: (name) => `A policy called ${name} already exists. Duplicate names are not allowed.`,
  },
  serverCertificate: {
    resource: "server-certificate",
    idPrefix: "ASCA",
    quota: quotas.serverCertificatesPerAccount,
    quotaName: "ServerCertificatesPerAccount",
    exists: (name) => `The Server Certificate with name ${name} already exists.`,
  },
};

export function keyOf(name: string): string {
  return name.toLowerCase();
}

/** `arn:aws:iam::111122223333:user/path/name`. */
export function entityArn(partition: string, account: string, kind: NamedKind, path: string, name: string): string {
  return `arn:${partition}:iam::${account}:${kinds[kind].resource}${path}${name}`;
}

/** @throws ValidationError for a path that does not begin and end with "/". */
export function readPath(path: string | undefined): string {
  if (path === undefined) return "/";
  if (!/^\/([\u0021-\u007e]*\/)?$/.test(path)) {
    throw validationError(
      "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
    );
  }
  return path;
}

/**
 * What every new entity starts with.
 * @throws EntityAlreadyExists, LimitExceeded
 */
export async function newNamed(
  ctx: CallContext,
  state: IamState,
  kind: NamedKind,
  name: string,
  path: string | undefined,
): Promise<Named> {
  const { idPrefix, quota, quotaName, exists } = kinds[kind];
  const checkedPath = readPath(path);
  if (await state.get(kind, keyOf(name))) throw alreadyExists(exists(name));
  if ((await state.count(kind)) >= quota) throw quotaExceeded(quotaName, quota);
  return {
    name,
    id: iamId(idPrefix, ctx.random),
    path: checkedPath,
    arn: entityArn(ctx.partition, state.account, kind, checkedPath, name),
    createdAt: ctx.now,
  };
}

/** Stores a user, group or role together with the pointer from its unique id. */
export function putEntity<K extends EntityKind>(state: IamState, kind: K, value: Documents[K]): void {
  state.put(kind, keyOf(value.name), value);
}

export function putNewEntity<K extends EntityKind>(state: IamState, kind: K, value: Documents[K]): void {
  putEntity(state, kind, value);
  state.put("entity", value.id, { kind, key: keyOf(value.name) });
}

export function deleteEntity(state: IamState, kind: EntityKind, value: Named): void {
  state.delete(kind, keyOf(value.name));
  state.delete("entity", value.id);
}

/**
 * Moves a user or group to a new name or path. What points at it points at its unique id and stays.
 * @throws EntityAlreadyExists
 */
export async function renameEntity<K extends "user" | "group">(
  ctx: CallContext,
  state: IamState,
  kind: K,
  value: Documents[K],
  to: { name?: string | undefined; path?: string | undefined },
): Promise<void> {
  const name = to.name ?? value.name;
  const path = to.path === undefined ? value.path : readPath(to.path);
  const moved = { ...value, name, path, arn: entityArn(ctx.partition, state.account, kind, path, name) };
  if (keyOf(name) !== keyOf(value.name)) {
    if (await state.get(kind, keyOf(name))) throw alreadyExists(kinds[kind].exists(name));
    state.delete(kind, keyOf(value.name));
    state.put("entity", value.id, { kind, key: keyOf(name) });
  }
  putEntity(state, kind, moved);
}

/** Exact name; the stored key only folds case. @throws NoSuchEntity */
async function require<K extends "user" | "group" | "role" | "instanceProfile">(
  state: IamState,
  kind: K,
  name: string,
): Promise<Documents[K]> {
  const value = await state.get(kind, keyOf(name));
  if (!value || value.name !== name) throw noSuch[kind](name);
  return value;
}

export const requireUser = (state: IamState, name: string): Promise<User> => require(state, "user", name);
export const requireGroup = (state: IamState, name: string): Promise<Group> => require(state, "group", name);
export const requireRole = (state: IamState, name: string): Promise<Role> => require(state, "role", name);
export const requireInstanceProfile = (state: IamState, name: string): Promise<InstanceProfile> =>
  require(state, "instanceProfile", name);

/** The user a call is about: the one it names, else the caller itself. @throws ValidationError for other callers. */
export async function userOrCaller(ctx: CallContext, state: IamState, name: string | undefined): Promise<User> {
  if (name !== undefined) return requireUser(state, name);
  if (ctx.principal.kind !== "user") throw needsUserName();
  return requireUser(state, ctx.principal.userName);
}

/** True for root acting on itself: no user name, root credentials. */
export function isRootItself(ctx: CallContext, name: string | undefined): boolean {
  return name === undefined && ctx.principal.kind === "root";
}

/** Entities of one kind by their unique ids, in the order of the ids; those that are gone are left out. */
export async function entitiesById<K extends EntityKind>(
  state: IamState,
  kind: K,
  ids: readonly string[],
): Promise<Documents[K][]> {
  const pointers = await state.getMany("entity", ids);
  const keys = pointers.flatMap((pointer) => (pointer?.kind === kind ? [pointer.key] : []));
  const found = await state.getMany(kind, keys);
  return found.flatMap((value) => (value === undefined ? [] : [value]));
}

/** One entity by unique id. */
export async function entityById<K extends EntityKind>(
  state: IamState,
  kind: K,
  id: string,
): Promise<Documents[K] | undefined> {
  return (await entitiesById(state, kind, [id]))[0];
}

export const byName = (a: Named, b: Named): number => (keyOf(a.name) < keyOf(b.name) ? -1 : 1);
