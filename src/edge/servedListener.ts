/** A listener's HTTP side: from a connection that may speak to one exchange after another. */
import { createServer as createHttp1, ServerResponse, type IncomingMessage, type Server } from "node:http";
import {
  constants as http2Constants,
  createServer as createHttp2,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import type { Duplex } from "node:stream";
import type { Clock } from "#kernel/clock.ts";
import type { ClientConnection } from "./connection.ts";
import { Exchange } from "./exchange.ts";
import type { ListenerState } from "./listenerState.ts";
import { limits } from "./requestChecks.ts";
import { rawAnswer } from "./responses.ts";
import type { Upgrade } from "./websocket.ts";

export interface ListenerEvents {
  clock: Clock;
  serve(exchange: Exchange, upgrade?: Upgrade): void;
  /** The answer is out, or the client is gone. */
  finished(exchange: Exchange): void;
  /** A request that could not be read. */
  unreadable(state: ListenerState, connection: ClientConnection, status: number): void;
}

/** Heads a little over the limits are read, so that the answer says which limit it was. */
const mostHeadBytes = limits.headers + limits.requestLine + 8 * 1024;

/** A silent target is given up before. */
const streamGraceMs = 5_000;

/** Streams at a time on one HTTP/2 connection. Source: Elastic Load Balancing User Guide, "HTTP/2". */
const mostStreams = 128;

/** By the socket that carries HTTP/1.1, or by the HTTP/2 session. */
const connections = new WeakMap<object, ClientConnection>();

export class ServedListener {
  /** Replaced as a whole when the configuration changes; a request keeps the one it began with. */
  state: ListenerState;
  readonly #events: ListenerEvents;
  #http1: Server | undefined;
  #http2: Http2Server | undefined;

  constructor(state: ListenerState, events: ListenerEvents) {
    this.state = state;
    this.#events = events;
  }

  /** Speaks HTTP with the peer. `connection.socket` carries it. */
  accept(connection: ClientConnection, protocol: "http/1.1" | "h2"): void {
    if (protocol === "http/1.1") {
      connections.set(connection.socket, connection);
      this.#overHttp1().emit("connection", connection.socket);
      return;
    }
    // The session is made, and its event comes, before `emit` returns.
    const server = this.#overHttp2();
    server.once("session", (session) => {
      connections.set(session, connection);
      connection.session = session;
      session.on("error", () => session.destroy());
    });
    server.emit("connection", connection.socket);
  }

  #overHttp1(): Server {
    if (this.#http1) return this.#http1;
    const server = createHttp1({
      maxHeaderSize: mostHeadBytes,
      // One after the other, each in full: what the load balancer adds must not be cut off by a limit.
      keepAliveTimeout: 0,
      requireHostHeader: true,
      insecureHTTPParser: false,
      shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === "websocket",
    });
    server.maxHeadersCount = 0;
    server.on("request", (request, response) => this.#begin(connections.get(request.socket), request, response));
    server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) =>
      this.#begin(connections.get(request.socket), request, response),
    );
    server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) =>
      this.#begin(connections.get(request.socket), request, response),
    );
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => this.#unreadable(error, socket));
    this.#http1 = server;
    return server;
  }

  #overHttp2(): Http2Server {
    if (this.#http2) return this.#http2;
    const server = createHttp2({
      settings: { maxConcurrentStreams: mostStreams, maxHeaderListSize: mostHeadBytes, enablePush: false },
      maxSessionMemory: 10,
      // "Rapid reset": a client that opens streams only to reset them. CVE-2023-44487.
      streamResetBurst: 200,
      streamResetRate: 20,
    });
    server.on("request", (request, response) =>
      this.#begin(connections.get(request.stream.session ?? {}), request, response),
    );
    server.on("sessionError", () => {});
    this.#http2 = server;
    return server;
  }

  #begin(
    connection: ClientConnection | undefined,
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    upgrade?: Upgrade,
  ): void {
    if (!connection) {
      request.destroy();
      return;
    }
    const host = request.httpVersionMajor === 2 ? (request as Http2ServerRequest).authority : request.headers.host;
    const listener = connection.choose(host);
    const state = (listener ?? this).state;
    const exchange = new Exchange(state, connection, request, response, this.#events.clock.now());
    connection.active++;
    connection.exchanges.add(exchange);
    connection.requests++;
    connection.headerSince = undefined;
    // The keep-alive time of a client is how long its connection may serve. Source: User Guide, "HTTP client keepalive duration".
    const age = performance.now() - connection.openedTick;
    if (age > state.frontEnd.attributes.clientKeepAliveSeconds * 1000) connection.closing = true;
    this.#watchUpload(exchange);
    this.#watchStream(exchange);
    const ended = (): void => {
      if (exchange.finished) return;
      exchange.finished = true;
      connection.active--;
      // Whoever has not been answered went away.
      exchange.status ||= 460;
      connection.exchanges.delete(exchange);
      connection.upload = undefined;
      connection.bytesBefore = connection.raw.bytesRead;
      connection.idleSince = performance.now();
      if (connection.closing) connection.session?.close();
      this.#events.finished(exchange);
    };
    if (upgrade) upgrade.socket.once("close", ended);
    else response.once("close", ended);
    request.on("error", () => {});
    response.on("error", () => {});
    // Where several share an address and none is meant, nothing is served.
    if (!listener) return exchange.fail(421);
    if (!state.admits(connection.address)) {
      connection.raw.destroy();
      return;
    }
    this.#events.serve(exchange, upgrade);
  }

  /** A stream on which nothing happens must not live by what happens on others of its connection. */
  #watchStream({ request, http2, state }: Exchange): void {
    if (!http2) return;
    const { stream } = request as Http2ServerRequest;
    const idleMs = state.frontEnd.attributes.idleTimeoutSeconds * 1000;
    stream.setTimeout(idleMs + streamGraceMs, () => stream.close(http2Constants.NGHTTP2_CANCEL));
  }

  /** A body of a known length has to come at a minimum rate; an open-ended one may take its time. */
  #watchUpload({ request, connection, http2, hasBody }: Exchange): void {
    if (http2 || !hasBody || request.headers["content-length"] === undefined) return;
    const { raw } = connection;
    connection.upload = {
      get received() {
        return raw.bytesRead;
      },
      seen: raw.bytesRead,
      since: performance.now(),
      paused: () => request.isPaused() || request.readableLength > 0,
    };
    request.once("end", () => (connection.upload = undefined));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const response = new ServerResponse(request);
    response.assignSocket(socket as never);
    response.shouldKeepAlive = false;
    response.once("finish", () => socket.end());
    this.#begin(connections.get(request.socket), request, response, { socket, head });
  }

  /** What the parser refused: framing that can be read in two ways, control characters, heads without end. */
  #unreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
    const connection = connections.get(socket);
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    const status = error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
    // Nothing may follow an answer that has begun, or come before those that are owed.
    const [first, ...others] = connection?.exchanges ?? [];
    if (first && others.length === 0 && !first.answered) {
      first.abandon?.();
      first.checked.closeAfter = true;
      first.fail(status);
      first.response.once("close", () => socket.destroy());
    } else if (connection && !first) {
      socket.end(rawAnswer(status, new Date(this.#events.clock.now()).toUTCString()));
      socket.once("finish", () => socket.destroy());
      this.#events.unreadable(this.state, connection, status);
    } else socket.destroy();
  }
}
