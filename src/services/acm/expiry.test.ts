import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import type { JobContext } from "#gateway/context.ts";
import { MemoryStore, testAccount, testRegion } from "#gateway/testing.ts";
import { tellOfExpiry } from "./expiry.ts";
import { serviceId, types, type Certificate, type Configuration } from "./state.ts";

const dayMs = 86_400_000;

interface Told {
  "detail-type": string;
  resources: string[];
  detail: Record<string, unknown>;
}

/** A certificate that expires in 50 days, in an account that wants to be told as `configuration` says. */
async function setUp(configuration?: Configuration) {
  const clock = new ManualClock();
  const store = new MemoryStore(() => clock.now());
  const scope = { account: testAccount, region: testRegion, service: serviceId };
  const certificate = {
    arn: `arn:aws:acm:${testRegion}:${testAccount}:certificate/one`,
    domain: "shop.example.com",
    createdAt: clock.now(),
    // At noon: the day has a part before and one after.
    notAfter: clock.now() + 50.5 * dayMs,
  } as Certificate;
  await store.commit([
    { op: "put", key: { ...scope, type: types.certificate, id: "one" }, value: certificate },
    ...(configuration
      ? [{ op: "put" as const, key: { ...scope, type: types.configuration, id: "account" }, value: configuration }]
      : []),
  ]);
  const signal = new AbortController().signal;
  const ctx = { clock, store, signal, random: systemRandom, log: silentLogger } as unknown as JobContext;
  const told = () => store.outboxEntries.map(({ event }) => event as Told);
  return { clock, told, turn: () => tellOfExpiry(ctx) };
}

test("from 45 days before on an event a day, and one when it has expired", async () => {
  const { clock, told, turn } = await setUp();
  await turn();
  assert.deepEqual(told(), []);
  clock.advance(6 * dayMs);
  await turn();
  await turn();
  assert.equal(told().length, 1);
  assert.equal(told()[0]!["detail-type"], "ACM Certificate Approaching Expiration");
  assert.deepEqual(told()[0]!.detail, { DaysToExpiry: 44, CommonName: "shop.example.com" });
  clock.advance(dayMs);
  await turn();
  assert.equal(told().length, 2);
  clock.advance(50 * dayMs);
  await turn();
  clock.advance(dayMs);
  await turn();
  assert.equal(told().length, 3);
  assert.equal(told()[2]!["detail-type"], "ACM Certificate Expired");
  assert.equal(told()[2]!.detail["InUse"], false);
});

test("the account says how long before", async () => {
  const { clock, told, turn } = await setUp({ daysBeforeExpiry: 3 });
  clock.advance(40 * dayMs);
  await turn();
  assert.deepEqual(told(), []);
  clock.advance(8 * dayMs);
  await turn();
  assert.equal(told().length, 1);
});
