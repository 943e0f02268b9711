/**
 * What a trail records is an event on the default bus of its account and Region too.
 * Source: EventBridge User Guide, "AWS service events delivered via AWS CloudTrail": a trail with logging enabled is
 * needed; the detail is the record. Detail types as events carry them ("AWS Console Sign In via CloudTrail").
 */
import { createHash } from "node:crypto";
import type { AuditRecord } from "#gateway/auditRecord.ts";
import type { Operation } from "#store/contract.ts";

const eventsStream = "events";
const eventsPrincipal = "events.amazonaws.com";

const detailTypes: Readonly<Record<AuditRecord["eventType"], string>> = {
  AwsApiCall: "AWS API Call via CloudTrail",
  AwsConsoleSignIn: "AWS Console Sign In via CloudTrail",
  AwsConsoleAction: "AWS Console Action via CloudTrail",
  AwsServiceEvent: "AWS Service Event via CloudTrail",
};

/** Of a record that at least one trail has selected; nothing for what EventBridge does to deliver, which would make more of it. */
export function eventOperations(record: AuditRecord): Operation[] {
  if (record.userIdentity["invokedBy"] === eventsPrincipal) return [];
  const id = eventId(record.eventID);
  const event = {
    version: "0",
    id,
    "detail-type": detailTypes[record.eventType],
    source: `aws.${record.eventSource.replace(/\.amazonaws\.com$/, "")}`,
    account: record.recipientAccountId,
    time: record.eventTime,
    region: record.awsRegion,
    resources: [],
    detail: record,
  };
  return [{ op: "append", stream: eventsStream, key: record.recipientAccountId, id, event }];
}

/**
 * The same for a record that is seen again after a crash, and another than the record's own. A UUID of version 8 (RFC
 * 9562, section 5.8): one that looks random would be taken for new by the store.
 */
function eventId(recordId: string): string {
  const hash = createHash("sha256").update(`event of ${recordId}`).digest("hex");
  return hash.slice(0, 32).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-8$3-a$4-$5");
}
