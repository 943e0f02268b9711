/** The event that a record becomes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import { eventOperations } from "./eventBridge.ts";

const record = {
  eventID: "11111111-2222-4333-8444-555555555555",
  eventType: "AwsApiCall",
  eventSource: "iam.amazonaws.com",
  eventName: "CreateUser",
  eventTime: "2026-01-01T00:00:00Z",
  awsRegion: "us-east-1",
  recipientAccountId: "111122223333",
  userIdentity: { type: "IAMUser" },
} as unknown as AuditRecord;

test("a record is the detail of an event, the same one whenever it is seen again", () => {
  const [first] = eventOperations(record);
  assert.deepEqual(eventOperations(record), [first]);
  assert.ok(first?.op === "append" && first.stream === "events");
  const { id, ...event } = first.event as Record<string, unknown>;
  assert.equal(id, first.id);
  assert.notEqual(id, record.eventID);
  assert.deepEqual(event, {
    version: "0",
    "detail-type": "AWS API Call via CloudTrail",
    source: "aws.iam",
    account: "111122223333",
    time: "2026-01-01T00:00:00Z",
    region: "us-east-1",
    resources: [],
    detail: record,
  });
});

test("a sign-in has a type of its own; what EventBridge does to deliver becomes no event", () => {
  const [signIn] = eventOperations({ ...record, eventType: "AwsConsoleSignIn", eventSource: "signin.amazonaws.com" });
  assert.ok(signIn?.op === "append");
  const { source, ...rest } = signIn.event as Record<string, unknown>;
  assert.deepEqual([source, rest["detail-type"]], ["aws.signin", "AWS Console Sign In via CloudTrail"]);
  const userIdentity = { type: "AWSService", invokedBy: "events.amazonaws.com" };
  assert.deepEqual(eventOperations({ ...record, userIdentity }), []);
});
