/** EventBridge Scheduler through the unmodified SDK: one-time and recurring schedules, time zones, windows, groups, failures. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { IAM } from "@aws-sdk/client-iam";
import { Scheduler, type CreateScheduleCommandInput, type Target } from "@aws-sdk/client-scheduler";
import { SNS } from "@aws-sdk/client-sns";
import { SQS } from "@aws-sdk/client-sqs";
import { eventually, type Instance, startInstance } from "../instance.ts";
import { advance } from "../operator.ts";

let instance: Instance;
let scheduler: Scheduler;
let sqs: SQS;
let RoleArn: string;

before(async () => {
  instance = await startInstance({ args: ["--adjustable-clock"] });
  scheduler = new Scheduler(instance.client);
  sqs = new SQS(instance.client);
  RoleArn = await newRole("executes", ["sqs:SendMessage", "sns:Publish", "events:PutEvents"]);
});
after(() => instance?.stop());

async function newRole(RoleName: string, Action: string[], Service = "scheduler.amazonaws.com"): Promise<string> {
  const iam = new IAM(instance.client);
  const document = (Statement: object) => JSON.stringify({ Version: "2012-10-17", Statement });
  const source = { StringEquals: { "aws:SourceAccount": instance.ready.accountId } };
  const trust = { Effect: "Allow", Principal: { Service }, Action: "sts:AssumeRole", Condition: source };
  const { Role } = await iam.createRole({ RoleName, AssumeRolePolicyDocument: document(trust) });
  const PolicyDocument = document({ Effect: "Allow", Action, Resource: "*" });
  await iam.putRolePolicy({ RoleName, PolicyName: "p", PolicyDocument });
  return Role!.Arn!;
}

async function newQueue(QueueName: string) {
  const { QueueUrl } = await sqs.createQueue({ QueueName });
  const arn = `arn:aws:sqs:${instance.ready.region}:${instance.ready.accountId}:${QueueName}`;
  const next = () =>
    eventually(async () => {
      const { Messages } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 1, MessageAttributeNames: ["All"] });
      if (!Messages?.[0]) return undefined;
      await sqs.deleteMessage({ QueueUrl: QueueUrl!, ReceiptHandle: Messages[0].ReceiptHandle! });
      return Messages[0];
    });
  const isEmpty = async () => ((await sqs.receiveMessage({ QueueUrl })).Messages ?? []).length === 0;
  return { arn, url: QueueUrl!, next, isEmpty };
}

/** The installation's clock, which this test moves. */
let moved = 0;
async function move(milliseconds: number): Promise<void> {
  await advance(instance, milliseconds);
  moved += milliseconds;
}
const now = () => Date.now() + moved;
const at = (time: number) => `at(${new Date(time).toISOString().slice(0, 19)})`;

function create(
  Name: string,
  ScheduleExpression: string,
  target: Partial<Target>,
  more: Partial<CreateScheduleCommandInput> = {},
) {
  return scheduler.createSchedule({
    Name,
    ScheduleExpression,
    FlexibleTimeWindow: { Mode: "OFF" },
    Target: { Arn: undefined, RoleArn, ...target },
    ...more,
  });
}

const refused = (name: string, message: RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  assert.match(error.message, message);
  return true;
};

test("a one-time schedule is invoked once, with its context attributes, and deleted after its completion", async () => {
  const queue = await newQueue("once");
  const Input =
    '{"at":"<aws.scheduler.scheduled-time>","arn":"<aws.scheduler.schedule-arn>","try":<aws.scheduler.attempt-number>}';
  const time = Math.floor(now() / 1000) * 1000 + 3_600_000;
  const { ScheduleArn } = await create(
    "once",
    at(time),
    { Arn: queue.arn, Input },
    { ActionAfterCompletion: "DELETE" },
  );
  assert.equal(
    ScheduleArn,
    `arn:aws:scheduler:${instance.ready.region}:${instance.ready.accountId}:schedule/default/once`,
  );
  assert.ok(await queue.isEmpty());
  await move(3_600_000);
  const message = await queue.next();
  assert.deepEqual(JSON.parse(message.Body!), {
    at: new Date(time).toISOString().replace(".000", ""),
    arn: ScheduleArn,
    try: 1,
  });
  await eventually(async () =>
    scheduler.getSchedule({ Name: "once" }).then(
      () => false,
      (error: Error) => error.name === "ResourceNotFoundException" && error.message === "Schedule once does not exist.",
    ),
  );
  assert.ok(await queue.isEmpty());
});

test("a rate begins at once and goes on; disabled it rests, updated it is as it says now", async () => {
  const queue = await newQueue("rate");
  await create("rate", "rate(1 hour)", { Arn: queue.arn });
  const first = JSON.parse((await queue.next()).Body!);
  assert.deepEqual([first.source, first["detail-type"], first.detail], ["aws.scheduler", "Scheduled Event", "{}"]);
  await move(3_600_000);
  await queue.next();
  const more = { FlexibleTimeWindow: { Mode: "OFF" as const }, Target: { Arn: queue.arn, RoleArn } };
  await scheduler.updateSchedule({ Name: "rate", ScheduleExpression: "rate(1 hour)", State: "DISABLED", ...more });
  assert.equal((await scheduler.getSchedule({ Name: "rate" })).State, "DISABLED");
  await move(7_200_000);
  const control = await newQueue("control");
  await create("control", "rate(1 day)", { Arn: control.arn });
  await control.next();
  assert.ok(await queue.isEmpty());
  await scheduler.deleteSchedule({ Name: "rate" });
  await scheduler.deleteSchedule({ Name: "control" });
});

test("a flexible window is kept to; a time zone decides", async () => {
  const queue = await newQueue("window");
  const time = Math.floor(now() / 1000) * 1000 + 86_400_000;
  const seoul = at(time + 9 * 3_600_000);
  await create(
    "window",
    seoul,
    { Arn: queue.arn },
    {
      ScheduleExpressionTimezone: "Asia/Seoul",
      FlexibleTimeWindow: { Mode: "FLEXIBLE", MaximumWindowInMinutes: 10 },
    },
  );
  await move(86_400_000 - 60_000);
  assert.ok(await queue.isEmpty());
  await move(60_000 + 600_000);
  const { time: said } = JSON.parse((await queue.next()).Body!);
  assert.equal(Date.parse(said), time);
});

test("a topic and an event bus are targets as well", async () => {
  const { TopicArn } = await new SNS(instance.client).createTopic({ Name: "scheduled" });
  const queue = await newQueue("behind");
  const policy = (Service: string) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Principal: { Service }, Action: "sqs:SendMessage", Resource: queue.arn },
    });
  await sqs.setQueueAttributes({ QueueUrl: queue.url, Attributes: { Policy: policy("sns.amazonaws.com") } });
  const sns = new SNS(instance.client);
  await sns.subscribe({ TopicArn, Protocol: "sqs", Endpoint: queue.arn, Attributes: { RawMessageDelivery: "true" } });
  await create("topic", at(now() + 2_000), { Arn: TopicArn, Input: "hello" });
  assert.equal((await queue.next()).Body, "hello");
  await sqs.setQueueAttributes({ QueueUrl: queue.url, Attributes: { Policy: policy("events.amazonaws.com") } });
  const events = new EventBridge(instance.client);
  await events.putRule({ Name: "scheduled", EventPattern: '{"source":["my.app"]}' });
  await events.putTargets({ Rule: "scheduled", Targets: [{ Id: "q", Arn: queue.arn }] });
  const bus = `arn:aws:events:${instance.ready.region}:${instance.ready.accountId}:event-bus/default`;
  const EventBridgeParameters = { Source: "my.app", DetailType: "due" };
  await create("bus", at(now() + 2_000), { Arn: bus, Input: '{"n":1}', EventBridgeParameters });
  const event = JSON.parse((await queue.next()).Body!);
  assert.deepEqual([event["detail-type"], event.detail], ["due", { n: 1 }]);
});

test("what cannot be delivered goes to the dead-letter queue with AWS's attributes", async () => {
  const [queue, dead] = [await newQueue("missing"), await newQueue("dead")];
  await sqs.deleteQueue({ QueueUrl: queue.url });
  const { ScheduleArn } = await create("dead", at(now() + 1_000), {
    Arn: queue.arn,
    DeadLetterConfig: { Arn: dead.arn },
  });
  const { MessageAttributes } = await dead.next();
  const shown = Object.fromEntries(
    Object.entries(MessageAttributes!).map(([name, { StringValue }]) => [name, StringValue]),
  );
  assert.deepEqual(
    [shown["ERROR_CODE"], shown["SCHEDULE_ARN"], shown["TARGET_ARN"], shown["RETRY_ATTEMPTS"]],
    ["NO_RESOURCE", ScheduleArn, queue.arn, "0"],
  );
  assert.ok(shown["EXECUTION_ID"] && shown["SCHEDULED_TIME"]);
});

test("groups hold schedules, and take them along", async () => {
  const queue = await newQueue("grouped");
  await scheduler.createScheduleGroup({ Name: "g", Tags: [{ Key: "k", Value: "v" }] });
  await assert.rejects(
    scheduler.createScheduleGroup({ Name: "g" }),
    refused("ConflictException", /^Schedule group g already exists\.$/),
  );
  await create("a", "rate(1 day)", { Arn: queue.arn }, { GroupName: "g" });
  await queue.next();
  await assert.rejects(
    create("a", "rate(1 day)", { Arn: queue.arn }, { GroupName: "g" }),
    refused("ConflictException", /^Schedule a already exists\.$/),
  );
  assert.deepEqual(
    (await scheduler.listSchedules({ GroupName: "g" })).Schedules!.map(({ Name }) => Name),
    ["a"],
  );
  const { Arn } = await scheduler.getScheduleGroup({ Name: "g" });
  assert.deepEqual((await scheduler.listTagsForResource({ ResourceArn: Arn })).Tags, [{ Key: "k", Value: "v" }]);
  assert.deepEqual(
    (await scheduler.listScheduleGroups({})).ScheduleGroups!.map(({ Name }) => Name),
    ["default", "g"],
  );
  await scheduler.deleteScheduleGroup({ Name: "g" });
  await assert.rejects(
    scheduler.getSchedule({ Name: "a", GroupName: "g" }),
    refused("ResourceNotFoundException", /^Schedule group g does not exist\.$/),
  );
  await move(86_400_000);
  assert.ok(await queue.isEmpty());
});

test("what is no schedule is refused", async () => {
  const queue = await newQueue("none");
  for (const text of [
    "cron(0 1 * * * *)",
    "rate(10 seconds)",
    "rate(10 minutess)",
    "at(2021-12-31T23:59:59Z)",
    "at(2021-12-31)",
    " rate(10 minutes)",
  ]) {
    await assert.rejects(create("bad", text, { Arn: queue.arn }), (error: Error) => {
      assert.deepEqual([error.name, error.message], ["ValidationException", `Invalid Schedule Expression ${text}.`]);
      return true;
    });
  }
  await assert.rejects(
    create("bad", "rate(1 day)", { Arn: queue.arn }, { ScheduleExpressionTimezone: "Mars/Base" }),
    refused("ValidationException", /Timezone/),
  );
  const foreign = await newRole("foreign", ["sqs:SendMessage"], "ec2.amazonaws.com");
  await assert.rejects(
    create("bad", "rate(1 day)", { Arn: queue.arn, RoleArn: foreign }),
    refused(
      "ValidationException",
      /^The execution role you provide must allow AWS EventBridge Scheduler to assume the role\.$/,
    ),
  );
  await assert.rejects(
    create("bad", "rate(1 day)", { Arn: `arn:aws:lambda:us-east-1:${instance.ready.accountId}:function:f` }),
    refused("ValidationException", /not served/),
  );
  await assert.rejects(
    create("bad", "rate(1 day)", { Arn: queue.arn }, { FlexibleTimeWindow: { Mode: "FLEXIBLE" } }),
    refused("ValidationException", /MaximumWindowInMinutes/),
  );
});
