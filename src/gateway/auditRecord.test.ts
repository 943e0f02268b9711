import assert from "node:assert/strict";
import { test } from "node:test";
import { loadModel } from "#model/load.ts";
import { eventLimit } from "#store/limits.ts";
import { auditRecord, type AuditInput } from "./auditRecord.ts";
import { testAccount, testRegion } from "./testing.ts";

const huge = "x".repeat(4 << 20);

function recordOf(change: Partial<AuditInput>) {
  return auditRecord({
    service: loadModel("kms"),
    operation: "EnableKey",
    principal: {
      kind: "user",
      account: testAccount,
      arn: `arn:aws:iam::${testAccount}:user/alice`,
      id: "AIDA1",
      userName: "alice",
    },
    account: testAccount,
    region: testRegion,
    now: 0,
    requestId: "r",
    eventId: "e",
    source: { ip: "192.0.2.1", userAgent: "test", host: "localhost", calledVia: [] },
    readOnly: false,
    input: { keyId: "1" },
    output: { keyId: "1" },
    detail: {},
    ...change,
  });
}

test("a part that is too large is left out and says so; the others stay", () => {
  const record = recordOf({ input: { keyId: huge } });
  assert.deepEqual(record.requestParameters, {
    reason: "requestParameters too large",
    omitted: true,
    originalSize: huge.length + '{"keyId":""}'.length,
  });
  assert.deepEqual(record.responseElements, { keyId: "1" });
  assert.deepEqual(recordOf({}).requestParameters, { keyId: "1" });
});

test("whatever a client sends, its record fits into the stream", () => {
  const record = recordOf({
    source: {
      ip: "192.0.2.1",
      userAgent: huge,
      host: huge,
      tls: { protocol: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" },
      calledVia: [],
    },
    error: { code: "ValidationException", message: huge },
    input: { keyId: huge },
    detail: {
      additionalEventData: { a: huge },
      resources: Array.from({ length: 5_000 }, (_, i) => ({
        ARN: `arn:aws:s3:::bucket/${i}${"k".repeat(500)}`,
        type: "T",
      })),
    },
  });
  assert.ok(JSON.stringify(record).length < eventLimit);
  assert.equal(record.errorMessage!.length, 1024);
  assert.equal(record.userAgent.length, 1024);
  assert.ok(record.resources!.length > 50);
});
