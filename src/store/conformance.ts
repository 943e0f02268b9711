/**
 * Every rule of the contract, run against each engine. A new engine is done when it passes.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { Conflict, InvalidKey, type DocumentKey, type ListQuery, type Operation, type Store } from "./contract.ts";

export interface StoreUnderTest {
  store: Store;
  /** Another client of the same data, where the engine allows several; else the same. */
  other: Store;
  clock: ManualClock;
  dispose(): Promise<void>;
}

const key = (id: string, more: Partial<DocumentKey> = {}): DocumentKey => ({
  account: "111122223333",
  region: "us-east-1",
  service: "kms",
  type: "key",
  id,
  ...more,
});

const put = (id: string, value: unknown, more: Partial<Operation & { op: "put" }> = {}): Operation => ({
  op: "put",
  key: key(id),
  value,
  ...more,
});

const scope = { account: "111122223333", region: "us-east-1", service: "kms", type: "key" };

/** How many of the promises were refused with `Conflict`; any other rejection fails the test. */
async function conflicts(work: readonly Promise<unknown>[]): Promise<number> {
  const results = await Promise.allSettled(work);
  const refused = results.filter((result) => result.status === "rejected");
  for (const { reason } of refused) assert.ok(reason instanceof Conflict, String(reason));
  return refused.length;
}

async function listAll(store: Store, query: Omit<ListQuery, "limit">, limit: number): Promise<string[]> {
  const ids: string[] = [];
  let after = query.after;
  for (;;) {
    const page = await store.list({ ...query, limit, ...(after === undefined ? {} : { after }) });
    assert.ok(page.items.length <= limit);
    ids.push(...page.items.map((item) => item.key.id));
    if (page.next === undefined) return ids;
    after = page.next;
  }
}

export function storeConformance(engine: string, create: () => Promise<StoreUnderTest>, skip?: string): void {
  const rule = (name: string, body: (t: StoreUnderTest) => Promise<void>): void => {
    void test(`${engine}: ${name}`, skip === undefined ? {} : { skip }, async () => {
      const t = await create();
      try {
        await body(t);
      } finally {
        await t.dispose();
      }
    });
  };

  rule("a document comes back as it was put, with version 1, 2, 3 ...", async ({ store, other }) => {
    const value = { text: "한국어 \u0000 \ud800 \"quoted\" \\", number: 1.5, nothing: null, list: [1, [2]], z: 1, a: 2 };
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
    assert.deepEqual(found.map((document) => document?.value), [2, undefined, 1, 2]);
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
    await assert.rejects(store.commit([put("b", 1, { ifVersion: 1 })]), Conflict, "an absent document has no version 1");
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
    await store.commit([{ op: "delete", key: key("a"), ifVersion: 1 }, { op: "delete", key: key("b") }]);
    assert.deepEqual(await store.getMany([key("a"), key("b")]), [undefined, undefined]);
    await store.commit([{ op: "delete", key: key("a") }, { op: "delete", key: key("a"), ifVersion: 0 }]);
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
    assert.deepEqual(results.map((result) => result.status), ["fulfilled", "rejected", "rejected", "fulfilled"]);
    assert.deepEqual(await listAll(store, scope, 10), ["a", "b"]);
    const changes = await store.changes(0, 10);
    assert.deepEqual(changes.map((change) => [change.sequence, change.key.id]), [[1, "a"], [2, "b"]]);
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
        store.commit([{ op: "check", key: key("parent"), ifVersion: parent.version }, put(`child-${round}`, parent.version)]),
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
        client.commit([{ op: "check", key: bucket, ifVersion: 1 }, { op: "put", key: object, value: 1 }]);
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

  rule("lists order by UTF-8 bytes and page in both directions", async ({ store }) => {
    const ids = ["", "A", "Z", "a", "a b", "a%", "a'b\"c", "a/b", "a\\b", "a_b", "aa", "z", "é", "가나", "\ue000", "\uffff", "😀", "𝄞"].slice(1);
    const sorted = ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.notDeepEqual(sorted, ids.toSorted(), "UTF-16 order differs, so the test tells them apart");
    await store.commit(ids.map((id) => put(id, id)));
    for (const limit of [1, 3, 100]) {
      assert.deepEqual(await listAll(store, scope, limit), sorted);
      assert.deepEqual(await listAll(store, { ...scope, reverse: true }, limit), sorted.toReversed());
    }
    assert.deepEqual(await listAll(store, { ...scope, after: "a/b" }, 100), sorted.slice(sorted.indexOf("a/b") + 1));
    assert.deepEqual(await listAll(store, { ...scope, from: "a/b" }, 100), sorted.slice(sorted.indexOf("a/b")));
    assert.deepEqual(await listAll(store, { ...scope, from: "a/c" }, 100), sorted.slice(sorted.indexOf("a/b") + 1));
    assert.deepEqual(await listAll(store, { ...scope, after: "aa", reverse: true }, 2), sorted.slice(0, sorted.indexOf("aa")).toReversed());
    assert.deepEqual(await listAll(store, { ...scope, from: "aa", reverse: true }, 2), sorted.slice(0, sorted.indexOf("aa") + 1).toReversed());
  });

  rule("a prefix is text, not a pattern", async ({ store }) => {
    const ids = ["100%", "100%/x", "100x", "a_b", "axb", "back\\slash", "it's", "\uffff1", "\u{10ffff}x", "\ud7ffa"];
    await store.commit(ids.map((id) => put(id, 1)));
    const sorted = ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const prefix of ["100%", "a_", "back\\", "it'", "\uffff", "\u{10ffff}", "\ud7ff", "nothing"]) {
      const expected = sorted.filter((id) => id.startsWith(prefix));
      assert.deepEqual(await listAll(store, { ...scope, prefix }, 2), expected, prefix);
      assert.equal(await store.count({ ...scope, prefix }), expected.length);
    }
    assert.equal(await store.count(scope), ids.length);
  });

  rule("pages have no gaps and no doubles while others write", async ({ store, other }) => {
    const stable = Array.from({ length: 60 }, (_, n) => `s${String(n).padStart(3, "0")}`);
    await store.commit(stable.map((id) => put(id, 1)));
    let stop = false;
    const writer = (async () => {
      for (let n = 0; !stop; n++) {
        const id = `s${String(n % 60).padStart(3, "0")}-x${n}`;
        await other.commit([put(id, n)]);
        if (n % 3 === 0) await other.commit([{ op: "delete", key: key(id) }]);
      }
    })();
    try {
      for (let round = 0; round < 5; round++) {
        const ids = await listAll(store, scope, 7);
        assert.deepEqual(ids.filter((id) => !id.includes("-")), stable);
        assert.equal(new Set(ids).size, ids.length);
      }
    } finally {
      stop = true;
      await writer;
    }
  });

  rule("a list over accounts and Regions keeps documents of the same id", async ({ store }) => {
    const accounts = ["111111111111", "222222222222", "333333333333"];
    const regions = ["eu-west-1", "us-east-1"];
    const all = accounts.flatMap((account) => regions.flatMap((region) => ["a", "b"].map((id) => key(id, { account, region }))));
    await store.commit(all.map((each) => ({ op: "put", key: each, value: 1 }) as const));
    assert.deepEqual(await listAll(store, { service: "kms", type: "key" }, 1), [..."aaaaaabbbbbb"]);
    assert.deepEqual(await listAll(store, { service: "kms", type: "key", reverse: true }, 4), [..."bbbbbbaaaaaa"]);
    assert.deepEqual(await listAll(store, { service: "kms", type: "key", account: accounts[0]! }, 3), [..."aabb"]);
    assert.deepEqual(await listAll(store, { service: "kms", type: "key", region: "eu-west-1" }, 2), [..."aaabbb"]);
    assert.equal(await store.count({ service: "kms", type: "key" }), 12);
  });

  rule("index rows are replaced as a whole with each put", async ({ store }) => {
    const found = async (index: string, value: string): Promise<string[]> =>
      (await store.find({ ...scope, index, value, limit: 10 })).items.map((item) => item.key.id);
    await store.commit([put("a", 1, { indexes: { alias: ["x", "y", "x"], state: "on" } }), put("b", 1, { indexes: { alias: "y" } })]);
    assert.deepEqual(await found("alias", "x"), ["a"]);
    assert.deepEqual(await found("alias", "y"), ["a", "b"]);
    assert.deepEqual(await found("state", "on"), ["a"]);
    await store.commit([put("a", 2, { indexes: { alias: ["y", "z"] } })]);
    assert.deepEqual([await found("alias", "x"), await found("alias", "y"), await found("alias", "z"), await found("state", "on")], [[], ["a", "b"], ["a"], []]);
    await store.commit([put("a", 3)]);
    assert.deepEqual([await found("alias", "y"), await found("alias", "z")], [["b"], []]);
    await store.commit([{ op: "delete", key: key("b") }]);
    assert.deepEqual(await found("alias", "y"), []);
  });

  rule("index ranges order by value and page with an opaque cursor", async ({ store }) => {
    const values = ["2026-01", "2026-02", "2026-02", "2026-10", "2027-01", "가"];
    await store.commit(values.map((value, n) => put(`d${n}`, value, { indexes: { created: value } })));
    const range = async (query: object, limit: number): Promise<string[]> => {
      const ids: string[] = [];
      for (let after: string | undefined; ; ) {
        const page = await store.find({ ...scope, index: "created", limit, ...query, ...(after === undefined ? {} : { after }) });
        ids.push(...page.items.map((item) => item.key.id));
        if (page.next === undefined) return ids;
        after = page.next;
      }
    };
    for (const limit of [1, 2, 50]) {
      assert.deepEqual(await range({}, limit), ["d0", "d1", "d2", "d3", "d4", "d5"]);
      assert.deepEqual(await range({ reverse: true }, limit), ["d5", "d4", "d3", "d2", "d1", "d0"]);
      assert.deepEqual(await range({ from: "2026-02", to: "2027" }, limit), ["d1", "d2", "d3"]);
      assert.deepEqual(await range({ value: "2026-02" }, limit), ["d1", "d2"]);
    }
    const other = await store.find({ service: "kms", type: "key", index: "created", value: "가", limit: 10 });
    assert.equal(other.items[0]?.key.account, "111122223333", "an index finds the account of a document");
    await assert.rejects(store.find({ ...scope, index: "created", after: "garbage", limit: 1 }), InvalidKey);
  });

  rule("expiry follows the injected clock", async ({ store, clock }) => {
    const expiresAt = clock.now() + 1000;
    await store.commit([put("t", 1, { expiresAt, indexes: { alias: "t" } }), put("stays", 1)]);
    assert.equal((await store.get(key("t")))?.expiresAt, expiresAt);
    assert.equal(await store.expire(10), 0);
    clock.advance(1000);
    assert.equal(await store.get(key("t")), undefined);
    assert.deepEqual(await store.getMany([key("t")]), [undefined]);
    assert.deepEqual(await listAll(store, scope, 10), ["stays"]);
    assert.equal(await store.count(scope), 1);
    assert.deepEqual((await store.find({ ...scope, index: "alias", value: "t", limit: 10 })).items, []);
    await store.commit([{ op: "check", key: key("t"), ifVersion: 0 }, { op: "checkNone", key: scope, prefix: "t" }]);
    await assert.rejects(store.commit([put("t", 2, { ifVersion: 1 })]), Conflict);
    const last = await store.lastChange();
    assert.equal(await store.expire(10), 1);
    assert.deepEqual(await store.changes(last, 10), [{ sequence: last + 1, key: key("t"), version: 0 }]);
    assert.equal(await store.expire(10), 0);

    await store.commit([put("u", 1, { expiresAt: clock.now() + 1 })]);
    clock.advance(1);
    await store.commit([put("u", "new", { ifVersion: 0 })]);
    assert.deepEqual(await store.get(key("u")), { key: key("u"), version: 1, value: "new" });
  });

  rule("expire removes up to its limit, index rows included", async ({ store, clock }) => {
    const ids = Array.from({ length: 25 }, (_, n) => `e${n}`);
    await store.commit(ids.map((id) => put(id, 1, { expiresAt: clock.now() + 5, indexes: { alias: "same" } })));
    clock.advance(5);
    assert.deepEqual([await store.expire(10), await store.expire(10), await store.expire(10), await store.expire(10)], [10, 10, 5, 0]);
    await store.commit(ids.map((id) => put(id, 2)));
    assert.deepEqual((await store.find({ ...scope, index: "alias", value: "same", limit: 10 })).items, []);
    const changes = await store.changes(0, 100);
    assert.deepEqual(changes.map((change) => change.sequence), Array.from({ length: 75 }, (_, n) => n + 1));
  });

  rule("changes older than seven days are trimmed, the count goes on", async ({ store, clock }) => {
    await store.commit([put("a", 1), put("b", 1)]);
    clock.advance(7 * 86_400_000 + 1);
    await store.commit([put("c", 1)]);
    await store.expire(100);
    assert.deepEqual((await store.changes(0, 10)).map((change) => change.sequence), [3]);
    clock.advance(8 * 86_400_000);
    await store.expire(100);
    assert.equal(await store.lastChange(), 3);
    await store.commit([put("d", 1)]);
    assert.equal(await store.lastChange(), 4);
  });

  rule("the change feed is dense, complete and in commit order under 8 writers", async ({ store, other }) => {
    const perWriter = 40;
    const seen: { sequence: number; id: string; version: number }[] = [];
    const total = 8 * perWriter * 2;
    const reader = (async () => {
      let after = 0;
      while (seen.length < total) {
        const changes = await other.changes(after, 37);
        for (const change of changes) {
          assert.equal(change.sequence, after + 1, "dense, and never filled in behind the reader");
          after = change.sequence;
          seen.push({ sequence: after, id: change.key.id, version: change.version });
        }
        if (changes.length === 0) await other.waitForChange(after, 2000);
      }
    })();
    const writer = async (n: number): Promise<void> => {
      for (let i = 0; i < perWriter; i++) await (n % 2 ? store : other).commit([put(`own-${n}`, i), put("shared", i)]);
    };
    await Promise.all(Array.from({ length: 8 }, (_, n) => writer(n)));
    await reader;
    assert.equal(await store.lastChange(), total);
    for (const id of ["own-0", "own-7"]) {
      assert.deepEqual(seen.filter((change) => change.id === id).map((change) => change.version), Array.from({ length: perWriter }, (_, n) => n + 1));
    }
    assert.deepEqual(seen.filter((change) => change.id === "shared").map((change) => change.version), Array.from({ length: 8 * perWriter }, (_, n) => n + 1));
  });

  rule("waitForChange ends with a change made by another client, and with its time", async ({ store, other }) => {
    await store.commit([put("a", 1)]);
    await store.waitForChange(0, 60_000);
    let ended = false;
    const waiting = store.waitForChange(1, 60_000).then(() => (ended = true));
    assert.equal(await store.lastChange(), 1);
    assert.equal(ended, false);
    await other.commit([put("a", 2)]);
    await waiting;
    await store.waitForChange(2, 1);
  });

  rule("the outbox keeps commit order per key and gives each entry until it is removed", async ({ store, other }) => {
    const append = (writer: number, n: number): Operation => ({ op: "append", stream: "audit", key: `k${writer}`, id: `${writer}-${n}`, event: { n } });
    let ended = false;
    const waiting = other.waitForOutbox(60_000).then(() => (ended = true));
    assert.deepEqual(await store.outbox(10), []);
    assert.equal(ended, false);
    await Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; n < 20; n += 2) await (writer % 2 ? store : other).commit([append(writer, n), put(`d${writer}`, n), append(writer, n + 1)]);
      }),
    );
    await waiting;
    const entries = await store.outbox(1000);
    assert.deepEqual(entries.map((entry) => entry.sequence), Array.from({ length: 80 }, (_, n) => n + 1));
    for (let writer = 0; writer < 4; writer++) {
      const own = entries.filter((entry) => entry.key === `k${writer}`);
      assert.deepEqual(own.map((entry) => entry.event), Array.from({ length: 20 }, (_, n) => ({ n })));
    }
    await store.removeOutbox(entries.slice(0, 79).map((entry) => entry.sequence));
    await store.removeOutbox([1, 2, 3]);
    assert.deepEqual((await store.outbox(10)).map((entry) => entry.sequence), [80]);
    await store.waitForOutbox(60_000);
    await store.removeOutbox([80]);
    await store.waitForOutbox(1);
    await store.commit([append(9, 9)]);
    assert.equal((await store.outbox(10))[0]?.sequence, 81, "numbers are not used again");
  });

  rule("one lease of many who ask, renewed by its owner, passed on after its time", async ({ store, other, clock }) => {
    const asked = await Promise.all(Array.from({ length: 10 }, (_, n) => (n % 2 ? store : other).lease("job", `o${n}`, 1000)));
    const held = asked.filter((lease) => lease !== undefined);
    assert.equal(held.length, 1);
    const first = held[0]!;
    assert.equal(first.expiresAt, clock.now() + 1000);
    clock.advance(600);
    const renewed = (await store.lease("job", first.owner, 1000))!;
    assert.deepEqual(renewed, { ...first, expiresAt: clock.now() + 1000 });
    clock.advance(999);
    assert.equal(await store.lease("job", "next", 1000), undefined);
    clock.advance(1);
    const second = (await other.lease("job", "next", 1000))!;
    assert.ok(second.fencingToken > first.fencingToken);
    await store.releaseLease(first);
    assert.equal(await store.lease("job", first.owner, 1000), undefined, "a former holder releases nothing");
    await store.releaseLease(second);
    const third = (await store.lease("job", "next", 1000))!;
    assert.ok(third.fencingToken > second.fencingToken);
    await assert.rejects(store.lease("job", "", 1000));
    await assert.rejects(store.lease("job", "x", 0));
  });

  rule("writes guarded by a lease are refused for a former holder", async ({ store, other, clock }) => {
    const first = (await store.lease("job", "a", 1000))!;
    await store.commit([{ op: "guard", lease: first }, put("w", 1)]);
    clock.advance(1000);
    const second = (await other.lease("job", "b", 1000))!;
    await assert.rejects(store.commit([{ op: "guard", lease: first }, put("w", 2)]), Conflict);
    await store.commit([{ op: "guard", lease: second }, put("w", 3)]);
    await store.releaseLease(second);
    await assert.rejects(store.commit([{ op: "guard", lease: second }, put("w", 4)]), Conflict);
    await assert.rejects(store.commit([put("w", 5), { op: "guard", lease: { name: "none", owner: "a", fencingToken: 1 } }]), Conflict);
    assert.equal((await store.get(key("w")))?.value, 3);
  });

  rule("documents of 1 MB and ids of 2 KB", async ({ store }) => {
    const value = { text: "x가\\\"".repeat(180_000) };
    // Not compressible, so that an index row really has that size.
    const id = Array.from({ length: 341 }, (_, n) => String.fromCodePoint(0x10000 + ((n * 7919) % 60000)) + String.fromCharCode(33 + (n % 90)) + "é").join("").slice(0);
    const cut = Buffer.from(id).subarray(0, 2044).toString().replace(/\ufffd+$/, "");
    await store.commit([put(cut, value, { indexes: { ["i".repeat(64)]: "v".repeat(300) } })]);
    assert.deepEqual((await store.get(key(cut)))?.value, value);
    assert.deepEqual(await listAll(store, { ...scope, prefix: cut.slice(0, 100) }, 10), [cut]);
    assert.equal((await store.find({ ...scope, index: "i".repeat(64), from: "v", limit: 1 })).items[0]?.key.id, cut);
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
    await assert.rejects(store.list({ ...scope, after: "a\0b", limit: 1 }), InvalidKey);
    assert.deepEqual(await listAll(store, scope, 10), ["good"]);
  });

  rule("hostile ids are data", async ({ store }) => {
    const ids = ["'; drop table documents; --", '"', "\\", "$1", "?1", "%", "_", "../../etc", "\n\r\t", "\u202e", "👩‍👩‍👧", "{}", "[]", "\u0001"];
    await store.commit(ids.map((id) => put(id, { id }, { indexes: { alias: id } })));
    for (const id of ids) {
      assert.deepEqual((await store.get(key(id)))?.value, { id });
      assert.equal((await store.find({ ...scope, index: "alias", value: id, limit: 2 })).items[0]?.key.id, id);
    }
    assert.equal((await store.getMany(ids.map((id) => key(id)))).filter(Boolean).length, ids.length);
  });

  rule("an empty batch changes nothing, ping answers", async ({ store }) => {
    await store.commit([]);
    assert.equal(await store.lastChange(), 0);
    await store.ping();
  });
}
