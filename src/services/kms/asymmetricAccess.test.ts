/** Who may use key pairs, what is recorded of it, and which aliases may point at them. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { account, otherAccount, user } from "./testing.ts";
import { world, message, key, createKey } from "./testingPairs.ts";

describe("who may", () => {
  const conditions: [string, string, string, string, string, Record<string, unknown>, Record<string, unknown>][] = [
    [
      "kms:SigningAlgorithm",
      "ECDSA_SHA_256",
      "Sign",
      "ECC_NIST_P256",
      "SIGN_VERIFY",
      { Message: message, SigningAlgorithm: "ECDSA_SHA_256" },
      { Message: message, SigningAlgorithm: "ECDSA_SHA_512" },
    ],
    [
      "kms:MessageType",
      "RAW",
      "Sign",
      "ECC_NIST_P256",
      "SIGN_VERIFY",
      { Message: message, SigningAlgorithm: "ECDSA_SHA_256" },
      { Message: Buffer.alloc(32), SigningAlgorithm: "ECDSA_SHA_256", MessageType: "DIGEST" },
    ],
    [
      "kms:EncryptionAlgorithm",
      "RSAES_OAEP_SHA_256",
      "Encrypt",
      "RSA_2048",
      "ENCRYPT_DECRYPT",
      { Plaintext: message, EncryptionAlgorithm: "RSAES_OAEP_SHA_256" },
      { Plaintext: message, EncryptionAlgorithm: "RSAES_OAEP_SHA_1" },
    ],
    [
      "kms:DataKeyPairSpec",
      "ECC_NIST_P256",
      "GenerateDataKeyPair",
      "SYMMETRIC_DEFAULT",
      "ENCRYPT_DECRYPT",
      { KeyPairSpec: "ECC_NIST_P256" },
      { KeyPairSpec: "ECC_NIST_P384" },
    ],
  ];
  for (const [condition, value, operation, spec, usage, allowed, refused] of conditions) {
    test(condition, async () => {
      const { KeyId, Arn } = await key(spec, usage);
      const who = user(`by-${condition.slice(4)}`);
      world.allow(who, {
        Effect: "Allow",
        Action: `kms:${operation}`,
        Resource: Arn,
        Condition: { StringEquals: { [condition]: value } },
      });
      await world.call(operation, { KeyId, ...allowed }, { as: who });
      await assert.rejects(world.call(operation, { KeyId, ...refused }, { as: who }), {
        code: "AccessDeniedException",
      });
    });
  }

  test("kms:KeyAgreementAlgorithm", async () => {
    const { KeyId, Arn } = await key("ECC_NIST_P256", "KEY_AGREEMENT");
    const PublicKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({
      type: "spki",
      format: "der",
    });
    const request = { KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey };
    for (const [name, value, allowed] of [
      ["agree", "ECDH", true],
      ["other", "X25519", false],
    ] as const) {
      const who = user(name);
      const Condition = { StringEquals: { "kms:KeyAgreementAlgorithm": value } };
      world.allow(who, { Effect: "Allow", Action: "kms:DeriveSharedSecret", Resource: Arn, Condition });
      const call = world.call("DeriveSharedSecret", request, { as: who });
      await (allowed ? call : assert.rejects(call, { code: "AccessDeniedException" }));
    }
  });

  test("grants for signing, and not for what the key cannot do; another account by key policy", async () => {
    const { KeyId, Arn } = await createKey({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" });
    const who = user("signer");
    world.allow(who, { Effect: "Deny", Action: "kms:Verify", Resource: "*" });
    const request = { KeyId, Message: message, SigningAlgorithm: "ECDSA_SHA_256" };
    await assert.rejects(world.call("Sign", request, { as: who }), { code: "AccessDeniedException" });
    await world.call("CreateGrant", {
      KeyId,
      GranteePrincipal: who.arn,
      Operations: ["Sign", "GetPublicKey", "Verify"],
    });
    const { Signature } = await world.call("Sign", request, { as: who });
    await world.call("GetPublicKey", { KeyId }, { as: who });
    await assert.rejects(world.call("Verify", { ...request, Signature }, { as: who }), {
      code: "AccessDeniedException",
    });
    for (const operation of ["Encrypt", "GenerateMac", "DeriveSharedSecret"]) {
      await assert.rejects(world.call("CreateGrant", { KeyId, GranteePrincipal: who.arn, Operations: [operation] }), {
        code: "ValidationException",
      });
    }
    const foreign = user("admin", otherAccount);
    await assert.rejects(world.call("Sign", { ...request, KeyId: Arn }, { as: foreign }), {
      code: "AccessDeniedException",
    });
    const statement = (account: string, Action: string) => ({
      Effect: "Allow",
      Principal: { AWS: `arn:aws:iam::${account}:root` },
      Action,
      Resource: "*",
    });
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [statement(account, "kms:*"), statement(otherAccount, "kms:Sign")],
    });
    await world.call("PutKeyPolicy", { KeyId, Policy });
    await world.call("Sign", { ...request, KeyId: Arn }, { as: foreign });
    await assert.rejects(world.call("GetPublicKey", { KeyId: Arn }, { as: foreign }), {
      code: "AccessDeniedException",
    });
  });
});

test("the record of a signature says with which algorithm, and holds no signature", async () => {
  const { KeyId } = await key("ECC_NIST_P256", "SIGN_VERIFY");
  await world.call("Sign", { KeyId, Message: message, SigningAlgorithm: "ECDSA_SHA_256" });
  const record = world.records().at(-1)!;
  assert.deepEqual([record["eventName"], record["readOnly"], record["responseElements"]], ["Sign", true, null]);
  assert.equal(record["requestParameters"].signingAlgorithm, "ECDSA_SHA_256");
  assert.equal(
    record["requestParameters"].message === undefined || !JSON.stringify(record).includes(message.toString("base64")),
    true,
  );
});

test("an alias moves between keys of the same type and usage only", async () => {
  const rsa = await key("RSA_2048", "SIGN_VERIFY");
  const curve = await key("ECC_NIST_P256", "SIGN_VERIFY");
  const encrypting = await key("RSA_2048", "ENCRYPT_DECRYPT");
  const AliasName = "alias/pairs";
  await world.call("CreateAlias", { AliasName, TargetKeyId: rsa.KeyId });
  await world.call("UpdateAlias", { AliasName, TargetKeyId: curve.KeyId });
  const request = { KeyId: AliasName, Message: message, SigningAlgorithm: "ECDSA_SHA_256" };
  assert.equal((await world.call("Sign", request)).KeyId, curve.Arn);
  await assert.rejects(world.call("UpdateAlias", { AliasName, TargetKeyId: encrypting.KeyId }), {
    code: "ValidationException",
  });
});
