/**
 * A connection, plain or TLS, on which usual requests come one after the other (`usualRequest.ts`), served straight off the
 * socket: half of what a small call costs otherwise is Node's message objects. The first thing that is not usual puts
 * back every byte that was not served, and the connection is Node's from then on.
 *
 * INVARIANT: one request of a connection is served at a time; what comes meanwhile waits on the socket, unread but for
 * one piece.
 */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "#kernel/log.ts";
import { abandon } from "./abandon.ts";
import type { ByteStream, HttpRequest, HttpResponse } from "./contract.ts";
import type { HttpDate } from "./httpDate.ts";
import { emptyBody, WholeBody } from "./incomingBody.ts";
import type { ServerLimits } from "./limits.ts";
import { readUsual, type UsualRequest } from "./usualRequest.ts";

export interface UsualConnectionOptions {
  limits: ServerLimits;
  logger: Logger;
  date: HttpDate;
  address: string;
  /** Of a TLS connection. */
  tls?: NonNullable<HttpRequest["tls"]>;
  handler(request: HttpRequest, signal: AbortSignal): HttpResponse | Promise<HttpResponse>;
  /** The server is closing: answers are the last of their connections. */
  closing(): boolean;
  /** The socket is Node's now; it is paused, and its unread bytes are in it. */
  handOver(): void;
  /** The socket has closed, or is Node's. */
  ended(): void;
}

/** No header of an answer may begin another. Names and values as Node takes them. */
const nameForm = /^[\w!#$%&'*+\-.^`|~]+$/;
const valueForm = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Up to here head and body go out as one string, whose bytes need no copy of their own. */
const onePieceLimit = 16_384;

const nothing = new Uint8Array(0);

export class UsualConnection {
  readonly #socket: Socket;
  readonly #options: UsualConnectionOptions;
  readonly #keepAlive: string;
  /** Aborted when the connection closes, which is the only way in which a request ends early. */
  readonly #abort = new AbortController();
  #busy = false;
  #served = 0;
  /** Came while a request was being served, or is a request whose end is still to come. */
  #held: Buffer | undefined;
  #wholeTimer: NodeJS.Timeout | undefined;

  /** Reads on by itself, beginning with what is in the socket. */
  constructor(socket: Socket, options: UsualConnectionOptions) {
    const { limits } = options;
    this.#socket = socket;
    this.#options = options;
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(limits.keepAliveTimeout / 1000)}, max=${limits.requestsPerConnection}\r\n\r\n`;
    // Nothing has come yet over a connection that was just secured.
    socket.setTimeout(options.tls === undefined ? limits.keepAliveTimeout : limits.headersTimeout);
    socket.on("data", this.#onData);
    socket.on("timeout", this.#onTimeout);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    socket.resume();
  }

  get idle(): boolean {
    return !this.#busy;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #onData = (piece: Buffer): void => {
    const bytes = this.#held === undefined ? piece : Buffer.concat([this.#held, piece]);
    this.#held = undefined;
    if (!this.#busy) return this.#read(bytes);
    this.#held = bytes;
    this.#socket.pause();
  };

  /** A connection on which nothing happens, or an answer of which nothing is taken. */
  readonly #onTimeout = (): void => {
    if (!this.#busy || this.#socket.writableLength > 0) this.#socket.destroy();
  };

  readonly #onEnd = (): void => void this.#socket.end();
  readonly #onError = (): void => void this.#socket.destroy();
  readonly #onClose = (): void => {
    this.#stopWaiting();
    this.#abort.abort();
    this.#options.ended();
  };

  #read(bytes: Buffer): void {
    const { limits } = this.#options;
    const request = readUsual(bytes, limits);
    if (request?.end === bytes.length) {
      this.#stopWaiting();
      this.#serve(request, bytes);
    } else if (request !== undefined && request.end > bytes.length && this.#wholeTimer === undefined) {
      // Many clients send head and body apart; one more piece is waited for.
      this.#held = bytes;
      this.#wholeTimer = setTimeout(() => this.#handOver(bytes), limits.wholeWithin);
    } else {
      // More than one request at once is pipelining, which no AWS client does.
      this.#handOver(bytes);
    }
  }

  #stopWaiting(): void {
    if (this.#wholeTimer === undefined) return;
    clearTimeout(this.#wholeTimer);
    this.#wholeTimer = undefined;
  }

  #handOver(bytes: Buffer): void {
    const socket = this.#socket;
    this.#held = undefined;
    this.#stopWaiting();
    socket.pause();
    socket.setTimeout(0);
    socket.removeListener("data", this.#onData);
    socket.removeListener("timeout", this.#onTimeout);
    socket.removeListener("end", this.#onEnd);
    socket.removeListener("error", this.#onError);
    socket.removeListener("close", this.#onClose);
    socket.unshift(bytes);
    this.#options.ended();
    this.#options.handOver();
  }

  #serve({ method, path, query, headers, bodyStart, end }: UsualRequest, bytes: Buffer): void {
    const { address, tls, handler } = this.#options;
    this.#busy = true;
    this.#served++;
    const body = end === bodyStart ? emptyBody : new WholeBody(bytes.subarray(bodyStart, end));
    const request: HttpRequest = { method, path, query, headers, body, remoteAddress: address };
    if (tls !== undefined) request.tls = tls;
    try {
      const reply = handler(request, this.#abort.signal);
      if (reply instanceof Promise) reply.then((made) => this.#answer(method, made), this.#failed);
      else this.#answer(method, reply);
    } catch (error) {
      this.#failed(error);
    }
  }

  readonly #failed = (error: unknown): void => {
    this.#options.logger.error({ err: error }, "request failed");
    if (this.#socket.writable)
      this.#socket.write(`${statusLine(500)}Content-Length: 0\r\n${this.#tail(true)}`, "latin1");
    this.#finish(true);
  };

  #answer(method: string, reply: HttpResponse): void {
    try {
      this.#send(method, reply);
    } catch (error) {
      void abandon(reply.body);
      this.#failed(error);
    }
  }

  #send(method: string, reply: HttpResponse): void {
    const { status, body } = reply;
    const socket = this.#socket;
    if (!socket.writable) {
      void abandon(body);
      return;
    }
    const last = this.#options.closing() || this.#served >= this.#options.limits.requestsPerConnection;
    const bodyless = method === "HEAD" || status === 204 || status === 304;
    if (body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array)) {
      void this.#stream(reply, body, bodyless, last);
      return;
    }
    let head = statusLine(status) + fields(reply.headers);
    if (status !== 204 && status !== 304 && reply.headers["content-length"] === undefined) {
      head += `Content-Length: ${body === undefined ? 0 : typeof body === "string" ? Buffer.byteLength(body) : body.length}\r\n`;
    }
    head += this.#tail(last);
    if (bodyless || body === undefined || body.length === 0) socket.write(head, "latin1");
    else if (typeof body === "string") this.#writeText(head, body);
    else if (body.length <= onePieceLimit) socket.write(head + latin1(body), "latin1");
    else {
      socket.cork();
      socket.write(head, "latin1");
      socket.write(body);
      socket.uncork();
    }
    this.#finish(last);
  }

  #writeText(head: string, body: string): void {
    // Of ASCII only, it is the same bytes in both encodings.
    if (body.length <= onePieceLimit && Buffer.byteLength(body) === body.length) {
      this.#socket.write(head + body, "latin1");
      return;
    }
    this.#socket.cork();
    this.#socket.write(head, "latin1");
    this.#socket.write(body, "utf8");
    this.#socket.uncork();
  }

  /** INVARIANT: never more than one unsent piece is held; the source is closed when the client goes away. */
  async #stream({ status, headers }: HttpResponse, content: ByteStream, bodyless: boolean, last: boolean) {
    const told = headers["content-length"];
    const chunked = told === undefined && !bodyless;
    let left = told === undefined ? undefined : Number(told);
    try {
      const coding = chunked ? "Transfer-Encoding: chunked\r\n" : "";
      this.#socket.write(statusLine(status) + fields(headers) + coding + this.#tail(last), "latin1");
      if (!bodyless) {
        const written = await this.#pump(content, chunked);
        if (written === undefined) return;
        if (left !== undefined) left -= written;
        // Whoever waits for the rest must not take the next answer for it.
        if (left !== undefined && left !== 0) throw new Error(`an answer ended ${left} bytes before its length`);
        if (chunked) this.#socket.write("0\r\n\r\n", "latin1");
      }
      this.#finish(last);
    } catch (error) {
      this.#options.logger.error({ err: error }, "request failed");
      this.#socket.destroy();
    } finally {
      // Also what was read to its end may be ended.
      await abandon(content);
    }
  }

  /** Gives the number of bytes, or `undefined` when the client has gone or takes nothing. */
  async #pump(content: ByteStream, chunked: boolean): Promise<number | undefined> {
    const socket = this.#socket;
    const source = content[Symbol.asyncIterator]();
    let ended = false;
    let size = 0;
    try {
      for (;;) {
        const { value, done } = await source.next();
        if (done === true) {
          ended = true;
          return size;
        }
        if (!socket.writable) return undefined;
        if (value.length === 0) continue;
        size += value.length;
        if (chunked) {
          socket.cork();
          socket.write(`${value.length.toString(16)}\r\n`, "latin1");
        }
        let flowing = socket.write(value);
        if (chunked) {
          flowing = socket.write("\r\n", "latin1");
          socket.uncork();
        }
        if (!flowing && !(await this.#drained())) {
          socket.destroy();
          return undefined;
        }
      }
    } finally {
      if (!ended) await source.return?.();
    }
  }

  #drained(): Promise<boolean> {
    const socket = this.#socket;
    return new Promise((resolve) => {
      const settle = (ok: boolean): void => {
        clearTimeout(timer);
        socket.removeListener("drain", onDrain);
        socket.removeListener("close", onClose);
        resolve(ok);
      };
      const onDrain = (): void => settle(true);
      const onClose = (): void => settle(false);
      const timer = setTimeout(onClose, this.#options.limits.responseStall);
      socket.on("drain", onDrain);
      socket.on("close", onClose);
    });
  }

  /** The answer is in the socket's hands. The next request waits until the client has taken it. */
  #finish(last: boolean): void {
    const socket = this.#socket;
    const { limits } = this.#options;
    const waits = socket.writableLength > 0;
    if (waits) socket.setTimeout(limits.responseStall);
    if (last) {
      // INVARIANT: what was sent behind the last request of a connection is never acted upon: it stays busy.
      socket.end(() => socket.destroy());
      return;
    }
    // "drain" is only said of what is above the high-water mark.
    if (waits) socket.write(nothing, () => this.#next());
    else this.#next();
  }

  readonly #next = (): void => {
    const socket = this.#socket;
    if (socket.timeout !== this.#options.limits.keepAliveTimeout)
      socket.setTimeout(this.#options.limits.keepAliveTimeout);
    this.#busy = false;
    const held = this.#held;
    if (held === undefined) {
      if (socket.isPaused()) socket.resume();
      return;
    }
    this.#held = undefined;
    socket.resume();
    this.#read(held);
  };

  #tail(last: boolean): string {
    return `Date: ${this.#options.date.text()}\r\n${last ? "Connection: close\r\n\r\n" : this.#keepAlive}`;
  }
}

function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "unknown"}\r\n`;
}

/** @throws TypeError for a name or value that would not stay one header */
function fields(headers: HttpResponse["headers"]): string {
  let text = "";
  for (const name in headers) {
    const value = headers[name]!;
    if (!nameForm.test(name)) throw new TypeError("an answer has a header with an impossible name");
    for (const each of typeof value === "string" ? [value] : value) {
      if (!valueForm.test(each)) throw new TypeError(`the value of header ${name} cannot be sent`);
      text += `${name}: ${each}\r\n`;
    }
  }
  return text;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
