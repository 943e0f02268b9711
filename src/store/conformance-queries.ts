/** Reading: order, paging, prefixes, indexes, expiry. */
import assert from "node:assert/strict";
import { Conflict, InvalidKey } from "./contract.ts";
import { key, listAll, put, scope, type Rule } from "./conformance-subject.ts";

export function queryRules(rule: Rule): void {
  rule("lists order by UTF-8 bytes and page in both directions", async ({ store }) => {
    const ids = [
      "",
      "A",
      "Z",
      "a",
      "a b",
      "a%",
      "a'b\"c",
      "a/b",
      "a\\b",
      "a_b",
      "aa",
      "z",
      "é",
      "가나",
      "\ue000",
      "\uffff",
      "😀",
      "𝄞",
    ].slice(1);
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
    assert.deepEqual(
      await listAll(store, { ...scope, after: "aa", reverse: true }, 2),
      sorted.slice(0, sorted.indexOf("aa")).toReversed(),
    );
    assert.deepEqual(
      await listAll(store, { ...scope, from: "aa", reverse: true }, 2),
      sorted.slice(0, sorted.indexOf("aa") + 1).toReversed(),
    );
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
        assert.deepEqual(
          ids.filter((id) => !id.includes("-")),
          stable,
        );
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
    const all = accounts.flatMap((account) =>
      regions.flatMap((region) => ["a", "b"].map((id) => key(id, { account, region }))),
    );
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
    await store.commit([
      put("a", 1, { indexes: { alias: ["x", "y", "x"], state: "on" } }),
      put("b", 1, { indexes: { alias: "y" } }),
    ]);
    assert.deepEqual(await found("alias", "x"), ["a"]);
    assert.deepEqual(await found("alias", "y"), ["a", "b"]);
    assert.deepEqual(await found("state", "on"), ["a"]);
    await store.commit([put("a", 2, { indexes: { alias: ["y", "z"] } })]);
    assert.deepEqual(
      [await found("alias", "x"), await found("alias", "y"), await found("alias", "z"), await found("state", "on")],
      [[], ["a", "b"], ["a"], []],
    );
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
      for (let after: string | undefined; ;) {
        const page = await store.find({
          ...scope,
          index: "created",
          limit,
          ...query,
          ...(after === undefined ? {} : { after }),
        });
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
    const counted = (index: object, prefix?: string) =>
      store.count({ ...scope, index: { name: "created", ...index }, ...(prefix === undefined ? {} : { prefix }) });
    assert.equal(await counted({}), 6);
    assert.equal(await counted({ from: "2026-02", to: "2027" }), 3);
    assert.equal(await counted({ from: "2026-02", to: "2027" }, "d2"), 1);
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
    assert.equal(await store.count({ ...scope, index: { name: "alias" } }), 0);
    assert.deepEqual((await store.find({ ...scope, index: "alias", value: "t", limit: 10 })).items, []);
    await store.commit([
      { op: "check", key: key("t"), ifVersion: 0 },
      { op: "checkNone", key: scope, prefix: "t" },
    ]);
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
    assert.deepEqual(
      [await store.expire(10), await store.expire(10), await store.expire(10), await store.expire(10)],
      [10, 10, 5, 0],
    );
    await store.commit(ids.map((id) => put(id, 2)));
    assert.deepEqual((await store.find({ ...scope, index: "alias", value: "same", limit: 10 })).items, []);
    const changes = await store.changes(0, 100);
    assert.deepEqual(
      changes.map((change) => change.sequence),
      Array.from({ length: 75 }, (_, n) => n + 1),
    );
  });

  rule("documents of 1 MB and ids of 2 KB", async ({ store }) => {
    const value = { text: 'x가\\"'.repeat(180_000) };
    // Not compressible, so that an index row really has that size.
    const id = Array.from(
      { length: 341 },
      (_, n) => String.fromCodePoint(0x10000 + ((n * 7919) % 60000)) + String.fromCharCode(33 + (n % 90)) + "é",
    )
      .join("")
      .slice(0);
    const cut = Buffer.from(id)
      .subarray(0, 2044)
      .toString()
      .replace(/\ufffd+$/, "");
    await store.commit([put(cut, value, { indexes: { ["i".repeat(64)]: "v".repeat(300) } })]);
    assert.deepEqual((await store.get(key(cut)))?.value, value);
    assert.deepEqual(await listAll(store, { ...scope, prefix: cut.slice(0, 100) }, 10), [cut]);
    assert.equal((await store.find({ ...scope, index: "i".repeat(64), from: "v", limit: 1 })).items[0]?.key.id, cut);
  });

  rule("hostile ids are data", async ({ store }) => {
    const ids = [
      "'; drop table documents; --",
      '"',
      "\\",
      "$1",
      "?1",
      "%",
      "_",
      "../../etc",
      "\n\r\t",
      "\u202e",
      "👩‍👩‍👧",
      "{}",
      "[]",
      "\u0001",
    ];
    await store.commit(ids.map((id) => put(id, { id }, { indexes: { alias: id } })));
    for (const id of ids) {
      assert.deepEqual((await store.get(key(id)))?.value, { id });
      assert.equal((await store.find({ ...scope, index: "alias", value: id, limit: 2 })).items[0]?.key.id, id);
    }
    assert.equal((await store.getMany(ids.map((id) => key(id)))).filter(Boolean).length, ids.length);
  });
}
