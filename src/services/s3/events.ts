/**
 * Object events, in S3's record format: on the stream `s3-events` for buckets that have EventBridge switched on, and on
 * `s3-notifications` with the queues and topics that are to have them.
 * Source: Amazon S3 User Guide, "Event message structure" (eventVersion 2.3).
 */
import { partitionOf } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { canonicalId } from "./canonical.ts";
import { notificationStream, wants, type NotificationEvent } from "./notifications.ts";
import { bucketArn, type Bucket, type Version, type Work } from "./state.ts";

export const eventStream = "s3-events";

export function emitEvent(ctx: CallContext, bucket: Bucket, eventName: string, key: string, version?: Version): void {
  const { principal } = ctx;
  const who =
    "id" in principal ? `AWS:${principal.id}` : principal.kind === "service" ? principal.service : "Anonymous";
  emitAs(ctx, { who, sourceIp: ctx.request.sourceIp, requestId: ctx.requestId }, bucket, eventName, key, version);
}

/** The same for what S3 does by itself. */
export function emitAs(
  ctx: Work,
  caller: { who: string; sourceIp: string; requestId: string },
  bucket: Bucket,
  eventName: string,
  key: string,
  version?: Version,
): void {
  const targets = (bucket.notifications ?? []).filter((notification) => wants(notification, eventName, key));
  if (!bucket.eventBridge && targets.length === 0) return;
  const record = {
    eventVersion: "2.3",
    eventSource: "aws:s3",
    awsRegion: bucket.region,
    eventTime: new Date(ctx.now).toISOString(),
    eventName,
    userIdentity: { principalId: caller.who },
    requestParameters: { sourceIPAddress: caller.sourceIp },
    responseElements: { "x-amz-request-id": caller.requestId },
    s3: {
      s3SchemaVersion: "1.0",
      bucket: {
        name: bucket.name,
        ownerIdentity: { principalId: canonicalId(bucket.owner) },
        arn: bucketArn(bucket.name, partitionOf(bucket.region)),
      },
      object: {
        key: encodeURIComponent(key).replaceAll("%20", "+").replaceAll("%2F", "/"),
        ...(version?.kind === "object" ? { size: version.size, eTag: version.etag } : {}),
        ...(version && version.versionId !== "null" ? { versionId: version.versionId } : {}),
        // Rises with each event of a key, as text.
        sequencer: (hex(ctx.now, 12) + hex((version?.sequence ?? 0) % 65_536, 4)).toUpperCase(),
      },
    },
  };
  const order = `${bucket.name}/${key}`;
  if (bucket.eventBridge) ctx.state.emit(eventStream, order, record);
  if (targets.length === 0) return;
  const { name, owner, region } = bucket;
  const event: NotificationEvent = { bucket: { name, owner, region }, record, targets };
  ctx.state.emit(notificationStream, order, { ...event });
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
