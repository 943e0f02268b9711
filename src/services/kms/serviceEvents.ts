/**
 * What KMS does by itself is on the record too, as service events.
 * Source: KMS Developer Guide, "Logging AWS KMS API calls with AWS CloudTrail", examples RotateKey and DeleteKey.
 */
import { isoSeconds } from "#kernel/clock.ts";
import { type AuditRecord, auditRecord, auditStream } from "#gateway/auditRecord.ts";
import type { CallContext, JobContext } from "#gateway/context.ts";
import { loadModel } from "#model/load.ts";
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

/**
 * "The CloudTrail log of a ReplicateKey operation records a ReplicateKey operation in the primary key's Region and a
 * CreateKey operation in the replica key's Region": KMS API Reference, ReplicateKey. Staged with the call's own record.
 */
export function recordReplica(ctx: CallContext, replica: KeyDocument, parameters: Record<string, unknown>): void {
  const record = auditRecord({
    service: loadModel("kms"),
    operation: "CreateKey",
    principal: ctx.principal,
    account: ctx.account,
    region: replica.region,
    now: ctx.now,
    requestId: ctx.requestId,
    eventId: ctx.random.uuid(),
    readOnly: false,
    source: {
      ip: ctx.request.sourceIp,
      userAgent: ctx.request.userAgent,
      host: ctx.request.host,
      ...(ctx.request.tls ? { tls: ctx.request.tls } : {}),
      calledVia: ctx.request.calledVia,
    },
    input: parameters,
    output: { keyMetadata: { keyId: replica.keyId, arn: replica.arn, multiRegion: true } },
    detail: { resources: [{ ARN: replica.arn, accountId: replica.account, type: "AWS::KMS::Key" }] },
  });
  ctx.state.emit(auditStream, ctx.account, { ...record });
}
