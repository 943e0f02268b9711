/** Everything behind the port of the api role: the installation, what answers requests, and the sockets for the operator and for other roles. */
import { systemClock } from "#kernel/clock.ts";
import type { Logger } from "#kernel/log.ts";
import { Gateway } from "#gateway/gateway.ts";
import { serveIpc } from "#ipc/server.ts";
import { storeErrors, storeHandlers } from "#store/ipc.ts";
import { SqliteStore } from "#store/sqlite.ts";
import { followHandlers } from "#store/sqlite-followed.ts";
import { needsRelay } from "#stream/open.ts";
import { OutboxRelay } from "#stream/outbox.ts";
import { streamErrors, streamHandlers } from "#stream/ipc.ts";
import { createWire } from "#wire/wire.ts";
import { clockMarks, followClock } from "./clock.ts";
import { consolePath } from "./consoleFiles.ts";
import { whenNeeded, type Demand } from "./demand.ts";
import { openInstallation, type Installation } from "./installation.ts";
import { linkHsmPlane } from "./hsmPlane.ts";
import { callErrors, callHandlers } from "./internalCalls.ts";
import { operatorRoutes } from "./operatorRoutes.ts";
import { leaseOwner } from "./owner.ts";
import { dataPaths, type ApiReady, type RoleConfig, type SupervisorLink } from "./role.ts";
import { rootLinkUrl } from "./rootLink.ts";
import { S3Browser } from "./s3Browser.ts";
import { SigningCertificates } from "./signingCertificates.ts";
import { TokenIssuers } from "./tokenIssuers.ts";
import { serveUnix } from "./unixServer.ts";
import { edgeDocument, edgeService } from "../edge/config.ts";
import { followedTypes } from "../services/ec2/volumes/device/follow.ts";
import { XksProxy } from "../services/kms/xksProxy/proxy.ts";
import { version } from "./version.ts";

const demands: readonly Demand[] = [
  { role: "edge", service: edgeService, types: [edgeDocument.listener] },
  { role: "volumes", service: "ec2", types: followedTypes },
];

/** Host names whose first label may be a bucket. */
export const hostSuffixes = ["localhost", "jikimi.internal"];

export interface Serving {
  installation: Installation;
  gateway: Gateway;
  browser: S3Browser;
  certificates: SigningCertificates;
  tokenIssuers: TokenIssuers;
  xksProxy: XksProxy;
  ready: ApiReady;
  /** Ends what is behind the port, in the order in which it depends on one another. */
  close(): Promise<void>;
}

export async function openServing(
  config: RoleConfig,
  endpoint: string,
  log: Logger,
  supervisor: SupervisorLink,
): Promise<Serving> {
  const facts = { endpoint, defaultRegion: config.defaultRegion, hostSuffixes };
  const installation = await openInstallation(config, facts, log);
  const { runtime } = installation;
  const wire = createWire({ defaultRegion: config.defaultRegion, baseHosts: hostSuffixes });
  const ready = await readyMessage(config, installation, endpoint);
  const hsm = linkHsmPlane(config, supervisor);
  // The first api process moves the clock; the others and the jobs role follow what it has written down.
  const sockets = config.follower
    ? [followClock(config, installation.clock)]
    : await openSockets(config, installation, ready, log, supervisor);
  return {
    installation,
    gateway: new Gateway(runtime, wire),
    browser: new S3Browser(runtime, wire),
    certificates: new SigningCertificates(config.dataDir, runtime.store),
    tokenIssuers: new TokenIssuers(runtime.store, endpoint, systemClock),
    xksProxy: new XksProxy(runtime, await version()),
    ready,
    async close() {
      for (const socket of sockets) await socket.close();
      await hsm.close();
      await installation.close();
    },
  };
}

/** One api process of a data folder has the sockets and the relay; the others serve the port only. */
async function openSockets(
  config: RoleConfig,
  installation: Installation,
  ready: ApiReady,
  log: Logger,
  supervisor: SupervisorLink,
): Promise<{ close(): Promise<void> }[]> {
  const { runtime, store, stream, clock } = installation;
  const owner = leaseOwner("api", config.dataDir);
  const relay = needsRelay(store, stream) ? new OutboxRelay({ store, stream, owner, clock, log }) : undefined;
  relay?.start();
  const internal = await serveIpc(
    dataPaths.internalSocket(config.dataDir),
    {
      ...storeHandlers(store),
      ...streamHandlers(stream),
      ...(store instanceof SqliteStore ? followHandlers(store.database, clockMarks(clock)) : {}),
      ...callHandlers(runtime),
      "installation.facts": () => runtime.config,
    },
    { errors: [...storeErrors, ...streamErrors, ...callErrors] },
  );
  const routes = operatorRoutes(config, installation, ready);
  const admin = await serveUnix(dataPaths.adminSocket(config.dataDir), routes, log);
  const watches = demands.map((demand) => whenNeeded(runtime.store, log, demand, () => supervisor.want(demand.role)));
  return [...watches, internal, admin, { close: async () => relay?.stop() }];
}

async function readyMessage(config: RoleConfig, installation: Installation, endpoint: string): Promise<ApiReady> {
  const { accountId, accessKeyId, secretAccessKey, rootToken } = installation.administrator;
  const seal = await installation.runtime.keys.state();
  const handedOut = installation.seal.takeHandedOut();
  return {
    endpoint,
    consoleUrl: `${endpoint}${consolePath}`,
    accountId,
    region: config.defaultRegion,
    accessKeyId,
    secretAccessKey,
    ...(rootToken === undefined ? {} : { rootLink: rootLinkUrl(endpoint, accountId, rootToken) }),
    ...(handedOut === undefined ? {} : { handedOut: Buffer.from(handedOut).toString("base64") }),
    warnings: !seal.sealed && seal.development ? ["development-seal"] : [],
  };
}
