import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { account, admin, otherAccount, region, root, user, World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const hello = Buffer.from("hello");
const aliasArn = (name: string): string => `arn:aws:kms:${region}:${account}:${name}`;

async function createKey(input: Record<string, unknown> = {}): Promise<{ KeyId: string; Arn: string }> {
  return (await world.call("CreateKey", input)).KeyMetadata;
}

async function aliasesOf(KeyId: string): Promise<string[]> {
  return (await world.call("ListAliases", { KeyId })).Aliases.map((alias: { AliasName: string }) => alias.AliasName);
}

describe("aliases", () => {
  test("are made, moved, listed and deleted", async () => {
    const [a, b] = [await createKey(), await createKey()];
    await world.call("CreateAlias", { AliasName: "alias/one", TargetKeyId: a.Arn });
    await world.call("CreateAlias", { AliasName: "alias/two", TargetKeyId: a.KeyId });
    const { Aliases, Truncated } = await world.call("ListAliases", { KeyId: a.KeyId });
    assert.equal(Truncated, false);
    const now = new Date(world.clock.now());
    assert.deepEqual(Aliases[0], {
      AliasName: "alias/one",
      AliasArn: aliasArn("alias/one"),
      TargetKeyId: a.KeyId,
      CreationDate: now,
      LastUpdatedDate: now,
    });
    world.clock.advance(1000);
    await world.call("UpdateAlias", { AliasName: "alias/one", TargetKeyId: b.KeyId });
    assert.deepEqual(await aliasesOf(a.KeyId), ["alias/two"]);
    assert.deepEqual(await aliasesOf(b.KeyId), ["alias/one"]);
    const moved = (await world.call("ListAliases", { KeyId: b.KeyId })).Aliases[0];
    assert.deepEqual([moved.CreationDate, moved.LastUpdatedDate], [now, new Date(world.clock.now())]);
    assert.equal((await world.call("Encrypt", { KeyId: "alias/one", Plaintext: hello })).KeyId, b.Arn);
    await world.call("DeleteAlias", { AliasName: "alias/one" });
    assert.deepEqual(await aliasesOf(b.KeyId), []);
    await assert.rejects(world.call("Encrypt", { KeyId: "alias/one", Plaintext: hello }), {
      code: "NotFoundException",
      message: `Alias ${aliasArn("alias/one")} is not found.`,
    });
  });

  const names: [string, string, RegExp][] = [
    ["sops-example", "ValidationException", /^Alias must start with the prefix "alias\/"\. Please see https:/],
    ["alias/a:b", "ValidationException", /^alias\/a:b contains invalid characters for an alias$/],
    ["alias/aws/mine", "NotAuthorizedException", /^$/],
  ];
  for (const [AliasName, code, message] of names) {
    test(`the name ${AliasName} is refused`, async () => {
      const { KeyId } = await createKey();
      for (const operation of ["CreateAlias", "UpdateAlias", "DeleteAlias"]) {
        const input = operation === "DeleteAlias" ? { AliasName } : { AliasName, TargetKeyId: KeyId };
        await assert.rejects(world.call(operation, input), { code, message, status: 400 });
      }
    });
  }

  test("a taken name, an absent alias, another type of key", async () => {
    const { KeyId } = await createKey();
    const mac = await createKey({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
    await world.call("CreateAlias", { AliasName: "alias/taken", TargetKeyId: KeyId });
    await assert.rejects(world.call("CreateAlias", { AliasName: "alias/taken", TargetKeyId: KeyId }), {
      code: "AlreadyExistsException",
      message: `An alias with the name ${aliasArn("alias/taken")} already exists`,
    });
    const absent = { code: "NotFoundException", message: `Alias ${aliasArn("alias/absent")} is not found.` };
    await assert.rejects(world.call("DeleteAlias", { AliasName: "alias/absent" }), absent);
    await assert.rejects(world.call("UpdateAlias", { AliasName: "alias/absent", TargetKeyId: KeyId }), absent);
    await assert.rejects(world.call("UpdateAlias", { AliasName: "alias/taken", TargetKeyId: mac.KeyId }), {
      code: "ValidationException",
    });
    assert.deepEqual(await aliasesOf(KeyId), ["alias/taken"]);
  });

  test("one of two makers of the same alias wins", async () => {
    const keys = await Promise.all([createKey(), createKey(), createKey()]);
    const made = await Promise.allSettled(
      keys.map(({ KeyId }) => world.call("CreateAlias", { AliasName: "alias/raced", TargetKeyId: KeyId })),
    );
    assert.equal(made.filter(({ status }) => status === "fulfilled").length, 1);
    const owners = await Promise.all(keys.map(({ KeyId }) => aliasesOf(KeyId)));
    assert.equal(owners.flat().length, 1);
  });

  test("50 aliases, not 51, and pages of them", async () => {
    const { KeyId } = await createKey();
    for (let n = 0; n < 50; n++) await world.call("CreateAlias", { AliasName: `alias/many-${n}`, TargetKeyId: KeyId });
    await assert.rejects(world.call("CreateAlias", { AliasName: "alias/many-50", TargetKeyId: KeyId }), {
      code: "LimitExceededException",
    });
    const first = await world.call("ListAliases", { KeyId, Limit: 30 });
    const second = await world.call("ListAliases", { KeyId, Limit: 30, Marker: first.NextMarker });
    assert.deepEqual(
      [first.Aliases.length, first.Truncated, second.Aliases.length, second.Truncated],
      [30, true, 20, false],
    );
  });

  test("need permission on the alias and on the key", async () => {
    const { KeyId, Arn } = await createKey();
    const clerk = user("clerk");
    const both = [Arn, aliasArn("alias/permitted")];
    for (const Resource of both) {
      world.allow(clerk, { Effect: "Allow", Action: "kms:*Alias", Resource });
      await assert.rejects(
        world.call("CreateAlias", { AliasName: "alias/permitted", TargetKeyId: KeyId }, { as: clerk }),
        {
          code: "AccessDeniedException",
        },
      );
    }
    world.allow(clerk, { Effect: "Allow", Action: "kms:*Alias", Resource: both });
    await world.call("CreateAlias", { AliasName: "alias/permitted", TargetKeyId: KeyId }, { as: clerk });
    await world.call("DeleteAlias", { AliasName: "alias/permitted" }, { as: clerk });
  });
});

describe("AWS managed keys", () => {
  const viaS3 = { calledVia: ["s3.amazonaws.com"] };

  test("are made at first use through their service, used through it only, and can only be looked at", async () => {
    await assert.rejects(world.call("Encrypt", { KeyId: "alias/aws/s3", Plaintext: hello }), {
      code: "NotFoundException",
    });
    const made = await world.call("GenerateDataKey", { KeyId: "alias/aws/s3", KeySpec: "AES_256" }, viaS3);
    const again = await world.call("GenerateDataKey", { KeyId: "alias/aws/s3", KeySpec: "AES_256" }, viaS3);
    assert.equal(again.KeyId, made.KeyId, "one key");
    const opened = await world.call("Decrypt", { CiphertextBlob: made.CiphertextBlob }, viaS3);
    assert.deepEqual(opened.Plaintext, made.Plaintext);

    const denied = { code: "AccessDeniedException" };
    const { KeyId } = (await world.call("DescribeKey", { KeyId: "alias/aws/s3" })).KeyMetadata;
    for (const as of [admin, root]) {
      await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }, { as }), denied);
      await assert.rejects(world.call("Decrypt", { CiphertextBlob: made.CiphertextBlob }, { as }), denied);
      await assert.rejects(world.call("DisableKey", { KeyId }, { as }), denied);
      await assert.rejects(world.call("ScheduleKeyDeletion", { KeyId }, { as }), denied);
      await assert.rejects(world.call("PutKeyPolicy", { KeyId, Policy: "{}" }, { as }), denied);
      await assert.rejects(world.call("DisableKeyRotation", { KeyId }, { as }), denied);
      await assert.rejects(world.call("CreateAlias", { AliasName: "alias/mine", TargetKeyId: KeyId }, { as }), denied);
    }
    await assert.rejects(
      world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256" }, { calledVia: ["sns.amazonaws.com"] }),
      denied,
    );
    const { KeyMetadata } = await world.call("DescribeKey", { KeyId });
    assert.deepEqual([KeyMetadata.KeyManager, KeyMetadata.KeyState], ["AWS", "Enabled"]);
    const { Policy } = await world.call("GetKeyPolicy", { KeyId });
    assert.match(JSON.parse(Policy).Id, /^auto-s3-/);
    assert.deepEqual(await aliasesOf(KeyId), ["alias/aws/s3"]);
  });

  test("the service itself may use its key", async () => {
    const as = { kind: "service", service: "s3.amazonaws.com" } as const;
    const made = await world.call("GenerateDataKey", { KeyId: "alias/aws/s3", KeySpec: "AES_256" }, { as });
    await world.call("Decrypt", { CiphertextBlob: made.CiphertextBlob }, { as });
    await assert.rejects(
      world.call(
        "Decrypt",
        { CiphertextBlob: made.CiphertextBlob },
        { as: { kind: "service", service: "sqs.amazonaws.com" } },
      ),
      { code: "AccessDeniedException" },
    );
  });

  test("many first users make one key", async () => {
    const calls = Array.from({ length: 5 }, () =>
      world.call(
        "GenerateDataKey",
        { KeyId: "alias/aws/ssm", KeySpec: "AES_256" },
        { calledVia: ["ssm.amazonaws.com"] },
      ),
    );
    assert.equal(new Set((await Promise.all(calls)).map(({ KeyId }) => KeyId)).size, 1);
  });

  test("looking at the alias makes the key, for services that have one", async () => {
    assert.equal((await world.call("DescribeKey", { KeyId: "alias/aws/ebs" })).KeyMetadata.KeyManager, "AWS");
    await assert.rejects(world.call("DescribeKey", { KeyId: "alias/aws/nosuch" }), { code: "NotFoundException" });
    await assert.rejects(world.call("DescribeKey", { KeyId: "alias/aws/constructor" }), { code: "NotFoundException" });
  });

  test("rotate yearly, by themselves", async () => {
    const { KeyId } = (await world.call("DescribeKey", { KeyId: "alias/aws/rds" })).KeyMetadata;
    const status = await world.call("GetKeyRotationStatus", { KeyId });
    assert.deepEqual([status.KeyRotationEnabled, status.RotationPeriodInDays], [true, 365]);
    world.clock.advance(365 * 86_400_000);
    await world.run("kms-rotation");
    const { Rotations } = await world.call("ListKeyRotations", { KeyId });
    assert.deepEqual(
      Rotations.map((each: { RotationType: string }) => each.RotationType),
      ["AUTOMATIC"],
    );
  });
});

test("to another account a refused key and a refused alias look like absent ones, in the answer and in its trail", async () => {
  const { KeyId, Arn } = await createKey();
  const AliasName = "alias/refused-elsewhere";
  await world.call("CreateAlias", { AliasName, TargetKeyId: KeyId });
  const stranger = user("stranger", otherAccount);
  world.allow(stranger, { Effect: "Allow", Action: "kms:*", Resource: "*" });
  const absent = Arn.replace(KeyId, "11111111-2222-3333-4444-555555555555");
  const names = [
    [Arn, absent],
    [aliasArn(AliasName), aliasArn("alias/absent-elsewhere")],
  ] as const;
  for (const pair of names) {
    const seen = [];
    for (const name of pair) {
      const answer: Error = await world
        .call("Encrypt", { KeyId: name, Plaintext: hello }, { as: stranger })
        .then(assert.fail, (error: Error) => error);
      const record = world.records().findLast(({ recipientAccountId }) => recipientAccountId === otherAccount)!;
      const { errorMessage, resources, sharedEventID, requestParameters } = record;
      const told = JSON.stringify([answer.message, errorMessage, resources, sharedEventID, requestParameters]);
      seen.push(told.replaceAll(name, "NAME"));
    }
    assert.equal(seen[0], seen[1]);
    assert.ok(!seen[0]!.includes(KeyId));
  }
  const owners = world.records().filter(({ recipientAccountId }) => recipientAccountId === account);
  const [last] = owners.slice(-1);
  assert.deepEqual([last!["errorCode"], last!["resources"][0].ARN], ["AccessDeniedException", Arn]);
});
