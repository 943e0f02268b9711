/** One connection of the attacker: sends an attempt, reads one answer, and says what came. */
import { connect, type Socket } from "node:net";

export type Outcome =
  | { kind: "answer"; status: number; reusable: boolean }
  | { kind: "closed" }
  | { kind: "silence" }
  | { kind: "nonsense"; text: string };

export class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => {};

  constructor(host: string, port: number) {
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.on("data", (piece: Buffer) => {
      this.#received = this.#received.length === 0 ? piece : Buffer.concat([this.#received, piece]);
      this.#wake();
    });
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
    this.#socket.on("end", () => this.#wake());
  }

  /** INVARIANT: settles within `timeout` milliseconds. */
  async attempt(bytes: Buffer, options: { finish: boolean; head: boolean; timeout: number }): Promise<Outcome> {
    if (options.finish) this.#socket.end(bytes);
    else this.#socket.write(bytes);
    const deadline = Date.now() + options.timeout;
    for (;;) {
      const outcome = this.#parse(options.head);
      if (outcome !== undefined) return outcome;
      if (this.#closed)
        return this.#received.length === 0
          ? { kind: "closed" }
          : { kind: "nonsense", text: this.#received.toString("latin1", 0, 200) };
      const left = deadline - Date.now();
      if (left <= 0) return { kind: "silence" };
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #parse(head: boolean): Outcome | undefined {
    const end = this.#received.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    const text = this.#received.toString("latin1", 0, end);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]);
    if (!(status >= 100)) return { kind: "nonsense", text: text.slice(0, 200) };
    if (status === 100) {
      this.#received = this.#received.subarray(end + 4);
      return this.#parse(head);
    }
    const reusable = !/\r\nconnection: close/i.test(text);
    const length =
      head || status === 204 || status === 304 ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
    if (Number.isNaN(length)) {
      // Streamed: complete when the last chunk is there.
      if (!this.#received.toString("latin1", end).endsWith("0\r\n\r\n")) return undefined;
      this.#received = Buffer.alloc(0);
      return { kind: "answer", status, reusable };
    }
    if (this.#received.length < end + 4 + length) return undefined;
    const surplus = this.#received.length > end + 4 + length;
    this.#received = Buffer.alloc(0);
    return { kind: "answer", status, reusable: reusable && !surplus };
  }

  /** With a reset, so that a million connections do not use up the ports of the machine. */
  drop(): void {
    if (!this.#closed) this.#socket.resetAndDestroy();
  }
}
