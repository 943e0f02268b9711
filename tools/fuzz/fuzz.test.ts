import assert from "node:assert/strict";
import { test } from "node:test";
import { launchTarget } from "./launch.ts";
import { fuzz } from "./run.ts";

test("5,000 hostile requests: answered or closed, no 5xx, alive, memory bounded", { timeout: 120_000 }, async () => {
  const target = await launchTarget();
  try {
    const report = await fuzz({
      host: "127.0.0.1",
      port: target.port,
      requests: 5_000,
      seed: 20260301,
      concurrency: 16,
      timeout: 10_000,
      slow: true,
      strict: true,
      memory: () => target.memory(),
    });
    assert.deepEqual(target.internal, []);
    assert.deepEqual(report.failures, []);
    assert.equal(target.exited, false);
    assert.ok((report.statuses["200"] ?? 0) > 200, "valid requests are among them and succeed");
    assert.ok((report.memoryAfter?.rss ?? Infinity) < 768 << 20, `resident set ${report.memoryAfter?.rss}`);
  } finally {
    await target.stop();
  }
});
