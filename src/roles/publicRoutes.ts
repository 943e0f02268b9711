/** `/_jikimi/*` on the API's port: what anybody who reaches it may know, and the reset of a throw-away installation. */
import { AwsError } from "#kernel/errors.ts";
import { consoleRoutes } from "./consoleRoutes.ts";
import type { Installation } from "./installation.ts";
import { matrixOperations } from "./encryptionMatrixRoutes.ts";
import { gatherMetrics } from "./metricsGathering.ts";
import { ledgerOperations } from "./ledgerRoutes.ts";
import { ownRoutes } from "./ownApi.ts";
import type { RoleConfig } from "./role.ts";
import { rootLinkRoutes } from "./rootLink.ts";
import { Rendered, type Routes } from "./routes.ts";
import { sealOperations } from "./sealRoutes.ts";
import { unsealRoutes } from "./unsealRoutes.ts";

export function publicRoutes(installation: Installation, config: RoleConfig, reset: () => Promise<void>): Routes {
  const { runtime, metrics } = installation;
  return {
    /** The process answers, and says which one it is. */
    "GET /_jikimi/livez": () => ({ status: "ok", pid: process.pid }),
    /** It can serve: the store answers and the key holder is open. */
    "GET /_jikimi/readyz": async () => {
      await runtime.store.ping().catch(() => {
        throw new AwsError("NotReady", "The store does not answer.", 503);
      });
      const seal = await runtime.keys.state();
      if (seal.sealed) throw new AwsError("NotReady", `The key holder is sealed: ${seal.reason}.`, 503);
      return { status: "ready" };
    },
    "GET /_jikimi/health": async () => {
      const { sealed, seal } = await runtime.keys.state();
      return { services: served(installation), seal: { sealed, seal } };
    },
    "GET /_jikimi/metrics": async () =>
      new Rendered(metrics.registry.contentType, await gatherMetrics(config.dataDir, metrics.registry)),
    "POST /_jikimi/reset": async () => {
      await reset();
      return { status: "reset" };
    },
    ...ownRoutes(runtime, {
      ...sealOperations(installation.sealGroup, installation.seal),
      ...ledgerOperations(runtime, config.dataDir),
      ...matrixOperations(installation, config),
    }),
    ...rootLinkRoutes(runtime),
    ...unsealRoutes(installation.sealGroup, runtime.wallClock),
    ...consoleRoutes(runtime),
  };
}

/** The answer other emulators' users poll for: service → state. */
export function served(installation: Installation): Record<string, string> {
  return Object.fromEntries([...installation.runtime.services.keys()].map((id) => [id, "available"]));
}
