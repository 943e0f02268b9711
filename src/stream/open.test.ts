import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { StoreUnavailable } from "#store/contract.ts";
import { findNats, NatsServer } from "../../test/nats.ts";
import { readAll } from "./conformance.ts";
import { openStream } from "./open.ts";
import { partitionOf } from "./partition.ts";

const clock = new ManualClock();

test("an installation keeps its number of partitions and its events", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-stream-"));
  const url = `sqlite:${join(folder, "events.db")}`;
  const first = await openStream(url, { clock, partitions: 3 });
  await first.append("audit", [{ id: "a", key: "k", event: 1 }]);
  const lease = (await first.lease("audit", "g", 0, "o", 1000))!;
  await first.close();
  const second = await openStream(url, { clock, partitions: 5 });
  assert.equal(second.partitions, 3);
  await second.append("audit", [
    { id: "a", key: "k", event: 1 },
    { id: "b", key: "k", event: 2 },
  ]);
  assert.deepEqual(
    (await readAll(second, "audit")).map((event) => [event.offset, event.id]),
    [
      [1, "a"],
      [2, "b"],
    ],
  );
  assert.equal((await second.lease("audit", "g", 0, "o", 1000))?.fencingToken, lease.fencingToken);
  await second.close();
  await assert.rejects(second.read("audit", 0, 0, 1), StoreUnavailable);
  rmSync(folder, { recursive: true });
});

test("the partition of a key is fixed for all time", () => {
  assert.deepEqual(
    ["", "a", "111122223333", "arn:aws:kms:us-east-1:111122223333:key/1", "키"].map((key) => partitionOf(key, 8)),
    [0, 3, 4, 2, 1],
  );
});

test("URLs that name nothing are refused", async () => {
  for (const bad of [
    "redis://x",
    "nats://",
    "nats://h?replicas=2",
    "nats://h?replica=3",
    "postgres://h/db?sslmode=prefer",
  ]) {
    await assert.rejects(openStream(bad, { clock }), TypeError, bad);
  }
  await assert.rejects(openStream("nats://127.0.0.1:1", { clock, timeoutMs: 500 }), StoreUnavailable);
  await assert.rejects(openStream("ipc:/nowhere.sock", { clock, connectTimeoutMs: 50 }), StoreUnavailable);
});

const nats = findNats();

test(
  "NATS killed and started again: acknowledged events are there, appends go on",
  { skip: "reason" in nats ? nats.reason : false },
  async () => {
    const server = await NatsServer.create();
    const stream = await openStream(`nats://${server.address}`, { clock, timeoutMs: 2_000 });
    const acknowledged: string[] = [];
    let stop = false;
    const writer = (async () => {
      for (let n = 0; !stop; n++) {
        try {
          await stream.append("audit", [{ id: String(n), key: "k", event: n }]);
          acknowledged.push(String(n));
        } catch (error) {
          assert.ok(error instanceof StoreUnavailable);
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    })();
    const atLeast = async (count: number): Promise<void> => {
      while (acknowledged.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await atLeast(100);
    await server.kill();
    await server.start();
    await atLeast(acknowledged.length + 50);
    stop = true;
    await writer;
    const ids = (await readAll(stream, "audit")).map((event) => event.id);
    assert.deepEqual(
      acknowledged.filter((id) => !ids.includes(id)),
      [],
    );
    assert.equal(new Set(ids).size, ids.length, "nothing twice");
    assert.deepEqual(
      ids,
      ids.toSorted((a, b) => Number(a) - Number(b)),
      "order is kept over repeats",
    );
    await stream.close();
    await server.destroy();
  },
);
