import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { matches, type Criterion } from "./criteria.ts";

const finding = {
  type: "Policy:S3/BucketAnonymousAccessGranted",
  severity: 8,
  updatedAt: "2026-01-01T00:00:00.000Z",
  resource: { s3BucketDetails: [{ name: "a", tags: [{ key: "env", value: "prod" }] }, { name: "b" }] },
  service: { archived: false, count: 3 },
};

const cases: [criterion: Criterion, holds: boolean][] = [
  [{}, true],
  [{ type: { Eq: ["Policy:S3/BucketAnonymousAccessGranted", "x"] } }, true],
  [{ type: { Equals: ["x"] } }, false],
  [{ type: { Neq: ["x"] } }, true],
  [{ type: { NotEquals: ["Policy:S3/BucketAnonymousAccessGranted"] } }, false],
  [{ severity: { Gte: 7 } }, true],
  [{ severity: { GreaterThan: 8 } }, false],
  [{ severity: { Lt: 9, Gt: 7 } }, true],
  [{ severity: { Eq: ["8.0"] } }, true],
  [{ updatedAt: { GreaterThanOrEqual: Date.UTC(2026, 0, 1) } }, true],
  [{ updatedAt: { LessThan: Date.UTC(2026, 0, 1) } }, false],
  [{ "service.archived": { Eq: ["false"] } }, true],
  [{ "resource.s3BucketDetails.name": { Eq: ["b"] } }, true],
  [{ "resource.s3BucketDetails.name": { Neq: ["b"] } }, false],
  [{ "resource.s3BucketDetails.tags.value": { Equals: ["prod"] } }, true],
  [{ "resource.instanceDetails.instanceId": { Eq: ["i-1"] } }, false],
  [{ "resource.instanceDetails.instanceId": { Neq: ["i-1"] } }, true],
  [{ "resource.instanceDetails.instanceId": { Gt: 1 } }, false],
  [{ type: { Matches: ["Policy:S3/*Granted"] } }, true],
  [{ type: { Matches: ["policy:*", "Policy:?3/*"] } }, true],
  [{ type: { NotMatches: ["*Anonymous*"] } }, false],
  [{ type: { Eq: ["Policy:S3/BucketAnonymousAccessGranted"] }, severity: { Lt: 5 } }, false],
];

describe("criteria", () => {
  for (const [criterion, holds] of cases) {
    test(`${JSON.stringify(criterion)} ${holds ? "holds" : "does not hold"}`, () => {
      assert.equal(matches(criterion, finding), holds);
    });
  }

  test("a pattern of many stars takes no time", () => {
    const pattern = `${"*a".repeat(200)}b`;
    assert.equal(matches({ type: { Matches: [pattern] } }, { type: "a".repeat(5000) }), false);
  });

  test("names of the prototype are no members", () => {
    assert.equal(matches({ "constructor.name": { Eq: ["Object"] } }, finding), false);
  });
});
