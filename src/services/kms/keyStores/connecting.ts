/**
 * Connects CloudHSM key stores: finds the cluster, logs in as `kmsuser` and gives it a password that only KMS knows.
 * "AWS KMS … logs into the CloudHSM client as the kmsuser CU, and rotates its password": KMS API Reference,
 * ConnectCustomKeyStore.
 *
 * INVARIANT: a password that the HSMs may have is in the store, protected, before they are told of it; whatever kills
 * this in between, the next run finds out which of the two they have.
 */
import type { JobContext } from "#gateway/context.ts";
import type { Job } from "#gateway/service.ts";
import { HsmError } from "#hsm/contract.ts";
import { Conflict, type DocumentKey } from "#store/contract.ts";
import { hsmConnectionError } from "./hsmFailures.ts";
import { type KeyStorePlane, kmsUser, passwordOf } from "./hsmSessions.ts";
import {
  type Connection,
  type ConnectionErrorCode,
  connectingIndex,
  type HsmStoreDocument,
  isHsmStore,
  type KeyStoreDocument,
  keyStoreIndexes,
  storeTypes,
} from "./state.ts";

const pageSize = 100;

/**
 * What may pass by itself, and how long that may take: modules that are being started again; somebody who has been logged
 * in as kmsuser, a process of our own perhaps. Milliseconds since this process first met the connection.
 */
const patience: Readonly<Partial<Record<ConnectionErrorCode, number>>> = {
  INSUFFICIENT_CLOUDHSM_HSMS: 15_000,
  NETWORK_ERRORS: 15_000,
  USER_LOGGED_IN: 3_000,
};

/** Why a store cannot be connected. */
class NotConnected extends Error {
  readonly code: ConnectionErrorCode;
  /** It does not pass by itself. */
  readonly final: boolean;
  constructor(code: ConnectionErrorCode, final = patience[code] === undefined) {
    super(code);
    this.code = code;
    this.final = final;
  }
}

export function connectingJob(plane: KeyStorePlane): Job {
  /** When each connection was first met, by its attempt. */
  const met = new Map<string, number>();
  return {
    name: "kms-key-stores",
    everyMs: 500,
    async run(ctx) {
      const where = { service: "kms", type: storeTypes.keyStore, index: connectingIndex, limit: pageSize };
      const { items } = await ctx.store.find<KeyStoreDocument>(where);
      const pending = items.flatMap(({ key, value }) => {
        if (!isHsmStore(value) || !("attempt" in value.connection) || value.connection.attempt === undefined) return [];
        return [{ key, store: value, attempt: value.connection.attempt }];
      });
      for (const known of met.keys()) if (!pending.some(({ attempt }) => attempt === known)) met.delete(known);
      for (const { attempt } of pending) if (!met.has(attempt)) met.set(attempt, ctx.clock.now());
      await Promise.all(pending.map((each) => step(ctx, plane, each, met.get(each.attempt)!)));
    },
  };
}

interface Pending {
  key: DocumentKey;
  store: HsmStoreDocument;
  attempt: string;
}

async function step(ctx: JobContext, plane: KeyStorePlane, pending: Pending, metAt: number): Promise<void> {
  const { key, store, attempt } = pending;
  const log = ctx.log.child({ customKeyStoreId: store.id });
  try {
    const isWanted = store.connection.state === "CONNECTING";
    const after = isWanted ? await login(ctx, plane, key, store) : undefined;
    await finish(ctx, key, attempt, { state: "CONNECTED", attempt }, ({ nextPassword, ...now }) =>
      after
        ? { ...now, protectedPassword: after.protectedPassword }
        : { ...now, ...(nextPassword ? { nextPassword } : {}) },
    );
    log.info(isWanted ? "a custom key store is connected" : "a custom key store is disconnected");
  } catch (error) {
    const reason = error instanceof HsmError ? new NotConnected(hsmConnectionError(error)) : error;
    if (!(reason instanceof NotConnected)) {
      // Of the key holder or the store: the next run goes on.
      log.error({ err: error }, "a custom key store is left for the next run");
      return;
    }
    const { code, final } = reason;
    if (!final && ctx.clock.now() - metAt < (patience[code] ?? 0)) return;
    log.warn({ reason: code }, "a custom key store did not connect");
    await finish(ctx, key, attempt, { state: "FAILED", errorCode: code }, (now) => now);
  }
}

/**
 * The store with the password that the HSMs have now. @throws NotConnected, HsmError
 */
async function login(
  ctx: JobContext,
  plane: KeyStorePlane,
  key: DocumentKey,
  store: HsmStoreDocument,
): Promise<HsmStoreDocument> {
  const { clusterId } = store;
  const next = store.nextPassword!;
  const cluster = await plane.cluster(clusterId);
  if (!cluster) throw new NotConnected("CLUSTER_NOT_FOUND");
  if (!cluster.hsms.some(({ alive, inStep }) => alive && inStep)) {
    throw new NotConnected("INSUFFICIENT_CLOUDHSM_HSMS", cluster.hsms.length === 0);
  }
  await requireUser(plane, clusterId);
  const rotated = { ...store, protectedPassword: next.protected };
  const nextPassword = await passwordOf(ctx.keys, store.id, next.protected);
  if (next.offered && (await fits(plane, clusterId, nextPassword))) return rotated;
  const password = await passwordOf(ctx.keys, store.id, store.protectedPassword);
  await update(ctx, key, (now) => ({ ...now, nextPassword: { ...next, offered: true } }));
  try {
    await plane.changePassword(clusterId, { user: kmsUser, password }, kmsUser, nextPassword);
  } catch (error) {
    // Refused for certain: nobody has the new one, and asking for it would count as a wrong password.
    if (error instanceof HsmError && (error.kind === "login-refused" || error.kind === "user-locked")) {
      await update(ctx, key, (now) => ({ ...now, nextPassword: { ...next, offered: false } }));
    }
    throw error;
  }
  return rotated;
}

/** @throws NotConnected USER_NOT_FOUND, USER_LOCKED_OUT, USER_LOGGED_IN */
async function requireUser(plane: KeyStorePlane, clusterId: string): Promise<void> {
  const users = await plane.listUsers(clusterId);
  const user = users.find(({ name, role }) => name === kmsUser && role === "crypto-user");
  if (!user) throw new NotConnected("USER_NOT_FOUND");
  if (user.locked) throw new NotConnected("USER_LOCKED_OUT");
  if (user.sessions > 0) throw new NotConnected("USER_LOGGED_IN");
}

async function fits(plane: KeyStorePlane, clusterId: string, password: string): Promise<boolean> {
  try {
    await plane.checkLogin(clusterId, { user: kmsUser, password });
    return true;
  } catch (error) {
    if (error instanceof HsmError && error.kind === "login-refused") return false;
    throw error;
  }
}

/** A connection that was given up meanwhile ends disconnected, with whatever was learnt of the password. */
function finish(
  ctx: JobContext,
  key: DocumentKey,
  attempt: string,
  connection: Connection,
  change: (now: HsmStoreDocument) => HsmStoreDocument,
): Promise<void> {
  return update(ctx, key, (now) => {
    const ended = now.connection.state === "DISCONNECTING" ? ({ state: "DISCONNECTED" } as const) : connection;
    const isThis = "attempt" in now.connection && now.connection.attempt === attempt;
    return { ...change(now), connection: isThis ? ended : now.connection };
  });
}

/** Compare and set, again while somebody else changes the store; of one that is gone nothing. */
async function update(
  ctx: JobContext,
  key: DocumentKey,
  change: (now: HsmStoreDocument) => HsmStoreDocument,
): Promise<void> {
  for (;;) {
    const document = await ctx.store.get<KeyStoreDocument>(key);
    if (!document || !isHsmStore(document.value)) return;
    const value = change(document.value);
    try {
      await ctx.store.commit([{ op: "put", key, value, indexes: keyStoreIndexes(value), ifVersion: document.version }]);
      return;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
}
