/** Conditions of routing rules, as documented. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileCondition, type RoutedRequest } from "./conditions.ts";
import type { RoutingCondition } from "./config.ts";
import { regularExpression, wildcard } from "./patterns.ts";

const request: RoutedRequest = {
  method: "GET",
  host: "shop.example.com",
  path: "/Images/a.png",
  query: "version=v1&Key=Value&flag&x=",
  rawHeaders: ["User-Agent", "Mozilla Firefox", "X-Twice", "one", "x-twice", "two"],
  clientAddress: "192.0.2.7",
};

const cases: readonly (readonly [RoutingCondition, boolean])[] = [
  [{ field: "host-header", values: ["SHOP.example.com"] }, true],
  [{ field: "host-header", values: ["*.example.com"] }, true],
  [{ field: "host-header", values: ["example.com"] }, false],
  [{ field: "host-header", values: ["????.example.com"] }, true],
  [{ field: "host-header", values: ["*.example.org", "shop.*"] }, true],
  [{ field: "host-header", values: [], regexValues: ["^sh.p\\.EXAMPLE\\.com$"] }, true],
  [{ field: "path-pattern", values: ["/Images/*"] }, true],
  [{ field: "path-pattern", values: ["/images/*"] }, false],
  [{ field: "path-pattern", values: ["/Images/?.png"] }, true],
  [{ field: "path-pattern", values: ["/Images"] }, false],
  [{ field: "path-pattern", values: [], regexValues: ["^/images/"] }, false],
  [{ field: "path-pattern", values: [], regexValues: ["^/Images/[a-z]\\.png$"] }, true],
  [{ field: "http-header", name: "user-agent", values: ["*firefox*"] }, true],
  [{ field: "http-header", name: "USER-AGENT", values: ["*chrome*"] }, false],
  [{ field: "http-header", name: "X-Twice", values: ["two"] }, true],
  [{ field: "http-header", name: "X-Absent", values: ["*"] }, false],
  [{ field: "query-string", values: [{ key: "version", value: "v1" }] }, true],
  [{ field: "query-string", values: [{ key: "version", value: "v2" }] }, false],
  [{ field: "query-string", values: [{ key: "key", value: "value" }] }, true],
  [{ field: "query-string", values: [{ value: "v?" }] }, true],
  [{ field: "query-string", values: [{ key: "flag", value: "*" }] }, true],
  [{ field: "query-string", values: [{ key: "x", value: "?" }] }, false],
  [{ field: "http-request-method", values: ["POST", "GET"] }, true],
  [{ field: "http-request-method", values: ["get"] }, false],
  [{ field: "source-ip", values: ["192.0.2.0/24"] }, true],
  [{ field: "source-ip", values: ["198.51.100.0/24", "2001:db8::/32"] }, false],
];

for (const [condition, expected] of cases) {
  test(`${JSON.stringify(condition)}: ${expected}`, () => assert.equal(compileCondition(condition)(request), expected));
}

test("an IPv6 client and an IPv6 network", () => {
  const holds = compileCondition({ field: "source-ip", values: ["2001:db8::/32"] });
  assert.ok(holds({ ...request, clientAddress: "2001:db8::1" }));
  assert.ok(!holds({ ...request, clientAddress: "2001:db9::1" }));
});

test("wildcards mean what the expression of the same meaning means", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "A", "*", "?", "."), maxLength: 12 });
  fc.assert(
    fc.property(text, text, fc.boolean(), (pattern, subject, caseSensitive) => {
      const source = pattern.replace(/[.]/g, "\\.").replaceAll("*", "[^]*").replaceAll("?", "[^]");
      const expected = new RegExp(`^${source}$`, caseSensitive ? "" : "i").test(subject);
      assert.equal(wildcard(pattern, caseSensitive)(subject), expected);
    }),
  );
});

test("a pattern of many stars takes no time", () => {
  const started = performance.now();
  assert.equal(wildcard(`${"*a".repeat(60)}b`, true)("a".repeat(10_000)), false);
  assert.ok(performance.now() - started < 500);
});

test("expressions with look-around or back-references are not served", () => {
  for (const source of ["(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(a)\\1", "(?<n>a)\\k<n>", "("]) {
    assert.equal(regularExpression(source, true), undefined, source);
  }
});
