/**
 * The HTTP front: one port for HTTP/1.1 and TLS, bounded in everything a client decides, with backpressure both ways.
 * It knows no AWS; a handler turns requests into responses.
 */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from "node:tls";
import { systemClock } from "#kernel/clock.ts";
import type { Logger } from "#kernel/log.ts";
import { abandon } from "./abandon.ts";
import type { ByteStream, HttpRequest, HttpResponse } from "./contract.ts";
import { addressGroup, clientAddress } from "./address.ts";
import { BodyPace } from "./bodyPace.ts";
import { HttpDate } from "./httpDate.ts";
import { emptyBody, IncomingBody } from "./incomingBody.ts";
import { defaultLimits, type ServerLimits } from "./limits.ts";
import { readHead } from "./requestHead.ts";
import { sniff } from "./tlsSniff.ts";
import { UsualConnection } from "./usualConnection.ts";

export interface ServerOptions {
  /** Answers a request; refusals are responses too. What it throws becomes a bare 500 and a log line. */
  handler(request: HttpRequest, signal: AbortSignal): HttpResponse | Promise<HttpResponse>;
  /** PEM. Absent: TLS connections are closed. */
  tls?: TlsIdentity;
  limits?: Partial<ServerLimits>;
  logger: Logger;
}

export interface TlsIdentity {
  cert: string | Buffer;
  key: string | Buffer;
}

export interface FrontServer {
  /** `port: 0` takes a free one. `reusePort`: several processes share it. */
  listen(at: { port: number; host?: string; reusePort?: boolean }): Promise<{ port: number; host: string }>;
  /** Handshakes from now on use this certificate; live connections go on. */
  setTls(identity: TlsIdentity): void;
  /** Stops accepting, lets running requests finish, cuts what is left after `deadline` milliseconds. */
  close(deadline?: number): Promise<void>;
  readonly connections: number;
}

/** What stays the same on a connection, and the requests on it that wait for the one being served. */
interface Line {
  busy: boolean;
  /** The answer being given is the last one. */
  ending: boolean;
  waiting: (() => void)[];
  address: string;
  tls?: { protocol: string; cipher: string };
}

export function createServer(options: ServerOptions): FrontServer {
  return new Front(options);
}

class Front implements FrontServer {
  readonly #options: ServerOptions;
  readonly #limits: ServerLimits;
  readonly #http: Server;
  readonly #pace: BodyPace;
  readonly #sockets = new Set<Socket>();
  /** Connections that have not said yet what they speak. */
  readonly #opening = new Set<Socket>();
  readonly #usual = new Set<UsualConnection>();
  readonly #date = new HttpDate(systemClock);
  readonly #lines = new WeakMap<Socket, Line>();
  readonly #perAddress = new Map<string, number>();
  #tls: TlsServer | undefined;
  #closing = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    const limits = this.#limits;
    this.#pace = new BodyPace(limits.bodyBytesPerSecond, limits.bodyRateWindow);
    this.#http = createHttpServer({
      insecureHTTPParser: false,
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeout,
      // Uploads may take hours; BodyPace judges them by their rate instead.
      requestTimeout: 0,
      keepAliveTimeout: limits.keepAliveTimeout,
      connectionsCheckingInterval: Math.min(2_000, limits.headersTimeout),
      noDelay: true,
    });
    // Node would silently drop headers beyond its count; we count and refuse (readHead).
    this.#http.maxHeadersCount = 0;
    this.#http.maxRequestsPerSocket = limits.requestsPerConnection;
    this.#http.timeout = 0;
    this.#http.on("request", (message, response) => this.#inTurn(message, response, false));
    this.#http.on("checkContinue", (message, response) => this.#inTurn(message, response, true));
    this.#http.on("checkExpectation", (message, response) => {
      this.#lineOf(message.socket).ending = true;
      refuse(response, 417);
    });
    this.#http.on("clientError", answerClientError);
    // Without a listener Node would end these connections in silence.
    this.#http.on("connect", (_message, socket) => writeBare(socket as Socket, 405));

    // The sniffer stands between the listening socket and Node's own HTTP listener, so that Node's connection
    // bookkeeping (header timeout, idle connections) applies to plain and TLS connections alike.
    const [listener] = this.#http.listeners("connection") as ((this: Server, socket: Socket) => void)[];
    if (listener === undefined) throw new Error("node:http has no connection listener");
    this.#http.removeAllListeners("connection");
    this.#http.on("connection", (socket: Socket) => this.#accept(socket, listener));
    if (options.tls !== undefined) this.#tls = this.#createTls(options.tls, listener);
  }

  #createTls(identity: TlsIdentity, listener: (this: Server, socket: Socket) => void): TlsServer {
    const tls = createTlsServer({
      ...identity,
      ALPNProtocols: ["http/1.1"],
      minVersion: "TLSv1.2",
      handshakeTimeout: this.#limits.openingTimeout,
    });
    tls.on("secureConnection", (socket) => {
      socket.on("error", () => socket.destroy());
      this.#serveUsual(socket, listener);
    });
    // A client that does not like the certificate is no event worth a log line each.
    tls.on("tlsClientError", (_error, socket) => socket.destroy());
    return tls;
  }

  #accept(socket: Socket, listener: (this: Server, socket: Socket) => void): void {
    const address = addressGroup(clientAddress(socket.remoteAddress));
    const held = this.#perAddress.get(address) ?? 0;
    if (this.#closing || this.#sockets.size >= this.#limits.connections || held >= this.#limits.connectionsPerAddress) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#perAddress.set(address, held + 1);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(address, left);
      else this.#perAddress.delete(address);
    });
    this.#opening.add(socket);
    sniff(socket, this.#limits.openingTimeout, (opening) => {
      this.#opening.delete(socket);
      if (opening === "none" || (opening === "tls" && this.#tls === undefined)) {
        socket.destroy();
      } else if (opening === "tls") {
        socket.on("error", () => socket.destroy());
        (this.#tls as TlsServer).emit("connection", socket);
      } else {
        this.#serveUsual(socket, listener);
      }
    });
  }

  #serveUsual(socket: Socket, listener: (this: Server, socket: Socket) => void): void {
    const tls = tlsOf(socket);
    const connection: UsualConnection = new UsualConnection(socket, {
      limits: this.#limits,
      logger: this.#options.logger,
      date: this.#date,
      address: clientAddress(socket.remoteAddress),
      ...(tls === undefined ? {} : { tls }),
      handler: (request, signal) => this.#options.handler(request, signal),
      closing: () => this.#closing,
      handOver: () => {
        listener.call(this.#http, socket);
        socket.resume();
      },
      ended: () => this.#usual.delete(connection),
    });
    this.#usual.add(connection);
  }

  /**
   * INVARIANT: one request of a connection is served at a time. Node parses pipelined requests as fast as they come; one
   * packet could otherwise start thousands of handlers.
   */
  #inTurn(message: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const line = this.#lineOf(message.socket);
    // INVARIANT: what was sent behind the last request of a connection is never acted upon.
    if (line.ending) return;
    response.on("close", () => {
      const next = line.waiting.shift();
      if (line.ending || !response.shouldKeepAlive) line.waiting.length = 0;
      else if (next === undefined) line.busy = false;
      else next();
    });
    if (!line.busy) {
      line.busy = true;
      this.#serve(message, response, expectsContinue, line);
    } else if (line.waiting.length >= this.#limits.pipelined) {
      message.socket.destroy();
    } else {
      line.waiting.push(() => {
        if (!response.destroyed) this.#serve(message, response, expectsContinue, line);
      });
    }
  }

  #lineOf(socket: Socket): Line {
    let line = this.#lines.get(socket);
    if (line === undefined) {
      const tls = tlsOf(socket);
      line = {
        busy: false,
        ending: false,
        waiting: [],
        address: clientAddress(socket.remoteAddress),
        ...(tls === undefined ? {} : { tls }),
      };
      this.#lines.set(socket, line);
    }
    return line;
  }

  #serve(message: IncomingMessage, response: ServerResponse, expectsContinue: boolean, line: Line): void {
    const head = readHead(message, this.#limits);
    if (typeof head === "number") {
      line.ending = true;
      refuse(response, head);
      return;
    }
    const { headers } = head;
    const hasBody = headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
    const body = hasBody ? new IncomingBody(message, response, expectsContinue, this.#pace) : undefined;
    const request: HttpRequest = {
      method: message.method ?? "",
      path: head.path,
      query: head.query,
      headers,
      body: body ?? emptyBody,
      remoteAddress: line.address,
    };
    if (line.tls !== undefined) request.tls = line.tls;

    const abort = new AbortController();
    response.on("close", () => {
      if (!response.writableFinished) abort.abort();
    });
    const answer = (reply: HttpResponse): void => {
      this.#send(response, request, reply, body, line).catch((error: unknown) => this.#failed(error, response, line));
    };
    try {
      const reply = this.#options.handler(request, abort.signal);
      if (reply instanceof Promise) reply.then(answer, (error: unknown) => this.#failed(error, response, line));
      else answer(reply);
    } catch (error) {
      this.#failed(error, response, line);
    }
  }

  async #send(
    response: ServerResponse,
    request: HttpRequest,
    reply: HttpResponse,
    body: IncomingBody | undefined,
    line: Line,
  ): Promise<void> {
    if (response.destroyed || response.headersSent) return await abandon(reply.body);
    const headers = dispositionFirst(reply.headers);
    const unread = body !== undefined && !body.finished;
    // INVARIANT: a connection with bytes of an unread body on it carries no second request.
    if (unread || this.#closing) {
      line.ending = true;
      headers["connection"] = "close";
    }

    const content = reply.body;
    const whole = typeof content === "string" || content instanceof Uint8Array ? content : undefined;
    if (content === undefined || whole !== undefined) {
      const bodyless = reply.status === 204 || reply.status === 304;
      if (!bodyless && headers["content-length"] === undefined) {
        headers["content-length"] = String(
          whole === undefined ? 0 : typeof whole === "string" ? Buffer.byteLength(whole) : whole.length,
        );
      }
      response.writeHead(reply.status, headers as Record<string, string | string[]>);
      if (!unread) {
        if (bodyless || whole === undefined) response.end();
        else if (typeof whole !== "string" && whole.length <= onePieceLimit) response.end(latin1(whole), "latin1");
        else response.end(whole);
        if ((response.socket?.writableLength ?? 0) > 0) this.#expectProgress(response);
        return;
      }
      if (whole !== undefined && whole.length > 0 && !bodyless) response.write(whole);
      else response.flushHeaders();
      await this.#drain(body);
      response.end();
      return;
    }

    try {
      response.writeHead(reply.status, headers as Record<string, string | string[]>);
      if (request.method === "HEAD") response.end();
      else await this.#stream(response, content as ByteStream);
    } finally {
      // Also what was read to its end may be ended.
      await abandon(content);
    }
  }

  /** INVARIANT: never more than one unsent piece is held; the source is closed when the client goes away. */
  async #stream(response: ServerResponse, content: ByteStream): Promise<void> {
    const source = content[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { value, done } = await source.next();
        if (done === true) break;
        if (response.destroyed) return;
        if (value.length > 0 && !response.write(value)) {
          if (!(await drained(response, this.#limits.responseStall))) {
            response.destroy();
            return;
          }
        }
      }
      response.end();
    } finally {
      if (!response.writableEnded) await source.return?.();
    }
  }

  /** A whole body of which the client has taken nothing for so long is given up; Node's timer starts again with each byte taken. */
  #expectProgress(response: ServerResponse): void {
    response.setTimeout(this.#limits.responseStall, () => response.destroy());
  }

  /** Reads on for a bounded while, so that a client still sending gets to read the answer instead of a reset. */
  async #drain(body: IncomingBody): Promise<void> {
    const { drainBytes, drainTimeout } = this.#limits;
    await body.discard(drainBytes, drainTimeout);
  }

  #failed(error: unknown, response: ServerResponse, line: Line): void {
    line.ending = true;
    this.#options.logger.error({ err: error }, "request failed");
    if (response.headersSent) response.destroy();
    else refuse(response, 500);
  }

  async listen(at: { port: number; host?: string; reusePort?: boolean }): Promise<{ port: number; host: string }> {
    await new Promise<void>((resolve, reject) => {
      this.#http.once("error", reject);
      this.#http.listen({ port: at.port, host: at.host ?? "127.0.0.1", reusePort: at.reusePort ?? false }, () => {
        this.#http.removeListener("error", reject);
        resolve();
      });
    });
    const address = this.#http.address() as AddressInfo;
    return { port: address.port, host: address.address };
  }

  setTls(identity: TlsIdentity): void {
    if (this.#tls === undefined) throw new Error("the server was created without TLS");
    this.#tls.setSecureContext(identity);
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async close(deadline = 10_000): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
    });
    this.#http.closeIdleConnections();
    for (const connection of this.#usual) if (connection.idle) connection.destroy();
    for (const socket of this.#opening) socket.destroy();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, deadline);
    await closed;
    clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    this.#pace.stop();
  }
}

function tlsOf(socket: Socket): Line["tls"] {
  const secure = socket as TLSSocket;
  if (secure.encrypted !== true) return undefined;
  return { protocol: secure.getProtocol() ?? "", cipher: secure.getCipher().standardName };
}

/** Node joins headers and a string body into one write; a Buffer body costs a second one. */
const onePieceLimit = 16_384;

/**
 * Node takes apart the bytes of a Content-Disposition that comes after Content-Length, and then refuses to send
 * what it made of a name beyond ASCII (nodejs/node#46528). Before it, the value goes out as it is.
 */
function dispositionFirst(headers: HttpResponse["headers"]): HttpResponse["headers"] {
  if (headers["content-disposition"] === undefined) return { ...headers };
  const { "content-disposition": disposition, ...others } = headers;
  return { "content-disposition": disposition, ...others };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function drained(response: ServerResponse, stall: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (ok: boolean): void => {
      clearTimeout(timer);
      response.removeListener("drain", onDrain);
      response.removeListener("close", onClose);
      resolve(ok);
    };
    const onDrain = (): void => settle(true);
    const onClose = (): void => settle(false);
    const timer = setTimeout(onClose, stall);
    response.on("drain", onDrain);
    response.on("close", onClose);
  });
}

/** A refusal by the front itself: no body, and the connection ends, since what follows on it cannot be trusted. */
function refuse(response: ServerResponse, status: number): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { connection: "close", "content-length": "0" });
  response.end();
}

const parserStatus: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Malformed HTTP, also in the middle of a connection: a bare 4xx if nothing has been sent yet, then the end. */
function answerClientError(error: Error & { code?: string }, socket: Socket & { _httpMessage?: ServerResponse }): void {
  if (!socket.writable || error.code === "ECONNRESET" || socket._httpMessage?.headersSent === true) {
    socket.destroy();
    return;
  }
  writeBare(socket, parserStatus[error.code ?? ""] ?? 400);
}

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Payload Too Large",
  431: "Request Header Fields Too Large",
};

function writeBare(socket: Socket, status: number): void {
  socket.on("error", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${reasons[status] ?? ""}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
    socket.destroy(),
  );
}
