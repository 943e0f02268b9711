import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { RoleFailed, type RoleSpec } from "./processChild.ts";
import { identify, isRunning } from "./processIdentity.ts";
import { CrashLoop, Supervisor, type RestartLimits, type SupervisorEvent } from "./supervisor.ts";
import type { RoleConfig } from "./role.ts";
import { standinEntry } from "./testdata/standinEntry.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "jikimi-supervisor-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const quick: RestartLimits = { firstPauseMs: 5, longestPauseMs: 20, healthyMs: 60_000, crashes: 3, windowMs: 60_000 };

function config(): RoleConfig {
  return {
    dataDir,
    host: "127.0.0.1",
    port: 0,
    storeUrl: `sqlite:${dataDir}/store.sqlite`,
    streamUrl: `sqlite:${dataDir}/store.sqlite`,
    blobUrl: `file:${dataDir}/blobs`,
    defaultRegion: "us-east-1",
    adjustableClock: false,
    ephemeral: false,
    apiProcesses: 1,
  };
}

function supervise(
  events: SupervisorEvent[] = [],
  more: { roles?: readonly RoleSpec[]; limits?: RestartLimits; drainMs?: number; startMs?: number } = {},
): Supervisor {
  return new Supervisor({
    roles: [standinEntry("api"), standinEntry("jobs")],
    config: config(),
    onEvent: (event) => events.push(event),
    limits: quick,
    ...more,
  });
}

function behave(role: string, behaviour: object): void {
  writeFileSync(join(dataDir, `standin-${role}.json`), JSON.stringify(behaviour));
}

const journal = (): string[] => readFileSync(join(dataDir, "standin.journal"), "utf8").trim().split("\n");

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const limit = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > limit) assert.fail(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const answers = (url: string): Promise<string | undefined> =>
  fetch(url).then(
    (response) => response.text(),
    () => undefined,
  );

test("roles start in order, are ready, and stop in the opposite order", async () => {
  const events: SupervisorEvent[] = [];
  const supervisor = supervise(events);
  const ready = await supervisor.start();
  assert.equal(await answers(String(ready.get("api")?.["endpoint"])), "api");
  await supervisor.stop();
  await supervisor.done;
  assert.deepEqual(journal(), ["api started", "jobs started", "jobs stopped", "api stopped"]);
  assert.deepEqual(
    events.map((event) => `${event.type} ${event.role}`),
    [
      "starting api",
      "ready api",
      "starting jobs",
      "ready jobs",
      "stopping jobs",
      "stopped jobs",
      "stopping api",
      "stopped api",
    ],
  );
  assert.match(readFileSync(join(dataDir, "logs/api.log"), "utf8"), /api writes a log line/);
});

test("a killed role is started again on the same port", async () => {
  const events: SupervisorEvent[] = [];
  const supervisor = supervise(events);
  const endpoint = String((await supervisor.start()).get("api")?.["endpoint"]);
  const first = supervisor.pids()["api"]!;
  process.kill(first, "SIGKILL");
  await until(async () => supervisor.pids()["api"] !== first && (await answers(endpoint)) === "api", "api again");
  assert.ok(events.some((event) => event.type === "ended" && event.role === "api" && event.how === "SIGKILL"));
  await supervisor.stop();
});

const onDemand = () => [standinEntry("api"), standinEntry("jobs"), { ...standinEntry("edge"), onDemand: true }];

test("a role on demand does not start before it is wanted", async () => {
  const supervisor = supervise([], { roles: onDemand() });
  await supervisor.start();
  await supervisor.stop();
  assert.ok(!journal().some((line) => line.startsWith("edge")));
});

test("a wanted role starts, gets what its last process had kept, and goes first", async () => {
  behave("api", { wants: "edge" });
  behave("edge", { keeps: "a secret" });
  const supervisor = supervise([], { roles: onDemand() });
  await supervisor.start();
  await until(() => journal().includes("edge started"), "edge");
  await until(() => supervisor.pids()["edge"] !== undefined, "its process");
  const first = supervisor.pids()["edge"]!;
  process.kill(first, "SIGKILL");
  await until(() => journal().includes("edge started with a secret"), "edge again");
  await supervisor.stop();
  assert.deepEqual(
    journal().filter((line) => line.endsWith("stopped")),
    ["edge stopped", "jobs stopped", "api stopped"],
  );
  assert.ok(!readFileSync(join(dataDir, "logs/edge.log"), "utf8").includes("a secret"));
});

test("a role on demand that ends again and again leaves the others running", async () => {
  behave("api", { wants: "edge" });
  behave("edge", { endAfterReadyMs: 1 });
  const events: SupervisorEvent[] = [];
  const supervisor = supervise(events, { roles: onDemand() });
  const endpoint = String((await supervisor.start()).get("api")?.["endpoint"]);
  await until(() => events.filter(({ type, role }) => type === "ended" && role === "edge").length > 3, "its ends");
  assert.equal(await answers(endpoint), "api");
  await supervisor.stop();
  await supervisor.done;
});

test("a role that ends again and again stops everything with the reason", async () => {
  behave("jobs", { endAfterReadyMs: 1 });
  const supervisor = supervise();
  await supervisor.start();
  await assert.rejects(
    supervisor.done,
    (error) => error instanceof CrashLoop && /jobs role ended 3 times/.test(error.message),
  );
  assert.deepEqual(supervisor.pids(), {});
});

test("a role that cannot start is not tried again and the others are stopped", async () => {
  behave("jobs", { refuse: "no such store" });
  const supervisor = supervise();
  await assert.rejects(
    supervisor.start(),
    (error) =>
      error instanceof RoleFailed &&
      error.role === "jobs" &&
      error.code === "EREFUSED" &&
      error.message === "no such store",
  );
  assert.deepEqual(journal(), ["api started", "api stopped"]);
});

test("a role that never becomes ready is a role that failed", async () => {
  behave("api", { stuck: true });
  await assert.rejects(
    supervise([], { startMs: 1500 }).start(),
    (error) => error instanceof RoleFailed && error.message === "not ready within 1.5 s",
  );
});

test("a stop in the middle of a start is a stop", async () => {
  behave("jobs", { stuck: true });
  const events: SupervisorEvent[] = [];
  const supervisor = supervise(events, { drainMs: 500 });
  const starting = assert.rejects(supervisor.start());
  await until(() => events.some((event) => event.type === "starting" && event.role === "jobs"), "jobs starting");
  await supervisor.stop();
  await supervisor.done;
  await starting;
  assert.deepEqual(supervisor.pids(), {});
  assert.equal(journal().at(-1), "api stopped");
});

test("a role that does not drain is killed at the deadline", async () => {
  behave("api", { hang: true });
  const events: SupervisorEvent[] = [];
  const supervisor = supervise(events, { drainMs: 200 });
  await supervisor.start();
  const pid = supervisor.pids()["api"]!;
  await supervisor.stop();
  assert.ok(events.some((event) => event.type === "stopped" && event.role === "api" && !event.clean));
  assert.equal(isRunning(identify(pid)), false);
});

test("a role drains before it ends", async () => {
  behave("api", { stopMs: 150 });
  const supervisor = supervise();
  await supervisor.start();
  await supervisor.stop();
  assert.equal(journal().at(-1), "api stopped");
});

test("no role outlives a supervisor that was killed", async () => {
  const script = fileURLToPath(new URL("testdata/supervise.ts", import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(config())], { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise<string>((resolve) => child.stdout.once("data", (chunk) => resolve(String(chunk))));
  const roles = Object.values(JSON.parse(line) as Record<string, number>).map(identify);
  assert.equal(roles.length, 2);
  assert.ok(roles.every(isRunning));
  child.kill("SIGKILL");
  await until(() => !roles.some(isRunning), "both roles gone");
  assert.deepEqual(journal().slice(-2).toSorted(), ["api stopped", "jobs stopped"]);
});
