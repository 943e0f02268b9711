import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { account, admin, region, root, user, World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const hello = Buffer.from("hello");

async function createKey(input: Record<string, unknown> = {}): Promise<{ KeyId: string; Arn: string }> {
  return (await world.call("CreateKey", input)).KeyMetadata;
}

describe("key policies", () => {
  const statement = (Principal: unknown, Action: unknown, more: object = {}): object => ({
    Effect: "Allow",
    Principal,
    Action,
    Resource: "*",
    ...more,
  });
  const policy = (...Statement: object[]): string => JSON.stringify({ Version: "2012-10-17", Statement });
  const account1 = { AWS: `arn:aws:iam::${account}:root` };
  const alice = user("alice");

  test("the default policy hands the decision to the account", async () => {
    const { KeyId } = await createKey();
    const { Policy, PolicyName } = await world.call("GetKeyPolicy", { KeyId });
    assert.equal(PolicyName, "default");
    assert.deepEqual(JSON.parse(Policy), {
      Version: "2012-10-17",
      Id: "key-default-1",
      Statement: [
        { Sid: "Enable IAM User Permissions", Effect: "Allow", Principal: account1, Action: "kms:*", Resource: "*" },
      ],
    });
    assert.deepEqual(await world.call("ListKeyPolicies", { KeyId }), { PolicyNames: ["default"], Truncated: false });
    await world.call("Encrypt", { KeyId, Plaintext: hello });
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }, { as: alice }), {
      code: "AccessDeniedException",
    });
    world.allow(alice, { Effect: "Allow", Action: "kms:Encrypt", Resource: "*" });
    await world.call("Encrypt", { KeyId, Plaintext: hello }, { as: alice });
  });

  test("without the account in the key policy, identity policies count for nothing, root included", async () => {
    const { KeyId } = await createKey({ Policy: policy(statement({ AWS: admin.arn }, "kms:*")) });
    world.allow(alice, { Effect: "Allow", Action: "*", Resource: "*" });
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }, { as: alice }), {
      code: "AccessDeniedException",
    });
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }, { as: root }), {
      code: "AccessDeniedException",
    });
    await world.call("Encrypt", { KeyId, Plaintext: hello });
  });

  test("an explicit deny wins over everything", async () => {
    const { KeyId } = await createKey();
    await world.call("PutKeyPolicy", {
      KeyId,
      Policy: policy(statement(account1, "kms:*"), { ...statement("*", "kms:Encrypt"), Effect: "Deny" }),
    });
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }), {
      code: "AccessDeniedException",
      message: /explicit deny/,
    });
    await world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256" });
  });

  const conditions: [string, object, Record<string, unknown>, Record<string, unknown>, object?][] = [
    [
      "kms:EncryptionContext:dept",
      { StringEquals: { "kms:EncryptionContext:dept": "hr" } },
      { EncryptionContext: { dept: "hr" } },
      { EncryptionContext: { dept: "it" } },
    ],
    [
      "kms:EncryptionContextKeys",
      { "ForAnyValue:StringEquals": { "kms:EncryptionContextKeys": "dept" } },
      { EncryptionContext: { dept: "x", a: "b" } },
      {},
    ],
    ["kms:KeySpec", { StringEquals: { "kms:KeySpec": "SYMMETRIC_DEFAULT" } }, {}, undefined as never],
    ["kms:KeyUsage", { StringEquals: { "kms:KeyUsage": "SIGN_VERIFY" } }, undefined as never, {}],
    ["kms:KeyOrigin", { StringEquals: { "kms:KeyOrigin": "EXTERNAL" } }, undefined as never, {}],
    ["kms:CallerAccount", { StringEquals: { "kms:CallerAccount": account } }, {}, undefined as never],
    [
      "kms:ViaService, not through it",
      { StringEquals: { "kms:ViaService": `s3.${region}.amazonaws.com` } },
      undefined as never,
      {},
    ],
    [
      "kms:EncryptionAlgorithm",
      { StringEquals: { "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT" } },
      {},
      undefined as never,
    ],
    [
      "kms:RequestAlias",
      { StringEquals: { "kms:RequestAlias": "alias/conditions" } },
      { KeyId: "alias/conditions" },
      {},
    ],
    [
      "kms:ResourceAliases",
      { "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/conditions" } },
      {},
      undefined as never,
    ],
    ["aws:ResourceTag", { StringEquals: { "aws:ResourceTag/team": "red" } }, {}, undefined as never],
    ["aws:ResourceTag, another", { StringEquals: { "aws:ResourceTag/team": "blue" } }, undefined as never, {}],
  ];
  for (const [name, Condition, good, bad] of conditions) {
    test(`condition key ${name}`, async () => {
      const { KeyId } = await createKey({ Tags: [{ TagKey: "team", TagValue: "red" }] });
      const bob = user("bob");
      await world.call("PutKeyPolicy", {
        KeyId,
        Policy: policy(statement(account1, "kms:*"), statement({ AWS: bob.arn }, "kms:Encrypt", { Condition })),
      });
      await world.call("CreateAlias", { AliasName: "alias/conditions", TargetKeyId: KeyId });
      try {
        if (good) await world.call("Encrypt", { KeyId, Plaintext: hello, ...good }, { as: bob });
        if (bad)
          await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello, ...bad }, { as: bob }), {
            code: "AccessDeniedException",
          });
      } finally {
        await world.call("DeleteAlias", { AliasName: "alias/conditions" });
      }
    });
  }

  test("kms:ViaService holds through the service and only through it", async () => {
    const { KeyId } = await createKey();
    const bob = user("bob");
    const Condition = { StringEquals: { "kms:ViaService": `s3.${region}.amazonaws.com` } };
    await world.call("PutKeyPolicy", {
      KeyId,
      Policy: policy(statement(account1, "kms:*"), statement({ AWS: bob.arn }, "kms:GenerateDataKey", { Condition })),
    });
    const request = { KeyId, KeySpec: "AES_256" };
    await world.call("GenerateDataKey", request, { as: bob, calledVia: ["s3.amazonaws.com"] });
    await assert.rejects(world.call("GenerateDataKey", request, { as: bob }), { code: "AccessDeniedException" });
    await assert.rejects(
      world.call("GenerateDataKey", request, { as: bob, calledVia: ["s3.amazonaws.com", "sns.amazonaws.com"] }),
      { code: "AccessDeniedException" },
    );
  });

  test("the lockout check refuses a policy that shuts its author out; bypassed, it is taken", async () => {
    const { KeyId } = await createKey();
    const Policy = policy(statement({ AWS: alice.arn }, "kms:*"));
    const locked = {
      code: "MalformedPolicyDocumentException",
      message: "The new key policy will not allow you to update the key policy in the future.",
    };
    await assert.rejects(world.call("PutKeyPolicy", { KeyId, Policy }), locked);
    await assert.rejects(world.call("CreateKey", { Policy }), locked);
    await world.call("PutKeyPolicy", { KeyId, Policy, BypassPolicyLockoutSafetyCheck: true });
    await assert.rejects(world.call("GetKeyPolicy", { KeyId }), { code: "AccessDeniedException" });
    assert.equal((await world.call("GetKeyPolicy", { KeyId }, { as: alice })).Policy, Policy, "kept as it was written");
  });

  test("the lockout check asks for a call that does not bypass it", async () => {
    const { KeyId } = await createKey();
    const guarded = user("guarded");
    const Condition = { Bool: { "kms:BypassPolicyLockoutSafetyCheck": "false" } };
    world.allow(guarded, { Effect: "Allow", Action: "kms:PutKeyPolicy", Resource: "*", Condition });
    const Policy = policy(statement(account1, "kms:*"));
    await world.call("PutKeyPolicy", { KeyId, Policy }, { as: guarded });
    await assert.rejects(
      world.call("PutKeyPolicy", { KeyId, Policy, BypassPolicyLockoutSafetyCheck: true }, { as: guarded }),
      { code: "AccessDeniedException" },
    );
  });

  test("there is one policy, named default", async () => {
    const { KeyId } = await createKey();
    await assert.rejects(world.call("GetKeyPolicy", { KeyId, PolicyName: "other" }), {
      code: "NotFoundException",
      message: "No such policy exists",
    });
  });
});
