import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { systemClock } from "#kernel/clock.ts";
import { StoreUnavailable, type DocumentKey } from "#store/contract.ts";
import { SqliteStore } from "#store/sqlite.ts";
import { findLost, Writer, writerPath } from "./writer-process.ts";

const folders: string[] = [];

after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-crash-"));
  folders.push(folder);
  return folder;
}

function integrity(path: string): unknown {
  const db = new DatabaseSync(path);
  try {
    return db.prepare("pragma integrity_check").get()?.["integrity_check"];
  } finally {
    db.close();
  }
}

test("kill -9 of the writer, six times: nothing acknowledged is lost", { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  const path = join(folder, "state.db");
  const acknowledged = new Set<string>();
  for (let round = 0; round < 6; round++) {
    const writer = new Writer(`sqlite:${path}`, round * 1_000_000);
    await writer.until(() => writer.acknowledged.size > 300 + round * 171);
    await writer.kill();
    for (const id of writer.acknowledged) acknowledged.add(id);
    assert.equal(integrity(path), "ok");
  }
  const store = new SqliteStore(path, { clock: systemClock });
  assert.deepEqual(await findLost(store, acknowledged), []);
  const changes = await store.changes(0, 1_000_000);
  assert.ok(changes.length >= acknowledged.size);
  assert.ok(
    changes.every((change, n) => change.sequence === n + 1),
    "the feed is dense after each recovery",
  );
  await store.close();
});

test(
  "power loss: a copy of the files taken at any moment holds all that was acknowledged before, also with a torn log",
  { timeout: 60_000 },
  async () => {
    const folder = temporaryFolder();
    const path = join(folder, "state.db");
    const writer = new Writer(`sqlite:${path}`, 0);
    try {
      for (let round = 0; round < 5; round++) {
        const before = writer.acknowledged.size;
        await writer.until(() => writer.acknowledged.size > before + 200);
        // Stopped, so that the two files are of one moment as they are when the power goes.
        process.kill(writer.pid, "SIGSTOP");
        const acknowledged = [...writer.acknowledged];
        const copy = join(folder, `copy-${round}.db`);
        copyFileSync(path, copy);
        copyFileSync(`${path}-wal`, `${copy}-wal`);
        process.kill(writer.pid, "SIGCONT");
        // What a sector-wise write leaves behind: a piece of a frame after the last commit.
        const garbage = readFileSync(`${copy}-wal`).subarray(32, 32 + 2000 + round * 500);
        execFileSync("sh", ["-c", 'cat >> "$1"', "sh", `${copy}-wal`], { input: garbage });
        assert.equal(integrity(copy), "ok");
        const store = new SqliteStore(copy, { clock: systemClock });
        assert.deepEqual(await findLost(store, acknowledged), []);
        await store.close();
      }
    } finally {
      await writer.kill();
    }
  },
);

test("a log that lost its tail recovers to a whole earlier state", { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  const path = join(folder, "state.db");
  const writer = new Writer(`sqlite:${path}`, 0);
  await writer.until(() => writer.acknowledged.size > 100);
  await writer.kill();
  truncateSync(`${path}-wal`, Math.floor(statSync(`${path}-wal`).size * 0.7));
  assert.equal(integrity(path), "ok");
  const store = new SqliteStore(path, { clock: systemClock });
  const changes = await store.changes(0, 1_000_000);
  const documents = await store.count({ service: "crash", type: "document" });
  assert.equal(documents, changes.length, "a document and its change are there together or not at all");
  assert.equal((await store.outbox(1_000_000)).length, documents);
  await store.close();
});

const strace = existsSync("/usr/bin/strace") ? false : "needs strace";

test("a sync lies between each COMMIT and its acknowledgement", { timeout: 60_000, skip: strace }, async () => {
  const folder = temporaryFolder();
  const trace = join(folder, "trace");
  const child = spawn(
    "/usr/bin/strace",
    [
      "-f",
      "-s",
      "40",
      "-e",
      "trace=fsync,fdatasync,write,pwrite64",
      "-o",
      trace,
      process.execPath,
      writerPath,
      `sqlite:${folder}/state.db`,
      "0",
      // One at a time: the thread that writes does not wait for acknowledgements before it writes the next.
      "1",
    ],
    { stdio: ["ignore", "pipe", "inherit"], detached: true },
  );
  let lines = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    lines += chunk.toString().split("\n").length - 1;
    // The whole group: strace and the node that it traces.
    if (lines > 200) process.kill(-child.pid!, "SIGKILL");
  });
  await new Promise((resolve) => child.once("close", resolve));
  const log = readFileSync(trace, "utf8").split("\n");
  let written = false;
  let synced = true;
  let acknowledged = 0;
  for (const line of log) {
    // Another thread may come in between, so that a call stands in two lines; its end is what counts.
    if (/(fsync|fdatasync)(\(| resumed>).*= 0$/.test(line)) synced = true;
    // Frames of the log and pages of the file; WAL frames are written with pwrite64 only.
    else if (/ pwrite64\(/.test(line)) [written, synced] = [true, false];
    else if (/ write\(1, "\d+\\n"/.test(line)) {
      assert.ok(synced, `acknowledged before a sync: ${line}`);
      acknowledged++;
    }
  }
  assert.ok(written && acknowledged > 100, `${acknowledged} acknowledgements seen`);
});

const root = process.getuid?.() === 0 ? false : "needs root to mount a small file system";

test("a full disk refuses and loses nothing; with room it goes on", { timeout: 60_000, skip: root }, async () => {
  const folder = temporaryFolder();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", folder]);
  const key = (id: string): DocumentKey => ({
    account: "111122223333",
    region: "us-east-1",
    service: "crash",
    type: "document",
    id,
  });
  try {
    const store = new SqliteStore(join(folder, "state.db"), { clock: systemClock });
    const kept: string[] = [];
    let refused: unknown;
    for (let n = 0; n < 500 && !refused; n++) {
      const group = [0, 1, 2].map(async (each) => {
        const id = `${n}-${each}`;
        await store.commit([{ op: "put", key: key(id), value: "x".repeat(20_000), ifVersion: 0 }]);
        kept.push(id);
      });
      refused = (await Promise.allSettled(group)).find((result) => result.status === "rejected")?.reason;
    }
    assert.ok(refused instanceof StoreUnavailable, String(refused));
    assert.equal(refused.unknown, false);
    assert.match(refused.message, /disk full/);
    assert.equal(await store.count({ service: "crash", type: "document" }), kept.length, "refused means not there");
    assert.ok((await store.getMany(kept.map(key))).every(Boolean), "reads go on");
    execFileSync("mount", ["-o", "remount,size=8m", folder]);
    await store.commit([{ op: "put", key: key("after"), value: 1 }]);
    await store.close();
    assert.equal(integrity(join(folder, "state.db")), "ok");
    const again = new SqliteStore(join(folder, "state.db"), { clock: systemClock });
    assert.ok((await again.getMany([...kept, "after"].map(key))).every(Boolean));
    await again.close();
  } finally {
    execFileSync("umount", [folder]);
  }
});

test("a second owner is refused while the first lives, and let in when it is dead", { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  const path = join(folder, "state.db");
  const writer = new Writer(`sqlite:${path}`, 0);
  await writer.until(() => writer.acknowledged.size > 10);
  assert.throws(() => new SqliteStore(path, { clock: systemClock }), StoreUnavailable);
  await writer.kill();
  const store = new SqliteStore(path, { clock: systemClock });
  await store.ping();
  await store.close();
});
