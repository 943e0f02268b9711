/** The way from an installation to its external key store proxy: a plain forwarder that a test can stop or slow down. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export class XksPath {
  readonly #server = createServer((client) => this.#forward(client));
  readonly #sockets = new Set<Socket>();
  readonly #target: number;
  /** What the proxy says is held back. */
  silent = false;
  /** New connections are ended at once. */
  broken = false;

  private constructor(target: number) {
    this.#target = target;
  }

  static async to(endpoint: string): Promise<XksPath> {
    const path = new XksPath(Number(new URL(endpoint).port));
    await new Promise<void>((resolve) => path.#server.listen(0, "127.0.0.1", resolve));
    return path;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #forward(client: Socket): void {
    if (this.broken) return void client.destroy();
    const proxy = connect(this.#target, "127.0.0.1");
    for (const socket of [client, proxy]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        client.destroy();
        proxy.destroy();
      });
    }
    client.pipe(proxy);
    proxy.on("data", (chunk: Buffer) => {
      if (!this.silent) client.write(chunk);
    });
  }

  /** Ends the connections that are open; new ones are taken. */
  reset(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.reset();
    await closed;
  }
}
