import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { storeConformance } from "./conformance.ts";
import { key, put } from "./conformance-subject.ts";
import type { Document } from "./contract.ts";
import { SealedStore, type SealedKinds } from "./sealed.ts";
import { isSealed, type SealedValue } from "./sealing.ts";
import { TestSealingKeys } from "./sealing.testing.ts";
import { SqliteStore } from "./sqlite.ts";

const everything: SealedKinds = { documents: { kms: new Set(["key"]) }, streams: new Set() };

storeConformance("sealed over sqlite", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-sealed-"));
  const clock = new ManualClock();
  const inner = new SqliteStore(join(folder, "state.db"), { clock });
  const store = new SealedStore(inner, everything, new TestSealingKeys());
  return {
    store,
    other: store,
    clock,
    async dispose() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
});

const canary = "canary-4d1f-nobody-may-read-this";
let folder: string;
let inner: SqliteStore;
let keys: TestSealingKeys;
let store: SealedStore;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "jikimi-sealed-"));
  inner = new SqliteStore(join(folder, "state.db"), { clock: new ManualClock() });
  keys = new TestSealingKeys();
  store = new SealedStore(inner, { documents: everything.documents, streams: new Set(["secret"]) }, keys);
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const raw = async (id: string): Promise<SealedValue> => (await inner.get<SealedValue>(key(id)))!.value;

test("what is kept is ciphertext; other kinds are as they were", async () => {
  for (const [id, text] of [
    ["short", canary],
    ["long", canary.repeat(500)],
  ] as const) {
    await store.commit([put(id, { text })]);
    assert.ok(isSealed(await raw(id)));
    assert.deepEqual((await store.get(key(id)))!.value, { text });
  }
  assert.ok(JSON.stringify(await raw("long")).length < 1_000, "long texts are compressed");
  await store.commit([{ op: "append", stream: "secret", key: "k", id: "e1", event: { text: canary } }]);
  await store.commit([put("open", { text: "in the clear" }, { key: key("open", { type: "alias" }) })]);
  assert.deepEqual((await inner.get(key("open", { type: "alias" })))!.value, { text: "in the clear" });
  await inner.backup(join(folder, "copy.db"));
  const bytes = readFileSync(join(folder, "copy.db"));
  assert.ok(bytes.includes("in the clear"));
  assert.ok(!bytes.includes(canary));
});

test("a sealed value does not stand for another's, in another place, or changed", async () => {
  await store.commit([put("a", { of: "a" }), put("b", { of: "b" })]);
  const [a, b] = [await raw("a"), await raw("b")];
  await inner.commit([put("a", b), put("b", a)]);
  await assert.rejects(store.get(key("a")));
  await assert.rejects(store.list({ service: "kms", type: "key", limit: 10 }));
  const turned = Buffer.from(a.sealed.slice(3), "base64");
  turned[20]! ^= 1;
  await inner.commit([put("a", { sealed: `k1.${turned.toString("base64")}` }), put("b", b)]);
  await assert.rejects(store.get(key("a")));
  assert.deepEqual((await store.get<{ of: string }>(key("b")))!.value, { of: "b" });
  const [, short] = ["k1.", "k1.AAAA"];
  await inner.commit([put("a", { sealed: short })]);
  await assert.rejects(store.get(key("a")));
  await inner.commit([{ op: "delete", key: key("a") }]);
});

test("the same value is sealed differently each time", async () => {
  const seen = new Set<string>();
  for (let i = 0; i < 50; i++) {
    await store.commit([put("same", { text: canary })]);
    seen.add((await raw("same")).sealed.slice(0, 19));
  }
  assert.equal(seen.size, 50);
});

test("what was written in the clear before is read, and sealed with its next change", async () => {
  await inner.commit([put("old", { text: "old" })]);
  const found = (await store.get(key("old"))) as Document<{ text: string }>;
  assert.deepEqual([found.value, found.version], [{ text: "old" }, 1]);
  await store.commit([put("old", { text: "new" }, { ifVersion: 1 })]);
  assert.ok(isSealed(await raw("old")));
});

test("without a key nothing is read or written, and nothing else is held up", async () => {
  keys.sealed = true;
  try {
    await assert.rejects(store.get(key("short")), /sealed/);
    await assert.rejects(store.commit([put("late", {})]), /sealed/);
    await store.commit([put("plain", {}, { key: key("plain", { type: "alias" }) })]);
    assert.equal(await store.get(key("late")), undefined);
  } finally {
    keys.sealed = false;
  }
});
