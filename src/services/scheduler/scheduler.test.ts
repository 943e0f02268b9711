/** Races between processes, retries by the clock, and the end of schedules. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { timeText } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import type { Clients } from "#gateway/clients.ts";
import type { JobContext } from "#gateway/context.ts";
import { testAccount, testConfig, TestGateway, testRegion } from "#gateway/testing.ts";
import { execute as runExecutions } from "./executeJob.ts";
import { fireSchedules } from "./fireJob.ts";
import { service } from "./index.ts";
import { scopeOf, serviceId, types, type Schedule } from "./state.ts";

const place = { account: testAccount, region: testRegion };
let gateway: TestGateway;
let sent: Record<string, any>[];
let refusal: AwsError | undefined;

beforeEach(() => {
  gateway = new TestGateway(service);
  sent = [];
  refusal = undefined;
});

/** Until nothing is due any more. */
async function execute(): Promise<void> {
  const stopping = new AbortController();
  const running = runExecutions({ ...jobContext(), signal: stopping.signal });
  const due = () =>
    gateway.store.find({
      service: serviceId,
      type: types.execution,
      index: "due",
      to: timeText(gateway.clock.now() + 1),
      limit: 1,
    });
  while ((await due()).items.length > 0) await setImmediate();
  stopping.abort();
  await running;
}

function jobContext(): JobContext {
  const sqs = {
    SendMessage: async (input: Record<string, unknown>) => {
      if (refusal && !String(input["QueueUrl"]).endsWith("/dead")) throw refusal;
      sent.push(input);
      return {};
    },
  };
  return {
    clock: gateway.clock,
    random: systemRandom,
    log: silentLogger,
    store: gateway.store,
    config: testConfig,
    asRole: () => ({ sqs }) as unknown as Clients,
    signal: new AbortController().signal,
  } satisfies Partial<JobContext> as unknown as JobContext;
}

async function put(expression: string, more: Partial<Schedule> = {}): Promise<void> {
  const now = gateway.clock.now();
  const schedule: Schedule = {
    name: "s",
    group: "default",
    arn: `arn:aws:scheduler:${testRegion}:${testAccount}:schedule/default/s`,
    uid: "u",
    expression,
    zone: "UTC",
    state: "ENABLED",
    target: { Arn: `arn:aws:sqs:${testRegion}:${testAccount}:q`, RoleArn: "arn:aws:iam::1:role/r" },
    windowMinutes: 0,
    afterCompletion: "NONE",
    createdAt: now,
    modifiedAt: now,
    ...more,
  };
  const due = { uid: "u", scheduledAt: now };
  await gateway.store.commit([
    { op: "put", key: { ...scopeOf(place), type: types.schedule, id: "default/s" }, value: schedule },
    {
      op: "put",
      key: { ...scopeOf(place), type: types.due, id: "default/s" },
      value: due,
      indexes: { due: timeText(now) },
    },
  ]);
}

const count = (type: string) => gateway.store.count({ ...scopeOf(place), type });

test("two processes that look at the same due time make one execution of it", async () => {
  await put("rate(1 hour)");
  await Promise.all([fireSchedules(jobContext()), fireSchedules(jobContext()), fireSchedules(jobContext())]);
  assert.equal(await count(types.execution), 1);
  await execute();
  assert.equal(sent.length, 1);
  // Five due times went by: the last one comes.
  gateway.clock.advance(5.5 * 3_600_000);
  await Promise.all([fireSchedules(jobContext()), fireSchedules(jobContext())]);
  await execute();
  assert.deepEqual(
    sent.map((message) => JSON.parse(message["MessageBody"]).time),
    ["2026-01-01T00:00:00Z", "2026-01-01T05:00:00Z"],
  );
});

test("what fails for a while is tried again; the policy ends it, at the dead-letter queue", async () => {
  refusal = new AwsError("ServiceUnavailable", "not now", 503);
  const target = {
    Arn: `arn:aws:sqs:${testRegion}:${testAccount}:q`,
    RoleArn: "arn:aws:iam::1:role/r",
    DeadLetterConfig: { Arn: `arn:aws:sqs:${testRegion}:${testAccount}:dead` },
    RetryPolicy: { MaximumRetryAttempts: 2 },
  };
  await put("at(2026-01-01T00:00:00)", { target, afterCompletion: "DELETE" });
  await fireSchedules(jobContext());
  for (let attempt = 0; attempt < 3; attempt++) {
    assert.equal(await count(types.schedule), 1, "it is there until its last execution is over");
    await execute();
    gateway.clock.advance(10_000);
  }
  await execute();
  const attributes = sent[0]!["MessageAttributes"];
  assert.deepEqual(
    [
      attributes.RETRY_ATTEMPTS.StringValue,
      attributes.EXHAUSTED_RETRY_CONDITION.StringValue,
      attributes.ERROR_CODE.StringValue,
    ],
    ["2", "MaximumRetryAttempts", "INTERNAL_ERROR"],
  );
  assert.deepEqual([await count(types.execution), await count(types.schedule)], [0, 0]);
});

test("an end date ends it; a start date begins it", async () => {
  const start = gateway.clock.now();
  await put("rate(1 hour)", { startAt: start, endAt: start + 3_600_000 });
  await fireSchedules(jobContext());
  gateway.clock.advance(3_600_000);
  await fireSchedules(jobContext());
  gateway.clock.advance(36_000_000);
  await fireSchedules(jobContext());
  await execute();
  assert.equal(sent.length, 2);
  assert.equal(await count(types.due), 0);
});
