/**
 * `kill -9` of any role, or of all, at any instant, while events are put and replayed. Afterwards every event that was
 * acknowledged has reached both of its targets at least once.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { IAM } from "@aws-sdk/client-iam";
import { SQS } from "@aws-sdk/client-sqs";
import { eventually, startInstance, type Instance } from "../instance.ts";

const rounds = 6;

let folder: string;
let instance: Instance;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "jikimi-events-"));
  instance = await startInstance({ dataDir: folder });
});

after(async () => {
  await instance?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Calls until it is acknowledged: what fails may have happened, so it may happen twice. */
async function surely<T>(call: () => Promise<T>): Promise<T> {
  return await eventually(call as () => Promise<T & object>, { within: 60_000, every: 50 });
}

const events = () => new EventBridge(instance.client);
const sqs = () => new SQS(instance.client);

async function newQueue(QueueName: string, rule: string): Promise<{ url: string; arn: string }> {
  const { QueueUrl } = await sqs().createQueue({ QueueName, Attributes: { VisibilityTimeout: "2" } });
  const arn = `arn:aws:sqs:${instance.ready.region}:${instance.ready.accountId}:${QueueName}`;
  const Statement = {
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: arn,
    Condition: { ArnEquals: { "aws:SourceArn": rule } },
  };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await sqs().setQueueAttributes({ QueueUrl: QueueUrl!, Attributes: { Policy } });
  return { url: QueueUrl!, arn };
}

test("what was acknowledged is delivered", { timeout: 240_000 }, async () => {
  const EventPattern = '{"source":["app"]}';
  const direct = (await events().putRule({ Name: "direct", EventPattern })).RuleArn!;
  const { EventBusArn } = await events().createEventBus({ Name: "behind" });
  const behind = (await events().putRule({ Name: "behind", EventBusName: "behind", EventPattern })).RuleArn!;
  const queues = { direct: await newQueue("direct", direct), behind: await newQueue("behind", behind) };
  const trust = { Effect: "Allow", Principal: { Service: "events.amazonaws.com" }, Action: "sts:AssumeRole" };
  const iam = new IAM(instance.client);
  const document = (Statement: object) => JSON.stringify({ Version: "2012-10-17", Statement });
  const { Role } = await iam.createRole({ RoleName: "forwards", AssumeRolePolicyDocument: document(trust) });
  const PolicyDocument = document({ Effect: "Allow", Action: "events:PutEvents", Resource: EventBusArn });
  await iam.putRolePolicy({ RoleName: "forwards", PolicyName: "p", PolicyDocument });
  const Targets = [
    { Id: "queue", Arn: queues.direct.arn },
    { Id: "bus", Arn: EventBusArn!, RoleArn: Role!.Arn! },
  ];
  await events().putTargets({ Rule: "direct", Targets });
  const onward = [{ Id: "queue", Arn: queues.behind.arn }];
  await events().putTargets({ Rule: "behind", EventBusName: "behind", Targets: onward });
  const EventSourceArn = EventBusArn!.replace("/behind", "/default");
  await events().createArchive({ ArchiveName: "all", EventSourceArn, EventPattern });

  const acknowledged = new Set<string>();
  const arrived = { direct: new Set<string>(), behind: new Set<string>() };
  const replayed = new Set<string>();
  let [putting, receiving] = [true, true];
  const start = Date.now();
  const putters = [0, 1, 2].map(async (worker) => {
    for (let i = 0; putting; i++) {
      const id = `${worker}-${i}`;
      const Detail = JSON.stringify({ id });
      await surely(async () => {
        const answer = await events().putEvents({ Entries: [{ Source: "app", DetailType: "t", Detail }] });
        return answer.FailedEntryCount === 0 && answer;
      });
      acknowledged.add(id);
    }
  });
  const receivers = (["direct", "behind"] as const).map(async (kind) => {
    while (receiving) {
      const QueueUrl = queues[kind].url.replace(/^http:\/\/[^/]+/, instance.endpoint);
      const { Messages = [] } = await sqs()
        .receiveMessage({ QueueUrl, WaitTimeSeconds: 1, MaxNumberOfMessages: 10 })
        .catch(() => ({ Messages: [] }));
      for (const { Body, ReceiptHandle } of Messages) {
        const event = JSON.parse(Body!) as { detail: { id: string }; "replay-name"?: string };
        if (event["replay-name"] === undefined) arrived[kind].add(event.detail.id);
        else replayed.add(event.detail.id);
        const deletion = { QueueUrl, ReceiptHandle: ReceiptHandle! };
        await sqs()
          .deleteMessage(deletion)
          .catch(() => {});
      }
      if (Messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  const strike = async (round: number) => {
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
  };

  for (let round = 0; round < rounds; round++) {
    // Kill only what has worked since the last time, at an instant that nobody chose.
    const [put, came] = [acknowledged.size, arrived.behind.size];
    await eventually(async () => acknowledged.size >= put + 5 && arrived.behind.size > came, {
      within: 60_000,
      every: 20,
    });
    await strike(round);
  }
  putting = false;
  await Promise.all(putters);
  const missing = (got: Set<string>) => [...acknowledged].filter((id) => !got.has(id));
  await eventually(async () => missing(arrived.direct).length === 0, { within: 90_000 });
  await eventually(async () => missing(arrived.behind).length === 0, { within: 90_000 });

  // The archive has every one of them, and a replay that is struck brings all of them again.
  const EventStartTime = new Date(start - 60_000);
  const EventEndTime = new Date(Date.now() + 60_000);
  const Destination = { Arn: EventSourceArn, FilterArns: [direct] };
  const archive = EventBusArn!.replace("event-bus/behind", "archive/all");
  await events().startReplay({ ReplayName: "r", EventSourceArn: archive, EventStartTime, EventEndTime, Destination });
  await strike(0);
  await eventually(async () => missing(replayed).length === 0, { within: 90_000 });
  receiving = false;
  await Promise.all(receivers);
  assert.ok(acknowledged.size >= rounds * 5);
});
