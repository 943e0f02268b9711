import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { types } from "./state.ts";
import { account, otherAccount, region, user, World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const hello = Buffer.from("hello");
const dayMs = 86_400_000;

async function usage(KeyId: string) {
  await world.follow("usage");
  return (await world.call("GetKeyLastUsage", { KeyId })).KeyLastUsage;
}

test("the last successful use of a key, by the record of the call; refused calls and reading do not count", async () => {
  const { KeyId, Arn, CreationDate } = (await world.call("CreateKey")).KeyMetadata;
  await world.call("DescribeKey", { KeyId });
  assert.deepEqual(await world.call("GetKeyLastUsage", { KeyId }), {
    KeyId: Arn,
    KeyLastUsage: {},
    TrackingStartDate: CreationDate,
    KeyCreationDate: CreationDate,
  });
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: hello });
  const record = world.records().at(-1)!;
  assert.deepEqual(await usage(KeyId), {
    Operation: "Encrypt",
    Timestamp: new Date(record["eventTime"]),
    CloudTrailEventId: record["eventID"],
    KmsRequestId: record["requestID"],
  });
  world.clock.advance(dayMs);
  await assert.rejects(world.call("Decrypt", { CiphertextBlob, EncryptionContext: { a: "b" } }));
  await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello, DryRun: true }));
  assert.equal((await usage(KeyId)).Operation, "Encrypt");
  await world.call("Decrypt", { CiphertextBlob });
  assert.equal((await usage(KeyId)).Operation, "Decrypt");
});

test("ReEncrypt counts for both keys; use from another account counts by the owner's record", async () => {
  const [a, b] = [(await world.call("CreateKey")).KeyMetadata, (await world.call("CreateKey")).KeyMetadata];
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId: a.KeyId, Plaintext: hello });
  await world.call("ReEncrypt", { CiphertextBlob, DestinationKeyId: b.KeyId });
  for (const { KeyId } of [a, b]) assert.equal((await usage(KeyId)).Operation, "ReEncrypt");
  const Statement = [
    { Effect: "Allow", Principal: { AWS: a.Arn.split(":")[4] }, Action: "kms:*", Resource: "*" },
    { Effect: "Allow", Principal: { AWS: otherAccount }, Action: "kms:*", Resource: "*" },
  ];
  await world.call("PutKeyPolicy", { KeyId: a.KeyId, Policy: JSON.stringify({ Version: "2012-10-17", Statement }) });
  await world.call("Encrypt", { KeyId: a.Arn, Plaintext: hello }, { as: user("admin", otherAccount) });
  const owners = world
    .records()
    .find(
      (each) =>
        each["recipientAccountId"] !== otherAccount &&
        each["eventName"] === "Encrypt" &&
        each["userIdentity"].accountId === otherAccount,
    )!;
  assert.equal((await usage(a.KeyId)).CloudTrailEventId, owners["eventID"]);
});

test("kms:TrailingDaysWithoutKeyUsage: only keys that were not used lately may be disabled or deleted", async () => {
  const { KeyId } = (await world.call("CreateKey")).KeyMetadata;
  const who = user("tidier");
  const Condition = { NumericGreaterThanEquals: { "kms:TrailingDaysWithoutKeyUsage": "30" } };
  world.allow(who, {
    Effect: "Allow",
    Action: ["kms:DisableKey", "kms:ScheduleKeyDeletion"],
    Resource: "*",
    Condition,
  });
  const refused = { code: "AccessDeniedException" };
  world.clock.advance(29 * dayMs);
  await assert.rejects(world.call("DisableKey", { KeyId }, { as: who }), refused);
  await world.call("Encrypt", { KeyId, Plaintext: hello });
  await world.follow("usage");
  world.clock.advance(29 * dayMs);
  await assert.rejects(world.call("ScheduleKeyDeletion", { KeyId }, { as: who }), refused);
  world.clock.advance(dayMs);
  await world.call("DisableKey", { KeyId }, { as: who });
  await world.call("ScheduleKeyDeletion", { KeyId }, { as: who });
});

test("a deleted key leaves no trace of its use, whichever comes first", async () => {
  const { KeyId } = (await world.call("CreateKey")).KeyMetadata;
  await world.call("Encrypt", { KeyId, Plaintext: hello });
  await world.follow("usage");
  await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
  world.clock.advance(7 * dayMs);
  await world.run("kms-deletion");
  await world.follow("usage");
  const left = await world.store.get({ account, region, service: "kms", type: types.usage, id: KeyId });
  assert.equal(left, undefined);
  await assert.rejects(world.call("GetKeyLastUsage", { KeyId }), { code: "NotFoundException" });
});
