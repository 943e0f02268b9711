import assert from "node:assert/strict";
import { test } from "node:test";
import { WireFailure } from "./failure.ts";
import { maxDepth, parseJson } from "./jsonText.ts";
import { bytes } from "./requests.testing.ts";

const refused = (text: string | Uint8Array): void => {
  assert.throws(
    () => parseJson(typeof text === "string" ? bytes(text) : text),
    (error) => error instanceof WireFailure && error.code === "SerializationException" && error.status === 400,
    String(text).slice(0, 40),
  );
};

test("reads what JSON is", () => {
  assert.deepEqual(parseJson(bytes('{"a":[1,"x:{y",null,true],"b":{"c":"\\"q\\\\"}}')), {
    a: [1, "x:{y", null, true],
    b: { c: '"q\\' },
  });
  assert.deepEqual(parseJson(bytes("{}")), {});
  assert.deepEqual(parseJson(bytes('["a:b","\\\\"]')), ["a:b", "\\"]);
});

test("refuses what it is not", () => {
  for (const text of ["", "{", '{"a"', "{a:1}", "nul", "{} {}", "\ufeff{}", '{"a":01}', '{"a":NaN}', "'a'", '"abc'])
    refused(text);
});

test("refuses broken UTF-8, which would turn different names into one", () => {
  refused(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]));
  refused(new Uint8Array([0x22, 0xc0, 0xaf, 0x22]));
  refused(new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]));
});

test("refuses a key given twice, at every depth and however it is escaped", () => {
  for (const text of [
    '{"a":1,"a":2}',
    '{"x":{"a":1,"a":1}}',
    '[{"a":1,"\\u0061":2}]',
    '{"__proto__":1,"__proto__":2}',
  ]) {
    refused(text);
  }
  assert.deepEqual(parseJson(bytes('{"a":{"a":1},"b":[{"a":1},{"a":1}]}')), { a: { a: 1 }, b: [{ a: 1 }, { a: 1 }] });
});

test("bounds the depth, also of documents and of members nobody knows", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  assert.ok(parseJson(bytes(nested(maxDepth))));
  refused(nested(maxDepth + 1));
  refused("[".repeat(1_000_000));
  refused('{"a":'.repeat(100_000));
});

test("brackets and colons inside strings count for nothing", () => {
  const text = JSON.stringify({ a: "[".repeat(500), b: '":":'.repeat(100) });
  assert.deepEqual(parseJson(bytes(text)), JSON.parse(text));
});
