import assert from "node:assert/strict";
import { test } from "node:test";
import { loadModel } from "#model/load.ts";
import { isReadOnly } from "./readOnly.ts";

const rows: [service: string, operation: string, readOnly: boolean][] = [
  ["kms", "DescribeKey", true],
  ["kms", "CreateKey", false],
  ["s3", "ListBuckets", true],
  ["s3", "DeleteObject", false],
  ["iam", "GetUser", true],
  ["iam", "TagUser", false],
];

test("what reads is told from what changes, at the second question as at the first", () => {
  for (const [service, operation, readOnly] of [...rows, ...rows]) {
    assert.equal(isReadOnly(loadModel(service), operation), readOnly, `${service}:${operation}`);
  }
});
