/** The jobs role: what happens by the clock, and what follows from events. */
import { systemRandom } from "#kernel/ids.ts";
import type { Logger } from "#kernel/log.ts";
import type { JobContext } from "#gateway/context.ts";
import { connectIpc } from "#ipc/client.ts";
import { SealedStore } from "#store/sealed.ts";
import { streamErrors } from "#stream/ipc.ts";
import { SealedStream } from "#stream/sealed.ts";
import { openRoleBlobs } from "./blobs.ts";
import { followClock, openClock } from "./clock.ts";
import { DocumentKeys } from "./documentKeys.ts";
import { housekeeping } from "./housekeeping.ts";
import { linkHsmPlane } from "./hsmPlane.ts";
import { callErrors, remoteCalls } from "./internalCalls.ts";
import { runJobs } from "./jobRunner.ts";
import { LeaseKeeper } from "./leaseKeeper.ts";
import { ledgerMeter } from "./ledgerMeter.ts";
import { roleRegistry, workMetrics } from "./metrics.ts";
import { leaseOwner } from "./owner.ts";
import { runReactors } from "./reactorRunner.ts";
import { openRoleStores } from "./roleStores.ts";
import { dataPaths, type RoleConfig, type RunningRole, type SupervisorLink } from "./role.ts";
import { sealedKinds } from "./sealedKinds.ts";
import { services } from "./services.ts";

export async function start(config: RoleConfig, log: Logger, supervisor: SupervisorLink): Promise<RunningRole> {
  const clock = await openClock(config);
  const follow = followClock(config, clock);
  const client = connectIpc(dataPaths.internalSocket(config.dataDir), {
    errors: [...streamErrors, ...callErrors],
  });
  const stores = await openRoleStores(config, client, clock);
  const remote = remoteCalls(client);
  const documentKeys = new DocumentKeys({ store: stores.store, keys: remote.keys, clock, random: systemRandom });
  const store = new SealedStore(stores.store, sealedKinds, documentKeys);
  const stream = new SealedStream(stores.stream, sealedKinds, documentKeys);
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
    ...remote,
  };
  const hsm = linkHsmPlane(config, supervisor);
  const owner = leaseOwner("jobs", config.dataDir);
  const ofServices = services.flatMap((service) =>
    service.reactors.map((reactor) => ({ service: service.id, reactor })),
  );
  const runnable = [...ofServices, ledgerMeter()];
  const serviceJobs = services.flatMap((service) => service.jobs.map((job) => ({ service: service.id, job })));
  const keeper = new LeaseKeeper(log);
  const registry = roleRegistry("jobs");
  const metrics = workMetrics(registry);
  const jobs = runJobs([...serviceJobs, ...housekeeping(stream, runnable)], ctx, owner, keeper, metrics);
  const reactors = runReactors(runnable, stream, ctx, owner, keeper, metrics);
  return {
    ready: {},
    registry,
    async stop() {
      await follow.close();
      await Promise.all([jobs.stop(), reactors.stop()]);
      await hsm.close();
      await blobs.close();
      await stores.close();
      await client.close();
    },
  };
}
