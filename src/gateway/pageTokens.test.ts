/** What is no token, and pages of lists in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PageTokens, pageOfNamed } from "./pageTokens.ts";

const refusal = new Error("refused");
const tokens = new PageTokens("post", () => refusal);

test("a token gives back its position, whatever is in it", () => {
  for (const position of ["a", "", "a/b\tc\0d", "지킴이", "x".repeat(2000)]) {
    assert.equal(tokens.read(tokens.write(position)), position);
  }
  assert.equal(tokens.read(undefined), undefined);
  assert.equal(tokens.readOffset(tokens.write("17")), 17);
  assert.equal(tokens.readOffset(undefined), 0);
});

test("what this service did not hand out is refused", () => {
  const own = tokens.write("a");
  const bad = ["", "a", "%%%", `${own}=`, `${own}\n`, `*${own}`, new PageTokens("other", () => refusal).write("a")];
  for (const token of bad) assert.throws(() => tokens.read(token), refusal, JSON.stringify(token));
  for (const offset of ["", "-1", "1.5", "1e3", "9999999999"]) {
    assert.throws(() => tokens.readOffset(tokens.write(offset)), refusal, offset);
  }
});

test("pages of a list follow each other, also when items come and go in between", () => {
  const name = (item: string) => item;
  const first = pageOfNamed(["a", "b", "c", "d"], { limit: 2 }, name);
  assert.deepEqual(first, { items: ["a", "b"], next: "b" });
  assert.deepEqual(pageOfNamed(["a", "c", "d"], { after: first.next, limit: 2 }, name), { items: ["c", "d"] });
  assert.deepEqual(pageOfNamed(["a"], { after: "b", limit: 2 }, name), { items: [] });
});
