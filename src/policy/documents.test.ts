import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import { loadPolicy, parsePolicy } from "./parse.ts";
import { documentTables } from "./testdata/documents.ts";

const codes = {
  identity: "MalformedPolicyDocument",
  boundary: "MalformedPolicyDocument",
  session: "MalformedPolicyDocument",
  trust: "MalformedPolicyDocument",
  resource: "MalformedPolicy",
  key: "MalformedPolicyDocumentException",
  scp: "MalformedPolicyDocumentException",
  rcp: "MalformedPolicyDocumentException",
};

for (const { source, kind, rows } of documentTables) {
  describe(`${kind}: ${source}`, () => {
    for (const [document, message] of rows) {
      const text = typeof document === "string" ? document : JSON.stringify(document);
      it(`${text.slice(0, 150)}: ${message ?? "accepted"}`, () => {
        if (message === undefined) {
          assert.equal(parsePolicy(text, kind).broken, undefined);
          return;
        }
        assert.throws(
          () => parsePolicy(text, kind),
          (error) =>
            error instanceof AwsError &&
            error.code === codes[kind] &&
            error.status === 400 &&
            (assert.equal(error.message, message), true),
        );
        assert.equal(loadPolicy(text, kind).broken, message);
      });
    }
  });
}

it("an object is read like its text", () => {
  const document = { Version: "2012-10-17", Statement: { Effect: "Allow", Action: "*", Resource: "*" } };
  assert.equal(parsePolicy(document, "identity").statements.length, 1);
});
