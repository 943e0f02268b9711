/**
 * The NBD server on its Unix socket. Whoever may open the socket may attach every volume: it lies in a folder of mode
 * 0700, and is to volumes what a hypervisor's side of an instance is on AWS.
 */
import { chmod, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "#kernel/log.ts";
import type { BlockDevice } from "../blockDevice.ts";
import { type Export, handshake, isClientsDoing, type Offers } from "./handshake.ts";
import { SocketReader } from "./socketReader.ts";
import { Transmission } from "./transmission.ts";

/** Who has not named an export by then is not going to. */
const handshakeMs = 10_000;
const mostConnections = 4096;

export interface Attached extends Export {
  device: BlockDevice;
  /** Hears how the connection can be ended from this side. */
  onAttached(end: () => void): void;
  /** Nothing of the connection is under way any more. */
  release(): Promise<void>;
}

export class NbdServer {
  readonly #server: Server;
  readonly #offers: Offers<Attached>;
  readonly #log: Logger;
  readonly #handshakeMs: number;
  readonly #open = new Map<Socket, Promise<void>>();

  constructor(offers: Offers<Attached>, log: Logger, handshakeLimitMs = handshakeMs) {
    this.#offers = offers;
    this.#log = log;
    this.#handshakeMs = handshakeLimitMs;
    this.#server = createServer((socket) => this.#take(socket));
    this.#server.maxConnections = mostConnections;
  }

  async listen(path: string): Promise<void> {
    // Left behind by a killed process; one supervisor owns the folder, so nobody else listens on it.
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ path, backlog: mostConnections }, resolve);
    });
    this.#server.on("error", (error) => this.#log.error({ err: error }, "the socket of volumes"));
    await chmod(path, 0o600);
  }

  /** Ends every connection once what is under way on it has been answered. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#open.keys()) socket.destroy();
    await Promise.all(this.#open.values());
    await closed;
  }

  #take(socket: Socket): void {
    const served = this.#serve(socket).finally(() => {
      socket.destroy();
      this.#open.delete(socket);
    });
    this.#open.set(socket, served);
  }

  async #serve(socket: Socket): Promise<void> {
    // Its reader hears of errors; a listener of its own keeps one from ending the process.
    socket.on("error", () => {});
    const reader = new SocketReader(socket);
    const patience = setTimeout(() => socket.destroy(), this.#handshakeMs);
    let attached: Attached | undefined;
    try {
      const agreed = await handshake(socket, reader, this.#offers);
      clearTimeout(patience);
      if (!agreed) return void socket.end();
      attached = agreed.attached;
      attached.onAttached(() => socket.destroy());
      const failed = (error: unknown): void => this.#log.error({ err: error }, "a request to a volume failed");
      await new Transmission(socket, reader, agreed, failed).serve();
    } catch (error) {
      if (!isClientsDoing(error)) this.#log.error({ err: error }, "a connection to a volume failed");
    } finally {
      clearTimeout(patience);
      await attached
        ?.release()
        .catch((error: unknown) => this.#log.error({ err: error }, "a volume was not released cleanly"));
    }
  }
}
