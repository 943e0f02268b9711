/** The hsm role: keeps the clusters of hardware security modules, each HSM in a process of its own. Runs where there is a cluster. */
import { join } from "node:path";
import { AdjustableClock } from "#kernel/clock.ts";
import type { Logger } from "#kernel/log.ts";
import { connectIpc } from "#ipc/client.ts";
import { serveIpc } from "#ipc/server.ts";
import { hsmErrors, planeHandlers } from "../hsm/plane/client.ts";
import { Plane } from "../hsm/plane/plane.ts";
import { untilDone } from "../edge/process.ts";
import { followClock, openClock } from "./clock.ts";
import { hsmSettings } from "./hsmSettings.ts";
import { hsmSecret } from "./hsmSecret.ts";
import { hsmPaths } from "./hsmPlane.ts";
import { callErrors, remoteCalls } from "./internalCalls.ts";
import { dataPaths, type RoleConfig, type RunningRole, type SupervisorLink } from "./role.ts";

export async function start(config: RoleConfig, log: Logger, supervisor: SupervisorLink): Promise<RunningRole> {
  const settings = hsmSettings(process.env, config.dataDir);
  const clock = await openClock(config);
  const follow = followClock(config, clock);
  const client = connectIpc(dataPaths.internalSocket(config.dataDir), { errors: callErrors });
  const { keys } = remoteCalls(client);
  const folder = hsmPaths.folder(config.dataDir);
  const stopping = new AbortController();
  let running: { close(): Promise<void> } | undefined;

  // INVARIANT: nobody reaches the plane before it has taken up every cluster: a call waits for it, and fails at its limit.
  const serve = async (secret: Buffer): Promise<void> => {
    const plane = await Plane.open({ folder, ...settings, secret, clock, log });
    const server = await serveIpc(hsmPaths.socket(config.dataDir), planeHandlers(plane), { errors: hsmErrors });
    const off = clock instanceof AdjustableClock ? clock.onMove((offset) => plane.clockMoved(offset)) : () => {};
    running = {
      async close() {
        off();
        await server.close();
        await plane.close();
      },
    };
  };

  const starting = (supervisor.kept ? serve(Buffer.from(supervisor.kept)) : serveOnceKnown()).catch(
    (error: unknown) => {
      if (stopping.signal.aborted) return;
      log.error({ err: error }, "the clusters of HSMs are not served");
    },
  );
  if (supervisor.kept) await starting;

  async function serveOnceKnown(): Promise<void> {
    const secret = await untilDone(
      () => hsmSecret(join(folder, "secret"), keys),
      stopping.signal,
      (error) => log.info({ err: error }, "waiting for the key holder"),
    );
    supervisor.keep(secret);
    await serve(secret);
  }

  return {
    ready: {},
    async stop() {
      stopping.abort();
      await starting;
      await running?.close();
      await follow.close();
      await client.close();
    },
  };
}
