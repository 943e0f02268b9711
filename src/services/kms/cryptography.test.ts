import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { headerBytes } from "./ciphertext.ts";
import { account, otherAccount, region, user, World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const hello = Buffer.from("hello");

async function createKey(input: Record<string, unknown> = {}): Promise<{ KeyId: string; Arn: string }> {
  return (await world.call("CreateKey", input)).KeyMetadata;
}

describe("Encrypt and Decrypt", () => {
  test("give the plaintext back, by key id, ARN, alias name and alias ARN", async () => {
    const key = await createKey();
    await world.call("CreateAlias", { AliasName: "alias/hello", TargetKeyId: key.KeyId });
    const names = [key.KeyId, key.Arn, "alias/hello", `arn:aws:kms:${region}:${account}:alias/hello`];
    for (const KeyId of names) {
      const sealed = await world.call("Encrypt", { KeyId, Plaintext: hello });
      assert.equal(sealed.KeyId, key.Arn);
      assert.equal(sealed.EncryptionAlgorithm, "SYMMETRIC_DEFAULT");
      assert.ok(!Buffer.from(sealed.CiphertextBlob).includes(hello));
      assert.match(Buffer.from(sealed.CiphertextBlob).toString("base64"), /^AQICAH/);
      for (const name of [undefined, KeyId]) {
        const opened = await world.call("Decrypt", {
          CiphertextBlob: sealed.CiphertextBlob,
          ...(name ? { KeyId: name } : {}),
        });
        assert.equal(text(opened.Plaintext), "hello");
        assert.equal(opened.KeyId, key.Arn);
        assert.match(opened.KeyMaterialId, /^[0-9a-f]{64}$/);
      }
    }
  });

  const contexts: [string, Record<string, string> | undefined, Record<string, string> | undefined, boolean][] = [
    ["the same", { a: "bc", d: "e" }, { d: "e", a: "bc" }, true],
    ["empty and absent", {}, undefined, true],
    ["moved boundary", { a: "bc" }, { ab: "c" }, false],
    ["another value", { a: "b" }, { a: "c" }, false],
    ["another case", { a: "b" }, { A: "b" }, false],
    ["one more", { a: "b" }, { a: "b", c: "d" }, false],
    ["none", { a: "b" }, undefined, false],
  ];
  for (const [name, sealedWith, openedWith, works] of contexts) {
    test(`encryption context: ${name}`, async () => {
      const { KeyId } = await createKey();
      const { CiphertextBlob } = await world.call("Encrypt", {
        KeyId,
        Plaintext: hello,
        EncryptionContext: sealedWith,
      });
      const opened = world.call("Decrypt", { CiphertextBlob, EncryptionContext: openedWith });
      if (works) assert.equal(text((await opened).Plaintext), "hello");
      else await assert.rejects(opened, { code: "InvalidCiphertextException", status: 400, message: "" });
    });
  }

  test("a changed byte anywhere is refused", async () => {
    const { KeyId } = await createKey();
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: hello });
    for (let at = 0; at < CiphertextBlob.length; at++) {
      const changed = Buffer.from(CiphertextBlob);
      changed[at]! ^= 1;
      await assert.rejects(world.call("Decrypt", { CiphertextBlob: changed }), ({ code }: { code: string }) =>
        ["InvalidCiphertextException", "AccessDeniedException"].includes(code),
      );
    }
    for (const size of [1, 5, headerBytes, CiphertextBlob.length - 1]) {
      await assert.rejects(world.call("Decrypt", { CiphertextBlob: CiphertextBlob.subarray(0, size) }), {
        code: "InvalidCiphertextException",
      });
    }
  });

  test("a blob from AWS is refused as what it is here: no ciphertext of ours", async () => {
    const start = "010202007801234567890123456789012345678901234567890123456789012345678901234567";
    const fromAws = Buffer.concat([Buffer.from(start, "hex"), Buffer.alloc(120, 7)]);
    await assert.rejects(world.call("Decrypt", { CiphertextBlob: fromAws }), { code: "InvalidCiphertextException" });
    await assert.rejects(world.call("Decrypt", { CiphertextBlob: Buffer.alloc(7000, 1) }), {
      code: "InvalidCiphertextException",
    });
  });

  test("KeyId that is not the ciphertext's key: IncorrectKeyException", async () => {
    const [a, b] = [await createKey(), await createKey()];
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId: a.KeyId, Plaintext: hello });
    await assert.rejects(world.call("Decrypt", { CiphertextBlob, KeyId: b.KeyId }), {
      code: "IncorrectKeyException",
      message: "The key ID in the request does not identify a CMK that can perform this operation.",
    });
  });

  test("sizes: 1 to 4096 bytes of plaintext", async () => {
    const { KeyId } = await createKey();
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: Buffer.alloc(4096, 1) });
    assert.ok(CiphertextBlob.length <= 6144);
    assert.equal((await world.call("Decrypt", { CiphertextBlob })).Plaintext.length, 4096);
    for (const Plaintext of [new Uint8Array(0), Buffer.alloc(4097)]) {
      await assert.rejects(world.call("Encrypt", { KeyId, Plaintext }), { code: "ValidationException" });
    }
  });

  test("an encryption context beyond measure is refused", async () => {
    const { KeyId } = await createKey();
    const EncryptionContext = { a: "x".repeat(300_000) };
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello, EncryptionContext }), {
      code: "ValidationException",
    });
  });

  test("in another Region the ciphertext has no key", async () => {
    const { KeyId, Arn } = await createKey();
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: hello });
    await assert.rejects(world.call("Decrypt", { CiphertextBlob }, { region: "us-east-1" }), {
      code: "AccessDeniedException",
      message: /on the resource associated with this ciphertext because the resource does not exist in this Region/,
    });
    await assert.rejects(world.call("Encrypt", { KeyId: Arn, Plaintext: hello }, { region: "us-east-1" }), {
      code: "NotFoundException",
      message: `Invalid arn ${region}`,
    });
  });

  test("ReEncrypt moves a ciphertext to another key and context", async () => {
    const [a, b] = [await createKey(), await createKey()];
    const { CiphertextBlob } = await world.call("Encrypt", {
      KeyId: a.KeyId,
      Plaintext: hello,
      EncryptionContext: { x: "1" },
    });
    const moved = await world.call("ReEncrypt", {
      CiphertextBlob,
      SourceEncryptionContext: { x: "1" },
      DestinationKeyId: b.KeyId,
      DestinationEncryptionContext: { y: "2" },
    });
    assert.equal(moved.SourceKeyId, a.Arn);
    assert.equal(moved.KeyId, b.Arn);
    const opened = await world.call("Decrypt", { CiphertextBlob: moved.CiphertextBlob, EncryptionContext: { y: "2" } });
    assert.equal(text(opened.Plaintext), "hello");
    assert.equal(opened.KeyId, b.Arn);
    await assert.rejects(world.call("ReEncrypt", { CiphertextBlob, DestinationKeyId: b.KeyId }), {
      code: "InvalidCiphertextException",
    });
    await assert.rejects(world.call("ReEncrypt", { CiphertextBlob, SourceKeyId: b.KeyId, DestinationKeyId: a.KeyId }), {
      code: "IncorrectKeyException",
    });
  });
});

describe("data keys and randomness", () => {
  const sizes: [Record<string, unknown>, number][] = [
    [{ KeySpec: "AES_128" }, 16],
    [{ KeySpec: "AES_256" }, 32],
    [{ NumberOfBytes: 1024 }, 1024],
    [{ NumberOfBytes: 1 }, 1],
  ];
  for (const [size, bytes] of sizes) {
    test(`GenerateDataKey ${JSON.stringify(size)}`, async () => {
      const { KeyId, Arn } = await createKey();
      const made = await world.call("GenerateDataKey", { KeyId, ...size, EncryptionContext: { a: "b" } });
      assert.equal(made.Plaintext.length, bytes);
      assert.equal(made.KeyId, Arn);
      assert.match(Buffer.from(made.CiphertextBlob).toString("base64"), /^AQIDAH/);
      const opened = await world.call("Decrypt", {
        CiphertextBlob: made.CiphertextBlob,
        EncryptionContext: { a: "b" },
      });
      assert.deepEqual(opened.Plaintext, made.Plaintext);
      const without = await world.call("GenerateDataKeyWithoutPlaintext", { KeyId, ...size });
      assert.equal("Plaintext" in without, false);
      assert.equal((await world.call("Decrypt", { CiphertextBlob: without.CiphertextBlob })).Plaintext.length, bytes);
    });
  }

  for (const size of [{}, { KeySpec: "AES_256", NumberOfBytes: 32 }]) {
    test(`GenerateDataKey refuses ${JSON.stringify(size)}`, async () => {
      const { KeyId } = await createKey();
      for (const operation of ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext"]) {
        await assert.rejects(world.call(operation, { KeyId, ...size }), {
          code: "ValidationException",
          message: "Please specify either number of bytes or key spec.",
        });
      }
    });
  }

  test("GenerateRandom", async () => {
    const a = await world.call("GenerateRandom", { NumberOfBytes: 32 });
    const b = await world.call("GenerateRandom", { NumberOfBytes: 32 });
    assert.equal(a.Plaintext.length, 32);
    assert.notDeepEqual(a.Plaintext, b.Plaintext);
    await assert.rejects(world.call("GenerateRandom"), {
      code: "ValidationException",
      message: "NumberOfBytes is required.",
    });
    await assert.rejects(world.call("GenerateRandom", { NumberOfBytes: 1025 }), { code: "ValidationException" });
    await assert.rejects(world.call("GenerateRandom", { NumberOfBytes: 8, CustomKeyStoreId: "cks-1" }), {
      code: "CustomKeyStoreNotFoundException",
    });
  });

  test("answers for enclaves are refused", async () => {
    const { KeyId } = await createKey();
    const Recipient = { KeyEncryptionAlgorithm: "RSAES_OAEP_SHA_256", AttestationDocument: Buffer.from("x") };
    for (const [operation, input] of [
      ["GenerateDataKey", { KeyId, KeySpec: "AES_256", Recipient }],
      ["GenerateRandom", { NumberOfBytes: 8, Recipient }],
    ] as const) {
      await assert.rejects(world.call(operation, input), { code: "ValidationException", message: /Recipient/ });
    }
  });
});

describe("MACs", () => {
  for (const [KeySpec, algorithm, bytes] of [
    ["HMAC_224", "HMAC_SHA_224", 28],
    ["HMAC_256", "HMAC_SHA_256", 32],
    ["HMAC_384", "HMAC_SHA_384", 48],
    ["HMAC_512", "HMAC_SHA_512", 64],
  ] as const) {
    test(`${KeySpec}: what GenerateMac makes, VerifyMac accepts; anything else is KMSInvalidMacException`, async () => {
      const { KeyId, Arn } = await createKey({ KeySpec, KeyUsage: "GENERATE_VERIFY_MAC" });
      const request = { KeyId, Message: Buffer.from("message"), MacAlgorithm: algorithm };
      const { Mac } = await world.call("GenerateMac", request);
      assert.equal(Mac.length, bytes);
      assert.deepEqual(await world.call("VerifyMac", { ...request, Mac }), {
        KeyId: Arn,
        MacValid: true,
        MacAlgorithm: algorithm,
      });
      const wrong = { code: "KMSInvalidMacException", message: "" };
      await assert.rejects(world.call("VerifyMac", { ...request, Message: Buffer.from("massage"), Mac }), wrong);
      await assert.rejects(world.call("VerifyMac", { ...request, Mac: Mac.subarray(1) }), wrong);
      const other = algorithm === "HMAC_SHA_256" ? "HMAC_SHA_512" : "HMAC_SHA_256";
      await assert.rejects(world.call("GenerateMac", { ...request, MacAlgorithm: other }), {
        code: "InvalidKeyUsageException",
        message: `Algorithm ${other} is incompatible with key spec ${KeySpec}.`,
      });
    });
  }

  test("a key does what its usage says and nothing else", async () => {
    const mac = await createKey({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
    const sym = await createKey();
    const request = { Message: Buffer.from("m"), MacAlgorithm: "HMAC_SHA_256" };
    await assert.rejects(world.call("GenerateMac", { KeyId: sym.KeyId, ...request }), {
      code: "InvalidKeyUsageException",
      message: `${sym.Arn} key usage is ENCRYPT_DECRYPT which is not valid for GenerateMac.`,
    });
    await assert.rejects(world.call("Encrypt", { KeyId: mac.KeyId, Plaintext: hello }), {
      code: "InvalidKeyUsageException",
      message: `${mac.Arn} key usage is GENERATE_VERIFY_MAC which is not valid for Encrypt.`,
    });
    await assert.rejects(
      world.call("Encrypt", { KeyId: sym.KeyId, Plaintext: hello, EncryptionAlgorithm: "RSAES_OAEP_SHA_256" }),
      {
        code: "InvalidKeyUsageException",
        message: "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.",
      },
    );
  });
});

test("DryRun: allowed, it fails with DryRunOperationException and does nothing; refused, it says so", async () => {
  const { KeyId } = await createKey();
  const mac = await createKey({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: hello });
  const stranger = user("stranger");
  const calls: [string, Record<string, unknown>][] = [
    ["Encrypt", { KeyId, Plaintext: hello }],
    ["Decrypt", { CiphertextBlob }],
    ["Decrypt", { KeyId, DryRunModifiers: ["IGNORE_CIPHERTEXT"] }],
    ["ReEncrypt", { CiphertextBlob, DestinationKeyId: KeyId }],
    ["GenerateDataKey", { KeyId, KeySpec: "AES_256" }],
    ["GenerateDataKeyWithoutPlaintext", { KeyId, KeySpec: "AES_256" }],
    ["GenerateMac", { KeyId: mac.KeyId, Message: hello, MacAlgorithm: "HMAC_SHA_256" }],
    ["CreateGrant", { KeyId, GranteePrincipal: stranger.arn, Operations: ["Encrypt"] }],
  ];
  for (const [operation, input] of calls) {
    await assert.rejects(
      world.call(operation, { ...input, DryRun: true }),
      { code: "DryRunOperationException", status: 412 },
      operation,
    );
    await assert.rejects(
      world.call(operation, { ...input, DryRun: true }, { as: stranger }),
      { code: "AccessDeniedException" },
      operation,
    );
  }
  assert.deepEqual((await world.call("ListGrants", { KeyId })).Grants, []);
});

test("another account needs the key policy and its own permission, and the ARN", async () => {
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: "kms:*", Resource: "*" },
      {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${otherAccount}:root` },
        Action: ["kms:Encrypt", "kms:Decrypt"],
        Resource: "*",
      },
    ],
  });
  const { KeyId, Arn } = await createKey({ Policy });
  const foreignAdmin = user("admin", otherAccount);
  const foreignNobody = user("nobody", otherAccount);
  const sealed = await world.call("Encrypt", { KeyId: Arn, Plaintext: hello }, { as: foreignAdmin });
  const opened = await world.call("Decrypt", { CiphertextBlob: sealed.CiphertextBlob }, { as: foreignAdmin });
  assert.equal(text(opened.Plaintext), "hello");
  const copy = world
    .records()
    .filter((record) => record["eventName"] === "Decrypt")
    .slice(-2);
  assert.deepEqual(copy.map((record) => record["recipientAccountId"]).sort(), [account, otherAccount]);

  const denied = { code: "AccessDeniedException" };
  await assert.rejects(world.call("Encrypt", { KeyId: Arn, Plaintext: hello }, { as: foreignNobody }), denied);
  await assert.rejects(
    world.call("DescribeKey", { KeyId: Arn }, { as: foreignAdmin }),
    denied,
    "not in the key policy",
  );
  await assert.rejects(world.call("DisableKey", { KeyId: Arn }, { as: foreignAdmin }), denied, "not across accounts");
  await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }, { as: foreignAdmin }), {
    code: "NotFoundException",
    message: `Key 'arn:aws:kms:${region}:${otherAccount}:key/${KeyId}' does not exist`,
  });
  const absent = Arn.replace(KeyId, "00000000-0000-0000-0000-000000000000");
  const message = async (KeyIdOf: string): Promise<string> =>
    world
      .call("GenerateDataKey", { KeyId: KeyIdOf, KeySpec: "AES_256" }, { as: foreignAdmin })
      .catch((error: Error) => error.message);
  assert.equal((await message(absent)).replace(absent, Arn), await message(Arn), "absent and refused look the same");
});

test("what is not for other accounts is refused to them, whatever the key policy says", async () => {
  const Statement = [account, otherAccount].map((owner) => ({
    Effect: "Allow",
    Principal: { AWS: `arn:aws:iam::${owner}:root` },
    Action: "kms:*",
    Resource: "*",
  }));
  const { Arn } = await createKey({ Policy: JSON.stringify({ Version: "2012-10-17", Statement }) });
  const as = user("admin", otherAccount);
  await world.call("DescribeKey", { KeyId: Arn }, { as });
  const calls: [string, Record<string, unknown>][] = [
    ["CancelKeyDeletion", {}],
    ["DisableKey", {}],
    ["EnableKey", {}],
    ["DisableKeyRotation", {}],
    ["EnableKeyRotation", {}],
    ["GetKeyPolicy", {}],
    ["ListAliases", {}],
    ["ListKeyPolicies", {}],
    ["ListKeyRotations", {}],
    ["ListResourceTags", {}],
    ["PutKeyPolicy", { Policy: "{}" }],
    ["RotateKeyOnDemand", {}],
    ["ScheduleKeyDeletion", {}],
    ["TagResource", { Tags: [{ TagKey: "a", TagValue: "b" }] }],
    ["UntagResource", { TagKeys: ["a"] }],
    ["UpdateKeyDescription", { Description: "mine" }],
  ];
  for (const [operation, input] of calls) {
    const refused = { code: "AccessDeniedException" };
    await assert.rejects(world.call(operation, { KeyId: Arn, ...input }, { as }), refused, operation);
  }
  await assert.rejects(world.call("CreateAlias", { AliasName: "alias/mine", TargetKeyId: Arn }, { as }), {
    code: "AccessDeniedException",
  });
});

test("sealed and restarting holders are errors that SDKs try again", async () => {
  const { KeyId } = await createKey();
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: hello });
  await world.keys.seal();
  await assert.rejects(world.call("Decrypt", { CiphertextBlob }), {
    code: "KMSInternalException",
    status: 500,
    message: /sealed/,
  });
  await assert.rejects(world.call("CreateKey"), { code: "KMSInternalException", status: 500 });
  assert.equal((await world.call("DescribeKey", { KeyId })).KeyMetadata.KeyId, KeyId, "metadata stays readable");
  await world.keys.unseal(new Uint8Array(0));
  assert.equal(text((await world.call("Decrypt", { CiphertextBlob })).Plaintext), "hello");
});

test("audit records name key, context and material, and never hold plaintext or ciphertext", async () => {
  const { KeyId, Arn } = await createKey();
  const canary = Buffer.from("canary-plaintext");
  const { CiphertextBlob } = await world.call("Encrypt", {
    KeyId,
    Plaintext: canary,
    EncryptionContext: { dept: "hr" },
  });
  const { KeyMaterialId } = await world.call("Decrypt", { CiphertextBlob, EncryptionContext: { dept: "hr" } });
  const [encrypt, decrypt] = world.records().slice(-2) as [Record<string, any>, Record<string, any>];
  assert.equal(encrypt["eventName"], "Encrypt");
  assert.deepEqual(encrypt["requestParameters"], { keyId: KeyId, encryptionContext: { dept: "hr" } });
  for (const record of [encrypt, decrypt]) {
    assert.deepEqual(record["resources"], [{ ARN: Arn, accountId: account, type: "AWS::KMS::Key" }]);
    assert.equal(record["responseElements"], null);
    assert.deepEqual(record["additionalEventData"], { keyMaterialId: KeyMaterialId });
    const whole = JSON.stringify(record);
    assert.ok(!whole.includes("canary") && !whole.includes(canary.toString("base64")));
    assert.ok(!whole.includes(Buffer.from(CiphertextBlob).toString("base64")));
  }
  await assert.rejects(world.call("Decrypt", { CiphertextBlob }, { as: user("stranger") }));
  assert.match(world.records().at(-1)!["errorCode"], /^AccessDenied/);
  assert.deepEqual(world.records().at(-1)!["resources"], [{ ARN: Arn, accountId: account, type: "AWS::KMS::Key" }]);
});
