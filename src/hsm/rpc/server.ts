/** The answering side of one connection: one application. */
import type { Duplex } from "node:stream";
import { CKR, Failure } from "../token/constants.ts";
import { handshake, type RpcName } from "./calls.ts";
import { FrameReader, writeFrame, type Frame } from "./frames.ts";
import { readRequest, writeAnswer, writeFailure, type RpcRequest, type RpcValue } from "./messages.ts";
import { Malformed } from "./wire.ts";

/** What an application calls. @throws Failure; anything else is CKR_GENERAL_ERROR to the application, and `onError`'s. */
export interface Application {
  answer(name: RpcName, values: readonly RpcValue[]): RpcValue[] | Promise<RpcValue[]>;
  /** The application is gone. */
  close(): void;
}

export interface RpcServerOptions {
  /** A connection that has not sent its first call by then is ended, in milliseconds. */
  firstCallMs: number;
  /** Begun messages have to be complete by then. */
  messageMs: number;
  onError(error: unknown): void;
  onClose?(): void;
}

/** We speak the first version only; later clients ask for it by our answer. */
const version = 0;

/**
 * Serves one connection until it ends. Calls are answered one after the other.
 * INVARIANT: whatever arrives, at most this connection ends.
 */
export function serveRpc(stream: Duplex, open: () => Application, options: RpcServerOptions): { close(): void } {
  return new Connection(stream, open, options);
}

class Connection {
  readonly #stream: Duplex;
  readonly #open: () => Application;
  readonly #options: RpcServerOptions;
  readonly #frames = new FrameReader();
  readonly #waiting: Frame[] = [];
  #application: Application | undefined;
  #greeted = false;
  #busy = false;
  #closed = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(stream: Duplex, open: () => Application, options: RpcServerOptions) {
    this.#stream = stream;
    this.#open = open;
    this.#options = options;
    this.#within(options.firstCallMs);
    stream.on("data", (chunk: Buffer) => this.#take(chunk));
    stream.on("error", () => this.close());
    stream.on("end", () => this.close());
    stream.on("close", () => this.close());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#deadline);
    this.#stream.destroy();
    this.#application?.close();
    this.#options.onClose?.();
  }

  #within(milliseconds: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.close(), milliseconds);
    this.#deadline.unref();
  }

  #take(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.push(chunk)) this.#waiting.push(frame);
    } catch {
      return this.close();
    }
    if (!this.#greeted && this.#frames.version !== undefined) {
      this.#greeted = true;
      this.#stream.write(Buffer.of(version));
    }
    if (this.#waiting.length > 0) {
      clearTimeout(this.#deadline);
      void this.#answerAll();
    } else if (this.#application) this.#within(this.#options.messageMs);
    // Who sends faster than it is answered waits.
    if (this.#waiting.length > mostWaiting) this.#stream.pause();
  }

  async #answerAll(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let frame = this.#waiting.shift(); frame && !this.#closed; frame = this.#waiting.shift()) {
      const answer = await this.#answer(frame);
      if (this.#closed) break;
      if (!answer) return this.close();
      if (!this.#stream.write(writeFrame(frame.exchange, answer))) await this.#drained();
    }
    this.#busy = false;
    if (this.#closed) return;
    this.#stream.resume();
    if (this.#frames.waiting) this.#within(this.#options.messageMs);
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#stream.once("drain", resolve);
      this.#stream.once("close", resolve);
    });
  }

  /** `undefined`: this is not our protocol. */
  async #answer(frame: Frame): Promise<Buffer | undefined> {
    let request: RpcRequest;
    try {
      request = readRequest(frame.body);
    } catch (error) {
      if (error instanceof Malformed) return undefined;
      throw error;
    }
    try {
      return writeAnswer(request.call, await this.#call(request));
    } catch (error) {
      if (error instanceof Failure) return writeFailure(error.code);
      this.#options.onError(error);
      return writeFailure(CKR.GENERAL_ERROR);
    }
  }

  #call({ call: { name }, values }: RpcRequest): RpcValue[] | Promise<RpcValue[]> {
    if (name === "C_Initialize") {
      if (this.#application) throw new Failure(CKR.CRYPTOKI_ALREADY_INITIALIZED);
      if (!Buffer.isBuffer(values[0]) || !handshake.equals(values[0])) throw new Failure(CKR.GENERAL_ERROR);
      this.#application = this.#open();
      return [];
    }
    if (!this.#application) throw new Failure(CKR.CRYPTOKI_NOT_INITIALIZED);
    if (name === "C_Finalize") {
      this.#application.close();
      this.#application = undefined;
      return [];
    }
    return this.#application.answer(name, values);
  }
}

const mostWaiting = 64;
