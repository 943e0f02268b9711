/**
 * `kill -9` of the installation and of single roles while log events and datapoints come in: everything acknowledged is
 * there afterwards, and the metric of a filter counts every event that is in the group, each once.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CloudWatch } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { eventually, startInstance, type Instance } from "../instance.ts";

const rounds = 4;
const namespace = "Crash/Logs";
const where = { logGroupName: "/crash", logStreamName: "s" };

describe("kill -9 while logs and metrics come in", () => {
  let folder: string;
  let instance: Instance;
  let logs: CloudWatchLogs;
  let cloudwatch: CloudWatch;
  const started = Date.now();
  const acknowledged: string[] = [];
  let points = 0;
  let unknownPoints = 0;

  const connect = () => {
    logs = new CloudWatchLogs(instance.client);
    cloudwatch = new CloudWatch(instance.client);
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "jikimi-crash-logs-"));
    instance = await startInstance({ dataDir: folder });
    connect();
    await logs.createLogGroup({ logGroupName: where.logGroupName });
    await logs.createLogStream(where);
    await logs.putMetricFilter({
      logGroupName: where.logGroupName,
      filterName: "count",
      filterPattern: "event",
      metricTransformations: [{ metricName: "events", metricNamespace: namespace, metricValue: "1" }],
    });
    await cloudwatch.putMetricAlarm({
      AlarmName: "kept",
      Namespace: namespace,
      MetricName: "events",
      Statistic: "Sum",
      Period: 3600,
      EvaluationPeriods: 1,
      Threshold: 1e9,
      ComparisonOperator: "GreaterThanThreshold",
    });
  });

  after(async () => {
    await instance?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function write(round: number, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const message = `event ${round} ${i}`;
      try {
        await logs.putLogEvents({ ...where, logEvents: [{ timestamp: Date.now(), message }] });
        acknowledged.push(message);
      } catch {
        // Unknown: it may be there or not.
      }
      try {
        await cloudwatch.putMetricData({ Namespace: namespace, MetricData: [{ MetricName: "direct", Value: 1 }] });
        points++;
      } catch {
        unknownPoints++;
      }
    }
  }

  test("nothing acknowledged is lost and nothing is counted twice", { timeout: 300_000 }, async () => {
    for (let round = 0; round < rounds; round++) {
      const writing = write(round, 40);
      await eventually(async () => acknowledged.filter((message) => message.startsWith(`event ${round} `)).length > 10);
      if (round % 2 === 0) {
        const { jobs } = await instance.rolePids();
        if (jobs) process.kill(jobs, "SIGKILL");
        await writing;
      } else {
        const { port } = new URL(instance.endpoint);
        await instance.kill();
        await writing;
        instance = await startInstance({ dataDir: folder, port: Number(port) });
        connect();
      }
    }
    const stored: string[] = [];
    let nextToken: string | undefined;
    do {
      const page = await logs.filterLogEvents({ logGroupName: where.logGroupName, nextToken });
      stored.push(...page.events!.map(({ message }) => message!));
      nextToken = page.nextToken;
    } while (nextToken);
    assert.equal(new Set(stored).size, stored.length, "an event is there twice");
    const missing = acknowledged.filter((message) => !stored.includes(message));
    assert.deepEqual(missing, []);

    const sum = async (MetricName: string) => {
      const { Datapoints } = await cloudwatch.getMetricStatistics({
        Namespace: namespace,
        MetricName,
        StartTime: new Date(started - 60_000),
        EndTime: new Date(Date.now() + 60_000),
        Period: 60,
        Statistics: ["Sum"],
      });
      return Datapoints!.reduce((total, { Sum }) => total + Sum!, 0);
    };
    const counted = await eventually(async () => (await sum("events")) >= stored.length && sum("events"), {
      within: 60_000,
    });
    assert.equal(counted, stored.length);
    const direct = await sum("direct");
    assert.ok(
      direct >= points && direct <= points + unknownPoints,
      `${direct} of ${points} and ${unknownPoints} unknown`,
    );
    const { MetricAlarms } = await cloudwatch.describeAlarms({ AlarmNames: ["kept"] });
    assert.equal(MetricAlarms!.length, 1);
  });
});
