/** CloudWatch metrics and alarms through the unmodified SDK and the AWS CLI. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { CloudWatch, type MetricDatum, type PutMetricAlarmInput } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { SNS } from "@aws-sdk/client-sns";
import { SQS } from "@aws-sdk/client-sqs";
import { aws, awsCommand, isInstalled } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { advance } from "../operator.ts";

const minute = 60_000;

describe("CloudWatch", () => {
  let instance: Instance;
  let cloudwatch: CloudWatch;
  let moved = 0;
  const now = () => Date.now() + moved;

  before(async () => {
    instance = await startInstance({ args: ["--adjustable-clock"] });
    cloudwatch = new CloudWatch(instance.client);
  });
  after(async () => {
    await instance?.stop();
  });

  const space = () => `Test/${randomUUID().slice(0, 8)}`;
  const put = (Namespace: string, ...MetricData: MetricDatum[]) => cloudwatch.putMetricData({ Namespace, MetricData });
  const forward = async (ms: number) => {
    await advance(instance, ms);
    moved += ms;
  };
  /** Start of the minute that lies so many minutes back. */
  const minuteBack = (count: number) => Math.floor(now() / minute) * minute - count * minute;

  async function statistics(Namespace: string, MetricName: string, at: number, more: object = {}) {
    const { Datapoints } = await cloudwatch.getMetricStatistics({
      Namespace,
      MetricName,
      StartTime: new Date(at),
      EndTime: new Date(at + minute),
      Period: 60,
      Statistics: ["SampleCount", "Sum", "Minimum", "Maximum", "Average"],
      ...more,
    });
    return Datapoints!;
  }

  test("all forms of a datum add up", async () => {
    const Namespace = space();
    const at = minuteBack(5);
    const Timestamp = new Date(at);
    await put(
      Namespace,
      { MetricName: "m", Timestamp, Value: 10, Unit: "Count" },
      { MetricName: "m", Timestamp, Values: [1, 2], Counts: [3, 1], Unit: "Count" },
      {
        MetricName: "m",
        Timestamp,
        StatisticValues: { SampleCount: 2, Sum: 30, Minimum: 10, Maximum: 20 },
        Unit: "Count",
      },
    );
    const [point] = await statistics(Namespace, "m", at);
    assert.deepEqual(
      { ...point, Timestamp: point!.Timestamp!.getTime() },
      {
        Timestamp: at,
        SampleCount: 7,
        Sum: 45,
        Minimum: 1,
        Maximum: 20,
        Average: 45 / 7,
        Unit: "Count",
      },
    );
  });

  test("percentiles, units apart, dimensions in any order", async () => {
    const Namespace = space();
    const at = minuteBack(5);
    const Timestamp = new Date(at);
    const [a, b] = [
      { Name: "a", Value: "1" },
      { Name: "b", Value: "2" },
    ];
    await put(Namespace, {
      MetricName: "m",
      Timestamp,
      Values: Array.from({ length: 100 }, (_, i) => i + 1),
      Dimensions: [a, b],
    });
    await put(Namespace, { MetricName: "m", Timestamp, Value: 7, Unit: "Bytes", Dimensions: [b, a] });
    const points = await statistics(Namespace, "m", at, {
      Dimensions: [b, a],
      Statistics: undefined,
      ExtendedStatistics: ["p90", "tm90"],
    });
    assert.deepEqual(points.map(({ Unit }) => Unit).sort(), ["Bytes", "None"]);
    const p90 = points.find(({ Unit }) => Unit === "None")!.ExtendedStatistics!["p90"]!;
    assert.ok(Math.abs(p90 - 90.1) < 0.01, String(p90));
    assert.deepEqual(await statistics(Namespace, "m", at), []);
  });

  test("compressed requests are read", async () => {
    const Namespace = space();
    const compressing = new CloudWatch({ ...instance.client, requestMinCompressionSizeBytes: 0 });
    let encoding: string | undefined;
    compressing.middlewareStack.add(
      (next) => (args) => {
        encoding = (args.request as { headers: Record<string, string> }).headers["content-encoding"];
        return next(args);
      },
      { step: "finalizeRequest", priority: "low" },
    );
    await compressing.putMetricData({ Namespace, MetricData: [{ MetricName: "m", Value: 1 }] });
    assert.equal(encoding, "gzip");
    assert.equal((await cloudwatch.listMetrics({ Namespace })).Metrics!.length, 1);
  });

  const refused: [what: string, datum: MetricDatum, error: string, message: RegExp][] = [
    [
      "value and values",
      { MetricName: "m", Value: 1, Values: [1] },
      "InvalidParameterCombinationException",
      /mutually exclusive/,
    ],
    ["nothing", { MetricName: "m" }, "MissingRequiredParameterException", /must be specified/],
    [
      "counts of another size",
      { MetricName: "m", Values: [1, 2], Counts: [1] },
      "InvalidParameterValueException",
      /same size/,
    ],
    [
      "a late time",
      { MetricName: "m", Value: 1, Timestamp: new Date(Date.now() + 4 * 86_400_000) },
      "InvalidParameterValueException",
      /two hours in the future/,
    ],
    [
      "an old time",
      { MetricName: "m", Value: 1, Timestamp: new Date(Date.now() - 20 * 86_400_000) },
      "InvalidParameterValueException",
      /two weeks/,
    ],
    [
      "a resolution",
      { MetricName: "m", Value: 1, StorageResolution: 5 },
      "InvalidParameterValueException",
      /StorageResolution/,
    ],
    ["not a number", { MetricName: "m", Value: Number.NaN }, "InvalidParameterValueException", /Value/],
    [
      "a dimension twice",
      {
        MetricName: "m",
        Value: 1,
        Dimensions: [
          { Name: "a", Value: "1" },
          { Name: "a", Value: "2" },
        ],
      },
      "InvalidParameterValueException",
      /duplicated/,
    ],
  ];
  for (const [what, datum, name, message] of refused) {
    test(`PutMetricData refuses ${what}`, async () => {
      await assert.rejects(put(space(), datum), { name, message });
    });
  }
  test("the namespaces of services are theirs", async () => {
    await assert.rejects(put("AWS/EC2", { MetricName: "m", Value: 1 }), { name: "InvalidParameterValueException" });
  });

  test("rolled up, the numbers are the same; minutes give way to five minutes after 15 days", async () => {
    const Namespace = space();
    const at = Math.floor(minuteBack(10) / (5 * minute)) * 5 * minute;
    for (let i = 0; i < 10; i++)
      await put(Namespace, { MetricName: "m", Timestamp: new Date(at + (i % 5) * minute), Value: i });
    const sums = async (Period: number) => {
      const { Datapoints } = await cloudwatch.getMetricStatistics({
        Namespace,
        MetricName: "m",
        StartTime: new Date(at),
        EndTime: new Date(at + 5 * minute),
        Period,
        Statistics: ["Sum"],
      });
      return Datapoints!.sort((a, b) => a.Timestamp!.getTime() - b.Timestamp!.getTime()).map(({ Sum }) => Sum);
    };
    assert.deepEqual(await sums(60), [5, 7, 9, 11, 13]);
    // Past the rest of the rollup job; the sums hold at every moment while it works.
    await forward(20_000);
    for (let i = 0; i < 30; i++) {
      assert.deepEqual(await sums(60), [5, 7, 9, 11, 13]);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    assert.deepEqual(await sums(300), [45]);
    await forward(16 * 86_400_000);
    assert.deepEqual(await sums(60), []);
    assert.deepEqual(await sums(300), [45]);
  });

  test("high resolution: one second", async () => {
    const Namespace = space();
    const at = Math.floor(now() / 1000) * 1000 - 30_000;
    await put(
      Namespace,
      { MetricName: "m", Timestamp: new Date(at), Value: 1, StorageResolution: 1 },
      { MetricName: "m", Timestamp: new Date(at + 1000), Value: 2, StorageResolution: 1 },
    );
    const { MetricDataResults } = await cloudwatch.getMetricData({
      StartTime: new Date(at),
      EndTime: new Date(at + 2000),
      ScanBy: "TimestampAscending",
      MetricDataQueries: [{ Id: "m", MetricStat: { Metric: { Namespace, MetricName: "m" }, Period: 1, Stat: "Sum" } }],
    });
    assert.deepEqual(MetricDataResults![0]!.Values, [1, 2]);
  });

  test("GetMetricData: math, hidden queries, paging, refusals", async () => {
    const Namespace = space();
    const at = minuteBack(5);
    for (let i = 0; i < 3; i++) {
      await put(
        Namespace,
        { MetricName: "errors", Timestamp: new Date(at + i * minute), Value: i },
        { MetricName: "calls", Timestamp: new Date(at + i * minute), Value: 10 },
      );
    }
    const stat = (Id: string, MetricName: string, ReturnData = false) => ({
      Id,
      ReturnData,
      MetricStat: { Metric: { Namespace, MetricName }, Period: 60, Stat: "Sum" },
    });
    const range = { StartTime: new Date(at), EndTime: new Date(at + 3 * minute) };
    const rate = { Id: "rate", Expression: "100 * e / c", Label: "error rate" };
    const got = await cloudwatch.getMetricData({
      ...range,
      MetricDataQueries: [stat("e", "errors"), stat("c", "calls"), rate],
    });
    assert.deepEqual(
      got.MetricDataResults!.map(({ Label, Values }) => [Label, Values]),
      [["error rate", [20, 10, 0]]],
    );
    const first = await cloudwatch.getMetricData({
      ...range,
      MaxDatapoints: 2,
      MetricDataQueries: [stat("c", "calls", true)],
    });
    assert.equal(first.MetricDataResults![0]!.StatusCode, "PartialData");
    const second = await cloudwatch.getMetricData({
      ...range,
      MaxDatapoints: 2,
      NextToken: first.NextToken,
      MetricDataQueries: [stat("c", "calls", true)],
    });
    assert.equal(second.MetricDataResults![0]!.Values!.length, 1);
    for (const Expression of ["e +", "SEARCH('{x}', 'Sum', 60)", "nosuch * 2", "AVG(e)", "loop + 1"]) {
      await assert.rejects(
        cloudwatch.getMetricData({ ...range, MetricDataQueries: [stat("e", "errors"), { Id: "loop", Expression }] }),
        { name: /Validation/ },
      );
    }
  });

  test("ListMetrics finds by namespace, name and dimension", async () => {
    const Namespace = space();
    await put(
      Namespace,
      { MetricName: "m", Value: 1, Dimensions: [{ Name: "host", Value: "a" }] },
      { MetricName: "m", Value: 1, Dimensions: [{ Name: "host", Value: "b" }] },
      { MetricName: "n", Value: 1 },
    );
    assert.equal((await cloudwatch.listMetrics({ Namespace })).Metrics!.length, 3);
    assert.equal((await cloudwatch.listMetrics({ Namespace, MetricName: "m" })).Metrics!.length, 2);
    assert.deepEqual(
      (await cloudwatch.listMetrics({ Namespace, Dimensions: [{ Name: "host", Value: "b" }] })).Metrics!.map(
        ({ Dimensions }) => Dimensions![0]!.Value,
      ),
      ["b"],
    );
    await assert.rejects(cloudwatch.listMetrics({ NextToken: "bogus" }), { name: "InvalidNextToken" });
  });

  test("the query protocol of the AWS CLI and CBOR of newer clients meet the same metrics", async (context) => {
    if (!(await isInstalled(awsCommand()))) return context.skip("no AWS CLI");
    const Namespace = space();
    await aws(instance, [
      "cloudwatch",
      "put-metric-data",
      "--namespace",
      Namespace,
      "--metric-name",
      "cli",
      "--value",
      "3",
    ]);
    assert.equal((await cloudwatch.listMetrics({ Namespace })).Metrics!.length, 1);
  });

  const alarm = (Namespace: string, more: Partial<PutMetricAlarmInput> = {}): PutMetricAlarmInput => ({
    AlarmName: `alarm-${randomUUID().slice(0, 8)}`,
    Namespace,
    MetricName: "m",
    Statistic: "Sum",
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: 5,
    ComparisonOperator: "GreaterThanThreshold",
    TreatMissingData: "notBreaching",
    ...more,
  });
  const inState = (name: string, state: string) =>
    eventually(async () => {
      const { MetricAlarms, CompositeAlarms } = await cloudwatch.describeAlarms({
        AlarmNames: [name],
        AlarmTypes: ["MetricAlarm", "CompositeAlarm"],
      });
      const found = MetricAlarms![0] ?? CompositeAlarms![0];
      return found?.StateValue === state && found;
    });

  test("an alarm goes off within seconds of its data, says why, tries its action, and calms down", async () => {
    const Namespace = space();
    const topic = `arn:aws:sns:${instance.ready.region}:${instance.ready.accountId}:nosuch-topic`;
    const given = alarm(Namespace, { AlarmActions: [topic], AlarmDescription: "too many" });
    await cloudwatch.putMetricAlarm(given);
    await inState(given.AlarmName!, "OK");
    await put(Namespace, { MetricName: "m", Value: 6 });
    const fired = await inState(given.AlarmName!, "ALARM");
    assert.match(
      fired.StateReason!,
      /^Threshold Crossed: 1 out of the last 1 datapoints \[6\.0 \(.*\)\] was greater than the threshold \(5\.0\)/,
    );
    assert.deepEqual(JSON.parse(fired.StateReasonData!).recentDatapoints, [6]);
    const items = await eventually(async () => {
      const { AlarmHistoryItems } = await cloudwatch.describeAlarmHistory({ AlarmName: given.AlarmName });
      return AlarmHistoryItems!.some(({ HistoryItemType }) => HistoryItemType === "Action") && AlarmHistoryItems;
    });
    assert.match(
      items!.find(({ HistoryItemType }) => HistoryItemType === "Action")!.HistorySummary!,
      /Failed to execute action .*nosuch-topic/,
    );
    assert.ok(items!.some(({ HistorySummary }) => HistorySummary === "Alarm updated from OK to ALARM"));
    assert.ok(items!.some(({ HistoryItemType }) => HistoryItemType === "ConfigurationUpdate"));
    await forward(10 * minute);
    await inState(given.AlarmName!, "OK");
  });

  test("a topic is told in AWS's words, once for each change", async () => {
    const Namespace = space();
    const sns = new SNS(instance.client);
    const sqs = new SQS(instance.client);
    const name = `alarms-${randomUUID().slice(0, 8)}`;
    const { TopicArn } = await sns.createTopic({ Name: name });
    const { QueueUrl } = await sqs.createQueue({ QueueName: name });
    const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "sns.amazonaws.com" },
          Action: "sqs:SendMessage",
          Resource: Attributes!["QueueArn"],
        },
      ],
    });
    await sqs.setQueueAttributes({ QueueUrl, Attributes: { Policy } });
    await sns.subscribe({
      TopicArn,
      Protocol: "sqs",
      Endpoint: Attributes!["QueueArn"],
      Attributes: { RawMessageDelivery: "true" },
    });
    const given = alarm(Namespace, {
      AlarmActions: [TopicArn!],
      AlarmDescription: "too many",
      TreatMissingData: "ignore",
    });
    await cloudwatch.putMetricAlarm(given);
    await put(Namespace, { MetricName: "m", Value: 6 });
    const received = await eventually(async () => (await sqs.receiveMessage({ QueueUrl })).Messages?.[0]);
    const message = JSON.parse(received.Body!);
    assert.deepEqual(
      [message.AlarmName, message.AlarmDescription, message.OldStateValue, message.NewStateValue, message.AWSAccountId],
      [given.AlarmName, "too many", "INSUFFICIENT_DATA", "ALARM", instance.ready.accountId],
    );
    assert.deepEqual(
      [message.Trigger.MetricName, message.Trigger.Namespace, message.Trigger.Statistic, message.Trigger.Threshold],
      ["m", Namespace, "SUM", 5],
    );
    const { AlarmHistoryItems } = await eventually(async () => {
      const answer = await cloudwatch.describeAlarmHistory({ AlarmName: given.AlarmName, HistoryItemType: "Action" });
      return answer.AlarmHistoryItems!.length > 0 ? answer : undefined;
    });
    assert.equal(AlarmHistoryItems![0]!.HistorySummary, `Successfully executed action ${TopicArn}`);
  });

  test("log events become an alarm: metric filter to state", async () => {
    const logs = new CloudWatchLogs(instance.client);
    const Namespace = space();
    const where = { logGroupName: `/alarm/${randomUUID().slice(0, 6)}`, logStreamName: "s" };
    await logs.createLogGroup({ logGroupName: where.logGroupName });
    await logs.createLogStream(where);
    await logs.putMetricFilter({
      logGroupName: where.logGroupName,
      filterName: "root",
      filterPattern: '{ $.userIdentity.type = "Root" }',
      metricTransformations: [{ metricName: "m", metricNamespace: Namespace, metricValue: "1" }],
    });
    const given = alarm(Namespace, { Threshold: 1, ComparisonOperator: "GreaterThanOrEqualToThreshold" });
    await cloudwatch.putMetricAlarm(given);
    await logs.putLogEvents({
      ...where,
      logEvents: [{ timestamp: now(), message: JSON.stringify({ userIdentity: { type: "Root" } }) }],
    });
    await inState(given.AlarmName!, "ALARM");
  });

  test("alarms on metric math, on percentiles, and M out of N", async () => {
    const Namespace = space();
    const math = `math-${randomUUID().slice(0, 6)}`;
    await cloudwatch.putMetricAlarm({
      AlarmName: math,
      EvaluationPeriods: 1,
      Threshold: 50,
      ComparisonOperator: "GreaterThanThreshold",
      Metrics: [
        { Id: "e", ReturnData: false, MetricStat: { Metric: { Namespace, MetricName: "e" }, Period: 60, Stat: "Sum" } },
        { Id: "c", ReturnData: false, MetricStat: { Metric: { Namespace, MetricName: "c" }, Period: 60, Stat: "Sum" } },
        { Id: "r", Expression: "100 * e / c" },
      ],
    });
    const twoOfThree = alarm(Namespace, {
      MetricName: "n",
      EvaluationPeriods: 3,
      DatapointsToAlarm: 2,
      Statistic: undefined,
      ExtendedStatistic: "p90",
    });
    await cloudwatch.putMetricAlarm(twoOfThree);
    const at = minuteBack(3);
    await put(
      Namespace,
      { MetricName: "e", Timestamp: new Date(at + 2 * minute), Value: 6 },
      { MetricName: "c", Timestamp: new Date(at + 2 * minute), Value: 10 },
    );
    for (const [index, Value] of [10, 1, 10].entries())
      await put(Namespace, { MetricName: "n", Timestamp: new Date(at + index * minute), Value });
    await inState(math, "ALARM");
    const fired = await inState(twoOfThree.AlarmName!, "ALARM");
    assert.match(fired.StateReason!, /2 out of the last 3 datapoints .* were greater .*minimum 2 datapoints/);
  });

  test("composite alarms follow their rule; what a rule may not be", async () => {
    const Namespace = space();
    const [a, b] = [alarm(Namespace, { TreatMissingData: "ignore" }), alarm(Namespace, { MetricName: "other" })];
    await cloudwatch.putMetricAlarm(a);
    await cloudwatch.putMetricAlarm(b);
    const name = `both-${randomUUID().slice(0, 6)}`;
    await cloudwatch.putCompositeAlarm({
      AlarmName: name,
      AlarmRule: `ALARM("${a.AlarmName}") AND NOT ALARM(${b.AlarmName})`,
    });
    await inState(name, "OK");
    await cloudwatch.setAlarmState({ AlarmName: a.AlarmName, StateValue: "ALARM", StateReason: "test" });
    await inState(name, "ALARM");
    assert.deepEqual((await cloudwatch.describeAlarms({ ChildrenOfAlarmName: name })).MetricAlarms!.length, 2);
    assert.deepEqual(
      (await cloudwatch.describeAlarms({ ParentsOfAlarmName: a.AlarmName })).CompositeAlarms!.map(
        ({ AlarmName }) => AlarmName,
      ),
      [name],
    );
    for (const AlarmRule of ["ALARM(", "ALARM(nosuch)", "TRUE AND", `ALARM(${name})`, "1 = 1"]) {
      await assert.rejects(cloudwatch.putCompositeAlarm({ AlarmName: name, AlarmRule }), { name: /Validation/ });
    }
  });

  test("SetAlarmState, switching actions, deletion; updates leave the state", async () => {
    const given = alarm(space(), { TreatMissingData: "ignore" });
    await cloudwatch.putMetricAlarm({ ...given, Tags: [{ Key: "team", Value: "red" }] });
    await cloudwatch.setAlarmState({
      AlarmName: given.AlarmName,
      StateValue: "ALARM",
      StateReason: "by hand",
      StateReasonData: '{"a":1}',
    });
    await cloudwatch.putMetricAlarm({ ...given, Threshold: 9 });
    const { MetricAlarms } = await cloudwatch.describeAlarms({ AlarmNamePrefix: given.AlarmName, StateValue: "ALARM" });
    assert.deepEqual([MetricAlarms![0]!.Threshold, MetricAlarms![0]!.StateReason], [9, "by hand"]);
    await cloudwatch.disableAlarmActions({ AlarmNames: [given.AlarmName!] });
    assert.equal(
      (await cloudwatch.describeAlarms({ AlarmNames: [given.AlarmName!] })).MetricAlarms![0]!.ActionsEnabled,
      false,
    );
    const ResourceARN = MetricAlarms![0]!.AlarmArn;
    assert.deepEqual((await cloudwatch.listTagsForResource({ ResourceARN })).Tags, [{ Key: "team", Value: "red" }]);
    await assert.rejects(cloudwatch.deleteAlarms({ AlarmNames: [given.AlarmName!, "nosuch"] }), {
      name: "ResourceNotFound",
    });
    await cloudwatch.deleteAlarms({ AlarmNames: [given.AlarmName!] });
    assert.deepEqual((await cloudwatch.describeAlarms({ AlarmNames: [given.AlarmName!] })).MetricAlarms, []);
    await assert.rejects(cloudwatch.setAlarmState({ AlarmName: "nosuch", StateValue: "OK", StateReason: "x" }), {
      name: "ResourceNotFound",
    });
  });

  const badAlarms: [what: string, more: Partial<PutMetricAlarmInput>, name: RegExp][] = [
    [
      "anomaly detection",
      { ComparisonOperator: "GreaterThanUpperThreshold", ThresholdMetricId: "x", Threshold: undefined },
      /Validation/,
    ],
    ["two statistics", { ExtendedStatistic: "p90" }, /InvalidParameterCombination/],
    ["a statistic that is none", { Statistic: undefined, ExtendedStatistic: "p101" }, /Validation/],
    ["M greater than N", { DatapointsToAlarm: 2 }, /Validation/],
    ["more than a day", { EvaluationPeriods: 2000 }, /Validation/],
    ["a treatment", { TreatMissingData: "whatever" }, /Validation/],
    ["an action of another kind", { AlarmActions: ["arn:aws:automate:us-east-1:ec2:stop"] }, /Validation/],
    ["a period", { Period: 45 }, /InvalidParameterValue/],
  ];
  for (const [what, more, name] of badAlarms) {
    test(`PutMetricAlarm refuses ${what}`, async () => {
      await assert.rejects(cloudwatch.putMetricAlarm(alarm(space(), more)), { name });
    });
  }
});
