/** One forked process of a role, as the supervisor sees it. */
import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { isFromRole } from "./processMessages.ts";
import type { RoleLog } from "./processLog.ts";
import type { RoleConfig } from "./role.ts";

const shell = "/bin/sh";

/** A role's memory holds secrets of callers; a core file would put them on the disk. Node has no setrlimit, the shell has. */
function withoutCoreFiles(execArgv: string[]): { execPath?: string; execArgv?: string[] } {
  if (!existsSync(shell)) return { execArgv };
  const command = 'ulimit -c 0; exec "$0" "$@"';
  return { execPath: shell, execArgv: ["-c", command, process.execPath, ...execArgv] };
}

export interface RoleSpec {
  /** Flags of Node for this role's process, beside those of the supervisor's own. */
  nodeFlags?: readonly string[];
  name: string;
  /** Script and arguments that make the process of this role; no secrets, everybody can read arguments. */
  entry: readonly [string, ...string[]];
  /** What this process is told otherwise than the others. */
  config?: Partial<RoleConfig>;
  /** Started when another role wants it, not before; when it ends again and again, the others go on. */
  onDemand?: boolean;
}

/** What a role asks of its supervisor while it runs. */
export interface RoleWishes {
  want(role: string): void;
  keep(value: Uint8Array): void;
}

export interface RoleExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The role said why it cannot start, or ended before it was ready. */
export class RoleFailed extends Error {
  readonly role: string;
  readonly code: string | undefined;
  constructor(role: string, message: string, code?: string) {
    super(message);
    this.name = "RoleFailed";
    this.role = role;
    this.code = code;
  }
}

export class RoleProcess {
  readonly ready: Promise<Record<string, unknown>>;
  readonly exited: Promise<RoleExit>;
  readonly #child: ChildProcess;
  readonly #ownConfig: Partial<RoleConfig> | undefined;
  readonly #waiting = Promise.withResolvers<void>();
  #killed = false;

  /** The process loads its program at once and waits for `begin`. */
  constructor(spec: RoleSpec, log: RoleLog, env: NodeJS.ProcessEnv, wishes: RoleWishes) {
    this.#ownConfig = spec.config;
    const [script, ...args] = spec.entry;
    // "advanced" carries undefined and binary values as they are.
    const child = fork(script, args, {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "advanced",
      env,
      ...withoutCoreFiles([...process.execArgv, ...(spec.nodeFlags ?? [])]),
    });
    this.#child = child;
    child.stdout?.on("data", (chunk: Buffer) => log.write(chunk));
    child.stderr?.on("data", (chunk: Buffer) => log.write(chunk));
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
      child.once("error", () => resolve({ code: 1, signal: null }));
    });
    this.ready = new Promise((resolve, reject) => {
      child.on("message", (message: unknown) => {
        if (!isFromRole(message)) return;
        if (message.type === "waiting") this.#waiting.resolve();
        else if (message.type === "ready") resolve(message.ready);
        else if (message.type === "want") wishes.want(message.role);
        else if (message.type === "keep") wishes.keep(message.value);
        else if (message.type === "failed") reject(new RoleFailed(spec.name, message.message, message.code));
      });
      void this.exited.then(({ code, signal }) =>
        reject(new RoleFailed(spec.name, `ended before it was ready (${signal ?? `exit code ${code}`})`)),
      );
    });
    // Whoever waits for it sees the rejection; nobody waits for a process that is being stopped.
    this.ready.catch(() => {});
  }

  /** Tells it its configuration, as soon as it listens. */
  begin(config: RoleConfig, kept: Uint8Array | undefined): void {
    void this.#waiting.promise.then(() => {
      if (!this.#child.connected) return;
      const start = { type: "start", config: { ...config, ...this.#ownConfig } } as const;
      this.#child.send(kept === undefined ? start : { ...start, kept }, () => {});
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** It had to be ended by force. */
  get killed(): boolean {
    return this.#killed;
  }

  /** Asks it to drain and kills it at the deadline. Resolves when it is gone. */
  async stop(deadlineMs: number): Promise<RoleExit> {
    const timer = setTimeout(() => this.kill(), deadlineMs);
    try {
      if (this.#child.connected) this.#child.send({ type: "stop" }, () => {});
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  kill(): void {
    this.#killed = true;
    this.#child.kill("SIGKILL");
  }
}
