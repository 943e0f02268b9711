/**
 * `kill -9` of any role, or of all, at any instant, while events are put and replayed. Afterwards every event that was
 * acknowledged has reached both of its targets at least once.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { IAM } from "@aws-sdk/client-iam";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { newQueue, receive, strike, surely } from "./deliveries.ts";

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

const events = () => new EventBridge(instance.client);

test("what was acknowledged is delivered", { timeout: 240_000 }, async () => {
  const EventPattern = '{"source":["app"]}';
  const direct = (await events().putRule({ Name: "direct", EventPattern })).RuleArn!;
  const { EventBusArn } = await events().createEventBus({ Name: "behind" });
  const behind = (await events().putRule({ Name: "behind", EventBusName: "behind", EventPattern })).RuleArn!;
  const service = "events.amazonaws.com";
  const queues = {
    direct: await newQueue(instance, "direct", { service, arn: direct }),
    behind: await newQueue(instance, "behind", { service, arn: behind }),
  };
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
  const receivers = (["direct", "behind"] as const).map((kind) =>
    receive(
      queues[kind],
      () => instance,
      () => receiving,
      ({ Body }) => {
        const event = JSON.parse(Body!) as { detail: { id: string }; "replay-name"?: string };
        if (event["replay-name"] === undefined) arrived[kind].add(event.detail.id);
        else replayed.add(event.detail.id);
      },
    ),
  );

  for (let round = 0; round < rounds; round++) {
    // Kill only what has worked since the last time, at an instant that nobody chose.
    const [put, came] = [acknowledged.size, arrived.behind.size];
    await eventually(async () => acknowledged.size >= put + 5 && arrived.behind.size > came, {
      within: 60_000,
      every: 20,
    });
    instance = await strike(instance, folder, round);
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
  instance = await strike(instance, folder, 0);
  await eventually(async () => missing(replayed).length === 0, { within: 90_000 });
  receiving = false;
  await Promise.all(receivers);
  assert.ok(acknowledged.size >= rounds * 5);
});
