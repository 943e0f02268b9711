/**
 * What KMS does by itself is on the record too, as service events.
 * Source: KMS Developer Guide, "Logging AWS KMS API calls with AWS CloudTrail", examples RotateKey and DeleteKey.
 */
import { isoSeconds } from "#kernel/clock.ts";
import { type AuditRecord, auditStream } from "#gateway/auditRecord.ts";
import type { JobContext } from "#gateway/context.ts";
import type { Operation } from "#store/contract.ts";
import type { KeyDocument } from "./state.ts";

const ourselves = "AWS Internal";

export function serviceEvent(
  ctx: JobContext,
  key: KeyDocument,
  eventName: "RotateKey" | "DeleteKey" | "DeleteExpiredKeyMaterial",
  serviceEventDetails: Record<string, string>,
): Operation {
  const event: AuditRecord & { serviceEventDetails: Record<string, string> } = {
    eventVersion: "1.11",
    userIdentity: { accountId: key.account, invokedBy: ourselves },
    eventTime: isoSeconds(ctx.clock.now()),
    eventSource: "kms.amazonaws.com",
    eventName,
    awsRegion: key.region,
    sourceIPAddress: ourselves,
    userAgent: ourselves,
    requestParameters: null,
    responseElements: null,
    requestID: ctx.random.uuid(),
    eventID: ctx.random.uuid(),
    readOnly: false,
    resources: [{ ARN: key.arn, accountId: key.account, type: "AWS::KMS::Key" }],
    eventType: "AwsServiceEvent",
    managementEvent: true,
    recipientAccountId: key.account,
    eventCategory: "Management",
    serviceEventDetails: { keyId: key.keyId, ...serviceEventDetails },
  };
  return { op: "append", stream: auditStream, key: key.account, id: event.eventID, event };
}
