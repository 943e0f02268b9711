/** One connection of a client, and what is known of it. */
import type { Http2Session } from "node:http2";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Exchange } from "./exchange.ts";
import type { ListenerState } from "./listenerState.ts";
import { plainAddress } from "./networks.ts";

export interface ConnectionTls {
  /** `TLSv1.3` */
  protocol: string;
  /** OpenSSL's name. */
  cipher: string;
  /** Group of the key exchange, e.g. `X25519`; absent where there was none. */
  keyExchange?: string;
  serverName?: string;
  certificateArn: string;
  ja3: string;
  ja4: string;
  /** From accept to the end of the handshake, in milliseconds. */
  handshakeMs: number;
}

/** Where connections come in. */
export interface ServingPort {
  /** The listener that is meant by a host name; the only one whatever the name. */
  choose(host: string | undefined): { state: ListenerState } | undefined;
}

export class ClientConnection {
  /** As the real one names it in logs: `TID_` and 32 hexadecimal digits. */
  readonly traceId: string;
  readonly raw: Socket;
  /** The socket that carries HTTP: the TLS socket once there is one. */
  socket: Socket | TLSSocket;
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly openedAt: number;
  readonly openedTick = performance.now();
  tls: ConnectionTls | undefined;
  /** Of HTTP/2. */
  session: Http2Session | undefined;
  /** `handshake` until TLS is up; `open` when HTTP may be spoken. */
  phase: "handshake" | "open" = "open";
  /** Requests under way, and those begun so far. */
  active = 0;
  requests = 0;
  /** Exchanges under way, by the order of their requests. */
  readonly exchanges = new Set<Exchange>();
  /** Tick since which an incomplete header has been waited for; undefined while none is. */
  headerSince: number | undefined;
  /** Bytes that had come in when the last request was complete. */
  bytesBefore = 0;
  /** A request's body that has to come at a minimum rate. */
  upload: { received: number; seen: number; since: number; paused: () => boolean } | undefined;
  /** Written bytes that the client had taken at the last look, and since when it has taken none. */
  taken = { bytes: 0, since: 0 };
  /** Bytes that had gone in and out at the last look, and since when none have. */
  moved = { bytes: 0, since: this.openedTick };
  /** Tick at which the last request was done. */
  idleSince = 0;
  /** No more requests after those under way. */
  closing = false;

  /** The port it came to. */
  readonly at: ServingPort;

  constructor(socket: Socket, at: ServingPort, traceId: string, now: number) {
    this.raw = socket;
    this.at = at;
    this.socket = socket;
    this.traceId = traceId;
    this.openedAt = now;
    this.address = plainAddress(socket.remoteAddress ?? "");
    this.port = socket.remotePort ?? 0;
    this.localAddress = plainAddress(socket.localAddress ?? "");
  }

  /** No more requests after those under way; an idle connection ends at once. */
  drain(): void {
    this.closing = true;
    if (this.session) this.session.close();
    else if (this.active === 0) this.raw.destroySoon();
  }

  choose(host: string | undefined): { state: ListenerState } | undefined {
    return this.at.choose(host);
  }
}
