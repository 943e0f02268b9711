/** The plane from other processes of the installation: its methods over a socket of the data folder, sessions at the cluster's own. */
import { connectIpc } from "#ipc/client.ts";
import { IpcLost, type ErrorCodec, type IpcHandlers } from "#ipc/contract.ts";
import { HsmError, type HsmFailure, type HsmPlane, type HsmSession } from "../contract.ts";
import { SocketSession } from "../session.ts";
import type { Plane } from "./plane.ts";

type Remote = Exclude<keyof HsmPlane, "openSession" | "close">;

/** A row for every method, so that none is forgotten. */
const methods: Readonly<Record<Remote, true>> = {
  backend: true,
  createHsm: true,
  deleteHsm: true,
  deleteCluster: true,
  cluster: true,
  initialize: true,
  listUsers: true,
  createUser: true,
  deleteUser: true,
  changePassword: true,
  checkLogin: true,
  registerQuorumKey: true,
  setQuorum: true,
  quorum: true,
  quorumToken: true,
  shareKey: true,
  unshareKey: true,
  backup: true,
};

export const hsmErrors: readonly ErrorCodec[] = [
  {
    name: "HsmError",
    encode: (error) => ({ kind: (error as HsmError).kind }),
    decode: ({ kind }, message) => new HsmError(kind as HsmFailure, message),
  },
];

/** No service's business: it removes everything. */
const clearing = "hsm.clear";

export function planeHandlers(plane: Plane): IpcHandlers {
  const all = Object.fromEntries(
    (Object.keys(methods) as Remote[]).map((method) => [
      `hsm.${method}`,
      (args) => (plane[method] as (...values: readonly unknown[]) => unknown)(...args),
    ]),
  ) as IpcHandlers;
  return { ...all, [clearing]: () => plane.clear() };
}

export interface PlaneClientOptions {
  /** Has the plane's process started, where it is not; asked before every call. */
  want(): void;
  /** How long a call waits for it to be there. */
  connectTimeoutMs?: number;
}

/** A backup of a cluster with many thousand keys is tens of megabytes. */
const longestMessage = 512 * 1024 * 1024;

export function connectHsmPlane(path: string, { want, connectTimeoutMs = 30_000 }: PlaneClientOptions): HsmPlane {
  const client = connectIpc(path, { errors: hsmErrors, connectTimeoutMs, maxMessage: longestMessage });
  const call = async (method: Remote, args: readonly unknown[]): Promise<unknown> => {
    want();
    try {
      return await client.call(`hsm.${method}`, args);
    } catch (error) {
      if (error instanceof IpcLost) throw new HsmError("unavailable", "the process of the HSMs does not answer", error);
      throw error;
    }
  };
  const remote = Object.fromEntries(
    (Object.keys(methods) as Remote[]).map((method) => [method, (...args: readonly unknown[]) => call(method, args)]),
  ) as unknown as Pick<HsmPlane, Remote>;
  return {
    ...remote,
    openSession: (clusterId, credentials) => openSession(remote, clusterId, credentials),
    close: () => client.close(),
  };
}

/** Removes every cluster. @throws HsmError `unavailable` where the plane does not answer */
export async function clearHsmPlane(
  path: string,
  { want, connectTimeoutMs = 30_000 }: PlaneClientOptions,
): Promise<void> {
  const client = connectIpc(path, { errors: hsmErrors, connectTimeoutMs });
  try {
    want();
    await client.call(clearing, []);
  } catch (error) {
    if (error instanceof IpcLost) throw new HsmError("unavailable", "the process of the HSMs does not answer", error);
    throw error;
  } finally {
    await client.close();
  }
}

export async function openSession(
  plane: Pick<HsmPlane, "cluster">,
  clusterId: string,
  credentials: { user: string; password: string },
): Promise<HsmSession> {
  const cluster = await plane.cluster(clusterId);
  if (!cluster) throw new HsmError("no-such-cluster", `there is no cluster ${clusterId}`);
  if (cluster.state !== "active") throw new HsmError("not-active", `the cluster is ${cluster.state}`);
  if (cluster.hsms.length === 0) throw new HsmError("no-hsm", "the cluster has no HSM");
  return SocketSession.open(clusterId, cluster.endpoints.socket, credentials);
}
