import assert from "node:assert/strict";
import { test } from "node:test";
import { addressBucket, isS3ControlHost } from "./s3Address.ts";

const arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/my-point";
const table: [host: string, path: string, bucket: string | undefined, rest: string][] = [
  ["localhost:4566", "/", undefined, "/"],
  ["localhost:4566", "/bucket", "bucket", "/"],
  ["localhost:4566", "/bucket/", "bucket", "/"],
  ["localhost:4566", "/bucket/a//b/", "bucket", "/a//b/"],
  ["localhost:4566", "/bucket//a", "bucket", "//a"],
  ["127.0.0.1:4566", "/bucket/k", "bucket", "/k"],
  ["bucket.localhost:4566", "/k", "bucket", "/k"],
  ["my.dotted.bucket.localhost", "/k", "my.dotted.bucket", "/k"],
  ["s3.us-east-1.amazonaws.com", "/bucket/k", "bucket", "/k"],
  ["s3.localhost", "/bucket/k", "bucket", "/k"],
  ["bucket.s3.localhost:4566", "/k", "bucket", "/k"],
  ["bucket.s3.us-east-1.amazonaws.com", "/k", "bucket", "/k"],
  ["bucket.s3-us-west-2.amazonaws.com", "/k", "bucket", "/k"],
  ["bucket.s3.dualstack.us-east-1.amazonaws.com", "/k", "bucket", "/k"],
  ["Bucket.S3.amazonaws.com", "/k", "bucket", "/k"],
  ["a.s3.b.s3.amazonaws.com", "/k", "a.s3.b", "/k"],
  ["my-point-123456789012.s3-accesspoint.eu-west-1.amazonaws.com", "/k", arn, "/k"],
  ["localhost", "/arn%3Aaws%3As3%3Aeu-west-1%3A123456789012%3Aaccesspoint%2Fmy-point/k", arn, "/k"],
];
for (const [host, path, bucket, rest] of table) {
  test(`${host}${path}`, () => {
    const address = addressBucket(host, path, ["localhost"]);
    assert.deepEqual([address.bucket, address.path], [bucket, rest]);
  });
}

test("S3 Control by its host", () => {
  assert.ok(isS3ControlHost("123456789012.s3-control.us-east-1.amazonaws.com"));
  assert.ok(isS3ControlHost("s3-control.localhost:4566"));
  assert.ok(!isS3ControlHost("bucket.s3.localhost"));
});
