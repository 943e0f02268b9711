/**
 * Custom key stores in a CloudHSM cluster: made, changed, connected. Sources: KMS API Reference, the six operations.
 *
 * INVARIANT: a cluster, and all clusters of its backup history, have one store: it claims its cluster's certificate.
 */
import type { CallContext } from "#gateway/context.ts";
import { validation } from "../errors.ts";
import type { In } from "../sdk.ts";
import {
  clusterInUse,
  clusterNotActive,
  clusterNotRelated,
  fingerprintOf,
  fitCluster,
  isUnclaimed,
  requireTrustAnchor,
} from "./hsmCluster.ts";
import type { HsmKeys } from "./hsmKeys.ts";
import { protectPassword } from "./hsmSessions.ts";
import {
  type Claim,
  type HsmStoreDocument,
  type KeyStoreDocument,
  keyStoreIndexes,
  mustBeDisconnected,
  storeState,
  storeTypes,
} from "./state.ts";

/** Members of requests that other stores do not take; a new store needs all of them. */
export const hsmMembers = ["CloudHsmClusterId", "KeyStorePassword", "TrustAnchorCertificate"] as const;

/** A password that a CloudHSM cluster takes: 7 to 32 characters. Source: CloudHSM User Guide, "HSM user names". */
const passwordBytes = 24;

/**
 * Stages the claim. @throws CloudHsmClusterNotFoundException, CloudHsmClusterNotActiveException, CloudHsmClusterInUseException,
 * CloudHsmClusterInvalidConfigurationException, IncorrectTrustAnchorException
 */
export async function newHsmStore(
  ctx: CallContext,
  input: In<"CreateCustomKeyStore">,
  newId: () => string,
): Promise<HsmStoreDocument> {
  for (const name of hsmMembers) {
    if (input[name] === undefined) throw validation(`${name} is required for custom key stores of type AWS_CLOUDHSM.`);
  }
  const cluster = await fitCluster(ctx, input.CloudHsmClusterId!);
  const clusterCertificate = fingerprintOf(cluster);
  if (await ctx.state.get<Claim>(storeTypes.cluster, clusterCertificate)) throw clusterInUse();
  requireTrustAnchor(cluster, input.TrustAnchorCertificate!);
  const store = await ctx.once("create", async (): Promise<HsmStoreDocument> => {
    const id = newId();
    return {
      id,
      name: input.CustomKeyStoreName!,
      createdAt: ctx.now,
      connection: { state: "DISCONNECTED" },
      clusterId: cluster.id,
      clusterCertificate,
      trustAnchor: input.TrustAnchorCertificate!,
      protectedPassword: await protectPassword(ctx.keys, id, input.KeyStorePassword!),
    };
  });
  ctx.state.put<Claim>(storeTypes.cluster, clusterCertificate, { owner: store.id });
  return store;
}

/**
 * With the password that the user `kmsuser` has now, and another cluster of the same backup history.
 * @throws CloudHsmClusterNotRelatedException, and what `fitCluster` throws
 */
export async function changedHsmStore(
  ctx: CallContext,
  input: In<"UpdateCustomKeyStore">,
  store: HsmStoreDocument,
): Promise<HsmStoreDocument> {
  const { CloudHsmClusterId: clusterId = store.clusterId, KeyStorePassword: password } = input;
  const { state } = store.connection;
  const onlyName = input.CloudHsmClusterId === undefined && password === undefined;
  if (state !== "DISCONNECTED" && (state !== "CONNECTED" || !onlyName)) throw mustBeDisconnected(state);
  if (input.CloudHsmClusterId !== undefined) {
    const cluster = await fitCluster(ctx, clusterId);
    if (fingerprintOf(cluster) !== store.clusterCertificate) throw clusterNotRelated();
  }
  if (password === undefined) return { ...store, clusterId };
  const protectedPassword = await ctx.once("password", () => protectPassword(ctx.keys, store.id, password));
  // What KMS made before is not tried any more: the owner has said what it is.
  const { nextPassword: _, ...rest } = store;
  return { ...rest, clusterId, protectedPassword };
}

/**
 * Begins to connect; `connecting.ts` goes on, and says in the store how it ended.
 * @throws CloudHsmClusterNotActiveException, CustomKeyStoreInvalidStateException
 */
export async function beginConnecting(ctx: CallContext, hsm: HsmKeys, store: HsmStoreDocument): Promise<void> {
  const { state } = store.connection;
  if (state === "CONNECTED" || state === "CONNECTING") return;
  if (state === "DISCONNECTING") throw storeState("The custom key store is being disconnected.");
  const cluster = await hsm.plane?.cluster(store.clusterId);
  if (cluster && isUnclaimed(cluster)) throw clusterNotActive();
  const { attempt, nextPassword } = await ctx.once("connect", async () => {
    const password = ctx.random.bytes(passwordBytes).toString("base64url");
    return { attempt: ctx.random.uuid(), nextPassword: await protectPassword(ctx.keys, store.id, password) };
  });
  putStore(ctx, {
    ...store,
    connection: { state: "CONNECTING", attempt },
    // One that the HSMs may have already is not forgotten.
    nextPassword: store.nextPassword?.offered ? store.nextPassword : { protected: nextPassword, offered: false },
  });
}

/** @throws CustomKeyStoreInvalidStateException */
export function disconnect(ctx: CallContext, hsm: HsmKeys, store: KeyStoreDocument): void {
  const { connection } = store;
  if (connection.state === "DISCONNECTED") throw storeState("The custom key store is already disconnected.");
  if (connection.state === "DISCONNECTING") throw storeState("The custom key store is being disconnected.");
  // A connection under way has given kmsuser a new password, or is about to: it ends itself.
  const next =
    connection.state === "CONNECTING"
      ? { ...connection, state: "DISCONNECTING" as const }
      : { state: "DISCONNECTED" as const };
  putStore(ctx, { ...store, connection: next });
  ctx.onSettled(() => hsm.sessions?.end(store.id));
}

export function putStore(ctx: CallContext, store: KeyStoreDocument): void {
  ctx.state.put<KeyStoreDocument>(storeTypes.keyStore, store.id, store, { indexes: keyStoreIndexes(store) });
}
