import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Principal } from "#gateway/principal.ts";
import { account, admin, otherAccount, user, World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const hello = Buffer.from("hello");
const denied = { code: "AccessDeniedException" };

async function createKey(): Promise<{ KeyId: string; Arn: string }> {
  return (await world.call("CreateKey")).KeyMetadata;
}

async function grant(KeyId: string, grantee: string, Operations: string[], more: Record<string, unknown> = {}) {
  return (await world.call("CreateGrant", { KeyId, GranteePrincipal: grantee, Operations, ...more })) as {
    GrantId: string;
    GrantToken: string;
  };
}

describe("a grant", () => {
  test("allows its operations to its grantee, nobody else and nothing else, until it is revoked", async () => {
    const { KeyId, Arn } = await createKey();
    const [alice, bob] = [user("alice"), user("bob")];
    const encrypt = (as: Principal): Promise<unknown> => world.call("Encrypt", { KeyId, Plaintext: hello }, { as });
    await assert.rejects(encrypt(alice), denied);
    const { GrantId, GrantToken } = await grant(KeyId, alice.arn, ["Encrypt", "DescribeKey"]);
    assert.match(GrantId, /^[0-9a-f]{64}$/);
    await encrypt(alice);
    await world.call("Encrypt", { KeyId, Plaintext: hello, GrantTokens: [GrantToken] }, { as: alice });
    await world.call("DescribeKey", { KeyId }, { as: alice });
    await assert.rejects(encrypt(bob), denied);
    await assert.rejects(world.call("GenerateDataKey", { KeyId, KeySpec: "AES_256" }, { as: alice }), denied);
    const { Grants } = await world.call("ListGrants", { KeyId });
    assert.deepEqual(Grants, [
      {
        KeyId: Arn,
        GrantId,
        Name: "",
        CreationDate: new Date(world.clock.now()),
        GranteePrincipal: alice.arn,
        IssuingAccount: `arn:aws:iam::${account}:root`,
        Operations: ["DescribeKey", "Encrypt"],
      },
    ]);
    await world.call("RevokeGrant", { KeyId, GrantId });
    await assert.rejects(encrypt(alice), denied);
    assert.deepEqual((await world.call("ListGrants", { KeyId })).Grants, []);
    await assert.rejects(world.call("RevokeGrant", { KeyId, GrantId }), { code: "NotFoundException" });
  });

  test("for a role holds for its sessions", async () => {
    const { KeyId } = await createKey();
    const session: Principal = {
      kind: "role",
      account,
      arn: `arn:aws:sts::${account}:assumed-role/app/s1`,
      id: "AROAX:s1",
      roleArn: `arn:aws:iam::${account}:role/app`,
      roleId: "AROAX",
      roleName: "app",
      sessionName: "s1",
      session: { createdAt: 0, expiresAt: Number.MAX_SAFE_INTEGER, mfaAuthenticated: false },
    };
    await grant(KeyId, session.roleArn, ["Encrypt"]);
    await world.call("Encrypt", { KeyId, Plaintext: hello }, { as: session });
  });

  test("does not win against an explicit deny", async () => {
    const { KeyId } = await createKey();
    const alice = user("alice");
    await grant(KeyId, alice.arn, ["Encrypt"]);
    world.allow(alice, { Effect: "Deny", Action: "kms:Encrypt", Resource: "*" });
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }, { as: alice }), denied);
    world.policies.delete(alice.arn);
    await world.call("Encrypt", { KeyId, Plaintext: hello }, { as: alice });
  });

  const constraints: [string, object, Record<string, string> | undefined, boolean][] = [
    ["equals, the same", { EncryptionContextEquals: { a: "b" } }, { a: "b" }, true],
    ["equals, one more", { EncryptionContextEquals: { a: "b" } }, { a: "b", c: "d" }, false],
    ["equals, none", { EncryptionContextEquals: { a: "b" } }, undefined, false],
    ["subset, the same", { EncryptionContextSubset: { a: "b" } }, { a: "b" }, true],
    ["subset, one more", { EncryptionContextSubset: { a: "b" } }, { a: "b", c: "d" }, true],
    ["subset, another value", { EncryptionContextSubset: { a: "b" } }, { a: "c" }, false],
    ["subset, another case of the key", { EncryptionContextSubset: { a: "b" } }, { A: "b" }, false],
  ];
  for (const [name, Constraints, EncryptionContext, works] of constraints) {
    test(`constraint ${name}`, async () => {
      const { KeyId } = await createKey();
      const carol = user("carol");
      await grant(KeyId, carol.arn, ["Encrypt", "DescribeKey"], { Constraints });
      const call = world.call("Encrypt", { KeyId, Plaintext: hello, EncryptionContext }, { as: carol });
      if (works) await call;
      else await assert.rejects(call, denied);
      await world.call("DescribeKey", { KeyId }, { as: carol });
    });
  }

  test("that may make grants makes none wider than itself", async () => {
    const { KeyId } = await createKey();
    const [parent, child] = [user("parent"), user("child")];
    await grant(KeyId, parent.arn, ["CreateGrant", "Encrypt", "Decrypt"], {
      Constraints: { EncryptionContextSubset: { a: "b" } },
    });
    const make = (Operations: string[], Constraints?: object): Promise<unknown> =>
      world.call(
        "CreateGrant",
        { KeyId, GranteePrincipal: child.arn, Operations, ...(Constraints ? { Constraints } : {}) },
        { as: parent },
      );
    await assert.rejects(
      make(["GenerateDataKey"], { EncryptionContextSubset: { a: "b" } }),
      denied,
      "an operation more",
    );
    await assert.rejects(make(["Encrypt"]), denied, "no constraint");
    await assert.rejects(make(["Encrypt"], { EncryptionContextSubset: { c: "d" } }), denied, "another constraint");
    await make(["Encrypt"], { EncryptionContextSubset: { a: "b", c: "d" } });
    await make(["Encrypt"], { EncryptionContextEquals: { a: "b" } });
    await world.call("Encrypt", { KeyId, Plaintext: hello, EncryptionContext: { a: "b" } }, { as: child });
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }, { as: child }), denied);
  });

  test("with a name and the same parameters is made once", async () => {
    const { KeyId } = await createKey();
    const dave = user("dave");
    const more = { Name: "retry-me", Constraints: { EncryptionContextSubset: { a: "1", b: "2" } } };
    const first = await grant(KeyId, dave.arn, ["Encrypt", "Decrypt"], more);
    const second = await grant(KeyId, dave.arn, ["Decrypt", "Encrypt"], more);
    assert.equal(second.GrantId, first.GrantId);
    assert.notEqual(second.GrantToken, first.GrantToken);
    const GrantTokens = [first.GrantToken, second.GrantToken];
    await world.call("Encrypt", { KeyId, Plaintext: hello, GrantTokens });
    const third = await grant(KeyId, dave.arn, ["Encrypt"], more);
    assert.notEqual(third.GrantId, first.GrantId);
    assert.equal((await world.call("ListGrants", { KeyId })).Grants.length, 2);
    const a = await grant(KeyId, dave.arn, ["Encrypt"]);
    const b = await grant(KeyId, dave.arn, ["Encrypt"]);
    assert.notEqual(a.GrantId, b.GrantId, "nameless ones are made each time");
  });

  test("can be found by grantee and id, in pages", async () => {
    const { KeyId } = await createKey();
    const erin = user("erin");
    for (let n = 0; n < 3; n++) await grant(KeyId, erin.arn, ["Encrypt"]);
    const { GrantId } = await grant(KeyId, admin.arn, ["Encrypt"]);
    for (const filter of [{}, { GranteePrincipal: erin.arn }]) {
      const first = await world.call("ListGrants", { KeyId, Limit: 2, ...filter });
      const second = await world.call("ListGrants", { KeyId, Limit: 2, Marker: first.NextMarker, ...filter });
      assert.deepEqual([first.Grants.length, first.Truncated, second.Truncated], [2, true, false]);
      assert.equal(first.Grants.length + second.Grants.length, "GranteePrincipal" in filter ? 3 : 4);
    }
    assert.equal((await world.call("ListGrants", { KeyId, GrantId })).Grants[0].GranteePrincipal, admin.arn);
    await assert.rejects(world.call("ListGrants", { KeyId, GrantId: "0".repeat(64) }), { code: "NotFoundException" });
  });

  test("does not speak for another key", async () => {
    const [a, b] = [await createKey(), await createKey()];
    const frank = user("frank");
    await grant(a.KeyId, frank.arn, ["Encrypt"]);
    await assert.rejects(world.call("Encrypt", { KeyId: b.KeyId, Plaintext: hello }, { as: frank }), denied);
  });
});

describe("retiring", () => {
  test("the retiring principal may, the grantee only when the grant says so, others not", async () => {
    const { KeyId, Arn } = await createKey();
    const [grantee, retirer, other] = [user("grantee"), user("retirer"), user("other")];
    const { GrantId, GrantToken } = await grant(KeyId, grantee.arn, ["Encrypt"], { RetiringPrincipal: retirer.arn });
    await assert.rejects(world.call("RetireGrant", { KeyId: Arn, GrantId }, { as: other }), denied);
    await assert.rejects(world.call("RetireGrant", { GrantToken }, { as: grantee }), denied);
    await world.call("RetireGrant", { GrantToken }, { as: retirer });
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello }, { as: grantee }), denied);
    await assert.rejects(world.call("RetireGrant", { GrantToken }, { as: retirer }), {
      code: "InvalidGrantTokenException",
    });
    const own = await grant(KeyId, grantee.arn, ["Encrypt", "RetireGrant"]);
    await world.call("RetireGrant", { KeyId: Arn, GrantId: own.GrantId }, { as: grantee });
    await assert.rejects(world.call("RetireGrant", {}), { code: "ValidationException" });
    await assert.rejects(world.call("RetireGrant", { GrantToken, GrantId }), { code: "ValidationException" });
  });

  test("ListRetirableGrants shows the principal's grants, those on keys of other accounts too", async () => {
    const { KeyId, Arn } = await createKey();
    const retirer = user("admin", otherAccount);
    const { GrantId } = await grant(KeyId, admin.arn, ["Encrypt"], { RetiringPrincipal: retirer.arn });
    const { Grants } = await world.call("ListRetirableGrants", { RetiringPrincipal: retirer.arn }, { as: retirer });
    assert.deepEqual(
      Grants.map((each: { GrantId: string; KeyId: string }) => [each.GrantId, each.KeyId]),
      [[GrantId, Arn]],
    );
    assert.deepEqual((await world.call("ListRetirableGrants", { RetiringPrincipal: user("nobody").arn })).Grants, []);
    await world.call("RetireGrant", { KeyId: Arn, GrantId }, { as: retirer });
    assert.deepEqual(
      (await world.call("ListRetirableGrants", { RetiringPrincipal: retirer.arn }, { as: retirer })).Grants,
      [],
    );
    assert.deepEqual((await world.call("ListGrants", { KeyId })).Grants, []);
  });
});

test("grants across accounts: made and used by key ARN", async () => {
  const { KeyId, Arn } = await createKey();
  const foreign = user("admin", otherAccount);
  await assert.rejects(world.call("Encrypt", { KeyId: Arn, Plaintext: hello }, { as: foreign }), denied);
  await grant(KeyId, foreign.arn, ["Encrypt", "Decrypt"]);
  const { CiphertextBlob } = await world.call("Encrypt", { KeyId: Arn, Plaintext: hello }, { as: foreign });
  assert.deepEqual(Buffer.from((await world.call("Decrypt", { CiphertextBlob }, { as: foreign })).Plaintext), hello);
});

test("a grant that another account made for its own principal suffices; made by the key's account, it does not", async () => {
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [`arn:aws:iam::${account}:root`, `arn:aws:iam::${otherAccount}:root`].map((AWS) => ({
      Effect: "Allow",
      Principal: { AWS },
      Action: "kms:*",
      Resource: "*",
    })),
  });
  const { KeyId, Arn } = (await world.call("CreateKey", { Policy })).KeyMetadata;
  const worker = user("worker", otherAccount);
  const encrypt = (): Promise<unknown> => world.call("Encrypt", { KeyId: Arn, Plaintext: hello }, { as: worker });
  const { GrantId } = await grant(KeyId, worker.arn, ["Encrypt"]);
  await assert.rejects(encrypt(), denied);
  await world.call("RevokeGrant", { KeyId, GrantId });
  const request = { KeyId: Arn, GranteePrincipal: worker.arn, Operations: ["Encrypt"] };
  await world.call("CreateGrant", request, { as: user("admin", otherAccount) });
  await encrypt();
  world.allow(worker, { Effect: "Deny", Action: "kms:*", Resource: "*" });
  await assert.rejects(encrypt(), denied, "its own account can still deny");
});

const refused: [string, Record<string, unknown>, string][] = [
  ["a principal that is none", { GranteePrincipal: "alice" }, "InvalidArnException"],
  ["a service, named by a customer", { GranteePrincipal: "s3.amazonaws.com" }, "InvalidArnException"],
  ["a retiring principal that is none", { RetiringPrincipal: "arn:aws:s3:::bucket" }, "InvalidArnException"],
  ["an operation of other keys", { Operations: ["Sign"] }, "ValidationException"],
  ["no operation", { Operations: [] }, "ValidationException"],
  [
    "nine pairs",
    {
      Constraints: { EncryptionContextSubset: Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`k${n}`, "v"])) },
    },
    "LimitExceededException",
  ],
  ["empty constraints", { Constraints: {} }, "ValidationException"],
  ["a token that is none", { GrantTokens: ["bm9uZQ=="] }, "InvalidGrantTokenException"],
];
for (const [name, input, code] of refused) {
  test(`CreateGrant refuses ${name}`, async () => {
    const { KeyId } = await createKey();
    await assert.rejects(
      world.call("CreateGrant", { KeyId, GranteePrincipal: admin.arn, Operations: ["Encrypt"], ...input }),
      { code },
    );
    assert.deepEqual((await world.call("ListGrants", { KeyId })).Grants, []);
  });
}

test("a forged grant token is refused", async () => {
  const { KeyId } = await createKey();
  const [a, b] = [await grant(KeyId, admin.arn, ["Encrypt"]), await grant(KeyId, admin.arn, ["Decrypt"])];
  const [partsA, partsB] = [a, b].map(({ GrantToken }) => Buffer.from(GrantToken, "base64").toString().split("|"));
  const encode = (parts: string[]): string => Buffer.from(parts.join("|")).toString("base64");
  const forged = [
    encode([...partsA!.slice(0, 4), Buffer.alloc(64, 1).toString("base64url")]),
    encode([...partsA!.slice(0, 4), partsB![4]!]),
    encode(partsA!.slice(0, 4)),
  ];
  for (const token of forged) {
    const refused = { code: "InvalidGrantTokenException" };
    await assert.rejects(world.call("Encrypt", { KeyId, Plaintext: hello, GrantTokens: [token] }), refused);
    await assert.rejects(world.call("RetireGrant", { GrantToken: token }), refused);
  }
});
