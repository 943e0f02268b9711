/** What an alarm leaves behind: the events for EventBridge, and actions that outlive a crash. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import type { Clients } from "#gateway/clients.ts";
import type { JobContext } from "#gateway/context.ts";
import { type MemoryStore, testAccount, testConfig, TestGateway, testRegion } from "#gateway/testing.ts";
import { service } from "./index.ts";

const topic = `arn:aws:sns:${testRegion}:${testAccount}:t`;
let gateway: TestGateway;
let published: Record<string, unknown>[];
let refusal: AwsError | undefined;
let callers: string[];

const store = () => gateway.store as MemoryStore;

beforeEach(() => {
  gateway = new TestGateway(service);
  published = [];
  callers = [];
  refusal = undefined;
});

function jobContext(): JobContext {
  const sns = {
    Publish: async (input: Record<string, unknown>) => {
      if (refusal) throw refusal;
      published.push(input);
      return {};
    },
  };
  return {
    clock: gateway.clock,
    random: systemRandom,
    log: silentLogger,
    store: gateway.store,
    config: testConfig,
    asService: (name) => {
      callers.push(name);
      return { sns } as unknown as Clients;
    },
    organization: async () => undefined,
    signal: new AbortController().signal,
  } satisfies Partial<JobContext> as unknown as JobContext;
}

const run = (name: string) => service.jobs.find((job) => job.name === name)!.run(jobContext());

const put = () =>
  gateway.call("PutMetricAlarm", {
    AlarmName: "a",
    Namespace: "N",
    MetricName: "m",
    Statistic: "Sum",
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: 1,
    ComparisonOperator: "GreaterThanThreshold",
    TreatMissingData: "ignore",
    Dimensions: [{ Name: "host", Value: "web" }],
    AlarmActions: [topic],
  });
const set = () => gateway.call("SetAlarmState", { AlarmName: "a", StateValue: "ALARM", StateReason: "by hand" });
const history = async (type: string) =>
  (await gateway.call("DescribeAlarmHistory", { AlarmName: "a", HistoryItemType: type }))["AlarmHistoryItems"] as {
    HistorySummary: string;
  }[];

test("the events are those that EventBridge rules are written for", async () => {
  await put();
  await set();
  await gateway.call("DeleteAlarms", { AlarmNames: ["a"] });
  const events = store()
    .outboxEntries.filter(({ stream }) => stream === "events")
    .map(({ event }) => event as Record<string, any>);
  assert.deepEqual(
    events.map((event) => [event["detail-type"], event["detail"].operation ?? event["detail"].state.value]),
    [
      ["CloudWatch Alarm Configuration Change", "create"],
      ["CloudWatch Alarm State Change", "ALARM"],
      ["CloudWatch Alarm Configuration Change", "delete"],
    ],
  );
  const change = events[1]!;
  assert.deepEqual(
    [change["version"], change["source"], change["account"], change["region"], change["resources"]],
    ["0", "aws.cloudwatch", testAccount, testRegion, [`arn:aws:cloudwatch:${testRegion}:${testAccount}:alarm:a`]],
  );
  assert.equal(change["detail"].previousState.value, "INSUFFICIENT_DATA");
  assert.deepEqual(change["detail"].configuration.metrics[0].metricStat, {
    metric: { namespace: "N", name: "m", dimensions: { host: "web" } },
    period: 60,
    stat: "Sum",
  });
});

test("an action waits in the store until it has been taken, as cloudwatch.amazonaws.com, once", async () => {
  await put();
  await set();
  // The process that set the state may be gone: the job finds the action.
  await run("actions");
  await run("actions");
  assert.deepEqual(
    published.map(({ TopicArn }) => TopicArn),
    [topic],
  );
  assert.equal(published[0]!["Subject"], 'ALARM: "a" in Asia Pacific (Seoul)');
  assert.deepEqual(callers, ["cloudwatch.amazonaws.com"]);
  assert.deepEqual(
    (await history("Action")).map(({ HistorySummary }) => HistorySummary),
    [`Successfully executed action ${topic}`],
  );
});

test("a refused action is not tried again; one that cannot be reached is, and then is given up", async () => {
  await put();
  await set();
  refusal = new AwsError("NotFound", "Topic does not exist", 404);
  await run("actions");
  await run("actions");
  assert.match((await history("Action"))[0]!.HistorySummary, /Failed to execute action .*Topic does not exist/);
  await gateway.call("SetAlarmState", { AlarmName: "a", StateValue: "OK", StateReason: "x" });
  await set();
  refusal = new AwsError("ServiceUnavailable", "later", 503);
  await run("actions");
  assert.equal((await history("Action")).length, 1);
  refusal = undefined;
  gateway.clock.advance(10_000);
  await run("actions");
  assert.equal(published.length, 1);
});

test("disabled actions are not taken; setting the state it has does nothing more", async () => {
  await put();
  await gateway.call("DisableAlarmActions", { AlarmNames: ["a"] });
  await set();
  await run("actions");
  assert.deepEqual(published, []);
  await gateway.call("EnableAlarmActions", { AlarmNames: ["a"] });
  await set();
  await run("actions");
  assert.deepEqual(published, []);
  assert.equal((await history("StateUpdate")).length, 1);
});
