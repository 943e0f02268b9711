import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration } from "./duration.ts";

const day = 86_400_000;
const cases: [string, number | undefined][] = [
  ["+90d", 90 * day],
  ["+1d6h30m", day + 6.5 * 3_600_000],
  ["+1y", 365 * day],
  ["+2w", 14 * day],
  ["+15s", 15_000],
  ["90d", undefined],
  ["-1d", undefined],
  ["+0d", undefined],
  ["+1.5d", undefined],
  ["+d", undefined],
  ["+", undefined],
  ["", undefined],
  ["+999999999y", undefined],
];

for (const [text, expected] of cases) test(`"${text}"`, () => assert.equal(parseDuration(text), expected));
