import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { Conflict } from "#store/contract.ts";
import { UnitOfWork } from "./state.ts";
import { MemoryStore } from "./testing.ts";

const scope = { account: "111122223333", region: "us-east-1", service: "kms" };

describe("the unit of work", () => {
  let store: MemoryStore;
  const unit = () => new UnitOfWork(store, scope, () => "event");
  const commit = (work: UnitOfWork) => store.commit(work.operations);

  beforeEach(() => {
    store = new MemoryStore();
  });

  test("two callers that read the same version cannot both write", async () => {
    const first = unit();
    const second = unit();
    await first.get("key", "a");
    await second.get("key", "a");
    first.put("key", "a", 1);
    second.put("key", "a", 2);
    await commit(first);
    await assert.rejects(commit(second), Conflict);
  });

  test("a write without a look before it is last writer wins, unless it says otherwise", async () => {
    for (const value of [1, 2]) {
      const work = unit();
      work.put("key", "a", value);
      await commit(work);
    }
    const late = unit();
    late.put("key", "a", 3, { version: 0 });
    await assert.rejects(commit(late), Conflict);
  });

  test("the first look decides: a second read of the same call hides no change in between", async () => {
    const work = unit();
    await work.get("key", "a");
    const other = unit();
    other.put("key", "a", "other");
    await commit(other);
    await work.get("key", "a");
    work.put("key", "a", "mine");
    await assert.rejects(commit(work), Conflict);
  });

  for (const [why, id] of [
    ["a NUL character", "a\0b"],
    ["half a surrogate pair", "\ud800"],
    ["more bytes than any id has", "é".repeat(2_000)],
  ] as const) {
    test(`an id with ${why} names nothing`, async () => {
      store.get = () => assert.fail("the store is not asked for what it cannot hold");
      store.getMany = async (keys) => keys.map(() => undefined);
      const work = unit();
      assert.equal(await work.get("key", id), undefined);
      assert.deepEqual(await work.getMany("key", [id, "b"]), [undefined, undefined]);
      assert.deepEqual(await work.list("key", { prefix: id }), { items: [] });
      assert.deepEqual(await work.find("key", "name", { value: id.repeat(2) }), { items: [] });
      assert.equal(await work.count("key", id), 0);
    });
  }

  test("the empty id names nothing", async () => {
    store.get = () => assert.fail("the store is not asked for what it cannot hold");
    assert.equal(await unit().get("key", ""), undefined);
    assert.deepEqual(await unit().getMany("key", [""]), [undefined]);
  });

  test("an account that cannot be one has nothing", async () => {
    store.get = () => assert.fail("the store is not asked for what it cannot hold");
    assert.equal(await unit().get("key", "a", { account: "arn:aws:kms:us-east-1:" }), undefined);
  });

  test("a call sees what it has staged, and cannot change it through what it was given", async () => {
    const work = unit();
    const value = { tags: ["x"] };
    work.put("key", "a", value);
    const seen = await work.get<typeof value>("key", "a");
    seen!.value.tags.push("y");
    assert.deepEqual((await work.get<typeof value>("key", "a"))!.value, { tags: ["x"] });
    work.delete("key", "a");
    assert.equal(await work.get("key", "a"), undefined);
    assert.deepEqual(await work.getMany("key", ["a"]), [undefined]);
  });

  test("what is staged twice is written once, with its first precondition", async () => {
    const work = unit();
    await work.get("key", "a");
    work.put("key", "a", 1);
    work.put("key", "a", 2);
    assert.equal(work.operations.length, 1);
    await commit(work);
    assert.equal((await store.get({ ...scope, type: "key", id: "a" }))!.version, 1);
  });

  test("what a call makes and removes again must still have been absent", async () => {
    const work = unit();
    await work.get("key", "a");
    work.put("key", "a", 1);
    work.delete("key", "a");
    const other = unit();
    other.put("key", "a", "other");
    await commit(other);
    await assert.rejects(commit(work), Conflict);
  });

  test("a check needs a look, and fails when the document has changed since", async () => {
    const work = unit();
    assert.throws(() => work.check("bucket", "b"), /without a get/);
    await work.get("bucket", "b");
    work.check("bucket", "b");
    work.put("object", "o", 1);
    const other = unit();
    other.put("bucket", "b", 1);
    await commit(other);
    await assert.rejects(commit(work), Conflict);
    assert.equal(await store.get({ ...scope, type: "object", id: "o" }), undefined);
  });
});
