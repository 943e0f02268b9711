import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "#kernel/clock.ts";
import { SqliteStore } from "#store/sqlite.ts";
import { findLost, Writer } from "./writer-process.ts";

async function startOwner(folder: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "store-owner.ts"), folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve, reject) => {
    child.stdout.once("data", resolve);
    child.once("exit", () => reject(new Error("the owner has ended")));
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exit;
}

test(
  "kill -9 of the owner, with writers in two other processes: nothing acknowledged is lost",
  { timeout: 60_000 },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "jikimi-crash-"));
    t.after(() => rmSync(folder, { recursive: true }));
    let owner = await startOwner(folder);
    const writers = [0, 1].map((n) => new Writer(`ipc:${folder}/store.sock`, n * 10_000_000));
    const acknowledged = (): number => writers.reduce((sum, writer) => sum + writer.acknowledged.size, 0);
    try {
      for (let round = 0; round < 3; round++) {
        const before = writers.map((writer) => writer.acknowledged.size);
        await Promise.all(writers.map((writer, n) => writer.until(() => writer.acknowledged.size > before[n]! + 100)));
        await kill(owner);
        owner = await startOwner(folder);
      }
      const before = writers.map((writer) => writer.acknowledged.size);
      await Promise.all(writers.map((writer, n) => writer.until(() => writer.acknowledged.size > before[n]! + 20)));
    } finally {
      await Promise.all(writers.map((writer) => writer.kill()));
      await kill(owner);
    }
    assert.ok(acknowledged() > 600);
    const failures = writers.flatMap((writer) => writer.failures);
    assert.ok(
      failures.some((line) => line.startsWith("! unknown")),
      "commits under way are unknown, not failed",
    );
    const store = new SqliteStore(join(folder, "state.db"), { clock: systemClock });
    assert.deepEqual(await findLost(store, new Set(writers.flatMap((writer) => [...writer.acknowledged]))), []);
    const documents = await store.count({ service: "crash", type: "document" });
    assert.equal(await store.lastChange(), documents, "no commit was repeated behind its caller's back");
    await store.close();
  },
);
