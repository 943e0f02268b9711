/** SNS through unmodified clients, with queues and web servers that listen, and openssl as judge of the signatures. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { SNS } from "@aws-sdk/client-sns";
import { SQS, type Message } from "@aws-sdk/client-sqs";
import { eventually, type Instance, startInstance } from "../instance.ts";

let instance: Instance;
let dataDir: string;
let sns: SNS;
let sqs: SQS;
let mail: MailServer;
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "jikimi-sns-"));
  mail = await MailServer.listen();
  instance = await startInstance({ dataDir, env: { JIKIMI_SMTP: `smtp://127.0.0.1:${mail.port}` } });
  sns = new SNS(instance.client);
  sqs = new SQS(instance.client);
});
after(async () => {
  await instance?.stop();
  mail?.close();
  await rm(dataDir, { recursive: true, force: true });
});

const refused = (name: string, message?: RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  if (message) assert.match(error.message, message);
  return true;
};

let names = 0;
async function newTopic(Attributes: Record<string, string> = {}): Promise<string> {
  const Name = `t${++names}${Attributes["FifoTopic"] ? ".fifo" : ""}`;
  return (await sns.createTopic({ Name, Attributes })).TopicArn!;
}

/** A queue that the topic may send to. */
async function newQueue(topicArn: string, more: Record<string, string> = {}): Promise<{ url: string; arn: string }> {
  const QueueName = `s${++names}${more["FifoQueue"] ? ".fifo" : ""}`;
  const { QueueUrl } = await sqs.createQueue({ QueueName, Attributes: more });
  const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
  const arn = Attributes!["QueueArn"]!;
  const Statement = {
    Effect: "Allow",
    Principal: { Service: "sns.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: arn,
    Condition: { ArnEquals: { "aws:SourceArn": topicArn } },
  };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await sqs.setQueueAttributes({ QueueUrl: QueueUrl!, Attributes: { Policy } });
  return { url: QueueUrl!, arn };
}

async function subscribe(TopicArn: string, Endpoint: string, Attributes: Record<string, string> = {}): Promise<string> {
  const { SubscriptionArn } = await sns.subscribe({ TopicArn, Protocol: "sqs", Endpoint, Attributes });
  return SubscriptionArn!;
}

async function next(QueueUrl: string, count = 1): Promise<Message[]> {
  const all: Message[] = [];
  await eventually(async () => {
    const { Messages = [] } = await sqs.receiveMessage({
      QueueUrl,
      WaitTimeSeconds: 1,
      MaxNumberOfMessages: 10,
      MessageAttributeNames: ["All"],
      MessageSystemAttributeNames: ["All"],
    });
    all.push(...Messages);
    for (const { ReceiptHandle } of Messages) await sqs.deleteMessage({ QueueUrl, ReceiptHandle: ReceiptHandle! });
    return all.length >= count;
  });
  return all;
}

type Notification = Record<string, string>;
const parsed = (message: Message) => JSON.parse(message.Body!) as Notification;

interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

/** A web server that answers as it is told and keeps what it got. */
class Hook {
  readonly received: Received[] = [];
  answer: (received: Received, count: number) => number = () => 200;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const received = { headers: request.headers, body: Buffer.concat(chunks).toString() };
        this.received.push(received);
        const status = this.answer(received, this.received.length);
        // 0: never.
        if (status > 0) response.writeHead(status, { location: "/elsewhere" }).end();
      });
    });
  }

  static async listen(): Promise<Hook> {
    const hook = new Hook();
    await new Promise<void>((resolve) => hook.#server.listen(0, "127.0.0.1", resolve));
    return hook;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  ofType(type: string): Received[] {
    return this.received.filter(({ headers }) => headers["x-amz-sns-message-type"] === type);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Takes mail, as far as SMTP goes for that. */
class MailServer {
  readonly mails: { to: string; text: string }[] = [];
  readonly #server = createTcpServer((socket) => {
    let inData = false;
    let to = "";
    let buffer = "";
    let text = "";
    socket.on("error", () => {});
    socket.write("220 test\r\n");
    socket.on("data", (chunk: Buffer) => {
      buffer += chunk.toString();
      for (let end = buffer.indexOf("\r\n"); end >= 0; end = buffer.indexOf("\r\n")) {
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        if (inData && line === ".") {
          this.mails.push({ to, text });
          [inData, text] = [false, ""];
          socket.write("250 ok\r\n");
        } else if (inData) text += `${line}\n`;
        else if (line === "DATA") {
          inData = true;
          socket.write("354 go\r\n");
        } else if (line.startsWith("EHLO")) socket.write("250-test\r\n250 8BITMIME\r\n");
        else {
          if (line.startsWith("RCPT")) to = /<(.*)>/.exec(line)![1]!;
          socket.write("250 ok\r\n");
        }
      }
    });
  });

  static async listen(): Promise<MailServer> {
    const server = new MailServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }
}

/** What a verifier does, in its own words: the canonical string, the certificate, its issuer, the signature; by openssl. */
async function verify(message: Notification): Promise<void> {
  const names =
    message["Type"] === "Notification"
      ? ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
      : ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
  const canonical = names.filter((name) => name in message).map((name) => `${name}\n${message[name]}\n`);
  const url = new URL(message["SigningCertURL"]!);
  assert.equal(url.protocol, "https:");
  assert.match(url.pathname, /^\/SimpleNotificationService-[0-9a-f]{32}\.pem$/);
  const ca = await readFile(join(dataDir, "tls/ca.pem"), "utf8");
  const pem = spawnSync("curl", ["-sS", "--fail", "--cacert", join(dataDir, "tls/ca.pem"), url.href], {
    encoding: "utf8",
  });
  assert.equal(pem.status, 0, pem.stderr);
  const folder = await mkdtemp(join(tmpdir(), "jikimi-verify-"));
  const path = (name: string) => join(folder, name);
  await writeFile(path("ca.pem"), ca);
  await writeFile(path("cert.pem"), pem.stdout);
  await writeFile(path("text"), canonical.join(""));
  await writeFile(path("signature"), Buffer.from(message["Signature"]!, "base64"));
  await writeFile(path("key.pem"), new X509Certificate(pem.stdout).publicKey.export({ type: "spki", format: "pem" }));
  const openssl = (...args: string[]) => spawnSync("openssl", args, { encoding: "utf8" });
  const chain = openssl("verify", "-CAfile", path("ca.pem"), path("cert.pem"));
  assert.equal(chain.status, 0, chain.stdout + chain.stderr);
  const digest = message["SignatureVersion"] === "2" ? "-sha256" : "-sha1";
  const check = openssl("dgst", digest, "-verify", path("key.pem"), "-signature", path("signature"), path("text"));
  assert.equal(check.status, 0, check.stdout + check.stderr);
  await rm(folder, { recursive: true, force: true });
}

describe("topics", () => {
  test("are created once, changed, tagged, listed and deleted", async () => {
    const { TopicArn } = await sns.createTopic({ Name: "once", Tags: [{ Key: "k1", Value: "v1" }] });
    assert.match(TopicArn!, /^arn:aws:sns:[^:]+:\d{12}:once$/);
    assert.equal((await sns.createTopic({ Name: "once" })).TopicArn, TopicArn);
    await assert.rejects(
      sns.createTopic({ Name: "once", Attributes: { DisplayName: "other" } }),
      refused("InvalidParameterException", /Topic already exists with different attributes/),
    );
    await assert.rejects(
      sns.createTopic({ Name: "once", Tags: [{ Key: "k1", Value: "other" }] }),
      refused("InvalidParameterException", /Topic already exists with different tags/),
    );
    await sns.setTopicAttributes({ TopicArn: TopicArn!, AttributeName: "DisplayName", AttributeValue: "Name" });
    const { Attributes } = await sns.getTopicAttributes({ TopicArn: TopicArn! });
    assert.equal(Attributes!["DisplayName"], "Name");
    assert.equal(Attributes!["SubscriptionsConfirmed"], "0");
    assert.equal(JSON.parse(Attributes!["EffectiveDeliveryPolicy"]!).http.defaultHealthyRetryPolicy.numRetries, 3);
    assert.equal(JSON.parse(Attributes!["Policy"]!).Id, "__default_policy_ID");
    await sns.tagResource({ ResourceArn: TopicArn!, Tags: [{ Key: "k2", Value: "v2" }] });
    await sns.untagResource({ ResourceArn: TopicArn!, TagKeys: ["k1"] });
    assert.deepEqual((await sns.listTagsForResource({ ResourceArn: TopicArn! })).Tags, [{ Key: "k2", Value: "v2" }]);
    assert.ok((await sns.listTopics({})).Topics!.some((topic) => topic.TopicArn === TopicArn));
    await sns.deleteTopic({ TopicArn: TopicArn! });
    await sns.deleteTopic({ TopicArn: TopicArn! });
    await assert.rejects(
      sns.getTopicAttributes({ TopicArn: TopicArn! }),
      refused("NotFoundException", /Topic does not exist/),
    );
    await assert.rejects(sns.publish({ TopicArn: TopicArn!, Message: "a" }), refused("NotFoundException"));
    await assert.rejects(
      sns.publish({ TopicArn: "x", Message: "a" }),
      refused("InvalidParameterException", /at least 6 elements, not 1/),
    );
    for (const Name of ["", "a b", "x.fifo", "a".repeat(257)]) {
      await assert.rejects(sns.createTopic({ Name }), refused("InvalidParameterException"));
    }
  });

  test("refuse what nothing here does, with the reason", async () => {
    const TopicArn = await newTopic();
    const sub = (Protocol: string, Endpoint: string) => sns.subscribe({ TopicArn, Protocol, Endpoint });
    await assert.rejects(sub("sms", "+8210"), refused("InvalidParameterException", /text messages are not served/));
    await assert.rejects(sub("firehose", "arn:x"), refused("InvalidParameterException", /not served/));
    await assert.rejects(
      sub("pigeon", "x"),
      refused("InvalidParameterException", /Does not support this protocol string: pigeon/),
    );
    await assert.rejects(sub("sqs", "x"), refused("InvalidParameterException", /SQS endpoint ARN/));
    await assert.rejects(
      sub("http", "https://example.com"),
      refused("InvalidParameterException", /must match the specified protocol/),
    );
    await assert.rejects(
      sns.publish({ PhoneNumber: "+8210", Message: "a" }),
      refused("InvalidParameterException", /not served/),
    );
    await assert.rejects(sns.publish({ TopicArn, Message: "" }), refused("InvalidParameterException", /Empty message/));
    await assert.rejects(
      sns.publish({ TopicArn, Message: "a".repeat(262_145) }),
      refused("InvalidParameterException", /Message too long/),
    );
    await assert.rejects(
      sns.publish({ TopicArn, Message: "a", Subject: "a\nb" }),
      refused("InvalidParameterException", /Subject/),
    );
    await assert.rejects(
      sns.publish({ TopicArn, Message: "{}", MessageStructure: "json" }),
      refused("InvalidParameterException", /No default entry/),
    );
  });
});

describe("queues", () => {
  test("get the signed envelope, or the raw message", async () => {
    const TopicArn = await newTopic();
    const wrapped = await newQueue(TopicArn);
    const raw = await newQueue(TopicArn);
    await subscribe(TopicArn, wrapped.arn);
    await subscribe(TopicArn, raw.arn, { RawMessageDelivery: "true" });
    const attributes = {
      n: { DataType: "Number", StringValue: "7" },
      b: { DataType: "Binary", BinaryValue: Buffer.from("x") },
    };
    const { MessageId } = await sns.publish({
      TopicArn,
      Message: "메시지",
      Subject: "S",
      MessageAttributes: attributes,
    });
    const [message] = await next(wrapped.url);
    const envelope = parsed(message!);
    assert.equal(envelope["MessageId"], MessageId);
    assert.equal(envelope["Message"], "메시지");
    assert.equal(envelope["Subject"], "S");
    assert.deepEqual(envelope["MessageAttributes"], {
      n: { Type: "Number", Value: "7" },
      b: { Type: "Binary", Value: "eA==" },
    });
    await verify(envelope);
    const [plain] = await next(raw.url);
    assert.equal(plain!.Body, "메시지");
    assert.equal(plain!.MessageAttributes!["n"]!.StringValue, "7");
    assert.equal(plain!.Attributes!["SenderId"], "sns.amazonaws.com");
    await sns.setTopicAttributes({ TopicArn, AttributeName: "SignatureVersion", AttributeValue: "2" });
    await sns.publish({
      TopicArn,
      Message: JSON.stringify({ default: "d", sqs: "for queues" }),
      MessageStructure: "json",
    });
    const second = parsed((await next(wrapped.url))[0]!);
    assert.equal(second["SignatureVersion"], "2");
    assert.equal(second["Message"], "for queues");
    await verify(second);
  });

  test("get what their filter policy wants", async () => {
    const TopicArn = await newTopic();
    const byAttribute = await newQueue(TopicArn);
    const byBody = await newQueue(TopicArn);
    await subscribe(TopicArn, byAttribute.arn, {
      RawMessageDelivery: "true",
      FilterPolicy: JSON.stringify({ kind: [{ prefix: "a" }], size: [{ numeric: [">", 5] }], tags: ["x"] }),
    });
    await subscribe(TopicArn, byBody.arn, {
      RawMessageDelivery: "true",
      FilterPolicyScope: "MessageBody",
      FilterPolicy: JSON.stringify({ detail: { state: [{ "anything-but": "ok" }] } }),
    });
    const send = (Message: string, kind?: string, size?: string) =>
      sns.publish({
        TopicArn,
        Message,
        ...(kind === undefined
          ? {}
          : {
              MessageAttributes: {
                kind: { DataType: "String", StringValue: kind },
                size: { DataType: "Number", StringValue: size! },
                tags: { DataType: "String.Array", StringValue: '["x","y"]' },
              },
            }),
      });
    await send("no attributes");
    await send("too small", "abc", "5");
    await send("other kind", "b", "6");
    await send("wanted", "abc", "6");
    await send(JSON.stringify({ detail: { state: "ok" } }));
    await send(JSON.stringify({ detail: { state: "bad" } }));
    assert.deepEqual(
      (await next(byAttribute.url)).map(({ Body }) => Body),
      ["wanted"],
    );
    assert.deepEqual(
      (await next(byBody.url)).map(({ Body }) => Body),
      ['{"detail":{"state":"bad"}}'],
    );
    const bad = (FilterPolicy: object | string) =>
      assert.rejects(
        subscribe(TopicArn, byBody.arn.replace(/[^:]*$/, "other"), {
          FilterPolicy: typeof FilterPolicy === "string" ? FilterPolicy : JSON.stringify(FilterPolicy),
        }),
        refused("InvalidParameterException", /[Ff]ilter ?[Pp]olicy/),
      );
    await bad("{");
    await bad({ a: "b" });
    await bad({ a: [{ nope: 1 }] });
    await bad({ a: { b: ["c"] } });
    await bad({ a: ["1"], b: ["1"], c: ["1"], d: ["1"], e: ["1"], f: ["1"] });
    await bad({ a: Array.from({ length: 151 }, (_, i) => String(i)) });
  });

  test("that may not be sent to leave the message to the dead-letter queue", async () => {
    const TopicArn = await newTopic();
    const dead = await newQueue(TopicArn);
    const closed = await newQueue(`${TopicArn}-other`);
    await subscribe(TopicArn, closed.arn, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.arn }) });
    await sns.publish({ TopicArn, Message: "lost and found" });
    const [message] = await next(dead.url);
    assert.equal(parsed(message!)["Message"], "lost and found");
    assert.equal(message!.MessageAttributes!["ErrorCode"]!.StringValue, "AccessDenied");
    const { Messages } = await sqs.receiveMessage({ QueueUrl: closed.url });
    assert.equal(Messages, undefined);
  });

  test("of FIFO topics get groups in order, each message once", async () => {
    const TopicArn = await newTopic({ FifoTopic: "true", ContentBasedDeduplication: "true" });
    const queue = await newQueue(TopicArn, { FifoQueue: "true" });
    await subscribe(TopicArn, queue.arn, { RawMessageDelivery: "true" });
    for (let i = 0; i < 12; i++)
      await sns.publish({ TopicArn, Message: `m${String(i).padStart(2, "0")}`, MessageGroupId: "g" });
    const first = await sns.publish({ TopicArn, Message: "m00", MessageGroupId: "g" });
    assert.ok(first.SequenceNumber);
    const { Successful } = await sns.publishBatch({
      TopicArn,
      PublishBatchRequestEntries: ["m12", "m13"].map((Message) => ({ Id: Message, Message, MessageGroupId: "g" })),
    });
    assert.equal(Successful!.length, 2);
    const bodies = (await next(queue.url, 14)).map(({ Body }) => Body);
    assert.deepEqual(
      bodies,
      Array.from({ length: 14 }, (_, i) => `m${String(i).padStart(2, "0")}`),
    );
    await assert.rejects(
      sns.publish({ TopicArn, Message: "x" }),
      refused("InvalidParameterException", /MessageGroupId parameter is required/),
    );
    await assert.rejects(
      sns.subscribe({ TopicArn: await newTopic(), Protocol: "sqs", Endpoint: queue.arn }),
      refused("InvalidParameterException", /FIFO SQS Queues can not be subscribed to standard SNS topics/),
    );
  });

  test("are ended by unsubscribing, and with their topic", async () => {
    const TopicArn = await newTopic();
    const queue = await newQueue(TopicArn);
    const SubscriptionArn = await subscribe(TopicArn, queue.arn, { RawMessageDelivery: "true" });
    assert.equal(await subscribe(TopicArn, queue.arn), SubscriptionArn, "subscribing again is subscribing once");
    await assert.rejects(
      subscribe(TopicArn, queue.arn, { RawMessageDelivery: "false" }),
      refused("InvalidParameterException", /already exists with different attributes/),
    );
    const { Attributes } = await sns.getSubscriptionAttributes({ SubscriptionArn });
    assert.equal(Attributes!["PendingConfirmation"], "false");
    assert.equal(Attributes!["Protocol"], "sqs");
    assert.ok(
      (await sns.listSubscriptions({})).Subscriptions!.some((each) => each.SubscriptionArn === SubscriptionArn),
    );
    assert.equal((await sns.listSubscriptionsByTopic({ TopicArn })).Subscriptions!.length, 1);
    await sns.publish({ TopicArn, Message: "one" });
    assert.deepEqual(
      (await next(queue.url)).map(({ Body }) => Body),
      ["one"],
    );
    await sns.unsubscribe({ SubscriptionArn });
    await sns.unsubscribe({ SubscriptionArn });
    await assert.rejects(
      sns.getSubscriptionAttributes({ SubscriptionArn }),
      refused("NotFoundException", /Subscription does not exist/),
    );
    assert.equal((await sns.getTopicAttributes({ TopicArn })).Attributes!["SubscriptionsDeleted"], "1");
  });
});

describe("web endpoints", () => {
  test("are asked first, then get signed notifications, until they unsubscribe", async () => {
    const hook = await Hook.listen();
    const TopicArn = await newTopic();
    const { SubscriptionArn } = await sns.subscribe({ TopicArn, Protocol: "http", Endpoint: hook.url });
    assert.equal(SubscriptionArn, "pending confirmation");
    const asked = await eventually(async () => hook.ofType("SubscriptionConfirmation")[0]);
    const question = JSON.parse(asked.body) as Notification;
    await verify(question);
    await sns.publish({ TopicArn, Message: "too early" });
    const wrong = await fetch(question["SubscribeURL"]!.replace(question["Token"]!, "0".repeat(192)));
    assert.equal(wrong.status, 400);
    const confirmed = await fetch(question["SubscribeURL"]!);
    const answer = await confirmed.text();
    assert.equal(confirmed.status, 200, answer);
    const arn = /<SubscriptionArn>(.*)<\/SubscriptionArn>/.exec(answer)![1]!;
    await sns.publish({ TopicArn, Message: "hello", Subject: "Hi" });
    const notified = await eventually(async () => hook.ofType("Notification")[0]);
    assert.equal(notified.headers["x-amz-sns-subscription-arn"], arn);
    assert.equal(notified.headers["content-type"], "text/plain; charset=UTF-8");
    const notification = JSON.parse(notified.body) as Notification;
    assert.equal(notification["Message"], "hello", "nothing came before the confirmation");
    await verify(notification);
    const ended = await fetch(notification["UnsubscribeURL"]!);
    assert.equal(ended.status, 200, await ended.text());
    const farewell = await eventually(async () => hook.ofType("UnsubscribeConfirmation")[0]);
    await verify(JSON.parse(farewell.body) as Notification);
    await assert.rejects(sns.getSubscriptionAttributes({ SubscriptionArn: arn }), refused("NotFoundException"));
    hook.close();
  });

  test("that fail are tried again by their delivery policy; a redirect is a refusal", async () => {
    const hook = await Hook.listen();
    const TopicArn = await newTopic();
    const dead = await newQueue(TopicArn);
    const retry = { healthyRetryPolicy: { numRetries: 2, numNoDelayRetries: 2, minDelayTarget: 1, maxDelayTarget: 1 } };
    await sns.subscribe({
      TopicArn,
      Protocol: "http",
      Endpoint: hook.url,
      Attributes: {
        DeliveryPolicy: JSON.stringify(retry),
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.arn }),
      },
    });
    const asked = await eventually(async () => hook.ofType("SubscriptionConfirmation")[0]);
    await sns.confirmSubscription({ TopicArn, Token: (JSON.parse(asked.body) as Notification)["Token"]! });
    let fails = 2;
    hook.answer = ({ headers }) => (headers["x-amz-sns-message-type"] === "Notification" && fails-- > 0 ? 503 : 200);
    await sns.publish({ TopicArn, Message: "third time" });
    await eventually(async () => hook.ofType("Notification").length === 3);
    hook.answer = () => 503;
    await sns.publish({ TopicArn, Message: "never" });
    const [aside] = await next(dead.url);
    assert.equal(parsed(aside!)["Message"], "never");
    assert.equal(aside!.MessageAttributes!["ErrorCode"]!.StringValue, "503");
    assert.equal(hook.ofType("Notification").length, 6, "once, and twice again");
    hook.answer = () => 302;
    await sns.publish({ TopicArn, Message: "moved" });
    const [redirected] = await next(dead.url);
    assert.equal(redirected!.MessageAttributes!["ErrorCode"]!.StringValue, "302");
    assert.equal(hook.ofType("Notification").length, 7, "a redirect is neither followed nor tried again");
    hook.close();
  });
});

test("an endpoint that never answers does not hold up the others", async () => {
  const hook = await Hook.listen();
  const TopicArn = await newTopic();
  await sns.subscribe({ TopicArn, Protocol: "http", Endpoint: hook.url });
  const asked = await eventually(async () => hook.ofType("SubscriptionConfirmation")[0]);
  await sns.confirmSubscription({ TopicArn, Token: (JSON.parse(asked.body) as Notification)["Token"]! });
  hook.answer = () => 0;
  for (let i = 0; i < 10; i++) {
    const Message = { Message: "m" };
    await sns.publishBatch({
      TopicArn,
      PublishBatchRequestEntries: Array.from({ length: 10 }, (_, n) => ({ Id: String(n), ...Message })),
    });
  }
  await eventually(async () => hook.ofType("Notification").length > 0);
  const other = await newTopic();
  const queue = await newQueue(other);
  await subscribe(other, queue.arn, { RawMessageDelivery: "true" });
  const started = performance.now();
  await sns.publish({ TopicArn: other, Message: "quick" });
  assert.deepEqual(
    (await next(queue.url)).map(({ Body }) => Body),
    ["quick"],
  );
  assert.ok(performance.now() - started < 10_000, "it did not wait for the fifteen seconds of the other");
  await sns.deleteTopic({ TopicArn });
  hook.close();
});

test("mail is confirmed and delivered through the configured server", async () => {
  const TopicArn = await newTopic();
  await sns.subscribe({ TopicArn, Protocol: "email", Endpoint: "ops@example.com" });
  const decode = (text: string) => Buffer.from(text.slice(text.indexOf("\n\n")), "base64").toString();
  const asked = await eventually(async () => mail.mails[0]);
  assert.equal(asked.to, "ops@example.com");
  const url = /http:\S+ConfirmSubscription\S+/.exec(decode(asked.text))![0];
  assert.equal((await fetch(url)).status, 200);
  await sns.publish({ TopicArn, Message: "불이야", Subject: "Alarm" });
  const sent = await eventually(async () => mail.mails[1]);
  assert.match(sent.text, /^Subject: Alarm$/m);
  assert.match(decode(sent.text), /^불이야/);
});

describe("permissions", () => {
  async function user(name: string): Promise<{ client: SNS; arn: string }> {
    const iam = new IAM(instance.client);
    const { User } = await iam.createUser({ UserName: name });
    const { AccessKey } = await iam.createAccessKey({ UserName: name });
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    return { client: new SNS({ ...instance.client, credentials }), arn: User!.Arn! };
  }

  test("come from the topic policy, with sns:Protocol and sns:Endpoint as conditions", async () => {
    const TopicArn = await newTopic();
    const { client, arn } = await user("publisher");
    await assert.rejects(
      client.publish({ TopicArn, Message: "a" }),
      refused("AuthorizationErrorException", /SNS:Publish/i),
    );
    const statement = (Action: string, more: object = {}) => ({
      Effect: "Allow",
      Principal: { AWS: arn },
      Action,
      Resource: TopicArn,
      ...more,
    });
    const AttributeValue = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        statement("sns:Publish"),
        statement("sns:Subscribe", {
          Condition: {
            StringEquals: { "sns:Protocol": "https" },
            StringLike: { "sns:Endpoint": "https://ours.example/*" },
          },
        }),
      ],
    });
    await sns.setTopicAttributes({ TopicArn, AttributeName: "Policy", AttributeValue });
    await client.publish({ TopicArn, Message: "a" });
    await client.publishBatch({ TopicArn, PublishBatchRequestEntries: [{ Id: "a", Message: "a" }] });
    const sub = (Protocol: string, Endpoint: string) => client.subscribe({ TopicArn, Protocol, Endpoint });
    await sub("https", "https://ours.example/hook");
    await assert.rejects(sub("https", "https://theirs.example/hook"), refused("AuthorizationErrorException"));
    await assert.rejects(sub("http", "http://ours.example/hook"), refused("AuthorizationErrorException"));
    await sns.addPermission({
      TopicArn,
      Label: "more",
      AWSAccountId: [instance.ready.accountId],
      ActionName: ["Publish"],
    });
    const policy = async () =>
      JSON.parse((await sns.getTopicAttributes({ TopicArn })).Attributes!["Policy"]!) as { Statement: object[] };
    assert.equal((await policy()).Statement.length, 3);
    await sns.removePermission({ TopicArn, Label: "more" });
    assert.equal((await policy()).Statement.length, 2);
  });

  test("a topic with a KMS key can be published to by who may use the key", async () => {
    const kms = new KMS(instance.client);
    const { KeyMetadata } = await kms.createKey({});
    const KeyId = KeyMetadata!.KeyId!;
    const TopicArn = await newTopic({ KmsMasterKeyId: KeyId });
    const queue = await newQueue(TopicArn);
    await subscribe(TopicArn, queue.arn, { RawMessageDelivery: "true" });
    await sns.publish({ TopicArn, Message: "secret" });
    assert.deepEqual(
      (await next(queue.url)).map(({ Body }) => Body),
      ["secret"],
    );
    await kms.disableKey({ KeyId });
    const other = await newTopic({ KmsMasterKeyId: KeyId });
    await assert.rejects(sns.publish({ TopicArn: other, Message: "a" }), refused("KMSDisabledException"));
  });
});

test("an unsigned call that no policy allows is refused", async () => {
  const TopicArn = await newTopic();
  const query = new URLSearchParams({ Action: "Publish", TopicArn, Message: "a", Version: "2010-03-31" });
  const answer = await fetch(`${instance.endpoint}/?${query}`);
  assert.equal(answer.status, 403);
});
