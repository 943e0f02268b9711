/** A started installation for tests that come from outside: own data folder, free port, everything through the CLI. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("..", import.meta.url));
const main = join(repository, "src/cli/main.ts");

export interface ReadyLine {
  endpoint: string;
  consoleUrl: string;
  accountId: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  pid: number;
}

export interface InstanceOptions {
  /** Kept by the caller; a folder of its own that is removed otherwise. */
  dataDir?: string;
  /** Further arguments of `jikimi up`. */
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** Port of a restart; a free one otherwise. */
  port?: number;
}

/** Longest start that is waited for; a machine that tests everything at once is slow. */
const startMs = 60_000;

export class Instance {
  readonly dataDir: string;
  readonly ready: ReadyLine;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #ownsFolder: boolean;

  constructor(dataDir: string, ownsFolder: boolean, ready: ReadyLine, child: ChildProcess, ended: Promise<unknown>) {
    this.dataDir = dataDir;
    this.#ownsFolder = ownsFolder;
    this.ready = ready;
    this.#process = child;
    this.#ended = ended;
  }

  get endpoint(): string {
    return this.ready.endpoint;
  }

  /** Configuration of any AWS SDK client, as the administrator. */
  get client() {
    const { endpoint, region, accessKeyId, secretAccessKey } = this.ready;
    return { endpoint, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 };
  }

  /** The same for an S3 client: `*.localhost` does not resolve everywhere. */
  get s3Client() {
    return { ...this.client, forcePathStyle: true };
  }

  /** Environment of AWS CLIs and of boto3, as the administrator; nothing of the machine's own AWS configuration. */
  env(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    const { endpoint, region, accessKeyId, secretAccessKey } = this.ready;
    return {
      PATH: process.env["PATH"],
      HOME: this.dataDir,
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_DEFAULT_REGION: region,
      AWS_REGION: region,
      AWS_PAGER: "",
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      ...more,
    };
  }

  /** Process ids of the roles, read from the process table: children of the supervisor by the name they were started with. */
  async rolePids(): Promise<Record<string, number>> {
    const pids: Record<string, number> = {};
    const children = await readFile(`/proc/${this.ready.pid}/task/${this.ready.pid}/children`, "utf8");
    for (const pid of children.trim().split(" ").filter(Boolean)) {
      const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      const role = words[words.indexOf("--role") + 1];
      if (words.includes("--role") && role) pids[role] = Number(pid);
    }
    return pids;
  }

  /** Ends it cleanly and removes its folder. */
  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#ended;
    if (this.#ownsFolder) await rm(this.dataDir, { recursive: true, force: true });
  }

  /** `kill -9` of the supervisor; its roles go with it. The folder stays. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}

export async function startInstance(options: InstanceOptions = {}): Promise<Instance> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "jikimi-test-")));
  const args = [main, "up", "--json", "--data", dataDir, "--port", String(options.port ?? 0), ...(options.args ?? [])];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, JIKIMI_LOG_LEVEL: "info", ...options.env },
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const line = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`not ready after ${startMs} ms:\n${errors}`));
    }, startMs);
    createInterface({ input: child.stdout }).once("line", (text) => {
      clearTimeout(timer);
      resolve(text);
    });
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code} before it was ready:\n${errors}`));
    });
  });
  return new Instance(dataDir, options.dataDir === undefined, JSON.parse(line) as ReadyLine, child, ended);
}

/** Waits until `check` gives something; a condition, never a time. */
export async function eventually<T>(
  check: () => Promise<T | undefined | false>,
  { within = 30_000, every = 100 }: { within?: number; every?: number } = {},
): Promise<T> {
  const until = performance.now() + within;
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until) throw new Error(`not within ${within} ms`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}
