import assert from "node:assert/strict";
import { test } from "node:test";
import { fails, sarif } from "./findingReport.ts";

const finding = (severity: number, sample = false) => ({
  id: `id-${severity}`,
  arn: `arn:aws:guardduty:us-east-1:111122223333:detector/d/finding/id-${severity}`,
  accountId: "111122223333",
  region: "us-east-1",
  type: severity > 5 ? "Policy:S3/BucketAnonymousAccessGranted" : "Policy:IAMUser/RootCredentialUsage",
  severity,
  title: "t",
  description: "d",
  updatedAt: "2026-01-01T00:00:00.000Z",
  service: { count: 1, ...(sample ? { additionalInfo: { sample } } : {}) },
});

test("a threshold is met by what is at least as severe, and by no sample", () => {
  assert.equal(fails([finding(2), finding(6.9)], "HIGH"), false);
  assert.equal(fails([finding(7)], "HIGH"), true);
  assert.equal(fails([finding(9, true)], "LOW"), false);
  assert.equal(fails([finding(2)], "LOW"), true);
  assert.equal(fails([], "LOW"), false);
  assert.equal(fails([finding(9)], undefined), false);
});

test("SARIF names each rule once and points to it", () => {
  const [run] = sarif([finding(2), finding(8), finding(5)]).runs;
  assert.deepEqual(
    run!.tool.driver.rules.map(({ id }) => id),
    ["Policy:IAMUser/RootCredentialUsage", "Policy:S3/BucketAnonymousAccessGranted"],
  );
  assert.deepEqual(
    run!.results.map(({ level, ruleIndex }) => [level, ruleIndex]),
    [
      ["note", 0],
      ["error", 1],
      ["warning", 0],
    ],
  );
});
