import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { account, admin, region, user, World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const hello = Buffer.from("hello");
const dayMs = 86_400_000;

async function createKey(input: Record<string, unknown> = {}): Promise<{ KeyId: string; Arn: string }> {
  return (await world.call("CreateKey", input)).KeyMetadata;
}

async function stateOf(KeyId: string): Promise<string> {
  return (await world.call("DescribeKey", { KeyId })).KeyMetadata.KeyState;
}

describe("CreateKey and DescribeKey", () => {
  test("metadata of a symmetric key is AWS's", async () => {
    const { KeyMetadata } = await world.call("CreateKey", { Description: "test key 123" });
    const { KeyId, CurrentKeyMaterialId, ...rest } = KeyMetadata;
    assert.match(CurrentKeyMaterialId, /^[0-9a-f]{64}$/);
    assert.deepEqual(rest, {
      AWSAccountId: account,
      Arn: `arn:aws:kms:${region}:${account}:key/${KeyId}`,
      CreationDate: new Date(world.clock.now()),
      CustomerMasterKeySpec: "SYMMETRIC_DEFAULT",
      Description: "test key 123",
      Enabled: true,
      EncryptionAlgorithms: ["SYMMETRIC_DEFAULT"],
      KeyManager: "CUSTOMER",
      KeySpec: "SYMMETRIC_DEFAULT",
      KeyState: "Enabled",
      KeyUsage: "ENCRYPT_DECRYPT",
      MultiRegion: false,
      Origin: "AWS_KMS",
    });
    assert.deepEqual((await world.call("DescribeKey", { KeyId })).KeyMetadata, KeyMetadata);
  });

  test("metadata of a MAC key", async () => {
    const { KeyMetadata } = await world.call("CreateKey", { KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
    assert.deepEqual(KeyMetadata.MacAlgorithms, ["HMAC_SHA_256"]);
    assert.equal("EncryptionAlgorithms" in KeyMetadata, false);
  });

  const refused: [string, Record<string, unknown>, string, RegExp][] = [
    [
      "spec without usage",
      { KeySpec: "HMAC_256" },
      "ValidationException",
      /^You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys\.$/,
    ],
    ["wrong usage", { KeySpec: "HMAC_256", KeyUsage: "ENCRYPT_DECRYPT" }, "ValidationException", /not compatible/],
    [
      "two specs",
      { KeySpec: "SYMMETRIC_DEFAULT", CustomerMasterKeySpec: "SYMMETRIC_DEFAULT" },
      "ValidationException",
      /CustomerMasterKeySpec is deprecated/,
    ],
    ["a spec of other Regions", { KeySpec: "SM2", KeyUsage: "SIGN_VERIFY" }, "UnsupportedOperationException", /SM2/],
    ["a key store's origin without a store", { Origin: "AWS_CLOUDHSM" }, "ValidationException", /CustomKeyStoreId/],
    ["a store without its origin", { CustomKeyStoreId: "cks-1" }, "ValidationException", /CustomKeyStoreId/],
    ["an external key of no store", { XksKeyId: "one" }, "ValidationException", /XksKeyId/],
    [
      "a store that is not there",
      { CustomKeyStoreId: "cks-1", Origin: "AWS_CLOUDHSM" },
      "CustomKeyStoreNotFoundException",
      /./,
    ],
    [
      "a signing key in a store",
      { CustomKeyStoreId: "cks-1", Origin: "AWS_CLOUDHSM", KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" },
      "UnsupportedOperationException",
      /symmetric/,
    ],
    ["policy that is no JSON", { Policy: "{" }, "MalformedPolicyDocumentException", /./],
    [
      "policy too long",
      { Policy: `{"Version":"2012-10-17","Id":"${"x".repeat(33_000)}","Statement":[]}` },
      "LimitExceededException",
      /32768/,
    ],
    ["aws: tag", { Tags: [{ TagKey: "aws:x", TagValue: "y" }] }, "TagException", /aws:/],
    [
      "doubled tag",
      {
        Tags: [
          { TagKey: "x", TagValue: "y" },
          { TagKey: "x", TagValue: "z" },
        ],
      },
      "TagException",
      /Duplicate/,
    ],
    [
      "51 tags",
      { Tags: Array.from({ length: 51 }, (_, n) => ({ TagKey: `t${n}`, TagValue: "" })) },
      "LimitExceededException",
      /50 tags/,
    ],
  ];
  for (const [name, input, code, message] of refused) {
    test(`refuses: ${name}`, async () => {
      const keys = (await world.call("ListKeys", { Limit: 1000 })).Keys.length;
      await assert.rejects(world.call("CreateKey", input), { code, message, status: 400 });
      assert.equal((await world.call("ListKeys", { Limit: 1000 })).Keys.length, keys, "nothing was made");
    });
  }

  const unknown: [string, string, string][] = [
    ["fake-key-id", "NotFoundException", "Invalid keyId 'fake-key-id'"],
    ["134f2428cec14b25a1ae9048164dba47", "NotFoundException", "Invalid keyId '134f2428cec14b25a1ae9048164dba47'"],
    ["mrk-fake-key-id", "NotFoundException", "Invalid keyId 'mrk-fake-key-id'"],
    [
      "mrk-d3b95762d3b95762d3b95762d3b95762",
      "NotFoundException",
      `Key 'arn:aws:kms:${region}:${account}:key/mrk-d3b95762d3b95762d3b95762d3b95762' does not exist`,
    ],
    ["alias/absent", "NotFoundException", `Alias arn:aws:kms:${region}:${account}:alias/absent is not found.`],
    [
      `arn:aws:kms:us-west-2:${account}:key/134f2428-cec1-4b25-a1ae-9048164dba47`,
      "NotFoundException",
      "Invalid arn us-west-2",
    ],
    [`arn:aws:s3:::bucket`, "InvalidArnException", "Invalid arn arn:aws:s3:::bucket"],
    ["arn:", "InvalidArnException", "Invalid arn arn:"],
    [`arn:aws:kms:${region}:${account}:key/x`, "NotFoundException", "Invalid keyId 'x'"],
  ];
  for (const [KeyId, code, message] of unknown) {
    test(`DescribeKey ${KeyId}: ${code}`, async () => {
      await assert.rejects(world.call("DescribeKey", { KeyId }), { code, message, status: 400 });
    });
  }

  test("operations that take no alias refuse one", async () => {
    const { KeyId } = await createKey();
    await world.call("CreateAlias", { AliasName: "alias/no-alias", TargetKeyId: KeyId });
    await assert.rejects(world.call("DisableKey", { KeyId: "alias/no-alias" }), {
      code: "NotFoundException",
      message: "Invalid keyId 'alias/no-alias'",
    });
    await assert.rejects(world.call("DisableKey", { KeyId: `arn:aws:kms:${region}:${account}:alias/no-alias` }), {
      code: "InvalidArnException",
      message: "Key Aliases are not supported for this operation.",
    });
  });

  test("ListKeys pages through all keys, each once", async () => {
    for (let n = 0; n < 5; n++) await createKey();
    const all = (await world.call("ListKeys", { Limit: 1000 })).Keys.map((key: { KeyId: string }) => key.KeyId);
    const paged: string[] = [];
    let Marker: string | undefined;
    do {
      const page = await world.call("ListKeys", { Limit: 2, ...(Marker ? { Marker } : {}) });
      assert.ok(page.Keys.length <= 2);
      assert.equal(page.Truncated, page.NextMarker !== undefined);
      paged.push(...page.Keys.map((key: { KeyId: string }) => key.KeyId));
      Marker = page.NextMarker;
    } while (Marker);
    assert.deepEqual(paged, all);
    await assert.rejects(world.call("ListKeys", { Marker: "bad" }), { code: "InvalidMarkerException" });
  });

  test("UpdateKeyDescription", async () => {
    const { KeyId } = await createKey();
    await world.call("UpdateKeyDescription", { KeyId, Description: "new" });
    assert.equal((await world.call("DescribeKey", { KeyId })).KeyMetadata.Description, "new");
  });
});

describe("key states", () => {
  /** Operations and what they answer when the key is disabled, and when it waits for deletion. */
  const table: [string, Record<string, unknown>, disabled: string, pending: string][] = [
    ["Encrypt", { Plaintext: hello }, "DisabledException", "KMSInvalidStateException"],
    ["GenerateDataKey", { KeySpec: "AES_256" }, "DisabledException", "KMSInvalidStateException"],
    ["GenerateDataKeyWithoutPlaintext", { KeySpec: "AES_256" }, "DisabledException", "KMSInvalidStateException"],
    [
      "CreateGrant",
      { GranteePrincipal: admin.arn, Operations: ["Encrypt"] },
      "DisabledException",
      "KMSInvalidStateException",
    ],
    ["EnableKeyRotation", {}, "DisabledException", "KMSInvalidStateException"],
    ["DisableKeyRotation", {}, "DisabledException", "KMSInvalidStateException"],
    ["RotateKeyOnDemand", {}, "DisabledException", "KMSInvalidStateException"],
    ["GetKeyRotationStatus", {}, "", ""],
    ["ListKeyRotations", {}, "", ""],
    ["DescribeKey", {}, "", ""],
    ["GetKeyPolicy", {}, "", ""],
    ["ListKeyPolicies", {}, "", ""],
    ["ListGrants", {}, "", ""],
    ["ListResourceTags", {}, "", ""],
    ["TagResource", { Tags: [{ TagKey: "a", TagValue: "b" }] }, "", "KMSInvalidStateException"],
    ["UntagResource", { TagKeys: ["a"] }, "", "KMSInvalidStateException"],
    ["UpdateKeyDescription", { Description: "d" }, "", "KMSInvalidStateException"],
    ["DisableKey", {}, "", "KMSInvalidStateException"],
    ["ScheduleKeyDeletion", {}, "-", "KMSInvalidStateException"],
    ["EnableKey", {}, "-", "KMSInvalidStateException"],
    ["CancelKeyDeletion", {}, "KMSInvalidStateException", "-"],
  ];
  for (const [operation, input, whenDisabled, whenPending] of table) {
    test(`${operation}: disabled ${whenDisabled || "works"}, pending deletion ${whenPending || "works"}`, async () => {
      const { KeyId, Arn } = await createKey();
      const expect = async (code: string, text: string): Promise<void> => {
        if (code === "-") return;
        if (code === "") await world.call(operation, { KeyId, ...input });
        else
          await assert.rejects(world.call(operation, { KeyId, ...input }), {
            code,
            message: `${Arn} ${text}`,
            status: 400,
          });
      };
      await world.call("DisableKey", { KeyId });
      await expect(whenDisabled, operation === "CancelKeyDeletion" ? "is not pending deletion." : "is disabled.");
      await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
      await expect(whenPending, "is pending deletion.");
    });
  }

  test("a ciphertext is refused while its key is disabled, and opens again", async () => {
    const { KeyId, Arn } = await createKey();
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: hello });
    await world.call("DisableKey", { KeyId });
    await assert.rejects(world.call("Decrypt", { CiphertextBlob }), {
      code: "DisabledException",
      message: `${Arn} is disabled.`,
    });
    await assert.rejects(world.call("ReEncrypt", { CiphertextBlob, DestinationKeyId: KeyId }), {
      code: "DisabledException",
    });
    await world.call("EnableKey", { KeyId });
    assert.deepEqual(Buffer.from((await world.call("Decrypt", { CiphertextBlob })).Plaintext), hello);
  });
});

describe("deletion", () => {
  test("scheduled, cancelled, enabled", async () => {
    const { KeyId, Arn } = await createKey();
    const scheduled = await world.call("ScheduleKeyDeletion", { KeyId });
    assert.deepEqual(scheduled, {
      KeyId: Arn,
      DeletionDate: new Date(world.clock.now() + 30 * dayMs),
      KeyState: "PendingDeletion",
      PendingWindowInDays: 30,
    });
    const { KeyMetadata } = await world.call("DescribeKey", { KeyId });
    assert.equal(KeyMetadata.KeyState, "PendingDeletion");
    assert.equal(KeyMetadata.Enabled, false);
    assert.deepEqual(KeyMetadata.DeletionDate, scheduled.DeletionDate);
    assert.deepEqual(await world.call("CancelKeyDeletion", { KeyId }), { KeyId: Arn });
    assert.equal(await stateOf(KeyId), "Disabled");
    assert.equal("DeletionDate" in (await world.call("DescribeKey", { KeyId })).KeyMetadata, false);
    await world.call("EnableKey", { KeyId });
    assert.equal(await stateOf(KeyId), "Enabled");
  });

  for (const PendingWindowInDays of [6, 31]) {
    test(`a waiting period of ${PendingWindowInDays} days is refused`, async () => {
      const { KeyId } = await createKey();
      await assert.rejects(world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays }), {
        code: "ValidationException",
      });
    });
  }

  test("at its date the key is gone, with its aliases and grants; not even a restored database opens its ciphertexts", async () => {
    const { KeyId, Arn } = await createKey();
    await world.call("CreateAlias", { AliasName: "alias/doomed", TargetKeyId: KeyId });
    await world.call("CreateGrant", {
      KeyId,
      GranteePrincipal: admin.arn,
      RetiringPrincipal: admin.arn,
      Operations: ["Decrypt"],
    });
    const { CiphertextBlob } = await world.call("Encrypt", { KeyId, Plaintext: hello });
    await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
    const backup = new Map(world.store.rows);

    world.clock.advance(7 * dayMs - 1);
    await world.run("kms-deletion");
    assert.equal(await stateOf(KeyId), "PendingDeletion", "not a moment too early");
    world.clock.advance(1);
    const gone = { code: "NotFoundException", message: `Key '${Arn}' does not exist` };
    await assert.rejects(
      world.call("CancelKeyDeletion", { KeyId }),
      gone,
      "the date has come, whether or not the job has",
    );
    await world.run("kms-deletion");
    await assert.rejects(world.call("DescribeKey", { KeyId }), gone);
    await assert.rejects(world.call("DescribeKey", { KeyId: "alias/doomed" }), { code: "NotFoundException" });
    await assert.rejects(world.call("Decrypt", { CiphertextBlob }), { code: "AccessDeniedException" });
    const deletions = world.records().filter((record) => record["eventName"] === "DeleteKey");
    assert.equal(deletions.find(({ resources }) => resources[0].ARN === Arn)?.["eventType"], "AwsServiceEvent");
    const left = [...world.store.rows.keys()].filter((name) => name.includes(KeyId) || name.includes("doomed"));
    // All that is left is what the ledger has to know.
    assert.deepEqual(
      left.map((name) => name.split("\0")[3]),
      ["deleted"],
    );
    assert.deepEqual((await world.call("ListRetirableGrants", { RetiringPrincipal: admin.arn })).Grants, []);

    world.store.rows.clear();
    for (const [name, row] of backup) world.store.rows.set(name, row);
    world.clock.advance(-(2 * dayMs));
    await world.call("CancelKeyDeletion", { KeyId });
    await world.call("EnableKey", { KeyId });
    await assert.rejects(world.call("Decrypt", { CiphertextBlob }), {
      code: "KMSInvalidStateException",
      message: /deleted/,
    });
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }), { code: "KMSInvalidStateException" });
  });

  test("a deletion that was interrupted is finished by the next run", async () => {
    const { KeyId, Arn } = await createKey();
    await world.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
    world.clock.advance(8 * dayMs);
    const { keys } = world;
    world.keys = { ...keys, destroy: async () => Promise.reject(new Error("interrupted")) } as typeof keys;
    await world.run("kms-deletion");
    world.keys = keys;
    await assert.rejects(world.call("DescribeKey", { KeyId }), { message: `Key '${Arn}' does not exist` });
    assert.ok([...world.store.rows.keys()].some((name) => name.includes(KeyId)));
    await world.run("kms-deletion");
    assert.ok(![...world.store.rows.keys()].some((name) => name.includes(KeyId) && !name.includes("\0deleted\0")));
  });
});

test("two changes of one key at the same time both count", async () => {
  const { KeyId } = await createKey();
  await Promise.all(
    Array.from({ length: 6 }, (_, n) =>
      world.call("TagResource", { KeyId, Tags: [{ TagKey: `t${n}`, TagValue: "v" }] }),
    ),
  );
  assert.equal((await world.call("ListResourceTags", { KeyId })).Tags.length, 6);
});

describe("tags", () => {
  test("are added, replaced, removed and paged", async () => {
    const { KeyId } = await createKey({ Tags: [{ TagKey: "a", TagValue: "1" }] });
    await world.call("TagResource", {
      KeyId,
      Tags: [
        { TagKey: "a", TagValue: "2" },
        { TagKey: "b", TagValue: "" },
      ],
    });
    assert.deepEqual(await world.call("ListResourceTags", { KeyId }), {
      Tags: [
        { TagKey: "a", TagValue: "2" },
        { TagKey: "b", TagValue: "" },
      ],
      Truncated: false,
    });
    const first = await world.call("ListResourceTags", { KeyId, Limit: 1 });
    assert.equal(first.Truncated, true);
    assert.deepEqual((await world.call("ListResourceTags", { KeyId, Marker: first.NextMarker })).Tags, [
      { TagKey: "b", TagValue: "" },
    ]);
    await world.call("UntagResource", { KeyId, TagKeys: ["a", "absent"] });
    assert.deepEqual((await world.call("ListResourceTags", { KeyId })).Tags, [{ TagKey: "b", TagValue: "" }]);
  });

  test("CreateKey with tags needs kms:TagResource too", async () => {
    const maker = user("maker");
    world.allow(maker, { Effect: "Allow", Action: "kms:CreateKey", Resource: "*" });
    await world.call("CreateKey", {}, { as: maker });
    await assert.rejects(world.call("CreateKey", { Tags: [{ TagKey: "a", TagValue: "b" }] }, { as: maker }), {
      code: "AccessDeniedException",
      message: /kms:TagResource/,
    });
  });
});
