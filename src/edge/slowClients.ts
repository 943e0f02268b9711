/**
 * Looks at every connection once a second and ends those that hold room without using it: handshakes and heads that do
 * not end, uploads and downloads that crawl. How many connections there may be is counted here too.
 */
import type { ClientConnection } from "./connection.ts";
import { rawAnswer } from "./responses.ts";

export interface ClientLimits {
  /** Connections at a time, and of one address. */
  connections: number;
  connectionsPerAddress: number;
  /** From accept to the end of the TLS handshake. */
  handshakeMs: number;
  /** From the first byte of a request's head to its last; a new connection has as long for its first request. */
  headMs: number;
  /** A body of known length, and an answer, have to move by so many bytes within each window. */
  windowMs: number;
  windowBytes: number;
  /** Beyond the idle timeout, for requests under way: a silent target is given up before. */
  graceMs: number;
}

export const clientLimits: ClientLimits = {
  connections: 20_000,
  connectionsPerAddress: 2_000,
  handshakeMs: 10_000,
  headMs: 10_000,
  windowMs: 10_000,
  windowBytes: 2_400,
  graceMs: 5_000,
};

export type Slowness = "handshake" | "head" | "upload" | "download" | "idle";

export class SlowClients {
  readonly #limits: ClientLimits;
  readonly #connections = new Set<ClientConnection>();
  readonly #perAddress = new Map<string, number>();
  readonly #onSlow: (connection: ClientConnection, why: Slowness) => void;
  readonly #idleMs: (connection: ClientConnection) => number;
  readonly #timer: NodeJS.Timeout;

  /** @param idleMs the idle timeout of the connection's front end */
  constructor(
    limits: ClientLimits,
    idleMs: (connection: ClientConnection) => number,
    onSlow: (connection: ClientConnection, why: Slowness) => void,
  ) {
    this.#limits = limits;
    this.#idleMs = idleMs;
    this.#onSlow = onSlow;
    this.#timer = setInterval(() => this.look(performance.now()), 1000);
    this.#timer.unref();
  }

  get connections(): ReadonlySet<ClientConnection> {
    return this.#connections;
  }

  room({ address }: ClientConnection): boolean {
    if (this.#connections.size >= this.#limits.connections) return false;
    return (this.#perAddress.get(address) ?? 0) < this.#limits.connectionsPerAddress;
  }

  add(connection: ClientConnection): void {
    this.#connections.add(connection);
    this.#perAddress.set(connection.address, (this.#perAddress.get(connection.address) ?? 0) + 1);
  }

  remove(connection: ClientConnection): void {
    if (!this.#connections.delete(connection)) return;
    const left = (this.#perAddress.get(connection.address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(connection.address, left);
    else this.#perAddress.delete(connection.address);
  }

  look(tick: number): void {
    for (const connection of this.#connections) {
      const why = this.#judge(connection, tick);
      if (why === undefined) continue;
      this.#onSlow(connection, why);
      end(connection, why);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #judge(connection: ClientConnection, tick: number): Slowness | undefined {
    const { handshakeMs, headMs } = this.#limits;
    if (connection.phase === "handshake") return tick - connection.openedTick > handshakeMs ? "handshake" : undefined;
    if (connection.active === 0) return this.#idle(connection, tick, headMs);
    return this.#crawls(connection, tick);
  }

  #idle(connection: ClientConnection, tick: number, headMs: number): Slowness | undefined {
    const { raw, bytesBefore } = connection;
    // An HTTP/2 connection says more than requests: it is idle when it has none.
    const begun = connection.session === undefined && raw.bytesRead > bytesBefore;
    if (begun) {
      connection.headerSince ??= tick;
      return tick - connection.headerSince > headMs ? "head" : undefined;
    }
    connection.headerSince = undefined;
    const since = Math.max(connection.idleSince, connection.openedTick);
    return tick - since > this.#idleMs(connection) ? "idle" : undefined;
  }

  #crawls(connection: ClientConnection, tick: number): Slowness | undefined {
    const { upload, taken, socket, raw, moved } = connection;
    const { windowMs, windowBytes, graceMs } = this.#limits;
    const bytes = raw.bytesRead + raw.bytesWritten;
    if (bytes !== moved.bytes) connection.moved = { bytes, since: tick };
    else if (tick - moved.since > this.#idleMs(connection) + graceMs) return "idle";
    if (upload) {
      if (upload.paused()) {
        upload.since = tick;
        upload.seen = upload.received;
      } else if (tick - upload.since > windowMs) {
        if (upload.received - upload.seen < windowBytes) return "upload";
        upload.since = tick;
        upload.seen = upload.received;
      }
    }
    // Only what waits for the client counts: an answer that the target is slow with is not the client's fault.
    const written = connection.raw.bytesWritten - connection.raw.writableLength - socket.writableLength;
    if (socket.writableLength === 0 || taken.since === 0) {
      connection.taken = { bytes: written, since: tick };
    } else if (tick - taken.since > windowMs) {
      if (written - taken.bytes < windowBytes) return "download";
      connection.taken = { bytes: written, since: tick };
    }
    return undefined;
  }
}

function end(connection: ClientConnection, why: Slowness): void {
  const { raw, socket } = connection;
  if (connection.session) {
    connection.session.destroy();
    return;
  }
  const [exchange] = connection.exchanges;
  if (why === "idle" || why === "upload") {
    // The client is what was waited for: it is told, where nothing has been said yet.
    if (exchange && !exchange.answered && connection.exchanges.size === 1 && !exchange.websocket) {
      exchange.abandon?.();
      exchange.checked.closeAfter = true;
      exchange.fail(408);
      setTimeout(() => raw.destroy(), 1000).unref();
      return;
    }
  }
  // Nothing may follow an answer that has begun; a handshake has no HTTP yet.
  if (why === "head" && connection.active === 0) {
    socket.end(rawAnswer(408, new Date().toUTCString()));
    setTimeout(() => raw.destroy(), 1000).unref();
  } else raw.destroy();
}
