/** The expressions users may write: what they match, what is refused, and how long they take. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { bytesOf } from "../transforms/bytes.ts";
import { Regex, RegexError } from "./regex.ts";

const rows: readonly [string, string, boolean][] = [
  ["abc", "xxabcx", true],
  ["^abc$", "abc", true],
  ["^abc$", "abc\n", true],
  ["^abc$", "abcd", false],
  ["\\Aabc\\z", "abc\n", false],
  ["a|bc|", "zzz", true],
  ["(?i)SELECT\\s+\\w+", "x select  foo", true],
  ["a(?i)b", "aB", true],
  ["a(?i:b)c", "aBC", false],
  ["\\bfoo\\b", "a foo b", true],
  ["\\bfoo\\b", "afoo b", false],
  ["\\Boo", "foo", true],
  ["[^a-z]", "abc", false],
  ["[]a]", "]", true],
  ["[a\\-z]", "-", true],
  ["[\\w.]+@[\\w.]+", "x a.b@c.d", true],
  ["^x{2,3}y", "xxxxy", false],
  ["^x{2,}y", "xxxxy", true],
  ["x{0}y", "y", true],
  ["a{", "a{", true],
  ["I[a@]mAB[a@]dRequest", "I@mABadRequest", true],
  ["한글", bytesOf("x한글"), true],
  ["(?:가|나)다", bytesOf("나다"), true],
  ["a.c", "a\nc", false],
  ["(?s)a.c", "a\nc", true],
  ["[[:digit:]]+-", "12-", true],
  ["[[:^alpha:]]", "a", false],
  ["(?m)^b$", "a\nb\nc", true],
  ["^b", "a\nb", false],
  ["", "", true],
  ["\\Qa.b\\E+", "a.bb", true],
  ["\\x41\\x{42}", "AB", true],
  ["(?x) a b # comment\n c", "abc", true],
  ["(?<name>a)(?P<other>b)", "ab", true],
  ["(?#note)a", "a", true],
  ["\\.\\./", "a/../b", true],
  ["(a*)*b", "aaab", true],
  ["(a|aa)+$", "aaaa", true],
  ["(|a)+b", "b", true],
];

const refused = [
  "(?=a)",
  "(?!a)",
  "(?<=a)b",
  "(?<!a)b",
  "(a)\\1",
  "(?<n>a)\\k<n>",
  "a++",
  "a*+",
  "(?>a)",
  "(",
  "a)",
  "[a",
  "[z-a]",
  "*a",
  "a{3,2}",
  "a{2000}",
  "\\R",
  "\\C",
  "a\\Kb",
  "(?R)",
  "(?1)",
  "(?(1)a|b)",
  "(*FAIL)",
  "\\",
  "\\y",
  "[가-힣]",
  "((a{1000}){1000}){10}",
  "(".repeat(200) + ")".repeat(200),
];

describe("regular expressions", () => {
  for (const [source, text, expected] of rows) {
    test(`${source} on ${JSON.stringify(text)}: ${expected}`, () =>
      assert.equal(new Regex(source).test(text), expected));
  }
  for (const source of refused) {
    test(`${source.slice(0, 40)} is refused`, () => assert.throws(() => new Regex(source), RegexError));
  }

  test("the same as V8 says, over random expressions and texts", () => {
    const atom = fc.constantFrom(
      "a",
      "b",
      "ab",
      ".",
      "[ab]",
      "[^a]",
      "\\w",
      "\\d",
      "(?:a|b)",
      "(?:ab)",
      "\\b",
      "^",
      "$",
    );
    const piece = fc
      .tuple(atom, fc.constantFrom("", "", "*", "+", "?", "{1,2}"))
      .map(([each, times]) => (/^(?:\\b|\^|\$)$/.test(each) ? each : each + times));
    const source = fc.array(piece, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(""));
    const both = fc.oneof(
      source,
      fc.tuple(source, source).map(([a, b]) => `${a}|${b}`),
    );
    const text = fc.array(fc.constantFrom("a", "b", "c", "1", " "), { maxLength: 10 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(both, text, (given, on) =>
        assert.equal(new Regex(given).test(on), new RegExp(given).test(on), `${given} on ${on}`),
      ),
      { numRuns: 3_000 },
    );
  });

  const slow: [string, string][] = [
    ["^(\\w+\\s?)*$", `${"a".repeat(30_000)}!`],
    ["(a+)+$", `${"a".repeat(30_000)}!`],
    ["(a|a)*b", "a".repeat(30_000)],
    ["(.*)(.*)(.*)(.*)x", "a".repeat(30_000)],
  ];
  for (const [source, text] of slow) {
    test(`${source} takes linear time`, () => {
      const start = performance.now();
      assert.equal(new Regex(source).test(text), false);
      assert.ok(performance.now() - start < 300);
    });
  }

  test("an expression whose deterministic automaton is huge is matched all the same", () => {
    const regex = new Regex("(a|b)*a(a|b){12}c");
    const text = Array.from({ length: 20_000 }, (_, i) => ((i * 7_919) % 13 < 6 ? "a" : "b")).join("");
    assert.equal(regex.test(text), false);
    assert.equal(regex.test(`${text}a${"b".repeat(12)}c`), true);
  });

  test("what every match contains", () => {
    assert.deepEqual(
      ["(?i)UNION\\s+SELECT", "a|b", "ab?cde", "(foo)+", "x*"].map((source) => new Regex(source).literal),
      ["select", undefined, "cde", "foo", undefined],
    );
  });
});
