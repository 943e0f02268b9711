import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import type { JobContext } from "#gateway/context.ts";
import { MemoryStore, testAccount, testRegion } from "#gateway/testing.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { ingest } from "./ingest.ts";
import { forget } from "./retention.ts";
import { Unsealer } from "./sealing.ts";
import { lakeScope, type EventDataStore, type LakeEvent } from "./state.ts";

const dayMs = 24 * 3600_000;
const scope = lakeScope({ account: testAccount, region: testRegion });
const id = "11111111-2222-4333-8444-555555555555";

let clock: ManualClock;
let store: MemoryStore;
let refusal: AwsError | undefined;
const dataKey = randomBytes(32);

const kms = {
  async GenerateDataKey() {
    if (refusal) throw refusal;
    return { Plaintext: dataKey, CiphertextBlob: Buffer.from("wrapped") };
  },
  async Decrypt() {
    if (refusal) throw refusal;
    return { Plaintext: dataKey };
  },
};

function context(): JobContext {
  return {
    clock,
    store,
    random: systemRandom,
    log: silentLogger,
    signal: new AbortController().signal,
    asService: () => ({ kms }),
    organization: async (account: string) => (account === "222222222222" ? { id: "o-one" } : undefined),
  } as unknown as JobContext;
}

function dataStore(more: Partial<EventDataStore> = {}): EventDataStore {
  const now = clock.now();
  return {
    id,
    arn: `arn:aws:cloudtrail:${testRegion}:${testAccount}:eventdatastore/${id}`,
    name: "lake",
    account: testAccount,
    region: testRegion,
    status: "ENABLED",
    kind: "events",
    selectors: [{ fields: [{ field: "eventCategory", equals: ["Management"] }] }],
    multiRegion: false,
    retentionDays: 7,
    terminationProtection: false,
    billingMode: "EXTENDABLE_RETENTION_PRICING",
    tags: {},
    createdAt: now,
    updatedAt: now,
    since: now,
    ...more,
  };
}

async function have(value: EventDataStore): Promise<void> {
  await store.commit([{ op: "put", key: { ...scope, type: "eventDataStore", id: value.id }, value }]);
}

let events = 0;
const record = (more: object = {}) => ({
  eventID: `event-${++events}`,
  eventTime: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z"),
  eventCategory: "Management",
  eventName: "CreateUser",
  awsRegion: testRegion,
  recipientAccountId: testAccount,
  userIdentity: { type: "IAMUser" },
  ...more,
});

const take = (...records: object[]) =>
  ingest(
    records.map((event) => ({ event }) as StoredEvent),
    context(),
  );
const kept = async () => (await store.list<LakeEvent>({ ...scope, type: "lakeEvent", limit: 100 })).items;

beforeEach(() => {
  clock = new ManualClock();
  store = new MemoryStore(() => clock.now());
  refusal = undefined;
});

test("a record comes in once, however often it comes", async () => {
  await have(dataStore());
  const one = record();
  await take(one);
  await take(one, record());
  assert.equal((await kept()).length, 2);
});

describe("what a store does not take", () => {
  const cases: [why: string, store: Partial<EventDataStore>, record: object][] = [
    ["another Region", {}, { awsRegion: "eu-west-1" }],
    ["another account", {}, { recipientAccountId: "222222222222" }],
    ["an account outside the organization", { organization: "o-two" }, { recipientAccountId: "222222222222" }],
    ["what its selectors leave out", {}, { eventCategory: "Data" }],
    ["what it does itself", {}, { userIdentity: { type: "AWSService", invokedBy: "cloudtrail.amazonaws.com" } }],
    ["what was before it", {}, { eventTime: "2025-12-31T23:59:58Z" }],
    ["what came after it was stopped", { until: Date.UTC(2025, 11, 31) }, {}],
  ];
  for (const [why, more, event] of cases) {
    test(why, async () => {
      await have(dataStore(more));
      await take(record(event));
      assert.deepEqual(await kept(), []);
    });
  }

  test("all of it is taken where the store covers it", async () => {
    await have(dataStore({ organization: "o-one", multiRegion: true }));
    await take(record({ recipientAccountId: "222222222222" }), record({ awsRegion: "eu-west-1" }));
    assert.equal((await kept()).length, 2);
  });
});

test("under a key an event is kept sealed, bound to its place, and not at all when the key refuses", async () => {
  const sealed = dataStore({ kmsKeyId: "arn:aws:kms:::key/k" });
  await have(sealed);
  await take(record({ requestParameters: { secret: "canary" } }));
  const [event] = await kept();
  assert.ok(!JSON.stringify(event).includes("canary"));
  const unsealer = new Unsealer(kms as never, sealed);
  const opened = await unsealer.open<{ requestParameters: unknown }>(event!.value.sealed!, event!.key.id);
  assert.deepEqual(opened.requestParameters, { secret: "canary" });
  await assert.rejects(unsealer.open(event!.value.sealed!, "elsewhere"));
  refusal = new AwsError("DisabledException", "is disabled", 400);
  await take(record());
  assert.equal((await kept()).length, 1);
  refusal = new AwsError("ServiceUnavailable", "away", 503);
  await assert.rejects(take(record()), "it is tried again when the key holder is back");
});

test("events go when they are too old, stores when their wait is over", async () => {
  await have(dataStore());
  await take(record());
  clock.advance(6 * dayMs);
  await take(record());
  clock.advance(2 * dayMs);
  await forget(context());
  assert.equal((await kept()).length, 1);
  await have(dataStore({ status: "PENDING_DELETION", deleteAt: clock.now() + 1000 }));
  await forget(context());
  assert.equal((await kept()).length, 1);
  clock.advance(1000);
  await forget(context());
  assert.deepEqual(await kept(), []);
  assert.equal(await store.count({ ...scope, type: "eventDataStore" }), 0);
});
