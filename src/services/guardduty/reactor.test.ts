/** What the reactor writes: each event once, whatever is delivered again, and whoever else writes meanwhile. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import { administrationTypes, type AdministratorLink } from "#gateway/administration.ts";
import type { ReactorContext } from "#gateway/context.ts";
import { MemoryStore, testAccount, testRegion } from "#gateway/testing.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { newDetector } from "./operations/detectors.ts";
import { detecting } from "./reactor.ts";
import { scopeOf, types, type Detector, type StoredFinding } from "./state.ts";

const administrator = "444455556666";
const at = { account: testAccount, region: testRegion };

let clock: ManualClock;
let store: MemoryStore;
let detect: ReturnType<typeof detecting>;
let detector: Detector;

const context = () =>
  ({
    clock,
    store,
    random: systemRandom,
    log: silentLogger,
    signal: new AbortController().signal,
  }) as unknown as ReactorContext;

function event(offset: number, more: Record<string, unknown> = {}, time = offset): StoredEvent {
  const record = {
    eventID: `e${offset}`,
    eventTime: new Date(clock.now()).toISOString(),
    eventSource: "sqs.amazonaws.com",
    eventName: "ListQueues",
    awsRegion: testRegion,
    sourceIPAddress: "192.0.2.1",
    userAgent: "x",
    readOnly: true,
    eventType: "AwsApiCall",
    eventCategory: "Management",
    recipientAccountId: testAccount,
    userIdentity: { type: "Root", principalId: testAccount },
    requestParameters: null,
    ...more,
  };
  return { id: `e${offset}`, key: testAccount, partition: 0, offset, time, event: record };
}

const put = (scope: { account: string; region: string }, type: string, id: string, value: unknown) =>
  store.commit([{ op: "put", key: { ...scopeOf(scope), type, id }, value }]);

async function findings(): Promise<StoredFinding[]> {
  const { items } = await store.list<StoredFinding>({ service: "guardduty", type: types.finding, limit: 100 });
  return items.map(({ value }) => value);
}

const counts = async () => (await findings()).map(({ finding }) => finding.Service!.Count);
const told = () => store.outboxEntries.filter(({ stream }) => stream === "events").map(({ key }) => key);

beforeEach(async () => {
  clock = new ManualClock();
  store = new MemoryStore(() => clock.now());
  detect = detecting();
  detector = { ...newDetector(testAccount, testRegion, { now: clock.now(), random: systemRandom }), enabledAt: 0 };
  await put(at, types.detector, types.detector, detector);
});

describe("the reactor", () => {
  test("counts every event once, however often it is delivered", async () => {
    const events = [event(1), event(2), event(3)];
    await detect(events, context());
    await detect(events, context());
    await detect([event(2), event(3), event(4)], context());
    assert.deepEqual(await counts(), [4]);
    assert.deepEqual(told(), [testAccount], "an update waits for its time");
  });

  test("a stream that was made anew begins at the start again", async () => {
    await detect([event(100)], context());
    await detect([event(1, {}, 101)], context());
    assert.deepEqual(await counts(), [2]);
  });

  test("decides again when somebody writes in between", async () => {
    await detect([event(1)], context());
    const [{ finding }] = (await findings()) as [StoredFinding];
    const commit = store.commit.bind(store);
    let meddled = false;
    store.commit = async (batch) => {
      if (!meddled) {
        meddled = true;
        const feedback = { ...finding, Service: { ...finding.Service, UserFeedback: "USEFUL" } };
        const key = { ...scopeOf(at), type: types.finding, id: `${detector.id}/${finding.Id}` };
        await commit([{ op: "put", key, value: { finding: feedback, publishedAt: 1 } }]);
      }
      await commit(batch);
    };
    await detect([event(2)], context());
    const [after] = await findings();
    assert.equal(after!.finding.Service!.Count, 2);
    assert.equal(after!.finding.Service!.UserFeedback, "USEFUL");
  });

  test("other Regions' events are theirs, except of services without a Region", async () => {
    await detect([event(1, { awsRegion: "eu-west-1" })], context());
    assert.deepEqual(await counts(), []);
    await detect([event(2, { awsRegion: "us-east-1", eventSource: "iam.amazonaws.com" })], context());
    assert.deepEqual(await counts(), [1]);
    // The root user signs in at one Region for all of them.
    await detect([event(3, { awsRegion: "us-east-1", eventSource: "signin.amazonaws.com" })], context());
    assert.deepEqual(await counts(), [2]);
    const user = { type: "IAMUser", principalId: "AIDA", userName: "a" };
    const kali = { userIdentity: user, userAgent: "kali", eventSource: "signin.amazonaws.com" };
    await detect([event(4, { ...kali, awsRegion: "us-east-1" })], context());
    assert.deepEqual(await counts(), [2]);
  });

  test("nothing from before the detector was enabled, nothing of accounts without one", async () => {
    await put(at, types.detector, types.detector, { ...detector, enabledAt: clock.now() + 5000 });
    await detect([event(1), event(2, { recipientAccountId: "999999999999" })], context());
    assert.deepEqual(await counts(), []);
  });

  test("the administrator hears of it too", async () => {
    const link: AdministratorLink = {
      account: administrator,
      invitationId: "i",
      invitedAt: 0,
      status: "Enabled",
      byOrganization: false,
    };
    await put({ ...at, account: administrator }, types.detector, types.detector, {
      ...detector,
      account: administrator,
      id: "f".repeat(32),
    });
    await put(at, administrationTypes.administrator, administrationTypes.administrator, link);
    await detect([event(1)], context());
    assert.deepEqual(told(), [testAccount, administrator]);
    const bodies = store.outboxEntries.map(
      (entry) => entry.event as { account: string; detail: { accountId: string } },
    );
    assert.deepEqual(
      bodies.map(({ account, detail }) => [account, detail.accountId]),
      [
        [testAccount, testAccount],
        [administrator, testAccount],
      ],
    );
  });

  test("remembers the password policy before", async () => {
    const update = (offset: number, requestParameters: Record<string, unknown>) =>
      event(offset, {
        eventSource: "iam.amazonaws.com",
        eventName: "UpdateAccountPasswordPolicy",
        requestParameters,
        userIdentity: { type: "IAMUser", principalId: "AIDA", userName: "a" },
      });
    await detect([update(1, { minimumPasswordLength: 16 }), update(2, { minimumPasswordLength: 20 })], context());
    assert.deepEqual(await counts(), []);
    await detect([update(3, { minimumPasswordLength: 16 })], context());
    assert.deepEqual(await counts(), [1]);
  });
});
