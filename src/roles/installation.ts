/**
 * The parts a role that holds the store is made of: store, stream, blobs, keys, identity and the gateway's runtime.
 */
import { join } from "node:path";
import { mkdir } from "node:fs/promises";
import { systemClock, type Clock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import type { Logger } from "#kernel/log.ts";
import type { InstallationConfig } from "#gateway/context.ts";
import type { Runtime } from "#gateway/runtime.ts";
import { startKeyHolder } from "#keys/client.ts";
import type { SealControl } from "#keys/sealControl.ts";
import { loadModel } from "#model/load.ts";
import type { Store } from "#store/contract.ts";
import { openStore } from "#store/open.ts";
import { SealedStore } from "#store/sealed.ts";
import { openStream } from "#stream/open.ts";
import type { Stream } from "#stream/contract.ts";
import { openRoleBlobs } from "./blobs.ts";
import { openClock } from "./clock.ts";
import { DocumentKeys } from "./documentKeys.ts";
import { administrator, type Administrator } from "./firstStart.ts";
import { joinIdentity, type JoinedIdentity } from "./identity.ts";
import { apiMetrics, type ApiMetrics } from "./metrics.ts";
import type { RoleConfig } from "./role.ts";
import { sealOf } from "./seal.ts";
import { SealGroup } from "./sealGroup.ts";
import { sealedKinds } from "./sealedKinds.ts";
import { services } from "./services.ts";

export interface Installation {
  clock: Clock;
  /** As it is kept: for other roles, which open what is sealed by themselves, and for backups. */
  store: Store;
  stream: Stream;
  documentKeys: DocumentKeys;
  identity: JoinedIdentity;
  administrator: Administrator;
  metrics: ApiMetrics;
  runtime: Runtime;
  seal: SealControl;
  sealGroup: SealGroup;
  /** Calls that only wait answer now; comes before the port is closed. */
  drain(): void;
  close(): Promise<void>;
}

/** Who makes the domain key that is due, of all that share a keyring: nobody else begins within this time (milliseconds). */
const rotationLease = "keys/domain-key";
const rotationMs = 600_000;

export async function openInstallation(
  config: RoleConfig,
  facts: Omit<InstallationConfig, "managementAccount">,
  log: Logger,
): Promise<Installation> {
  await mkdir(join(config.dataDir, "run"), { recursive: true, mode: 0o700 });
  const clock = await openClock(config);
  const store = await openStore(config.storeUrl, { clock });
  const stream = await openStream(config.streamUrl, { clock, store });
  const blobs = await openRoleBlobs(config, clock);
  const rotator = systemRandom.uuid();
  const keys = await startKeyHolder({
    dataDir: config.dataDir,
    seal: await sealOf(config),
    ...(config.sealKeeper === undefined ? {} : { recipient: Buffer.from(config.sealKeeper, "base64") }),
    logger: log,
    clock,
    onDestroyed: (group) => sealGroup.forget(group),
    mayRotate: async () => (await store.lease(rotationLease, rotator, rotationMs)) !== undefined,
  });
  const sealGroup: SealGroup = new SealGroup(config.dataDir, keys, keys);
  await sealGroup.serve(log);
  const documentKeys = new DocumentKeys({ store, keys, clock, random: systemRandom });
  const first = await administrator(config, { store, keys, clock });
  const identity = joinIdentity({ store, keys, clock, log, ownRegion: facts.defaultRegion });
  const metrics = apiMetrics();
  const draining = new AbortController();
  const runtime: Runtime = {
    services: new Map(services.map((service) => [service.id, service])),
    model: loadModel,
    store: new SealedStore(store, sealedKinds, documentKeys),
    blobs,
    keys,
    identity,
    clock,
    wallClock: systemClock,
    random: systemRandom,
    log,
    config: { ...facts, managementAccount: first.accountId },
    metrics,
    draining: draining.signal,
  };
  return {
    clock,
    store,
    stream,
    documentKeys,
    identity,
    administrator: first,
    metrics,
    runtime,
    seal: keys,
    sealGroup,
    drain: () => draining.abort(),
    async close() {
      await sealGroup.close();
      await identity.close();
      await keys.close();
      await stream.close();
      await blobs.close();
      await store.close();
    },
  };
}
