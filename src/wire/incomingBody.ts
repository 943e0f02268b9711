/** The body of an incoming request: read at most once, no faster than it is wanted, never slower than agreed. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { AwsError } from "#kernel/errors.ts";
import type { BodyPace } from "./bodyPace.ts";
import type { ByteStream } from "./contract.ts";

export const emptyBody: ByteStream = {
  // oxlint-disable-next-line require-yield -- an empty stream
  async *[Symbol.asyncIterator]() {},
};

/** The client went away, or broke the framing, in the middle of its body. */
export class BodyAborted extends AwsError {
  constructor(cause?: unknown) {
    super("IncompleteBody", "The request body terminated unexpectedly", 400, cause === undefined ? {} : { cause });
  }
}

export function bodyTooSlow(): AwsError {
  return new AwsError(
    "RequestTimeout",
    "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.",
    400,
  );
}

export function bodyTooLarge(limit: number): AwsError {
  return new AwsError("RequestEntityTooLargeException", `The request body is larger than ${limit} bytes.`, 413);
}

function alreadyRead(): Error {
  return new Error("a request body can be read only once");
}

export class IncomingBody implements ByteStream {
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #expectsContinue: boolean;
  readonly #pace: BodyPace;
  #begun = false;

  constructor(message: IncomingMessage, response: ServerResponse, expectsContinue: boolean, pace: BodyPace) {
    this.#message = message;
    this.#response = response;
    this.#expectsContinue = expectsContinue;
    this.#pace = pace;
  }

  /** True when every byte has been read. */
  get finished(): boolean {
    return this.#message.readableEnded;
  }

  /** INVARIANT: "100 Continue" is said only here, so a client whose request is refused early never sends its body. */
  #begin(): void {
    if (this.#begun) throw alreadyRead();
    this.#begun = true;
    if (this.#expectsContinue) this.#response.writeContinue();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    this.#begin();
    const message = this.#message;
    let wake = (): void => {};
    let failure: AwsError | undefined;
    const fail = (error: AwsError): void => {
      failure ??= error;
      wake();
    };
    const watch = this.#pace.watch(() => fail(bodyTooSlow()));
    const onWake = (): void => wake();
    const onError = (cause: unknown): void => fail(new BodyAborted(cause));
    const onClose = (): void => {
      // A reader may have left without saying so; nothing of the connection outlives it.
      watch.end();
      if (!message.readableEnded) fail(new BodyAborted());
    };
    message.on("readable", onWake);
    message.on("end", onWake);
    message.on("error", onError);
    message.on("close", onClose);
    try {
      for (;;) {
        if (failure !== undefined) throw failure;
        const piece = message.read() as Buffer | null;
        if (piece !== null) {
          watch.received(piece.length);
          // Time spent by the reader is not the client's slowness.
          watch.pause();
          yield piece;
          watch.resume();
        } else if (message.readableEnded) {
          if (!message.complete) throw new BodyAborted();
          return;
        } else if (message.destroyed) {
          throw new BodyAborted();
        } else {
          await new Promise<void>((resolve) => (wake = resolve));
        }
      }
    } finally {
      watch.end();
      message.removeListener("readable", onWake);
      message.removeListener("end", onWake);
      message.removeListener("close", onClose);
      // The error listener stays: an abort after the reader has left must not become an uncaught exception.
    }
  }

  /** The whole body at once; faster than iterating for the small bodies of most calls. Throws `bodyTooLarge`, or what the caller says instead. */
  collect(limit: number, tooLarge: () => AwsError = () => bodyTooLarge(limit)): Promise<Buffer> {
    if (this.#begun) return Promise.reject(alreadyRead());
    this.#begin();
    const message = this.#message;
    return new Promise((resolve, reject) => {
      const pieces: Buffer[] = [];
      let size = 0;
      let settled = false;
      const settle = (failure: (() => AwsError) | undefined): void => {
        if (settled) return;
        settled = true;
        watch.end();
        message.removeListener("data", onData);
        if (failure !== undefined) reject(failure());
        else resolve(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces, size));
      };
      const onData = (piece: Buffer): void => {
        size += piece.length;
        watch.received(piece.length);
        if (size > limit) {
          message.pause();
          settle(tooLarge);
        } else {
          pieces.push(piece);
        }
      };
      const watch = this.#pace.watch(() => {
        message.pause();
        settle(bodyTooSlow);
      });
      message.on("data", onData);
      message.on("end", () => settle(message.complete ? undefined : () => new BodyAborted()));
      message.on("error", (cause) => settle(() => new BodyAborted(cause)));
      message.on("close", () => settle(() => new BodyAborted()));
    });
  }

  /**
   * Throws away what is left, up to so many bytes and milliseconds. A client that waits for "100 Continue" sends nothing,
   * and nothing is waited for.
   */
  discard(bytes: number, milliseconds: number): Promise<void> {
    const message = this.#message;
    if ((this.#expectsContinue && !this.#begun) || message.destroyed || message.readableEnded) return Promise.resolve();
    return new Promise((resolve) => {
      let left = bytes;
      const settle = (): void => {
        clearTimeout(timer);
        message.removeListener("data", onData);
        message.pause();
        resolve();
      };
      const onData = (piece: Buffer): void => {
        left -= piece.length;
        if (left < 0) settle();
      };
      const timer = setTimeout(settle, milliseconds);
      message.on("data", onData);
      message.on("end", settle);
      message.on("close", settle);
      message.on("error", settle);
      message.resume();
    });
  }
}

/** A body that came whole with its head. */
export class WholeBody implements ByteStream {
  #bytes: Buffer | undefined;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  #take(): Buffer {
    const bytes = this.#bytes;
    if (bytes === undefined) throw alreadyRead();
    this.#bytes = undefined;
    return bytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    yield this.#take();
  }

  collect(limit: number, tooLarge: () => AwsError = () => bodyTooLarge(limit)): Buffer {
    const bytes = this.#take();
    if (bytes.length > limit) throw tooLarge();
    return bytes;
  }
}

/** Collects any body up to `limit` bytes. Throws `bodyTooLarge`, and what the stream throws. */
export async function collectBody(body: ByteStream, limit: number): Promise<Buffer> {
  if (body === emptyBody) return Buffer.alloc(0);
  if (body instanceof WholeBody || body instanceof IncomingBody) return body.collect(limit);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > limit) throw bodyTooLarge(limit);
    pieces.push(piece);
  }
  return Buffer.concat(pieces, size);
}
