/**
 * `kill -9` of any role, or of all, at any instant, while messages are published and received. Afterwards every message
 * that was acknowledged to its sender has arrived at least once: at the queues, at the web server, in order where order
 * is promised.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SNS } from "@aws-sdk/client-sns";
import { SQS } from "@aws-sdk/client-sqs";
import { eventually, startInstance, type Instance } from "../instance.ts";

const rounds = 8;

let folder: string;
let instance: Instance;
let server: Server;
const atHook = new Set<string>();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "jikimi-spine-"));
  instance = await startInstance({ dataDir: folder });
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => void hook(Buffer.concat(chunks).toString(), () => response.end()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

after(async () => {
  await instance?.stop();
  server?.closeAllConnections();
  server?.close();
  await rm(folder, { recursive: true, force: true });
});

async function hook(body: string, answer: () => void): Promise<void> {
  const { Type, Message, SubscribeURL } = JSON.parse(body) as Record<string, string>;
  if (Type === "SubscriptionConfirmation") await fetch(SubscribeURL!).catch(() => {});
  else atHook.add(Message!);
  answer();
}

/** Calls until it is acknowledged: what fails may have happened, so it may happen twice. */
async function surely<T>(call: () => Promise<T>): Promise<T> {
  return await eventually(call as () => Promise<T & object>, { within: 60_000, every: 50 });
}

const sns = () => new SNS(instance.client);
const sqs = () => new SQS(instance.client);

async function newQueue(
  QueueName: string,
  topic: string,
  Attributes: Record<string, string> = {},
): Promise<{ url: string; arn: string }> {
  const { QueueUrl } = await sqs().createQueue({ QueueName, Attributes: { VisibilityTimeout: "2", ...Attributes } });
  const shown = await sqs().getQueueAttributes({ QueueUrl: QueueUrl!, AttributeNames: ["QueueArn"] });
  const arn = shown.Attributes!["QueueArn"]!;
  const Statement = {
    Effect: "Allow",
    Principal: { Service: "sns.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: arn,
    Condition: { ArnEquals: { "aws:SourceArn": topic } },
  };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await sqs().setQueueAttributes({ QueueUrl: QueueUrl!, Attributes: { Policy } });
  return { url: QueueUrl!, arn };
}

test("what was acknowledged arrives", { timeout: 240_000 }, async () => {
  const standard = (await sns().createTopic({ Name: "spine" })).TopicArn!;
  const fifo = (
    await sns().createTopic({
      Name: "spine.fifo",
      Attributes: { FifoTopic: "true", ContentBasedDeduplication: "true" },
    })
  ).TopicArn!;
  const queue = await newQueue("spine", standard);
  const ordered = await newQueue("spine.fifo", fifo, { FifoQueue: "true" });
  const Attributes = { RawMessageDelivery: "true" };
  await sns().subscribe({ TopicArn: standard, Protocol: "sqs", Endpoint: queue.arn, Attributes });
  await sns().subscribe({ TopicArn: fifo, Protocol: "sqs", Endpoint: ordered.arn, Attributes });
  const Endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await sns().subscribe({ TopicArn: standard, Protocol: "http", Endpoint });
  await eventually(async () => {
    const { Attributes: shown } = await sns().getTopicAttributes({ TopicArn: standard });
    return shown!["SubscriptionsConfirmed"] === "2";
  });

  const acknowledged = { standard: new Set<string>(), fifo: [] as string[] };
  const arrived = { standard: new Set<string>(), fifo: [] as string[] };
  let publishing = true;
  let receiving = true;
  const publishers = [0, 1].map(async (worker) => {
    for (let i = 0; publishing; i++) {
      const Message = `${worker}-${i}`;
      await surely(() => sns().publish({ TopicArn: standard, Message }));
      acknowledged.standard.add(Message);
    }
  });
  publishers.push(
    (async () => {
      for (let i = 0; publishing; i++) {
        const Message = String(i).padStart(6, "0");
        // The same message again is no second one: it has the same deduplication id.
        await surely(() => sns().publish({ TopicArn: fifo, Message, MessageGroupId: "g" }));
        acknowledged.fifo.push(Message);
      }
    })(),
  );
  const receivers = (
    [
      ["standard", queue.url],
      ["fifo", ordered.url],
    ] as const
  ).map(async ([kind, url]) => {
    while (receiving) {
      const QueueUrl = url.replace(/^http:\/\/[^/]+/, instance.endpoint);
      const { Messages = [] } = await sqs()
        .receiveMessage({ QueueUrl, WaitTimeSeconds: 1, MaxNumberOfMessages: 10 })
        .catch(() => ({ Messages: [] }));
      for (const { Body, ReceiptHandle } of Messages) {
        if (kind === "standard") arrived.standard.add(Body!);
        else if (arrived.fifo.at(-1) !== Body) arrived.fifo.push(Body!);
        await sqs()
          .deleteMessage({ QueueUrl, ReceiptHandle: ReceiptHandle! })
          .catch(() => {});
      }
      if (Messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  for (let round = 0; round < rounds; round++) {
    // Kill only what has worked since the last time, at an instant that nobody chose.
    const [published, came] = [acknowledged.standard.size, arrived.standard.size];
    await eventually(async () => acknowledged.standard.size >= published + 5 && arrived.standard.size > came, {
      within: 60_000,
      every: 20,
    });
    await new Promise((resolve) => setTimeout(resolve, randomInt(0, 60)));
    const pids = await instance.rolePids();
    if (round % 3 === 2) {
      const { port } = new URL(instance.endpoint);
      await instance.kill();
      instance = await startInstance({ dataDir: folder, port: Number(port) });
    } else {
      const pid = pids[round % 3 === 0 ? "jobs" : "api"];
      if (pid) process.kill(pid, "SIGKILL");
    }
  }
  publishing = false;
  await Promise.all(publishers);
  const missing = (got: Set<string>) => [...acknowledged.standard].filter((message) => !got.has(message));
  await eventually(async () => missing(arrived.standard).length === 0, { within: 90_000 });
  await eventually(async () => missing(atHook).length === 0, { within: 90_000 });
  await eventually(async () => new Set(arrived.fifo).size === acknowledged.fifo.length, { within: 90_000 });
  receiving = false;
  await Promise.all(receivers);
  // A message may be received again when its deletion was lost, but none overtakes another.
  const firsts = [...new Set(arrived.fifo)];
  assert.deepEqual(firsts, acknowledged.fifo);
});
