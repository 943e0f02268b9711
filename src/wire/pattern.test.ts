import assert from "node:assert/strict";
import { test } from "node:test";
import vm from "node:vm";
import { loadModel, modelIds } from "#model/load.ts";
import type { Shape } from "#model/types.ts";
import { compilePattern, patternInputLimit, reachOf } from "./pattern.ts";

const table: [pattern: string, text: string, matches: boolean][] = [
  ["[a-z]+", "abc", true],
  ["[a-z]+", "abc1", false],
  ["a|b", "ab", false],
  ["a|b", "b", true],
  ["^[a-z]+$", "abc\n", false],
  [String.raw`[\p{Alnum}_-]+`, "aZ0_-", true],
  [String.raw`[\p{Alnum}_-]+`, "a b", false],
  [String.raw`\p{Alpha}\p{Digit}`, "a1", true],
  [String.raw`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`, "한글 x1=", true],
  [String.raw`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`, "a#b", false],
  ["(?s).*", "a\nb", true],
  [".*", "a\nb", false],
  ["(?i)abc", "AbC", true],
  ["^(?!aws).*", "awsome", false],
];
for (const [pattern, text, matches] of table) {
  test(`${pattern} on ${JSON.stringify(text)}`, () => assert.equal(compilePattern(pattern)!.test(text), matches));
}

function patterns(): Map<string, Shape> {
  const found = new Map<string, Shape>();
  const seen = new Set<Shape>();
  const walk = (shape: Shape): void => {
    if (seen.has(shape)) return;
    seen.add(shape);
    const { pattern, max = Infinity } = shape;
    if (pattern !== undefined && !((found.get(pattern)?.max ?? 0) > max)) found.set(pattern, shape);
    for (const member of shape.members ?? []) walk(member.shape);
    if (shape.element) walk(shape.element.shape);
    if (shape.mapKey) walk(shape.mapKey.shape);
  };
  for (const id of modelIds()) for (const operation of loadModel(id).operations.values()) walk(operation.input);
  return found;
}

test("every pattern of every input has a JavaScript form", () => {
  const missing = [...patterns().keys()].filter((pattern) => compilePattern(pattern) === undefined);
  assert.deepEqual(missing, []);
});

test("no pattern of the models takes long on the longest text it is tried on", () => {
  const slow: string[] = [];
  for (const [pattern, shape] of patterns()) {
    const length = Math.min(shape.max ?? patternInputLimit, patternInputLimit);
    const expression = compilePattern(pattern)!;
    for (const unit of ["a", "a-", "0", "/", "arn:aws:", "a.", " ", "*", "-", "a:", "aA1-_", "a/", " a"]) {
      const text = `${unit.repeat(Math.ceil(length / unit.length)).slice(0, length - 1)}!`;
      try {
        // Only a context of its own can be stopped; the time is far above what a busy machine adds.
        vm.runInNewContext("expression.test(text)", { expression, text }, { timeout: 2000 });
      } catch {
        slow.push(`${pattern} on ${unit} (${length})`);
      }
    }
  }
  assert.deepEqual(slow, []);
});

test("the rewritten patterns say what the originals say", () => {
  const originals: [pattern: string, alphabet: string[]][] = [
    ["[a-zA-Z](?:-?[a-zA-Z0-9]+)*", ["a", "0", "-"]],
    [String.raw`^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$`, ["a", "*", "/", "."]],
  ];
  for (const [pattern, alphabet] of originals) {
    const original = new RegExp(`^(?:${pattern})$`);
    const rewritten = compilePattern(pattern)!;
    let texts = [""];
    for (let length = 0; length <= 7; length++) {
      for (const text of texts) assert.equal(rewritten.test(text), original.test(text), `${pattern} on ${text}`);
      texts = texts.flatMap((text) => alphabet.map((char) => text + char));
    }
  }
});

const reaches: [pattern: string, reach: ReturnType<typeof reachOf>][] = [
  [String.raw`\d{12}`, "bounded"],
  [String.raw`^\d{12}$`, "bounded"],
  ["[+*]{1,5}", "bounded"],
  ["[a-z]{4,10000}", "unknown"],
  [String.raw`a\+`, "bounded"],
  [String.raw`(?:a|b)?-\p{L}{2}`, "bounded"],
  [String.raw`[\w+=,.@-]+`, "linear"],
  [String.raw`^[\u0009-\u00FF]*$`, "linear"],
  ["a{3,}", "unknown"],
  ["(a+)+", "unknown"],
  ["[a]+[b]+", "unknown"],
];
for (const [pattern, reach] of reaches) {
  test(`how far ${pattern} reaches`, () => assert.equal(reachOf(pattern), reach));
}

test("no text beyond the limit matches a pattern that is called bounded", () => {
  for (const pattern of patterns().keys()) {
    if (reachOf(pattern) !== "bounded") continue;
    for (const text of ["0", "a", "-", "a1"]) {
      assert.equal(compilePattern(pattern)!.test(text.repeat(patternInputLimit)), false, pattern);
    }
  }
});
