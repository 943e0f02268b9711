/** The process of one HSM from outside: started under the permission model, started again when it ends. */
import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { dirname, extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "#kernel/log.ts";
import { HsmError } from "../contract.ts";
import type { FromHsm, HsmStart, OfficerAction, ToHsm, TokenEvent } from "../process/messages.ts";
import type { Change, Entry } from "../vault/records.ts";

const entry = fileURLToPath(new URL(`../process/process${extname(import.meta.url)}`, import.meta.url));
/** The program's own folder: `src`. It holds no data. */
const program = dirname(dirname(dirname(entry)));

export interface HsmChildOptions {
  hsmId: string;
  log: Logger;
  /** Unprivileged user of the process, where the plane may choose one. */
  owner?: { uid: number; gid: number };
  heartbeat?: Heartbeat;
  /** Before every start: makes what its module needs. */
  prepare(): Promise<void>;
  /** What it begins with; asked for at every start. */
  start(): HsmStart;
  /** Looks at the files of its token. Gives that of a key that it made. */
  look(event: TokenEvent): Promise<string | undefined>;
  /** Changes it asks for. Its own vault has the entries before this resolves. */
  commit(changes: readonly Change[]): Promise<{ done: boolean; entries: Entry[] }>;
  /** Takes an application's connection of which this HSM has read nothing before it ended. */
  passOn(socket: Socket): void;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

const firstPauseMs = 100;
const longestPauseMs = 5_000;
/** After so long without an end, the next pause is the first one again. */
const healthyMs = 30_000;
/** An HSM that has not applied a change by then is not in step: it is ended. So is one that does not answer at all. */
const applyMs = 10_000;

export interface Heartbeat {
  /** How often an HSM is asked whether it lives, milliseconds. */
  everyMs: number;
  withinMs: number;
}

const usualHeartbeat: Heartbeat = { everyMs: 3_000, withinMs: 15_000 };
/** Officers' actions hash passwords, one after the other. */
const actionMs = 60_000;

export class HsmChild {
  readonly hsmId: string;
  readonly #options: HsmChildOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #changed = new Set<() => void>();
  /** Sockets of applications on their way to the process that runs. */
  #handed = new Map<number, Socket>();
  #child: ChildProcess | undefined;
  #ready = false;
  #closed = false;
  #restarts = -1;
  #pauseMs = firstPauseMs;
  #next = 1;
  #timer: NodeJS.Timeout | undefined;
  #heart: NodeJS.Timeout | undefined;
  /** Why it did not start. */
  reason: string | undefined;

  constructor(options: HsmChildOptions) {
    this.#options = options;
    this.hsmId = options.hsmId;
    this.#start();
  }

  get isReady(): boolean {
    return this.#ready;
  }

  get pid(): number | undefined {
    return this.#ready ? this.#child?.pid : undefined;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Tells of every start and end. */
  onChange(listener: () => void): () => void {
    this.#changed.add(listener);
    return () => this.#changed.delete(listener);
  }

  /** Resolves when it is ready; rejects at the time limit. */
  async untilReady(milliseconds: number): Promise<void> {
    if (this.#ready) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => reject(new HsmError("no-hsm", `${this.hsmId} does not start${this.reason ? `: ${this.reason}` : ""}`)),
      milliseconds,
    );
    const off = this.onChange(() => this.#ready && resolve());
    await promise.finally(() => (clearTimeout(timer), off()));
  }

  /** Hands an application over. INVARIANT: what the process has not taken when it ends goes to another one. */
  connect(socket: Socket): void {
    const child = this.#child;
    if (!child) return this.#options.passOn(socket);
    const id = this.#next++;
    // Kept open here until the process says that it has it. A channel that is closed tells by the end of the process.
    this.#handed.set(id, socket);
    child.send({ type: "connection", id } satisfies ToHsm, socket, { keepOpen: true }, () => {});
  }

  /** What an ended process had said before is still in its channel: only then is known what it had not taken. */
  #passOn(child: ChildProcess, handed: Map<number, Socket>): void {
    const passOn = (): void => {
      for (const socket of handed.values()) this.#options.passOn(socket);
      handed.clear();
    };
    if (child.connected) child.once("disconnect", passOn);
    else passOn();
  }

  /** Resolves when it has applied them, or is gone. */
  async apply(entries: Entry[]): Promise<void> {
    if (!this.#child) return;
    // One that is starting gets them in its order, before any application.
    const id = this.#next++;
    if (!this.#ready) return this.#send({ type: "apply", id, entries });
    await this.#ask(id, applyMs, { type: "apply", id, entries }).catch(() => this.kill());
  }

  /** INVARIANT: an HSM that lives and does not answer keeps nobody waiting for long. */
  #beat({ everyMs, withinMs }: Heartbeat): void {
    clearInterval(this.#heart);
    this.#heart = setInterval(() => {
      const child = this.#child;
      const id = this.#next++;
      this.#ask(id, withinMs, { type: "apply", id, entries: [] }).catch(() => child?.kill("SIGKILL"));
    }, everyMs);
    this.#heart.unref();
  }

  do(action: OfficerAction, values: unknown[]): Promise<unknown> {
    if (!this.#ready) return Promise.reject(new HsmError("no-hsm", `${this.hsmId} is not ready`));
    const id = this.#next++;
    return this.#ask(id, actionMs, { type: "do", id, action, values });
  }

  clock(offset: number): void {
    this.#send({ type: "clock", offset });
  }

  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await exited;
  }

  #ask(id: number, milliseconds: number, message: ToHsm): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new HsmError("failed", `${this.hsmId} does not answer`));
      }, milliseconds);
      this.#waiting.set(id, {
        resolve: (value) => (clearTimeout(timer), resolve(value)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      });
      this.#send(message);
    });
  }

  #send(message: ToHsm): void {
    // A channel that is closed tells by the end of the process.
    this.#child?.send(message, () => {});
  }

  #start(): void {
    this.#restarts++;
    const { owner, log } = this.#options;
    const since = performance.now();
    const { backend } = this.#options.start();
    const flags = [
      "--permission",
      `--allow-fs-read=${program}`,
      // The module's server is somebody else's program.
      ...(backend.kind === "pkcs11" ? ["--allow-child-process"] : []),
      "--disable-sigusr1",
      "--no-warnings",
    ];
    const child = fork(entry, [], {
      cwd: "/",
      env: {},
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      ...owner,
      ...withoutCoreFiles(flags),
    });
    this.#child = child;
    const handed = new Map<number, Socket>();
    this.#handed = handed;
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-4_000)));
    child.on("message", (message: FromHsm) =>
      message.type === "took" ? took(handed, message.id) : this.#take(message, child),
    );
    child.on("error", (error) => {
      this.reason = error.message;
      if (child.pid === undefined) this.#ended(child, since, error.message);
    });
    child.once("exit", (code, signal) => {
      log.warn({ hsm: this.hsmId, how: signal ?? `exit code ${code}`, said }, "an HSM ended");
      this.#ended(child, since, said.trim().split("\n").at(-1) ?? "");
      this.#passOn(child, handed);
    });
  }

  #ended(child: ChildProcess, since: number, said: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#ready = false;
    clearInterval(this.#heart);
    if (said) this.reason = said;
    for (const { reject } of this.#waiting.values()) reject(new HsmError("no-hsm", `${this.hsmId} ended`));
    this.#waiting.clear();
    this.#tell();
    if (this.#closed) return;
    if (performance.now() - since >= healthyMs) this.#pauseMs = firstPauseMs;
    this.#timer = setTimeout(() => this.#start(), this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }

  #take(message: Exclude<FromHsm, { type: "took" }>, child: ChildProcess): void {
    switch (message.type) {
      case "waiting":
        return void this.#begin(child);
      case "ready":
        this.#ready = true;
        this.#beat(this.#options.heartbeat ?? usualHeartbeat);
        this.reason = undefined;
        return this.#tell();
      case "failed":
        this.reason = message.reason;
        this.#options.log.error({ hsm: this.hsmId, reason: message.reason }, "an HSM cannot start");
        return this.kill();
      case "commit":
        return void this.#commit(message);
      case "token":
        return void this.#look(message, child);
      case "applied":
        return this.#settle(message.id)?.resolve(undefined);
      case "done":
        return this.#settle(message.id)?.resolve(message.value);
      case "undone":
        return this.#settle(message.id)?.reject(new HsmError(message.kind, message.reason));
      case "error":
        return this.#options.log.error({ hsm: this.hsmId, reason: message.reason }, "an HSM failed in a call");
    }
  }

  async #begin(child: ChildProcess): Promise<void> {
    try {
      await this.#options.prepare();
    } catch (error) {
      this.reason = (error as Error).message;
      this.#options.log.error(
        { hsm: this.hsmId, err: error },
        "an HSM cannot start: its token's folder cannot be made",
      );
      return void child.kill("SIGKILL");
    }
    // What it begins with is read now, so that it is what the changes after it go on from.
    if (this.#child === child) this.#send({ type: "start", start: this.#options.start() });
  }

  /** One whose files are not what they ought to be begins again with what they ought to be. */
  async #look({ id, event }: FromHsm & { type: "token" }, child: ChildProcess): Promise<void> {
    // What an ended process said is of a folder that is no more.
    if (this.#child !== child) return;
    try {
      const file = await this.#options.look(event);
      if (this.#child === child) this.#send({ type: "looked", id, ...(file === undefined ? {} : { file }) });
    } catch (error) {
      this.#options.log.error({ hsm: this.hsmId, err: error }, "the token of an HSM is damaged: it starts again");
      child.kill("SIGKILL");
    }
  }

  async #commit({ id, changes }: FromHsm & { type: "commit" }): Promise<void> {
    try {
      const { done, entries } = await this.#options.commit(changes);
      this.#send({ type: "committed", id, done, entries });
    } catch (error) {
      this.#options.log.error({ hsm: this.hsmId, err: error }, "a change could not be kept");
      this.#send({ type: "refused", id, reason: "the change could not be kept" });
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #tell(): void {
    for (const listener of this.#changed) listener();
  }
}

function took(handed: Map<number, Socket>, id: number): void {
  handed.get(id)?.destroy();
  handed.delete(id);
}

const shell = "/bin/sh";

/** Its memory holds keys; a core file would put them on the disk. Node has no setrlimit, the shell has. */
function withoutCoreFiles(execArgv: string[]): { execPath?: string; execArgv: string[] } {
  if (!existsSync(shell)) return { execArgv };
  return { execPath: shell, execArgv: ["-c", 'ulimit -c 0; exec "$0" "$@"', process.execPath, ...execArgv] };
}
