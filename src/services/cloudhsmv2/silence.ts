/** How a cluster is, where a plane that does not answer is as if none of its HSMs did. */
import { type ClusterStatus, HsmError, type HsmPlane } from "../../hsm/contract.ts";

export async function statusOrSilence(plane: HsmPlane, clusterId: string): Promise<ClusterStatus | undefined> {
  try {
    return await plane.cluster(clusterId);
  } catch (error) {
    if (error instanceof HsmError && error.kind === "unavailable") return undefined;
    throw error;
  }
}
