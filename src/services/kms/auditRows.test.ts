import assert from "node:assert/strict";
import { test } from "node:test";
import { loadModel } from "#model/load.ts";
import { service } from "./index.ts";

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

test("every operation that only uses a key is recorded as a read", () => {
  const model = loadModel("kms");
  const using = [...service.operations.keys()].filter((name) =>
    model.operations.get(name)!.output.members?.some((member) => answers.has(member.name)),
  );
  assert.ok(using.includes("Sign") && using.includes("Encrypt"));
  for (const name of using) {
    const detail = service.audit.get(name)?.({}, undefined, undefined as never);
    assert.equal(detail?.readOnly, true, name);
  }
});
