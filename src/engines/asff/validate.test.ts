/** What cannot be imported, and why; the limits are the rows of `limits.ts`. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sent } from "./testing.ts";
import { faultOf, faultOfShared } from "./validate.ts";

const long = (length: number) => "x".repeat(length);
const pairs = (count: number, key = 1, value = 1) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [String(i).padStart(key, "k"), long(value)]));

describe("findings", () => {
  for (const [what, more] of [
    ["as it is", {}],
    ["a time with an offset", { UpdatedAt: "2026-01-01T09:00:00+09:00" }],
    ["a time with fractions", { UpdatedAt: "2026-01-01T09:00:00.123456789Z" }],
    ["a number for the severity", { Severity: { Normalized: 100 } }],
    ["the provider's severity alone", { Severity: undefined, FindingProviderFields: { Severity: { Label: "LOW" } } }],
    ["a namespace alone", { Types: ["Effects"] }],
    ["the longest title", { Title: long(256) }],
    ["32 resources", { Resources: Array.from({ length: 32 }, () => ({ Id: "a", Type: "Other" })) }],
    ["50 types", { Types: Array.from({ length: 50 }, () => "TTPs") }],
    ["50 pairs of the longest", { ProductFields: pairs(50, 128, 2048) }],
  ] as const) {
    test(`taken: ${what}`, () => assert.equal(faultOf(sent(more)), undefined));
  }

  for (const [what, more, fault] of [
    ["another schema", { SchemaVersion: "2017-01-01" }, /SchemaVersion/],
    ["no account", { AwsAccountId: "1" }, /AwsAccountId/],
    ["nothing in the title", { Title: " \t" }, /'Title': must not be empty/],
    ["a day that is none", { CreatedAt: "2026-13-01T00:00:00Z" }, /CreatedAt/],
    ["a time without a zone", { UpdatedAt: "2026-01-01T00:00:00" }, /UpdatedAt/],
    ["a time that is words", { LastObservedAt: "yesterday" }, /LastObservedAt/],
    ["no resource", { Resources: [] }, /Resources/],
    ["33 resources", { Resources: Array.from({ length: 33 }, () => ({ Id: "a", Type: "Other" })) }, /Resources/],
    ["no severity", { Severity: { Product: 1 } }, /Label or Normalized/],
    ["another label", { Severity: { Label: "WORST" } }, /Severity\.Label/],
    ["a number beyond", { Severity: { Normalized: 101 } }, /Severity\.Normalized/],
    ["half a number", { Confidence: 1.5 }, /Confidence/],
    ["another namespace", { Types: ["Mine/x"] }, /Types/],
    ["four parts", { Types: ["TTPs/a/b/c"] }, /Types/],
    ["an empty part", { Types: ["TTPs//b"] }, /Types/],
    ["too long a title", { Title: long(257) }, /'Title': 1 to 256/],
    ["too long within a list", { Resources: [{ Id: "a", Type: long(257) }] }, /'Resources\.Type'/],
    ["51 types", { Types: Array.from({ length: 51 }, () => "TTPs") }, /'Types': at most 50/],
    ["51 pairs", { ProductFields: pairs(51) }, /at most 50 pairs/],
    ["too long a key", { ProductFields: pairs(1, 129) }, /keys of 128/],
    ["too long a value", { UserDefinedFields: pairs(1, 1, 1025) }, /values of 1024/],
    ["the provider's score", { FindingProviderFields: { Criticality: -1 } }, /'FindingProviderFields\.Criticality'/],
    ["the provider's types", { FindingProviderFields: { Types: ["x"] } }, /'FindingProviderFields\.Types'/],
    ["more than 240 KB", { Remediation: { Url: long(245_761) } }, /240 KB/],
  ] as const) {
    test(`refused: ${what}`, () => assert.match(faultOf(sent(more)) ?? "", fault));
  }

  test("updates are held against the same rules", () => {
    assert.equal(faultOfShared({ Confidence: 100, Types: ["TTPs"] }, ""), undefined);
    assert.match(faultOfShared({ Note: { Text: long(513), UpdatedBy: "me" } }, "") ?? "", /'Note\.Text'/);
  });
});
