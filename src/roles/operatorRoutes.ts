/** `/_jikimi/*` on the operator's socket. Shapes: adminContract.ts. */
import type { AdjustableClock } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { denialKey, type Denial } from "#gateway/denials.ts";
import type { AdminRootLink, AdminStatus, AdminTime, AdminWhyDenied } from "./adminContract.ts";
import { backup } from "./backup.ts";
import { advanceClock } from "./clock.ts";
import { coverage } from "./coverage.ts";
import { listenerStates } from "./listenerStates.ts";
import { operatorMatrix } from "./encryptionMatrixRoutes.ts";
import { findings } from "./findings.ts";
import { installedBackend } from "./hsmBackend.ts";
import { hsmPlane } from "./hsmPlane.ts";
import { hsmRoutes } from "./hsmRoutes.ts";
import type { Installation } from "./installation.ts";
import { operatorLedger } from "./ledgerRoutes.ts";
import type { ApiReady, RoleConfig } from "./role.ts";
import { newRootLink } from "./rootLink.ts";
import type { Routes } from "./routes.ts";
import { sealRoutes } from "./sealRoutes.ts";
import { version } from "./version.ts";
import { xksProxyRoutes } from "./xksProxyRoutes.ts";

export function operatorRoutes(config: RoleConfig, installation: Installation, ready: ApiReady): Routes {
  const { runtime, clock } = installation;
  const startedAt = performance.now();
  return {
    "GET /_jikimi/status": async (): Promise<AdminStatus> => ({
      version: await version(),
      endpoint: ready.endpoint,
      consoleUrl: ready.consoleUrl,
      accountId: ready.accountId,
      region: ready.region,
      now: clock.now(),
      uptimeMs: Math.round(performance.now() - startedAt),
      seal: await installation.sealGroup.state(),
      services: [...runtime.services.values()].map(({ id, operations }) => ({ id, operations: operations.size })),
      listeners: await listenerStates(runtime.store),
    }),
    "GET /_jikimi/readyz": async () => {
      await runtime.store.ping();
      return { status: "ready" };
    },
    "GET /_jikimi/why-denied": async (query): Promise<AdminWhyDenied> => {
      const requestId = query.get("requestId") ?? "";
      const document = requestId === "" ? undefined : await runtime.store.get<Denial>(denialKey(requestId));
      if (!document) throw new AwsError("NotFound", `No refused call has the request id ${requestId}.`, 404);
      return { ...document.value };
    },
    "GET /_jikimi/coverage": () => coverage(),
    "GET /_jikimi/findings": (query) => findings(runtime.store, query),
    "GET /_jikimi/encryption-matrix": () => operatorMatrix(installation, config),
    "GET /_jikimi/ledger": (query) => operatorLedger(runtime, config.dataDir, query),
    "POST /_jikimi/time": async (_query, body): Promise<AdminTime> => {
      const { advanceMs } = body;
      if (typeof advanceMs !== "number") throw new AwsError("InvalidRequest", "advanceMs must be a number.", 400);
      try {
        await advanceClock(config, clock, advanceMs);
      } catch (error) {
        if (error instanceof RangeError) throw new AwsError("ClockNotAdjustable", error.message, 409);
        throw error;
      }
      return { now: clock.now(), offsetMs: (clock as AdjustableClock).offset };
    },
    ...sealRoutes(installation.sealGroup, installation.seal),
    "POST /_jikimi/root-link": async (): Promise<AdminRootLink> => await newRootLink(runtime, ready.accountId),
    "POST /_jikimi/backup": async (_query, body) => {
      if (typeof body["path"] !== "string") throw new AwsError("InvalidRequest", "path must be a string.", 400);
      return await backup(config, installation, body["path"]);
    },
    ...xksProxyRoutes(runtime),
    ...hsmRoutes(runtime.store, hsmPlane, installedBackend(process.env, config.dataDir)),
  };
}
