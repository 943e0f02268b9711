import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const hello = Buffer.from("hello");
const dayMs = 86_400_000;

async function createKey(
  input: Record<string, unknown> = {},
): Promise<{ KeyId: string; Arn: string; CurrentKeyMaterialId: string }> {
  return (await world.call("CreateKey", input)).KeyMetadata;
}

const open = async (CiphertextBlob: Uint8Array): Promise<string> =>
  Buffer.from((await world.call("Decrypt", { CiphertextBlob })).Plaintext).toString();

test("automatic rotation: on its date new material, the old still decrypts", async () => {
  const { KeyId, CurrentKeyMaterialId } = await createKey();
  assert.deepEqual(await world.call("GetKeyRotationStatus", { KeyId }), { KeyId, KeyRotationEnabled: false });
  await world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 90 });
  const enabledAt = world.clock.now();
  assert.deepEqual(await world.call("GetKeyRotationStatus", { KeyId }), {
    KeyId,
    KeyRotationEnabled: true,
    RotationPeriodInDays: 90,
    NextRotationDate: new Date(enabledAt + 90 * dayMs),
  });
  const { CiphertextBlob: old } = await world.call("Encrypt", { KeyId, Plaintext: hello });

  world.clock.advance(90 * dayMs - 1);
  await world.run("kms-rotation");
  assert.deepEqual((await world.call("ListKeyRotations", { KeyId })).Rotations, [], "not a moment too early");
  world.clock.advance(1);
  await world.run("kms-rotation");
  await world.run("kms-rotation");
  const { Rotations } = await world.call("ListKeyRotations", { KeyId });
  assert.equal(Rotations.length, 1, "once, however often the job runs");
  const events = world.records().filter((record) => record["eventName"] === "RotateKey");
  assert.deepEqual(
    events.map(({ eventType, serviceEventDetails }) => [eventType, serviceEventDetails.keyId]),
    [["AwsServiceEvent", KeyId]],
  );
  assert.deepEqual(Rotations[0], {
    KeyId,
    KeyMaterialId: Rotations[0].KeyMaterialId,
    KeyMaterialState: "CURRENT",
    RotationDate: new Date(world.clock.now()),
    RotationType: "AUTOMATIC",
  });
  assert.notEqual(Rotations[0].KeyMaterialId, CurrentKeyMaterialId);
  const all = (await world.call("ListKeyRotations", { KeyId, IncludeKeyMaterial: "ALL_KEY_MATERIAL" })).Rotations;
  assert.deepEqual(all[0], { KeyId, KeyMaterialId: CurrentKeyMaterialId, KeyMaterialState: "NON_CURRENT" });

  const { CiphertextBlob: fresh } = await world.call("Encrypt", { KeyId, Plaintext: hello });
  assert.notDeepEqual(fresh.subarray(0, 37), old.subarray(0, 37), "the blob names another version");
  assert.equal(await open(old), "hello");
  assert.equal(await open(fresh), "hello");
  assert.equal((await world.call("Decrypt", { CiphertextBlob: old })).KeyMaterialId, CurrentKeyMaterialId);
  const grafted = Buffer.from(fresh);
  old.copy(grafted, 0, 0, 37);
  await assert.rejects(open(grafted), { code: "InvalidCiphertextException" }, "a version cannot be swapped");
  const next = (await world.call("GetKeyRotationStatus", { KeyId })).NextRotationDate;
  assert.deepEqual(next, new Date(enabledAt + 180 * dayMs));
});

test("a long sleep makes one rotation, and the next date lies ahead", async () => {
  const { KeyId } = await createKey();
  await world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 90 });
  world.clock.advance(1000 * dayMs);
  await world.run("kms-rotation");
  assert.equal((await world.call("ListKeyRotations", { KeyId })).Rotations.length, 1);
  assert.ok((await world.call("GetKeyRotationStatus", { KeyId })).NextRotationDate.getTime() > world.clock.now());
});

test("a disabled key does not rotate; enabled again, it does at once", async () => {
  const { KeyId } = await createKey();
  await world.call("EnableKeyRotation", { KeyId });
  await world.call("DisableKey", { KeyId });
  world.clock.advance(366 * dayMs);
  await world.run("kms-rotation");
  assert.equal((await world.call("ListKeyRotations", { KeyId })).Rotations.length, 0);
  await world.call("EnableKey", { KeyId });
  await world.run("kms-rotation");
  assert.equal((await world.call("ListKeyRotations", { KeyId })).Rotations.length, 1);
});

test("switched off, nothing rotates; the status of a key that waits for deletion is false and comes back", async () => {
  const { KeyId } = await createKey();
  await world.call("EnableKeyRotation", { KeyId });
  await world.call("ScheduleKeyDeletion", { KeyId });
  assert.deepEqual(await world.call("GetKeyRotationStatus", { KeyId }), { KeyId, KeyRotationEnabled: false });
  await world.call("CancelKeyDeletion", { KeyId });
  assert.equal((await world.call("GetKeyRotationStatus", { KeyId })).KeyRotationEnabled, true);
  await world.call("EnableKey", { KeyId });
  await world.call("DisableKeyRotation", { KeyId });
  world.clock.advance(400 * dayMs);
  await world.run("kms-rotation");
  assert.deepEqual((await world.call("ListKeyRotations", { KeyId })).Rotations, []);
});

test("enabling again keeps the date; another period moves it", async () => {
  const { KeyId } = await createKey();
  const next = async (): Promise<number> =>
    (await world.call("GetKeyRotationStatus", { KeyId })).NextRotationDate.getTime();
  await world.call("EnableKeyRotation", { KeyId });
  const first = await next();
  world.clock.advance(dayMs);
  await world.call("EnableKeyRotation", { KeyId });
  assert.equal(await next(), first);
  await world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 100 });
  assert.equal(await next(), world.clock.now() + 100 * dayMs);
});

test("on demand: new material at once, 25 times, and not in the last minutes before an automatic one", async () => {
  const { KeyId } = await createKey();
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: hello });
  const ids = new Set<string>();
  for (let n = 0; n < 25; n++) {
    assert.deepEqual(await world.call("RotateKeyOnDemand", { KeyId }), { KeyId });
    ids.add((await world.call("DescribeKey", { KeyId })).KeyMetadata.CurrentKeyMaterialId);
  }
  assert.equal(ids.size, 25);
  await assert.rejects(world.call("RotateKeyOnDemand", { KeyId }), { code: "LimitExceededException" });
  assert.equal(await open(CiphertextBlob), "hello");
  const first = await world.call("ListKeyRotations", { KeyId, Limit: 20 });
  const second = await world.call("ListKeyRotations", { KeyId, Limit: 20, Marker: first.NextMarker });
  assert.deepEqual([first.Rotations.length, second.Rotations.length, second.Truncated], [20, 5, false]);
  assert.equal(second.Rotations[4].RotationType, "ON_DEMAND");

  const other = await createKey();
  await world.call("EnableKeyRotation", { KeyId: other.KeyId, RotationPeriodInDays: 90 });
  world.clock.advance(90 * dayMs - 10 * 60_000);
  await assert.rejects(world.call("RotateKeyOnDemand", { KeyId: other.KeyId }), { code: "ConflictException" });
});

test("MAC keys do not rotate; periods have bounds", async () => {
  const mac = await createKey({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
  for (const operation of ["EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "ListKeyRotations"]) {
    await assert.rejects(
      world.call(operation, { KeyId: mac.KeyId }),
      { code: "UnsupportedOperationException" },
      operation,
    );
  }
  assert.equal((await world.call("GetKeyRotationStatus", { KeyId: mac.KeyId })).KeyRotationEnabled, false);
  const { KeyId } = await createKey();
  for (const RotationPeriodInDays of [89, 2561]) {
    await assert.rejects(world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays }), {
      code: "ValidationException",
    });
  }
});
