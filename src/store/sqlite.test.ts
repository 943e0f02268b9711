import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { InvalidKey, StoreUnavailable, type DocumentKey, type Operation } from "./contract.ts";
import { documents } from "./migrations/0001-documents.ts";
import { openStore } from "./open.ts";
import { SqliteStore } from "./sqlite.ts";

const key = (id: string): DocumentKey => ({
  account: "111122223333",
  region: "us-east-1",
  service: "kms",
  type: "key",
  id,
});
const put = (id: string, value: unknown): Operation => ({ op: "put", key: key(id), value });
const scope = { account: "111122223333", region: "us-east-1", service: "kms", type: "key" };
const clock = new ManualClock();

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-sqlite-"));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("everything is there after a restart: documents, sequences, outbox, lease tokens", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "state.db");
    const first = await openStore(`sqlite:${path}`, { clock });
    await first.commit([put("a", 1), { op: "append", stream: "audit", key: "k", id: "e", event: {} }]);
    const lease = (await first.lease("job", "o", 1000))!;
    await first.releaseLease(lease);
    await first.close();
    const second = await openStore(`sqlite:${path}`, { clock });
    assert.equal((await second.get(key("a")))?.value, 1);
    assert.equal(await second.lastChange(), 1);
    await second.waitForChange(0, 60_000);
    assert.equal((await second.outbox(10)).length, 1);
    await second.removeOutbox([1]);
    await second.commit([{ op: "append", stream: "audit", key: "k", id: "f", event: {} }]);
    assert.equal((await second.outbox(10))[0]?.sequence, 2);
    assert.ok((await second.lease("job", "o", 1000))!.fencingToken > lease.fencingToken);
    await second.close();
  });
});

test("a reader in the middle of a turn sees nothing that is not durable", async () => {
  await withFolder(async (folder) => {
    const store = new SqliteStore(join(folder, "state.db"), { clock });
    const writes = Promise.all([store.commit([put("a", 1)]), store.commit([put("b", 1)])]);
    assert.deepEqual(await store.getMany([key("a"), key("b")]), [undefined, undefined]);
    await writes;
    assert.equal((await store.getMany([key("a"), key("b")])).filter(Boolean).length, 2);
    await store.close();
  });
});

test("writers of one turn share one COMMIT", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "state.db");
    const store = new SqliteStore(path, { clock });
    const commitsOf = async (batches: readonly Operation[][]): Promise<number> => {
      const before = walFrames(path);
      await Promise.all(batches.map((batch) => store.commit(batch)));
      return walFrames(path) - before;
    };
    await store.commit([put("warm", 1)]);
    let alone = 0;
    for (let n = 0; n < 20; n++) alone += await commitsOf([[put(`a${n}`, 1)]]);
    const together = await commitsOf(Array.from({ length: 20 }, (_, n) => [put(`b${n}`, 1)]));
    assert.ok(together * 4 < alone, `${together} frames together, ${alone} alone`);
    await store.close();
  });
});

/** Frames in the log: each COMMIT writes each page that it has changed once. */
function walFrames(path: string): number {
  return Math.floor((statSync(`${path}-wal`).size - 32) / (4096 + 24));
}

test("a backup is whole, made beside writers, and opens as a store", async () => {
  await withFolder(async (folder) => {
    const store = new SqliteStore(join(folder, "state.db"), { clock });
    for (let n = 0; n < 200; n++) await store.commit([put(`before-${n}`, "x".repeat(5000))]);
    const copy = join(folder, "copy.db");
    let done = false;
    const writer = (async () => {
      for (let n = 0; !done; n++) {
        await store.commit([put(`pair-${n}-a`, n), put(`pair-${n}-b`, n)]);
      }
    })();
    await store.backup(copy);
    done = true;
    await writer;
    await assert.rejects(store.backup(copy), StoreUnavailable, "a backup is never written over");
    await assert.rejects(store.backup(join(folder, "none/copy.db")), StoreUnavailable);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith(".partial")),
      [],
    );
    assert.equal(statSync(copy).mode & 0o777, 0o600);
    const restored = new SqliteStore(copy, { clock });
    assert.equal(await restored.count({ ...scope, prefix: "before-" }), 200);
    assert.equal((await restored.count({ ...scope, prefix: "pair-" })) % 2, 0, "no batch is cut in two");
    await restored.commit([put("goes on", 1)]);
    await restored.close();
    await store.close();
  });
});

test("files are for their owner only", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "state.db");
    const store = new SqliteStore(path, { clock });
    await store.commit([put("a", 1)]);
    for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
    await store.close();
  });
});

test("a file of a newer release, of something else, or damaged is refused", async () => {
  await withFolder(async (folder) => {
    const newer = join(folder, "newer.db");
    await new SqliteStore(newer, { clock }).close();
    const db = new DatabaseSync(newer);
    db.exec("insert into migrations values ('store', 999, 'future')");
    db.close();
    assert.throws(() => new SqliteStore(newer, { clock }), { name: "SchemaTooNew", message: /version 999/ });
    const other = join(folder, "other.db");
    writeFileSync(other, "this is not a database, it is a letter\n".repeat(200));
    assert.throws(() => new SqliteStore(other, { clock }), StoreUnavailable);
    assert.throws(() => new SqliteStore(join(folder, "none/state.db"), { clock }), StoreUnavailable);
    await assert.rejects(openStore("mysql://x", { clock }), TypeError);
  });
});

test("index rows of a file from before they were kept with their document go on", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "old.db");
    const db = new DatabaseSync(path);
    db.exec(documents.sqlite);
    db.exec("create table migrations (component text not null, version integer not null, name text not null)");
    db.exec("insert into migrations values ('store', 1, 'documents')");
    const where = "'111122223333', 'us-east-1', 'kms', 'key'";
    db.exec(`insert into documents values (${where}, 'a', 1, '1', null, 1), (${where}, 'b', 1, '1', null, 0)`);
    for (const color of ["red", "blue"]) {
      db.exec(
        `insert into index_rows (account, region, service, type, name, value, id) values (${where}, 'color', '${color}', 'a')`,
      );
    }
    db.close();
    const store = new SqliteStore(path, { clock });
    const found = async (color: string): Promise<string[]> => {
      const page = await store.find({ ...scope, index: "color", value: color, limit: 10 });
      return page.items.map((item) => item.key.id);
    };
    assert.deepEqual([await found("red"), await found("blue")], [["a"], ["a"]]);
    await store.commit([{ op: "put", key: key("a"), value: 2, indexes: { color: ["blue", "green"] } }]);
    assert.deepEqual([await found("red"), await found("blue"), await found("green")], [[], ["a"], ["a"]]);
    await store.commit([{ op: "delete", key: key("a") }, put("b", 2)]);
    assert.deepEqual([await found("blue"), await found("green")], [[], []]);
    await store.close();
    const raw = new DatabaseSync(path);
    assert.equal(raw.prepare("select count(*) as n from index_rows").get()!["n"], 0);
    raw.close();
  });
});

test("a closed store finishes what it has taken and refuses the rest", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "state.db");
    const store = new SqliteStore(path, { clock });
    const last = store.commit([put("last", 1)]);
    const waiting = store.waitForChange(99, 60_000);
    await store.close();
    await store.close();
    await last;
    await waiting;
    await assert.rejects(store.commit([put("late", 1)]), StoreUnavailable);
    await assert.rejects(store.get(key("last")), StoreUnavailable);
    await assert.rejects(store.get(key("")), InvalidKey);
    const again = new SqliteStore(path, { clock });
    assert.ok(await again.get(key("last")));
    await again.close();
  });
});

/** An owner that is killed while a commit is under way: it never answers the second one. */
const owner = `
import { serveIpc } from "#ipc/server.ts";
import { systemClock } from "#kernel/clock.ts";
import { storeErrors, storeHandlers } from "#store/ipc.ts";
import { SqliteStore } from "#store/sqlite.ts";
const store = new SqliteStore(process.argv[1] + "/state.db", { clock: systemClock });
const handlers = storeHandlers(store);
let commits = 0;
await serveIpc(process.argv[1] + "/s.sock", {
  ...handlers,
  "store.commit": async (args, context) => {
    await handlers["store.commit"](args, context);
    if (++commits === 2) process.kill(process.pid, "SIGKILL");
  },
}, { errors: storeErrors });
`;

test("over IPC: a commit under way when the owner dies is unknown; reads and later calls tell", async () => {
  await withFolder(async (folder) => {
    const start = (): ReturnType<typeof spawn> =>
      spawn(process.execPath, ["--input-type=module-typescript", "-e", owner, folder], {
        stdio: "inherit",
        cwd: import.meta.dirname,
      });
    let child = start();
    const store = await openStore(`ipc:${folder}/s.sock`, { clock, connectTimeoutMs: 20_000 });
    await store.commit([put("a", 1)]);
    const exit = new Promise((resolve) => child.once("exit", resolve));
    await assert.rejects(store.commit([put("a", 2)]), (error) => error instanceof StoreUnavailable && error.unknown);
    await exit;
    const impatient = await openStore(`ipc:${folder}/s.sock`, { clock, connectTimeoutMs: 50 });
    await assert.rejects(
      impatient.commit([put("a", 3)]),
      (error) => error instanceof StoreUnavailable && !error.unknown,
    );
    await impatient.close();
    child = start();
    assert.equal((await store.get(key("a")))?.value, 2, "it had happened: only reading tells");
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    await store.close();
  });
});
