/**
 * The inside of a role's process: takes the configuration, starts the module, and goes away when told to,
 * when signalled, or when the supervisor is gone.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Logger } from "#kernel/log.ts";
import { isToRole, type FromRole } from "./processMessages.ts";
import type { RoleConfig, RoleModule, RunningRole } from "./role.ts";

/** Longest time a role may take to drain before its process ends anyway. */
export const drainDeadlineMs = 25_000;

/** When what starting needed is garbage. */
const settledMs = 2_000;

/**
 * One collection of the whole heap, 50 ms, with what it frees given to the system: a process that has little to do after
 * its start does none of its own, and holds a third of its memory for nothing.
 */
function giveBack(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (how: object) => void;
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
}

/** The part of `process` that is used, so that a test can stand in for it. */
export interface RoleProcessHost {
  send?: ((message: FromRole, sent: () => void) => void) | undefined;
  on(event: "message", listener: (message: unknown) => void): void;
  on(event: "disconnect" | "SIGINT" | "SIGTERM", listener: () => void): void;
  exit(code: number): void;
}

/** Serves a role to the supervisor that forked this process. */
export function serveSupervised(role: string, module: RoleModule, log: Logger, host: RoleProcessHost): void {
  const life = new RoleLife(role, module, log, host);
  host.on("message", (message) => {
    if (!isToRole(message)) return;
    if (message.type === "start") void life.start(message.config, message.kept);
    else void life.stop(0);
  });
  // INVARIANT: no role outlives its supervisor, however that one ends: the kernel closes the channel.
  host.on("disconnect", () => void life.stop(0));
  host.on("SIGTERM", () => void life.stop(0));
  // Ctrl-C reaches the whole process group; the supervisor says in which order to stop.
  host.on("SIGINT", () => {});
  life.tell({ type: "waiting" });
}

/** Runs a role by itself, for installations that spread over several machines. */
export async function serveAlone(
  role: string,
  module: RoleModule,
  config: RoleConfig,
  log: Logger,
  host: RoleProcessHost,
): Promise<RunningRole> {
  const running = await module.start(config, log, { kept: undefined, keep() {}, want() {} });
  const life = new RoleLife(role, module, log, { ...host, send: undefined });
  life.adopt(running, config);
  host.on("SIGTERM", () => void life.stop(0));
  host.on("SIGINT", () => void life.stop(0));
  return running;
}

class RoleLife {
  readonly #role: string;
  readonly #module: RoleModule;
  readonly #log: Logger;
  readonly #host: RoleProcessHost;
  #running: RunningRole | undefined;
  #metrics: Promise<{ close(): Promise<void> }> | undefined;
  #starting: Promise<void> | undefined;
  #stopping = false;

  constructor(role: string, module: RoleModule, log: Logger, host: RoleProcessHost) {
    this.#role = role;
    this.#module = module;
    this.#log = log;
    this.#host = host;
  }

  adopt(running: RunningRole, config: RoleConfig): void {
    this.#running = running;
    this.#metrics = this.#serveMetrics(running, config);
  }

  /** Loaded when the role serves already: nothing waits for it. */
  async #serveMetrics(running: RunningRole, { dataDir }: RoleConfig): Promise<{ close(): Promise<void> }> {
    const [{ roleRegistry }, { serveMetrics }] = await Promise.all([
      import("./metrics.ts"),
      import("./metricsGathering.ts"),
    ]);
    const plain = roleRegistry(this.#role);
    return await serveMetrics(dataDir, () => running.registry ?? plain, this.#log);
  }

  start(config: RoleConfig, kept: Uint8Array | undefined): Promise<void> {
    this.#starting ??= this.#start(config, kept);
    return this.#starting;
  }

  async #start(config: RoleConfig, kept: Uint8Array | undefined): Promise<void> {
    try {
      const running = await this.#module.start(config, this.#log, {
        kept,
        keep: (value) => this.tell({ type: "keep", value }),
        want: (role) => this.tell({ type: "want", role }),
      });
      this.adopt(running, config);
      if (!this.#stopping) this.tell({ type: "ready", ready: running.ready });
      setTimeout(giveBack, settledMs).unref();
    } catch (error) {
      this.#log.fatal({ err: error }, "role did not start");
      const code = (error as NodeJS.ErrnoException).code;
      const message = error instanceof Error ? error.message : String(error);
      const failed: FromRole = { type: "failed", message, ...(typeof code === "string" ? { code } : {}) };
      this.tell(failed, () => this.#host.exit(1));
    }
  }

  async stop(code: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    setTimeout(() => this.#host.exit(1), drainDeadlineMs).unref();
    try {
      await this.#starting;
      await (await this.#metrics)?.close();
      await this.#running?.stop();
    } catch (error) {
      this.#log.error({ err: error }, "role did not stop cleanly");
      code = 1;
    }
    this.tell({ type: "stopped" }, () => this.#host.exit(code));
  }

  /** Says it if somebody listens, then goes on. */
  tell(message: FromRole, then: () => void = () => {}): void {
    if (!this.#host.send) return then();
    try {
      this.#host.send(message, then);
    } catch {
      // The channel is closed: the supervisor is gone.
      then();
    }
  }
}
