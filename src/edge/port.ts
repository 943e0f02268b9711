/**
 * One address and port: accepts connections, keeps out whom the security groups do not let in, and hands each to the
 * listener that is meant. Where several front ends share an address (`127.0.0.1`, or the addresses of `JIKIMI_EDGE_BIND`)
 * the server name of the handshake and the Host header choose among them.
 */
import { createServer, type Server, type Socket } from "node:net";
import { TLSSocket, type SecureContext } from "node:tls";
import type { Clock } from "#kernel/clock.ts";
import { readClientHello, type ClientHello } from "./clientHello.ts";
import { ClientConnection, type ServingPort } from "./connection.ts";
import { hostWithoutPort } from "./exchange.ts";
import { publicKeyHost } from "./oidc/userClaims.ts";
import type { RandomHex } from "./randomHex.ts";
import type { ServedListener } from "./servedListener.ts";
import { chooseCertificate } from "./tlsContexts.ts";

export interface PortEvents {
  clock: Clock;
  hex: RandomHex;
  /** False: there is no room for another connection of this peer. */
  room(connection: ClientConnection): boolean;
  opened(connection: ClientConnection): void;
  closed(connection: ClientConnection): void;
  rejected(listener: ServedListener, connection: ClientConnection): void;
  /** TLS is up, or failed with OpenSSL's error. */
  handshake(listener: ServedListener, connection: ClientConnection, error?: Error): void;
}

/** ALPN as its wire form wants it. */
const withHttp2 = ["h2", "http/1.1"];
const withoutHttp2 = ["http/1.1"];

export class Port implements ServingPort {
  readonly address: string;
  readonly port: number;
  /** Whoever is served here; the first is meant where there is but one. */
  listeners: ServedListener[] = [];
  error: NodeJS.ErrnoException | undefined;
  readonly #events: PortEvents;
  #server: Server | undefined;

  constructor(address: string, port: number, events: PortEvents) {
    this.address = address;
    this.port = port;
    this.#events = events;
  }

  /** Resolves when it is bound or cannot be; `error` tells. */
  async open(): Promise<void> {
    const server = createServer({ pauseOnConnect: false, noDelay: true }, (socket) => this.#accept(socket));
    server.on("error", (error) => (this.error = error));
    await new Promise<void>((resolve) => {
      server.once("listening", resolve);
      server.once("error", () => resolve());
      server.listen({ host: this.address, port: this.port, backlog: 1024 });
    });
    if (!this.error) this.#server = server;
  }

  get bound(): boolean {
    return this.#server !== undefined;
  }

  /** Stops accepting; connections stay. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    // The callback waits for connections, which end in their own time.
    server.close();
  }

  /** The listener for a host name; the only one whatever the name, unless nobody is there. */
  choose(host: string | undefined): ServedListener | undefined {
    if (this.listeners.length === 1) return this.listeners[0];
    if (host === undefined) return undefined;
    const name = hostWithoutPort(host).toLowerCase();
    // The key that user claims are signed with is the same everywhere.
    if (name.startsWith(publicKeyHost)) return this.listeners[0];
    return this.listeners.find(({ state }) => state.frontEnd.dnsName === name);
  }

  #accept(socket: Socket): void {
    const { clock, hex } = this.#events;
    const connection = new ClientConnection(socket, this, `TID_${hex(16)}`, clock.now());
    socket.on("error", () => socket.destroy());
    const first = this.listeners[0];
    if (!first || !this.#events.room(connection)) {
      if (first) this.#events.rejected(first, connection);
      socket.destroy();
      return;
    }
    // INVARIANT: whom no listener here lets in says nothing to any of them.
    if (!this.listeners.some(({ state }) => state.admits(connection.address))) {
      socket.destroy();
      return;
    }
    this.#events.opened(connection);
    socket.once("close", () => this.#events.closed(connection));
    if (first.state.document.protocol === "HTTP") return first.accept(connection, "http/1.1");
    connection.phase = "handshake";
    this.#peek(connection);
  }

  /** Reads the ClientHello, puts it back, and goes on with TLS. */
  #peek(connection: ClientConnection): void {
    const { raw } = connection;
    const onReadable = (): void => {
      const data = raw.read() as Buffer | null;
      if (data === null) return;
      const hello = readClientHello(data);
      // Kept aside by the socket itself until there is more.
      raw.unshift(data);
      if (hello === "more") return;
      raw.off("readable", onReadable);
      if (hello === "invalid") this.#notTls(connection, data);
      else this.#secure(connection, hello);
    };
    raw.on("readable", onReadable);
  }

  /** Plain HTTP on a TLS port is told so; anything else is closed. */
  #notTls(connection: ClientConnection, data: Buffer): void {
    const listener = this.listeners[0];
    if (listener) this.#events.handshake(listener, connection, new Error("wrong version number"));
    if (/^[A-Z]{3,10} /.test(data.subarray(0, 16).toString("latin1"))) {
      connection.raw.end(
        "HTTP/1.1 400 Bad Request\r\nServer: awselb/2.0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
      );
    } else connection.raw.destroy();
  }

  #secure(connection: ClientConnection, hello: ClientHello): void {
    const listener = this.choose(hello.serverName) ?? this.#byCertificate(hello.serverName);
    const chosen = listener && chooseCertificate(listener.state.contexts, hello.serverName);
    if (!listener || !chosen || !listener.state.admits(connection.address)) {
      connection.raw.destroy();
      return;
    }
    const socket = serverSocket(connection.raw, chosen.context, listener.state.frontEnd.attributes.http2);
    socket.on("error", (error) => {
      if (connection.phase === "handshake") this.#events.handshake(listener, connection, error);
      socket.destroy();
    });
    socket.once("close", () => connection.raw.destroy());
    socket.once("secure", () => {
      // What Node's own TLS server does on this event; HTTP/2 waits for it.
      (socket as { secureConnecting?: boolean }).secureConnecting = false;
      const cipher = socket.getCipher();
      const group = (socket.getEphemeralKeyInfo() as { name?: string } | null)?.name;
      connection.tls = {
        protocol: socket.getProtocol() ?? "",
        cipher: cipher?.name ?? "",
        ...(group === undefined ? {} : { keyExchange: group }),
        ...(hello.serverName === undefined ? {} : { serverName: hello.serverName }),
        certificateArn: chosen.arn,
        ja3: hello.ja3,
        ja4: hello.ja4,
        handshakeMs: performance.now() - connection.openedTick,
      };
      connection.socket = socket;
      connection.phase = "open";
      connection.bytesBefore = connection.raw.bytesRead;
      this.#events.handshake(listener, connection);
      listener.accept(connection, socket.alpnProtocol === "h2" ? "h2" : "http/1.1");
    });
  }

  /** A client may name a host that is the front end's only by its certificate. */
  #byCertificate(serverName: string | undefined): ServedListener | undefined {
    if (serverName === undefined) return undefined;
    const suffix = `*${serverName.slice(serverName.indexOf("."))}`;
    const fitting = this.listeners.filter(({ state }) =>
      state.contexts.some(({ names }) => names.includes(serverName) || names.includes(suffix)),
    );
    return fitting.length === 1 ? fitting[0] : undefined;
  }
}

function serverSocket(raw: Socket, secureContext: SecureContext, http2: boolean): TLSSocket {
  return new TLSSocket(raw, {
    isServer: true,
    secureContext,
    ALPNProtocols: http2 ? withHttp2 : withoutHttp2,
    requestCert: false,
    rejectUnauthorized: false,
  });
}
