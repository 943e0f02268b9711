/** EventBridge through the unmodified SDK: rules, targets of every kind, inputs, dead letters. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CloudWatch } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { EventBridge, type Target } from "@aws-sdk/client-eventbridge";
import { SNS } from "@aws-sdk/client-sns";
import { eventually } from "../instance.ts";
import {
  instance,
  events,
  sqs,
  refused,
  account,
  region,
  arnOf,
  newQueue,
  receive,
  next,
  isEmpty,
  ruleToQueue,
  entry,
  role,
} from "./eventBridge.ts";

describe("events and rules", () => {
  test("an event that matches reaches the target, one that does not match does not", async () => {
    const { queue } = await ruleToQueue("first", {}, undefined, {
      source: ["app.first"],
      detail: { size: [{ numeric: [">", 3] }] },
    });
    const sent = await events.putEvents({
      Entries: [
        entry("first", { size: 2 }),
        entry(
          "first",
          { size: 5 },
          {
            Resources: ["arn:aws:a:b"],
            Time: new Date("2026-01-02T03:04:05Z"),
            TraceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793",
          },
        ),
      ],
    });
    assert.equal(sent.FailedEntryCount, 0);
    const message = await receive(queue);
    assert.deepEqual(JSON.parse(message.Body!), {
      version: "0",
      id: sent.Entries![1]!.EventId,
      "detail-type": "made",
      source: "app.first",
      account: account(),
      time: "2026-01-02T03:04:05Z",
      region: region(),
      resources: ["arn:aws:a:b"],
      detail: { size: 5 },
    });
    assert.equal(message.Attributes!["AWSTraceHeader"], "Root=1-5759e988-bd862e3fe1be46a994272793");
    assert.ok(await isEmpty(queue));
  });

  test("delivery is a matter of less than a second", async () => {
    const { queue } = await ruleToQueue("quick");
    const times: number[] = [];
    for (let i = 0; i < 12; i++) {
      const start = performance.now();
      await events.putEvents({ Entries: [entry("quick", { i })] });
      await receive(queue);
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    assert.ok(times[10]! < 1000, `p95 ${times[10]} ms`);
  });

  test("entries fail one by one, with AWS's words", async () => {
    const { FailedEntryCount, Entries } = await events.putEvents({
      Entries: [
        { DetailType: "t", Detail: "{}" },
        { Source: "s", Detail: "{}" },
        { Source: "s", DetailType: "t" },
        { Source: "s", DetailType: "t", Detail: "text" },
        { Source: "s", DetailType: "t", Detail: "[1]" },
        { Source: "aws.ec2", DetailType: "t", Detail: "{}" },
        { Source: "s", DetailType: "t", Detail: "{}", EventBusName: "nowhere" },
        { Source: "s", DetailType: "t", Detail: `{"a":${"[".repeat(1200)}${"]".repeat(1200)}}` },
      ],
    });
    assert.equal(FailedEntryCount, 7);
    assert.deepEqual(
      Entries!.map(({ ErrorCode, ErrorMessage }) => [ErrorCode, ErrorMessage]),
      [
        ["InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument."],
        ["InvalidArgument", "Parameter DetailType is not valid. Reason: DetailType is a required argument."],
        ["InvalidArgument", "Parameter Detail is not valid. Reason: Detail is a required argument."],
        ["MalformedDetail", "Detail is malformed."],
        ["MalformedDetail", "Detail is malformed."],
        ["NotAuthorizedForSourceException", "Not authorized for the source."],
        [undefined, undefined],
        ["MalformedDetail", "Detail is malformed."],
      ],
    );
    const Detail = JSON.stringify({ text: "x".repeat(200_000) });
    await assert.rejects(
      events.putEvents({ Entries: [1, 2].map(() => ({ Source: "s", DetailType: "t", Detail })) }),
      refused("ValidationException", /^Total size of the entries in the request is over the limit\.$/),
    );
  });

  test("what EventBridge asks of itself cannot be asked from outside", async () => {
    const { queue } = await ruleToQueue("inner", {}, undefined, { source: ["aws.forged"] });
    const event = {
      version: "0",
      id: "x",
      "detail-type": "t",
      source: "aws.forged",
      account: account(),
      time: "2026-01-01T00:00:00Z",
      region: region(),
      resources: [],
      detail: {},
    };
    const forged = { ...entry("inner", {}), $forwarded: { event, from: { account: account(), region: region() } } };
    // The SDK drops what it does not know; the bytes are written over before they are signed.
    const raw = new EventBridge(instance.client);
    raw.middlewareStack.add(
      (following) => (args) => {
        (args.request as { body: string }).body = JSON.stringify({ Entries: [forged] });
        return following(args);
      },
      { step: "build", priority: "high" },
    );
    const sent = await raw.putEvents({ Entries: [entry("inner", {})] });
    assert.equal(sent.FailedEntryCount, 0);
    await ruleToQueue("inner-after");
    await events.putEvents({ Entries: [entry("inner-after", {})] });
    assert.ok(await isEmpty(queue));
  });

  test("a rule that is disabled sees nothing; enabled it sees again", async () => {
    const { Name, queue } = await ruleToQueue("off");
    const control = await ruleToQueue("off-control", {}, undefined, { source: ["app.off"] });
    await events.disableRule({ Name });
    await events.putEvents({ Entries: [entry("off", { n: 1 })] });
    assert.equal((await next(control.queue)).detail.n, 1);
    await events.enableRule({ Name });
    await events.putEvents({ Entries: [entry("off", { n: 3 })] });
    assert.equal((await next(queue)).detail.n, 3);
    await events.removeTargets({ Rule: Name, Ids: ["queue"] });
    await events.deleteRule({ Name });
    await assert.rejects(
      events.describeRule({ Name }),
      refused("ResourceNotFoundException", /^Rule rule-off does not exist on EventBus default\.$/),
    );
  });

  test("rules are refused and shown as on AWS", async () => {
    const Name = "shown";
    await assert.rejects(
      events.putRule({ Name }),
      refused("ValidationException", /^Parameter\(s\) EventPattern or ScheduleExpression must be specified\.$/),
    );
    await assert.rejects(
      events.putRule({ Name, ScheduleExpression: "rate(1 minutes)" }),
      refused("ValidationException", /^Parameter ScheduleExpression is not valid\.$/),
    );
    await assert.rejects(
      events.putRule({ Name, EventPattern: '{"source":"a"}' }),
      refused("InvalidEventPatternException", /^Event pattern is not valid\. Reason: /),
    );
    await assert.rejects(
      events.putRule({ Name, EventPattern: "{}", EventBusName: "nowhere" }),
      refused("ResourceNotFoundException", /^Event bus nowhere does not exist\.$/),
    );
    const EventPattern = '{"source":["a"]}';
    await events.putRule({ Name, EventPattern, Description: "d", Tags: [{ Key: "k", Value: "v" }] });
    const { $metadata: _, ...rule } = await events.describeRule({ Name });
    assert.deepEqual(rule, {
      Name,
      Arn: arnOf("rule/shown"),
      EventPattern,
      State: "ENABLED",
      Description: "d",
      EventBusName: "default",
      CreatedBy: account(),
    });
    assert.deepEqual((await events.listTagsForResource({ ResourceARN: rule.Arn! })).Tags, [{ Key: "k", Value: "v" }]);
    const queue = await newQueue("shown");
    await events.putTargets({ Rule: Name, Targets: [{ Id: "1", Arn: queue.arn }] });
    await assert.rejects(
      events.deleteRule({ Name }),
      refused("ValidationException", /^Rule can't be deleted since it has targets\.$/),
    );
    assert.deepEqual((await events.listRuleNamesByTarget({ TargetArn: queue.arn })).RuleNames, [Name]);
    await assert.rejects(
      events.putTargets({ Rule: Name, Targets: [2, 3, 4, 5, 6].map((n) => ({ Id: String(n), Arn: queue.arn })) }),
      refused("LimitExceededException", /^The requested resource exceeds the maximum number allowed\.$/),
    );
    const removed = await events.removeTargets({ Rule: Name, Ids: ["1", "none"] });
    assert.deepEqual(
      removed.FailedEntries?.map(({ TargetId }) => TargetId),
      ["none"],
    );
  });

  test("listings come in pages", async () => {
    for (const n of [1, 2, 3, 4, 5]) await events.putRule({ Name: `page-${n}`, EventPattern: '{"source":["p"]}' });
    const first = await events.listRules({ NamePrefix: "page-", Limit: 3 });
    assert.deepEqual(
      first.Rules!.map(({ Name }) => Name),
      ["page-1", "page-2", "page-3"],
    );
    const second = await events.listRules({ NamePrefix: "page-", Limit: 3, NextToken: first.NextToken });
    assert.deepEqual([second.Rules!.map(({ Name }) => Name), second.NextToken], [["page-4", "page-5"], undefined]);
    await assert.rejects(events.listRules({ NextToken: "nonsense" }), refused("ValidationException", /nextToken/));
  });

  test("TestEventPattern answers like the rules do", async () => {
    const event = {
      id: "1",
      account: account(),
      source: "a",
      time: "2026-01-01T00:00:00Z",
      region: region(),
      resources: [],
      "detail-type": "t",
      detail: { x: [1, 2] },
    };
    const Event = JSON.stringify(event);
    assert.equal((await events.testEventPattern({ Event, EventPattern: '{"detail":{"x":[2]}}' })).Result, true);
    assert.equal((await events.testEventPattern({ Event, EventPattern: '{"detail":{"x":[3]}}' })).Result, false);
    await assert.rejects(
      events.testEventPattern({ Event: "{}", EventPattern: '{"source":["a"]}' }),
      refused("ValidationException", /Event is not valid/),
    );
  });
});

describe("inputs", () => {
  test("a constant, a part, a template", async () => {
    const { Name, RuleArn, queue } = await ruleToQueue("inputs", { Input: '{"constant":true}' });
    const put = async (target: Partial<Target>) => {
      await events.putTargets({ Rule: Name, Targets: [{ Id: "queue", Arn: queue.arn, ...target }] });
      await events.putEvents({ Entries: [entry("inputs", { name: "Ann", list: [1, 2], nested: { deep: "yes" } })] });
      return (await receive(queue)).Body!;
    };
    assert.equal(await put({ Input: '{"constant":true}' }), '{"constant":true}');
    assert.equal(await put({ InputPath: "$.detail.nested" }), '{"deep":"yes"}');
    assert.equal(await put({ InputPath: "$.detail.list[1]" }), "2");
    const InputPathsMap = { name: "$.detail.name", list: "$.detail.list", none: "$.detail.absent" };
    const text = '"Hello <name>, <list> <none>by <aws.events.rule-name>"';
    assert.equal(
      await put({ InputTransformer: { InputPathsMap, InputTemplate: text } }),
      '"Hello Ann, [1,2] by rule-inputs"',
    );
    const template =
      '{"who":<name>,"say":"hi <name>","list":<list>,"none":<none>,"rule":<aws.events.rule-arn>,"all":<aws.events.event.json>}';
    const made = JSON.parse(await put({ InputTransformer: { InputPathsMap, InputTemplate: template } })) as Record<
      string,
      any
    >;
    assert.deepEqual(
      [made["who"], made["say"], made["list"], made["none"], made["rule"]],
      ["Ann", "hi Ann", [1, 2], "", RuleArn],
    );
    assert.equal(made["all"].detail.nested.deep, "yes");
  });

  test("what cannot be an input is refused", async () => {
    const { Name, queue } = await ruleToQueue("bad-inputs");
    const put = (target: Partial<Target>) =>
      events.putTargets({ Rule: Name, Targets: [{ Id: "t", Arn: queue.arn, ...target }] });
    await assert.rejects(
      put({ Input: "{}", InputPath: "$" }),
      refused(
        "ValidationException",
        /^Only one of Input, InputPath, or InputTransformer must be provided for target t\.$/,
      ),
    );
    await assert.rejects(
      put({ Input: "not json" }),
      refused("ValidationException", /^JSON syntax error in input for target t/),
    );
    await assert.rejects(
      put({ InputTransformer: { InputPathsMap: {}, InputTemplate: '"<undefinedkey>"' } }),
      refused("ValidationException", /^InputTemplate for target t contains invalid placeholder undefinedkey\.$/),
    );
    await assert.rejects(
      put({ Arn: "arn:aws:sqs" }),
      refused("ValidationException", /Provided Arn is not in correct format\.$/),
    );
    const fifo = `arn:aws:sqs:${region()}:${account()}:q.fifo`;
    await assert.rejects(
      put({ Arn: fifo }),
      refused("ValidationException", /^Parameter\(s\) SqsParameters must be specified for target: t\.$/),
    );
    const failed = await put({ Arn: `arn:aws:kinesis:${region()}:${account()}:stream/s` });
    assert.deepEqual([failed.FailedEntryCount, failed.FailedEntries![0]!.ErrorCode], [1, "NotImplemented"]);
  });
});

describe("targets", () => {
  test("a FIFO queue by message group", async () => {
    const Name = "fifo";
    const { RuleArn } = await events.putRule({ Name, EventPattern: '{"source":["app.fifo"]}' });
    const queue = await newQueue("events.fifo", RuleArn, { FifoQueue: "true" });
    await events.putTargets({
      Rule: Name,
      Targets: [{ Id: "q", Arn: queue.arn, SqsParameters: { MessageGroupId: "g" } }],
    });
    await events.putEvents({ Entries: [entry("fifo", {})] });
    assert.equal((await receive(queue)).Attributes!["MessageGroupId"], "g");
  });

  test("a topic, by the topic's policy", async () => {
    const sns = new SNS(instance.client);
    const { TopicArn } = await sns.createTopic({ Name: "events" });
    const Name = "topic";
    const { RuleArn } = await events.putRule({ Name, EventPattern: '{"source":["app.topic"]}' });
    const Statement = {
      Effect: "Allow",
      Principal: { Service: "events.amazonaws.com" },
      Action: "sns:Publish",
      Resource: TopicArn,
      Condition: { ArnEquals: { "aws:SourceArn": RuleArn } },
    };
    await sns.setTopicAttributes({
      TopicArn,
      AttributeName: "Policy",
      AttributeValue: JSON.stringify({ Version: "2012-10-17", Statement }),
    });
    const queue = await newQueue("behind-topic", "*");
    const policy = {
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: { Service: "sns.amazonaws.com" },
        Action: "sqs:SendMessage",
        Resource: queue.arn,
      },
    };
    await sqs.setQueueAttributes({ QueueUrl: queue.url, Attributes: { Policy: JSON.stringify(policy) } });
    await sns.subscribe({ TopicArn, Protocol: "sqs", Endpoint: queue.arn, Attributes: { RawMessageDelivery: "true" } });
    await events.putTargets({ Rule: Name, Targets: [{ Id: "t", Arn: TopicArn! }] });
    await events.putEvents({ Entries: [entry("topic", { n: 1 })] });
    assert.equal((await next(queue)).detail.n, 1);
  });

  test("a log group, by the account's resource policy", async () => {
    const logs = new CloudWatchLogs(instance.client);
    const logGroupName = "/aws/events/app";
    await logs.createLogGroup({ logGroupName });
    const Statement = {
      Effect: "Allow",
      Principal: { Service: ["events.amazonaws.com", "delivery.logs.amazonaws.com"] },
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: `arn:aws:logs:${region()}:${account()}:log-group:/aws/events/*:*`,
    };
    await logs.putResourcePolicy({
      policyName: "events",
      policyDocument: JSON.stringify({ Version: "2012-10-17", Statement }),
    });
    await events.putRule({ Name: "logs", EventPattern: '{"source":["app.logs"]}' });
    const Arn = `arn:aws:logs:${region()}:${account()}:log-group:${logGroupName}`;
    assert.equal((await events.putTargets({ Rule: "logs", Targets: [{ Id: "l", Arn }] })).FailedEntryCount, 0);
    await events.putEvents({ Entries: [1, 2, 3].map((n) => entry("logs", { n })) });
    await eventually(async () => {
      const { events: found = [] } = await logs.filterLogEvents({ logGroupName });
      return (
        found.length === 3 &&
        found
          .map(({ message }) => JSON.parse(message!).detail.n)
          .toSorted((a, b) => a - b)
          .join() === "1,2,3"
      );
    });
  });

  test("another bus, by a role; the event keeps its identity and goes no further", async () => {
    await events.createEventBus({ Name: "inner-bus" });
    await events.createEventBus({ Name: "third-bus" });
    const [inner, third] = [arnOf("event-bus/inner-bus"), arnOf("event-bus/third-bus")];
    const RoleArn = await role("forwards", { Action: "events:PutEvents", Resource: [inner, third] });
    await events.putRule({ Name: "to-inner", EventPattern: '{"source":["app.forward"]}' });
    await events.putTargets({ Rule: "to-inner", Targets: [{ Id: "b", Arn: inner, RoleArn }] });
    const received = await ruleToQueue("on-inner", {}, "inner-bus", { source: ["app.forward"] });
    await events.putRule({ Name: "to-third", EventBusName: "inner-bus", EventPattern: '{"source":["app.forward"]}' });
    const dead = await newQueue("third-dead", arnOf("rule/inner-bus/to-third"));
    await events.putTargets({
      Rule: "to-third",
      EventBusName: "inner-bus",
      Targets: [{ Id: "b", Arn: third, RoleArn, DeadLetterConfig: { Arn: dead.arn } }],
    });
    const { Entries } = await events.putEvents({ Entries: [entry("forward", { n: 1 })] });
    const event = await next(received.queue);
    assert.deepEqual([event.id, event.source, event.detail], [Entries![0]!.EventId, "app.forward", { n: 1 }]);
    const buried = await receive(dead);
    assert.match(buried.MessageAttributes!["ERROR_CODE"]!.StringValue!, /^THIRD_/);
  });

  test("a role that may not, and a role that does not trust, go to the dead-letter queue", async () => {
    const RoleArn = await role("may-nothing", { Action: "s3:GetObject", Resource: "*" });
    const foreign = await role("trusts-others", { Action: "events:PutEvents", Resource: "*" }, "ec2.amazonaws.com");
    const dead = await newQueue("role-dead", arnOf("rule/*"));
    await events.createEventBus({ Name: "guarded" });
    await events.putRule({ Name: "to-guarded", EventPattern: '{"source":["app.guarded"]}' });
    const Arn = arnOf("event-bus/guarded");
    const DeadLetterConfig = { Arn: dead.arn };
    await events.putTargets({
      Rule: "to-guarded",
      Targets: [
        { Id: "a", Arn, RoleArn, DeadLetterConfig },
        { Id: "b", Arn, RoleArn: foreign, DeadLetterConfig },
      ],
    });
    await events.putEvents({ Entries: [entry("guarded", {})] });
    const codes = [await receive(dead), await receive(dead)].map(
      (each) => each.MessageAttributes!["ERROR_CODE"]!.StringValue,
    );
    assert.deepEqual(codes.toSorted(), ["FAILED_TO_ASSUME_ROLE", "NO_PERMISSIONS"]);
  });
});

describe("failures", () => {
  test("a queue that does not allow it: the dead-letter queue gets the event with AWS's attributes", async () => {
    const dead = await newQueue("dead", arnOf("rule/*"));
    const { RuleArn, queue } = await ruleToQueue("forbidden", { DeadLetterConfig: { Arn: dead.arn } });
    await sqs.setQueueAttributes({ QueueUrl: queue.url, Attributes: { Policy: "" } });
    await events.putEvents({ Entries: [entry("forbidden", { n: 1 })] });
    const { Body, MessageAttributes } = await receive(dead);
    assert.equal(JSON.parse(Body!).detail.n, 1);
    const shown = Object.fromEntries(
      Object.entries(MessageAttributes!).map(([name, { StringValue }]) => [name, StringValue]),
    );
    assert.deepEqual(
      [shown["ERROR_CODE"], shown["RULE_ARN"], shown["TARGET_ARN"], shown["RETRY_ATTEMPTS"]],
      ["NO_PERMISSIONS", RuleArn, queue.arn, "0"],
    );
    assert.ok(shown["ERROR_MESSAGE"]);
  });

  test("a queue that is gone", async () => {
    const dead = await newQueue("dead-gone", arnOf("rule/*"));
    const RoleArn = await role("sends", { Action: "sqs:SendMessage", Resource: "*" });
    const { queue } = await ruleToQueue("gone", { RoleArn, DeadLetterConfig: { Arn: dead.arn } });
    await sqs.deleteQueue({ QueueUrl: queue.url });
    await events.putEvents({ Entries: [entry("gone", {})] });
    assert.equal((await receive(dead)).MessageAttributes!["ERROR_CODE"]!.StringValue, "NO_RESOURCE");
  });

  test("metrics tell of matches, invocations and failures", async () => {
    const cloudwatch = new CloudWatch(instance.client);
    const sum = async (MetricName: string, RuleName: string) => {
      const { Datapoints = [] } = await cloudwatch.getMetricStatistics({
        Namespace: "AWS/Events",
        MetricName,
        Dimensions: [{ Name: "RuleName", Value: RuleName }],
        StartTime: new Date(Date.now() - 3_600_000),
        EndTime: new Date(Date.now() + 3_600_000),
        Period: 86_400,
        Statistics: ["Sum"],
      });
      return Datapoints.reduce((total, { Sum = 0 }) => total + Sum, 0);
    };
    await eventually(async () => {
      const sums = [
        await sum("MatchedEvents", "rule-forbidden"),
        await sum("FailedInvocations", "rule-forbidden"),
        await sum("InvocationsSentToDlq", "rule-forbidden"),
        await sum("Invocations", "rule-quick"),
      ];
      return sums.join() === "1,1,1,12";
    });
  });
});
