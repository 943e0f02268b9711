/**
 * Event notifications to queues and topics: which events a configuration wants, and their delivery. An event and the
 * destinations it goes to are put into a stream in the batch of the change; a reactor delivers, at least once.
 * Source: Amazon S3 User Guide, "Amazon S3 Event Notifications", "Supported event types and destinations",
 * "Configuring event notifications using object key name filtering", "Event message structure".
 */
import { parseArn, partitionOf } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import type { Clients } from "#gateway/clients.ts";
import type { ReactorContext } from "#gateway/context.ts";
import type { Reactor } from "#gateway/service.ts";
import { bucketArn, type Bucket } from "./state.ts";

export const notificationStream = "s3-notifications";
export const s3Principal = "s3.amazonaws.com";

export interface Notification {
  id: string;
  kind: "queue" | "topic";
  arn: string;
  /** As configured: `s3:ObjectCreated:*`. */
  events: string[];
  prefix?: string;
  suffix?: string;
}

/** Every type that can be configured; some of them never happen here. */
export const eventTypes: ReadonlySet<string> = new Set(
  [
    "ReducedRedundancyLostObject",
    "ObjectCreated:* ObjectCreated:Put ObjectCreated:Post ObjectCreated:Copy ObjectCreated:CompleteMultipartUpload",
    "ObjectRemoved:* ObjectRemoved:Delete ObjectRemoved:DeleteMarkerCreated",
    "ObjectRestore:* ObjectRestore:Post ObjectRestore:Completed ObjectRestore:Delete",
    "Replication:* Replication:OperationFailedReplication Replication:OperationMissedThreshold",
    "Replication:OperationReplicatedAfterThreshold Replication:OperationNotTracked",
    "LifecycleExpiration:* LifecycleExpiration:Delete LifecycleExpiration:DeleteMarkerCreated LifecycleTransition",
    "IntelligentTiering ObjectTagging:* ObjectTagging:Put ObjectTagging:Delete ObjectAcl:Put",
  ]
    .join(" ")
    .split(" ")
    .map((name) => `s3:${name}`),
);

/** @param eventName without "s3:", as in a record. */
export function wants(notification: Notification, eventName: string, key: string): boolean {
  const { events, prefix = "", suffix = "" } = notification;
  if (!key.startsWith(prefix) || !key.endsWith(suffix)) return false;
  return events.some((event) => covers(event, `s3:${eventName}`));
}

function covers(configured: string, event: string): boolean {
  return configured === event || (configured.endsWith(":*") && event.startsWith(configured.slice(0, -1)));
}

/** Whether an object could be wanted by both for one event, which S3 refuses. */
export function overlaps(one: Notification, other: Notification): boolean {
  const shared = one.events.some((a) => other.events.some((b) => covers(a, b) || covers(b, a)));
  if (!shared) return false;
  const nested = (a = "", b = "", holds: (x: string, y: string) => boolean) => holds(a, b) || holds(b, a);
  return (
    nested(one.prefix, other.prefix, (a, b) => a.startsWith(b)) &&
    nested(one.suffix, other.suffix, (a, b) => a.endsWith(b))
  );
}

/** Sends a text to the destination as S3. @throws AwsError as the destination answers. */
export async function send(
  aws: Clients,
  endpoint: string,
  { kind, arn }: Pick<Notification, "kind" | "arn">,
  text: string,
): Promise<void> {
  if (kind === "topic") {
    await aws.sns.Publish({ TopicArn: arn, Message: text, Subject: "Amazon S3 Notification" });
    return;
  }
  const { account, resource } = parseArn(arn)!;
  await aws.sqs.SendMessage({ QueueUrl: `${endpoint}/${account}/${resource}`, MessageBody: text });
}

/** What travels through the stream. */
export interface NotificationEvent {
  bucket: Pick<Bucket, "name" | "owner" | "region">;
  record: Record<string, unknown> & { s3: Record<string, unknown> };
  targets: Notification[];
}

export const deliverNotifications: Reactor = {
  name: "notifications",
  stream: notificationStream,
  async handle(events, ctx) {
    for (const { event } of events) await deliver(ctx, event as NotificationEvent);
  },
};

async function deliver(ctx: ReactorContext, { bucket, record, targets }: NotificationEvent): Promise<void> {
  for (const target of targets) {
    const aws = ctx.asService(s3Principal, {
      account: bucket.owner,
      region: bucket.region,
      sourceArn: bucketArn(bucket.name, partitionOf(bucket.region)),
    });
    const Records = [{ ...record, s3: { ...record.s3, configurationId: target.id } }];
    try {
      await send(aws, ctx.config.endpoint, target, JSON.stringify({ Records }));
    } catch (error) {
      // A destination that is gone or closed loses its notifications, as on AWS; trouble of ours is tried again.
      if (!(error instanceof AwsError) || error.status >= 500) throw error;
      ctx.log.warn({ bucket: bucket.name, target: target.arn, code: error.code }, "a notification was refused");
    }
  }
}
