/** Event notifications of a bucket. Source: Amazon S3 API Reference, PutBucketNotificationConfiguration. */
import { parseArn, partitionOf } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { requireBucket } from "../bucket.ts";
import { invalidArgument, malformedXml } from "../errors.ts";
import { eventTypes, overlaps, s3Principal, send, type Notification } from "../notifications.ts";
import type { In, Out } from "../sdk.ts";
import { bucketArn, putBucket, type Bucket } from "../state.ts";

type Wanted = NonNullable<In<"PutBucketNotificationConfiguration">["NotificationConfiguration"]>;
type Filter = NonNullable<Wanted["QueueConfigurations"]>[number]["Filter"];

export async function putBucketNotificationConfiguration(
  input: In<"PutBucketNotificationConfiguration">,
  ctx: CallContext,
): Promise<Out<"PutBucketNotificationConfiguration">> {
  const { eventBridge: _, notifications: before = [], ...bucket } = await requireBucket(ctx, input);
  const wanted = input.NotificationConfiguration;
  if (!wanted) throw malformedXml();
  const functions = wanted.LambdaFunctionConfigurations ?? [];
  if (functions.length > 0) {
    throw unreachable(functions[0]!.LambdaFunctionArn, "Lambda functions are not served by this installation");
  }
  const notifications = await ctx.once("notifications", async () => [
    ...(wanted.QueueConfigurations ?? []).map((each) => read(ctx, bucket, "queue", each.QueueArn, each)),
    ...(wanted.TopicConfigurations ?? []).map((each) => read(ctx, bucket, "topic", each.TopicArn, each)),
  ]);
  notifications.forEach((one, i) => {
    for (const other of notifications.slice(i + 1)) {
      if (one.id === other.id) throw invalidArgument("Configuration Ids must be unique", "Id", one.id);
      if (overlaps(one, other)) {
        throw invalidArgument(
          "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
          "Event",
        );
      }
    }
  });
  const known = new Set(before.map(({ arn }) => arn));
  const fresh = notifications.filter(({ arn }) => !known.has(arn));
  if (input.SkipDestinationValidation !== true)
    await ctx.once("test events", () => tryDestinations(ctx, bucket, fresh));
  putBucket(ctx, {
    ...bucket,
    ...(wanted.EventBridgeConfiguration ? { eventBridge: true } : {}),
    ...(notifications.length > 0 ? { notifications } : {}),
  });
  return {};
}

export async function getBucketNotificationConfiguration(
  input: In<"GetBucketNotificationConfiguration">,
  ctx: CallContext,
): Promise<Out<"GetBucketNotificationConfiguration">> {
  const { eventBridge, notifications = [] } = await requireBucket(ctx, input);
  const shown = (kind: Notification["kind"]) => notifications.filter((each) => each.kind === kind);
  const [queues, topics] = [shown("queue"), shown("topic")];
  return {
    ...(topics.length > 0
      ? { TopicConfigurations: topics.map((each) => ({ TopicArn: each.arn, ...common(each) })) }
      : {}),
    ...(queues.length > 0
      ? { QueueConfigurations: queues.map((each) => ({ QueueArn: each.arn, ...common(each) })) }
      : {}),
    ...(eventBridge ? { EventBridgeConfiguration: {} } : {}),
  };
}

function common({ id, events, prefix, suffix }: Notification) {
  const rules = [
    ...(prefix === undefined ? [] : [{ Name: "prefix" as const, Value: prefix }]),
    ...(suffix === undefined ? [] : [{ Name: "suffix" as const, Value: suffix }]),
  ];
  return {
    Id: id,
    Events: events as NonNullable<Wanted["QueueConfigurations"]>[number]["Events"],
    ...(rules.length > 0 ? { Filter: { Key: { FilterRules: rules } } } : {}),
  };
}

const unreachable = (arn: string | undefined, reason: string) =>
  invalidArgument("Unable to validate the following destination configurations", arn ?? "", reason);

function read(
  ctx: CallContext,
  bucket: Bucket,
  kind: Notification["kind"],
  arn: string | undefined,
  given: { Id?: string | undefined; Events?: readonly string[] | undefined; Filter?: Filter | undefined },
): Notification {
  const parsed = parseArn(arn ?? "");
  if (parsed?.service !== (kind === "queue" ? "sqs" : "sns") || !/^\d{12}$/.test(parsed.account)) {
    throw unreachable(arn, "The ARN could not be parsed");
  }
  if (parsed.region !== bucket.region) {
    throw unreachable(
      arn,
      "The notification destination service region is not valid for the bucket location constraint",
    );
  }
  if (parsed.resource.endsWith(".fifo")) throw unreachable(arn, "FIFO queues and topics are not supported");
  const events = given.Events ?? [];
  if (events.length === 0) throw malformedXml();
  for (const event of events) {
    if (!eventTypes.has(event))
      throw invalidArgument("A specified event is not supported for notifications", "Event", event);
  }
  return { id: given.Id ?? ctx.random.uuid(), kind, arn: arn!, events: [...events], ...readFilter(given.Filter) };
}

function readFilter(filter: Filter | undefined): Pick<Notification, "prefix" | "suffix"> {
  const read: Pick<Notification, "prefix" | "suffix"> = {};
  for (const { Name, Value = "" } of filter?.Key?.FilterRules ?? []) {
    const name = String(Name).toLowerCase();
    if (name !== "prefix" && name !== "suffix") {
      throw invalidArgument("filter rule name must be either prefix or suffix", "FilterRule.Name", Name);
    }
    if (read[name] !== undefined) {
      throw invalidArgument(`Cannot specify more than one ${name} rule in a filter.`, "FilterRule.Name", Name);
    }
    if (Value.length > 1024)
      throw invalidArgument(
        "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation",
        "FilterRule.Value",
        Value,
      );
    read[name] = Value;
  }
  return read;
}

/** S3 writes to every new destination before it takes the configuration. */
async function tryDestinations(
  ctx: CallContext,
  bucket: Bucket,
  notifications: readonly Notification[],
): Promise<void> {
  const aws = ctx.asService(s3Principal, {
    account: bucket.owner,
    region: bucket.region,
    sourceAccount: bucket.owner,
    sourceArn: bucketArn(bucket.name, partitionOf(bucket.region)),
  });
  const text = JSON.stringify({
    Service: "Amazon S3",
    Event: "s3:TestEvent",
    Time: new Date(ctx.now).toISOString(),
    Bucket: bucket.name,
    RequestId: ctx.requestId,
    HostId: ctx.requestId,
  });
  for (const notification of notifications) {
    try {
      await send(aws, ctx.config.endpoint, notification, text);
    } catch (error) {
      if (!(error instanceof AwsError) || error.status >= 500) throw error;
      const missing = error.code === "QueueDoesNotExist" || error.code === "NotFound";
      throw unreachable(
        notification.arn,
        missing
          ? "The destination queue does not exist"
          : "Permissions on the destination queue do not allow S3 to publish notifications from this bucket",
      );
    }
  }
}
