/** What other services tell through queues and topics: object events of S3, log files of CloudTrail. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { S3 } from "@aws-sdk/client-s3";
import { SNS } from "@aws-sdk/client-sns";
import { SQS } from "@aws-sdk/client-sqs";
import { eventually, type Instance, startInstance } from "../instance.ts";

let instance: Instance;
let s3: S3;
let sns: SNS;
let sqs: SQS;
before(async () => {
  instance = await startInstance();
  s3 = new S3(instance.s3Client);
  sns = new SNS(instance.client);
  sqs = new SQS(instance.client);
});
after(() => instance?.stop());

const refused = (name: string, message: RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  assert.match(error.message, message);
  return true;
};

const allow = (service: string, Action: string, Resource: string, source: string) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { Service: service },
      Action,
      Resource,
      Condition: {
        ArnLike: { "aws:SourceArn": source },
        StringEquals: { "aws:SourceAccount": instance.ready.accountId },
      },
    },
  });

async function newQueue(QueueName: string, service?: string, source?: string): Promise<{ url: string; arn: string }> {
  const { QueueUrl } = await sqs.createQueue({ QueueName });
  const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
  const arn = Attributes!["QueueArn"]!;
  if (service && source) {
    const Policy = allow(service, "sqs:SendMessage", arn, source);
    await sqs.setQueueAttributes({ QueueUrl: QueueUrl!, Attributes: { Policy } });
  }
  return { url: QueueUrl!, arn };
}

async function next(QueueUrl: string): Promise<Record<string, any>> {
  return await eventually(async () => {
    const { Messages } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 1 });
    const [message] = Messages ?? [];
    if (!message) return undefined;
    await sqs.deleteMessage({ QueueUrl, ReceiptHandle: message.ReceiptHandle! });
    return JSON.parse(message.Body!) as Record<string, any>;
  });
}

describe("S3", () => {
  test("tells queues and topics of the objects they want to hear of", async () => {
    const Bucket = "told";
    await s3.createBucket({ Bucket });
    const source = `arn:aws:s3:::${Bucket}`;
    const queue = await newQueue("created", "s3.amazonaws.com", source);
    const TopicArn = (await sns.createTopic({ Name: "removed" })).TopicArn!;
    const AttributeValue = allow("s3.amazonaws.com", "sns:Publish", TopicArn, source);
    await sns.setTopicAttributes({ TopicArn, AttributeName: "Policy", AttributeValue });
    const listener = await newQueue("listener", "sns.amazonaws.com", TopicArn);
    await sns.subscribe({
      TopicArn,
      Protocol: "sqs",
      Endpoint: listener.arn,
      Attributes: { RawMessageDelivery: "true" },
    });
    const Filter = {
      Key: {
        FilterRules: [
          { Name: "prefix" as const, Value: "in/" },
          { Name: "suffix" as const, Value: ".txt" },
        ],
      },
    };
    const NotificationConfiguration = {
      QueueConfigurations: [{ Id: "q", QueueArn: queue.arn, Events: ["s3:ObjectCreated:*" as const], Filter }],
      TopicConfigurations: [{ Id: "t", TopicArn, Events: ["s3:ObjectRemoved:Delete" as const] }],
    };
    await s3.putBucketNotificationConfiguration({ Bucket, NotificationConfiguration });
    const shown = await s3.getBucketNotificationConfiguration({ Bucket });
    assert.deepEqual(shown.QueueConfigurations, NotificationConfiguration.QueueConfigurations);
    assert.deepEqual(shown.TopicConfigurations, NotificationConfiguration.TopicConfigurations);
    assert.equal((await next(queue.url))["Event"], "s3:TestEvent");
    assert.equal((await next(listener.url))["Event"], "s3:TestEvent");

    for (const Key of ["out/a.txt", "in/a.bin", "in/a b.txt"]) await s3.putObject({ Bucket, Key, Body: "xyz" });
    const [record] = (await next(queue.url))["Records"];
    assert.equal(record.eventName, "ObjectCreated:Put");
    assert.deepEqual([record.s3.object.key, record.s3.object.size, record.s3.configurationId], ["in/a+b.txt", 3, "q"]);
    await s3.deleteObject({ Bucket, Key: "out/a.txt" });
    const [removed] = (await next(listener.url))["Records"];
    assert.deepEqual([removed.eventName, removed.s3.object.key], ["ObjectRemoved:Delete", "out/a.txt"]);
    const { Messages } = await sqs.receiveMessage({ QueueUrl: queue.url });
    assert.equal(Messages, undefined, "the others were not wanted");
    await s3.putBucketNotificationConfiguration({ Bucket, NotificationConfiguration: {} });
    assert.equal((await s3.getBucketNotificationConfiguration({ Bucket })).QueueConfigurations, undefined);
  });

  test("refuses destinations that it cannot write to, and configurations that overlap", async () => {
    const Bucket = "refused";
    await s3.createBucket({ Bucket });
    const put = (...QueueConfigurations: object[]) =>
      s3.putBucketNotificationConfiguration({ Bucket, NotificationConfiguration: { QueueConfigurations } as never });
    const closed = await newQueue("closed");
    const Events = ["s3:ObjectCreated:*"];
    const unreachable = refused("InvalidArgument", /Unable to validate the following destination configurations/);
    await assert.rejects(put({ QueueArn: closed.arn, Events }), unreachable);
    await assert.rejects(put({ QueueArn: `${closed.arn}-not-there`, Events }), unreachable);
    await assert.rejects(put({ QueueArn: "nonsense", Events }), unreachable);
    const open = await newQueue("open", "s3.amazonaws.com", `arn:aws:s3:::${Bucket}`);
    await assert.rejects(
      put({ QueueArn: open.arn, Events: ["s3:Nonsense"] }),
      refused("InvalidArgument", /not supported for notifications/),
    );
    await assert.rejects(
      put({ QueueArn: open.arn, Events }, { QueueArn: open.arn, Events: ["s3:ObjectCreated:Put"] }),
      refused("InvalidArgument", /Configurations overlap/),
    );
  });
});

test("CloudTrail tells its topic of every log file", { timeout: 120_000 }, async () => {
  const trails = new CloudTrail(instance.client);
  const Bucket = "trail-logs";
  await s3.createBucket({ Bucket });
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: "cloudtrail.amazonaws.com" },
        Action: "s3:GetBucketAcl",
        Resource: `arn:aws:s3:::${Bucket}`,
      },
      {
        Effect: "Allow",
        Principal: { Service: "cloudtrail.amazonaws.com" },
        Action: "s3:PutObject",
        Resource: `arn:aws:s3:::${Bucket}/*`,
      },
    ],
  });
  await s3.putBucketPolicy({ Bucket, Policy });
  const TopicArn = (await sns.createTopic({ Name: "log-files" })).TopicArn!;
  const create = () => trails.createTrail({ Name: "told", S3BucketName: Bucket, SnsTopicName: "log-files" });
  await assert.rejects(create(), refused("InsufficientSnsTopicPolicyException", /topic policy is incorrect/));
  const source = `arn:aws:cloudtrail:*:${instance.ready.accountId}:trail/told`;
  const AttributeValue = allow("cloudtrail.amazonaws.com", "sns:Publish", TopicArn, source);
  await sns.setTopicAttributes({ TopicArn, AttributeName: "Policy", AttributeValue });
  const queue = await newQueue("log-files", "sns.amazonaws.com", TopicArn);
  await sns.subscribe({
    TopicArn,
    Protocol: "sqs",
    Endpoint: queue.arn,
    Attributes: {
      RawMessageDelivery: "true",
      FilterPolicyScope: "MessageBody",
      FilterPolicy: JSON.stringify({ s3Bucket: [Bucket] }),
    },
  });
  const trail = await create();
  assert.equal(trail.SnsTopicARN, TopicArn);
  await trails.startLogging({ Name: "told" });
  await sqs.createQueue({ QueueName: "recorded" });
  const told = await next(queue.url);
  const { Body } = await s3.getObject({ Bucket, Key: told["s3ObjectKey"][0] });
  assert.ok((await Body!.transformToByteArray()).length > 0, "the file is there");
  await eventually(async () => (await trails.getTrailStatus({ Name: "told" })).LatestNotificationTime);
});
