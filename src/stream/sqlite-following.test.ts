/** Store and streams read beside their owner: what happens when the owner goes, comes back, or has emptied its file. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connectIpc } from "#ipc/client.ts";
import type { IpcServer } from "#ipc/contract.ts";
import { serveIpc } from "#ipc/server.ts";
import { ManualClock } from "#kernel/clock.ts";
import { StoreUnavailable, type DocumentKey, type Operation } from "#store/contract.ts";
import { storeHandlers } from "#store/ipc.ts";
import { SqliteStore } from "#store/sqlite.ts";
import { FollowedFile, followHandlers } from "#store/sqlite-followed.ts";
import { FollowingStore } from "#store/sqlite-following.ts";
import { streamErrors, streamHandlers } from "./ipc.ts";
import { SqliteStream } from "./sqlite.ts";
import { FollowingStream } from "./sqlite-following.ts";

const clock = new ManualClock();
const key: DocumentKey = { account: "111122223333", region: "us-east-1", service: "kms", type: "key", id: "k" };
const put = (value: number): Operation => ({ op: "put", key, value });
const append = (id: string): Operation => ({ op: "append", stream: "audit", key: "one", id, event: { id } });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe("beside the owner of the file", () => {
  let folder: string;
  let owner: { store: SqliteStore; stream: SqliteStream; server: IpcServer; calls: string[] };
  let file: FollowedFile;
  let store: FollowingStore;
  let stream: FollowingStream;

  async function own(): Promise<typeof owner> {
    const opened = new SqliteStore(join(folder, "state.db"), { clock });
    const events = await SqliteStream.beside(opened, { clock, partitions: 1 });
    const calls: string[] = [];
    const handlers = { ...storeHandlers(opened), ...streamHandlers(events), ...followHandlers(opened.database) };
    const counted = Object.entries(handlers).map(
      ([name, handler]) =>
        [name, (...given: Parameters<typeof handler>): unknown => (calls.push(name), handler(...given))] as const,
    );
    const server = await serveIpc(join(folder, "owner.sock"), Object.fromEntries(counted), { errors: streamErrors });
    return { store: opened, stream: events, server, calls };
  }

  async function disown(): Promise<void> {
    await owner.server.close();
    await owner.stream.close();
    await owner.store.close();
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "jikimi-beside-"));
    owner = await own();
    const client = connectIpc(join(folder, "owner.sock"), { errors: streamErrors, connectTimeoutMs: 200 });
    file = new FollowedFile(client);
    store = new FollowingStore(client, file, clock);
    stream = await FollowingStream.open(client, file);
    await until(() => file.rows !== undefined);
  });

  after(async () => {
    await stream.close();
    await file.close();
    await store.close();
    await disown();
    rmSync(folder, { recursive: true });
  });

  test("reads ask nobody, and see what was written as soon as it is acknowledged", async () => {
    owner.calls.length = 0;
    for (let n = 1; n <= 20; n++) {
      await store.commit([put(n), append(`e${n}`)]);
      assert.equal((await store.get(key))?.value, n);
      assert.equal((await stream.read("audit", 0, 0, 100)).length, n);
    }
    assert.equal((await store.list({ ...key, limit: 10 })).items.length, 1);
    assert.deepEqual(new Set(owner.calls), new Set(["store.commit"]));
  });

  test("who waits is woken by what the owner writes", async () => {
    const change = await store.lastChange();
    const waits = Promise.all([store.waitForChange(change, 60_000), stream.wait("audit", 0, 20, 60_000)]);
    await owner.store.commit([put(21), append("e21")]);
    await waits;
    assert.equal((await stream.read("audit", 0, 20, 100))[0]?.id, "e21");
  });

  test("while the owner is away reads fail as writes do; a wait for events ends with the loss", async () => {
    const { generation } = file;
    const lost = assert.rejects(stream.wait("audit", 0, 21, 60_000), StoreUnavailable);
    await disown();
    await lost;
    await until(() => file.generation > generation);
    await assert.rejects(store.get(key), StoreUnavailable);
    await assert.rejects(stream.read("audit", 0, 0, 1), StoreUnavailable);
    await assert.rejects(store.commit([put(0)]), StoreUnavailable);
    owner = await own();
    await until(() => file.rows !== undefined);
    assert.equal((await store.get(key))?.value, 21);
    assert.equal((await stream.read("audit", 0, 0, 100)).length, 21);
  });

  test("a file that was emptied is read anew, and nothing is known of the former one", async () => {
    await disown();
    for (const suffix of ["", "-wal", "-shm", "-owner"]) rmSync(join(folder, `state.db${suffix}`), { force: true });
    await until(() => file.rows === undefined);
    owner = await own();
    await until(() => file.rows !== undefined);
    assert.equal(await store.get(key), undefined);
    assert.deepEqual(await stream.read("audit", 0, 0, 100), []);
    // Neither returns at once because the former file had more.
    const began = performance.now();
    await Promise.all([stream.wait("audit", 0, 0, 30), store.waitForChange(0, 30)]);
    assert.ok(performance.now() - began > 20);
    const wait = stream.wait("audit", 0, 0, 60_000);
    await owner.store.commit([append("first")]);
    await wait;
    assert.deepEqual(
      (await stream.read("audit", 0, 0, 100)).map(({ offset }) => offset),
      [1],
    );
  });
});
