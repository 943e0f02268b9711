import assert from "node:assert/strict";
import { test } from "node:test";
import {
  entriesOfKey,
  keyOfEntryId,
  keyOfObjectId,
  newVersionId,
  objectId,
  sequenceOfVersionId,
  versionEntryId,
} from "./ids.ts";

const keys = [
  "a",
  "a\u0000",
  "a\u0000b",
  "a\u0001",
  "a\u0001\u0001z",
  "a\u0002",
  "a ",
  "a/b",
  "ab",
  "한글",
  "\u{10FFFF}",
  "z\uFFFFz",
  "z😀",
];
const bytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

test("ids keep the order of keys and never hold U+0000", () => {
  const sorted = [...keys].sort(bytes);
  assert.deepEqual(
    keys
      .map((key) => objectId("u", key))
      .sort(bytes)
      .map(keyOfObjectId),
    sorted,
  );
  for (const key of keys) assert.ok(!objectId("u", key).includes("\u0000"));
});

test("the versions of a key sort together, after those of every smaller key, newest first", () => {
  const entries = keys.flatMap((key) => [1, 2, 300].map((sequence) => ({ key, sequence })));
  const ids = entries.map(({ key, sequence }) => versionEntryId("u", key, sequence, "v")).sort(bytes);
  assert.deepEqual(
    ids.map(keyOfEntryId),
    [...keys].sort(bytes).flatMap((key) => [key, key, key]),
  );
  assert.ok(bytes(versionEntryId("u", "a", 2, "v"), versionEntryId("u", "a", 1, "v")) < 0);
});

test("a key prefix is an id prefix, and no key has entries under another's", () => {
  for (const a of keys) {
    for (const b of keys) {
      assert.equal(objectId("u", b).startsWith(objectId("u", a)), b.startsWith(a));
      assert.equal(versionEntryId("u", b, 1, "v").startsWith(entriesOfKey("u", a)), a === b);
    }
  }
});

test("a version id carries its place and is refused when it is not one", () => {
  const id = newVersionId(77, Buffer.alloc(18, 255));
  assert.match(id, /^[A-Za-z0-9._]{32}$/);
  assert.equal(sequenceOfVersionId(id), 77);
  for (const bad of ["", "null", "x".repeat(31), "-".repeat(32), "../".repeat(11)]) {
    assert.equal(sequenceOfVersionId(bad), undefined);
  }
});
