/** The api role: the AWS API on its port, the operator's socket, and what other roles need of the store and the keys. */
import { setFlagsFromString } from "node:v8";
import type { Logger } from "#kernel/log.ts";
import { createServer, type FrontServer, type TlsIdentity } from "#wire/server.ts";
import type { HttpRequest, HttpResponse } from "#wire/contract.ts";
import { openClock } from "./clock.ts";
import { ConsoleFiles, consolePath } from "./consoleFiles.ts";
import { publicRoutes } from "./publicRoutes.ts";
import { isFrontDoor, refuseForeignPages } from "./ownPages.ts";
import { removeClusters } from "./hsmPlane.ts";
import { removeState, requireResettable } from "./reset.ts";
import type { RoleConfig, RunningRole, SupervisorLink } from "./role.ts";
import { answerRoute, ownPrefix, type Routes } from "./routes.ts";
import { hostSuffixes, openServing, type Serving } from "./serving.ts";
import { openTlsIdentity } from "./tlsIdentity.ts";
import { proxyPrefix } from "../services/kms/xksProxy/state.ts";

/** Longest a running request may take once the role has been told to stop. */
const drainMs = 20_000;

export async function start(config: RoleConfig, log: Logger, supervisor: SupervisorLink): Promise<RunningRole> {
  // Bodies of objects pass through buffers outside the heap. Counted apart, every 50 MB of them start a collection of
  // the whole heap: half of what an upload or download costs.
  setFlagsFromString("--external-memory-accounted-in-global-limit");
  const tls = await openTlsIdentity(config.dataDir, await openClock(config), hostSuffixes);
  const front = new Front(log, tls, [...hostSuffixes, config.host.toLowerCase()]);
  // The port is taken before the store is opened: a second installation must not touch the first one's files.
  const { port } = await front.listen(config);
  const endpoint = `http://${config.host === "0.0.0.0" || config.host === "::" ? "127.0.0.1" : config.host}:${port}`;
  let serving = await openServing(config, endpoint, log, supervisor);
  let changing: Promise<void> = Promise.resolve();

  const serve = () => front.serve(serving, publicRoutes(serving.installation, config, reset));
  const reset = (): Promise<void> => {
    requireResettable(config);
    const emptied = changing.then(async () => {
      front.pause();
      serving.installation.drain();
      const { administrator, documentKeys } = serving.installation;
      const { accountId } = administrator;
      await serving.close();
      try {
        // Before the documents: whoever is told that it failed finds everything as it was, and may ask again.
        await removeClusters(config, supervisor);
        await removeState(config, documentKeys);
      } finally {
        serving = await openServing({ ...config, accountId }, endpoint, log, supervisor);
        serve();
      }
    });
    changing = emptied.catch(() => {});
    return emptied;
  };
  serve();

  return {
    ready: { ...serving.ready },
    get registry() {
      return serving.installation.metrics.registry;
    },
    async stop() {
      serving.installation.drain();
      await front.close();
      await changing;
      await serving.close();
    },
  };
}

/** The port: asks for patience while there is nothing to serve. */
class Front {
  readonly #server: FrontServer;
  #serving: Serving | undefined;
  #routes: Routes = {};
  readonly #ownNames: readonly string[];
  readonly #console = new ConsoleFiles();

  /** @param ownNames host names under which a browser may call what is ours */
  constructor(log: Logger, tls: TlsIdentity, ownNames: readonly string[]) {
    this.#ownNames = ownNames;
    this.#server = createServer({ handler: (request, signal) => this.#answer(request, signal), tls, logger: log });
  }

  listen({ port, host, apiProcesses }: RoleConfig): Promise<{ port: number }> {
    return this.#server.listen({ port, host, reusePort: apiProcesses > 1 });
  }

  serve(serving: Serving, routes: Routes): void {
    this.#serving = serving;
    this.#routes = routes;
  }

  pause(): void {
    this.#serving = undefined;
  }

  close(): Promise<void> {
    return this.#server.close(drainMs);
  }

  #answer(request: HttpRequest, signal: AbortSignal): HttpResponse | Promise<HttpResponse> {
    const serving = this.#serving;
    if (!serving) return { status: 503, headers: { "retry-after": "1" }, body: "starting\n" };
    if (request.path.startsWith(proxyPrefix)) return serving.xksProxy.answer(request);
    if (request.path.startsWith(ownPrefix)) return this.#own(request);
    if (isFrontDoor(request)) return { status: 302, headers: { location: consolePath }, body: "" };
    const certificate = serving.certificates.answer(request.method, request.path);
    if (certificate) return certificate;
    return serving.browser.answer(request, signal, () => serving.gateway.handle(request, signal));
  }

  async #own(request: HttpRequest): Promise<HttpResponse> {
    const issuer = this.#serving?.tokenIssuers.answer(request.method, request.path);
    if (issuer) return await issuer;
    const file = await this.#console.answer(request);
    return file ?? answerRoute(this.#routes, request, (asked) => refuseForeignPages(asked, this.#ownNames));
  }
}
