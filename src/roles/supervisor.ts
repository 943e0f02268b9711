/**
 * `jikimi up`: forks one process per role in order, starts a role again when it ends, and stops all of them in
 * the opposite order. It uses no key, opens no port and reads no request, so it has no reason to fail.
 */
import { RoleFailed, RoleProcess, type RoleSpec } from "./processChild.ts";
import { RoleLog, roleLogPath } from "./processLog.ts";
import { drainDeadlineMs } from "./processRole.ts";
import type { RoleConfig } from "./role.ts";

export interface RestartLimits {
  firstPauseMs: number;
  longestPauseMs: number;
  /** A role that ran this long is healthy: its next pause is the first one again. */
  healthyMs: number;
  /** This many ends within the window are a crash loop. */
  crashes: number;
  windowMs: number;
}

export const restartLimits: RestartLimits = {
  firstPauseMs: 200,
  longestPauseMs: 10_000,
  healthyMs: 60_000,
  crashes: 8,
  windowMs: 120_000,
};

export type SupervisorEvent =
  | { type: "starting"; role: string }
  | { type: "ready"; role: string; milliseconds: number; pid: number }
  | { type: "ended"; role: string; how: string; againInMs: number }
  | { type: "stopping"; role: string }
  | { type: "stopped"; role: string; clean: boolean; milliseconds: number };

export interface SupervisorOptions {
  /** In the order they start; a role may rely on those before it. */
  roles: readonly RoleSpec[];
  config: RoleConfig;
  onEvent?: (event: SupervisorEvent) => void;
  limits?: RestartLimits;
  drainMs?: number;
  /** A role that is not ready by then is ended: a start that hangs is a start that failed. */
  startMs?: number;
  env?: NodeJS.ProcessEnv;
}

/** Opening a large store after a crash takes its time. */
const startDeadlineMs = 120_000;

/** A role ends again and again. */
export class CrashLoop extends Error {
  readonly role: string;
  constructor(role: string, crashes: number, logPath: string) {
    super(`the ${role} role ended ${crashes} times in a row; the reason is in ${logPath}`);
    this.name = "CrashLoop";
    this.role = role;
  }
}

export class Supervisor {
  /** Resolves when everything has been stopped by `stop`, rejects with `CrashLoop`. */
  readonly done: Promise<void>;
  readonly #options: SupervisorOptions;
  readonly #limits: RestartLimits;
  readonly #running = new Map<string, RoleProcess>();
  readonly #logs = new Map<string, RoleLog>();
  readonly #pauses = new Set<() => void>();
  /** What roles asked to be kept for their next process. */
  readonly #kept = new Map<string, Uint8Array>();
  /** Roles that run, or will again. */
  readonly #wanted = new Set<string>();
  #config: RoleConfig;
  #stopping: Promise<void> | undefined;
  #finish!: (error?: Error) => void;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#limits = options.limits ?? restartLimits;
    this.done = new Promise((resolve, reject) => {
      this.#finish = (error) => (error ? reject(error) : resolve());
    });
    this.done.catch(() => {});
  }

  /** What each role said when it was ready. Rejects with `RoleFailed`, everything stopped, when one cannot start. */
  async start(): Promise<Map<string, Record<string, unknown>>> {
    const said = new Map<string, Record<string, unknown>>();
    try {
      // All load their programs at the same time; each begins when the one before it is ready.
      const atOnce = this.#options.roles.filter((spec) => !spec.onDemand);
      for (const { name } of atOnce) this.#wanted.add(name);
      const forked = atOnce.map((spec) => [spec, this.#fork(spec)] as const);
      for (const [spec, process] of forked) {
        if (this.#stopping) throw new Error("stopped while starting");
        this.#begin(spec, process);
        const ready = await this.#untilReady(spec, process);
        said.set(spec.name, ready);
        void this.#keep(spec, process);
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    return said;
  }

  pids(): Record<string, number> {
    return Object.fromEntries([...this.#running].flatMap(([name, each]) => (each.pid ? [[name, each.pid]] : [])));
  }

  /** Stops every role in the opposite order, each with the drain deadline. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll().then(() => this.#finish());
    return this.#stopping;
  }

  /** The second Ctrl-C: no more draining. */
  killAll(): void {
    for (const each of this.#running.values()) each.kill();
  }

  async #stopAll(): Promise<void> {
    for (const endPause of this.#pauses) endPause();
    for (const spec of this.#options.roles.toReversed()) {
      const process = this.#running.get(spec.name);
      if (!process) continue;
      this.#tell({ type: "stopping", role: spec.name });
      const since = performance.now();
      await process.stop(this.#options.drainMs ?? drainDeadlineMs);
      this.#tell({
        type: "stopped",
        role: spec.name,
        clean: !process.killed,
        milliseconds: Math.round(performance.now() - since),
      });
    }
    for (const log of this.#logs.values()) log.close();
    this.#logs.clear();
  }

  #begin(spec: RoleSpec, process: RoleProcess): void {
    this.#tell({ type: "starting", role: spec.name });
    process.begin(this.#config, this.#kept.get(spec.name));
  }

  #fork(spec: RoleSpec): RoleProcess {
    const process = new RoleProcess(spec, this.#log(spec.name), this.#options.env ?? globalThis.process.env, {
      want: (role) => this.#want(role),
      keep: (value) => void this.#kept.set(spec.name, value),
    });
    this.#running.set(spec.name, process);
    void process.exited.then(() => {
      if (this.#running.get(spec.name) === process) this.#running.delete(spec.name);
    });
    return process;
  }

  /** Starts a role that waits for being wanted; another role wants it as often as it likes. */
  #want(role: string): void {
    const spec = this.#options.roles.find(({ name, onDemand }) => name === role && onDemand);
    if (!spec || this.#wanted.has(role) || this.#stopping) return;
    this.#wanted.add(role);
    const process = this.#fork(spec);
    this.#begin(spec, process);
    // Whether it starts or not, its end is what counts.
    void this.#untilReady(spec, process).catch(() => {});
    void this.#keep(spec, process);
  }

  async #untilReady(spec: RoleSpec, process: RoleProcess): Promise<Record<string, unknown>> {
    const since = performance.now();
    const ready = await this.#within(spec, process);
    this.#tell({
      type: "ready",
      role: spec.name,
      milliseconds: Math.round(performance.now() - since),
      pid: process.pid ?? 0,
    });
    this.#keepPort(ready);
    return ready;
  }

  async #within(spec: RoleSpec, process: RoleProcess): Promise<Record<string, unknown>> {
    const limit = this.#options.startMs ?? startDeadlineMs;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      process.kill();
    }, limit);
    try {
      return await process.ready;
    } catch (error) {
      throw late ? new RoleFailed(spec.name, `not ready within ${limit / 1000} s`) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Clients know the port by now: a role that is started again takes the same one. */
  #keepPort(ready: Record<string, unknown>): void {
    const endpoint = ready["endpoint"];
    if (this.#config.port !== 0 || typeof endpoint !== "string" || !URL.canParse(endpoint)) return;
    this.#config = { ...this.#config, port: Number(new URL(endpoint).port) };
  }

  /** Starts the role again whenever it ends, until everything stops or it ends too often. */
  async #keep(spec: RoleSpec, first: RoleProcess): Promise<void> {
    let process = first;
    let startedAt = performance.now();
    let pauseMs = this.#limits.firstPauseMs;
    let ends: number[] = [];
    for (;;) {
      const { code, signal } = await process.exited;
      if (this.#stopping) return;
      const now = performance.now();
      if (now - startedAt >= this.#limits.healthyMs) pauseMs = this.#limits.firstPauseMs;
      ends = [...ends.filter((at) => now - at < this.#limits.windowMs), now];
      if (ends.length >= this.#limits.crashes && !spec.onDemand) return this.#giveUp(spec, ends.length);
      this.#tell({ type: "ended", role: spec.name, how: signal ?? `exit code ${code}`, againInMs: pauseMs });
      await this.#pause(pauseMs);
      if (this.#stopping) return;
      pauseMs = Math.min(pauseMs * 2, this.#limits.longestPauseMs);
      startedAt = performance.now();
      process = this.#fork(spec);
      this.#begin(spec, process);
      await this.#untilReady(spec, process).catch(() => {
        // It has told its log why; its exit is counted above.
      });
    }
  }

  #giveUp(spec: RoleSpec, crashes: number): void {
    const error = new CrashLoop(spec.name, crashes, roleLogPath(this.#config.dataDir, spec.name));
    this.#stopping = this.#stopAll().then(() => this.#finish(error));
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      this.#pauses.add(end);
    });
  }

  #log(role: string): RoleLog {
    let log = this.#logs.get(role);
    if (!log) this.#logs.set(role, (log = new RoleLog(roleLogPath(this.#config.dataDir, role))));
    return log;
  }

  #tell(event: SupervisorEvent): void {
    this.#options.onEvent?.(event);
  }
}
