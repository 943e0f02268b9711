import assert from "node:assert/strict";
import { test } from "node:test";
import { loadModel } from "#model/load.ts";
import { audit } from "./auditRows.ts";

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
