/**
 * The load balancer, CPU per request: without a web ACL and with one of five rules, beside a bare Node proxy (node:http in,
 * undici dispatch out) and, where it is installed, nginx. All in front of the same application, one after the other.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { Agent, createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { print, type Row } from "./parts/row.ts";

const requests = 6_000;
const warmUp = 2_000;
const inFlight = 16;
const here = fileURLToPath(import.meta.url);

interface Subject {
  name: string;
  port: number;
  pids: readonly number[];
  close(): Promise<void> | void;
}

/** User and system time of processes so far, in microseconds. Source: proc(5), /proc/pid/stat, fields 14 and 15; 100 ticks a second. */
async function cpuMicroseconds(pids: readonly number[]): Promise<number> {
  let sum = 0;
  for (const pid of pids) {
    const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
    sum += (Number(fields[11]) + Number(fields[12])) * 10_000;
  }
  return sum;
}

async function load(port: number, count: number, body: string | undefined): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  let left = count;
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const headers =
        body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const method = body === undefined ? "GET" : "POST";
      const request = httpRequest(
        { host: "127.0.0.1", port, path: "/shop?item=42&color=blue", method, agent, headers },
        (response) => {
          response.resume();
          response.on("end", () =>
            response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
          );
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left-- > 0) await one();
    }),
  );
  agent.destroy();
}

async function perRequest({ port, pids }: Subject, body: string | undefined): Promise<number> {
  await load(port, warmUp, body);
  const before = await cpuMicroseconds(pids);
  await load(port, requests, body);
  return ((await cpuMicroseconds(pids)) - before) / requests;
}

/** A process of this file with another part; it says its port. */
async function part(name: string, ...args: string[]): Promise<Subject> {
  const child = spawn(process.execPath, [here, name, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const port = await firstNumber(child);
  return { name, port, pids: [child.pid!], close: () => void child.kill("SIGKILL") };
}

function firstNumber(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.stdout?.once("data", (chunk: Buffer) => resolve(Number(chunk.toString())));
    child.once("exit", () => reject(new Error("ended before it listened")));
  });
}

async function nginx(target: number): Promise<Subject | undefined> {
  if (spawnSync("nginx", ["-v"]).error) return undefined;
  const folder = await mkdtemp(join(tmpdir(), "jikimi-nginx-"));
  const port = target + 1;
  const config = `daemon off; worker_processes 1; pid ${folder}/pid; error_log /dev/null; events {}
    http { access_log off; upstream app { server 127.0.0.1:${target}; keepalive 32; }
    server { listen 127.0.0.1:${port}; location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://app; } } }`;
  await writeFile(join(folder, "nginx.conf"), config);
  const child = spawn("nginx", ["-c", join(folder, "nginx.conf")], { stdio: "ignore" });
  for (;;) {
    const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").catch(() => "");
    const pids = children.trim().split(" ").filter(Boolean).map(Number);
    if (pids.length > 0) {
      const close = async (): Promise<void> => {
        child.kill("SIGTERM");
        await rm(folder, { recursive: true, force: true });
      };
      return { name: "nginx", port, pids, close };
    }
    if (child.exitCode !== null) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function bench(): Promise<Row[]> {
  const app = await part("application");
  const target = String(app.port);
  const body = JSON.stringify({
    items: Array.from({ length: 40 }, (_, index) => ({ id: index, name: `item ${index}`, note: "nothing special" })),
  });
  const rows: Row[] = [];
  try {
    for (const [what, sent] of [
      ["GET", undefined],
      [`POST ${(body.length / 1024).toFixed(1)} KB JSON`, body],
    ] as const) {
      const measured = new Map<string, number>();
      for (const open of [
        () => part("bare", target),
        () => part("edge", target),
        () => part("edge-acl", target),
        () => nginx(app.port),
      ]) {
        const subject = await open();
        if (!subject) continue;
        try {
          measured.set(subject.name, await perRequest(subject, sent));
        } finally {
          await subject.close();
        }
      }
      const bare = measured.get("bare") ?? Number.NaN;
      for (const [name, microseconds] of measured) {
        if (name === "bare") continue;
        const label = { edge: "load balancer", "edge-acl": "load balancer with web ACL", nginx: "nginx" }[name] ?? name;
        const detail = `${microseconds.toFixed(0)} µs of CPU a request against ${bare.toFixed(0)} µs`;
        rows.push({ name: `${what}: bare Node proxy / ${label}`, ratio: bare / microseconds, detail });
      }
      const [other, own] = [measured.get("nginx"), measured.get("edge-acl")];
      if (other === undefined || own === undefined) continue;
      const name = `${what}: nginx as proxy / load balancer with web ACL`;
      rows.push({
        name,
        ratio: other / own,
        detail: `${own.toFixed(0)} µs of CPU a request against ${other.toFixed(0)} µs`,
      });
    }
    return rows;
  } finally {
    await app.close();
  }
}

const parts: Readonly<Record<string, (target: number) => Promise<void>>> = {
  async application() {
    const server = createServer((request, response) => {
      request.resume();
      request.on("end", () => response.end("a short answer"));
    });
    server.keepAliveTimeout = 60_000;
    server.listen(0, "127.0.0.1", () => say((server.address() as AddressInfo).port));
  },
  async bare(target) {
    const { Pool } = await import("undici");
    const pool = new Pool(`http://127.0.0.1:${target}`);
    const server = createServer((request, response) => {
      const headers = request.rawHeaders.filter((_, index, all) => all[index & ~1]?.toLowerCase() !== "connection");
      const body = request.method === "POST" ? request : null;
      pool.dispatch(
        { path: request.url ?? "/", method: request.method as "GET", headers, body },
        {
          onRequestStart() {},
          onResponseStart: (_, status, answer) => void response.writeHead(status, answer as Record<string, string>),
          onResponseData: (_, chunk) => void response.write(chunk),
          onResponseEnd: () => void response.end(),
          onResponseError: () => void response.destroy(),
        },
      );
    });
    server.listen(0, "127.0.0.1", () => say((server.address() as AddressInfo).port));
  },
  edge: (target) => serveEdge(target, false),
  "edge-acl": (target) => serveEdge(target, true),
};

async function serveEdge(port: number, protect: boolean): Promise<void> {
  const testing = await import("../../src/edge/testing.ts");
  const { Firewall } = await import("../../src/edge/firewall.ts");
  const { Records } = await import("../../src/edge/records.ts");
  const { systemClock } = await import("#kernel/clock.ts");
  const { systemRandom } = await import("#kernel/ids.ts");
  const { silentLogger } = await import("#kernel/log.ts");
  const firewall = new Firewall({
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    tokenKey: Buffer.alloc(32),
  });
  if (protect) {
    const { protectedDocuments } = await import("./parts/webAcl.ts");
    const documents = protectedDocuments(testing.frontEndArn, testing.account, testing.region);
    await firewall.follow(
      documents,
      [...documents.values()].map(({ key }) => key),
    );
  }
  const records = new Records(systemClock, () => {});
  const { edge } = testing.testEdge({
    inspector: firewall,
    observer: { ...records, status() {}, health() {} } as never,
  });
  const free = await testing.freePort();
  await edge.apply(
    testing.documents({
      listeners: [testing.listener(free)],
      targetGroups: [testing.targetGroup([testing.target(port)])],
    }),
  );
  setInterval(() => {
    records.gather(edge, false);
    firewall.reports();
  }, 1000);
  say(free);
}

function say(port: number): void {
  process.stdout.write(`${port}\n`);
}

const wanted = process.argv[2];
if (wanted !== undefined && Object.hasOwn(parts, wanted)) await parts[wanted]!(Number(process.argv[3]));
else if (import.meta.main) print(await bench());
