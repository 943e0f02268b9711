/** Each kind of statement and each part of a request: what matches, and what nearly does. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FieldToMatch, IpSetDocument, Statement } from "./model.ts";
import { account, blocks, byteStatement, type RequestParts, transformed } from "./testing.ts";

interface Case {
  name: string;
  statement: Statement;
  matches: readonly RequestParts[];
  not: readonly RequestParts[];
}

const header = (name: string, value: string): readonly (readonly [string, string])[] => [
  ["Host", "app.example.com"],
  [name, value],
];

const size = (
  field: FieldToMatch,
  ComparisonOperator: "EQ" | "NE" | "LE" | "LT" | "GE" | "GT",
  Size: number,
): Statement => ({
  SizeConstraintStatement: { FieldToMatch: field, ComparisonOperator, Size, TextTransformations: transformed("NONE") },
});

const regex = (RegexString: string, field: FieldToMatch = { UriPath: {} }): Statement => ({
  RegexMatchStatement: { RegexString, FieldToMatch: field, TextTransformations: transformed("NONE") },
});

const json = (more: Partial<NonNullable<FieldToMatch["JsonBody"]>>, paths?: string[]): FieldToMatch => ({
  JsonBody: { MatchPattern: paths ? { IncludedPaths: paths } : { All: {} }, MatchScope: "VALUE", ...more },
});

const allHeaders = (
  MatchScope: "ALL" | "KEY" | "VALUE",
  handling: "CONTINUE" | "MATCH" | "NO_MATCH" = "CONTINUE",
): FieldToMatch => ({
  Headers: { MatchPattern: { All: {} }, MatchScope, OversizeHandling: handling },
});

const cases: readonly Case[] = [
  {
    name: "EXACTLY",
    statement: byteStatement("/admin", { UriPath: {} }, "EXACTLY"),
    matches: [{ target: "/admin" }, { target: "/admin?x=1" }],
    not: [{ target: "/admin/" }, { target: "/Admin" }],
  },
  {
    name: "STARTS_WITH",
    statement: byteStatement("/admin", { UriPath: {} }, "STARTS_WITH", "LOWERCASE"),
    matches: [{ target: "/Admin/x" }],
    not: [{ target: "/x/admin" }],
  },
  {
    name: "ENDS_WITH",
    statement: byteStatement(".php", { UriPath: {} }, "ENDS_WITH"),
    matches: [{ target: "/a.php" }],
    not: [{ target: "/a.php/b" }],
  },
  {
    name: "CONTAINS_WORD",
    statement: byteStatement("drop", { QueryString: {} }, "CONTAINS_WORD"),
    matches: [{ target: "/?q=drop" }, { target: "/?dropper-drop" }],
    not: [{ target: "/?q=drops" }, { target: "/?q=_drop" }],
  },
  {
    name: "bytes beyond ASCII",
    statement: byteStatement("지킴이", { QueryString: {} }, "CONTAINS", "URL_DECODE"),
    matches: [{ target: `/?q=${encodeURIComponent("지킴이")}` }],
    not: [{ target: `/?q=${encodeURIComponent("지킴")}` }],
  },
  {
    name: "a single header, by any case of its name",
    statement: byteStatement("bad", { SingleHeader: { Name: "X-Test" } }),
    matches: [{ headers: header("x-TEST", "a bad one") }],
    not: [{ headers: header("x-test2", "bad") }, {}],
  },
  {
    name: "each of several headers of one name",
    statement: byteStatement("b", { SingleHeader: { Name: "x-test" } }, "EXACTLY"),
    matches: [
      {
        headers: [
          ["X-Test", "a"],
          ["X-Test", "b"],
        ],
      },
    ],
    not: [
      {
        headers: [
          ["X-Test", "a"],
          ["X-Test", "ab"],
        ],
      },
    ],
  },
  {
    name: "all headers, names",
    statement: byteStatement("x-evil", allHeaders("KEY"), "EXACTLY", "LOWERCASE"),
    matches: [{ headers: header("X-Evil", "1") }],
    not: [{ headers: header("X-Good", "x-evil") }],
  },
  {
    name: "all headers but one",
    statement: byteStatement("bad", {
      Headers: { MatchPattern: { ExcludedHeaders: ["X-Skip"] }, MatchScope: "VALUE", OversizeHandling: "CONTINUE" },
    }),
    matches: [{ headers: header("X-Other", "bad") }],
    not: [{ headers: header("x-skip", "bad") }],
  },
  {
    name: "too many headers match",
    statement: byteStatement("nothing", allHeaders("VALUE", "MATCH")),
    matches: [
      { headers: Array.from({ length: 201 }, (_, i) => [`x-${i}`, "1"] as const) },
      { headers: header("x", "y".repeat(9_000)) },
    ],
    not: [{ headers: Array.from({ length: 199 }, (_, i) => [`x-${i}`, "1"] as const) }],
  },
  {
    name: "beyond 8 KB of headers nothing is seen",
    statement: byteStatement("bad", allHeaders("VALUE")),
    matches: [
      {
        headers: [
          ["x", "y".repeat(8_000)],
          ["z", "bad"],
        ],
      },
    ],
    not: [
      {
        headers: [
          ["x", "y".repeat(8_192)],
          ["z", "bad"],
        ],
      },
    ],
  },
  {
    name: "a cookie",
    statement: byteStatement(
      "42",
      { Cookies: { MatchPattern: { IncludedCookies: ["id"] }, MatchScope: "VALUE", OversizeHandling: "CONTINUE" } },
      "EXACTLY",
    ),
    matches: [{ headers: header("Cookie", "a=1; id=42") }],
    not: [{ headers: header("Cookie", "a=42; ID=42") }],
  },
  {
    name: "header order",
    statement: byteStatement("host:user-agent:accept", { HeaderOrder: { OversizeHandling: "CONTINUE" } }, "EXACTLY"),
    matches: [
      {
        headers: [
          ["Host", "a"],
          ["User-Agent", "b"],
          ["Accept", "c"],
        ],
      },
    ],
    not: [
      {
        headers: [
          ["Host", "a"],
          ["Accept", "c"],
          ["User-Agent", "b"],
        ],
      },
    ],
  },
  {
    name: "one query argument",
    statement: byteStatement("x", { SingleQueryArgument: { Name: "Name" } }, "EXACTLY"),
    matches: [{ target: "/?a=1&name=x" }, { target: "/?NAME=x" }],
    not: [{ target: "/?a=x" }, { target: "/?name=xx" }],
  },
  {
    name: "all query arguments",
    statement: byteStatement("x", { AllQueryArguments: {} }, "EXACTLY"),
    matches: [{ target: "/?a=1&b=x" }],
    not: [{ target: "/?x=1" }],
  },
  {
    name: "pre-parse transformation",
    statement: {
      ByteMatchStatement: {
        SearchString: Buffer.from("x").toString("base64"),
        FieldToMatch: { SingleQueryArgument: { Name: "b" } },
        TextTransformations: transformed("NONE"),
        PreParseTextTransformations: [{ Priority: 0, Type: "REPLACE_SEMICOLONS_WITH_AMPERSANDS" }],
        PositionalConstraint: "EXACTLY",
      },
    },
    matches: [{ target: "/?a=1;b=x" }],
    not: [{ target: "/?a=1;c=x" }],
  },
  {
    name: "method",
    statement: byteStatement("DELETE", { Method: {} }, "EXACTLY"),
    matches: [{ method: "DELETE" }],
    not: [{ method: "GET" }],
  },
  {
    name: "body",
    statement: byteStatement("evil", { Body: { OversizeHandling: "CONTINUE" } }),
    matches: [{ body: "some evil text" }],
    not: [{ body: "good" }, {}],
  },
  {
    name: "body that is too large",
    statement: byteStatement("evil", { Body: { OversizeHandling: "MATCH" } }),
    matches: [{ body: "good", truncated: true }],
    not: [{ body: "good" }],
  },
  {
    name: "body that is too large does not match",
    statement: byteStatement("evil", { Body: { OversizeHandling: "NO_MATCH" } }),
    matches: [{ body: "evil" }],
    not: [{ body: "evil", truncated: true }],
  },
  {
    name: "JSON values",
    statement: byteStatement("evil", json({}), "EXACTLY"),
    matches: [{ body: '{"a":[1,{"b":"ev\\u0069l"}]}' }, { body: '"evil"' }],
    not: [{ body: '{"evil":1}' }, { body: '{"a":"evil one"}' }],
  },
  {
    name: "JSON keys",
    statement: byteStatement("evil", json({ MatchScope: "KEY" }), "EXACTLY"),
    matches: [{ body: '{"a":{"evil":1}}' }],
    not: [{ body: '{"a":"evil"}' }],
  },
  {
    name: "JSON at a path",
    statement: byteStatement("evil", json({}, ["/dogs/1/name"]), "EXACTLY"),
    matches: [{ body: '{"dogs":[{"name":"evil"},{"name":"evil"}]}' }],
    not: [{ body: '{"dogs":[{"name":"evil"},{"name":"good"}]}' }, { body: '{"dogs":[{},{"names":"evil"}]}' }],
  },
  {
    name: "invalid JSON as text",
    statement: byteStatement("evil", json({ InvalidFallbackBehavior: "EVALUATE_AS_STRING" })),
    matches: [{ body: "a=evil" }],
    not: [{ body: "a=good" }],
  },
  {
    name: "invalid JSON matches",
    statement: byteStatement("evil", json({ InvalidFallbackBehavior: "MATCH" })),
    matches: [{ body: '{"a" 1}' }],
    not: [{ body: '{"a":1}' }, { body: '{"a":1', truncated: true }],
  },
  {
    name: "invalid JSON is read up to the mistake",
    statement: byteStatement("evil", json({})),
    matches: [{ body: '{"a":"evil",}' }],
    not: [{ body: '{"b":1,,"a":"evil"}' }],
  },
  {
    name: "URI fragment with a fallback",
    statement: byteStatement("x", { UriFragment: { FallbackBehavior: "MATCH" } }, "EXACTLY"),
    matches: [{ target: "/a#x" }, { target: "/a" }],
    not: [{ target: "/a#y" }],
  },
  {
    name: "no fingerprint, so the fallback",
    statement: byteStatement("x", { JA3Fingerprint: { FallbackBehavior: "NO_MATCH" } }, "EXACTLY"),
    matches: [],
    not: [{}],
  },
  {
    name: "size GT",
    statement: size({ QueryString: {} }, "GT", 3),
    matches: [{ target: "/?abcd" }],
    not: [{ target: "/?abc" }],
  },
  {
    name: "size EQ 0",
    statement: size({ QueryString: {} }, "EQ", 0),
    matches: [{ target: "/" }],
    not: [{ target: "/?a" }],
  },
  { name: "size of what is absent", statement: size({ SingleHeader: { Name: "x" } }, "LT", 9), matches: [], not: [{}] },
  {
    name: "size after transformations",
    statement: {
      SizeConstraintStatement: {
        FieldToMatch: { QueryString: {} },
        ComparisonOperator: "EQ",
        Size: 1,
        TextTransformations: transformed("URL_DECODE"),
      },
    },
    matches: [{ target: "/?%41" }],
    not: [{ target: "/?abc" }],
  },
  {
    name: "regex",
    statement: regex("^/a[0-9]+$"),
    matches: [{ target: "/a12" }],
    not: [{ target: "/a" }, { target: "/A1" }],
  },
  {
    name: "regex without case",
    statement: regex("(?i)UNION\\s+select"),
    matches: [{ target: "/union  SELECT" }],
    not: [{ target: "/unionselect" }],
  },
  {
    name: "and",
    statement: { AndStatement: { Statements: [byteStatement("a"), byteStatement("b")] } },
    matches: [{ target: "/ab" }],
    not: [{ target: "/a" }],
  },
  {
    name: "or",
    statement: { OrStatement: { Statements: [byteStatement("a"), byteStatement("b")] } },
    matches: [{ target: "/b" }],
    not: [{ target: "/c" }],
  },
  {
    name: "not",
    statement: { NotStatement: { Statement: byteStatement("a") } },
    matches: [{ target: "/b" }],
    not: [{ target: "/a" }],
  },
  {
    name: "SQL injection",
    statement: {
      SqliMatchStatement: { FieldToMatch: { AllQueryArguments: {} }, TextTransformations: transformed("URL_DECODE") },
    },
    matches: [{ target: "/?id=%27%20OR%201%3D1--" }],
    not: [{ target: "/?name=O%27Brien" }],
  },
  {
    name: "cross-site scripting",
    statement: {
      XssMatchStatement: { FieldToMatch: { QueryString: {} }, TextTransformations: transformed("URL_DECODE") },
    },
    matches: [{ target: "/?q=%3Cscript%3Ealert(1)%3C/script%3E" }],
    not: [{ target: "/?q=a%3Cb" }],
  },
];

describe("statements", () => {
  for (const { name, statement, matches, not } of cases) {
    test(name, () => {
      for (const parts of matches)
        assert.equal(blocks(statement, parts), true, `should match ${JSON.stringify(parts).slice(0, 200)}`);
      for (const parts of not)
        assert.equal(blocks(statement, parts), false, `should not match ${JSON.stringify(parts).slice(0, 200)}`);
    });
  }
});

const setArn = `arn:aws:wafv2:us-east-1:${account}:regional/ipset/bad/1`;
const ipSets = (addresses: string[], version: "IPV4" | "IPV6" = "IPV4"): Map<string, IpSetDocument> =>
  new Map([
    [
      setArn,
      {
        id: "1",
        arn: setArn,
        name: "bad",
        scope: "REGIONAL" as const,
        account,
        region: "us-east-1",
        lockToken: "1",
        version,
        addresses,
      },
    ],
  ]);

describe("IP sets", () => {
  const rows: readonly [string[], string, boolean][] = [
    [["192.0.2.44/32"], "192.0.2.44", true],
    [["192.0.2.44/32"], "192.0.2.45", false],
    [["10.0.0.0/8", "192.0.2.0/24"], "10.255.255.255", true],
    [["10.0.0.0/8", "192.0.2.0/24"], "11.0.0.0", false],
    [["10.0.0.0/9", "10.128.0.0/9"], "10.200.0.1", true],
    [["2001:db8::/32"], "2001:db8:1::5", true],
    [["2001:db8::/32"], "2001:db9::5", false],
    [["2001:db8::/32"], "192.0.2.1", false],
    [["255.255.255.255/32", "0.0.0.0/32"], "255.255.255.255", true],
    [[], "192.0.2.1", false],
  ];
  for (const [addresses, from, expected] of rows) {
    test(`${from} in ${addresses.join()}: ${expected}`, () => {
      const statement = { IPSetReferenceStatement: { ARN: setArn } };
      assert.equal(blocks(statement, { from }, { ipSets: ipSets(addresses) }), expected);
    });
  }

  const forwarded = (Position: "FIRST" | "LAST" | "ANY", FallbackBehavior: "MATCH" | "NO_MATCH"): Statement => ({
    IPSetReferenceStatement: {
      ARN: setArn,
      IPSetForwardedIPConfig: { HeaderName: "X-Forwarded-For", FallbackBehavior, Position },
    },
  });
  const chain = "198.51.100.1, 192.0.2.44:5000, 198.51.100.9";
  const table: readonly [Statement, string | undefined, boolean][] = [
    [forwarded("FIRST", "NO_MATCH"), "192.0.2.44, 1.1.1.1", true],
    [forwarded("FIRST", "NO_MATCH"), chain, false],
    [forwarded("LAST", "NO_MATCH"), "1.1.1.1,192.0.2.44", true],
    [forwarded("ANY", "NO_MATCH"), chain, true],
    [forwarded("ANY", "NO_MATCH"), `192.0.2.44${", 1.1.1.1".repeat(10)}`, false],
    [forwarded("FIRST", "MATCH"), "unknown", true],
    [forwarded("FIRST", "NO_MATCH"), "unknown", false],
    [forwarded("FIRST", "MATCH"), undefined, false],
  ];
  for (const [statement, value, expected] of table) {
    test(`${statement.IPSetReferenceStatement!.IPSetForwardedIPConfig!.Position} of ${value?.slice(0, 40)}: ${expected}`, () => {
      const parts = value === undefined ? {} : { headers: header("x-forwarded-for", value) };
      assert.equal(blocks(statement, parts, { ipSets: ipSets(["192.0.2.0/24"]) }), expected);
    });
  }
});
