/** The api role: the AWS API on its port, the operator's socket, and what other roles need of the store and the keys. */
import type { Logger } from "#kernel/log.ts";
import { Gateway } from "#gateway/gateway.ts";
import { serveIpc } from "#ipc/server.ts";
import { storeErrors, storeHandlers } from "#store/ipc.ts";
import { OutboxRelay } from "#stream/outbox.ts";
import { streamErrors, streamHandlers } from "#stream/ipc.ts";
import { createServer, type FrontServer, type TlsIdentity } from "#wire/server.ts";
import { createWire } from "#wire/wire.ts";
import type { HttpRequest, HttpResponse } from "#wire/contract.ts";
import { openClock } from "./clock.ts";
import { openInstallation, type Installation } from "./installation.ts";
import { callErrors, callHandlers } from "./internalCalls.ts";
import { operatorRoutes } from "./operatorRoutes.ts";
import { rootLinkUrl } from "./rootLink.ts";
import { leaseOwner } from "./owner.ts";
import { publicRoutes } from "./publicRoutes.ts";
import { dataPaths, type ApiReady, type RoleConfig, type RunningRole } from "./role.ts";
import { answerRoute, ownPrefix, type Routes } from "./routes.ts";
import { openTlsIdentity } from "./tlsIdentity.ts";
import { S3Browser } from "./s3Browser.ts";
import { serveUnix } from "./unixServer.ts";

/** Host names whose first label may be a bucket. */
const hostSuffixes = ["localhost", "jikimi.internal"];
/** Longest a running request may take once the role has been told to stop. */
const drainMs = 20_000;

export async function start(config: RoleConfig, log: Logger): Promise<RunningRole> {
  const front = new Front(log, await openTlsIdentity(config.dataDir, await openClock(config), hostSuffixes));
  // The port is taken before the store is opened: a second installation must not touch the first one's files.
  const { port } = await front.listen(config);
  const endpoint = `http://${config.host === "0.0.0.0" || config.host === "::" ? "127.0.0.1" : config.host}:${port}`;
  const installation = await openInstallation(
    config,
    { endpoint, defaultRegion: config.defaultRegion, hostSuffixes },
    log,
  );
  const { runtime } = installation;

  const wire = createWire({ defaultRegion: config.defaultRegion, baseHosts: hostSuffixes });
  const gateway = new Gateway(runtime, wire);
  const relay = new OutboxRelay({
    store: runtime.store,
    stream: installation.stream,
    owner: leaseOwner("api", config.dataDir),
    clock: installation.clock,
    log,
  });
  relay.start();
  const internal = await serveIpc(
    dataPaths.internalSocket(config.dataDir),
    {
      ...storeHandlers(runtime.store),
      ...streamHandlers(installation.stream),
      ...callHandlers(runtime),
      "installation.facts": () => runtime.config,
    },
    { errors: [...storeErrors, ...streamErrors, ...callErrors] },
  );
  const ready = await readyMessage(config, installation, endpoint);
  const admin = await serveUnix(
    dataPaths.adminSocket(config.dataDir),
    operatorRoutes(config, installation, ready),
    log,
  );
  front.serve(gateway, new S3Browser(runtime, wire), publicRoutes(config, installation));

  return {
    ready: { ...ready },
    async stop() {
      await front.close();
      await internal.close();
      await admin.close();
      await relay.stop();
      await installation.close();
    },
  };
}

async function readyMessage(config: RoleConfig, installation: Installation, endpoint: string): Promise<ApiReady> {
  const { accountId, accessKeyId, secretAccessKey, rootToken } = installation.administrator;
  const seal = await installation.runtime.keys.state();
  return {
    endpoint,
    consoleUrl: `${endpoint}/`,
    accountId,
    region: config.defaultRegion,
    accessKeyId,
    secretAccessKey,
    ...(rootToken === undefined ? {} : { rootLink: rootLinkUrl(endpoint, accountId, rootToken) }),
    warnings: !seal.sealed && seal.development ? ["development-seal"] : [],
  };
}

/** The port: refuses politely until there is something to serve. */
class Front {
  readonly #server: FrontServer;
  #gateway: Gateway | undefined;
  #browser: S3Browser | undefined;
  #routes: Routes = {};

  constructor(log: Logger, tls: TlsIdentity) {
    this.#server = createServer({ handler: (request, signal) => this.#answer(request, signal), tls, logger: log });
  }

  listen(config: RoleConfig): Promise<{ port: number }> {
    return this.#server.listen({ port: config.port, host: config.host });
  }

  serve(gateway: Gateway, browser: S3Browser, routes: Routes): void {
    this.#gateway = gateway;
    this.#browser = browser;
    this.#routes = routes;
  }

  close(): Promise<void> {
    return this.#server.close(drainMs);
  }

  #answer(request: HttpRequest, signal: AbortSignal): HttpResponse | Promise<HttpResponse> {
    const [gateway, browser] = [this.#gateway, this.#browser];
    if (!gateway || !browser) return { status: 503, headers: { "retry-after": "1" }, body: "starting\n" };
    if (request.path.startsWith(ownPrefix)) return answerRoute(this.#routes, request);
    return browser.answer(request, signal, () => gateway.handle(request, signal));
  }
}
