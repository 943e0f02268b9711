/** Imported key material: wrapping, tokens, expiry, re-import, rotation, deletion. */
import assert from "node:assert/strict";
import {
  constants,
  createCipheriv,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  verify,
} from "node:crypto";
import { after, before, describe, test } from "node:test";
import { types } from "./state.ts";
import { account, region, user, World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const hello = Buffer.from("hello");
const dayMs = 86_400_000;

async function externalKey(input: Record<string, unknown> = {}): Promise<string> {
  const { KeyMetadata } = await world.call("CreateKey", { Origin: "EXTERNAL", ...input });
  assert.equal(KeyMetadata.KeyState, "PendingImport");
  return KeyMetadata.KeyId;
}

/** What an owner of key material does on the other side. */
function wrap(algorithm: string, spki: Uint8Array, material: Uint8Array): Buffer {
  const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  const oaepHash = algorithm.endsWith("256") ? "sha256" : "sha1";
  const oaep = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash };
  if (algorithm.startsWith("RSAES")) return publicEncrypt(oaep, material);
  const aes = randomBytes(32);
  const cipher = createCipheriv("id-aes256-wrap-pad", aes, Buffer.from("a65959a6", "hex"));
  return Buffer.concat([publicEncrypt(oaep, aes), cipher.update(material), cipher.final()]);
}

interface Parameters {
  ImportToken: Uint8Array;
  PublicKey: Uint8Array;
  ParametersValidTo: Date;
}

function parameters(KeyId: string, WrappingAlgorithm = "RSA_AES_KEY_WRAP_SHA_256"): Promise<Parameters> {
  return world.call("GetParametersForImport", { KeyId, WrappingAlgorithm, WrappingKeySpec: "RSA_2048" });
}

const forever = { ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE" };

async function importInto(
  KeyId: string,
  material: Uint8Array,
  more: Record<string, unknown> = forever,
  algorithm?: string,
) {
  const { ImportToken, PublicKey } = await parameters(KeyId, algorithm);
  const EncryptedKeyMaterial = wrap(algorithm ?? "RSA_AES_KEY_WRAP_SHA_256", PublicKey, material);
  return world.call("ImportKeyMaterial", { KeyId, ImportToken, EncryptedKeyMaterial, ...more });
}

const stateOf = async (KeyId: string): Promise<string> =>
  (await world.call("DescribeKey", { KeyId })).KeyMetadata.KeyState;
const encrypt = async (KeyId: string): Promise<Uint8Array> =>
  (await world.call("Encrypt", { KeyId, Plaintext: hello })).CiphertextBlob;
const decrypts = async (CiphertextBlob: Uint8Array): Promise<void> =>
  assert.deepEqual((await world.call("Decrypt", { CiphertextBlob })).Plaintext, hello);

describe("import", () => {
  for (const spec of ["RSA_2048", "RSA_3072", "RSA_4096"]) {
    for (const algorithm of [
      "RSAES_OAEP_SHA_1",
      "RSAES_OAEP_SHA_256",
      "RSA_AES_KEY_WRAP_SHA_1",
      "RSA_AES_KEY_WRAP_SHA_256",
    ]) {
      // The larger keys take seconds to make; one of each shows that they work.
      if (spec !== "RSA_2048" && algorithm !== "RSA_AES_KEY_WRAP_SHA_256") continue;
      test(`${algorithm} under ${spec}`, async () => {
        const KeyId = await externalKey();
        const given = await world.call("GetParametersForImport", {
          KeyId,
          WrappingAlgorithm: algorithm,
          WrappingKeySpec: spec,
        });
        assert.equal(given.ParametersValidTo.getTime(), world.clock.now() + dayMs);
        const bits = createPublicKey({ key: given.PublicKey, format: "der", type: "spki" }).asymmetricKeyDetails!
          .modulusLength;
        assert.equal(`RSA_${bits}`, spec);
        const EncryptedKeyMaterial = wrap(algorithm, given.PublicKey, randomBytes(32));
        await world.call("ImportKeyMaterial", {
          KeyId,
          ImportToken: given.ImportToken,
          EncryptedKeyMaterial,
          ...forever,
        });
        const { KeyMetadata } = await world.call("DescribeKey", { KeyId });
        assert.deepEqual(
          [KeyMetadata.KeyState, KeyMetadata.Origin, KeyMetadata.ExpirationModel, "ValidTo" in KeyMetadata],
          ["Enabled", "EXTERNAL", "KEY_MATERIAL_DOES_NOT_EXPIRE", false],
        );
        await decrypts(await encrypt(KeyId));
      });
    }
  }

  test("a key without its material does nothing, and says why", async () => {
    const KeyId = await externalKey();
    const { KeyMetadata } = await world.call("DescribeKey", { KeyId });
    assert.equal("ExpirationModel" in KeyMetadata || "CurrentKeyMaterialId" in KeyMetadata, false);
    const pending = { code: "KMSInvalidStateException", message: `${KeyMetadata.Arn} is pending import.` };
    for (const operation of [
      "Encrypt",
      "GenerateDataKey",
      "EnableKey",
      "DisableKey",
      "CreateGrant",
      "RotateKeyOnDemand",
    ]) {
      const input = {
        KeyId,
        Plaintext: hello,
        KeySpec: "AES_256",
        GranteePrincipal: user("x").arn,
        Operations: ["Encrypt"],
      };
      await assert.rejects(world.call(operation, input), pending, operation);
    }
    await assert.rejects(world.call("CancelKeyDeletion", { KeyId }), {
      code: "KMSInvalidStateException",
      message: /is not pending deletion/,
    });
    await world.call("CreateAlias", { AliasName: "alias/pending", TargetKeyId: KeyId });
    assert.equal((await world.call("ScheduleKeyDeletion", { KeyId })).KeyState, "PendingDeletion");
    await assert.rejects(parameters(KeyId), { code: "KMSInvalidStateException" });
    await world.call("CancelKeyDeletion", { KeyId });
    assert.equal(await stateOf(KeyId), "PendingImport");
  });

  test("what is imported is what works: the MAC of a known key, the signature of a known pair", async () => {
    const secret = randomBytes(48);
    const mac = await externalKey({ KeySpec: "HMAC_384", KeyUsage: "GENERATE_VERIFY_MAC" });
    await importInto(mac, secret);
    const made = await world.call("GenerateMac", { KeyId: mac, Message: hello, MacAlgorithm: "HMAC_SHA_384" });
    assert.deepEqual(made.Mac, createHmac("sha384", secret).update(hello).digest());
    const pairs = [
      ["RSA_3072", "RSASSA_PSS_SHA_256", generateKeyPairSync("rsa", { modulusLength: 3072 })],
      ["ECC_NIST_P521", "ECDSA_SHA_512", generateKeyPairSync("ec", { namedCurve: "P-521" })],
      ["ECC_SECG_P256K1", "ECDSA_SHA_256", generateKeyPairSync("ec", { namedCurve: "secp256k1" })],
    ] as const;
    for (const [KeySpec, SigningAlgorithm, { privateKey, publicKey }] of pairs) {
      const KeyId = await externalKey({ KeySpec, KeyUsage: "SIGN_VERIFY" });
      await importInto(KeyId, privateKey.export({ type: "pkcs8", format: "der" }));
      const { Signature } = await world.call("Sign", { KeyId, Message: hello, SigningAlgorithm });
      const hash = `sha${SigningAlgorithm.slice(-3)}`;
      const pss = KeySpec === "RSA_3072" ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {};
      assert.ok(verify(hash, hello, { key: publicKey, ...pss }, Signature), KeySpec);
      const got = await world.call("GetPublicKey", { KeyId });
      assert.deepEqual(got.PublicKey, publicKey.export({ type: "spki", format: "der" }));
    }
  });

  const unfit: [string, Record<string, unknown>, string, string, string][] = [
    ["a withdrawn algorithm", {}, "RSAES_PKCS1_V1_5", "RSA_2048", "UnsupportedOperationException"],
    ["SM2", {}, "SM2PKE", "SM2", "UnsupportedOperationException"],
    [
      "OAEP for RSA material",
      { KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" },
      "RSAES_OAEP_SHA_256",
      "RSA_4096",
      "ValidationException",
    ],
    [
      "P-521 directly under RSA_2048",
      { KeySpec: "ECC_NIST_P521", KeyUsage: "SIGN_VERIFY" },
      "RSAES_OAEP_SHA_256",
      "RSA_2048",
      "ValidationException",
    ],
  ];
  for (const [name, input, WrappingAlgorithm, WrappingKeySpec, code] of unfit) {
    test(`GetParametersForImport refuses ${name}`, async () => {
      const KeyId = await externalKey(input);
      await assert.rejects(world.call("GetParametersForImport", { KeyId, WrappingAlgorithm, WrappingKeySpec }), {
        code,
      });
    });
  }

  test("keys made here take no material", async () => {
    const { KeyId, Arn } = (await world.call("CreateKey")).KeyMetadata;
    const wrong = {
      code: "UnsupportedOperationException",
      message: `${Arn} origin is AWS_KMS which is not valid for this operation.`,
    };
    await assert.rejects(parameters(KeyId), wrong);
    await assert.rejects(world.call("DeleteImportedKeyMaterial", { KeyId }), wrong);
    await assert.rejects(
      world.call("ImportKeyMaterial", { KeyId, ImportToken: hello, EncryptedKeyMaterial: hello, ...forever }),
      wrong,
    );
  });
});

describe("import tokens", () => {
  test("are for one key, one wrapping and 24 hours, and cannot be changed", async () => {
    const [a, b] = [await externalKey(), await externalKey()];
    const { ImportToken, PublicKey } = await parameters(a);
    const EncryptedKeyMaterial = wrap("RSA_AES_KEY_WRAP_SHA_256", PublicKey, randomBytes(32));
    const attempt = (KeyId: string, token: Uint8Array, encrypted: Uint8Array = EncryptedKeyMaterial) =>
      world.call("ImportKeyMaterial", { KeyId, ImportToken: token, EncryptedKeyMaterial: encrypted, ...forever });
    const invalid = { code: "InvalidImportTokenException", status: 400 };
    await assert.rejects(attempt(b, ImportToken), invalid);
    const other = await parameters(a);
    await assert.rejects(attempt(a, other.ImportToken), { code: "InvalidCiphertextException" }, "not its wrapping key");
    const written = JSON.parse(Buffer.from(ImportToken).toString());
    const forged = [
      { ...written, validTo: written.validTo + dayMs },
      { ...written, algorithm: "RSA_AES_KEY_WRAP_SHA_1" },
      { ...written, key: other.ImportToken },
      { ...written, key: "AAAA" },
      { arn: written.arn },
      null,
      7,
    ];
    for (const token of forged) await assert.rejects(attempt(a, Buffer.from(JSON.stringify(token))), invalid);
    await assert.rejects(attempt(a, Buffer.from("not ours")), invalid);
    const cut = EncryptedKeyMaterial.subarray(0, -8);
    await assert.rejects(attempt(a, ImportToken, cut), { code: "InvalidCiphertextException" });
    const short = wrap("RSA_AES_KEY_WRAP_SHA_256", PublicKey, randomBytes(16));
    await assert.rejects(attempt(a, ImportToken, short), { code: "IncorrectKeyMaterialException" });
    assert.equal(await stateOf(a), "PendingImport");
    world.clock.advance(dayMs - 1);
    const before = await parameters(a);
    await attempt(a, ImportToken);
    world.clock.advance(dayMs);
    await assert.rejects(attempt(a, before.ImportToken), { code: "ExpiredImportTokenException" });
  });
});

describe("expiry and deletion of material", () => {
  test("expires on its date, comes back with the same material and with no other", async () => {
    const KeyId = await externalKey();
    const material = randomBytes(32);
    const ValidTo = new Date(world.clock.now() + 10 * dayMs);
    await importInto(KeyId, material, { ValidTo });
    const { KeyMetadata } = await world.call("DescribeKey", { KeyId });
    assert.deepEqual([KeyMetadata.ExpirationModel, KeyMetadata.ValidTo], ["KEY_MATERIAL_EXPIRES", ValidTo]);
    const blob = await encrypt(KeyId);
    world.clock.advance(10 * dayMs);
    const pending = { code: "KMSInvalidStateException", message: /is pending import/ };
    await assert.rejects(encrypt(KeyId), pending, "also before the job has come by");
    const token = await tokenInStore(KeyId);
    await world.run("kms-material");
    assert.equal(await stateOf(KeyId), "PendingImport");
    const record = world.records().find(({ eventName }) => eventName === "DeleteExpiredKeyMaterial")!;
    assert.deepEqual([record["eventType"], record["serviceEventDetails"].keyId], ["AwsServiceEvent", KeyId]);
    await assert.rejects(world.keys.encrypt(token, hello, hello), /destroyed/, "gone for a restored database too");
    await assert.rejects(importInto(KeyId, randomBytes(32)), { code: "IncorrectKeyMaterialException" });
    await importInto(KeyId, material);
    assert.equal(await stateOf(KeyId), "Enabled");
    await decrypts(blob);
    await world.run("kms-material");
    await decrypts(blob);
  });

  async function tokenInStore(KeyId: string) {
    const document = await world.store.get<{ versions: { wrapped: string; bound: string }[] }>({
      account,
      region,
      service: "kms",
      type: types.key,
      id: KeyId,
    });
    const { wrapped, bound } = document!.value.versions[0]!;
    return { wrapped: Buffer.from(wrapped, "base64"), bound };
  }

  test("re-import before expiry sets a new date", async () => {
    const KeyId = await externalKey();
    const material = randomBytes(32);
    await importInto(KeyId, material, { ValidTo: new Date(world.clock.now() + dayMs) });
    const blob = await encrypt(KeyId);
    await importInto(KeyId, material);
    await world.run("kms-material");
    world.clock.advance(2 * dayMs);
    await world.run("kms-material");
    await decrypts(blob);
  });

  test("DeleteImportedKeyMaterial takes it away for good", async () => {
    const KeyId = await externalKey();
    const material = randomBytes(32);
    const { KeyMaterialId } = await importInto(KeyId, material);
    const blob = await encrypt(KeyId);
    const token = await tokenInStore(KeyId);
    assert.equal((await world.call("DeleteImportedKeyMaterial", { KeyId })).KeyMaterialId, KeyMaterialId);
    assert.equal(await stateOf(KeyId), "PendingImport");
    await world.call("DeleteImportedKeyMaterial", { KeyId });
    await assert.rejects(world.call("Decrypt", { CiphertextBlob: blob }), { code: "KMSInvalidStateException" });
    await world.run("kms-material");
    await assert.rejects(world.keys.encrypt(token, hello, hello), /destroyed/);
    assert.equal((await importInto(KeyId, material)).KeyMaterialId, KeyMaterialId);
    await decrypts(blob);
    await assert.rejects(world.call("DeleteImportedKeyMaterial", { KeyId, KeyMaterialId: "0".repeat(64) }), {
      code: "NotFoundException",
    });
  });

  const dates: [string, Record<string, unknown>][] = [
    ["no date", {}],
    ["a date in the past", { ValidTo: -1 }],
    ["more than 365 days", { ValidTo: 366 * dayMs }],
    ["a date that is not to be", { ...forever, ValidTo: dayMs }],
  ];
  for (const [name, { ValidTo, ...more }] of dates) {
    test(`ImportKeyMaterial refuses ${name}`, async () => {
      const KeyId = await externalKey();
      const date = ValidTo === undefined ? {} : { ValidTo: new Date(world.clock.now() + Number(ValidTo)) };
      await assert.rejects(importInto(KeyId, randomBytes(32), { ...more, ...date }), { code: "ValidationException" });
    });
  }

  test("asymmetric and HMAC keys keep their first material", async () => {
    const KeyId = await externalKey({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
    const material = randomBytes(32);
    await importInto(KeyId, material);
    await assert.rejects(importInto(KeyId, randomBytes(32)), { code: "IncorrectKeyMaterialException" });
    await assert.rejects(importInto(KeyId, material, { ...forever, ImportType: "NEW_KEY_MATERIAL" }), {
      code: "ValidationException",
    });
    await importInto(KeyId, material);
  });
});

test("of two imports of new material at once one is the key's; the other is refused", async () => {
  const KeyId = await externalKey();
  const both = await Promise.allSettled([importInto(KeyId, randomBytes(32)), importInto(KeyId, randomBytes(32))]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const lost = both.find(({ status }) => status === "rejected") as PromiseRejectedResult;
  assert.equal(lost.reason.code, "IncorrectKeyMaterialException");
  await decrypts(await encrypt(KeyId));
});

describe("rotation of imported material", () => {
  test("new material waits, becomes current on demand, and the old still decrypts", async () => {
    const KeyId = await externalKey();
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const one = (await importInto(KeyId, first, { ...forever, KeyMaterialDescription: "first" })).KeyMaterialId;
    const old = await encrypt(KeyId);
    await assert.rejects(world.call("RotateKeyOnDemand", { KeyId }), { code: "KMSInvalidStateException" });
    const fresh = { ...forever, ImportType: "NEW_KEY_MATERIAL" };
    await assert.rejects(importInto(KeyId, first, fresh), { code: "IncorrectKeyMaterialException" });
    await assert.rejects(importInto(KeyId, second, { ...fresh, KeyMaterialId: one }), { code: "ValidationException" });
    const two = (await importInto(KeyId, second, fresh)).KeyMaterialId;
    await assert.rejects(importInto(KeyId, randomBytes(32), fresh), { code: "KMSInvalidStateException" });
    const list = async () =>
      (await world.call("ListKeyRotations", { KeyId, IncludeKeyMaterial: "ALL_KEY_MATERIAL" })).Rotations.map(
        (each: Record<string, unknown>) => [
          each["KeyMaterialId"],
          each["KeyMaterialState"],
          each["ImportState"],
          each["RotationType"],
          each["KeyMaterialDescription"],
        ],
      );
    assert.deepEqual(await list(), [
      [one, "CURRENT", "IMPORTED", undefined, "first"],
      [two, "PENDING_ROTATION", "IMPORTED", undefined, undefined],
    ]);
    const between = await encrypt(KeyId);
    assert.equal((await world.call("Decrypt", { CiphertextBlob: between })).KeyMaterialId, one);
    await world.call("RotateKeyOnDemand", { KeyId });
    assert.deepEqual(await list(), [
      [one, "NON_CURRENT", "IMPORTED", undefined, "first"],
      [two, "CURRENT", "IMPORTED", "ON_DEMAND", undefined],
    ]);
    const { KeyMetadata } = await world.call("DescribeKey", { KeyId });
    assert.equal(KeyMetadata.CurrentKeyMaterialId, two);
    const now = await encrypt(KeyId);
    assert.equal((await world.call("Decrypt", { CiphertextBlob: now })).KeyMaterialId, two);
    for (const blob of [old, between]) await decrypts(blob);
    // All material is needed: without the old one the key waits.
    await world.call("DeleteImportedKeyMaterial", { KeyId, KeyMaterialId: one });
    await assert.rejects(world.call("Decrypt", { CiphertextBlob: now }), { code: "KMSInvalidStateException" });
    assert.equal((await list())[0][2], "PENDING_IMPORT");
    await assert.rejects(importInto(KeyId, second, { ...forever, KeyMaterialId: one }), {
      code: "IncorrectKeyMaterialException",
    });
    await importInto(KeyId, first, { ...forever, KeyMaterialId: one });
    for (const blob of [old, between, now]) await decrypts(blob);
    assert.equal((await list())[0][4], "first", "the description stays");
  });

  test("waiting material can be taken back, and is then unknown", async () => {
    const KeyId = await externalKey();
    await importInto(KeyId, randomBytes(32));
    const { KeyMaterialId } = await importInto(KeyId, randomBytes(32), { ...forever, ImportType: "NEW_KEY_MATERIAL" });
    await world.call("DeleteImportedKeyMaterial", { KeyId, KeyMaterialId });
    assert.equal(await stateOf(KeyId), "Enabled");
    const { Rotations } = await world.call("ListKeyRotations", { KeyId, IncludeKeyMaterial: "ALL_KEY_MATERIAL" });
    assert.equal(Rotations.length, 1);
    await importInto(KeyId, randomBytes(32), { ...forever, ImportType: "NEW_KEY_MATERIAL" });
    await world.call("RotateKeyOnDemand", { KeyId });
    await decrypts(await encrypt(KeyId));
  });

  test("it does not rotate by the clock", async () => {
    const KeyId = await externalKey();
    await importInto(KeyId, randomBytes(32));
    await assert.rejects(world.call("EnableKeyRotation", { KeyId }), {
      code: "UnsupportedOperationException",
      message: /origin is EXTERNAL/,
    });
    assert.equal((await world.call("GetKeyRotationStatus", { KeyId })).KeyRotationEnabled, false);
  });
});

describe("who may", () => {
  const cases: [
    string,
    string,
    string,
    (KeyId: string) => Promise<Record<string, unknown>>,
    Record<string, unknown>,
  ][] = [
    [
      "kms:WrappingAlgorithm",
      "RSAES_OAEP_SHA_256",
      "GetParametersForImport",
      async (KeyId) => ({ KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048" }),
      { WrappingAlgorithm: "RSAES_OAEP_SHA_1" },
    ],
    [
      "kms:WrappingKeySpec",
      "RSA_2048",
      "GetParametersForImport",
      async (KeyId) => ({ KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048" }),
      { WrappingKeySpec: "RSA_3072" },
    ],
    [
      "kms:ExpirationModel",
      "KEY_MATERIAL_DOES_NOT_EXPIRE",
      "ImportKeyMaterial",
      importRequest,
      { ExpirationModel: "KEY_MATERIAL_EXPIRES" },
    ],
  ];
  async function importRequest(KeyId: string): Promise<Record<string, unknown>> {
    const { ImportToken, PublicKey } = await parameters(KeyId);
    return {
      KeyId,
      ImportToken,
      EncryptedKeyMaterial: wrap("RSA_AES_KEY_WRAP_SHA_256", PublicKey, randomBytes(32)),
      ...forever,
    };
  }
  for (const [condition, value, operation, request, change] of cases) {
    test(condition, async () => {
      const KeyId = await externalKey();
      const who = user(condition.slice(4));
      world.allow(who, {
        Effect: "Allow",
        Action: `kms:${operation}`,
        Resource: "*",
        Condition: { StringEquals: { [condition]: value } },
      });
      const input = await request(KeyId);
      await assert.rejects(world.call(operation, { ...input, ...change }, { as: who }), {
        code: "AccessDeniedException",
      });
      await world.call(operation, input, { as: who });
    });
  }

  test("kms:ValidTo", async () => {
    const KeyId = await externalKey();
    const who = user("until");
    const limit = world.clock.now() + 5 * dayMs;
    const Condition = { DateLessThan: { "kms:ValidTo": new Date(limit).toISOString() } };
    world.allow(who, { Effect: "Allow", Action: "kms:ImportKeyMaterial", Resource: "*", Condition });
    const { ExpirationModel: _, ...request } = await importRequest(KeyId);
    const call = (at: number) => world.call("ImportKeyMaterial", { ...request, ValidTo: new Date(at) }, { as: who });
    await assert.rejects(call(limit), { code: "AccessDeniedException" });
    await call(limit - 1000);
  });
});

test("deleting the key destroys what was imported into it", async () => {
  const KeyId = await externalKey();
  await importInto(KeyId, randomBytes(32));
  const document = await world.store.get<{ versions: { wrapped: string; bound: string }[] }>({
    account,
    region,
    service: "kms",
    type: types.key,
    id: KeyId,
  });
  const { wrapped, bound } = document!.value.versions[0]!;
  await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
  world.clock.advance(7 * dayMs);
  await world.run("kms-deletion");
  await assert.rejects(
    world.keys.encrypt({ wrapped: Buffer.from(wrapped, "base64"), bound }, hello, hello),
    /destroyed/,
  );
});
