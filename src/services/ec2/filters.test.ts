import assert from "node:assert/strict";
import { test } from "node:test";
import { filtered } from "./filters.ts";

const item = (id: string, name: string, tags: Record<string, string> = {}) => ({ id, name, tags });
const items = [item("1", "web-1"), item("2", "web-20", { Name: "a*b" }), item("3", "db", { Name: "axb" })];
const found = (...filters: [name: string, ...values: string[]][]) =>
  filtered(
    items,
    filters.map(([Name, ...Values]) => ({ Name, Values })),
    { name: ({ name }) => name },
  ).map(({ id }) => id);

test("every filter must match, any value may; * and ? stand for others unless a backslash is in front", () => {
  assert.deepEqual(found(), ["1", "2", "3"]);
  assert.deepEqual(found(["name", "web-?"]), ["1"]);
  assert.deepEqual(found(["name", "w*", "db"]), ["1", "2", "3"]);
  assert.deepEqual(found(["name", "*2*"], ["tag:Name", "*"]), ["2"]);
  assert.deepEqual(found(["tag:Name", "a*b"]), ["2", "3"]);
  assert.deepEqual(found(["tag:Name", "a\\*b"]), ["2"]);
  assert.deepEqual(found(["tag-key", "Name"]), ["2", "3"]);
  assert.deepEqual(found(["name", "WEB-1"]), []);
  assert.throws(() => found(["colour", "red"]), /The filter 'colour' is invalid/);
});

test("no pattern takes longer than pattern times value", () => {
  const start = performance.now();
  const value = "a".repeat(20_000);
  assert.deepEqual(
    filtered([{ id: "1", name: value, tags: {} }], [{ Name: "name", Values: [`${"a*".repeat(50)}b`] }], {
      name: ({ name }) => name,
    }),
    [],
  );
  assert.ok(performance.now() - start < 2_000);
});
