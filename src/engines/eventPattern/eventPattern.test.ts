import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { matches } from "./evaluate.ts";
import { compilePattern, parsePattern, PatternError } from "./pattern.ts";
import { PatternIndex } from "./patternIndex.ts";

/** EventBridge User Guide, "Event pattern syntax": the example event. */
const event = {
  version: "0",
  id: "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
  "detail-type": "EC2 Instance State-change Notification",
  source: "aws.ec2",
  account: "111122223333",
  region: "us-west-1",
  resources: ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
  detail: {
    "instance-id": "i-1234567890abcdef0",
    state: "terminated",
    "source-ip": "10.0.0.17",
    "c-count": 5,
    "d-count": 0,
    responseElements: null,
    flag: true,
    path: "dir/lib/file.png",
    empty: "",
    tags: ["a", "b"],
    nested: { deep: { value: "x" } },
    employees: [
      { name: "Anna", age: 30 },
      { name: "Ben", age: 40 },
    ],
  },
};

const detail = (matcher: object) => ({ detail: matcher });

/** Documented operators: pattern, and whether the event above matches. */
const rows: [name: string, pattern: object, expected: boolean][] = [
  ["a value", { source: ["aws.ec2"] }, true],
  ["a near miss", { source: ["aws.ec"] }, false],
  ["one of several values", { source: ["aws.s3", "aws.ec2"] }, true],
  ["two fields", { source: ["aws.ec2"], detail: { state: ["terminated"] } }, true],
  ["two fields, one wrong", { source: ["aws.ec2"], detail: { state: ["running"] } }, false],
  ["null", detail({ responseElements: [null] }), true],
  ["null is not absent", detail({ nothing: [null] }), false],
  ["true", detail({ flag: [true] }), true],
  ["true is not its text", detail({ flag: ["true"] }), false],
  ["empty text", detail({ empty: [""] }), true],
  ["a number", detail({ "c-count": [5] }), true],
  ["a number is not its text", detail({ "c-count": ["5"] }), false],
  ["a member of an array", detail({ tags: ["b", "z"] }), true],
  ["no member of an array", detail({ tags: ["c"] }), false],
  ["prefix", { region: [{ prefix: "us-" }] }, true],
  ["prefix, wrong", { region: [{ prefix: "eu-" }] }, false],
  ["prefix, other case", { region: [{ prefix: "US-" }] }, false],
  ["prefix without case", { region: [{ prefix: { "equals-ignore-case": "US-" } }] }, true],
  ["suffix", detail({ path: [{ suffix: ".png" }] }), true],
  ["suffix without case", detail({ path: [{ suffix: { "equals-ignore-case": ".PNG" } }] }), true],
  ["suffix, wrong", detail({ path: [{ suffix: ".jpg" }] }), false],
  ["equals-ignore-case", detail({ state: [{ "equals-ignore-case": "TERMINATED" }] }), true],
  ["equals-ignore-case, wrong", detail({ state: [{ "equals-ignore-case": "TERMINATE" }] }), false],
  ["wildcard", detail({ path: [{ wildcard: "dir/*.png" }] }), true],
  ["wildcard twice", detail({ path: [{ wildcard: "*/lib/*" }] }), true],
  ["wildcard, wrong end", detail({ path: [{ wildcard: "dir/*.jpg" }] }), false],
  ["wildcard overlaps nothing twice", detail({ state: [{ wildcard: "terminated*d" }] }), false],
  ["wildcard, escaped star", detail({ path: [{ wildcard: "dir/\\*.png" }] }), false],
  ["numeric equal", detail({ "c-count": [{ numeric: ["=", 5] }] }), true],
  ["numeric range", detail({ "c-count": [{ numeric: [">", 0, "<=", 5] }] }), true],
  ["numeric, open end", detail({ "c-count": [{ numeric: [">", 0, "<", 5] }] }), false],
  ["numeric below", detail({ "d-count": [{ numeric: ["<", 10] }] }), true],
  ["numeric on text", detail({ state: [{ numeric: [">", 0] }] }), false],
  ["cidr", detail({ "source-ip": [{ cidr: "10.0.0.0/24" }] }), true],
  ["cidr, outside", detail({ "source-ip": [{ cidr: "10.0.1.0/24" }] }), false],
  ["cidr, other family", detail({ "source-ip": [{ cidr: "2001:db8::/32" }] }), false],
  ["cidr on no address", detail({ state: [{ cidr: "0.0.0.0/0" }] }), false],
  ["exists", detail({ state: [{ exists: true }] }), true],
  ["exists, absent", detail({ nothing: [{ exists: true }] }), false],
  ["not exists", detail({ nothing: [{ exists: false }] }), true],
  ["not exists, present", detail({ state: [{ exists: false }] }), false],
  ["exists speaks of leaves only", detail({ nested: [{ exists: true }] }), false],
  ["anything-but a value", detail({ state: [{ "anything-but": "initializing" }] }), true],
  ["anything-but the value", detail({ state: [{ "anything-but": "terminated" }] }), false],
  ["anything-but values", detail({ state: [{ "anything-but": ["stopped", "terminated"] }] }), false],
  ["anything-but numbers", detail({ "c-count": [{ "anything-but": [4, 6] }] }), true],
  ["anything-but needs the field", detail({ nothing: [{ "anything-but": "x" }] }), false],
  ["anything-but prefix", { region: [{ "anything-but": { prefix: "us-" } }] }, false],
  ["anything-but prefixes", { region: [{ "anything-but": { prefix: ["eu-", "ap-"] } }] }, true],
  ["anything-but suffix", detail({ path: [{ "anything-but": { suffix: ".png" } }] }), false],
  [
    "anything-but ignoring case",
    detail({ state: [{ "anything-but": { "equals-ignore-case": ["TERMINATED"] } }] }),
    false,
  ],
  ["anything-but wildcard", detail({ path: [{ "anything-but": { wildcard: "*/lib/*" } }] }), false],
  ["or of matchers in a field", detail({ "c-count": [{ numeric: [">", 9] }, 5] }), true],
  [
    "$or, second branch",
    detail({ $or: [{ "c-count": [{ numeric: [">", 9] }] }, { "d-count": [{ numeric: ["<", 1] }] }] }),
    true,
  ],
  ["$or, neither", detail({ $or: [{ "c-count": [9] }, { "d-count": [9] }] }), false],
  ["$or beside a field", { source: ["aws.s3"], $or: [{ account: ["111122223333"] }, { region: ["x"] }] }, false],
  [
    "$or within $or",
    { $or: [{ source: ["no"] }, { region: ["us-west-1"], $or: [{ account: ["no"] }, { version: ["0"] }] }] },
    true,
  ],
  ["a nested field", detail({ nested: { deep: { value: ["x"] } } }), true],
  ["one object of an array", detail({ employees: { name: ["Ben"], age: [40] } }), true],
  ["no single object of an array", detail({ employees: { name: ["Anna"], age: [40] } }), false],
];

describe("the operators", () => {
  for (const [name, pattern, expected] of rows) {
    test(name, () => {
      const compiled = compilePattern(pattern as Record<string, unknown>);
      assert.equal(matches(compiled, event), expected);
      const index = new PatternIndex<string>();
      index.set("rule", compiled);
      assert.deepEqual([...index.match(event)], expected ? ["rule"] : []);
    });
  }
});

/** Patterns that AWS refuses, with its reason. */
const refusals: [pattern: string, reason: RegExp][] = [
  ["{", /not a valid JSON/],
  ["[]", /not an object/],
  ["{}", /Empty objects/],
  ['{"a": "b"}', /"a" must be an object or an array/],
  ['{"a": []}', /Empty arrays/],
  ['{"a": [{"nope": 1}]}', /Unrecognized match type nope/],
  ['{"a": [["b"]]}', /Match value must be String, number, true, false, or null/],
  ['{"a": [{"prefix": 1}]}', /prefix match pattern must be a string/],
  ['{"a": [{"exists": "yes"}]}', /exists match pattern must be either true or false/],
  ['{"a": [{"numeric": 1}]}', /Value of numeric must be an array/],
  ['{"a": [{"numeric": []}]}', /Invalid member in numeric match/],
  ['{"a": [{"numeric": ["<>", 1]}]}', /Unrecognized numeric range operator/],
  ['{"a": [{"numeric": ["<", "1"]}]}', /Value of < must be numeric/],
  ['{"a": [{"numeric": ["<", 1, ">", 2]}]}', /Bad numeric range operator/],
  ['{"a": [{"numeric": [">", 3, "<", 2]}]}', /Bottom must be less than top/],
  ['{"a": [{"numeric": [">", 1, "<", 2, "<", 3]}]}', /Too many elements/],
  ['{"a": [{"cidr": "10.0.0.0/33"}]}', /CIDR/],
  ['{"a": [{"wildcard": "a**"}]}', /Consecutive wildcard/],
  ['{"a": [{"wildcard": "a\\\\x"}]}', /Invalid escape/],
  ['{"a": [{"anything-but": ["a", 1]}]}', /mixed type is not supported/],
  ['{"a": [{"anything-but": []}]}', /Empty arrays/],
  ['{"a": [{"anything-but": {"numeric": ["=", 1]}}]}', /Unsupported anything-but/],
  ['{"a": [{"prefix": "a", "suffix": "b"}]}', /Only one key/],
];

describe("refusals", () => {
  for (const [pattern, reason] of refusals) {
    test(pattern, () =>
      assert.throws(
        () => parsePattern(pattern),
        (error) => error instanceof PatternError && reason.test(error.message),
      ),
    );
  }
  test("$or that multiply out of hand", () => {
    const or = { $or: Array.from({ length: 11 }, (_, i) => ({ [`f${i}`]: ["v"] })) };
    const pattern = { a: or, b: or, c: or };
    assert.throws(() => compilePattern(pattern), /too complex/);
  });
});

const name = fc.constantFrom("a", "b", "c");
const leaf = fc.oneof(
  fc.constantFrom("x", "xy", "yx", ""),
  fc.integer({ min: 0, max: 3 }),
  fc.boolean(),
  fc.constant(null),
);
const { tree: eventTree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.dictionary(
    name,
    fc.oneof(
      { depthSize: "small", maxDepth: 3 },
      leaf,
      fc.array(leaf, { maxLength: 3 }),
      fc.array(tie("tree"), { maxLength: 2 }),
      tie("tree"),
    ),
  ),
}));
const matcher = fc.oneof(
  leaf,
  fc.constantFrom<unknown>(
    { prefix: "x" },
    { suffix: "y" },
    { exists: true },
    { exists: false },
    { "anything-but": "x" },
    { numeric: [">", 1] },
    { wildcard: "x*" },
  ),
);
const { pattern: patternTree } = fc.letrec<{ pattern: Record<string, unknown> }>((tie) => ({
  pattern: fc.dictionary(
    name,
    fc.oneof({ maxDepth: 2 }, fc.array(matcher, { minLength: 1, maxLength: 3 }), tie("pattern")),
    { minKeys: 1 },
  ) as fc.Arbitrary<Record<string, unknown>>,
}));

test("the index gives what each pattern gives by itself", () => {
  fc.assert(
    fc.property(
      fc.array(patternTree, { minLength: 1, maxLength: 12 }),
      fc.array(eventTree, { maxLength: 5 }),
      (patterns, events) => {
        const compiled = patterns.map((each) => compilePattern(each));
        const index = new PatternIndex<number>();
        compiled.forEach((each, i) => index.set(i, each));
        index.set(0, compiled[0]!);
        for (const each of events) {
          const expected = compiled.flatMap((one, i) => (matches(one, each) ? [i] : []));
          assert.deepEqual(
            [...index.match(each)].toSorted((a, b) => a - b),
            expected,
          );
        }
        index.delete(0);
        assert.ok(events.every((each) => !index.match(each).has(0)));
      },
    ),
    { numRuns: 400 },
  );
});

test("a wildcard takes no exponential time", () => {
  const pattern = compilePattern({ a: [{ wildcard: `${"*a".repeat(50)}*b` }] });
  assert.equal(matches(pattern, { a: "a".repeat(50_000) }), false);
});
