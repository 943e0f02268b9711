/** The jobs role: what happens by the clock, and what follows from events. */
import { systemRandom } from "#kernel/ids.ts";
import type { Logger } from "#kernel/log.ts";
import type { JobContext } from "#gateway/context.ts";
import { connectIpc } from "#ipc/client.ts";
import { streamErrors } from "#stream/ipc.ts";
import { openRoleBlobs } from "./blobs.ts";
import { followClock, openClock } from "./clock.ts";
import { housekeeping } from "./housekeeping.ts";
import { callErrors, remoteCalls } from "./internalCalls.ts";
import { runJobs } from "./jobRunner.ts";
import { LeaseKeeper } from "./leaseKeeper.ts";
import { leaseOwner } from "./owner.ts";
import { runReactors } from "./reactorRunner.ts";
import { openRoleStores } from "./roleStores.ts";
import { dataPaths, type RoleConfig, type RunningRole } from "./role.ts";
import { services } from "./services.ts";

export async function start(config: RoleConfig, log: Logger): Promise<RunningRole> {
  const clock = await openClock(config);
  const follow = followClock(config, clock);
  const client = connectIpc(dataPaths.internalSocket(config.dataDir), {
    errors: [...streamErrors, ...callErrors],
  });
  const stores = await openRoleStores(config, client, clock);
  const { store, stream } = stores;
  const blobs = await openRoleBlobs(config, clock);
  const facts = (await client.call("installation.facts", [])) as JobContext["config"];
  const ctx: JobContext = {
    clock,
    random: systemRandom,
    log,
    store,
    blobs,
    config: facts,
    signal: new AbortController().signal,
    ...remoteCalls(client),
  };
  const owner = leaseOwner("jobs", config.dataDir);
  const runnable = services.flatMap((service) => service.reactors.map((reactor) => ({ service: service.id, reactor })));
  const ofServices = services.flatMap((service) => service.jobs.map((job) => ({ service: service.id, job })));
  const keeper = new LeaseKeeper(log);
  const jobs = runJobs([...ofServices, ...housekeeping(stream, runnable)], ctx, owner, keeper);
  const reactors = runReactors(runnable, stream, ctx, owner, keeper);
  return {
    ready: {},
    async stop() {
      await follow.close();
      await Promise.all([jobs.stop(), reactors.stop()]);
      await blobs.close();
      await stores.close();
      await client.close();
    },
  };
}
