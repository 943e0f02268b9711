/**
 * `kill -9` of any role, or of all, at any instant, while messages are published and received. Afterwards every message
 * that was acknowledged to its sender has arrived at least once: at the queues, at the web server, in order where order
 * is promised.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SNS } from "@aws-sdk/client-sns";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { newQueue, receive, strike, surely } from "./deliveries.ts";

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

const sns = () => new SNS(instance.client);

test("what was acknowledged arrives", { timeout: 240_000 }, async () => {
  const standard = (await sns().createTopic({ Name: "spine" })).TopicArn!;
  const fifo = (
    await sns().createTopic({
      Name: "spine.fifo",
      Attributes: { FifoTopic: "true", ContentBasedDeduplication: "true" },
    })
  ).TopicArn!;
  const service = "sns.amazonaws.com";
  const queue = await newQueue(instance, "spine", { service, arn: standard });
  const ordered = await newQueue(instance, "spine.fifo", { service, arn: fifo }, { FifoQueue: "true" });
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
  const read = (from: typeof queue, take: (body: string) => void) =>
    receive(
      from,
      () => instance,
      () => receiving,
      ({ Body }) => take(Body!),
    );
  const receivers = [
    read(queue, (body) => arrived.standard.add(body)),
    read(ordered, (body) => {
      if (arrived.fifo.at(-1) !== body) arrived.fifo.push(body);
    }),
  ];

  for (let round = 0; round < rounds; round++) {
    // Kill only what has worked since the last time, at an instant that nobody chose.
    const [published, came] = [acknowledged.standard.size, arrived.standard.size];
    await eventually(async () => acknowledged.standard.size >= published + 5 && arrived.standard.size > came, {
      within: 60_000,
      every: 20,
    });
    instance = await strike(instance, folder, round);
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
