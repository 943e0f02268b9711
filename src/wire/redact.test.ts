import assert from "node:assert/strict";
import { test } from "node:test";
import { loadModel } from "#model/load.ts";
import type { Member, Shape } from "#model/types.ts";
import { hidden, redact } from "./redact.ts";

const operation = (service: string, name: string) => loadModel(service).operations.get(name)!;

test("KMS: plaintext is a blob and goes, the context stays", () => {
  const input = { KeyId: "k", Plaintext: new Uint8Array([1, 2]), EncryptionContext: { dept: "x" } };
  assert.deepEqual(redact(operation("kms", "Encrypt").input, input), {
    KeyId: "k",
    ...(operation("kms", "Encrypt").input.byName!.get("Plaintext")!.shape.sensitive ? { Plaintext: hidden } : {}),
    EncryptionContext: { dept: "x" },
  });
});

test("Secrets Manager and IAM: secrets and passwords", () => {
  const secret = redact(operation("secretsmanager", "CreateSecret").input, { Name: "n", SecretString: "s3cret" });
  assert.deepEqual(secret, { Name: "n", SecretString: hidden });
  const login = redact(operation("iam", "CreateLoginProfile").input, { UserName: "u", Password: "s3cret" });
  assert.deepEqual(login, { UserName: "u", Password: hidden });
  const key = redact(operation("iam", "CreateAccessKey").output, {
    AccessKey: { AccessKeyId: "A", SecretAccessKey: "s3cret" },
  });
  assert.deepEqual(key, { AccessKey: { AccessKeyId: "A", SecretAccessKey: hidden } });
});

test("streams, event streams and what the model does not know are left out", () => {
  const body = (async function* () {})();
  assert.deepEqual(redact(operation("s3", "PutObject").input, { Bucket: "b", Key: "k", Body: body, Other: "x" }), {
    Bucket: "b",
    Key: "k",
  });
  assert.deepEqual(redact(operation("logs", "StartLiveTail").output, { responseStream: body }), {});
});

test("sensitive elements, values, keys and members of members", () => {
  const text: Shape = { name: "T", kind: "string" };
  const secret: Shape = { ...text, sensitive: true };
  const member = (name: string, shape: Shape, more: Partial<Member> = {}): Member => ({
    name,
    shape,
    required: false,
    ...more,
  });
  const shape: Shape = {
    name: "S",
    kind: "structure",
    members: [
      member("list", { name: "L", kind: "list", element: member("member", secret) }),
      member("map", { name: "M", kind: "map", mapKey: member("key", text), element: member("value", secret) }),
      member("keys", { name: "N", kind: "map", mapKey: member("key", secret), element: member("value", text) }),
      member("marked", text, { sensitive: true }),
      member("whole", { name: "W", kind: "structure", sensitive: true, members: [member("a", text)] }),
      member("open", text),
    ],
  };
  const value = { list: ["x", "x"], map: { k: "x" }, keys: { x: "v" }, marked: "x", whole: { a: "x" }, open: "o" };
  assert.deepEqual(redact(shape, value), {
    list: [hidden, hidden],
    map: { k: hidden },
    keys: hidden,
    marked: hidden,
    whole: hidden,
    open: "o",
  });
});

test("nothing in, nothing out", () => assert.equal(redact(operation("kms", "Encrypt").input, undefined), undefined));
