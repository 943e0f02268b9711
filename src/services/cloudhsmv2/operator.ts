/**
 * What the operator of the installation sees of clusters: every one of every account, and how the plane serves it. What is
 * in them is their officers' and users' alone; the operator's words below need their passwords.
 */
import type { Store } from "#store/contract.ts";
import type { HsmBackend, HsmPlane, HsmStatus } from "../../hsm/contract.ts";
import { statusOrSilence } from "./silence.ts";
import { type ClusterDocument, serviceId, types, workIndex } from "./state.ts";

export interface ClusterView {
  clusterId: string;
  accountId: string;
  region: string;
  /** AWS's. */
  state: string;
  hsms: (Pick<HsmStatus, "hsmId" | "alive" | "inStep" | "pid"> & { state: string })[];
  /** Where applications reach it, once there is an HSM. */
  socket?: string;
  /** What holds its keys, which need not be what new clusters get. */
  backend?: string;
  /** Token objects that users keep. */
  objects?: number;
}

export interface HsmsView {
  backend: HsmBackend;
  clusters: ClusterView[];
}

const most = 1_000;

export async function hsmsView(store: Store, plane: HsmPlane, backend: HsmBackend): Promise<HsmsView> {
  const { items } = await store.find<ClusterDocument>({
    service: serviceId,
    type: types.cluster,
    index: workIndex,
    value: "1",
    limit: most,
  });
  return {
    backend,
    clusters: await Promise.all(items.map(({ value }) => clusterView(value, plane))),
  };
}

async function clusterView(cluster: ClusterDocument, plane: HsmPlane): Promise<ClusterView> {
  const { id, account, region, state } = cluster;
  // A cluster without HSMs is nothing to the plane, which need not be running for it.
  const status = cluster.hsms.length === 0 ? undefined : await statusOrSilence(plane, id);
  return {
    clusterId: id,
    accountId: account,
    region,
    state,
    hsms: cluster.hsms.map((hsm) => {
      const seen = status?.hsms.find(({ hsmId }) => hsmId === hsm.id);
      const { alive = false, inStep = false, pid } = seen ?? {};
      return { hsmId: hsm.id, state: hsm.state, alive, inStep, ...(pid === undefined ? {} : { pid }) };
    }),
    ...(status ? { socket: status.endpoints.socket, objects: status.objects } : {}),
    ...(status?.backend ? { backend: status.backend.description } : {}),
  };
}
