/** What cannot be seen from outside at will: races between processes, keys that fail in between, limits of a day. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import type { Clients } from "#gateway/clients.ts";
import type { JobContext } from "#gateway/context.ts";
import type { Principal } from "#gateway/principal.ts";
import type { Service } from "#gateway/service.ts";
import { type MemoryStore, testAccount, testConfig, TestGateway, testRegion } from "#gateway/testing.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { isReadOnlyManagementEvent, type BusEvent } from "./event.ts";
import { eventsService } from "./index.ts";
import { inputFor, InvalidInput } from "./inputs.ts";
import { parsePath, pick } from "./jsonPath.ts";
import type { Delivery } from "./state.ts";

let service: Service;
let gateway: TestGateway;
let sent: Record<string, any>[];
let keyWorks: boolean;

const place = { account: testAccount, region: testRegion };
const store = () => gateway.store as MemoryStore;
const queue = (name: string) => `arn:aws:sqs:${testRegion}:${testAccount}:${name}`;

const kms = {
  DescribeKey: async () => ({ KeyMetadata: { Arn: key, KeySpec: "SYMMETRIC_DEFAULT" } }),
  GenerateDataKey: async () => ({ Plaintext: Buffer.alloc(32, 7), CiphertextBlob: Buffer.from("wrapped") }),
  Decrypt: async () => {
    if (!keyWorks) throw new AwsError("DisabledException", "the key is disabled");
    return { Plaintext: Buffer.alloc(32, 7) };
  },
};
const sqs = {
  SendMessage: async (input: Record<string, unknown>) => {
    sent.push(input);
    return {};
  },
};
const key = `arn:aws:kms:${testRegion}:${testAccount}:key/k`;

beforeEach(() => {
  service = eventsService({ publicTargetsOnly: false });
  gateway = new TestGateway(service);
  sent = [];
  keyWorks = true;
});

function jobContext(signal = new AbortController().signal): JobContext {
  return {
    clock: gateway.clock,
    random: systemRandom,
    log: silentLogger,
    store: gateway.store,
    config: testConfig,
    asService: () => ({ kms, sqs }) as unknown as Clients,
    organization: async () => undefined,
    signal,
  } satisfies Partial<JobContext> as unknown as JobContext;
}

const appended = () => store().outboxEntries.filter(({ stream }) => stream === "events");

/** Hands what is in the stream to the reactor. */
async function match(events: readonly unknown[] = appended().map(({ event }) => event)): Promise<void> {
  const stored = events.map((event, i): StoredEvent => ({
    id: `s${i}`,
    key: "k",
    event,
    partition: 0,
    offset: i + 1,
    time: gateway.clock.now(),
  }));
  await service.reactors[0]!.handle(stored, jobContext());
}

async function deliveries(): Promise<Delivery[]> {
  const page = await gateway.store.list<Delivery>({ ...place, service: "events", type: "delivery", limit: 100 });
  return page.items.map(({ value }) => value);
}

/** Runs the delivery job until nothing is left. */
async function deliver(): Promise<void> {
  const stopping = new AbortController();
  const running = service.jobs.find(({ name }) => name === "events-deliveries")!.run(jobContext(stopping.signal));
  while ((await deliveries()).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  stopping.abort();
  await running;
}

describe("schedules", () => {
  test("two processes that look at the same due time fire it once", async () => {
    await gateway.call("PutRule", { Name: "r", ScheduleExpression: "rate(5 minutes)" });
    const { run } = service.jobs.find(({ name }) => name === "events-schedules")!;
    await Promise.all([run(jobContext()), run(jobContext())]);
    assert.equal(appended().length, 0);
    for (const due of [1, 2]) {
      gateway.clock.advance(300_000);
      await Promise.all([run(jobContext()), run(jobContext()), run(jobContext())]);
      assert.equal(appended().length, due);
    }
  });

  test("of due times that went by, the last one fires; changing the rest of a rule puts nothing off", async () => {
    await gateway.call("PutRule", { Name: "r", ScheduleExpression: "rate(5 minutes)" });
    gateway.clock.advance(240_000);
    await gateway.call("PutRule", { Name: "r", ScheduleExpression: "rate(5 minutes)", Description: "d" });
    const { run } = service.jobs.find(({ name }) => name === "events-schedules")!;
    gateway.clock.advance(3_600_000 + 60_000);
    await run(jobContext());
    assert.equal(appended().length, 1);
    const event = appended()[0]!.event as { content: { event: BusEvent } };
    assert.equal(Date.parse(event.content.event.time), Date.UTC(2026, 0, 1) + 65 * 60_000);
    gateway.clock.advance(300_000);
    await run(jobContext());
    assert.equal(appended().length, 2);
  });

  test("a schedule ends with its rule, and rests while the rule is disabled", async () => {
    const { run } = service.jobs.find(({ name }) => name === "events-schedules")!;
    await gateway.call("PutRule", { Name: "r", ScheduleExpression: "rate(5 minutes)" });
    await gateway.call("DisableRule", { Name: "r" });
    gateway.clock.advance(300_000);
    await run(jobContext());
    await gateway.call("EnableRule", { Name: "r" });
    gateway.clock.advance(299_000);
    await run(jobContext());
    assert.equal(appended().length, 0);
    gateway.clock.advance(1_000);
    await run(jobContext());
    assert.equal(appended().length, 1);
    await gateway.call("DeleteRule", { Name: "r" });
    gateway.clock.advance(300_000);
    await run(jobContext());
    assert.equal(appended().length, 1);
  });
});

describe("keys", () => {
  async function sealedBus(more: object): Promise<void> {
    await gateway.store.commit([
      {
        op: "put",
        key: { ...place, service: "events", type: "bus", id: "sealed" },
        value: {
          name: "sealed",
          arn: `arn:aws:events:${testRegion}:${testAccount}:event-bus/sealed`,
          modifiedAt: 1,
          kmsKeyId: key,
          tags: {},
          ...more,
        },
      },
    ]);
    await gateway.call("PutRule", { Name: "r", EventBusName: "sealed", EventPattern: '{"source":["s"]}' });
    await gateway.call("PutTargets", { Rule: "r", EventBusName: "sealed", Targets: [{ Id: "q", Arn: queue("q") }] });
  }

  /** Another wrapped key for each event: what was opened before does not help. */
  const envelope = (wrapped: string) => ({
    bus: { ...place, name: "sealed" },
    ingestedAt: gateway.clock.now(),
    content: {
      sealed: { kmsKeyId: key, wrapped, nonce: "AAAA", text: "AAAA", id: "e", source: "s", detailType: "t" },
    },
  });

  test("an event that cannot be opened on its bus goes to the bus's dead-letter queue as it is kept", async () => {
    await sealedBus({ deadLetterQueue: queue("dead") });
    keyWorks = false;
    await match([envelope("a")]);
    assert.deepEqual(
      (await deliveries()).map(({ rule, dead }) => [rule, dead?.message]),
      [[undefined, "the key is disabled"]],
    );
    await deliver();
    const [message] = sent as [Record<string, any>];
    assert.match(message["QueueUrl"], /\/dead$/);
    assert.equal(JSON.parse(message["MessageBody"]).sealed.wrapped, "a");
    assert.equal(message["MessageAttributes"].ERROR_MESSAGE.StringValue, "the key is disabled");
  });

  test("without one it is lost, and holds up nothing", async () => {
    await sealedBus({});
    keyWorks = false;
    await match([envelope("b")]);
    assert.deepEqual(await deliveries(), []);
  });
});

describe("matching", () => {
  test("what is no event is left out; those behind it are handled", async () => {
    await gateway.call("PutRule", { Name: "r", EventPattern: '{"source":["aws.x"]}' });
    await gateway.call("PutTargets", { Rule: "r", Targets: [{ Id: "q", Arn: queue("q") }] });
    const event = {
      version: "0",
      id: "1",
      "detail-type": "t",
      source: "aws.x",
      account: testAccount,
      time: "2026-01-01T00:00:00Z",
      region: testRegion,
      resources: [],
      detail: {},
    };
    await match(["text", null, { source: 1 }, event]);
    assert.equal((await deliveries()).length, 1);
    await deliver();
    assert.deepEqual(JSON.parse(sent[0]!["MessageBody"]), event);
  });

  test("a rule that was changed a moment ago is known", async () => {
    await gateway.call("PutRule", { Name: "r", EventPattern: '{"source":["old"]}' });
    await gateway.call("PutTargets", { Rule: "r", Targets: [{ Id: "q", Arn: queue("q") }] });
    await gateway.call("PutEvents", { Entries: [{ Source: "new", DetailType: "t", Detail: "{}" }] });
    await match();
    assert.equal((await deliveries()).length, 0);
    await gateway.call("PutRule", { Name: "r", EventPattern: '{"source":["new"]}' });
    await match();
    assert.equal((await deliveries()).length, 1);
  });

  test("an archive counts an event once, however often it comes", async () => {
    await gateway.call("CreateArchive", {
      ArchiveName: "a",
      EventSourceArn: `arn:aws:events:${testRegion}:${testAccount}:event-bus/default`,
    });
    await gateway.call("PutEvents", { Entries: [{ Source: "s", DetailType: "t", Detail: "{}" }] });
    await match();
    await match();
    const shown = await gateway.call("DescribeArchive", { ArchiveName: "a" });
    assert.equal(shown["EventCount"], 1);
  });

  test("read-only management events are told from the others", () => {
    const table: [eventName: string, readOnly: boolean, quiet: boolean][] = [
      ["DescribeKey", true, true],
      ["ListBuckets", true, true],
      ["GetSessionToken", true, false],
      ["AssumeRole", true, false],
      ["CreateBucket", false, false],
      ["GetSecretThatChanges", false, false],
    ];
    for (const [eventName, readOnly, quiet] of table) {
      const event = {
        "detail-type": "AWS API Call via CloudTrail",
        detail: { eventName, readOnly, managementEvent: true },
      };
      assert.equal(isReadOnlyManagementEvent(event as unknown as BusEvent), quiet, eventName);
    }
  });
});

describe("permissions", () => {
  test("naming a role needs the right to pass it", async () => {
    const roleArn = `arn:aws:iam::${testAccount}:role/r`;
    await gateway.call("PutRule", { Name: "r", EventPattern: '{"source":["s"]}' });
    const put = (allowed: boolean) =>
      gateway.call(
        "PutTargets",
        { Rule: "r", Targets: [{ Id: "q", Arn: queue("q"), RoleArn: roleArn }] },
        { decide: ({ action, resource }) => allowed || action !== "iam:PassRole" || resource !== roleArn },
      );
    await assert.rejects(put(false), { code: /AccessDenied/ });
    await put(true);
  });

  test("a rule that a service manages is changed by others with force only", async () => {
    const roleArn = `arn:aws:iam::${testAccount}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig`;
    const principal = {
      kind: "role",
      account: testAccount,
      arn: `arn:aws:sts::${testAccount}:assumed-role/AWSServiceRoleForConfig/s`,
      id: "AROAQ3EGUAABCDEFGHIJK:s",
      roleArn,
      roleId: "AROAQ3EGUAABCDEFGHIJK",
      roleName: "AWSServiceRoleForConfig",
      sessionName: "s",
      session: { createdAt: 0, expiresAt: 1, mfaAuthenticated: false },
    } satisfies Principal;
    const rule = { Name: "managed", EventPattern: '{"source":["s"]}' };
    await gateway.call("PutRule", rule, { principal });
    await gateway.call("PutTargets", { Rule: "managed", Targets: [{ Id: "q", Arn: queue("q") }] }, { principal });
    assert.equal((await gateway.call("DescribeRule", { Name: "managed" }))["ManagedBy"], "config.amazonaws.com");
    const refused = { code: "ManagedRuleException" };
    await assert.rejects(gateway.call("PutRule", rule), refused);
    await assert.rejects(gateway.call("DisableRule", { Name: "managed" }), refused);
    await assert.rejects(gateway.call("RemoveTargets", { Rule: "managed", Ids: ["q"] }), refused);
    await assert.rejects(gateway.call("DeleteRule", { Name: "managed" }), refused);
    await gateway.call("RemoveTargets", { Rule: "managed", Ids: ["q"], Force: true });
    await gateway.call("DeleteRule", { Name: "managed", Force: true });
  });
});

test("paths pick what they name", () => {
  const value = { a: { "b-c": [1, { d: "x" }] }, list: [{ n: 1 }, { n: 2 }] };
  const table: [path: string, found: unknown][] = [
    ["$", value],
    ["$.a.b-c[0]", 1],
    ["$.a['b-c'][1].d", "x"],
    ["$.list[*].n", [1, 2]],
    ["$.list[5]", undefined],
    ["$.a.none.deeper", undefined],
  ];
  for (const [path, found] of table) assert.deepEqual(pick(value, parsePath(path)!), found, path);
  for (const path of ["a", "$a", "$.", "$..a", "$[a]", "$.a b"]) assert.equal(parsePath(path), undefined, path);
});

test("a template that comes to no JSON is no input", () => {
  const event = {
    version: "0",
    id: "1",
    "detail-type": "t",
    source: "s",
    account: "1",
    time: "2026-01-01T00:00:00Z",
    region: "r",
    resources: [],
    detail: { quote: 'say "hi"' },
  } satisfies BusEvent;
  const facts = { event, ruleArn: "arn", ruleName: "n", ingestedAt: 0 };
  const from = (InputTemplate: string) =>
    inputFor({ Id: "t", Arn: "a", InputTransformer: { InputPathsMap: { q: "$.detail.quote" }, InputTemplate } }, facts);
  assert.deepEqual(JSON.parse(from('{"a":<q>,"b":"<q>!"}')), { a: 'say "hi"', b: 'say "hi"!' });
  assert.throws(() => from('{"a":<q>'), InvalidInput);
});
