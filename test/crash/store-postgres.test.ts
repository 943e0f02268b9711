import assert from "node:assert/strict";
import { after, test } from "node:test";
import { systemClock } from "#kernel/clock.ts";
import { StoreUnavailable, type DocumentKey, type Operation } from "#store/contract.ts";
import { openStore } from "#store/open.ts";
import { findPostgres, PostgresServer } from "../postgres.ts";
import { findLost, Writer } from "./writer-process.ts";

const found = findPostgres();
const skip = "reason" in found ? found.reason : false;
const servers: PostgresServer[] = [];

after(async () => {
  await Promise.all(servers.map((server) => server.destroy()));
});

async function start(settings: readonly string[] = []): Promise<PostgresServer> {
  const server = await PostgresServer.create(settings);
  servers.push(server);
  return server;
}

const key = (id: string): DocumentKey => ({
  account: "111122223333",
  region: "us-east-1",
  service: "crash",
  type: "one",
  id,
});
const put = (id: string, value: unknown): Operation => ({ op: "put", key: key(id), value });

test(
  "kill -9 of the server under load, three times: nothing acknowledged is lost",
  { timeout: 60_000, skip },
  async () => {
    const server = await start();
    const writer = new Writer(server.url(), 0);
    try {
      for (let round = 0; round < 3; round++) {
        const before = writer.acknowledged.size;
        await writer.until(() => writer.acknowledged.size > before + 500);
        await server.kill();
        await server.start();
      }
      const before = writer.acknowledged.size;
      await writer.until(() => writer.acknowledged.size > before + 200);
    } finally {
      await writer.kill();
    }
    assert.ok(writer.failures.length > 0, "the writer has noticed");
    const store = await openStore(server.url(), { clock: systemClock });
    assert.deepEqual(await findLost(store, writer.acknowledged), []);
    const changes = await store.changes(0, 1_000_000);
    assert.ok(
      changes.every((change, n) => change.sequence === n + 1),
      "the feed is dense after each recovery",
    );
    await store.close();
  },
);

test(
  "kill -9 of one of two writer processes: every batch is there whole or not at all, the feed is dense",
  { timeout: 60_000, skip },
  async () => {
    const server = await start();
    const [victim, other] = [new Writer(server.url(), 0), new Writer(server.url(), 10_000_000)];
    await Promise.all([victim, other].map((writer) => writer.until(() => writer.acknowledged.size > 200)));
    await victim.kill();
    const before = other.acknowledged.size;
    await other.until(() => other.acknowledged.size > before + 200);
    await other.kill();
    assert.deepEqual(other.failures, [], "the other one has not noticed");
    const store = await openStore(server.url(), { clock: systemClock });
    assert.deepEqual(await findLost(store, new Set([...victim.acknowledged, ...other.acknowledged])), []);
    const documents = await store.count({ service: "crash", type: "document" });
    assert.equal((await store.outbox(1_000_000)).length, documents);
    const changes = await store.changes(0, 1_000_000);
    assert.deepEqual(
      changes.map((change) => change.sequence),
      Array.from({ length: documents }, (_, n) => n + 1),
    );
    await store.close();
  },
);

test(
  "a server that is gone: calls fail in bounded time, and work when it is back",
  { timeout: 60_000, skip },
  async () => {
    const server = await start();
    const store = await openStore(server.url(), { clock: systemClock, timeoutMs: 2_000, connectTimeoutMs: 1_000 });
    await store.commit([put("a", 1)]);
    // However far it has come, a wait ends with the server instead of sleeping on.
    const waiting = Promise.allSettled([store.waitForChange(1, 60_000)]);
    await server.stop();
    await waiting;
    const calls: (() => Promise<unknown>)[] = [
      () => store.get(key("a")),
      () => store.commit([put("a", 2)]),
      () => store.list({ service: "crash", type: "one", limit: 1 }),
      () => store.lease("job", "o", 1000),
      () => store.outbox(1),
      () => store.waitForChange(1, 60_000),
      () => store.ping(),
    ];
    for (let round = 0; round < 3; round++) {
      const began = performance.now();
      const results = await Promise.allSettled(calls.map((call) => call()));
      assert.ok(performance.now() - began < 3_000);
      for (const result of results) {
        assert.ok(result.status === "rejected" && result.reason instanceof StoreUnavailable, JSON.stringify(result));
        if (round > 0) assert.equal(result.reason.unknown, false, "nothing was sent");
      }
    }
    await server.start();
    await store.commit([put("a", 3)]);
    assert.equal((await store.get(key("a")))?.value, 3);
    await store.close();
  },
);

test("a server that hangs: calls end in bounded time, a commit as unknown", { timeout: 60_000, skip }, async () => {
  const server = await start();
  const store = await openStore(server.url(), { clock: systemClock, timeoutMs: 1_000, connectTimeoutMs: 500 });
  await store.commit([put("a", 1)]);
  await store.get(key("a"));
  server.pause();
  const began = performance.now();
  const [read, write] = await Promise.allSettled([store.get(key("a")), store.commit([put("a", 2)])]);
  assert.ok(performance.now() - began < 4_000);
  assert.ok(read.status === "rejected" && read.reason instanceof StoreUnavailable);
  assert.ok(write.status === "rejected" && write.reason instanceof StoreUnavailable && write.reason.unknown);
  server.resume();
  const now = (await store.get<number>(key("a")))!;
  await store.commit([{ op: "put", key: key("a"), value: now.value + 1, ifVersion: now.version }]);
  assert.equal((await store.get<number>(key("a")))?.value, now.value + 1);
  await store.close();
});

test(
  "a primary dies under load, its standby is promoted: nothing acknowledged is lost",
  { timeout: 60_000, skip },
  async () => {
    const settings = [
      "synchronous_standby_names = 'two'",
      "synchronous_commit = on",
      "wal_level = replica",
      "max_wal_senders = 4",
    ];
    const one = await start(settings);
    const two = await one.standby("two");
    servers.push(two);
    const url = `postgres://jikimi@127.0.0.1:${two.port},127.0.0.1:${one.port}/postgres?target_session_attrs=read-write`;
    const writer = new Writer(url, 0);
    try {
      await writer.until(() => writer.acknowledged.size > 500);
      await one.kill();
      const before = writer.acknowledged.size;
      await two.promote();
      await writer.until(() => writer.acknowledged.size > before + 500);
    } finally {
      await writer.kill();
    }
    assert.ok(
      writer.failures.some((line) => line.startsWith("! unknown")),
      "commits under way are unknown, not failed",
    );
    const store = await openStore(url, { clock: systemClock });
    assert.deepEqual(await findLost(store, writer.acknowledged), []);
    await store.close();
  },
);

test(
  "servers that would lose what they acknowledge, or take no writes, are refused",
  { timeout: 60_000, skip },
  async () => {
    const careless = await start(["fsync = off"]);
    const refused = { name: "StoreUnavailable", message: /acknowledges before it syncs/ };
    await assert.rejects(openStore(careless.url(), { clock: systemClock }), refused);
    const primary = await start(["wal_level = replica", "max_wal_senders = 4"]);
    const standby = await primary.standby("s");
    servers.push(standby);
    await assert.rejects(openStore(standby.url(), { clock: systemClock }), {
      name: "StoreUnavailable",
      message: /is a standby/,
    });
  },
);
