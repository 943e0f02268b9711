/** Reads a socket by lengths that the protocol says, no more than was asked for. */
import type { Socket } from "node:net";

export class ConnectionEnded extends Error {
  constructor() {
    super("the connection has ended");
    this.name = "ConnectionEnded";
  }
}

export class SocketReader {
  readonly #socket: Socket;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    const wake = (): void => this.#wake?.();
    const end = (): void => {
      this.#ended = true;
      wake();
    };
    socket.on("readable", wake);
    for (const event of ["end", "close", "error"]) socket.on(event, end);
  }

  /** @throws ConnectionEnded also within the bytes */
  async read(length: number): Promise<Buffer> {
    if (length === 0) return Buffer.alloc(0);
    for (;;) {
      const data = this.#socket.destroyed ? null : (this.#socket.read(length) as Buffer | null);
      if (data?.length === length) return data;
      if (data !== null || this.#ended || this.#socket.destroyed) throw new ConnectionEnded();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Reads and forgets. */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) {
      const part = Math.min(left, 64 * 1024);
      await this.read(part);
      left -= part;
    }
  }
}
