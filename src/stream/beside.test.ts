/** Streams in the store's file: a batch and its events are one. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { Conflict, type Operation } from "#store/contract.ts";
import { openStore } from "#store/open.ts";
import { SqliteStore } from "#store/sqlite.ts";
import type { StoredEvent, Stream } from "./contract.ts";
import { events as firstEvents } from "./migrations/0001-events.ts";
import { needsRelay, openStream } from "./open.ts";

const clock = new ManualClock();
const key = { account: "111122223333", region: "us-east-1", service: "kms", type: "key", id: "k" };
const append = (id: string): Operation => ({ op: "append", stream: "audit", key: "one", id, event: { id } });

async function withFolder(body: (url: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-beside-"));
  try {
    await body(`sqlite:${join(folder, "state.db")}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function events(stream: Stream): Promise<StoredEvent[]> {
  const each = await Promise.all(
    Array.from({ length: stream.partitions }, (_, partition) => stream.read("audit", partition, 0, 1000)),
  );
  return each.flat();
}

const ids = async (stream: Stream): Promise<string[]> => (await events(stream)).map(({ id }) => id);

test("an event is in the stream when its batch is acknowledged, and never in the outbox", async () => {
  await withFolder(async (url) => {
    const store = await openStore(url, { clock });
    const stream = await openStream(url, { clock, store });
    assert.equal(needsRelay(store, stream), false);
    await store.commit([{ op: "put", key, value: 1 }, append("a"), append("b")]);
    assert.deepEqual(await ids(stream), ["a", "b"]);
    assert.deepEqual((await events(stream))[1]!.event, { id: "b" });
    assert.deepEqual(await store.outbox(10), []);
    await stream.close();
    await store.close();
  });
});

test("a refused batch leaves no event and no gap, whatever else its group holds", async () => {
  await withFolder(async (url) => {
    const store = await openStore(url, { clock });
    const stream = await openStream(url, { clock, store });
    const results = await Promise.allSettled([
      store.commit([append("a")]),
      store.commit([append("lost"), { op: "put", key, value: 1, ifVersion: 7 }]),
      store.commit([append("b")]),
      store.commit([{ op: "put", key, value: 1, ifVersion: 7 }, append("lost too")]),
      store.commit([append("c")]),
    ]);
    const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    assert.equal(refused.length, 2);
    for (const reason of refused) assert.ok(reason instanceof Conflict);
    const stored = await events(stream);
    assert.deepEqual(
      stored.map(({ id, offset }) => [id, offset]),
      [
        ["a", 1],
        ["b", 2],
        ["c", 3],
      ],
    );
    await stream.close();
    await store.close();
  });
});

test("an id that names its event is added once, by whichever batch is first; a random one is new", async () => {
  await withFolder(async (url) => {
    const uuid = "7f0b1b1e-52b7-4a4e-9d0a-3c1f3b0a9f10";
    for (let restart = 0; restart < 2; restart++) {
      const store = await openStore(url, { clock });
      const stream = await openStream(url, { clock, store, partitions: 1 });
      await Promise.all([store.commit([append("named")]), store.commit([append("named"), append("other")])]);
      await stream.append("audit", [{ id: "named", key: "one", event: {} }]);
      await store.commit([append(uuid)]);
      const expected = restart === 0 ? ["named", "other", uuid] : ["named", "other", uuid, uuid];
      assert.deepEqual(await ids(stream), expected);
      await stream.close();
      await store.close();
    }
  });
});

test("events that were kept by partition are found where they were", async () => {
  await withFolder(async (url) => {
    const file = new DatabaseSync(url.slice("sqlite:".length));
    file.exec(firstEvents.sqlite);
    file.exec(
      "create table migrations (component text not null, version integer not null, name text not null, primary key (component, version)) without rowid; insert into migrations values ('stream', 1, 'events'); insert into settings values ('partitions', 2)",
    );
    const insert = file.prepare("insert into events values ('audit', ?, ?, ?, 'k', 7, ?)");
    for (const [partition, offset] of [
      [0, 1],
      [1, 1],
      [0, 2],
    ]) {
      insert.run(partition!, offset!, `${partition}-${offset}`, JSON.stringify({ partition, offset }));
    }
    file.exec("insert into stream_heads values ('audit', 0, 2), ('audit', 1, 1)");
    file.close();
    const store = await openStore(url, { clock });
    const stream = await openStream(url, { clock, store });
    assert.deepEqual(await ids(stream), ["0-1", "0-2", "1-1"]);
    assert.deepEqual((await stream.read("audit", 0, 1, 10))[0]!.event, { partition: 0, offset: 2 });
    await stream.close();
    await store.close();
  });
});

test("whoever waits for an event is woken by the batch", async () => {
  await withFolder(async (url) => {
    const store = await openStore(url, { clock });
    const stream = await openStream(url, { clock, store, partitions: 1 });
    const waiting = stream.wait("audit", 0, 0, 60_000);
    await store.commit([append("a")]);
    await waiting;
    assert.deepEqual(await ids(stream), ["a"]);
    await stream.close();
    await store.close();
  });
});

test("what waits in the outbox is taken over once, in its order; offsets go on after a restart", async () => {
  await withFolder(async (url) => {
    const before = await openStore(url, { clock });
    await before.commit([append("a"), append("b")]);
    assert.equal((await before.outbox(10)).length, 2, "a store alone has an outbox");
    await before.close();
    for (const next of ["c", "d"]) {
      const store = await openStore(url, { clock });
      const stream = await openStream(url, { clock, store });
      assert.deepEqual(await store.outbox(10), []);
      await store.commit([append(next)]);
      await stream.close();
      await store.close();
    }
    const store = await openStore(url, { clock });
    const stream = await openStream(url, { clock, store });
    assert.deepEqual(
      (await events(stream)).map(({ id, offset }) => `${offset}${id}`),
      ["1a", "2b", "3c", "4d"],
    );
    await stream.close();
    await store.close();
  });
});

test("old events go a part at a time, so that batches are not held up", async () => {
  await withFolder(async (url) => {
    const moved = new ManualClock();
    const store = await openStore(url, { clock: moved });
    const stream = await openStream(url, { clock: moved, store, partitions: 1 });
    await store.commit(Array.from({ length: 2500 }, (_, n) => append(`e${n}`)));
    moved.advance(10 * 60_000);
    const trim = (): Promise<number> => stream.trim("audit", [], moved.now());
    assert.deepEqual([await trim(), await trim(), await trim()], [2000, 500, 0]);
    await store.commit([append("next")]);
    assert.deepEqual(
      (await events(stream)).map(({ offset }) => offset),
      [2501],
    );
    await stream.close();
    await store.close();
  });
});

test("a stream in another file needs the relay", async () => {
  await withFolder(async (url) => {
    const store = await openStore(url, { clock });
    const stream = await openStream(`${url}-events`, { clock, store });
    assert.equal(needsRelay(store, stream), true);
    await store.commit([append("a")]);
    assert.equal((await store.outbox(10)).length, 1);
    assert.deepEqual(await ids(stream), []);
    await stream.close();
    await store.close();
    assert.ok(store instanceof SqliteStore);
  });
});
