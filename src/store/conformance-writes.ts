/** Batches: atomicity, preconditions, what is refused. */
import assert from "node:assert/strict";
import { Conflict, InvalidKey, type DocumentKey, type Operation, type Store } from "./contract.ts";
import { conflicts, key, listAll, put, scope, type Rule } from "./conformance-subject.ts";

export function writeRules(rule: Rule): void {
  rule("a document comes back as it was put, with version 1, 2, 3 ...", async ({ store, other }) => {
    const value = { text: '한국어 \u0000 \ud800 "quoted" \\', number: 1.5, nothing: null, list: [1, [2]], z: 1, a: 2 };
    await store.commit([put("a", value)]);
    const first = await other.get(key("a"));
    assert.deepEqual(first, { key: key("a"), version: 1, value });
    assert.deepEqual(Object.keys(first.value as object), Object.keys(value), "members keep their order");
    await store.commit([put("a", "second")]);
    await store.commit([put("a", 3)]);
    assert.deepEqual(await store.get(key("a")), { key: key("a"), version: 3, value: 3 });
    assert.equal(await store.get(key("b")), undefined);
    assert.equal(await store.get(key("a", { account: "444455556666" })), undefined);
    assert.equal(await store.get(key("a", { region: "eu-west-1" })), undefined);
  });

  rule("the caller may change its objects after the call", async ({ store }) => {
    const value = { n: 1 };
    const done = store.commit([put("a", value)]);
    value.n = 2;
    await done;
    assert.deepEqual((await store.get<{ n: number }>(key("a")))?.value, { n: 1 });
  });

  rule("getMany answers in the order of the keys", async ({ store }) => {
    await store.commit([put("a", 1), put("b", 2)]);
    const found = await store.getMany<number>([key("b"), key("x"), key("a"), key("b")]);
    assert.deepEqual(
      found.map((document) => document?.value),
      [2, undefined, 1, 2],
    );
    assert.deepEqual(await store.getMany([]), []);
  });

  rule("compare-and-set: of 20 writers with the same version one wins", async ({ store, other }) => {
    await store.commit([put("a", 0)]);
    const refused = await conflicts(
      Array.from({ length: 20 }, (_, n) => (n % 2 ? store : other).commit([put("a", n, { ifVersion: 1 })])),
    );
    assert.equal(refused, 19);
    assert.equal((await store.get(key("a")))?.version, 2);
  });

  rule("ifVersion 0 creates once", async ({ store, other }) => {
    const refused = await conflicts(
      Array.from({ length: 10 }, (_, n) => (n % 2 ? store : other).commit([put("a", n, { ifVersion: 0 })])),
    );
    assert.equal(refused, 9);
    await assert.rejects(
      store.commit([put("b", 1, { ifVersion: 1 })]),
      Conflict,
      "an absent document has no version 1",
    );
  });

  rule("200 increments by compare-and-set from two clients lose none", async ({ store, other }) => {
    await store.commit([put("n", 0)]);
    const increment = async (client: Store): Promise<void> => {
      for (;;) {
        const now = (await client.get<number>(key("n")))!;
        try {
          return await client.commit([put("n", now.value + 1, { ifVersion: now.version })]);
        } catch (error) {
          if (!(error instanceof Conflict)) throw error;
        }
      }
    };
    const worker = async (client: Store): Promise<void> => {
      for (let n = 0; n < 25; n++) await increment(client);
    };
    await Promise.all(Array.from({ length: 8 }, (_, n) => worker(n % 2 ? store : other)));
    assert.deepEqual(await store.get(key("n")), { key: key("n"), version: 201, value: 200 });
  });

  rule("delete, with and without a version", async ({ store }) => {
    await store.commit([put("a", 1), put("b", 1, { indexes: { alias: "x" } })]);
    await assert.rejects(store.commit([{ op: "delete", key: key("a"), ifVersion: 2 }]), Conflict);
    await assert.rejects(store.commit([{ op: "delete", key: key("a"), ifVersion: 0 }]), Conflict);
    await store.commit([
      { op: "delete", key: key("a"), ifVersion: 1 },
      { op: "delete", key: key("b") },
    ]);
    assert.deepEqual(await store.getMany([key("a"), key("b")]), [undefined, undefined]);
    await store.commit([
      { op: "delete", key: key("a") },
      { op: "delete", key: key("a"), ifVersion: 0 },
    ]);
    await assert.rejects(store.commit([{ op: "delete", key: key("a"), ifVersion: 1 }]), Conflict);
    await store.commit([put("a", "again", { ifVersion: 0 })]);
    assert.equal((await store.get(key("a")))?.version, 1);
  });

  rule("a batch is applied whole or not at all, and Conflict names the document", async ({ store }) => {
    await store.commit([put("a", 1)]);
    const before = await store.lastChange();
    const failing: Operation[] = [
      put("new", 1, { indexes: { alias: "new" } }),
      { op: "append", stream: "audit", key: "k", id: "e1", event: {} },
      { op: "delete", key: key("a") },
      put("b", 1, { ifVersion: 7 }),
    ];
    await assert.rejects(store.commit(failing), (error) => error instanceof Conflict && error.key?.id === "b");
    assert.equal(await store.get(key("new")), undefined);
    assert.equal((await store.get(key("a")))?.value, 1);
    assert.deepEqual((await store.find({ ...scope, index: "alias", value: "new", limit: 10 })).items, []);
    assert.deepEqual(await store.outbox(10), []);
    assert.equal(await store.lastChange(), before);
  });

  rule("a refused batch does not take along those that were committed beside it", async ({ store }) => {
    const results = await Promise.allSettled([
      store.commit([put("a", 1)]),
      store.commit([put("x", 1), put("y", 1, { ifVersion: 3 })]),
      store.commit([{ op: "check", key: key("nobody"), ifVersion: 1 }]),
      store.commit([put("b", 1)]),
    ]);
    assert.deepEqual(
      results.map((result) => result.status),
      ["fulfilled", "rejected", "rejected", "fulfilled"],
    );
    assert.deepEqual(await listAll(store, scope, 10), ["a", "b"]);
    const changes = await store.changes(0, 10);
    assert.deepEqual(
      changes.map((change) => [change.sequence, change.key.id]),
      [
        [1, "a"],
        [2, "b"],
      ],
    );
  });

  rule("operations of one batch see those before them", async ({ store }) => {
    await store.commit([
      put("a", 1, { ifVersion: 0 }),
      put("a", 2, { ifVersion: 1 }),
      { op: "check", key: key("a"), ifVersion: 2 },
      { op: "delete", key: key("a") },
      { op: "checkNone", key: scope },
    ]);
    await assert.rejects(store.commit([put("a", 1), { op: "checkNone", key: scope }]), Conflict);
  });

  rule("check serialises with writers of the document", async ({ store, other }) => {
    await store.commit([put("parent", 0)]);
    // Each round either the child is made under the old parent or the parent changes; never both.
    for (let round = 0; round < 15; round++) {
      const parent = (await store.get<number>(key("parent")))!;
      const refused = await conflicts([
        store.commit([
          { op: "check", key: key("parent"), ifVersion: parent.version },
          put(`child-${round}`, parent.version),
        ]),
        other.commit([put("parent", round, { ifVersion: parent.version })]),
      ]);
      const child = await store.get<number>(key(`child-${round}`));
      assert.ok(refused === 0 || child === undefined, "a child under a stale parent");
    }
  });

  rule("a parent is never removed while a child is made (DeleteBucket against PutObject)", async ({ store, other }) => {
    for (let round = 0; round < 15; round++) {
      const bucket = key(`bucket-${round}`, { type: "bucket" });
      const objects = { ...scope, type: "object" };
      const object = { ...objects, id: `bucket-${round}/object` };
      await store.commit([{ op: "put", key: bucket, value: {}, ifVersion: 0 }]);
      const makeObject = (client: Store): Promise<void> =>
        client.commit([
          { op: "check", key: bucket, ifVersion: 1 },
          { op: "put", key: object, value: 1 },
        ]);
      const removeBucket = (client: Store): Promise<void> =>
        client.commit([
          { op: "checkNone", key: objects, prefix: `bucket-${round}/` },
          { op: "delete", key: bucket, ifVersion: 1 },
        ]);
      const refused = await conflicts(
        round % 2 ? [makeObject(store), removeBucket(other)] : [removeBucket(store), makeObject(other)],
      );
      assert.equal(refused, 1, "exactly one of the two happens");
      assert.equal((await store.get(bucket)) === undefined, (await store.get(object)) === undefined);
    }
  });

  rule("checkNone looks at its prefix and scope only", async ({ store }) => {
    await store.commit([put("b/1", 1)]);
    const free = (prefix: string, more: Partial<DocumentKey> = {}): Promise<void> =>
      store.commit([{ op: "checkNone", key: { ...scope, ...more }, prefix }]);
    await free("a");
    await free("b0");
    await free("b/1/");
    await free("", { account: "444455556666" });
    await free("", { type: "alias" });
    await assert.rejects(free("b/"), Conflict);
    await assert.rejects(free("b"), Conflict);
    await assert.rejects(free(""), Conflict);
  });

  rule("what no engine can keep is refused clearly, and harms nobody beside it", async ({ store }) => {
    const good = store.commit([put("good", 1)]);
    const bad: [string, Operation][] = [
      ["NUL in the id", put("a\0b", 1)],
      ["lone surrogate in the id", put("a\ud800", 1)],
      ["empty id", put("", 1)],
      ["id too long", put("x".repeat(2049), 1)],
      ["account too long", { op: "put", key: key("a", { account: "1".repeat(17) }), value: 1 }],
      ["undefined value", put("a", undefined)],
      ["bigint value", put("a", { n: 1n })],
      ["negative version", put("a", 1, { ifVersion: -1 })],
      ["NUL in an index value", put("a", 1, { indexes: { alias: "x\0" } })],
      ["index value too long", put("a", 1, { indexes: { alias: "x".repeat(2400) } })],
      ["stream name", { op: "append", stream: "a b>*", key: "k", id: "1", event: 1 }],
      ["unknown operation", { op: "drop" } as unknown as Operation],
    ];
    for (const [name, operation] of bad) await assert.rejects(store.commit([operation]), InvalidKey, name);
    await good;
    await assert.rejects(store.get(key("a\0")), InvalidKey);
    await assert.rejects(store.list({ ...scope, prefix: "\0", limit: 1 }), InvalidKey);
    await assert.rejects(store.list({ ...scope, limit: 0 }), InvalidKey);
    await assert.rejects(store.list({ ...scope, limit: 10_001 }), InvalidKey);
    await assert.rejects(store.find({ ...scope, index: "alias", limit: 1.5 }), InvalidKey);
    await assert.rejects(store.list({ ...scope, after: "a\0b", limit: 1 }), InvalidKey);
    assert.deepEqual(await listAll(store, scope, 10), ["good"]);
  });
}
