/** Which findings a filter takes, comparison by comparison; Source of the rules: API Reference, StringFilter, MapFilter. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { filterField, filterFields } from "./filterFields.ts";
import { compileFilters, FilterError, type Filters } from "./filters.ts";
import { groupBy, isGroupable } from "./grouping.ts";
import { finding } from "./testing.ts";

const now = Date.parse("2026-01-31T00:00:00Z");
const one = {
  ...finding({ Title: "Port 22 is open", Confidence: 60, Sample: true }),
  Network: { SourceIpV4: "192.0.2.7", SourceIpV6: "2001:db8::7", SourcePort: 22 },
  ProductFields: { tool: "nmap", empty: "" },
  Resources: [
    { Id: "i-1", Type: "AwsEc2Instance", Tags: { team: "blue" } },
    { Id: "bucket", Type: "AwsS3Bucket" },
  ],
};

const text = (Comparison: string, Value: string) => ({ Comparison, Value });
const rows: [what: string, filters: Filters, expected: boolean][] = [
  ["nothing asked for", {}, true],
  ["no values", { Title: [] }, true],
  ["equal", { Id: [text("EQUALS", "finding-1")] }, true],
  ["not quite equal", { Id: [text("EQUALS", "finding-")] }, false],
  ["prefix", { Title: [text("PREFIX", "Port")] }, true],
  ["prefix in another case", { Title: [text("PREFIX", "port")] }, false],
  ["contains", { Title: [text("CONTAINS", "22 is")] }, true],
  ["a whole word, whatever its case", { Title: [text("CONTAINS_WORD", "OPEN")] }, true],
  ["part of a word", { Title: [text("CONTAINS_WORD", "ope")] }, false],
  ["words in a row", { Title: [text("CONTAINS_WORD", "22 is")] }, true],
  ["words not in a row", { Title: [text("CONTAINS_WORD", "port open")] }, false],
  ["either of two", { Id: [text("EQUALS", "x"), text("EQUALS", "finding-1")] }, true],
  ["two fields, one of which fails", { Id: [text("EQUALS", "finding-1")], Title: [text("EQUALS", "x")] }, false],
  ["neither of two", { Id: [text("NOT_EQUALS", "x"), text("NOT_EQUALS", "y")] }, true],
  ["one of two that are ruled out", { Id: [text("NOT_EQUALS", "x"), text("NOT_EQUALS", "finding-1")] }, false],
  ["asked for and not ruled out", { Id: [text("PREFIX", "finding"), text("NOT_EQUALS", "finding-2")] }, true],
  ["asked for and ruled out", { Id: [text("PREFIX", "finding"), text("NOT_EQUALS", "finding-1")] }, false],
  ["a prefix that is ruled out", { Title: [text("PREFIX_NOT_EQUALS", "Port")] }, false],
  ["a part that is ruled out", { Title: [text("NOT_CONTAINS", "closed")] }, true],
  ["any of a list", { ResourceId: [text("EQUALS", "bucket")] }, true],
  ["one of a list that is ruled out", { ResourceId: [text("NOT_EQUALS", "bucket")] }, false],
  ["absent and asked for", { MalwareName: [text("PREFIX", "")] }, false],
  ["absent and ruled out", { MalwareName: [text("NOT_EQUALS", "worm")] }, true],
  ["a key's value", { ProductFields: [{ Key: "tool", ...text("EQUALS", "nmap") }] }, true],
  ["another value", { ProductFields: [{ Key: "tool", ...text("EQUALS", "nessus") }] }, false],
  ["an empty value", { ProductFields: [{ Key: "empty", ...text("EQUALS", "") }] }, true],
  ["a key that is not there", { ProductFields: [{ Key: "other", ...text("NOT_EQUALS", "x") }] }, true],
  ["a key that every object has", { ProductFields: [{ Key: "constructor", ...text("PREFIX", "") }] }, false],
  ["a tag of any resource", { ResourceTags: [{ Key: "team", ...text("EQUALS", "blue") }] }, true],
  ["from", { Confidence: [{ Gte: 60 }] }, true],
  ["above", { Confidence: [{ Gt: 60 }] }, false],
  ["between", { Confidence: [{ Gt: 59, Lte: 60 }] }, true],
  ["exactly", { NetworkSourcePort: [{ Eq: 22 }] }, true],
  ["a number that is not there", { Criticality: [{ Gte: 0 }] }, false],
  ["in the last 31 days", { CreatedAt: [{ DateRange: { Value: 31, Unit: "DAYS" } }] }, true],
  ["in the last 29 days", { CreatedAt: [{ DateRange: { Value: 29, Unit: "DAYS" } }] }, false],
  ["older", { CreatedAt: [{ DateRange: { Value: 29, Unit: "DAYS", Comparison: "OLDER_THAN" } }] }, true],
  ["the bounds are in", { CreatedAt: [{ Start: "2026-01-01T00:00:00Z", End: "2026-01-01T00:00:00Z" }] }, true],
  ["after the end", { CreatedAt: [{ End: "2025-12-31T23:59:59Z" }] }, false],
  ["in a network", { NetworkSourceIpV4: [{ Cidr: "192.0.2.0/24" }] }, true],
  ["in another", { NetworkSourceIpV4: [{ Cidr: "198.51.100.0/24" }] }, false],
  ["one address", { NetworkSourceIpV4: [{ Cidr: "192.0.2.7" }] }, true],
  ["IPv6", { NetworkSourceIpV6: [{ Cidr: "2001:db8::/32" }] }, true],
  ["the other version", { NetworkSourceIpV4: [{ Cidr: "::/0" }] }, false],
  ["anywhere", { Keyword: [{ Value: "NMAP" }] }, true],
  ["nowhere", { Keyword: [{ Value: "nessus" }] }, false],
  ["a sample", { Sample: [{ Value: true }] }, true],
  ["no sample", { Sample: [{ Value: false }] }, false],
];

describe("filters", () => {
  for (const [what, filters, expected] of rows) {
    test(what, () => assert.equal(compileFilters(filters)(one, now), expected));
  }

  test("what is no filter is refused", () => {
    const wrong: Filters[] = [
      { Unknown: [text("EQUALS", "x")] },
      { constructor: [text("EQUALS", "x")] },
      { Title: [text("LIKE", "x")] },
      { Title: [text("constructor", "x")] },
      { Title: [{ Comparison: "EQUALS" }] },
      { Title: Array.from({ length: 21 }, () => text("EQUALS", "x")) },
      { ProductFields: [text("EQUALS", "x")] },
      { Confidence: [{}] },
      { CreatedAt: [{}] },
      { CreatedAt: [{ Start: "yesterday" }] },
      { CreatedAt: [{ DateRange: { Value: 1, Unit: "WEEKS" } }] },
      { NetworkSourceIpV4: [{ Cidr: "192.0.2.0/33" }] },
      { NetworkSourceIpV4: [{ Cidr: "192.0.2.0/" }] },
      { NetworkSourceIpV4: [{ Cidr: "host" }] },
      { Keyword: [{ Value: "" }] },
    ];
    for (const filters of wrong) assert.throws(() => compileFilters(filters), FilterError, JSON.stringify(filters));
    assert.equal(filterField("__proto__"), undefined);
  });

  test("every filter compiles and takes no finding that has nothing of it", () => {
    const values = {
      string: text("EQUALS", "x"),
      number: { Eq: -1 },
      date: { Start: "2030-01-01T00:00:00Z" },
      ip: { Cidr: "203.0.113.1/32" },
      map: { Key: "k", ...text("EQUALS", "x") },
      keyword: { Value: "x-x-x" },
      boolean: { Value: true },
    };
    for (const [name, { kind }] of Object.entries(filterFields)) {
      assert.equal(compileFilters({ [name]: [values[kind]] })({}, now), false, name);
    }
  });
});

test("insights count findings by value, most frequent first", () => {
  const of = (...ids: string[]) => finding({ Resources: ids.map((Id) => ({ Id, Type: "Other" })) });
  const counted = groupBy([of("a", "b"), of("b", "b"), of("c")], "ResourceId");
  assert.deepEqual(counted, [
    { value: "b", count: 2 },
    { value: "a", count: 1 },
    { value: "c", count: 1 },
  ]);
  const many = Array.from({ length: 150 }, (_, i) => of(String(i)));
  assert.equal(groupBy(many, "ResourceId").length, 100);
  assert.deepEqual(["ResourceId", "CreatedAt", "Confidence", "ProductFields", "x"].map(isGroupable), [
    true,
    true,
    false,
    false,
    false,
  ]);
});
