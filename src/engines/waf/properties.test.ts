/** Over random web ACLs and requests: nothing throws, time is bounded, and the prefilter changes no verdict. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TextTransformationType } from "@aws-sdk/client-wafv2";
import fc from "fast-check";
import { compile } from "./compile.ts";
import type { FieldToMatch, Rule, Statement } from "./model.ts";
import { byteStatement, facilities, request, type RequestParts, rule, source, transformed } from "./testing.ts";
import { transforms } from "./transforms/transforms.ts";

const words = [
  "a",
  "b",
  "ab",
  "ba",
  "abc",
  "union",
  "select",
  "<",
  "script",
  "%",
  "27",
  "=",
  "1",
  "or",
  "//",
  "..",
  "\0",
  "\xff",
  "'",
  "--",
];
const text = fc.array(fc.constantFrom(...words, " ", "&", ";", "/"), { maxLength: 20 }).map((parts) => parts.join(""));
const names = Object.keys(transforms) as TextTransformationType[];
const chain = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 });

const field: fc.Arbitrary<FieldToMatch> = fc.constantFrom<FieldToMatch>(
  { UriPath: {} },
  { QueryString: {} },
  { AllQueryArguments: {} },
  { SingleQueryArgument: { Name: "a" } },
  { SingleHeader: { Name: "x-a" } },
  { Headers: { MatchPattern: { All: {} }, MatchScope: "ALL", OversizeHandling: "CONTINUE" } },
  { Cookies: { MatchPattern: { All: {} }, MatchScope: "VALUE", OversizeHandling: "MATCH" } },
  { HeaderOrder: { OversizeHandling: "NO_MATCH" } },
  { Body: {} },
  { JsonBody: { MatchPattern: { All: {} }, MatchScope: "ALL", InvalidFallbackBehavior: "EVALUATE_AS_STRING" } },
  { Method: {} },
  { UriFragment: { FallbackBehavior: "NO_MATCH" } },
);

const leaf: fc.Arbitrary<Statement> = fc.oneof(
  fc
    .tuple(
      field,
      text.filter((each) => each !== ""),
      chain,
      fc.constantFrom("EXACTLY", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "CONTAINS_WORD"),
    )
    .map(([where, wanted, types, constraint]): Statement =>
      byteStatement(wanted, where, constraint as "CONTAINS", ...types),
    ),
  fc
    .tuple(field, fc.constantFrom("ab+c", "(?i)UNION.*select", "^/a", "script|27", "[0-9]{2}", "b$"), chain)
    .map(([where, RegexString, types]): Statement => ({
      RegexMatchStatement: { RegexString, FieldToMatch: where, TextTransformations: transformed(...types) },
    })),
  fc.tuple(field, chain).map(([where, types]): Statement => ({
    SqliMatchStatement: { FieldToMatch: where, TextTransformations: transformed(...types) },
  })),
  fc.tuple(field, chain).map(([where, types]): Statement => ({
    XssMatchStatement: { FieldToMatch: where, TextTransformations: transformed(...types) },
  })),
  fc.tuple(field, fc.nat({ max: 30 }), chain).map(([where, Size, types]): Statement => ({
    SizeConstraintStatement: {
      FieldToMatch: where,
      ComparisonOperator: "GT",
      Size,
      TextTransformations: transformed(...types),
    },
  })),
);
const statement: fc.Arbitrary<Statement> = fc.oneof(
  { weight: 4, arbitrary: leaf },
  {
    weight: 1,
    arbitrary: fc
      .array(leaf, { minLength: 2, maxLength: 3 })
      .map((Statements): Statement => ({ AndStatement: { Statements } })),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(leaf, { minLength: 2, maxLength: 3 })
      .map((Statements): Statement => ({ OrStatement: { Statements } })),
  },
  { weight: 1, arbitrary: leaf.map((each): Statement => ({ NotStatement: { Statement: each } })) },
);
const rules: fc.Arbitrary<Rule[]> = fc
  .array(fc.tuple(statement, fc.constantFrom("Block", "Allow", "Count")), { minLength: 1, maxLength: 25 })
  .map((rows) => rows.map(([each, action], i) => rule(`r${i}`, i, each, { [action]: {} }, [`l${i}`])));
const parts: fc.Arbitrary<RequestParts> = fc.record({
  method: fc.constantFrom("GET", "POST", "ab"),
  target: text.map((each) => `/${each}`).chain((each) => text.map((query) => `${each}?a=${query}#${query}`)),
  headers: fc.array(fc.tuple(fc.constantFrom("X-A", "Cookie", "Host", "x-b"), text), { maxLength: 6 }),
  body: fc.oneof(
    text,
    text.map((each) => JSON.stringify({ a: each, b: [each, { [each]: 1 }] })),
  ),
  truncated: fc.boolean(),
});

describe("any web ACL and any request", () => {
  test("the prefilter changes no verdict", () => {
    fc.assert(
      fc.property(rules, fc.array(parts, { minLength: 1, maxLength: 3 }), (given, sent) => {
        const [fast, naive] = [compile(source(given)), compile(source(given), { prefilter: false })];
        for (const each of sent) {
          const [a, b] = [fast.inspect(request(each), facilities()), naive.inspect(request(each), facilities())];
          assert.equal(a.failed, undefined);
          assert.deepEqual(a, b);
        }
      }),
      { numRuns: 400 },
    );
  });

  test("a chain of transformations is the same as one after another", () => {
    fc.assert(
      fc.property(chain, text, (types, query) => {
        const expected = types.reduce((value, type) => transforms[type](value), query);
        const size: Statement = {
          SizeConstraintStatement: {
            FieldToMatch: { QueryString: {} },
            ComparisonOperator: "EQ",
            Size: expected.length,
            TextTransformations: transformed(...types),
          },
        };
        const exact: Statement = byteStatement("", { QueryString: {} }, "EXACTLY", ...types);
        exact.ByteMatchStatement!.SearchString = Buffer.from(expected, "latin1").toString("base64");
        const program = compile(source([rule("both", 0, { AndStatement: { Statements: [size, exact] } })]));
        assert.equal(program.inspect(request({ target: `/?${query}` }), facilities()).action, "BLOCK");
      }),
      { numRuns: 1_000 },
    );
  });

  test("bytes of any kind never make it throw or take long", () => {
    const all = compile(
      source(
        names.flatMap((type, i) => [
          rule(
            `s${i}`,
            i * 3,
            {
              SqliMatchStatement: {
                FieldToMatch: { Body: {} },
                TextTransformations: transformed(type),
                SensitivityLevel: "HIGH",
              },
            },
            { Count: {} },
          ),
          rule(
            `x${i}`,
            i * 3 + 1,
            {
              XssMatchStatement: {
                FieldToMatch: { JsonBody: { MatchPattern: { All: {} }, MatchScope: "ALL" } },
                TextTransformations: transformed(type),
              },
            },
            { Count: {} },
          ),
          rule(`b${i}`, i * 3 + 2, byteStatement("zz", { AllQueryArguments: {} }, "CONTAINS", type), { Count: {} }),
        ]),
      ),
    );
    const unit = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 12 }),
      fc.constantFrom(...words, "{", "[", '"', "\\", "<a ").map((each) => Buffer.from(each, "latin1")),
    );
    fc.assert(
      fc.property(unit, (bytes) => {
        const body = Buffer.alloc(8_192, bytes);
        const start = performance.now();
        const verdict = all.inspect(
          request({ body, target: `/?a=${body.toString("latin1")}`, truncated: true }),
          facilities(),
        );
        assert.equal(verdict.failed, undefined);
        assert.ok(performance.now() - start < 1_500, `${performance.now() - start} ms`);
      }),
      { numRuns: 40 },
    );
  });
});
