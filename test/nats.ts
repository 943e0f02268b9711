/** A NATS server with JetStream for tests, on a free loopback port with its data in a temporary folder. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** The path of the server, or the reason why tests that need one are skipped. */
export function findNats(): { program: string } | { reason: string } {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/bin"];
  const program = folders.map((folder) => join(folder, "nats-server")).find((path) => existsSync(path));
  return program === undefined ? { reason: "needs nats-server (Debian package nats-server)" } : { program };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class NatsServer {
  readonly port: number;
  readonly #program: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  private constructor(program: string, port: number, folder: string) {
    this.#program = program;
    this.port = port;
    this.#folder = folder;
    process.on("exit", () => this.#child?.kill("SIGKILL"));
  }

  static async create(): Promise<NatsServer> {
    const found = findNats();
    if ("reason" in found) throw new Error(found.reason);
    const server = new NatsServer(found.program, await freePort(), mkdtempSync(join(tmpdir(), "jikimi-nats-")));
    await server.start();
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  start(): Promise<void> {
    const child = spawn(this.#program, ["-a", "127.0.0.1", "-p", String(this.port), "-js", "-sd", this.#folder], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    return new Promise((resolve, reject) => {
      let text = "";
      child.stderr?.on("data", (chunk: Buffer) => {
        if (text.length < 50_000) text += chunk.toString();
        if (text.includes("Server is ready")) resolve();
      });
      child.once("exit", () => reject(new Error(`nats-server: ${text}`)));
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await exit;
  }

  async destroy(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
