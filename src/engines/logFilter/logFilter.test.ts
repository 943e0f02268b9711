/** AWS's documented examples, one row each. Source: CloudWatch Logs User Guide, "Filter pattern syntax". */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileFilter } from "./filter.ts";

const trail = JSON.stringify({
  eventType: "UpdateTrail",
  sourceIPAddress: "111.111.111.111",
  arrayKey: ["value", "another value"],
  objectList: [
    { name: "a", id: 1 },
    { name: "b", id: 2 },
  ],
  SomeObject: null,
  cluster: { name: "c" },
  bandwidth: 75,
  active: true,
  "a.b": 1,
});
const request = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534';

const rows: [pattern: string, message: string, matches: boolean][] = [
  ["", "anything", true],
  ["ERROR", "[ERROR 400] BAD REQUEST", true],
  ["ERROR", "[Error 400] bad request", false],
  ["AUTHORIZED", "[ERROR 401] UNAUTHORIZED REQUEST", false],
  ["%AUTHORIZED%", "[ERROR 401] UNAUTHORIZED REQUEST", true],
  ["%AUTHORIZED%", "[SUCCESS 200] AUTHORIZED REQUEST", true],
  ["ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true],
  ["ERROR ARGUMENTS", "[ERROR 401] UNAUTHORIZED REQUEST", false],
  ["?ERROR ?ARGUMENTS", "[ERROR 401] UNAUTHORIZED REQUEST", true],
  ["?ERROR ?ARGUMENTS", "[INFO] nothing", false],
  ["ERROR -ARGUMENTS", "[ERROR 401] UNAUTHORIZED REQUEST", true],
  ["ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", false],
  ['"INTERNAL SERVER ERROR"', "[ERROR 500] INTERNAL SERVER ERROR", true],
  ['"INTERNAL SERVER ERROR"', "[ERROR 500] INTERNAL ERROR", false],
  ["%^[hc]at%", "hat stand", true],
  ["%^[hc]at%", "a hat", false],
  ["%[hc]at$%", "a hat", true],
  ["%colou?r%", "color", true],
  ["%a{3,5}%", "xaaax", true],
  ["%a{3,5}%", "xaax", false],
  ["%\\d{1,3}\\.\\d{1,3}%", "10.0", true],
  ["%[Ee]rror|[Ff]ail%", "it failed", true],
  ["%\\x41%", "A", true],
  ["%x+y*z%", "xxz", true],
  ["[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", request, true],
  ["[ip, user, username, timestamp, request =*.php*, status_code = 4*, bytes]", request, false],
  ["[..., status_code = 404, bytes]", request, true],
  ["[..., bytes > 2000]", request, false],
  ["[ip=%127\\.0\\.0\\.[1-9]%, ..., bytes >= 1534]", request, true],
  ["[ip, user]", request, false],
  ["[..., status_code = 500 || status_code = 404, bytes]", request, true],
  ["[w1=ERROR, w2]", "ERROR here", true],
  ['{ $.eventType = "UpdateTrail" }', trail, true],
  ["{ $.eventType = UpdateTrail }", trail, true],
  ["{ $.sourceIPAddress != 123.123.* }", trail, true],
  ['{ $.sourceIPAddress = "111.*" }', trail, true],
  ["{ $.sourceIPAddress = %111\\.111\\..*% }", trail, true],
  ['{ $.arrayKey[0] = "value" }', trail, true],
  ["{ $.objectList[1].id = 2 }", trail, true],
  ['{ $.objectList[*].name = "b" }', trail, true],
  ["{ $.SomeObject IS NULL }", trail, true],
  ["{ $.SomeOtherObject NOT EXISTS }", trail, true],
  ["{ $.SomeObject NOT EXISTS }", trail, false],
  ["{ $.active IS TRUE }", trail, true],
  ["{ $.active IS FALSE }", trail, false],
  ["{ $.bandwidth > 75 }", trail, false],
  ["{ $.bandwidth >= 75 }", trail, true],
  ["{ $.bandwidth = 7.5e1 }", trail, true],
  ['{ $.bandwidth = "75" }', trail, false],
  ['{ ($.eventType = "X" || $.bandwidth = 75) && $.cluster.name = "c" }', trail, true],
  ['{ $.eventType = "X" || $.bandwidth = 75 && $.cluster.name = "d" }', trail, false],
  ["{ $.['a.b'] = 1 }", trail, true],
  ["{ $.eventType = * }", "not json", false],
];

describe("filter patterns", () => {
  for (const [pattern, message, matches] of rows) {
    test(`${pattern || "(empty)"} ${matches ? "matches" : "does not match"} ${message.slice(0, 30)}`, () => {
      assert.equal(compileFilter(pattern).matches(message), matches);
    });
  }

  const invalid = [
    "{ $.a }",
    "{ a = 1 }",
    "{ $.a = }",
    "{ $.a = 1 && }",
    "{ ($.a = 1 }",
    "{}",
    "[a, ..., b, ...]",
    "[a = ]",
    "[1]",
    "[ip, status_code = 4* && bytes > 1000]",
    "%something!%",
    "%two words%",
    "%(a)%",
    "%a",
    "%[b-a]%",
    "a.b",
    '"open',
    "{ $.*.* = 1 }",
    "{ $.a > b }",
    "{ $.a = %a% && $.b = %b% && $.c = %c% }",
    `{ ${"(".repeat(200)}$.a = 1${")".repeat(200)} }`,
  ];
  for (const pattern of invalid) {
    test(`${pattern.slice(0, 40)} is refused`, () => {
      assert.throws(() => compileFilter(pattern), { name: "InvalidFilterPattern" });
    });
  }

  test("values for metrics: selectors and fields", () => {
    assert.equal(compileFilter("{ $.bandwidth > 1 }").value(trail, "$.bandwidth"), "75");
    assert.equal(compileFilter("[..., bytes]").value(request, "$bytes"), "1534");
    assert.deepEqual(compileFilter('{ $.eventType = "Up*" }').extract(trail), { "$.eventType": "UpdateTrail" });
  });

  test("a regex made to explode takes no more time than its length allows", () => {
    const filter = compileFilter(`%${".*".repeat(30)}x$%`);
    const started = performance.now();
    assert.equal(filter.matches("a".repeat(20_000)), false);
    assert.ok(performance.now() - started < 2_000);
  });
});
