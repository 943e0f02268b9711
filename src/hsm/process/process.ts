/**
 * Entry of the process of one HSM. It is started under Node's permission model: no file is written, none read but the
 * program's, no connection made, and with the embedded backend no program started. Applications' sockets are handed to
 * it; what it has to keep, it gives to the plane, in boxes.
 */
import { Socket } from "node:net";
import { AdjustableClock } from "#kernel/clock.ts";
import { HsmError } from "../contract.ts";
import { serveRpc } from "../rpc/server.ts";
import { HsmApplication } from "../token/application.ts";
import type { KeyBackend } from "../token/backend.ts";
import { EmbeddedBackend } from "../token/embedded.ts";
import { ModuleBackend } from "../token/module.ts";
import { Memory, type Token } from "../token/token.ts";
import { Officers } from "../vault/officers.ts";
import type { Change } from "../vault/records.ts";
import { Vault } from "../vault/vault.ts";
import type { BackendChoice, FromHsm, HsmStart, ToHsm, TokenEvent } from "./messages.ts";

/** An application says its first word at once; a message that has begun comes to its end. */
const firstCallMs = 10_000;
const messageMs = 30_000;
const mostConnections = 1_024;

const say = (message: FromHsm): void => void process.send?.(message);

class HsmProcess {
  readonly #clock: AdjustableClock;
  readonly #vault: Vault;
  readonly #officers: Officers;
  readonly #token: Token;
  readonly #connections = new Set<{ close(): void }>();
  readonly #commits = new Map<number, { resolve(done: boolean): void; reject(error: Error): void }>();
  #nextCommit = 1;

  constructor(start: HsmStart, backend: KeyBackend) {
    this.#clock = new AdjustableClock(start.clockOffset);
    this.#vault = new Vault((changes) => this.#commit(changes), start.cost, backend);
    this.#vault.apply(start.entries);
    this.#officers = new Officers(this.#vault, this.#clock);
    this.#token = { vault: this.#vault, backend, names: start.names, memory: new Memory() };
  }

  take(message: ToHsm, socket: Socket | undefined): void {
    switch (message.type) {
      case "connection":
        // INVARIANT: said before anything is read of it: what an ended HSM has not said, it has not read.
        say({ type: "took", id: message.id });
        return socket && this.#serve(socket);
      case "apply":
        this.#vault.apply(message.entries);
        return say({ type: "applied", id: message.id });
      case "committed":
        this.#vault.apply(message.entries);
        return this.#settle(message.id)?.resolve(message.done);
      case "refused":
        return this.#settle(message.id)?.reject(new HsmError("failed", message.reason));
      case "do":
        return void this.#do(message);
      case "looked":
        return looked(message);
      case "clock":
        return this.#clock.follow(message.offset);
      case "start":
    }
  }

  #serve(socket: Socket): void {
    if (this.#connections.size >= mostConnections) return void socket.destroy();
    const connection = serveRpc(socket, () => new HsmApplication(this.#token), {
      firstCallMs,
      messageMs,
      onError: (error) => say({ type: "error", reason: describe(error) }),
      onClose: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    socket.resume();
  }

  #commit(changes: readonly Change[]): Promise<boolean> {
    const id = this.#nextCommit++;
    return new Promise((resolve, reject) => {
      this.#commits.set(id, { resolve, reject });
      say({ type: "commit", id, changes: [...changes] });
    });
  }

  #settle(id: number): { resolve(done: boolean): void; reject(error: Error): void } | undefined {
    const waiting = this.#commits.get(id);
    this.#commits.delete(id);
    return waiting;
  }

  async #do({ id, action, values }: ToHsm & { type: "do" }): Promise<void> {
    try {
      if (action === "initialize" && values[0] === undefined) values = [await this.#token.backend.prepare?.()];
      const method = this.#officers[action] as (...values: unknown[]) => unknown;
      const value = await method.apply(this.#officers, values);
      say({ type: "done", id, value });
    } catch (error) {
      if (error instanceof HsmError) return say({ type: "undone", id, kind: error.kind, reason: error.message });
      say({ type: "error", reason: describe(error) });
      say({ type: "undone", id, kind: "failed", reason: "the HSM failed; its log says how" });
    }
  }
}

/** Errors of ours hold no key and no password; other libraries' texts are not trusted with that. */
function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.stack?.split("\n").slice(1, 6).join(" ") ?? ""}` : "unknown";
}

function openBackend(choice: BackendChoice): KeyBackend {
  if (choice.kind === "embedded") return new EmbeddedBackend();
  // Users signed in to a module that is gone sign in again, to an HSM that was started again.
  return new ModuleBackend(choice, () => process.exit(1), look);
}

const looks = new Map<number, (file: string | undefined) => void>();
let nextLook = 1;

/** Has the plane look at the files of the token. Where they are not as they ought to be, this process is ended. */
function look(event: TokenEvent): Promise<string | undefined> {
  const id = nextLook++;
  return new Promise((resolve) => {
    looks.set(id, resolve);
    say({ type: "token", id, event });
  });
}

function looked({ id, file }: ToHsm & { type: "looked" }): void {
  looks.get(id)?.(file);
  looks.delete(id);
}

let running: HsmProcess | undefined;
/** What came while the backend was opening, in its order. */
const early: [ToHsm, Socket | undefined][] = [];

process.on("message", (message: ToHsm, socket?: unknown) => {
  const given = socket instanceof Socket ? socket : undefined;
  if (message.type === "start") start(message.start);
  else if (running) running.take(message, given);
  else early.push([message, given]);
});

function start(given: HsmStart): void {
  try {
    running = new HsmProcess(given, openBackend(given.backend));
    for (const [message, socket] of early.splice(0)) running.take(message, socket);
    say({ type: "ready" });
  } catch (error) {
    say({ type: "failed", reason: (error as Error).message });
  }
}

// INVARIANT: no HSM outlives its plane. The kernel closes the channel, however that one ends.
process.on("disconnect", () => process.exit(0));
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
say({ type: "waiting" });
