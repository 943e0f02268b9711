/** The edge role: serves listeners, with the api role or without it. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { systemRandom } from "#kernel/ids.ts";
import type { Logger } from "#kernel/log.ts";
import { connectIpc } from "#ipc/client.ts";
import { DecryptError } from "#keys/contract.ts";
import { createDurably, isErrno, makeFolder } from "#keys/files.ts";
import { streamErrors } from "#stream/ipc.ts";
import { untilDone } from "../edge/process.ts";
import { edgeBind } from "./edgeBind.ts";
import { openEdge } from "./edgeParts.ts";
import { followClock, openClock } from "./clock.ts";
import { callErrors, remoteCalls } from "./internalCalls.ts";
import { openLocationFiles } from "./locationFiles.ts";
import { dataPaths, type RoleConfig, type RunningRole, type SupervisorLink } from "./role.ts";

/** Longest a request under way may take once the role has been told to stop. */
const drainMs = 15_000;
const secretBytes = 32;
const secretPurpose = "edge-secret";

export async function start(config: RoleConfig, log: Logger, supervisor: SupervisorLink): Promise<RunningRole> {
  // Expressions of routing rules come from users; the engine leaves backtracking when it gets long.
  setFlagsFromString("--enable-experimental-regexp-engine-on-excessive-backtracks");
  const bind = edgeBind(process.env);
  const folder = join(config.dataDir, "edge");
  await makeFolder(folder);
  const location = await openLocationFiles(process.env);
  const clock = await openClock(config);
  const follow = followClock(config, clock);
  const client = connectIpc(dataPaths.internalSocket(config.dataDir), { errors: [...streamErrors, ...callErrors] });
  const { keys } = remoteCalls(client);
  const stopping = new AbortController();
  let running: { close(): Promise<void> } | undefined;

  const serve = async (secret: Uint8Array): Promise<void> => {
    running = await openEdge({
      clock,
      log,
      secret,
      bind,
      drainMs,
      keys,
      folder,
      client,
      ...(location ? { location } : {}),
    });
  };

  // INVARIANT: with the secret at hand it serves before it says that it is ready, whether the api role is there or not.
  const starting = supervisor.kept ? serve(supervisor.kept) : serveOnceKnown();
  if (supervisor.kept) await starting;

  async function serveOnceKnown(): Promise<void> {
    const secret = await untilDone(
      () => edgeSecret(join(folder, "secret"), keys),
      stopping.signal,
      (error) => log.info({ err: error }, "waiting for the key holder"),
    );
    supervisor.keep(secret);
    await serve(secret);
  }
  starting.catch((error: unknown) => {
    if (!stopping.signal.aborted) log.error({ err: error }, "the edge does not serve");
  });

  return {
    ready: {},
    async stop() {
      stopping.abort();
      await starting.catch(() => {});
      await running?.close();
      await follow.close();
      await client.close();
    },
  };
}

/** The secret of this data folder: what seals cookies and files. It lies on the disk protected by the key holder. */
async function edgeSecret(path: string, keys: ReturnType<typeof remoteCalls>["keys"]): Promise<Uint8Array> {
  const kept = await readFile(path).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (kept) {
    try {
      return await keys.reveal(secretPurpose, "", kept);
    } catch (error) {
      // The keys it was protected under are gone (a reset, a restore): so is what it sealed.
      if (!(error instanceof DecryptError)) throw error;
      await rm(path);
    }
  }
  const secret = systemRandom.bytes(secretBytes);
  await createDurably(path, await keys.protect(secretPurpose, "", secret));
  return secret;
}
