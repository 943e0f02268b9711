/** SQS through unmodified clients: the AWS SDK for JavaScript, raw query requests, the AWS CLI and Terraform. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { SQS, type Message } from "@aws-sdk/client-sqs";
import { Organizations } from "@aws-sdk/client-organizations";
import { STS } from "@aws-sdk/client-sts";
import { eventually, type Instance, repository, startInstance } from "../instance.ts";

let instance: Instance;
let dataDir: string;
let sqs: SQS;
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "jikimi-sqs-"));
  instance = await startInstance({ dataDir, args: ["--adjustable-clock"] });
  sqs = new SQS(instance.client);
});
after(async () => {
  await instance?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

function moveClock(by: string): void {
  const main = join(repository, "src/cli/main.ts");
  const run = spawnSync(process.execPath, ["--no-warnings", main, "--data", dataDir, "time", by], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
}

let queues = 0;
async function newQueue(Attributes: Record<string, string> = {}): Promise<string> {
  const QueueName = `q${++queues}${Attributes["FifoQueue"] ? ".fifo" : ""}`;
  return (await sqs.createQueue({ QueueName, Attributes })).QueueUrl!;
}
const newFifo = (more: Record<string, string> = {}) =>
  newQueue({ FifoQueue: "true", ContentBasedDeduplication: "true", ...more });

async function arnOf(QueueUrl: string): Promise<string> {
  return (await attributes(QueueUrl))["QueueArn"]!;
}
async function attributes(QueueUrl: string): Promise<Record<string, string>> {
  return (await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["All"] })).Attributes as Record<string, string>;
}
async function receive(QueueUrl: string, more: Partial<Parameters<SQS["receiveMessage"]>[0]> = {}): Promise<Message[]> {
  return (await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10, ...more })).Messages ?? [];
}
const bodies = (messages: Message[]) => messages.map(({ Body }) => Body);

const refused = (name: string, message?: RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  if (message) assert.match(error.message, message);
  return true;
};

describe("a standard queue", () => {
  test("gives a message once, with its attributes, and no more once it is deleted", async () => {
    const QueueUrl = await newQueue();
    // The SDK checks both digests itself.
    const sent = await sqs.sendMessage({
      QueueUrl,
      MessageBody: "안녕",
      MessageAttributes: {
        text: { DataType: "String", StringValue: "값" },
        number: { DataType: "Number.int", StringValue: "42" },
        bytes: { DataType: "Binary", BinaryValue: Buffer.from([0, 255]) },
      },
      MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: "Root=1-a" } },
    });
    assert.equal(sent.MD5OfMessageBody, createHash("md5").update("안녕").digest("hex"));
    const [message, ...more] = await receive(QueueUrl, {
      MessageAttributeNames: ["All"],
      MessageSystemAttributeNames: ["All"],
    });
    assert.equal(more.length, 0);
    assert.equal(message!.Body, "안녕");
    assert.deepEqual([...message!.MessageAttributes!["bytes"]!.BinaryValue!], [0, 255]);
    assert.equal(message!.MessageAttributes!["number"]!.DataType, "Number.int");
    assert.equal(message!.Attributes!.AWSTraceHeader, "Root=1-a");
    assert.equal(message!.Attributes!.ApproximateReceiveCount, "1");
    assert.deepEqual(await receive(QueueUrl), [], "it is in flight");
    assert.equal((await attributes(QueueUrl))["ApproximateNumberOfMessagesNotVisible"], "1");
    await sqs.deleteMessage({ QueueUrl, ReceiptHandle: message!.ReceiptHandle! });
    await sqs.deleteMessage({ QueueUrl, ReceiptHandle: message!.ReceiptHandle! });
    assert.equal((await attributes(QueueUrl))["ApproximateNumberOfMessagesNotVisible"], "0");
  });

  test("shows it again after the visibility timeout, under another handle; the old one deletes nothing", async () => {
    const QueueUrl = await newQueue();
    await sqs.sendMessage({ QueueUrl, MessageBody: "a" });
    const [first] = await receive(QueueUrl, { VisibilityTimeout: 40_000 });
    await sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle: first!.ReceiptHandle!, VisibilityTimeout: 0 });
    const [second] = await receive(QueueUrl, { MessageSystemAttributeNames: ["ApproximateReceiveCount"] });
    assert.equal(second!.MessageId, first!.MessageId);
    assert.equal(second!.Attributes!.ApproximateReceiveCount, "2");
    assert.notEqual(second!.ReceiptHandle, first!.ReceiptHandle);
    await sqs.deleteMessage({ QueueUrl, ReceiptHandle: first!.ReceiptHandle! });
    await assert.rejects(
      sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle: first!.ReceiptHandle!, VisibilityTimeout: 5 }),
      refused("InvalidParameterValue", /not available for visibility timeout change/),
    );
    await assert.rejects(
      sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle: second!.ReceiptHandle!, VisibilityTimeout: 43_201 }),
      refused("InvalidParameterValue"),
    );
    await sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle: second!.ReceiptHandle!, VisibilityTimeout: 0 });
    await assert.rejects(
      sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle: second!.ReceiptHandle!, VisibilityTimeout: 1 }),
      refused("MessageNotInflight"),
    );
    const [third] = await receive(QueueUrl);
    await sqs.deleteMessage({ QueueUrl, ReceiptHandle: third!.ReceiptHandle! });
    assert.deepEqual(await receive(QueueUrl), []);
  });

  test("wakes every waiting receiver at once; each message goes to one", async () => {
    const QueueUrl = await newQueue();
    const clients = Array.from({ length: 5 }, () => new SQS(instance.client));
    const waiting = clients.map((client) => client.receiveMessage({ QueueUrl, WaitTimeSeconds: 20 }));
    // They wait: none has been answered by the time another call of each client's peer has.
    await attributes(QueueUrl);
    const started = performance.now();
    await sqs.sendMessageBatch({
      QueueUrl,
      Entries: clients.map((_, i) => ({ Id: String(i), MessageBody: `m${i}` })),
    });
    const got = await Promise.all(waiting);
    assert.ok(performance.now() - started < 10_000, "nobody waited out its twenty seconds");
    assert.deepEqual(got.flatMap(({ Messages }) => bodies(Messages ?? [])).toSorted(), ["m0", "m1", "m2", "m3", "m4"]);
  });

  test("hides a delayed message, and one whose queue delays, until its time", async () => {
    const QueueUrl = await newQueue({ DelaySeconds: "600" });
    await sqs.sendMessage({ QueueUrl, MessageBody: "queue" });
    await sqs.sendMessage({ QueueUrl, MessageBody: "now", DelaySeconds: 0 });
    assert.deepEqual(bodies(await receive(QueueUrl)), ["now"]);
    const shown = await attributes(QueueUrl);
    assert.equal(shown["ApproximateNumberOfMessagesDelayed"], "1");
    await assert.rejects(
      sqs.sendMessage({ QueueUrl, MessageBody: "x", DelaySeconds: 901 }),
      refused("InvalidParameterValue"),
    );
    moveClock("+11m");
    await eventually(async () => (await receive(QueueUrl)).some(({ Body }) => Body === "queue"));
  });

  test("keeps a message no longer than its retention, and a changed retention holds for what is there", async () => {
    const QueueUrl = await newQueue({ MessageRetentionPeriod: "7200" });
    await sqs.sendMessage({ QueueUrl, MessageBody: "x".repeat(10_000) });
    await sqs.setQueueAttributes({ QueueUrl, Attributes: { MessageRetentionPeriod: "86400" } });
    const shortLived = await newQueue({ MessageRetentionPeriod: "7200" });
    await sqs.sendMessage({ QueueUrl: shortLived, MessageBody: "gone" });
    // The job has done its work when it has removed its task; seen from outside when the message outlives the old period.
    await new Promise((resolve) => setTimeout(resolve, 6000));
    moveClock("+3h");
    await eventually(async () => (await attributes(shortLived))["ApproximateNumberOfMessages"] === "0");
    assert.equal((await receive(QueueUrl)).length, 1);
  });

  test("refuses what it cannot keep", async () => {
    const QueueUrl = await newQueue({ MaximumMessageSize: "1024" });
    const send = (more: object) => sqs.sendMessage({ QueueUrl, MessageBody: "a", ...more });
    await assert.rejects(
      send({ MessageBody: "a".repeat(1025) }),
      refused("InvalidParameterValue", /shorter than 1024 bytes/),
    );
    await assert.rejects(send({ MessageBody: "\u0000" }), refused("InvalidMessageContents"));
    await assert.rejects(send({ MessageBody: "" }), refused("MissingParameter"));
    await assert.rejects(
      send({ MessageDeduplicationId: "d" }),
      refused("InvalidParameterValue", /not valid for this queue type/),
    );
    const attribute = (name: string, value: object) => send({ MessageAttributes: { [name]: value } });
    await assert.rejects(
      attribute("AWS.x", { DataType: "String", StringValue: "v" }),
      refused("InvalidParameterValue"),
    );
    await assert.rejects(
      attribute("x", { DataType: "Str", StringValue: "v" }),
      refused("InvalidParameterValue", /supported type prefixes/),
    );
    await assert.rejects(
      attribute("x", { DataType: "Number", StringValue: "v" }),
      refused("InvalidParameterValue", /Can't cast/),
    );
    await assert.rejects(
      attribute("x", { DataType: "String" }),
      refused("InvalidParameterValue", /non-empty message attribute value/),
    );
    await assert.rejects(
      receive(QueueUrl, { MaxNumberOfMessages: 11 }),
      refused("InvalidParameterValue", /between 1 and 10/),
    );
    await assert.rejects(receive(QueueUrl, { WaitTimeSeconds: 21 }), refused("InvalidParameterValue"));
    await assert.rejects(sqs.deleteMessage({ QueueUrl, ReceiptHandle: "junk" }), refused("ReceiptHandleIsInvalid"));
    await assert.rejects(sqs.sendMessage({ QueueUrl: "nonsense", MessageBody: "a" }), refused("InvalidAddress"));
    await assert.rejects(sqs.sendMessageBatch({ QueueUrl, Entries: [] }), refused("EmptyBatchRequest"));
    const entry = (Id: string) => ({ Id, MessageBody: "a" });
    await assert.rejects(
      sqs.sendMessageBatch({ QueueUrl, Entries: [entry("a"), entry("a")] }),
      refused("BatchEntryIdsNotDistinct"),
    );
    await assert.rejects(sqs.sendMessageBatch({ QueueUrl, Entries: [entry("a:b")] }), refused("InvalidBatchEntryId"));
    const eleven = Array.from({ length: 11 }, (_, i) => entry(String(i)));
    await assert.rejects(
      sqs.sendMessageBatch({ QueueUrl, Entries: eleven }),
      refused("TooManyEntriesInBatchRequest", /You have sent 11/),
    );
    const mixed = await sqs.sendMessageBatch({
      QueueUrl,
      Entries: [entry("good"), { Id: "bad", MessageBody: "\u0001" }],
    });
    assert.deepEqual(
      mixed.Successful?.map(({ Id }) => Id),
      ["good"],
    );
    assert.deepEqual(
      mixed.Failed?.map(({ Id, SenderFault }) => [Id, SenderFault]),
      [["bad", true]],
    );
    const big = await newQueue();
    await sqs.sendMessage({ QueueUrl: big, MessageBody: "b".repeat(1024 * 1024) });
    assert.equal((await receive(big))[0]!.Body!.length, 1024 * 1024);
    const half = "c".repeat(600 * 1024);
    await assert.rejects(
      sqs.sendMessageBatch({
        QueueUrl: big,
        Entries: [
          { Id: "1", MessageBody: half },
          { Id: "2", MessageBody: half },
        ],
      }),
      refused("BatchRequestTooLong"),
    );
  });

  test("is emptied by a purge, once a minute", async () => {
    const QueueUrl = await newQueue();
    await sqs.sendMessage({ QueueUrl, MessageBody: "a" });
    const [held] = await receive(QueueUrl, { VisibilityTimeout: 1 });
    await sqs.sendMessage({ QueueUrl, MessageBody: "b" });
    await sqs.purgeQueue({ QueueUrl });
    assert.deepEqual(await receive(QueueUrl), []);
    await sqs.deleteMessage({ QueueUrl, ReceiptHandle: held!.ReceiptHandle! });
    await assert.rejects(sqs.purgeQueue({ QueueUrl }), refused("PurgeQueueInProgress", /every 60 seconds/));
    await sqs.sendMessage({ QueueUrl, MessageBody: "c" });
    assert.deepEqual(bodies(await receive(QueueUrl)), ["c"]);
  });
});

describe("a FIFO queue", () => {
  test("keeps the order of a group, and holds it back while any of it is in flight", async () => {
    const QueueUrl = await newFifo();
    for (const body of ["a1", "a2", "b1", "a3"]) {
      await sqs.sendMessage({ QueueUrl, MessageBody: body, MessageGroupId: body[0]! });
    }
    const first = await receive(QueueUrl, { MaxNumberOfMessages: 2, MessageSystemAttributeNames: ["All"] });
    assert.deepEqual(bodies(first), ["a1", "a2"]);
    assert.ok(first[0]!.Attributes!.SequenceNumber! < first[1]!.Attributes!.SequenceNumber!);
    assert.deepEqual(bodies(await receive(QueueUrl)), ["b1"], "a3 waits for its group");
    await sqs.deleteMessage({ QueueUrl, ReceiptHandle: first[0]!.ReceiptHandle! });
    assert.deepEqual(await receive(QueueUrl), []);
    await sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle: first[1]!.ReceiptHandle!, VisibilityTimeout: 0 });
    assert.deepEqual(bodies(await receive(QueueUrl)), ["a2", "a3"]);
    await assert.rejects(
      sqs.deleteMessage({ QueueUrl, ReceiptHandle: first[1]!.ReceiptHandle! }),
      refused("InvalidParameterValue", /The receipt handle has expired/),
    );
  });

  test("accepts a message once in five minutes", async () => {
    const QueueUrl = await newFifo();
    const send = (MessageBody: string, more: object = {}) =>
      sqs.sendMessage({ QueueUrl, MessageBody, MessageGroupId: "g", ...more });
    const first = await send("same");
    const again = await send("same");
    assert.equal(again.MessageId, first.MessageId);
    assert.equal(again.SequenceNumber, first.SequenceNumber);
    await send("other", { MessageDeduplicationId: "d" });
    await send("third", { MessageDeduplicationId: "d" });
    assert.deepEqual(bodies(await receive(QueueUrl)), ["same", "other"]);
    moveClock("+6m");
    await eventually(async () => (await send("same")).MessageId !== first.MessageId);
    const strict = await newQueue({ FifoQueue: "true" });
    await assert.rejects(
      sqs.sendMessage({ QueueUrl: strict, MessageBody: "a", MessageGroupId: "g" }),
      refused("InvalidParameterValue", /ContentBasedDeduplication enabled or MessageDeduplicationId provided/),
    );
    await assert.rejects(
      sqs.sendMessage({ QueueUrl, MessageBody: "a" }),
      refused("MissingParameter", /MessageGroupId/),
    );
    await assert.rejects(
      send("a", { DelaySeconds: 2 }),
      refused("InvalidParameterValue", /not valid for this queue type/),
    );
  });

  test("with the scope messageGroup, the same content is another message in another group", async () => {
    const QueueUrl = await newFifo({ DeduplicationScope: "messageGroup", FifoThroughputLimit: "perMessageGroupId" });
    for (const MessageGroupId of ["a", "b", "a"]) await sqs.sendMessage({ QueueUrl, MessageBody: "x", MessageGroupId });
    assert.equal((await receive(QueueUrl)).length, 2);
  });

  test("answers a repeated receive attempt with the same messages", async () => {
    const QueueUrl = await newFifo();
    await sqs.sendMessage({ QueueUrl, MessageBody: "a", MessageGroupId: "g" });
    const [first] = await receive(QueueUrl, { ReceiveRequestAttemptId: "one" });
    const [again] = await receive(QueueUrl, { ReceiveRequestAttemptId: "one" });
    assert.equal(again!.ReceiptHandle, first!.ReceiptHandle);
    assert.deepEqual(await receive(QueueUrl, { ReceiveRequestAttemptId: "two" }), []);
  });

  test("keeps order under concurrent senders and receivers", async () => {
    const QueueUrl = await newFifo();
    const groups = ["a", "b", "c"];
    await Promise.all(
      groups.map(async (MessageGroupId) => {
        for (let i = 0; i < 15; i++) {
          await sqs.sendMessage({
            QueueUrl,
            MessageBody: `${MessageGroupId}${String(i).padStart(2, "0")}`,
            MessageGroupId,
          });
        }
      }),
    );
    const seen: string[] = [];
    await Promise.all(
      [1, 2, 3, 4].map(async (most) => {
        while (seen.length < 45) {
          const messages = await receive(QueueUrl, { MaxNumberOfMessages: most, WaitTimeSeconds: 1 });
          for (const { Body, ReceiptHandle } of messages) {
            seen.push(Body!);
            await sqs.deleteMessage({ QueueUrl, ReceiptHandle: ReceiptHandle! });
          }
        }
      }),
    );
    for (const group of groups) {
      const order = seen.filter((body) => body.startsWith(group));
      assert.deepEqual(order, order.toSorted());
      assert.equal(order.length, 15);
    }
  });
});

describe("dead-letter queues", () => {
  for (const fifo of [false, true]) {
    test(`set aside what was received too often, and bring it back (${fifo ? "FIFO" : "standard"})`, async () => {
      const make = fifo ? newFifo : newQueue;
      const group = fifo ? { MessageGroupId: "g" } : {};
      const dead = await make();
      const deadLetterTargetArn = await arnOf(dead);
      const QueueUrl = await make({ RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 }) });
      await sqs.sendMessage({ QueueUrl, MessageBody: "p".repeat(fifo ? 1 : 9000), ...group });
      const [poison] = await receive(QueueUrl);
      await sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle: poison!.ReceiptHandle!, VisibilityTimeout: 0 });
      assert.deepEqual(await receive(QueueUrl), []);
      const [aside] = await receive(dead, { MessageSystemAttributeNames: ["All"], VisibilityTimeout: 60 });
      assert.equal(aside!.MessageId, poison!.MessageId);
      assert.equal(aside!.Attributes!["DeadLetterQueueSourceArn"], await arnOf(QueueUrl));
      assert.equal(aside!.Body!.length, poison!.Body!.length);
      await sqs.changeMessageVisibility({ QueueUrl: dead, ReceiptHandle: aside!.ReceiptHandle!, VisibilityTimeout: 0 });
      const sources = await sqs.listDeadLetterSourceQueues({ QueueUrl: dead });
      assert.deepEqual(sources.queueUrls, [QueueUrl]);
      await sqs.startMessageMoveTask({ SourceArn: deadLetterTargetArn });
      const done = await eventually(async () => {
        const { Results } = await sqs.listMessageMoveTasks({ SourceArn: deadLetterTargetArn });
        return Results![0]!.Status === "COMPLETED" && Results![0];
      });
      assert.equal(done.ApproximateNumberOfMessagesMoved, 1);
      const [back] = await receive(QueueUrl, { MessageSystemAttributeNames: ["All"] });
      assert.equal(back!.MessageId, poison!.MessageId);
      assert.equal(back!.Attributes!["DeadLetterQueueSourceArn"], undefined);
    });
  }

  test("are held to the rules", async () => {
    const RedrivePolicy = (deadLetterTargetArn: string, maxReceiveCount: unknown = 1) =>
      JSON.stringify({ deadLetterTargetArn, maxReceiveCount });
    await assert.rejects(
      newQueue({ RedrivePolicy: RedrivePolicy("dummy", 42) }),
      refused("InvalidParameterValue", /Invalid value for deadLetterTargetArn/),
    );
    const closed = await newQueue({ RedriveAllowPolicy: JSON.stringify({ redrivePermission: "denyAll" }) });
    const arn = await arnOf(closed);
    await assert.rejects(
      newQueue({ RedrivePolicy: RedrivePolicy(arn) }),
      refused("InvalidParameterValue", /not allowed/),
    );
    await assert.rejects(newFifo({ RedrivePolicy: RedrivePolicy(arn) }), refused("InvalidParameterValue", /same type/));
    await assert.rejects(
      newQueue({ RedrivePolicy: RedrivePolicy(`${arn}x`) }),
      refused("InvalidParameterValue", /does not exist/),
    );
    await assert.rejects(newQueue({ RedrivePolicy: RedrivePolicy(arn, 1001) }), refused("InvalidParameterValue"));
    await assert.rejects(
      sqs.startMessageMoveTask({ SourceArn: arn }),
      refused("InvalidParameterValue", /must be configured as a Dead Letter Queue/),
    );
    await assert.rejects(sqs.startMessageMoveTask({ SourceArn: `${arn}x` }), refused("ResourceNotFoundException"));
  });
});

describe("queues", () => {
  test("are created once, changed, listed and deleted", async () => {
    const QueueName = "once";
    const { QueueUrl } = await sqs.createQueue({ QueueName, Attributes: { DelaySeconds: "3" }, tags: { team: "a" } });
    assert.equal((await sqs.createQueue({ QueueName, Attributes: { DelaySeconds: "3" } })).QueueUrl, QueueUrl);
    await assert.rejects(
      sqs.createQueue({ QueueName, Attributes: { DelaySeconds: "4" } }),
      refused("QueueNameExists", /different value for attribute DelaySeconds/),
    );
    assert.equal((await sqs.getQueueUrl({ QueueName })).QueueUrl, QueueUrl);
    assert.deepEqual((await sqs.listQueueTags({ QueueUrl })).Tags, { team: "a" });
    await sqs.tagQueue({ QueueUrl, Tags: { more: "b" } });
    await sqs.untagQueue({ QueueUrl, TagKeys: ["team"] });
    assert.deepEqual((await sqs.listQueueTags({ QueueUrl })).Tags, { more: "b" });
    const page = await sqs.listQueues({ MaxResults: 1 });
    assert.equal(page.QueueUrls?.length, 1);
    assert.notEqual(
      (await sqs.listQueues({ MaxResults: 1, NextToken: page.NextToken! })).QueueUrls![0],
      page.QueueUrls![0],
    );
    assert.deepEqual((await sqs.listQueues({ QueueNamePrefix: "onc" })).QueueUrls, [QueueUrl]);
    await sqs.deleteQueue({ QueueUrl: QueueUrl! });
    await assert.rejects(sqs.getQueueUrl({ QueueName }), refused("QueueDoesNotExist"));
    await assert.rejects(sqs.createQueue({ QueueName }), refused("QueueDeletedRecently"));
    const refuse = (Attributes: Record<string, string>, name: string, QueueName = "bad") =>
      assert.rejects(sqs.createQueue({ QueueName, Attributes }), refused(name));
    await refuse({ VisibilityTimeout: "43201" }, "InvalidAttributeValue");
    await refuse({ Nonsense: "1" }, "InvalidAttributeName");
    await refuse({ Policy: "{}" }, "InvalidAttributeValue");
    await refuse({ KmsMasterKeyId: "alias/aws/sqs", SqsManagedSseEnabled: "true" }, "InvalidAttributeName");
    await refuse({ FifoQueue: "true" }, "InvalidParameterValue");
    await refuse({}, "InvalidParameterValue", "bad.fifo");
    await refuse({}, "InvalidParameterValue", "bad name");
  });
});

async function userClient(name: string, ...Statement: object[]): Promise<{ client: SQS; arn: string }> {
  const iam = new IAM(instance.client);
  const { User } = await iam.createUser({ UserName: name });
  if (Statement.length > 0) {
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await iam.putUserPolicy({ UserName: name, PolicyName: "test", PolicyDocument });
  }
  const { AccessKey } = await iam.createAccessKey({ UserName: name });
  const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  return { client: new SQS({ ...instance.client, credentials }), arn: User!.Arn! };
}

describe("permissions", () => {
  test("come from identity policies or from the queue policy", async () => {
    const QueueUrl = await newQueue();
    const Resource = await arnOf(QueueUrl);
    const { client, arn } = await userClient("reader", { Effect: "Allow", Action: "sqs:ReceiveMessage", Resource });
    await client.receiveMessage({ QueueUrl });
    await assert.rejects(
      client.sendMessage({ QueueUrl, MessageBody: "a" }),
      refused("AccessDenied", /sqs:SendMessage/i),
    );
    await assert.rejects(
      client.sendMessageBatch({ QueueUrl, Entries: [{ Id: "a", MessageBody: "a" }] }),
      refused("AccessDenied"),
    );
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: arn }, Action: "sqs:SendMessage", Resource }],
    });
    await sqs.setQueueAttributes({ QueueUrl, Attributes: { Policy } });
    await client.sendMessage({ QueueUrl, MessageBody: "a" });
    await sqs.setQueueAttributes({ QueueUrl, Attributes: { Policy: "" } });
    await assert.rejects(client.sendMessage({ QueueUrl, MessageBody: "a" }), refused("AccessDenied"));
  });

  test("reach another account only through the queue policy", async () => {
    const organizations = new Organizations(instance.client);
    await organizations.createOrganization({ FeatureSet: "ALL" });
    const { CreateAccountStatus } = await organizations.createAccount({
      AccountName: "other",
      Email: "other@example.com",
    });
    const account = await eventually(async () => {
      const status = await organizations.describeCreateAccountStatus({
        CreateAccountRequestId: CreateAccountStatus!.Id!,
      });
      return status.CreateAccountStatus?.State === "SUCCEEDED" && status.CreateAccountStatus.AccountId!;
    });
    const { Credentials } = await new STS(instance.client).assumeRole({
      RoleArn: `arn:aws:iam::${account}:role/OrganizationAccountAccessRole`,
      RoleSessionName: "test",
    });
    const other = new SQS({
      ...instance.client,
      credentials: {
        accessKeyId: Credentials!.AccessKeyId!,
        secretAccessKey: Credentials!.SecretAccessKey!,
        sessionToken: Credentials!.SessionToken!,
      },
    });
    const QueueUrl = await newQueue();
    await assert.rejects(other.sendMessage({ QueueUrl, MessageBody: "a" }), refused("AccessDenied"));
    await sqs.addPermission({ QueueUrl, Label: "share", AWSAccountIds: [account], Actions: ["SendMessage"] });
    await assert.rejects(
      sqs.addPermission({ QueueUrl, Label: "share", AWSAccountIds: [account], Actions: ["SendMessage"] }),
      refused("InvalidParameterValue", /Already exists/),
    );
    await other.sendMessage({ QueueUrl, MessageBody: "from outside" });
    assert.deepEqual(bodies(await receive(QueueUrl)), ["from outside"]);
    await assert.rejects(other.receiveMessage({ QueueUrl }), refused("AccessDenied"));
    await sqs.removePermission({ QueueUrl, Label: "share" });
    await assert.rejects(other.sendMessage({ QueueUrl, MessageBody: "a" }), refused("AccessDenied"));
  });
});

describe("encryption", () => {
  test("leaves no body in the data folder", async () => {
    const QueueUrl = await newQueue();
    await sqs.sendMessage({ QueueUrl, MessageBody: "canary-5f0c2b6f" });
    const files = await readdir(dataDir, { recursive: true, withFileTypes: true });
    for (const file of files.filter((each) => each.isFile())) {
      const bytes = await readFile(join(file.parentPath, file.name));
      assert.equal(bytes.includes("canary-5f0c2b6f"), false, file.name);
    }
    assert.deepEqual(bodies(await receive(QueueUrl)), ["canary-5f0c2b6f"]);
  });

  test("with a KMS key: unreadable once the key is disabled and the period is over", async () => {
    const kms = new KMS(instance.client);
    const { KeyMetadata } = await kms.createKey({});
    const KeyId = KeyMetadata!.KeyId!;
    const QueueUrl = await newQueue({
      KmsMasterKeyId: KeyId,
      KmsDataKeyReusePeriodSeconds: "60",
      VisibilityTimeout: "0",
    });
    await sqs.sendMessage({ QueueUrl, MessageBody: "secret" });
    assert.deepEqual(bodies(await receive(QueueUrl)), ["secret"]);
    await kms.disableKey({ KeyId });
    moveClock("+2m");
    await eventually(() =>
      receive(QueueUrl).then(
        () => false,
        (error: Error) => error.name === "KmsDisabled",
      ),
    );
    await assert.rejects(sqs.sendMessage({ QueueUrl, MessageBody: "b" }), refused("KmsDisabled"));
    const { client } = await userClient("nokey", { Effect: "Allow", Action: "sqs:*", Resource: "*" });
    await kms.enableKey({ KeyId });
    await assert.rejects(client.receiveMessage({ QueueUrl }), refused("KmsAccessDenied"));
    assert.deepEqual(bodies(await receive(QueueUrl)), ["secret"]);
  });
});

test("a long poll does not hold up the end of the installation", async () => {
  const other = await startInstance();
  const client = new SQS(other.client);
  const { QueueUrl } = await client.createQueue({ QueueName: "waiting" });
  const poll = client.receiveMessage({ QueueUrl, WaitTimeSeconds: 20 });
  await client.getQueueAttributes({ QueueUrl, AttributeNames: ["All"] });
  const started = performance.now();
  await other.stop();
  assert.ok(performance.now() - started < 15_000);
  assert.equal((await poll.catch(() => ({ Messages: undefined }))).Messages, undefined);
});

describe("other clients", () => {
  test("the query protocol, with a receive and an error", { skip: !has("aws") && "no AWS CLI" }, async () => {
    const QueueUrl = await newQueue();
    const query = `
import json, sys
from botocore.awsrequest import AWSRequest
from botocore.auth import SigV4Auth
from botocore.session import Session
import urllib.request, urllib.parse
url, region = sys.argv[1], sys.argv[2]
session = Session()
def call(target, **params):
    body = urllib.parse.urlencode({"Version": "2012-11-05", **params})
    request = AWSRequest(method="POST", url=target, data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    SigV4Auth(session.get_credentials(), "sqs", region).add_auth(request)
    prepared = request.prepare()
    try:
        return urllib.request.urlopen(urllib.request.Request(prepared.url, data=body.encode(), headers=dict(prepared.headers.items()))).read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()
print(call(url, Action="SendMessage", QueueUrl=url, MessageBody="old", **{"MessageAttribute.1.Name": "n", "MessageAttribute.1.Value.DataType": "String", "MessageAttribute.1.Value.StringValue": "v"}))
print(call(url, Action="ReceiveMessage", QueueUrl=url, **{"MessageAttributeName.1": "All", "AttributeName.1": "All"}))
print(call(url, Action="SendMessage", QueueUrl=url + "nope", MessageBody="old"))
`;
    const file = join(dataDir, "query.py");
    await writeFile(file, query);
    const run = spawnSync("python3", [file, QueueUrl, instance.ready.region], {
      encoding: "utf8",
      env: { ...process.env, ...instance.env() },
    });
    if (/ModuleNotFoundError/.test(run.stderr)) return;
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.stdout, /<SendMessageResult><MD5OfMessageBody>/);
    assert.match(run.stdout, /<Body>old<\/Body>/);
    assert.match(run.stdout, /<MessageAttribute><Name>n<\/Name><Value>/);
    assert.match(run.stdout, /<Attribute><Name>ApproximateReceiveCount<\/Name><Value>1<\/Value>/);
    assert.match(run.stdout, /AWS\.SimpleQueueService\.NonExistentQueue/);
  });

  test("the AWS CLI sends and receives", { skip: !has("aws") && "no AWS CLI" }, async () => {
    const QueueUrl = await newQueue();
    const aws = (...args: string[]) => {
      // Version 1 of the CLI overrides the environment for SQS in us-east-1.
      const given = ["--endpoint-url", instance.endpoint, "sqs", ...args];
      const run = spawnSync("aws", given, { encoding: "utf8", env: { ...process.env, ...instance.env() } });
      assert.equal(run.status, 0, run.stderr);
      return run.stdout === "" ? {} : (JSON.parse(run.stdout) as Record<string, never>);
    };
    aws("send-message", "--queue-url", QueueUrl, "--message-body", "cli");
    const { Messages } = aws("receive-message", "--queue-url", QueueUrl) as unknown as { Messages: Message[] };
    assert.equal(Messages[0]!.Body, "cli");
    aws("delete-message", "--queue-url", QueueUrl, "--receipt-handle", Messages[0]!.ReceiptHandle!);
  });
});

function has(program: string): boolean {
  return spawnSync(program, ["--version"]).error === undefined;
}
