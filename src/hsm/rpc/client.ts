/** The calling side: our own sessions at an HSM, and the module behind `p11-kit remote`. */
import type { Duplex } from "node:stream";
import { Failure } from "../token/constants.ts";
import { handshake, type RpcName } from "./calls.ts";
import { FrameReader, writeFrame } from "./frames.ts";
import { readAnswer, writeRequest, type RpcValue } from "./messages.ts";

/** The connection ended; whether a call under way had its effect is not known. */
export class RpcLost extends Error {
  constructor(why: string, cause?: unknown) {
    super(`the connection to the HSM is lost: ${why}`, cause === undefined ? undefined : { cause });
    this.name = "RpcLost";
  }
}

interface Pending {
  name: RpcName;
  resolve(values: RpcValue[]): void;
  reject(error: Error): void;
}

/** Calls may be made before earlier ones are answered: the other side takes them in their order. */
export class RpcClient {
  readonly #stream: { read: Duplex | NodeJS.ReadableStream; write: NodeJS.WritableStream; end(): void };
  readonly #frames = new FrameReader();
  readonly #pending = new Map<number, Pending>();
  readonly #options: Buffer;
  readonly #onLost: () => void;
  #next = 0x10;
  #lost: RpcLost | undefined;

  /** @param options name of the module, as p11-kit's server wants it in every message. `lost`: it ended, and not by us */
  constructor(
    read: NodeJS.ReadableStream,
    write: NodeJS.WritableStream,
    { options = "", end, lost = () => {} }: { options?: string; end: () => void; lost?: () => void },
  ) {
    this.#stream = { read, write, end };
    this.#options = Buffer.from(options);
    this.#onLost = lost;
    read.on("data", (chunk: Buffer) => this.#take(chunk));
    read.on("end", () => this.#fail(new RpcLost("it was closed")));
    read.on("error", (error: Error) => this.#fail(new RpcLost(error.message, error)));
    read.on("close", () => this.#fail(new RpcLost("it was closed")));
    if ((write as unknown) !== read) write.on("error", (error: Error) => this.#fail(new RpcLost(error.message, error)));
    // Version 0, which every p11-kit speaks; the other side answers with the one it takes.
    write.write(Buffer.of(0));
  }

  /** @throws Failure, RpcLost */
  call(name: RpcName, values: readonly RpcValue[]): Promise<RpcValue[]> {
    const { promise, resolve, reject } = Promise.withResolvers<RpcValue[]>();
    if (this.#lost) return Promise.reject(this.#lost);
    const exchange = this.#next;
    this.#next = exchange >= 0x7f_ff_ff_ff ? 0x10 : exchange + 1;
    this.#pending.set(exchange, { name, resolve, reject });
    this.#stream.write.write(writeFrame(exchange, writeRequest(name, values), this.#options));
    return promise;
  }

  initialize(): Promise<RpcValue[]> {
    return this.call("C_Initialize", [handshake, 0, Buffer.of(0)]);
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  close(): void {
    this.#fail(new RpcLost("closed by us"), true);
  }

  #take(chunk: Buffer): void {
    try {
      for (const { exchange, body } of this.#frames.push(chunk)) {
        const pending = this.#pending.get(exchange);
        if (!pending) throw new Error("an answer that nobody waits for");
        this.#pending.delete(exchange);
        const answer = readAnswer(body, pending.name);
        if (typeof answer === "number") pending.reject(new Failure(answer));
        else pending.resolve(answer);
      }
    } catch (error) {
      this.#fail(new RpcLost((error as Error).message, error));
    }
  }

  #fail(error: RpcLost, byUs = false): void {
    if (this.#lost) return;
    this.#lost = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#stream.end();
    if (!byUs) this.#onLost();
  }
}
