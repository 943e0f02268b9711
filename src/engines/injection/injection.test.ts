/**
 * How many attacks are found, and how many harmless texts are taken for one: over our own corpora, and over variations of
 * the attacks that the databases and browsers read alike. The numbers are what is reached now; they may only get better.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { corpus } from "./corpus.testing.ts";
import { findSqlInjection } from "./sql.ts";
import { findCrossSiteScripting } from "./xss.ts";

const share = (texts: readonly string[], holds: (text: string) => boolean): number =>
  texts.filter(holds).length / texts.length;

/** Upper and lower case by turns, from the second letter on. */
const mixedCase = (text: string): string =>
  text.replace(/[a-z]/gi, (letter, at: number) => (at % 2 ? letter.toUpperCase() : letter.toLowerCase()));

describe("SQL injection", () => {
  const attacks = corpus("sql-attacks");
  const benign = corpus("sql-benign");
  const rows = [
    { sensitivity: "LOW", found: 0.98, spared: 1 },
    { sensitivity: "HIGH", found: 1, spared: 0.996 },
  ] as const;
  for (const { sensitivity, found, spared } of rows) {
    const finds = (text: string): boolean => findSqlInjection(text, sensitivity) !== undefined;
    test(`${sensitivity}: attacks found`, () => {
      const reached = share(attacks, finds);
      assert.ok(reached >= found, `${reached}: ${attacks.filter((text) => !finds(text)).join("\n")}`);
    });
    test(`${sensitivity}: harmless texts spared`, () => {
      const reached = share(benign, (text) => !finds(text));
      assert.ok(reached >= spared, `${reached}: ${benign.filter(finds).join("\n")}`);
    });
    const variations: [string, (text: string) => string][] = [
      ["mixed case", mixedCase],
      ["tabs", (text) => text.replaceAll(" ", "\t")],
      ["newlines", (text) => text.replaceAll(" ", "\n")],
      ["comments for spaces", (text) => text.replace(/(\w) (?=\w)/g, "$1/**/")],
      ["a value before", (text) => `shoes ${text}`],
    ];
    for (const [name, vary] of variations) {
      test(`${sensitivity}: attacks found with ${name}`, () => {
        const varied = attacks.map(vary);
        const reached = share(varied, finds);
        assert.ok(reached >= 0.93, `${reached}: ${varied.filter((text) => !finds(text)).join("\n")}`);
      });
    }
  }

  test("what LOW finds, HIGH finds", () => {
    for (const text of [...attacks, ...benign]) {
      if (findSqlInjection(text, "LOW")) assert.ok(findSqlInjection(text, "HIGH"), text);
    }
  });

  test("the pieces that betray it are those of the text", () => {
    assert.deepEqual(findSqlInjection("10 AND 1=1", "HIGH"), ["10", "AND", "1", "=", "1"]);
  });
});

describe("cross-site scripting", () => {
  const attacks = corpus("xss-attacks");
  const benign = corpus("xss-benign");
  const finds = (text: string): boolean => findCrossSiteScripting(text) !== undefined;

  test("attacks found", () => {
    assert.deepEqual(
      attacks.filter((text) => !finds(text)),
      [],
    );
  });
  test("harmless texts spared", () => {
    assert.deepEqual(benign.filter(finds), []);
  });
  test("those harmless to SQL are harmless here, but for program text", () => {
    const reached = share(corpus("sql-benign"), (text) => !finds(text));
    assert.equal(reached, 1, corpus("sql-benign").filter(finds).join("\n"));
  });
  const variations: [string, (text: string) => string][] = [
    ["mixed case", (text) => text.replace(/<[^>]*>|on[a-z]+=|javascript:/gi, mixedCase)],
    ["newlines in tags", (text) => text.replace(/<(\w+) /g, "<$1\n")],
    [
      "text before",
      (text) => (/^["'\\`;]|^(?:java|vb|data|x on|alert|prompt|eval)/i.test(text) ? text : `hello ${text}`),
    ],
    ["NUL in the tag", (text) => text.replace(/<script/gi, "<scr\0ipt")],
  ];
  for (const [name, vary] of variations) {
    test(`attacks found with ${name}`, () => {
      const varied = attacks.map(vary);
      const reached = share(varied, finds);
      assert.ok(reached >= 0.96, `${reached}: ${varied.filter((text) => !finds(text)).join("\n")}`);
    });
  }
});

describe("any text", () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        "'",
        '"',
        "(",
        ")",
        "--",
        "/*",
        "*/",
        "#",
        ";",
        "=",
        ",",
        " ",
        "<",
        ">",
        "/",
        "\\",
        "`",
        "{{",
        "${",
        "&#",
        "0x",
        "@@",
        "on",
      ),
      fc.constantFrom(
        "union",
        "select",
        "or",
        "and",
        "from",
        "1",
        "x",
        "script",
        "onload=",
        "javascript:",
        "alert(1)",
        "case",
        "when",
        "then",
      ),
      fc.string({ unit: "binary", maxLength: 5 }).map((text) => Buffer.from(text).toString("latin1")),
    ),
    { maxLength: 60 },
  );
  test("nothing throws", () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join("");
        findSqlInjection(text, "LOW");
        findSqlInjection(text, "HIGH");
        findCrossSiteScripting(text);
      }),
      { numRuns: 2_000 },
    );
  });

  const long: [string, string][] = [
    ["quotes", "'"],
    ["parentheses", "("],
    ["selects", "select "],
    ["or", " or 1"],
    ["commas", "select a,"],
    ["tags", "<a "],
    ["less-than", "<"],
    ["attributes", "<x a="],
    ["breakouts", '" x='],
    ["templates", "{{"],
    ["comments", "/*"],
    ["backslashes", "\\'"],
    ["spaces", " "],
    ["events", " onload="],
    ["case", "case when 1"],
    ["digits", "1"],
    ["script", "'+"],
  ];
  for (const [name, unit] of long) {
    test(`64 KB of ${name} take no more than their length allows`, () => {
      const text = unit.repeat(Math.ceil(65_536 / unit.length));
      const short = text.slice(0, 8_192);
      const time = (each: string): number => {
        const start = performance.now();
        findSqlInjection(each, "HIGH");
        findCrossSiteScripting(each);
        return performance.now() - start;
      };
      time(short);
      const few = Math.max(time(short), 1);
      const many = time(text);
      // Eight times the text: a quadratic reader would take 64 times as long.
      assert.ok(many < few * 40 + 200, `${few} ms for 8 KB, ${many} ms for 64 KB`);
    });
  }
});
