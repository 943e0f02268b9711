/** Multi-Region keys: the same material, everything else of its own. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { constants, createCipheriv, createPublicKey, publicEncrypt, randomBytes } from "node:crypto";
import { types } from "./state.ts";
import { account, region, user, World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const dublin = "eu-west-1";
const oregon = "us-west-2";
const hello = Buffer.from("hello");
const dayMs = 86_400_000;

const at = (where: string) => ({ region: where });
const arnOf = (KeyId: string, where: string): string => `arn:aws:kms:${where}:${account}:key/${KeyId}`;
const describeKey = async (KeyId: string, where = region) =>
  (await world.call("DescribeKey", { KeyId }, at(where))).KeyMetadata;

async function primary(input: Record<string, unknown> = {}): Promise<string> {
  return (await world.call("CreateKey", { MultiRegion: true, ...input })).KeyMetadata.KeyId;
}

async function replicate(KeyId: string, ReplicaRegion: string, more: Record<string, unknown> = {}) {
  return world.call("ReplicateKey", { KeyId, ReplicaRegion, ...more });
}

async function roundTrip(KeyId: string, from: string, to: string): Promise<void> {
  const EncryptionContext = { a: "b" };
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: hello, EncryptionContext }, at(from));
  const opened = await world.call("Decrypt", { CiphertextBlob, EncryptionContext }, at(to));
  assert.deepEqual([opened.Plaintext, opened.KeyId], [hello, arnOf(KeyId, to)]);
}

describe("ReplicateKey", () => {
  test("the same key in another Region: ciphertexts open in both", async () => {
    const KeyId = await primary();
    assert.match(KeyId, /^mrk-[0-9a-f]{32}$/);
    await world.call("RotateKeyOnDemand", { KeyId });
    const Tags = [{ TagKey: "a", TagValue: "b" }];
    const answer = await replicate(KeyId, dublin, { Description: "replica", Tags });
    assert.equal(answer.ReplicaKeyMetadata.Arn, arnOf(KeyId, dublin));
    assert.deepEqual(answer.ReplicaTags, Tags);
    const configuration = {
      PrimaryKey: { Arn: arnOf(KeyId, region), Region: region },
      ReplicaKeys: [{ Arn: arnOf(KeyId, dublin), Region: dublin }],
    };
    const [first, second] = [await describeKey(KeyId), await describeKey(KeyId, dublin)];
    assert.deepEqual(first.MultiRegionConfiguration, { MultiRegionKeyType: "PRIMARY", ...configuration });
    assert.deepEqual(second.MultiRegionConfiguration, { MultiRegionKeyType: "REPLICA", ...configuration });
    assert.deepEqual([second.KeyState, second.Description, second.MultiRegion], ["Enabled", "replica", true]);
    assert.equal(second.CurrentKeyMaterialId, first.CurrentKeyMaterialId);
    await roundTrip(KeyId, region, dublin);
    await roundTrip(KeyId, dublin, region);
  });

  test("signatures and MACs are the same key's too", async () => {
    const KeyId = await primary({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" });
    await replicate(KeyId, dublin);
    const request = { KeyId, Message: hello, SigningAlgorithm: "ECDSA_SHA_256" };
    const { Signature } = await world.call("Sign", request, at(dublin));
    await world.call("Verify", { ...request, Signature });
    const [one, two] = [
      await world.call("GetPublicKey", { KeyId }),
      await world.call("GetPublicKey", { KeyId }, at(dublin)),
    ];
    assert.deepEqual(one.PublicKey, two.PublicKey);
  });

  test("policy, aliases, tags, state and grants are each Region's own", async () => {
    const KeyId = await primary();
    await replicate(KeyId, dublin);
    await world.call("CreateAlias", { AliasName: "alias/here", TargetKeyId: KeyId });
    await assert.rejects(world.call("DescribeKey", { KeyId: "alias/here" }, at(dublin)), { code: "NotFoundException" });
    await world.call("DisableKey", { KeyId }, at(dublin));
    await roundTrip(KeyId, region, region);
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }, at(dublin)), { code: "DisabledException" });
    await world.call("EnableKey", { KeyId }, at(dublin));
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: "kms:*", Resource: "*" },
        { Effect: "Deny", Principal: "*", Action: "kms:Encrypt", Resource: "*" },
      ],
    });
    await world.call("PutKeyPolicy", { KeyId, Policy }, at(dublin));
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }, at(dublin)), {
      code: "AccessDeniedException",
    });
    await world.call("Encrypt", { KeyId, Plaintext: hello });
    const who = user("grantee");
    await world.call("CreateGrant", { KeyId, GranteePrincipal: who.arn, Operations: ["Encrypt"] });
    await world.call("Encrypt", { KeyId, Plaintext: hello }, { as: who });
    assert.equal((await world.call("ListGrants", { KeyId }, at(dublin))).Grants.length, 0);
  });

  test("refuses what is no primary key, no other Region, and a second replica", async () => {
    const KeyId = await primary();
    await replicate(KeyId, dublin);
    const { KeyId: single } = (await world.call("CreateKey")).KeyMetadata;
    await assert.rejects(replicate(single, dublin), { code: "UnsupportedOperationException" });
    await assert.rejects(replicate(KeyId, dublin), { code: "AlreadyExistsException" });
    await assert.rejects(replicate(KeyId, region), { code: "ValidationException" });
    await assert.rejects(replicate(KeyId, "cn-north-1"), { code: "ValidationException" });
    await assert.rejects(replicate(KeyId, "nowhere"), { code: "ValidationException" });
    await assert.rejects(replicate(KeyId, "eu-vest-1"), { code: "ValidationException" });
    await assert.rejects(world.call("ReplicateKey", { KeyId, ReplicaRegion: oregon }, at(dublin)), {
      code: "UnsupportedOperationException",
    });
    await assert.rejects(replicate(KeyId, oregon, { Policy: "{" }), { code: "MalformedPolicyDocumentException" });
    await world.call("DisableKey", { KeyId });
    await assert.rejects(replicate(KeyId, oregon), { code: "DisabledException" });
  });

  test("needs kms:ReplicateKey here and kms:CreateKey there; kms:ReplicaRegion", async () => {
    const KeyId = await primary();
    const who = user("replicator");
    const there = {
      Effect: "Allow",
      Action: "kms:CreateKey",
      Resource: "*",
      Condition: { StringEquals: { "aws:RequestedRegion": dublin } },
    };
    const here = {
      Effect: "Allow",
      Action: "kms:ReplicateKey",
      Resource: "*",
      Condition: { StringEquals: { "kms:ReplicaRegion": dublin } },
    };
    const attempt = (where: string) => world.call("ReplicateKey", { KeyId, ReplicaRegion: where }, { as: who });
    for (const statements of [[here], [there]]) {
      world.allow(who, ...statements);
      await assert.rejects(attempt(dublin), { code: "AccessDeniedException" });
    }
    world.allow(who, here, there);
    await assert.rejects(attempt(oregon), { code: "AccessDeniedException" });
    await attempt(dublin);
  });
});

test("the trail has ReplicateKey in the primary's Region and CreateKey in the replica's, by the same caller", async () => {
  const KeyId = await primary();
  const who = user("admin");
  await replicate(KeyId, dublin);
  const of = (eventName: string) => world.records().findLast((record) => record["eventName"] === eventName)!;
  const [replicated, created] = [of("ReplicateKey"), of("CreateKey")];
  assert.deepEqual([replicated["awsRegion"], created["awsRegion"]], [region, dublin]);
  assert.deepEqual(
    [replicated["resources"][0].ARN, created["resources"][0].ARN],
    [arnOf(KeyId, region), arnOf(KeyId, dublin)],
  );
  for (const record of [replicated, created]) assert.equal(record["userIdentity"].arn, who.arn);
  assert.equal(created["requestParameters"].multiRegion, true);
  assert.notEqual(created["eventID"], replicated["eventID"]);
});

test("of two replications at once into one Region one is done; into two Regions both", async () => {
  const KeyId = await primary();
  const both = await Promise.allSettled([replicate(KeyId, dublin), replicate(KeyId, dublin)]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const lost = both.find(({ status }) => status === "rejected") as PromiseRejectedResult;
  assert.equal(lost.reason.code, "AlreadyExistsException");
  await Promise.all([replicate(KeyId, oregon), replicate(KeyId, "us-east-1")]);
  const regions = [dublin, "us-east-1", oregon];
  for (const where of [region, ...regions]) {
    const { ReplicaKeys } = (await describeKey(KeyId, where)).MultiRegionConfiguration;
    assert.deepEqual(
      ReplicaKeys.map(({ Region }: { Region: string }) => Region),
      regions,
    );
  }
  await roundTrip(KeyId, oregon, "us-east-1");
  await Promise.all([world.call("RotateKeyOnDemand", { KeyId }), world.call("RotateKeyOnDemand", { KeyId })]);
  await roundTrip(KeyId, dublin, oregon);
  assert.equal((await world.call("ListKeyRotations", { KeyId }, at(oregon))).Rotations.length, 2);
});

describe("rotation is shared", () => {
  test("on demand and by the clock, in all Regions at once", async () => {
    const KeyId = await primary();
    await replicate(KeyId, dublin);
    await world.call("EnableKeyRotation", { KeyId, RotationPeriodInDays: 100 });
    await replicate(KeyId, oregon);
    for (const where of [dublin, oregon]) {
      const status = await world.call("GetKeyRotationStatus", { KeyId }, at(where));
      assert.deepEqual([status.KeyRotationEnabled, status.RotationPeriodInDays], [true, 100]);
      await assert.rejects(world.call("RotateKeyOnDemand", { KeyId }, at(where)), {
        code: "UnsupportedOperationException",
      });
      await assert.rejects(world.call("DisableKeyRotation", { KeyId }, at(where)), {
        code: "UnsupportedOperationException",
      });
    }
    await world.call("RotateKeyOnDemand", { KeyId });
    await roundTrip(KeyId, region, oregon);
    world.clock.advance(100 * dayMs);
    await world.run("kms-rotation");
    const rotations = async (where: string) => (await world.call("ListKeyRotations", { KeyId }, at(where))).Rotations;
    const here = await rotations(region);
    assert.equal(here.length, 2);
    for (const where of [dublin, oregon]) {
      assert.deepEqual(await rotations(where), here);
      await roundTrip(KeyId, region, where);
      await roundTrip(KeyId, where, region);
    }
    await world.run("kms-rotation");
    assert.equal((await rotations(region)).length, 2, "once");
    await world.call("DisableKeyRotation", { KeyId });
    assert.equal((await world.call("GetKeyRotationStatus", { KeyId }, at(dublin))).KeyRotationEnabled, false);
  });
});

describe("UpdatePrimaryRegion", () => {
  test("the replica becomes the primary key, and the primary key a replica", async () => {
    const KeyId = await primary();
    await replicate(KeyId, dublin);
    await replicate(KeyId, oregon);
    await world.call("UpdatePrimaryRegion", { KeyId, PrimaryRegion: dublin });
    for (const [where, type] of [
      [region, "REPLICA"],
      [dublin, "PRIMARY"],
      [oregon, "REPLICA"],
    ] as const) {
      const { MultiRegionConfiguration } = await describeKey(KeyId, where);
      assert.equal(MultiRegionConfiguration.MultiRegionKeyType, type);
      assert.equal(MultiRegionConfiguration.PrimaryKey.Region, dublin);
      assert.deepEqual(
        MultiRegionConfiguration.ReplicaKeys.map(({ Region }: { Region: string }) => Region),
        [region, oregon],
      );
    }
    await assert.rejects(world.call("RotateKeyOnDemand", { KeyId }), { code: "UnsupportedOperationException" });
    await world.call("RotateKeyOnDemand", { KeyId }, at(dublin));
    await roundTrip(KeyId, dublin, region);
    await world.call("ReplicateKey", { KeyId, ReplicaRegion: "us-east-1" }, at(dublin));
    await roundTrip(KeyId, "us-east-1", oregon);
  });

  test("refusals", async () => {
    const KeyId = await primary();
    await replicate(KeyId, dublin);
    const update = (PrimaryRegion: string, where = region, as = {}) =>
      world.call("UpdatePrimaryRegion", { KeyId, PrimaryRegion }, { ...at(where), ...as });
    await assert.rejects(update(oregon), { code: "NotFoundException" });
    await assert.rejects(update(region), { code: "ValidationException" });
    await assert.rejects(update(region, dublin), { code: "UnsupportedOperationException" });
    const who = user("mover");
    const Condition = { StringEquals: { "kms:PrimaryRegion": dublin } };
    world.allow(who, { Effect: "Allow", Action: "kms:UpdatePrimaryRegion", Resource: arnOf(KeyId, region), Condition });
    await assert.rejects(update(dublin, region, { as: who }), { code: "AccessDeniedException" }, "on both keys");
    await world.call("DisableKey", { KeyId }, at(dublin));
    await assert.rejects(update(dublin), { code: "DisabledException" });
    await world.call("EnableKey", { KeyId }, at(dublin));
    world.allow(who, { Effect: "Allow", Action: "kms:UpdatePrimaryRegion", Resource: "*", Condition });
    await update(dublin, region, { as: who });
  });
});

describe("deletion", () => {
  test("a primary key waits for its replicas; each Region's material dies with its Region", async () => {
    const KeyId = await primary();
    await replicate(KeyId, dublin);
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: hello });
    const token = await tokenIn(KeyId, dublin);
    const scheduled = await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 8 });
    assert.deepEqual(
      [scheduled.KeyState, scheduled.PendingWindowInDays, "DeletionDate" in scheduled],
      ["PendingReplicaDeletion", 8, false],
    );
    const waiting = await describeKey(KeyId);
    assert.deepEqual(
      [waiting.KeyState, waiting.PendingDeletionWindowInDays, "DeletionDate" in waiting],
      ["PendingReplicaDeletion", 8, false],
    );
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }), { code: "KMSInvalidStateException" });
    assert.equal((await world.call("Decrypt", { CiphertextBlob }, at(dublin))).Plaintext.toString(), "hello");
    world.clock.advance(40 * dayMs);
    await world.run("kms-deletion");
    assert.equal((await describeKey(KeyId)).KeyState, "PendingReplicaDeletion", "as long as it takes");

    await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 }, at(dublin));
    world.clock.advance(7 * dayMs);
    await world.run("kms-deletion");
    await assert.rejects(describeKey(KeyId, dublin), { code: "NotFoundException" });
    await assert.rejects(world.keys.encrypt(token, hello, hello), /destroyed/);
    const dated = await describeKey(KeyId);
    assert.deepEqual(
      [dated.KeyState, dated.DeletionDate.getTime()],
      ["PendingDeletion", world.clock.now() + 8 * dayMs],
    );
    await world.call("CancelKeyDeletion", { KeyId });
    await world.call("EnableKey", { KeyId });
    assert.equal((await world.call("Decrypt", { CiphertextBlob })).Plaintext.toString(), "hello");
    await replicate(KeyId, oregon);
    await roundTrip(KeyId, region, oregon);
  });

  async function tokenIn(KeyId: string, where: string) {
    const key = { account, region: where, service: "kms", type: types.key, id: KeyId };
    const document = await world.store.get<{ arn: string; spec: string; versions: { wrapped: string }[] }>(key);
    const { arn, spec, versions } = document!.value;
    return { wrapped: Buffer.from(versions[0]!.wrapped, "base64"), bound: `${arn}|1|${spec}|AWS_KMS` };
  }
});

describe("imported material", () => {
  const forever = { ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE" };
  async function importInto(KeyId: string, where: string, material: Uint8Array, more: Record<string, unknown> = {}) {
    const WrappingAlgorithm = "RSA_AES_KEY_WRAP_SHA_256";
    const given = await world.call(
      "GetParametersForImport",
      { KeyId, WrappingAlgorithm, WrappingKeySpec: "RSA_2048" },
      at(where),
    );
    const key = createPublicKey({ key: given.PublicKey, format: "der", type: "spki" });
    const aes = randomBytes(32);
    const cipher = createCipheriv("id-aes256-wrap-pad", aes, Buffer.from("a65959a6", "hex"));
    const sealed = publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" }, aes);
    const EncryptedKeyMaterial = Buffer.concat([sealed, cipher.update(material), cipher.final()]);
    return world.call(
      "ImportKeyMaterial",
      { KeyId, ImportToken: given.ImportToken, EncryptedKeyMaterial, ...forever, ...more },
      at(where),
    );
  }

  test("each Region imports the same; rotation waits until all have the new", async () => {
    const KeyId = await primary({ Origin: "EXTERNAL" });
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const { KeyMaterialId } = await importInto(KeyId, region, first);
    const { ReplicaKeyMetadata } = await replicate(KeyId, dublin);
    assert.equal(ReplicaKeyMetadata.KeyState, "PendingImport");
    await assert.rejects(importInto(KeyId, dublin, second), { code: "IncorrectKeyMaterialException" });
    assert.equal((await importInto(KeyId, dublin, first)).KeyMaterialId, KeyMaterialId);
    await roundTrip(KeyId, region, dublin);
    const fresh = { ImportType: "NEW_KEY_MATERIAL" };
    await assert.rejects(importInto(KeyId, dublin, second, fresh), { code: "UnsupportedOperationException" });
    await importInto(KeyId, region, second, fresh);
    const states = async () =>
      (await world.call("ListKeyRotations", { KeyId, IncludeKeyMaterial: "ALL_KEY_MATERIAL" })).Rotations.map(
        ({ KeyMaterialState }: { KeyMaterialState: string }) => KeyMaterialState,
      );
    assert.deepEqual(await states(), ["CURRENT", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"]);
    await assert.rejects(world.call("RotateKeyOnDemand", { KeyId }), { code: "KMSInvalidStateException" });
    await roundTrip(KeyId, dublin, region);
    await importInto(KeyId, dublin, second);
    assert.deepEqual(await states(), ["CURRENT", "PENDING_ROTATION"]);
    await world.call("RotateKeyOnDemand", { KeyId });
    await roundTrip(KeyId, region, dublin);
    await roundTrip(KeyId, dublin, region);
    assert.deepEqual(await states(), ["NON_CURRENT", "CURRENT"]);
  });
});
