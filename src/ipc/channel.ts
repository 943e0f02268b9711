import type { Socket } from "node:net";
import { IpcError, IpcLost, type ErrorCodec, type IpcHandler, type IpcHandlers, type IpcOptions } from "./contract.ts";
import { encodeFrame, FrameReader, type Message } from "./framing.ts";
import { IncomingStream, OutgoingStream, packStreams, unpackStreams } from "./streams.ts";

const defaultMaxMessage = 64 * 1024 * 1024;

interface EncodedError {
  name: string;
  message: string;
  fields: unknown;
}

interface PendingCall {
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * Both ends of one connection are alike: each may call the other. Ids of the caller are told apart from the
 * callee's by sign, so a call and its streams need no further address.
 *
 * INVARIANT: whatever comes over the socket, a channel fails as a whole or one call fails; it never throws into
 * the event loop and never leaves a caller without an answer.
 */
export class IpcChannel {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #handlers: IpcHandlers;
  readonly #codecs: ReadonlyMap<string, ErrorCodec>;
  readonly #limit: number;
  readonly #calls = new Map<number, PendingCall>();
  readonly #serving = new Map<number, AbortController>();
  readonly #incoming = new Map<string, IncomingStream>();
  readonly #outgoing = new Map<string, OutgoingStream>();
  #nextId = 1;
  #down = false;
  #corked = false;

  constructor(socket: Socket, handlers: IpcHandlers, options: IpcOptions = {}) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#codecs = new Map((options.errors ?? []).map((codec) => [codec.name, codec]));
    this.#limit = options.maxMessage ?? defaultMaxMessage;
    const reader = new FrameReader(this.#limit);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const message of reader.push(chunk)) this.#receive(message);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    // The reason arrives with "close"; without a listener it would end the process.
    let reason: Error | undefined;
    socket.on("error", (error) => (reason = error));
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#fail(reason);
        resolve();
      });
    });
  }

  get isDown(): boolean {
    return this.#down;
  }

  #fail(reason: Error | undefined): void {
    this.#down = true;
    const lost = new IpcLost(`the peer is gone${reason ? `: ${reason.message}` : ""}`, true, reason);
    for (const call of this.#calls.values()) call.reject(lost);
    for (const stream of this.#incoming.values()) stream.fail(lost);
    for (const stream of this.#outgoing.values()) stream.stop();
    for (const controller of this.#serving.values()) controller.abort(lost);
    this.#calls.clear();
    this.#incoming.clear();
    this.#outgoing.clear();
    this.#serving.clear();
  }

  #send(message: Message): void {
    if (!this.#down) this.#write(encodeFrame(message, this.#limit));
  }

  /** Frames of one turn of the event loop go out in one system call. */
  #write(frame: Buffer): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      setImmediate(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(frame);
  }

  call(method: string, args: readonly unknown[], signal?: AbortSignal): Promise<unknown> {
    if (this.#down) return Promise.reject(new IpcLost("the peer is gone", false));
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const { value, streams } = packStreams(args);
      // Throws, and so rejects, before anything is registered when the arguments cannot be cloned.
      const frame = encodeFrame({ kind: "call", id, method, args: value, streams: streams.length }, this.#limit);
      const onAbort = (): void => {
        this.#calls.delete(id);
        streams.forEach((_, number) => this.#outgoing.get(`${id}/${number}`)?.stop());
        this.#send({ kind: "cancel", id });
        reject(signal!.reason as Error);
      };
      const settle = (): void => signal?.removeEventListener("abort", onAbort);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#calls.set(id, {
        resolve: (result) => (settle(), resolve(result)),
        reject: (error) => (settle(), reject(error as Error)),
      });
      this.#write(frame);
      void this.#sendStreams(id, streams);
    });
  }

  /** Resolves when all have ended. */
  async #sendStreams(id: number, sources: readonly AsyncIterable<unknown>[]): Promise<void> {
    const runs = sources.map((source, number) => {
      const key = `${id}/${number}`;
      const stream = new OutgoingStream(source, {
        item: (value) => this.#send({ kind: "item", id, stream: number, value }),
        end: (error) => {
          this.#outgoing.delete(key);
          if (error === undefined) this.#send({ kind: "end", id, stream: number });
          else this.#sendError((encoded) => ({ kind: "end", id, stream: number, error: encoded }), error);
        },
      });
      this.#outgoing.set(key, stream);
      return stream.run();
    });
    await Promise.all(runs);
  }

  #openIncoming(id: number, count: number): IncomingStream[] {
    return Array.from({ length: Math.min(count, 64) }, (_, number) => {
      const key = `${id}/${number}`;
      const stream = new IncomingStream({
        credit: (credit) => this.#send({ kind: "credit", id, stream: number, count: credit }),
        stop: () => {
          this.#incoming.delete(key);
          this.#send({ kind: "stop", id, stream: number });
        },
      });
      this.#incoming.set(key, stream);
      return stream;
    });
  }

  /** An id as the peer writes it, seen from here: its calls are ours with the sign turned. */
  #receive(message: Message): void {
    const id = -message.id;
    switch (message.kind) {
      case "call":
        void this.#serve(id, message);
        return;
      case "result": {
        const call = this.#calls.get(id);
        this.#calls.delete(id);
        const streams = this.#openIncoming(id, message.streams);
        if (call) call.resolve(unpackStreams(message.value, streams));
        else for (const stream of streams) void stream.return();
        return;
      }
      case "error": {
        const call = this.#calls.get(id);
        this.#calls.delete(id);
        call?.reject(this.#decodeError(message));
        return;
      }
      case "cancel":
        this.#serving.get(id)?.abort(new IpcError("Cancelled", "the caller has cancelled"));
        return;
      case "item":
        this.#incoming.get(`${id}/${message.stream}`)?.push(message.value);
        return;
      case "end": {
        const key = `${id}/${message.stream}`;
        const stream = this.#incoming.get(key);
        this.#incoming.delete(key);
        if (message.error) stream?.fail(this.#decodeError(message.error));
        else stream?.end();
        return;
      }
      case "credit":
        this.#outgoing.get(`${id}/${message.stream}`)?.credit(message.count);
        return;
      case "stop":
        this.#outgoing.get(`${id}/${message.stream}`)?.stop();
        // A source that waits for its next item learns it from the signal.
        this.#serving.get(id)?.abort(new IpcError("Cancelled", "the reader has stopped"));
    }
  }

  async #serve(id: number, message: Message & { kind: "call" }): Promise<void> {
    const controller = new AbortController();
    this.#serving.set(id, controller);
    const inputs = this.#openIncoming(id, message.streams);
    try {
      const handler: IpcHandler | undefined = Object.hasOwn(this.#handlers, message.method)
        ? this.#handlers[message.method]
        : undefined;
      if (!handler) throw new IpcError("UnknownMethod", `no method ${message.method}`);
      const args = unpackStreams(message.args, inputs) as readonly unknown[];
      const result = await handler(args, { signal: controller.signal });
      const { value, streams } = packStreams(result);
      this.#send({ kind: "result", id, value, streams: streams.length });
      await this.#sendStreams(id, streams);
    } catch (error) {
      this.#sendError((encoded) => ({ kind: "error", id, ...encoded }), error);
    } finally {
      this.#serving.delete(id);
      for (const input of inputs) void input.return();
    }
  }

  #sendError(message: (encoded: EncodedError) => Message, error: unknown): void {
    const encoded = this.#encodeError(error);
    try {
      this.#send(message(encoded));
    } catch {
      // Its fields cannot be carried; that there was an error must arrive all the same.
      this.#send(message({ name: encoded.name, message: encoded.message.slice(0, 1000), fields: undefined }));
    }
  }

  #encodeError(error: unknown): EncodedError {
    const known = error instanceof Error ? error : new Error(String(error));
    const codec = this.#codecs.get(known.name);
    const name = known instanceof IpcError ? known.remoteName : known.name;
    return { name, message: known.message, fields: codec?.encode(known) };
  }

  #decodeError(error: EncodedError): Error {
    const codec = this.#codecs.get(error.name);
    if (!codec) return new IpcError(error.name, error.message);
    return codec.decode((error.fields ?? {}) as Record<string, unknown>, error.message);
  }

  /** Sends what is buffered, then ends; a peer that does not read is given a second. */
  async close(): Promise<void> {
    this.#socket.destroySoon();
    const timer = setTimeout(() => this.#socket.destroy(), 1_000);
    await this.closed;
    clearTimeout(timer);
  }
}
