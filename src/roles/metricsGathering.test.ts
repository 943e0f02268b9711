import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { after, before, describe, test } from "node:test";
import { join } from "node:path";
import { silentLogger } from "#kernel/log.ts";
import { apiMetrics, roleRegistry, workMetrics } from "./metrics.ts";
import { gatherMetrics, serveMetrics } from "./metricsGathering.ts";
import { dataPaths } from "./role.ts";

/** Another process of the installation, which says what it has of a role and waits to be ended. */
const other = `
  import { silentLogger } from "#kernel/log.ts";
  const [module, gathering, dataDir] = process.argv.slice(1);
  const { roleRegistry, workMetrics } = await import(module);
  const { serveMetrics } = await import(gathering);
  const registry = roleRegistry("jobs");
  workMetrics(registry).handled("guardduty.detect", 3, 0.5);
  await serveMetrics(dataDir, () => registry, silentLogger);
  console.log("ready");
`;

/** Families of a text in its order; throws where one is told of twice. */
function families(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const name = /^# TYPE (\S+)/.exec(line)?.[1];
    if (name !== undefined) {
      assert.ok(!found.has(name), `${name} comes twice`);
      found.set(name, []);
    } else if (line !== "" && !line.startsWith("#")) {
      const [family, samples] = [...found].at(-1)!;
      assert.ok(line.startsWith(family), `${line} is not with its family`);
      samples.push(line);
    }
  }
  return found;
}

describe("metrics of all processes", () => {
  let dataDir: string;
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "jikimi-metrics-"));
    await mkdir(dataPaths.runFolder(dataDir));
  });
  after(() => rm(dataDir, { recursive: true }));

  test("are told together by one, each family once", async () => {
    const modules = ["./metrics.ts", "./metricsGathering.ts"].map((name) => new URL(name, import.meta.url).href);
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", other, ...modules, dataDir], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await once(child.stdout, "data");
      const own = apiMetrics();
      own.served("kms", "Encrypt", "ok", 0.002);
      const found = families(await gatherMetrics(dataDir, own.registry));
      assert.match(found.get("jikimi_calls_total")!.join(), /operation="Encrypt".*role="api"/);
      assert.match(found.get("jikimi_call_duration_seconds")!.join(), /_bucket\{.*_sum\{.*_count\{/);
      assert.deepEqual(found.get("jikimi_reactor_events_total"), [
        `jikimi_reactor_events_total{reactor="guardduty.detect",role="jobs",pid="${child.pid}"} 3`,
      ]);
      const memory = found.get("process_resident_memory_bytes")!.join();
      assert.match(memory, /role="api"/);
      assert.match(memory, /role="jobs"/);
      // What has no sum over processes is told of each.
      assert.equal(found.get("process_start_time_seconds")!.length, 2);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    // Killed, it left its socket behind.
    const text = await gatherMetrics(dataDir, roleRegistry("api"));
    assert.doesNotMatch(text, /role="jobs"/);
    await assert.rejects(stat(dataPaths.metricsSocket(dataDir, child.pid!)));
  });

  test("do not wait for a process that says nothing, and take nothing that is not metrics", async () => {
    const silent = createServer(() => {});
    const talkative = createServer((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnope"));
    await once(silent.listen(dataPaths.metricsSocket(dataDir, 1)), "listening");
    await once(talkative.listen(dataPaths.metricsSocket(dataDir, 2)), "listening");
    try {
      const own = roleRegistry("api");
      workMetrics(own).failed("job", "kms/rotate");
      const text = await gatherMetrics(dataDir, own);
      assert.match(text, /jikimi_work_failures_total\{work="job",name="kms\/rotate",role="api"/);
    } finally {
      silent.close();
      talkative.close();
    }
  });

  test("are no condition for a process to serve", async () => {
    const nowhere = join(dataDir, "there", "is", "no", "such", "folder");
    const served = await serveMetrics(nowhere, () => roleRegistry("edge"), silentLogger);
    await served.close();
    assert.equal(await gatherMetrics(nowhere, roleRegistry("edge")), "\n");
  });
});
