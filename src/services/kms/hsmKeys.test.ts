/** Keys in CloudHSM key stores, over a plane whose every failure a test can bring about. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { account, otherAccount, region, user } from "./testing.ts";
import {
  aCluster,
  clusterId,
  clusters,
  connected,
  eachOnItsOwn,
  errorOf,
  first,
  inStore,
  newKey,
  newStore,
  plane,
  world,
} from "./testingHsm.ts";

eachOnItsOwn();

describe("a key", () => {
  let storeId: string;
  let KeyId: string;
  beforeEach(async () => {
    storeId = await newStore();
    await connected(storeId);
    KeyId = await newKey(storeId);
  });

  test("is born in the cluster, and its material is nowhere else", async () => {
    const { KeyMetadata } = await world.call("DescribeKey", { KeyId });
    assert.equal(KeyMetadata.Origin, "AWS_CLOUDHSM");
    assert.equal(KeyMetadata.CustomKeyStoreId, storeId);
    assert.equal(KeyMetadata.CloudHsmClusterId, clusterId);
    assert.equal(KeyMetadata.CurrentKeyMaterialId, undefined);
    assert.equal(KeyMetadata.KeyState, "Enabled");
    assert.deepEqual([...plane.keys.keys()], [KeyId.replaceAll("-", "")]);
    const { items } = await world.store.list({ account, region, service: "kms", type: "key", limit: 9 });
    assert.doesNotMatch(JSON.stringify(items), /wrapped/);
  });

  test("encrypts and decrypts in the HSM, bound to its context", async () => {
    const EncryptionContext = { purpose: "test" };
    const Plaintext = randomBytes(4096);
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext, EncryptionContext });
    // An independent decryption with the key that the HSM has: 37 bytes of header, mark, IV, tag.
    const key = plane.keys.get(KeyId.replaceAll("-", ""))!;
    assert.equal(CiphertextBlob.length, 37 + 1 + 12 + 16 + Plaintext.length);
    assert.equal(key.length, 32);
    const opened = await world.call("Decrypt", { CiphertextBlob, EncryptionContext });
    assert.deepEqual(Buffer.from(opened.Plaintext), Plaintext);
    const invalid = "InvalidCiphertextException";
    assert.equal((await errorOf(world.call("Decrypt", { CiphertextBlob }))).code, invalid);
    for (let at = 0; at < 80; at++) {
      const changed = Buffer.from(CiphertextBlob);
      changed[at]! ^= 1;
      const { code } = await errorOf(world.call("Decrypt", { CiphertextBlob: changed, EncryptionContext, KeyId }));
      assert.match(code, /^(InvalidCiphertextException|IncorrectKeyException)$/, String(at));
    }
    for (const length of [37, 38, 60, 66]) {
      const cut = CiphertextBlob.subarray(0, length);
      assert.equal((await errorOf(world.call("Decrypt", { CiphertextBlob: cut, EncryptionContext }))).code, invalid);
    }
    const long = { long: "x".repeat(100_000) };
    const { CiphertextBlob: bound } = await world.call("Encrypt", { KeyId, Plaintext, EncryptionContext: long });
    await world.call("Decrypt", { CiphertextBlob: bound, EncryptionContext: long });
  });

  test("makes data keys, re-encrypts into the store, out of it and within it", async () => {
    const made = await world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256" });
    assert.equal(made.Plaintext.length, 32);
    assert.deepEqual((await world.call("Decrypt", { CiphertextBlob: made.CiphertextBlob })).Plaintext, made.Plaintext);
    const silent = await world.call("GenerateDataKeyWithoutPlaintext", { KeyId, NumberOfBytes: 24 });
    assert.equal((await world.call("Decrypt", { CiphertextBlob: silent.CiphertextBlob })).Plaintext.length, 24);
    const plain = (await world.call("CreateKey")).KeyMetadata.KeyId;
    let { CiphertextBlob } = made;
    for (const DestinationKeyId of [plain, KeyId, KeyId]) {
      ({ CiphertextBlob } = await world.call("ReEncrypt", { CiphertextBlob, DestinationKeyId }));
    }
    assert.deepEqual(
      Buffer.from((await world.call("Decrypt", { CiphertextBlob })).Plaintext),
      Buffer.from(made.Plaintext),
    );
    const rsa = await world.call("CreateKey", { KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" });
    const DestinationEncryptionAlgorithm = "RSAES_OAEP_SHA_256";
    const DestinationKeyId = rsa.KeyMetadata.KeyId;
    const out = await world.call("ReEncrypt", { CiphertextBlob, DestinationKeyId, DestinationEncryptionAlgorithm });
    const back = await world.call("ReEncrypt", {
      CiphertextBlob: out.CiphertextBlob,
      SourceKeyId: DestinationKeyId,
      SourceEncryptionAlgorithm: DestinationEncryptionAlgorithm,
      DestinationKeyId: KeyId,
    });
    const whole = await world.call("Decrypt", { CiphertextBlob: back.CiphertextBlob });
    assert.deepEqual(Buffer.from(whole.Plaintext), Buffer.from(made.Plaintext));
    const random = await world.call("GenerateRandom", { NumberOfBytes: 48, CustomKeyStoreId: storeId });
    assert.equal(random.Plaintext.length, 48);
  });

  test("cannot what keys in a store cannot", async () => {
    const unsupported = "UnsupportedOperationException";
    for (const [operation, input] of [
      ["EnableKeyRotation", { KeyId }],
      ["RotateKeyOnDemand", { KeyId }],
      ["GetParametersForImport", { KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048" }],
      ["ReplicateKey", { KeyId, ReplicaRegion: "eu-west-1" }],
      ["GenerateDataKeyPair", { KeyId, KeyPairSpec: "ECC_NIST_P256" }],
      ["CreateKey", { ...inStore(storeId), KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" }],
      ["CreateKey", { ...inStore(storeId), MultiRegion: true }],
    ] as const) {
      assert.equal((await errorOf(world.call(operation, { ...input }))).code, unsupported, operation);
    }
    const wrong = { CustomKeyStoreId: storeId, Origin: "EXTERNAL_KEY_STORE", XksKeyId: "one" };
    assert.equal((await errorOf(world.call("CreateKey", wrong))).code, "ValidationException");
    assert.equal((await world.call("GetKeyRotationStatus", { KeyId })).KeyRotationEnabled, false);
  });

  test("needs two HSMs to be made, and one to be used", async () => {
    plane.alive = 1;
    const { code } = await errorOf(world.call("CreateKey", inStore(storeId)));
    assert.equal(code, "CloudHsmClusterInvalidConfigurationException");
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.from("x") });
    await world.call("Decrypt", { CiphertextBlob });
    plane.alive = 0;
    const gone = await errorOf(world.call("Decrypt", { CiphertextBlob }));
    assert.equal(gone.code, "KMSInvalidStateException");
    assert.match(gone.message, /no active HSM/);
    plane.alive = 2;
    await world.call("Decrypt", { CiphertextBlob });
  });

  test("is used again after its session was ended, with one login more", async () => {
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.from("x") });
    const { logins } = plane;
    await Promise.all(Array.from({ length: 8 }, () => world.call("Decrypt", { CiphertextBlob })));
    assert.equal(plane.logins, logins);
    plane.sessions.clear();
    await Promise.all(Array.from({ length: 8 }, () => world.call("Decrypt", { CiphertextBlob })));
    assert.equal(plane.logins, logins + 1);
    plane.user!.password = "changed by an officer";
    plane.sessions.clear();
    assert.match((await errorOf(world.call("Decrypt", { CiphertextBlob }))).message, /kmsuser password/);
  });

  test("works only while its store is connected; nobody stays logged in", async () => {
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.from("x") });
    assert.equal(plane.sessions.size, 1);
    await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: storeId });
    await new Promise(setImmediate);
    assert.equal(plane.sessions.size, 0);
    for (const [operation, input] of [
      ["Encrypt", { KeyId, Plaintext: Buffer.from("x") }],
      ["Decrypt", { CiphertextBlob }],
      ["GenerateDataKey", { KeyId, KeySpec: "AES_256" }],
      ["GenerateDataKeyWithoutPlaintext", { KeyId, KeySpec: "AES_256" }],
      ["ReEncrypt", { CiphertextBlob, DestinationKeyId: KeyId }],
    ] as const) {
      const { code, message } = await errorOf(world.call(operation, { ...input }));
      assert.equal(code, "KMSInvalidStateException", operation);
      assert.match(message, /not connected to its AWS CloudHSM cluster/);
    }
    const { KeyMetadata } = await world.call("DescribeKey", { KeyId });
    assert.deepEqual([KeyMetadata.KeyState, KeyMetadata.Enabled], ["Unavailable", false]);
    const state = "CustomKeyStoreInvalidStateException";
    assert.equal((await errorOf(world.call("CreateKey", inStore(storeId)))).code, state);
    const random = { NumberOfBytes: 8, CustomKeyStoreId: storeId };
    assert.equal((await errorOf(world.call("GenerateRandom", random))).code, state);
    assert.equal(
      (await errorOf(world.call("DeleteCustomKeyStore", { CustomKeyStoreId: storeId }))).code,
      "CustomKeyStoreHasCMKsException",
    );
    await connected(storeId);
    assert.equal(Buffer.from((await world.call("Decrypt", { CiphertextBlob })).Plaintext).toString(), "x");
    assert.equal((await world.call("DescribeKey", { KeyId })).KeyMetadata.KeyState, "Enabled");
  });

  test("is of no use while the installation is sealed, and nobody stays logged in", async () => {
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.from("x") });
    await first.keys.seal();
    try {
      assert.equal((await errorOf(world.call("Decrypt", { CiphertextBlob }))).code, "KMSInternalException");
      while (plane.sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      await first.keys.unseal(Buffer.alloc(0));
    }
    await world.call("Decrypt", { CiphertextBlob });
  });

  test("is used by another account, if its policy says so", async () => {
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { AWS: [`arn:aws:iam::${account}:root`, `arn:aws:iam::${otherAccount}:root`] },
          Action: "kms:*",
          Resource: "*",
        },
      ],
    });
    await world.call("PutKeyPolicy", { KeyId, PolicyName: "default", Policy });
    const as = user("admin", otherAccount);
    const arn = `arn:aws:kms:${region}:${account}:key/${KeyId}`;
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId: arn, Plaintext: Buffer.from("x") }, { as });
    await world.call("Decrypt", { CiphertextBlob }, { as });
  });

  test("can be saved from its deletion, and is gone for good after it", async () => {
    const days = 86_400_000;
    await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
    await world.call("CancelKeyDeletion", { KeyId });
    assert.equal((await world.call("DescribeKey", { KeyId })).KeyMetadata.KeyState, "Disabled");
    await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
    world.clock.advance(7 * days + 1);
    await world.run("kms-deletion");
    assert.equal(plane.keys.size, 0);
    assert.equal((await errorOf(world.call("DescribeKey", { KeyId }))).code, "NotFoundException");
    await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: storeId });
    await world.call("DeleteCustomKeyStore", { CustomKeyStoreId: storeId });
    await newStore();
  });

  test("whose cluster does not answer waits for its deletion; of a store that is not connected the material stays", async () => {
    await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
    world.clock.advance(8 * 86_400_000);
    plane.fails = "unavailable";
    await world.run("kms-deletion");
    plane.fails = undefined;
    assert.equal(plane.keys.size, 1);
    await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: storeId });
    const second = { CustomKeyStoreId: storeId };
    assert.equal((await errorOf(world.call("DeleteCustomKeyStore", second))).code, "CustomKeyStoreHasCMKsException");
    await world.run("kms-deletion");
    assert.equal(plane.keys.size, 1);
    await world.call("DeleteCustomKeyStore", second);
  });

  test("is found in a cluster that was made of a backup, once its store is told of it", async () => {
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.from("kept") });
    await world.call("DisconnectCustomKeyStore", { CustomKeyStoreId: storeId });
    const CloudHsmClusterId = "cluster-ccccccc2345";
    await aCluster(CloudHsmClusterId, { Certificates: clusters.get(clusterId)!.Certificates });
    plane.clusterIds.delete(clusterId);
    await world.call("UpdateCustomKeyStore", { CustomKeyStoreId: storeId, CloudHsmClusterId });
    await connected(storeId);
    assert.equal(Buffer.from((await world.call("Decrypt", { CiphertextBlob })).Plaintext).toString(), "kept");
    assert.equal((await world.call("DescribeKey", { KeyId })).KeyMetadata.CloudHsmClusterId, CloudHsmClusterId);
  });

  test("whose material is gone from the cluster says so", async () => {
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.from("x") });
    plane.keys.clear();
    const { code, message } = await errorOf(world.call("Decrypt", { CiphertextBlob }));
    assert.equal(code, "KMSInvalidStateException");
    assert.match(message, /cannot find the key material/);
  });
});
