/** EventBridge beyond rules and targets: buses, archives and replays, events of AWS services, schedules. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { CloudWatch } from "@aws-sdk/client-cloudwatch";
import { KMS } from "@aws-sdk/client-kms";
import { S3 } from "@aws-sdk/client-s3";
import { eventually } from "../instance.ts";
import { advance } from "../operator.ts";
import {
  instance,
  events,
  sqs,
  refused,
  account,
  region,
  arnOf,
  newQueue,
  next,
  isEmpty,
  ruleToQueue,
  entry,
} from "./eventBridge.ts";

describe("buses", () => {
  test("are made, shown and deleted", async () => {
    const { EventBusArn } = await events.createEventBus({
      Name: "orders",
      Description: "d",
      Tags: [{ Key: "k", Value: "v" }],
    });
    assert.equal(EventBusArn, arnOf("event-bus/orders"));
    await assert.rejects(
      events.createEventBus({ Name: "orders" }),
      refused("ResourceAlreadyExistsException", /^Event bus orders already exists\.$/),
    );
    const names = (await events.listEventBuses({})).EventBuses!.map(({ Name }) => Name);
    assert.ok(names.includes("default") && names.includes("orders"));
    const paged: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await events.listEventBuses({ Limit: 1, ...(NextToken === undefined ? {} : { NextToken }) });
      assert.ok(page.EventBuses!.length <= 1);
      paged.push(...page.EventBuses!.map(({ Name }) => Name!));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    assert.deepEqual(paged, names);
    await assert.rejects(
      events.deleteEventBus({ Name: "default" }),
      refused("ValidationException", /^Cannot delete event bus default\.$/),
    );
    await events.deleteEventBus({ Name: "orders" });
    await assert.rejects(
      events.describeEventBus({ Name: "orders" }),
      refused("ResourceNotFoundException", /^Event bus orders does not exist\.$/),
    );
  });

  test("permissions are written into the policy, and taken out", async () => {
    await events.createEventBus({ Name: "shared" });
    await events.putPermission({
      EventBusName: "shared",
      StatementId: "other",
      Principal: "111122223333",
      Action: "events:PutEvents",
    });
    const policy = JSON.parse((await events.describeEventBus({ Name: "shared" })).Policy!);
    assert.deepEqual(policy, {
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "other",
          Effect: "Allow",
          Principal: { AWS: "arn:aws:iam::111122223333:root" },
          Action: "events:PutEvents",
          Resource: arnOf("event-bus/shared"),
        },
      ],
    });
    await assert.rejects(
      events.removePermission({ EventBusName: "shared", StatementId: "none" }),
      refused("ResourceNotFoundException", /^Statement with the provided id does not exist\.$/),
    );
    await events.removePermission({ EventBusName: "shared", StatementId: "other" });
    assert.equal((await events.describeEventBus({ Name: "shared" })).Policy, undefined);
  });

  test("a key that is disabled ends what it protects: events go to the bus's dead-letter queue", async () => {
    const kms = new KMS(instance.client);
    const { KeyMetadata } = await kms.createKey({});
    const KeyId = KeyMetadata!.Arn!;
    const create = (Name: string) => events.createEventBus({ Name, KmsKeyIdentifier: KeyId });
    await assert.rejects(create("sealed"), refused("ValidationException", /KmsKeyIdentifier/));
    const Statement = [
      { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account()}:root` }, Action: "kms:*", Resource: "*" },
      {
        Effect: "Allow",
        Principal: { Service: "events.amazonaws.com" },
        Action: ["kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt"],
        Resource: "*",
        Condition: { StringEquals: { "aws:SourceAccount": account() } },
      },
    ];
    await kms.putKeyPolicy({
      KeyId,
      PolicyName: "default",
      Policy: JSON.stringify({ Version: "2012-10-17", Statement }),
    });
    await create("sealed");
    assert.equal((await events.describeEventBus({ Name: "sealed" })).KmsKeyIdentifier, KeyId);
    const { queue } = await ruleToQueue("sealed", {}, "sealed");
    await events.putEvents({ Entries: [entry("sealed", { secret: 1 }, { EventBusName: "sealed" })] });
    assert.deepEqual((await next(queue)).detail, { secret: 1 });
    await kms.disableKey({ KeyId });
    // Data keys are used again for five minutes.
    await advance(instance, 301_000);
    const { FailedEntryCount } = await events.putEvents({ Entries: [entry("sealed", {}, { EventBusName: "sealed" })] });
    assert.equal(FailedEntryCount, 1);
  });
});

describe("archives and replays", () => {
  test("what was archived comes again, marked, to the rules that were named", async () => {
    await events.createEventBus({ Name: "kept" });
    const bus = arnOf("event-bus/kept");
    await events.createArchive({
      ArchiveName: "kept",
      EventSourceArn: bus,
      EventPattern: '{"source":["app.kept"]}',
      RetentionDays: 2,
    });
    await assert.rejects(
      events.createArchive({ ArchiveName: "kept", EventSourceArn: bus }),
      refused("ResourceAlreadyExistsException", /^Archive kept already exists\.$/),
    );
    const one = await ruleToQueue("kept", {}, "kept");
    const other = await ruleToQueue("kept-other", {}, "kept", { source: ["app.kept"] });
    const at = Date.now();
    const Entries = [1, 2, 3].map((n) => entry("kept", { n }, { EventBusName: "kept" }));
    await events.putEvents({ Entries: [...Entries, entry("other", {}, { EventBusName: "kept" })] });
    for (const rule of [one, other]) for (let i = 0; i < 3; i++) await next(rule.queue);
    const archive = await eventually(async () => {
      const shown = await events.describeArchive({ ArchiveName: "kept" });
      return shown.EventCount === 3 && shown;
    });
    assert.ok(archive.SizeBytes! > 300 && archive.RetentionDays === 2 && archive.State === "ENABLED");
    const window = { EventStartTime: new Date(at - 600_000), EventEndTime: new Date(at + 3_600_000) };
    const start = (ReplayName: string, more: object = {}) =>
      events.startReplay({
        ReplayName,
        EventSourceArn: arnOf("archive/kept"),
        ...window,
        Destination: { Arn: bus, FilterArns: [one.RuleArn] },
        ...more,
      });
    await assert.rejects(
      start("r", { EventSourceArn: arnOf("archive/none") }),
      refused("ValidationException", /^Parameter EventSourceArn is not valid\. Reason: Archive none does not exist\.$/),
    );
    await assert.rejects(
      start("r", { Destination: { Arn: arnOf("event-bus/default") } }),
      refused(
        "ValidationException",
        /^Parameter Destination\.Arn is not valid\. Reason: Cross event bus replay is not permitted\.$/,
      ),
    );
    await assert.rejects(
      start("r", { EventEndTime: new Date(at - 700_000) }),
      refused("ValidationException", /EventStartTime must be before EventEndTime\.$/),
    );
    assert.equal((await start("again")).State, "STARTING");
    const ns: number[] = [];
    for (let i = 0; i < 3; i++) {
      const event = await next(one.queue);
      assert.equal(event["replay-name"], "again");
      ns.push(event.detail.n);
    }
    assert.deepEqual(
      ns.toSorted((a, b) => a - b),
      [1, 2, 3],
    );
    await eventually(async () => (await events.describeReplay({ ReplayName: "again" })).State === "COMPLETED");
    assert.ok(await isEmpty(other.queue));
    // What is replayed is not archived once more.
    assert.equal((await events.describeArchive({ ArchiveName: "kept" })).EventCount, 3);
    await advance(instance, 3 * 86_400_000);
    await eventually(async () => (await events.describeArchive({ ArchiveName: "kept" })).EventCount === 0);
    await start("late");
    await eventually(async () => (await events.describeReplay({ ReplayName: "late" })).State === "COMPLETED");
    assert.equal((await events.describeReplay({ ReplayName: "late" })).EventLastReplayedTime, undefined);
    await assert.rejects(
      events.cancelReplay({ ReplayName: "late" }),
      refused("IllegalStatusException", /not in a valid state/),
    );
    await events.deleteArchive({ ArchiveName: "kept" });
    await assert.rejects(
      events.describeArchive({ ArchiveName: "kept" }),
      refused("ResourceNotFoundException", /^Archive kept does not exist\.$/),
    );
  });
});

describe("events of AWS services", () => {
  test("calls that a trail records are events; reads reach only rules that ask for them", async () => {
    const cloudtrail = new CloudTrail(instance.client);
    const s3 = new S3(instance.s3Client);
    const Bucket = "trail-of-events";
    await s3.createBucket({ Bucket });
    const source = { StringEquals: { "aws:SourceArn": `arn:aws:cloudtrail:${region()}:${account()}:trail/all` } };
    const Principal = { Service: "cloudtrail.amazonaws.com" };
    const Statement = [
      { Effect: "Allow", Principal, Action: "s3:GetBucketAcl", Resource: `arn:aws:s3:::${Bucket}`, Condition: source },
      { Effect: "Allow", Principal, Action: "s3:PutObject", Resource: `arn:aws:s3:::${Bucket}/*`, Condition: source },
    ];
    await s3.putBucketPolicy({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement }) });
    const pattern = { source: ["aws.sqs"], "detail-type": ["AWS API Call via CloudTrail"] };
    const made = { eventName: ["CreateQueue", "ListQueues"], requestParameters: { queueName: ["behind-the-trail"] } };
    const changes = await ruleToQueue("changes", {}, undefined, {
      ...pattern,
      detail: { $or: [made, { eventName: ["ListQueues"] }] },
    });
    const all = await ruleToQueue("all-calls", {}, undefined, { ...pattern, detail: { eventName: ["ListQueues"] } });
    await events.putRule({
      Name: all.Name,
      EventPattern: JSON.stringify({ ...pattern, detail: { eventName: ["ListQueues"] } }),
      State: "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
    });
    await cloudtrail.createTrail({ Name: "all", S3BucketName: Bucket, IsMultiRegionTrail: true });
    await cloudtrail.startLogging({ Name: "all" });
    await sqs.listQueues({});
    await sqs.createQueue({ QueueName: "behind-the-trail" });
    const event = await next(changes.queue);
    assert.deepEqual(
      [event.detail.eventName, event.detail.requestParameters.queueName, event.account, event.detail.eventSource],
      ["CreateQueue", "behind-the-trail", account(), "sqs.amazonaws.com"],
    );
    assert.equal((await next(all.queue)).detail.eventName, "ListQueues");
    assert.ok(await isEmpty(changes.queue));
    await cloudtrail.stopLogging({ Name: "all" });
  });

  test("a state of an alarm is an event", async () => {
    const cloudwatch = new CloudWatch(instance.client);
    const { queue } = await ruleToQueue("alarms", {}, undefined, {
      source: ["aws.cloudwatch"],
      detail: { state: { value: ["ALARM"] } },
    });
    await cloudwatch.putMetricAlarm({
      AlarmName: "loud",
      Namespace: "app",
      MetricName: "errors",
      Statistic: "Sum",
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: "GreaterThanThreshold",
    });
    await cloudwatch.setAlarmState({ AlarmName: "loud", StateValue: "ALARM", StateReason: "test" });
    const event = await next(queue);
    assert.deepEqual([event["detail-type"], event.detail.alarmName], ["CloudWatch Alarm State Change", "loud"]);
  });
});

describe("schedules", () => {
  test("a rate fires once for each time that is due", async () => {
    const Name = "hourly";
    const { RuleArn } = await events.putRule({ Name, ScheduleExpression: "rate(1 hour)" });
    const queue = await newQueue("hourly", RuleArn);
    await events.putTargets({ Rule: Name, Targets: [{ Id: "q", Arn: queue.arn }] });
    assert.ok(await isEmpty(queue));
    for (let i = 0; i < 2; i++) {
      await advance(instance, 3_600_000);
      const event = await next(queue);
      assert.deepEqual(
        [event["detail-type"], event.source, event.resources, event.detail],
        ["Scheduled Event", "aws.events", [RuleArn], {}],
      );
    }
    await events.disableRule({ Name });
    await advance(instance, 3_700_000);
    await ruleToQueue("after-hourly");
    assert.ok(await isEmpty(queue));
    await events.createEventBus({ Name: "timeless" });
    await assert.rejects(
      events.putRule({ Name, EventBusName: "timeless", ScheduleExpression: "rate(1 hour)" }),
      refused("ValidationException", /^ScheduleExpression is supported only on the default event bus\.$/),
    );
  });
});
