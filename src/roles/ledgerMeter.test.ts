import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import type { ReactorContext } from "#gateway/context.ts";
import { SqliteStore } from "#store/sqlite.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { ledgerMeter } from "./ledgerMeter.ts";
import { ledgerReport, type LedgerReport } from "./ledgerReport.ts";

const account = "111122223333";
const other = "444455556666";
const region = "us-east-1";
const keyArn = `arn:aws:kms:${region}:${account}:key/k-rsa`;
const now = Date.UTC(2026, 10, 20, 12);

let folder: string;
let store: SqliteStore;
let clock: ManualClock;
let offset: number;
let feed: (...events: object[]) => Promise<void>;
let handled: StoredEvent[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "jikimi-meter-"));
  clock = new ManualClock();
  store = new SqliteStore(join(folder, "state.db"), { clock });
  const { reactor } = ledgerMeter();
  offset = 0;
  handled = [];
  feed = async (...events) => {
    handled = events.map((event, index) => stored(event, ++offset, index));
    await reactor.handle(handled, { store } as unknown as ReactorContext);
  };
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function stored(event: object, at: number, index: number): StoredEvent {
  return { id: `e${at}`, key: account, event, partition: 0, offset: at, time: now + index };
}

const call = (eventName: string, more: object = {}) => ({
  eventSource: "kms.amazonaws.com",
  eventType: "AwsApiCall",
  eventName,
  eventTime: "2026-11-20T11:00:00Z",
  awsRegion: region,
  recipientAccountId: account,
  userIdentity: { type: "IAMUser", accountId: account },
  requestParameters: null,
  responseElements: null,
  ...more,
});

const report = (): Promise<LedgerReport> => ledgerReport({ store, dataDir: folder, now, month: "2026-11" });

async function quantities(of = account): Promise<Record<string, number>> {
  const bill = (await report()).accounts.find((each) => each.account === of);
  const lines = bill?.regions.flatMap((each) => each.lines) ?? [];
  return Object.fromEntries(lines.map((line) => [line.of ?? line.item, line.quantity]));
}

test("an event that comes again is not counted again, whatever comes with it", async () => {
  await feed(call("ListKeys"), call("GenerateRandom"));
  const { reactor } = ledgerMeter();
  const again = { store } as unknown as ReactorContext;
  await reactor.handle(handled, again);
  await reactor.handle([...handled, stored(call("ListKeys"), 3, 2)], again);
  assert.deepEqual(await quantities(), { symmetric: 3 });
});

test("a stream that was made anew is counted from its start", async () => {
  await feed(call("ListKeys"), call("ListKeys"));
  offset = 0;
  const { reactor } = ledgerMeter();
  const later: StoredEvent = { ...stored(call("ListKeys"), 1, 0), time: now + 60_000 };
  await reactor.handle([later], { store } as unknown as ReactorContext);
  assert.deepEqual(await quantities(), { symmetric: 3 });
});

test("what is billed: served calls, by the caller's record, in the class of the key", async () => {
  const spec = { keyId: "k-rsa", spec: "RSA_2048", manager: "AWS", createdAt: now, versions: [], state: "Enabled" };
  await store.commit([{ op: "put", key: { account, region, service: "kms", type: "key", id: "k-rsa" }, value: spec }]);
  const resources = [{ ARN: keyArn, accountId: account, type: "AWS::KMS::Key" }];
  await feed(
    call("Sign", { resources }),
    call("Sign", { resources, errorCode: "DisabledException" }),
    call("GenerateDataKeyPair", { requestParameters: { keyPairSpec: "RSA_4096" } }),
    // Another account's call, in the record of the key's owner, and in its own.
    call("Decrypt", { resources, userIdentity: { accountId: other } }),
    call("Decrypt", { resources, userIdentity: { accountId: other }, recipientAccountId: other }),
    // By a service for itself; by KMS itself; of another service.
    call("GenerateDataKey", { userIdentity: { type: "AWSService", invokedBy: "cloudtrail.amazonaws.com" } }),
    call("RotateKey", { eventType: "AwsServiceEvent" }),
    call("GetObject", { eventSource: "s3.amazonaws.com" }),
    // The second record of ReplicateKey.
    call("CreateKey", { responseElements: { keyMetadata: { keyId: "mrk-1", multiRegion: true } } }),
    call("CreateKey", { responseElements: { keyMetadata: { keyId: "k-2", creationDate: "Nov 20, 2026" } } }),
  );
  assert.deepEqual(await quantities(), { symmetric: 2, "rsa-2048": 1, "rsa-key-pair": 1 });
  assert.deepEqual(await quantities(other), { "rsa-2048": 1 });
});

test("modules by the started hour, from CreateHsm to DeleteHsm, also when events come again", async () => {
  const hsm = (eventName: string, eventTime: string, responseElements: object) =>
    call(eventName, { eventSource: "cloudhsm.amazonaws.com", eventTime, responseElements });
  const cluster = { clusterId: "cluster-1", hsmType: "hsm1.medium" };
  await feed(
    hsm("CreateCluster", "2026-11-20T08:10:00Z", { cluster }),
    hsm("CreateHsm", "2026-11-20T08:30:00Z", { hsm: { hsmId: "hsm-a", clusterId: "cluster-1" } }),
    hsm("CreateHsm", "2026-11-20T09:30:00Z", { hsm: { hsmId: "hsm-b", clusterId: "cluster-1" } }),
    hsm("DeleteHsm", "2026-11-20T10:30:00Z", { hsmId: "hsm-a" }),
  );
  const first = [...handled];
  // a: 8, 9, 10; b: 9, 10, 11 (it is noon).
  assert.deepEqual(await quantities(), { "hsm1.medium": 6 });
  const { reactor } = ledgerMeter();
  await reactor.handle(first, { store } as unknown as ReactorContext);
  assert.deepEqual(await quantities(), { "hsm1.medium": 6 });
});
