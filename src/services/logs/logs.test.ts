/** What only a test inside can do: call as a service, look at what is stored, deliver an event twice. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import type { JobContext } from "#gateway/context.ts";
import { execute } from "#gateway/execute.ts";
import type { IdentitySource } from "#gateway/identity.ts";
import type { Principal } from "#gateway/principal.ts";
import type { Runtime } from "#gateway/runtime.ts";
import { MemoryStore, testConfig } from "#gateway/testing.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { startKeyHolder } from "#keys/client.ts";
import { loadModel } from "#model/load.ts";
import { service as cloudwatch } from "../cloudwatch/index.ts";
import { service } from "./index.ts";
import { mergeGroup } from "./merging.ts";
import { forward, storeBatches, storeDeleted, storeMerges } from "./reading.ts";
import { GroupKeys, jobKeys } from "./sealing.ts";
import type { Group } from "./state.ts";

const account = "111122223333";
const region = "ap-northeast-2";
const admin: Principal = {
  kind: "user",
  account,
  arn: `arn:aws:iam::${account}:user/admin`,
  id: "AIDAADMIN",
  userName: "admin",
};
const everything = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
});

let dataDir: string;
let keys: KeyHolder;
const clock = new ManualClock();
const store = new MemoryStore(() => clock.now());

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "jikimi-logs-"));
  keys = await startKeyHolder({ dataDir, seal: { kind: "development" }, logger: silentLogger });
});
after(async () => {
  await keys.close();
  await rm(dataDir, { recursive: true, force: true });
});

const missing = <T extends object>(what: string): T =>
  new Proxy({} as T, {
    get() {
      throw new Error(`these tests provide no ${what}`);
    },
  });

function runtime(): Runtime {
  return {
    services: new Map([
      ["logs", service],
      ["cloudwatch", cloudwatch],
    ]),
    model: loadModel,
    store,
    blobs: missing("blobs"),
    keys,
    identity: {
      credential: async () => undefined,
      policies: async (principal) => ({
        identity: principal === admin ? [{ name: "admin", document: everything }] : [],
      }),
      resourceControl: async () => undefined,
      organization: async () => undefined,
      touched: () => undefined,
      accountStatus: async () => "ACTIVE",
    } satisfies Partial<IdentitySource> as unknown as IdentitySource,
    clock,
    wallClock: clock,
    random: systemRandom,
    log: silentLogger,
    config: testConfig,
    metrics: { served: () => undefined },
  };
}

// oxlint-disable-next-line typescript/no-explicit-any
async function call(
  id: "logs" | "cloudwatch",
  operation: string,
  input: Record<string, unknown>,
  principal = admin,
): Promise<any> {
  return await execute(runtime(), {
    service: loadModel(id),
    operation,
    input,
    principal,
    account,
    region,
    requestId: systemRandom.uuid(),
    source: { ip: "127.0.0.1", userAgent: "test", host: "127.0.0.1", scheme: "http", headers: {}, calledVia: [] },
    signal: new AbortController().signal,
  });
}

function jobContext(): JobContext {
  return {
    clock,
    random: systemRandom,
    log: silentLogger,
    store,
    blobs: missing("blobs"),
    keys,
    config: testConfig,
    asService: () => missing("clients"),
    asRole: () => missing("clients"),
    organization: async () => undefined,
    signal: new AbortController().signal,
  };
}

async function stream(name: string): Promise<{ logGroupName: string; logStreamName: string }> {
  const where = { logGroupName: name, logStreamName: "s" };
  await call("logs", "CreateLogGroup", { logGroupName: name });
  await call("logs", "CreateLogStream", where);
  return where;
}

test("a service writes where the account's resource policy lets it, and nowhere else", async () => {
  const where = await stream("/dns");
  const route53: Principal = { kind: "service", service: "route53.amazonaws.com", sourceAccount: account };
  const write = () =>
    call("logs", "PutLogEvents", { ...where, logEvents: [{ timestamp: clock.now(), message: "q" }] }, route53);
  await assert.rejects(write(), { code: /AccessDenied/ });
  await call("logs", "PutResourcePolicy", {
    policyName: "dns",
    policyDocument: JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "route53.amazonaws.com" },
          Action: "logs:PutLogEvents",
          Resource: `arn:aws:logs:${region}:${account}:log-group:/dns:*`,
        },
      ],
    }),
  });
  await write();
  await stream("/other");
  await assert.rejects(
    call(
      "logs",
      "PutLogEvents",
      { logGroupName: "/other", logStreamName: "s", logEvents: [{ timestamp: clock.now(), message: "q" }] },
      route53,
    ),
    { code: /AccessDenied/ },
  );
});

test("no message is stored in clear", async () => {
  const where = await stream("/sealed");
  await call("logs", "PutLogEvents", { ...where, logEvents: [{ timestamp: clock.now(), message: "the-secret-word" }] });
  const rows = [...store.rows.values()].map(({ value }) => value);
  assert.ok(rows.length > 0);
  for (const row of rows) {
    assert.ok(!row.includes("the-secret-word"));
    assert.ok(!row.includes(Buffer.from("the-secret-word").toString("base64").slice(0, 16)));
  }
  const audited = JSON.stringify(store.outboxEntries.filter((entry) => entry.stream === "audit"));
  assert.ok(!audited.includes("the-secret-word"));
});

test("events of a filter that are handled twice count once", async () => {
  const where = await stream("/twice");
  await call("logs", "PutMetricFilter", {
    logGroupName: "/twice",
    filterName: "f",
    filterPattern: "hit",
    metricTransformations: [{ metricName: "hits", metricNamespace: "Twice", metricValue: "1" }],
  });
  await call("logs", "PutLogEvents", {
    ...where,
    logEvents: [
      { timestamp: clock.now(), message: "a hit" },
      { timestamp: clock.now(), message: "a miss" },
    ],
  });
  const stored = (name: string) =>
    store.outboxEntries
      .filter((entry) => entry.stream === name)
      .map(({ id, key, event }, index) => ({ id, key, event, partition: 0, offset: index + 1, time: clock.now() }));
  const handle = async (owner: typeof service, name: string) => {
    const reactor = owner.reactors.find((each) => each.stream === name)!;
    await reactor.handle(stored(name), jobContext());
  };
  for (let i = 0; i < 2; i++) await handle(service, "logs");
  for (let i = 0; i < 2; i++) await handle(cloudwatch, "metrics");
  const { Datapoints } = await call("cloudwatch", "GetMetricStatistics", {
    Namespace: "Twice",
    MetricName: "hits",
    StartTime: new Date(clock.now() - 60_000),
    EndTime: new Date(clock.now() + 60_000),
    Period: 60,
    Statistics: ["Sum"],
  });
  assert.deepEqual(
    Datapoints.map(({ Sum }: { Sum: number }) => Sum),
    [1],
  );
});

test("events that came one by one are merged: same events, same ids, same tokens, same metrics; fewer documents", async () => {
  const where = await stream("/merge");
  await call("logs", "PutMetricFilter", {
    logGroupName: "/merge",
    filterName: "f",
    filterPattern: "n",
    metricTransformations: [{ metricName: "n", metricNamespace: "Merge", metricValue: "1" }],
  });
  for (let i = 0; i < 30; i++) {
    await call("logs", "PutLogEvents", {
      ...where,
      logEvents: [{ timestamp: clock.now() - (i % 7), message: `n ${i}` }],
    });
  }
  const read = async () => {
    const { events } = await call("logs", "FilterLogEvents", { logGroupName: "/merge" });
    const back = await call("logs", "GetLogEvents", { ...where, limit: 10 });
    const more = await call("logs", "GetLogEvents", { ...where, limit: 10, nextToken: back.nextBackwardToken });
    return { events, back, more };
  };
  const documents = () =>
    [...store.rows.values()].filter(({ key, value }) => key.type === "batch" && value.includes('"stream"')).length;
  const before = await read();
  assert.equal(before.events.length, 30);
  const held = documents();
  clock.advance(5 * 60_000);
  await service.jobs.find(({ name }) => name === "merge")!.run(jobContext());
  assert.equal(documents(), held - 29);
  assert.deepEqual(await read(), before);

  // The reactor comes late, after the merge: every event still counts, once.
  const ofGroup = store.outboxEntries.filter((entry) => entry.stream === "logs" && entry.key.endsWith("/merge"));
  const events = ofGroup.map(({ id, key, event }, index) => ({
    id,
    key,
    event,
    partition: 0,
    offset: index,
    time: clock.now(),
  }));
  await service.reactors[0]!.handle(events, jobContext());
  const counted = store.outboxEntries
    .filter((entry) => entry.stream === "metrics" && entry.key.endsWith("/Merge"))
    .flatMap(({ event }) => (event as { data: { Counts: number[] }[] }).data.flatMap(({ Counts }) => Counts));
  assert.equal(
    counted.reduce((a, b) => a + b, 0),
    30,
  );
});

test("a reader that meets a merge begins anew and gives every event once, in order", async () => {
  const where = await stream("/race");
  // More batches than a page of the reader holds.
  for (let i = 0; i < 60; i++) {
    await call("logs", "PutLogEvents", { ...where, logEvents: [{ timestamp: clock.now() + i, message: String(i) }] });
  }
  clock.advance(5 * 60_000);
  const group = (await store.get<Group>({ account, region, service: "logs", type: "group", id: "/race" }))!.value;
  let pages = 0;
  const source = storeBatches(store, group);
  const reader = {
    source: async (index: "first" | "last" | "ingested", query: Parameters<typeof source>[1]) => {
      if (pages++ === 1) await mergeGroup(jobContext(), group);
      return source(index, query);
    },
    merges: storeMerges(store, group),
    deleted: storeDeleted(store, group),
    keys: new GroupKeys(group, jobKeys(jobContext(), group)),
    group,
    now: clock.now(),
  };
  const seen: string[] = [];
  for await (const { message } of forward(reader, { from: 0, to: Infinity })) seen.push(message);
  assert.deepEqual(
    seen,
    Array.from({ length: 60 }, (_, i) => String(i)),
  );
});

test("a group has at most five filters with a regex", async () => {
  await stream("/regex");
  const put = (filterName: string, filterPattern: string) =>
    call("logs", "PutMetricFilter", {
      logGroupName: "/regex",
      filterName,
      filterPattern,
      metricTransformations: [{ metricName: "m", metricNamespace: "N", metricValue: "1" }],
    });
  for (let i = 0; i < 5; i++) await put(`f${i}`, "%a+%");
  await put("f0", "%b+%");
  await assert.rejects(put("f5", "{ $.a = %x% }"), { code: "LimitExceededException" });
  await put("f5", "plain");
});
