import assert from "node:assert/strict";
import { test } from "node:test";
import { base32, matchCode, matchConsecutive, timeStep, totpCode } from "./totp.ts";

/** RFC 6238, appendix B (SHA-1), last six of the eight digits. */
const vectors: [seconds: number, code: string][] = [
  [59, "287082"],
  [1_111_111_109, "081804"],
  [1_111_111_111, "050471"],
  [1_234_567_890, "005924"],
  [2_000_000_000, "279037"],
  [20_000_000_000, "353130"],
];
const seed = Buffer.from("12345678901234567890");

for (const [seconds, code] of vectors) {
  test(`RFC 6238 vector at ${seconds} s`, () => {
    assert.equal(totpCode(seed, timeStep(seconds * 1000)), code);
  });
}

test("RFC 4648 base32", () => {
  const rows = { f: "MY", fo: "MZXQ", foo: "MZXW6", foob: "MZXW6YQ", fooba: "MZXW6YTB", foobar: "MZXW6YTBOI" };
  for (const [text, expected] of Object.entries(rows)) assert.equal(base32(Buffer.from(text)), expected);
});

test("a code matches within its window and never at or before the last step used", () => {
  const step = 1000;
  assert.equal(matchCode(seed, totpCode(seed, step), step, 1, 0), step);
  assert.equal(matchCode(seed, totpCode(seed, step - 1), step, 1, 0), step - 1);
  assert.equal(matchCode(seed, totpCode(seed, step + 2), step, 1, 0), undefined);
  assert.equal(matchCode(seed, totpCode(seed, step), step, 1, step), undefined);
  assert.equal(matchConsecutive(seed, totpCode(seed, step), totpCode(seed, step + 1), step, 5, 0), step);
  assert.equal(matchConsecutive(seed, totpCode(seed, step), totpCode(seed, step), step, 5, 0), undefined);
});
