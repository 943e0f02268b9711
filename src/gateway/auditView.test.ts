import assert from "node:assert/strict";
import { test } from "node:test";
import { loadModel } from "#model/load.ts";
import { auditView } from "./auditView.ts";

const inputOf = (service: string, operation: string) => loadModel(service).operations.get(operation)!.input;

test("plaintext, bodies and passwords are left out; map keys stay as they are", () => {
  assert.deepEqual(
    auditView(inputOf("kms", "Encrypt"), {
      KeyId: "1",
      Plaintext: Buffer.from("x"),
      EncryptionContext: { Department: "HR" },
    }),
    { keyId: "1", encryptionContext: { Department: "HR" } },
  );
  assert.deepEqual(auditView(inputOf("iam", "CreateLoginProfile"), { UserName: "a", Password: "secret" }), {
    userName: "a",
  });
  assert.deepEqual(auditView(inputOf("s3", "PutObject"), { Bucket: "b", Key: "k", Body: Buffer.from("x") }), {
    bucket: "b",
    key: "k",
  });
});

test("new secrets are left out of the answer's view", () => {
  const output = loadModel("iam").operations.get("CreateAccessKey")!.output;
  const view = auditView(output, {
    AccessKey: { UserName: "a", AccessKeyId: "AKIA1", Status: "Active", SecretAccessKey: "s3cr3t" },
  });
  assert.deepEqual(view, { accessKey: { userName: "a", accessKeyId: "AKIA1", status: "Active" } });
});

test("shapes that contain themselves are shown to their depth", () => {
  const input = loadModel("wafv2").operations.get("CreateRuleGroup")!.input;
  const inner = { GeoMatchStatement: { CountryCodes: ["KR"] } };
  const view = auditView(input, {
    Name: "n",
    Rules: [{ Name: "r", Statement: { NotStatement: { Statement: { NotStatement: { Statement: inner } } } } }],
  }) as { rules: { statement: unknown }[] };
  assert.deepEqual(view.rules[0]!.statement, {
    notStatement: { statement: { notStatement: { statement: { geoMatchStatement: { countryCodes: ["KR"] } } } } },
  });
});
