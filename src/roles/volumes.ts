/** The volumes role: makes the images of EBS volumes, takes their snapshots, and serves them to hosts over NBD. */
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { systemRandom } from "#kernel/ids.ts";
import type { Logger } from "#kernel/log.ts";
import { connectIpc } from "#ipc/client.ts";
import { makeFolder } from "#keys/files.ts";
import { streamErrors } from "#stream/ipc.ts";
import { openVolumes } from "../services/ec2/volumes/device/service.ts";
import { openRoleBlobs } from "./blobs.ts";
import { followClock, openClock } from "./clock.ts";
import { callErrors, remoteCalls } from "./internalCalls.ts";
import { dataPaths, type RoleConfig, type RunningRole } from "./role.ts";
import { openRoleStores } from "./roleStores.ts";

export async function start(config: RoleConfig, log: Logger): Promise<RunningRole> {
  // Blocks pass through buffers outside the heap, which would start a collection of the whole heap every 50 MB.
  setFlagsFromString("--external-memory-accounted-in-global-limit");
  const clock = await openClock(config);
  const follow = followClock(config, clock);
  const client = connectIpc(dataPaths.internalSocket(config.dataDir), { errors: [...streamErrors, ...callErrors] });
  const stores = await openRoleStores(config, client, clock);
  const blobs = await openRoleBlobs(config, clock);
  await makeFolder(join(config.dataDir, "run"));
  const volumes = await openVolumes(
    { store: stores.store, blobs, clock, random: systemRandom, log, asService: remoteCalls(client).asService },
    {
      images: join(config.dataDir, "volumes"),
      host: join(config.dataDir, "volumes-host"),
      socket: dataPaths.nbdSocket(config.dataDir),
      keepsNothing: config.ephemeral,
    },
  );
  return {
    ready: {},
    async stop() {
      await volumes.close();
      await follow.close();
      await blobs.close();
      await stores.close();
      await client.close();
    },
  };
}
