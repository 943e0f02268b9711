import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { loadModel } from "#model/load.ts";
import { audit } from "./auditRows.ts";
import { admin, World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

/** Members that only the use of key material answers with. */
const answers = new Set([
  "CiphertextBlob",
  "Plaintext",
  "Mac",
  "MacValid",
  "Signature",
  "SignatureValid",
  "SharedSecret",
]);

/** They make or take bytes, and need no key to have been used. */
const withoutKeys = new Set(["GetPublicKey", "GetParametersForImport", "ImportKeyMaterial"]);

test("every operation that only uses a key is recorded as a read", () => {
  const using = [...loadModel("kms").operations.values()].filter(
    ({ name, output }) => !withoutKeys.has(name) && output.members?.some((member) => answers.has(member.name)),
  );
  assert.ok(using.some(({ name }) => name === "Sign"));
  for (const { name } of using) {
    const detail = audit[name as "Sign"]?.({} as never, undefined, undefined as never);
    assert.equal(detail?.readOnly, true, name);
  }
});

test("a change of a key names the key in the response, whichever name the call used; no record has a grant token", async () => {
  const { KeyId, Arn } = (await world.call("CreateKey")).KeyMetadata;
  const other = (await world.call("CreateKey")).KeyMetadata;
  const AliasName = "alias/audited";
  const { Policy } = await world.call("GetKeyPolicy", { KeyId });
  const grant = { KeyId, GranteePrincipal: admin.arn, Operations: ["Encrypt"] };
  const record = () => world.records().at(-1)!;
  const calls: [string, Record<string, unknown>][] = [
    ["CreateAlias", { AliasName, TargetKeyId: other.KeyId }],
    ["UpdateAlias", { AliasName, TargetKeyId: KeyId }],
    ["DeleteAlias", { AliasName }],
    ["DisableKey", { KeyId }],
    ["EnableKey", { KeyId }],
    ["EnableKeyRotation", { KeyId }],
    ["DisableKeyRotation", { KeyId: Arn }],
    ["PutKeyPolicy", { KeyId, Policy }],
    ["TagResource", { KeyId, Tags: [{ TagKey: "a", TagValue: "b" }] }],
    ["UntagResource", { KeyId, TagKeys: ["a"] }],
    ["UpdateKeyDescription", { KeyId, Description: "d" }],
  ];
  for (const [operation, input] of calls) {
    await world.call(operation, input);
    const keyId = operation === "CreateAlias" ? other.Arn : Arn;
    assert.deepEqual([record()["eventName"], record()["responseElements"]], [operation, { keyId }]);
  }
  const { GrantId, GrantToken } = await world.call("CreateGrant", grant);
  assert.deepEqual(record()["responseElements"], { grantId: GrantId, keyId: Arn });
  await world.call("RetireGrant", { GrantToken });
  assert.equal(record()["requestParameters"], null);
  assert.deepEqual(record()["additionalEventData"], { grantId: GrantId });
  const again = await world.call("CreateGrant", grant);
  await world.call("RevokeGrant", { KeyId, GrantId: again.GrantId });
  assert.deepEqual(record()["responseElements"], { keyId: Arn });
  assert.ok(!JSON.stringify(world.records()).includes(GrantToken));
  await assert.rejects(world.call("CreateGrant", { ...grant, Operations: ["Sign"] }));
  assert.equal(record()["responseElements"], null);
});
