import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { checkEvent } from "./auditEvent.ts";

const account = "111122223333";
const event = (more: object = {}) => ({
  version: "1.0",
  userIdentity: { type: "CustomUser", principalId: "alice" },
  eventSource: "payroll.example.com",
  eventName: "PaySalary",
  eventTime: "2026-01-01T10:00:00",
  UID: "uid",
  recipientAccountId: account,
  ...more,
});

test("an event of the documented form is taken, its time in full", () => {
  const checked = checkEvent(JSON.stringify(event()), undefined, account);
  assert.ok("eventTime" in checked && checked.eventTime === "2026-01-01T10:00:00Z");
  const text = JSON.stringify(event());
  const checksum = createHash("sha256").update(text).digest("base64");
  assert.ok("data" in checkEvent(text, checksum, account));
});

const long = "x".repeat(2000);
const refused: [event: unknown, code: string][] = [
  [[], "InvalidData"],
  ["text", "InvalidData"],
  [event({ version: undefined }), "FieldNotFound"],
  [event({ UID: "" }), "FieldNotFound"],
  [event({ userIdentity: undefined }), "FieldNotFound"],
  [event({ userIdentity: { type: "t" } }), "FieldNotFound"],
  [event({ userIdentity: "alice" }), "InvalidData"],
  [event({ userIdentity: { type: "t", principalId: "p", secret: 1 } }), "InvalidData"],
  [event({ eventName: 5 }), "InvalidData"],
  [event({ eventName: long }), "FieldTooLong"],
  [event({ additionalEventData: { a: "x".repeat(30_000) } }), "FieldTooLong"],
  [event({ requestParameters: [1] }), "InvalidData"],
  [event({ eventTime: "2026-01-01" }), "InvalidData"],
  [event({ eventTime: "2026-13-01T00:00:00Z" }), "InvalidData"],
  [event({ recipientAccountId: "999999999999" }), "InvalidRecipient"],
  [event({ colour: "red" }), "InvalidData"],
];
for (const [sent, code] of refused) {
  test(`${code}: ${JSON.stringify(sent).slice(0, 100)}`, () => {
    const checked = checkEvent(JSON.stringify(sent), undefined, account);
    assert.equal("errorCode" in checked && checked.errorCode, code);
  });
}
