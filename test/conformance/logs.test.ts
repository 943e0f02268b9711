/** CloudWatch Logs through the unmodified SDK: every capability, its refusals, and what is behind them. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { CloudWatch } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogs, StartLiveTailCommand, type InputLogEvent } from "@aws-sdk/client-cloudwatch-logs";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { S3 } from "@aws-sdk/client-s3";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { advance } from "../operator.ts";

const dayMs = 86_400_000;

describe("CloudWatch Logs", () => {
  let instance: Instance;
  let logs: CloudWatchLogs;
  /** The installation's clock, which tests move. */
  let moved = 0;
  const now = () => Date.now() + moved;

  before(async () => {
    instance = await startInstance({ args: ["--adjustable-clock"] });
    logs = new CloudWatchLogs(instance.client);
  });
  after(async () => {
    await instance?.stop();
  });

  async function group(more: Record<string, unknown> = {}): Promise<string> {
    const logGroupName = `/test/${randomUUID().slice(0, 8)}`;
    await logs.createLogGroup({ logGroupName, ...more });
    return logGroupName;
  }
  async function stream(more: Record<string, unknown> = {}) {
    const logGroupName = await group(more);
    await logs.createLogStream({ logGroupName, logStreamName: "one" });
    return { logGroupName, logStreamName: "one" };
  }
  const put = (where: { logGroupName: string; logStreamName: string }, ...logEvents: InputLogEvent[]) =>
    logs.putLogEvents({ ...where, logEvents });
  const numbered = (count: number, from = now() - 60_000) =>
    Array.from({ length: count }, (_, i) => ({ timestamp: from + i, message: `event ${i}` }));
  const messages = (events: { message?: string | undefined }[] | undefined) =>
    (events ?? []).map(({ message }) => message);

  test("groups: made once, described with paging, deleted", async () => {
    const prefix = `/page/${randomUUID().slice(0, 6)}`;
    for (const name of ["a", "b", "c"]) await logs.createLogGroup({ logGroupName: `${prefix}/${name}` });
    await assert.rejects(logs.createLogGroup({ logGroupName: `${prefix}/a` }), {
      name: "ResourceAlreadyExistsException",
      message: "The specified log group already exists",
    });
    const first = await logs.describeLogGroups({ logGroupNamePrefix: prefix, limit: 2 });
    assert.deepEqual(
      first.logGroups!.map(({ logGroupName }) => logGroupName),
      [`${prefix}/a`, `${prefix}/b`],
    );
    const second = await logs.describeLogGroups({ logGroupNamePrefix: prefix, limit: 2, nextToken: first.nextToken });
    assert.deepEqual(
      second.logGroups!.map(({ logGroupName }) => logGroupName),
      [`${prefix}/c`],
    );
    assert.equal(second.nextToken, undefined);
    assert.match(second.logGroups![0]!.arn!, /:log-group:\/page\/.*:\*$/);
    await logs.deleteLogGroup({ logGroupName: `${prefix}/a` });
    await assert.rejects(logs.describeLogStreams({ logGroupName: `${prefix}/a` }), {
      name: "ResourceNotFoundException",
    });
    await assert.rejects(logs.describeLogGroups({ nextToken: "bogus" }), { name: "InvalidParameterException" });
    await assert.rejects(logs.createLogGroup({ logGroupName: "x", logGroupClass: "DELIVERY" }), {
      name: "InvalidParameterException",
    });
  });

  test("a group made anew is empty; one under deletion protection stays", async () => {
    const where = await stream();
    await put(where, ...numbered(1));
    await logs.deleteLogGroup({ logGroupName: where.logGroupName });
    await logs.createLogGroup({ logGroupName: where.logGroupName, deletionProtectionEnabled: true });
    assert.deepEqual((await logs.filterLogEvents({ logGroupName: where.logGroupName })).events, []);
    await assert.rejects(logs.deleteLogGroup({ logGroupName: where.logGroupName }), { name: "ValidationException" });
    await logs.putLogGroupDeletionProtection({
      logGroupIdentifier: where.logGroupName,
      deletionProtectionEnabled: false,
    });
    await logs.deleteLogGroup({ logGroupName: where.logGroupName });
  });

  test("streams: order by last event, prefix, deletion", async () => {
    const logGroupName = await group();
    for (const logStreamName of ["s1", "s2", "t"]) await logs.createLogStream({ logGroupName, logStreamName });
    await assert.rejects(logs.createLogStream({ logGroupName, logStreamName: "t" }), {
      name: "ResourceAlreadyExistsException",
    });
    await put({ logGroupName, logStreamName: "s2" }, { timestamp: now(), message: "x" });
    const byTime = await logs.describeLogStreams({ logGroupName, orderBy: "LastEventTime", descending: true });
    assert.equal(byTime.logStreams![0]!.logStreamName, "s2");
    const prefixed = await logs.describeLogStreams({ logGroupName, logStreamNamePrefix: "s" });
    assert.equal(prefixed.logStreams!.length, 2);
    await logs.deleteLogStream({ logGroupName, logStreamName: "s2" });
    await assert.rejects(logs.getLogEvents({ logGroupName, logStreamName: "s2" }), {
      message: "The specified log stream does not exist.",
    });
    assert.deepEqual((await logs.filterLogEvents({ logGroupName })).events?.length, 0);
  });

  test("PutLogEvents: order, span, size; what is too old or too new is told", async () => {
    const where = await stream();
    const at = now();
    await assert.rejects(put(where, { timestamp: at, message: "b" }, { timestamp: at - 1, message: "a" }), {
      message: "Log events in a single PutLogEvents request must be in chronological order.",
    });
    await assert.rejects(
      put(where, { timestamp: at - dayMs - 1, message: "a" }, { timestamp: at, message: "b" }),
      /24 hours/,
    );
    await assert.rejects(put(where, { timestamp: at, message: "x".repeat(1_048_576) }), /Upload too large/);
    await assert.rejects(put({ ...where, logStreamName: "none" }, ...numbered(1)), {
      name: "ResourceNotFoundException",
    });
    const old = await put(
      where,
      { timestamp: at - 14 * dayMs - 5_000, message: "old" },
      { timestamp: at - 14 * dayMs + 60_000, message: "kept" },
    );
    assert.deepEqual(old.rejectedLogEventsInfo, { tooOldLogEventEndIndex: 1 });
    const soon = await put(
      where,
      { timestamp: at, message: "now" },
      { timestamp: at + 3 * 3_600_000, message: "later" },
    );
    assert.deepEqual(soon.rejectedLogEventsInfo, { tooNewLogEventStartIndex: 1 });
    const { events } = await logs.filterLogEvents({ logGroupName: where.logGroupName });
    assert.deepEqual(messages(events), ["kept", "now"]);
  });

  test("GetLogEvents: tokens lead forward and backward and stay at the ends", async () => {
    const where = await stream();
    const events = numbered(25);
    await put(where, ...events.slice(10, 20));
    // Later calls with earlier events: order is by time.
    await put(where, ...events.slice(0, 10));
    await put(where, ...events.slice(20));
    const latest = await logs.getLogEvents({ ...where, limit: 10 });
    assert.deepEqual(messages(latest.events), messages(events.slice(15)));
    const back = await logs.getLogEvents({ ...where, limit: 10, nextToken: latest.nextBackwardToken });
    assert.deepEqual(messages(back.events), messages(events.slice(5, 15)));
    const forward = await logs.getLogEvents({ ...where, limit: 10, nextToken: back.nextForwardToken });
    assert.deepEqual(messages(forward.events), messages(events.slice(15)));
    const end = await logs.getLogEvents({ ...where, nextToken: forward.nextForwardToken });
    assert.deepEqual(end.events, []);
    assert.equal(end.nextForwardToken, forward.nextForwardToken);
    const head = await logs.getLogEvents({ ...where, startFromHead: true, limit: 3 });
    assert.deepEqual(messages(head.events), ["event 0", "event 1", "event 2"]);
    const ranged = await logs.getLogEvents({
      ...where,
      startTime: events[3]!.timestamp,
      endTime: events[6]!.timestamp,
    });
    assert.deepEqual(messages(ranged.events), ["event 3", "event 4", "event 5"]);
    await assert.rejects(logs.getLogEvents({ ...where, nextToken: "f/1/s" }), {
      message: "The specified nextToken is invalid.",
    });
  });

  test("FilterLogEvents: across streams in order of time, by pattern, page by page", async () => {
    const logGroupName = await group();
    const at = now() - 60_000;
    for (const logStreamName of ["a", "b"]) await logs.createLogStream({ logGroupName, logStreamName });
    for (let i = 0; i < 12; i++) {
      await put(
        { logGroupName, logStreamName: i % 2 ? "a" : "b" },
        { timestamp: at + i, message: JSON.stringify({ n: i, odd: i % 2 === 1 }) },
      );
    }
    const all = await logs.filterLogEvents({ logGroupName });
    assert.deepEqual(
      all.events!.map(({ message }) => JSON.parse(message!).n),
      [...Array(12).keys()],
    );
    const odd = await logs.filterLogEvents({ logGroupName, filterPattern: "{ $.odd IS TRUE && $.n > 4 }" });
    assert.deepEqual(
      odd.events!.map(({ message, logStreamName }) => [JSON.parse(message!).n, logStreamName]),
      [
        [5, "a"],
        [7, "a"],
        [9, "a"],
        [11, "a"],
      ],
    );
    const seen: number[] = [];
    let nextToken: string | undefined;
    do {
      const page = await logs.filterLogEvents({ logGroupName, limit: 5, nextToken });
      seen.push(...page.events!.map(({ message }) => JSON.parse(message!).n as number));
      nextToken = page.nextToken;
    } while (nextToken);
    assert.deepEqual(seen, [...Array(12).keys()]);
    const one = await logs.filterLogEvents({ logGroupName, logStreamNames: ["b"], endTime: at + 2 });
    assert.deepEqual(
      one.events!.map(({ message }) => JSON.parse(message!).n),
      [0, 2],
    );
    await assert.rejects(logs.filterLogEvents({ logGroupName, filterPattern: "{ $.a = " }), {
      name: "InvalidParameterException",
      message: "Invalid filter pattern",
    });
    assert.equal(new Set(all.events!.map(({ eventId }) => eventId)).size, 12);
  });

  test("TestMetricFilter gives what it extracts", async () => {
    const { matches } = await logs.testMetricFilter({
      filterPattern: "[ip, id, user, timestamp, request, status_code = 4*, size]",
      logEventMessages: [
        '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534',
        '127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] "GET /apache_pb.gif HTTP/1.0" 404 5324',
      ],
    });
    assert.equal(matches!.length, 1);
    assert.equal(matches![0]!.eventNumber, 2);
    assert.equal(matches![0]!.extractedValues!["$status_code"], "404");
  });

  test("retention: expired events are gone, and their bytes", async () => {
    const where = await stream();
    await assert.rejects(
      logs.putRetentionPolicy({ logGroupName: where.logGroupName, retentionInDays: 2 }),
      /retentionInDays/,
    );
    await logs.putRetentionPolicy({ logGroupName: where.logGroupName, retentionInDays: 1 });
    const expired = await put(
      where,
      { timestamp: now() - 1.5 * dayMs, message: "expired" },
      { timestamp: now() - 0.9 * dayMs, message: "old" },
    );
    assert.deepEqual(expired.rejectedLogEventsInfo, { expiredLogEventEndIndex: 1 });
    await put(where, { timestamp: now(), message: "young" });
    await advance(instance, 0.5 * dayMs);
    moved += 0.5 * dayMs;
    assert.deepEqual(messages((await logs.filterLogEvents({ logGroupName: where.logGroupName })).events), ["young"]);
    await eventually(async () => {
      const { logGroups } = await logs.describeLogGroups({ logGroupNamePrefix: where.logGroupName });
      return logGroups![0]!.storedBytes === "young".length + 26;
    });
    await logs.deleteRetentionPolicy({ logGroupName: where.logGroupName });
  });

  test("KMS: what is stored needs the key, from the moment it is disabled", async () => {
    const kms = new KMS(instance.client);
    const { accountId, region } = instance.ready;
    const allowed = {
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${accountId}:root` }, Action: "kms:*", Resource: "*" },
        {
          Effect: "Allow",
          Principal: { Service: `logs.${region}.amazonaws.com` },
          Action: ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:Describe*"],
          Resource: "*",
          Condition: {
            ArnLike: { "kms:EncryptionContext:aws:logs:arn": `arn:aws:logs:${region}:${accountId}:log-group:*` },
          },
        },
      ],
    };
    const unprepared = (await kms.createKey({})).KeyMetadata!.Arn!;
    const where = await stream();
    await assert.rejects(logs.associateKmsKey({ logGroupName: where.logGroupName, kmsKeyId: unprepared }), {
      name: "AccessDeniedException",
      message: /does not exist or is not allowed to be used with LogGroup/,
    });
    await assert.rejects(logs.associateKmsKey({ logGroupName: where.logGroupName, kmsKeyId: "alias/none" }), {
      name: "InvalidParameterException",
    });
    const key = (await kms.createKey({ Policy: JSON.stringify(allowed) })).KeyMetadata!.Arn!;
    await put(where, { timestamp: now() - 2, message: "before" });
    await logs.associateKmsKey({ logGroupName: where.logGroupName, kmsKeyId: key });
    await put(where, { timestamp: now() - 1, message: "secret" });
    const described = await logs.describeLogGroups({ logGroupNamePrefix: where.logGroupName });
    assert.equal(described.logGroups![0]!.kmsKeyId, key);
    assert.deepEqual(messages((await logs.getLogEvents(where)).events), ["before", "secret"]);
    await kms.disableKey({ KeyId: key });
    await assert.rejects(logs.getLogEvents(where), { name: "AccessDeniedException" });
    await assert.rejects(put(where, { timestamp: now(), message: "more" }), { name: "AccessDeniedException" });
    await kms.enableKey({ KeyId: key });
    await logs.disassociateKmsKey({ logGroupName: where.logGroupName });
    await put(where, { timestamp: now(), message: "after" });
    assert.deepEqual(messages((await logs.getLogEvents(where)).events), ["before", "secret", "after"]);
  });

  test("metric filters: events become datapoints, each once; defaults and dimensions", async () => {
    const where = await stream();
    const cloudwatch = new CloudWatch(instance.client);
    const namespace = `Test/${randomUUID().slice(0, 8)}`;
    const filter = (filterName: string, filterPattern: string, more: object) =>
      logs.putMetricFilter({
        logGroupName: where.logGroupName,
        filterName,
        filterPattern,
        metricTransformations: [{ metricName: filterName, metricNamespace: namespace, metricValue: "1", ...more }],
      });
    await assert.rejects(filter("text", "ERROR", { dimensions: { a: "$.a" } }), {
      message: "The specified filter pattern does not support dimensions",
    });
    await assert.rejects(
      filter("both", "{ $.a = 1 }", { dimensions: { a: "$.a" }, defaultValue: 0 }),
      /mutually exclusive/,
    );
    await filter("errors", '{ $.level = "ERROR" }', {});
    await filter("latency", "{ $.latency > 0 }", {
      metricValue: "$.latency",
      unit: "Milliseconds",
      dimensions: { Level: "$.level" },
    });
    await filter("none", "NOSUCHWORD", { defaultValue: 0 });
    const at = now() - 120_000;
    await put(
      where,
      { timestamp: at, message: JSON.stringify({ level: "ERROR", latency: 20 }) },
      { timestamp: at + 1, message: JSON.stringify({ level: "INFO", latency: 5 }) },
      { timestamp: at + 2, message: JSON.stringify({ level: "ERROR", latency: 40 }) },
    );
    const statistics = async (MetricName: string, Dimensions: { Name: string; Value: string }[] = []) => {
      const { Datapoints } = await cloudwatch.getMetricStatistics({
        Namespace: namespace,
        MetricName,
        Dimensions,
        StartTime: new Date(at - 120_000),
        EndTime: new Date(at + 120_000),
        Period: 60,
        Statistics: ["Sum", "SampleCount"],
      });
      return Datapoints!.length > 0 ? Datapoints![0]! : undefined;
    };
    assert.equal((await eventually(() => statistics("errors"))).Sum, 2);
    const latency = await eventually(() => statistics("latency", [{ Name: "Level", Value: "ERROR" }]));
    assert.deepEqual([latency.Sum, latency.SampleCount, latency.Unit], [60, 2, "Milliseconds"]);
    assert.deepEqual([(await eventually(() => statistics("none"))).Sum], [0]);
    const described = await logs.describeMetricFilters({ logGroupName: where.logGroupName });
    assert.equal(described.metricFilters!.length, 3);
    const byMetric = await logs.describeMetricFilters({ metricName: "errors", metricNamespace: namespace });
    assert.equal(byMetric.metricFilters![0]!.filterName, "errors");
    await logs.deleteMetricFilter({ logGroupName: where.logGroupName, filterName: "errors" });
    await assert.rejects(logs.deleteMetricFilter({ logGroupName: where.logGroupName, filterName: "errors" }), {
      name: "ResourceNotFoundException",
    });
  });

  test("subscription filters are refused: no destination can be delivered to", async () => {
    const logGroupName = await group();
    await assert.rejects(
      logs.putSubscriptionFilter({
        logGroupName,
        filterName: "f",
        filterPattern: "",
        destinationArn: `arn:aws:lambda:us-east-1:${instance.ready.accountId}:function:f`,
      }),
      { name: "InvalidParameterException", message: /Could not execute the lambda function/ },
    );
    assert.deepEqual((await logs.describeSubscriptionFilters({ logGroupName })).subscriptionFilters, []);
  });

  test("resource policies are checked, kept and removed", async () => {
    await assert.rejects(logs.putResourcePolicy({ policyName: "p", policyDocument: "{" }), {
      name: "InvalidParameterException",
    });
    const policyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "route53.amazonaws.com" },
          Action: "logs:PutLogEvents",
          Resource: "*",
        },
      ],
    });
    await logs.putResourcePolicy({ policyName: "p", policyDocument });
    assert.equal((await logs.describeResourcePolicies({})).resourcePolicies![0]!.policyDocument, policyDocument);
    await logs.deleteResourcePolicy({ policyName: "p" });
    await assert.rejects(logs.deleteResourcePolicy({ policyName: "p" }), { name: "ResourceNotFoundException" });
  });

  test("tags, in both generations of the API", async () => {
    const logGroupName = await group({ tags: { a: "1" } });
    const resourceArn = (await logs.describeLogGroups({ logGroupNamePrefix: logGroupName })).logGroups![0]!
      .logGroupArn!;
    await logs.tagResource({ resourceArn, tags: { b: "2" } });
    await logs.untagResource({ resourceArn, tagKeys: ["a"] });
    assert.deepEqual((await logs.listTagsForResource({ resourceArn })).tags, { b: "2" });
    await assert.rejects(logs.tagResource({ resourceArn, tags: { "aws:x": "1" } }), {
      name: "InvalidParameterException",
    });
  });

  test("IAM: a stream's ARN decides who writes", async () => {
    const where = await stream();
    await logs.createLogStream({ logGroupName: where.logGroupName, logStreamName: "two" });
    const iam = new IAM(instance.client);
    const { accountId, region } = instance.ready;
    const UserName = `writer-${randomUUID().slice(0, 6)}`;
    await iam.createUser({ UserName });
    await iam.putUserPolicy({
      UserName,
      PolicyName: "write",
      PolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Action: "logs:PutLogEvents",
            Resource: `arn:aws:logs:${region}:${accountId}:log-group:${where.logGroupName}:log-stream:one`,
          },
        ],
      }),
    });
    const { AccessKey: key } = await iam.createAccessKey({ UserName });
    const writer = new CloudWatchLogs({
      ...instance.client,
      credentials: { accessKeyId: key!.AccessKeyId!, secretAccessKey: key!.SecretAccessKey! },
    });
    await writer.putLogEvents({ ...where, logEvents: numbered(1) });
    await assert.rejects(writer.putLogEvents({ ...where, logStreamName: "two", logEvents: numbered(1) }), {
      name: "AccessDeniedException",
    });
    await assert.rejects(writer.getLogEvents(where), { name: "AccessDeniedException" });
  });

  async function query(logGroupNames: string[], queryString: string, more: object = {}) {
    const { queryId } = await logs.startQuery({
      logGroupNames,
      queryString,
      startTime: Math.floor(now() / 1000) - 3600,
      endTime: Math.floor(now() / 1000) + 60,
      ...more,
    });
    return eventually(async () => {
      const result = await logs.getQueryResults({ queryId });
      return ["Complete", "Failed", "Timeout", "Cancelled"].includes(result.status!) && result;
    });
  }

  test("Insights: queries run over groups, statistics, record pointers", async () => {
    const where = await stream();
    const at = now() - 60_000;
    await put(
      where,
      ...[1, 2, 3].map((n) => ({ timestamp: at + n, message: JSON.stringify({ n, kind: n % 2 ? "odd" : "even" }) })),
    );
    const counted = await query([where.logGroupName], "stats count(*) as c, sum(n) as s by kind | sort kind");
    assert.equal(counted.status, "Complete");
    assert.deepEqual(
      counted.results!.map((row) => Object.fromEntries(row.map(({ field, value }) => [field, value]))),
      [
        { kind: "even", c: "1", s: "2" },
        { kind: "odd", c: "2", s: "4" },
      ],
    );
    assert.equal(counted.statistics!.recordsScanned, 3);
    const rows = await query([where.logGroupName], "fields n | filter n = 2");
    const pointer = rows.results![0]!.find(({ field }) => field === "@ptr")!.value!;
    const { logRecord } = await logs.getLogRecord({ logRecordPointer: pointer });
    assert.equal(logRecord!["kind"], "even");
    const { logGroupFields } = await logs.getLogGroupFields({ logGroupName: where.logGroupName });
    assert.equal(logGroupFields!.find(({ name }) => name === "n")!.percent, 100);
    const { queries } = await logs.describeQueries({ logGroupName: where.logGroupName });
    assert.equal(queries!.length, 2);
  });

  test(
    "Insights: a query that cannot be read is refused with the place; a runaway regex ends",
    { timeout: 120_000 },
    async () => {
      const where = await stream();
      await assert.rejects(query([where.logGroupName], "fields @timestamp | fliter x = 1"), (error: any) => {
        assert.equal(error.name, "MalformedQueryException");
        assert.deepEqual(error.queryCompileError.location, { startCharOffset: 20, endCharOffset: 26 });
        return true;
      });
      await assert.rejects(query(["/no/such"], "fields @message"), { name: "ResourceNotFoundException" });
      await put(where, { timestamp: now() - 1000, message: `${"a".repeat(40)}!` });
      const { queryId } = await logs.startQuery({
        logGroupNames: [where.logGroupName],
        queryString: "filter @message like /^(a+)+$/",
        startTime: Math.floor(now() / 1000) - 60,
        endTime: Math.floor(now() / 1000) + 60,
      });
      await eventually(async () => (await logs.getQueryResults({ queryId })).status === "Running");
      await logs.stopQuery({ queryId });
      assert.equal((await logs.getQueryResults({ queryId })).status, "Cancelled");
      await assert.rejects(logs.stopQuery({ queryId }), { name: "InvalidParameterException" });
      // The installation goes on: others are served while that thread is busy.
      assert.deepEqual((await logs.getLogEvents(where)).events!.length, 1);
    },
  );

  test("saved queries", async () => {
    const { queryDefinitionId } = await logs.putQueryDefinition({ name: "mine", queryString: "fields @message" });
    const { queryDefinitions } = await logs.describeQueryDefinitions({ queryDefinitionNamePrefix: "mi" });
    assert.equal(queryDefinitions![0]!.queryDefinitionId, queryDefinitionId);
    await logs.deleteQueryDefinition({ queryDefinitionId });
    await assert.rejects(logs.deleteQueryDefinition({ queryDefinitionId }), { name: "ResourceNotFoundException" });
  });

  test("StartLiveTail shows what matches as it comes", async () => {
    const where = await stream();
    const logGroupArn = (await logs.describeLogGroups({ logGroupNamePrefix: where.logGroupName })).logGroups![0]!
      .logGroupArn!;
    const tail = new CloudWatchLogs({ ...instance.client, disableHostPrefix: true });
    const abort = new AbortController();
    const answer = await tail.send(
      new StartLiveTailCommand({ logGroupIdentifiers: [logGroupArn], logEventFilterPattern: "wanted" }),
      { abortSignal: abort.signal },
    );
    let started = false;
    const seen: string[] = [];
    for await (const event of answer.responseStream!) {
      if (event.sessionStart) {
        started = true;
        await put(where, { timestamp: now(), message: "wanted one" }, { timestamp: now() + 1, message: "another" });
      }
      seen.push(...(event.sessionUpdate?.sessionResults ?? []).map(({ message }) => message!));
      if (seen.length > 0) break;
    }
    abort.abort();
    assert.ok(started);
    assert.deepEqual(seen, ["wanted one"]);
  });

  test("a trail's records arrive as log events, written by the trail's role", async () => {
    const iam = new IAM(instance.client);
    const s3 = new S3(instance.s3Client);
    const trails = new CloudTrail(instance.client);
    const Bucket = `trail-${randomUUID().slice(0, 8)}`;
    await s3.createBucket({ Bucket });
    await s3.putBucketPolicy({
      Bucket,
      Policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "cloudtrail.amazonaws.com" },
            Action: "s3:*",
            Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
          },
        ],
      }),
    });
    const logGroupName = await group();
    const CloudWatchLogsLogGroupArn = (await logs.describeLogGroups({ logGroupNamePrefix: logGroupName }))
      .logGroups![0]!.arn!;
    const RoleName = `trail-${randomUUID().slice(0, 6)}`;
    const trust = (Service: string) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { Service }, Action: "sts:AssumeRole" }],
      });
    const { Role: role } = await iam.createRole({ RoleName, AssumeRolePolicyDocument: trust("ec2.amazonaws.com") });
    const create = () =>
      trails.createTrail({
        Name: `t-${RoleName}`,
        S3BucketName: Bucket,
        CloudWatchLogsLogGroupArn,
        CloudWatchLogsRoleArn: role!.Arn,
      });
    await assert.rejects(create(), { name: "InvalidCloudWatchLogsRoleArnException", message: /trust relationships/ });
    await iam.updateAssumeRolePolicy({ RoleName, PolicyDocument: trust("cloudtrail.amazonaws.com") });
    await assert.rejects(create(), {
      name: "InvalidCloudWatchLogsLogGroupArnException",
      message: /permissions for your role/,
    });
    await iam.putRolePolicy({
      RoleName,
      PolicyName: "write",
      PolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
            Resource: CloudWatchLogsLogGroupArn,
          },
        ],
      }),
    });
    const { TrailARN, CloudWatchLogsLogGroupArn: shown } = await create();
    assert.equal(shown, CloudWatchLogsLogGroupArn);
    await trails.startLogging({ Name: TrailARN });
    await logs.createLogGroup({ logGroupName: `${logGroupName}/seen` });
    const event = await eventually(async () => {
      const { events } = await logs.filterLogEvents({
        logGroupName,
        filterPattern: `{ $.eventName = CreateLogGroup && $.requestParameters.logGroupName = "${logGroupName}/seen" }`,
      });
      return events![0];
    });
    assert.equal(event.logStreamName, `${instance.ready.accountId}_CloudTrail_${instance.ready.region}`);
    // What the delivery does itself must not feed the next delivery.
    const own = await logs.filterLogEvents({
      logGroupName,
      filterPattern: "{ $.eventName = AssumeRole || $.eventName = PutLogEvents }",
    });
    assert.deepEqual(own.events, []);
    // A role that is taken back ends it, and the status says so.
    await iam.deleteRolePolicy({ RoleName, PolicyName: "write" });
    const status = await eventually(async () => {
      await iam.tagRole({ RoleName, Tags: [{ Key: "t", Value: randomUUID() }] });
      const answer = await trails.getTrailStatus({ Name: TrailARN });
      return answer.LatestCloudWatchLogsDeliveryError ? answer : undefined;
    });
    assert.match(status.LatestCloudWatchLogsDeliveryError!, /AccessDenied/);
    await trails.deleteTrail({ Name: TrailARN });
  });

  test("writers of one stream at the same time lose nothing", async () => {
    const where = await stream();
    await Promise.all(Array.from({ length: 20 }, (_, i) => put(where, { timestamp: now(), message: `w${i}` })));
    const { events } = await logs.getLogEvents({ ...where, startFromHead: true });
    assert.deepEqual(new Set(messages(events)).size, 20);
  });
});
