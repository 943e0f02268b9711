/** What crosses to the writer's thread, and that a write that fails half way takes nobody with it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { Conflict, type Operation } from "./contract.ts";
import { prepareOperation } from "./operations.ts";
import { packBatch, unpackBatch } from "./sqlite-batch.ts";
import { SqliteStore } from "./sqlite.ts";

const key = (id: string) => ({ account: "111122223333", region: "us-east-1", service: "kms", type: "key", id });
const put = (id: string, ifVersion?: number): Operation => ({
  op: "put",
  key: key(id),
  value: id,
  ...(ifVersion === undefined ? {} : { ifVersion }),
});

test("every operation arrives as it was prepared", () => {
  const { id: _, ...scope } = key("");
  const operations: Operation[] = [
    { ...put("a", 3), indexes: { name: ["x", "y"] }, expiresAt: 7 } as Operation,
    put("b"),
    { op: "delete", key: key("c") },
    { op: "check", key: key("d"), ifVersion: 0 },
    { op: "checkNone", key: scope, prefix: "p" },
    { op: "checkNone", key: scope },
    { op: "append", stream: "audit", key: "k", id: "named", event: { a: 1 } },
    { op: "append", stream: "audit", key: "k", id: "7f0b1b1e-52b7-4a4e-9d0a-3c1f3b0a9f10", event: 2 },
    { op: "guard", lease: { name: "l", owner: "o", fencingToken: 5 } },
  ];
  const prepared = operations.map(prepareOperation);
  const arrived = unpackBatch(structuredClone(packBatch(prepared)));
  const expected = prepared.map((each) => {
    if (each.op !== "put") return each;
    const { indexes, ...rest } = each;
    return { ...rest, indexed: indexes.length === 0 ? 0 : JSON.stringify(indexes) };
  });
  assert.deepEqual(arrived, expected);
});

test("batches that ask what they change themselves, beside others in one group", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-batch-"));
  const store = new SqliteStore(join(folder, "state.db"), { clock: new ManualClock() });
  t.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const { id: _, ...scope } = key("");
  const results = await Promise.allSettled([
    store.commit([put("one", 0)]),
    store.commit([put("twice", 0), put("twice", 1), { op: "check", key: key("twice"), ifVersion: 2 }]),
    // Half of it is written before it is refused.
    store.commit([put("half", 0), put("half", 7)]),
    store.commit([put("none", 0), { op: "checkNone", key: scope, prefix: "none" }]),
    store.commit([{ op: "checkNone", key: scope, prefix: "fresh" }, put("fresh", 0)]),
    store.commit([put("other", 0), { op: "check", key: key("one"), ifVersion: 2 }]),
    store.commit([put("one", 1)]),
    store.commit(Array.from({ length: 40 }, (_each, n) => put(`many-${n}`, 0))),
    store.commit([...Array.from({ length: 40 }, (_each, n) => put(`lost-${n}`, 0)), put("one", 9)]),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status === "fulfilled"),
    [true, true, false, false, true, false, true, true, false],
  );
  for (const result of results) {
    if (result.status === "rejected") assert.ok(result.reason instanceof Conflict, String(result.reason));
  }
  const { items } = await store.list({ ...scope, limit: 1000 });
  const found = items.filter(({ key: { id } }) => !id.startsWith("many-"));
  assert.deepEqual(
    found.map(({ key: { id }, version }) => `${id} ${version}`),
    ["fresh 1", "one 2", "twice 2"],
  );
  assert.equal(items.length, 43);
  assert.equal(await store.lastChange(), 45, "changes are dense");
  assert.deepEqual((results[2] as PromiseRejectedResult).reason.key.id, "half");
});
