/**
 * PostgreSQL servers for tests, started from Debian's binaries as an ordinary user, on a free loopback port
 * with data in a temporary folder. Gone, with their data, when the test ends or its process exits.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = "/usr/lib/postgresql";

/** The folder of the newest installed server, or the reason why tests that need one are skipped. */
export function findPostgres(): { bin: string } | { reason: string } {
  const versions = existsSync(root)
    ? readdirSync(root)
        .map(Number)
        .filter((version) => version >= 15)
    : [];
  const newest = Math.max(...versions);
  const bin = join(root, String(newest), "bin");
  if (!existsSync(join(bin, "postgres"))) return { reason: `needs PostgreSQL 15 or newer under ${root}` };
  if (process.getuid?.() === 0 && !account())
    return { reason: "needs a user named postgres or nobody: the server refuses root" };
  return { bin };
}

/** The user that runs the server when the test runs as root. */
function account(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const entry = lines.find(([name]) => name === "postgres") ?? lines.find(([name]) => name === "nobody");
  return entry && { uid: Number(entry[2]), gid: Number(entry[3]) };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const live = new Set<PostgresServer>();
process.on("exit", () => {
  for (const server of live) server.destroyNow();
});

export class PostgresServer {
  readonly port: number;
  readonly folder: string;
  readonly #bin: string;
  #child: ChildProcess | undefined;

  private constructor(bin: string, folder: string, port: number) {
    this.#bin = bin;
    this.folder = folder;
    this.port = port;
    live.add(this);
  }

  /** A running primary. `settings` are lines of postgresql.conf. */
  static async create(settings: readonly string[] = []): Promise<PostgresServer> {
    const server = await PostgresServer.#prepare();
    await server.#command("initdb", [
      "-D",
      server.folder,
      "-U",
      "jikimi",
      "-A",
      "trust",
      "-E",
      "UTF8",
      "--locale=C.UTF-8",
      "--no-sync",
      "--no-instructions",
    ]);
    server.#configure(settings);
    appendFileSync(join(server.folder, "pg_hba.conf"), "host replication all 127.0.0.1/32 trust\n");
    await server.start();
    return server;
  }

  static async #prepare(): Promise<PostgresServer> {
    const found = findPostgres();
    if ("reason" in found) throw new Error(found.reason);
    const folder = mkdtempSync(join(tmpdir(), "jikimi-pg-"));
    const user = account();
    if (user) chownSync(folder, user.uid, user.gid);
    return new PostgresServer(found.bin, folder, await freePort());
  }

  /** A running standby that streams from this server; `name` is its application_name for synchronous_standby_names. */
  async standby(name: string): Promise<PostgresServer> {
    const other = await PostgresServer.#prepare();
    const source = `host=127.0.0.1 port=${this.port} user=jikimi application_name=${name}`;
    await other.#command("pg_basebackup", [
      "-D",
      other.folder,
      "-d",
      source,
      "-R",
      "-c",
      "fast",
      "-X",
      "stream",
      "--no-sync",
    ]);
    other.#configure([]);
    await other.start();
    return other;
  }

  #configure(settings: readonly string[]): void {
    const lines = [
      "listen_addresses = '127.0.0.1'",
      `port = ${this.port}`,
      `unix_socket_directories = '${this.folder}'`,
      "max_connections = 60",
      "shared_buffers = 32MB",
      "dynamic_shared_memory_type = mmap",
      "log_min_messages = fatal",
      ...settings,
    ];
    writeFileSync(join(this.folder, "postgresql.auto.conf"), `${readAuto(this.folder)}${lines.join("\n")}\n`);
  }

  async #command(program: string, args: readonly string[]): Promise<void> {
    await run(join(this.#bin, program), [...args], {
      ...account(),
      cwd: this.folder,
      env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8" },
    });
  }

  url(database = "postgres"): string {
    return `postgres://jikimi@127.0.0.1:${this.port}/${database}`;
  }

  /** A new, empty database; its URL. */
  async createDatabase(name: string): Promise<string> {
    await this.#command("createdb", ["-h", this.folder, "-p", String(this.port), "-U", "jikimi", name]);
    return this.url(name);
  }

  /** Starts, again and again while processes of a killed server still hold its shared memory. */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const failure = await this.#startOnce();
      if (failure === undefined) return;
      if (attempt === 40) throw new Error(`PostgreSQL does not start: ${failure}`);
      await delay(100);
    }
  }

  #startOnce(): Promise<string | undefined> {
    const child = spawn(join(this.#bin, "postgres"), ["-D", this.folder, "-c", "log_min_messages=log"], {
      ...account(),
      cwd: this.folder,
      env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    return new Promise((resolve) => {
      let text = "";
      child.stderr?.on("data", (chunk: Buffer) => {
        if (text.length < 100_000) text += chunk.toString();
        if (/ready to accept (read-only )?connections/.test(text)) resolve(undefined);
      });
      child.once("exit", () => resolve(text));
    });
  }

  async #exited(act: () => void): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = new Promise((resolve) => child.once("exit", resolve));
    act();
    await exit;
  }

  /** Fast shutdown: ends connections, writes a checkpoint. */
  async stop(): Promise<void> {
    await this.#exited(() => this.#child?.kill("SIGINT"));
  }

  /** kill -9 of the server and of every process that serves a connection. */
  async kill(): Promise<void> {
    await this.#exited(() => this.#killTree());
  }

  #killTree(): void {
    this.#signalTree("SIGKILL");
  }

  /** Stops every process of the server: connections stay open and nobody answers. */
  pause(): void {
    this.#signalTree("SIGSTOP");
  }

  resume(): void {
    this.#signalTree("SIGCONT");
  }

  #signalTree(signal: NodeJS.Signals): void {
    const parent = this.#child?.pid;
    if (parent === undefined) return;
    const children = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === parent);
    for (const pid of [parent, ...children.map(Number)]) {
      try {
        process.kill(pid, signal);
      } catch {
        // Already gone.
      }
    }
  }

  /** Puts a file into the data folder, readable by the server only. */
  installFile(name: string, content: Uint8Array): void {
    const path = join(this.folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    const user = account();
    if (user) chownSync(path, user.uid, user.gid);
  }

  async promote(): Promise<void> {
    await this.#command("pg_ctl", ["promote", "-D", this.folder, "-w"]);
  }

  async destroy(): Promise<void> {
    await this.kill();
    this.destroyNow();
  }

  destroyNow(): void {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) this.#killTree();
    live.delete(this);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function readAuto(folder: string): string {
  const path = join(folder, "postgresql.auto.conf");
  // A base backup brings the primary's lines along; only those that -R has written are the standby's own.
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("primary_"))
    .map((line) => `${line}\n`)
    .join("");
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}
