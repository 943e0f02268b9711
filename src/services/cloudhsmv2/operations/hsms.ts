/** HSMs and the claim of their cluster. Source: CloudHSM API Reference; User Guide, "Create an HSM", "Initialize the cluster". */
import type { CallContext } from "#gateway/context.ts";
import { type InstalledBackend, requireBackend } from "../backend.ts";
import { requireCluster, saveCluster, shownHsm } from "../clusters.ts";
import { invalid, notFound, unactivated } from "../errors.ts";
import { newId } from "../ids.ts";
import { dropInterface, type Interface, makeInterface } from "../network.ts";
import { takeHsmRoom } from "../quotas.ts";
import type { ClusterState, HsmHandlers, In } from "../sdk.ts";
import { checkSignedCertificate } from "../signedCertificate.ts";
import type { ClusterDocument, HsmDocument } from "../state.ts";

/** What AWS answers while the cluster's certificate is taken in. Source: User Guide, "Initialize the cluster". */
const initializing = "Cluster is initializing. State will change to INITIALIZED upon completion.";

/** A first HSM in one that waits for its claim, further ones in one that is active. */
function requireRoom(cluster: ClusterDocument): void {
  const active: readonly ClusterState[] = ["ACTIVE", "DEGRADED"];
  if (active.includes(cluster.state)) return;
  const claimable: readonly ClusterState[] = ["UNINITIALIZED", "INITIALIZED"];
  if (!claimable.includes(cluster.state)) {
    throw invalid(`An HSM cannot be created in cluster ${cluster.id} in the state ${cluster.state}.`);
  }
  if (cluster.hsms.length > 0) throw unactivated(cluster.id);
}

/** One of the three names is enough; all that are given must mean the same HSM. */
function named(cluster: ClusterDocument, input: In<"DeleteHsm">): HsmDocument {
  const { HsmId, EniId, EniIp } = input;
  if (HsmId === undefined && EniId === undefined && EniIp === undefined) {
    throw invalid("HsmId, EniId or EniIp must be specified.");
  }
  const found = cluster.hsms.find(
    ({ id, eniId, eniIp }) =>
      (HsmId === undefined || id === HsmId) &&
      (EniId === undefined || eniId === EniId) &&
      (EniIp === undefined || eniIp === EniIp),
  );
  if (!found) throw notFound(`HSM ${HsmId ?? EniId ?? EniIp} not found in cluster ${cluster.id}.`);
  return found;
}

async function create(backend: InstalledBackend, input: In<"CreateHsm">, ctx: CallContext) {
  const cluster = await requireCluster(ctx, input.ClusterId);
  requireRoom(cluster);
  const zone = input.AvailabilityZone ?? "";
  const subnetId = Object.hasOwn(cluster.subnets, zone) ? cluster.subnets[zone] : undefined;
  if (subnetId === undefined) throw invalid(`Cluster ${cluster.id} has no subnet in Availability Zone ${zone}.`);
  await takeHsmRoom(ctx);
  requireBackend(backend);
  const id = await ctx.once("id", async () => newId("hsm", ctx.random));
  const network = await ctx.once("interface", () =>
    makeInterface(ctx, {
      id,
      clusterId: cluster.id,
      subnetId,
      groupId: cluster.securityGroup,
      address: input.IpAddress,
    }),
  );
  const hsm: HsmDocument = {
    id,
    zone,
    subnetId,
    type: cluster.hsmType,
    ...network,
    state: "CREATE_IN_PROGRESS",
    since: ctx.now,
  };
  const changed = { ...cluster, hsms: [...cluster.hsms, hsm] };
  saveCluster(ctx, changed);
  return shownHsm(changed, hsm);
}

export function hsmHandlers(backend: InstalledBackend): HsmHandlers {
  return {
    async CreateHsm(input, ctx) {
      try {
        return { Hsm: await create(backend, input, ctx) };
      } catch (error) {
        // A run that was overtaken by another call has made it.
        const made = await ctx.once<Interface | undefined>("interface", async () => undefined);
        await dropInterface(ctx, made?.eniId);
        throw error;
      }
    },

    async DeleteHsm(input, ctx) {
      const cluster = await requireCluster(ctx, input.ClusterId);
      const hsm = named(cluster, input);
      if (cluster.change || cluster.state === "INITIALIZE_IN_PROGRESS") {
        throw invalid(`An HSM of cluster ${cluster.id} cannot be deleted in the state ${cluster.state}.`);
      }
      if (hsm.state === "DELETE_IN_PROGRESS") throw invalid(`HSM ${hsm.id} is being deleted already.`);
      await ctx.once("dropped interface", () => dropInterface(ctx, hsm.eniId));
      const hsms = cluster.hsms.map((each) =>
        each === hsm ? { ...hsm, state: "DELETE_IN_PROGRESS" as const, since: ctx.now } : each,
      );
      saveCluster(ctx, { ...cluster, hsms });
      return { HsmId: hsm.id };
    },

    async InitializeCluster(input, ctx) {
      const cluster = await requireCluster(ctx, input.ClusterId);
      if (cluster.state !== "UNINITIALIZED") {
        throw invalid(`Cluster ${cluster.id} is in the state ${cluster.state}; it must be UNINITIALIZED.`);
      }
      const { certificates } = cluster;
      if (!certificates || cluster.hsms.some(({ state }) => state !== "ACTIVE")) {
        throw invalid(`Cluster ${cluster.id} has no active HSM yet.`);
      }
      const initialization = { signedCertificate: input.SignedCert ?? "", trustAnchor: input.TrustAnchor ?? "" };
      checkSignedCertificate({ ...initialization, csr: certificates.clusterCsr }, ctx.now);
      saveCluster(ctx, { ...cluster, state: "INITIALIZE_IN_PROGRESS", message: initializing, initialization });
      return { State: "INITIALIZE_IN_PROGRESS", StateMessage: initializing };
    },
  };
}
