import assert from "node:assert/strict";
import { test } from "node:test";
import { loadModel, modelHeads, modelIds } from "./load.ts";
import type { Member, Shape } from "./types.ts";

test("every model of the index loads and says the same of itself", () => {
  assert.equal(modelIds().length, 47);
  for (const head of modelHeads()) {
    const { operations, errors, ...own } = loadModel(head.id);
    assert.deepEqual(own, head);
    assert.ok(operations.size > 0, head.id);
    if (head.id !== "ec2") assert.ok(errors.size > 0, head.id);
  }
});

test("a model is linked once", () => assert.equal(loadModel("kms"), loadModel("kms")));

test("an unknown service is refused, also one named like a file", () => {
  for (const id of ["nobody", "index", "../types", ""]) assert.throws(() => loadModel(id), RangeError);
});

test("facts of both sources meet: KMS Encrypt", () => {
  const { input, http } = loadModel("kms").operations.get("Encrypt")!;
  assert.deepEqual(http, { method: "POST", uri: "/", status: 200 });
  const plaintext = input.byName!.get("Plaintext")!;
  assert.equal(plaintext.required, true);
  assert.deepEqual(
    [plaintext.shape.kind, plaintext.shape.min, plaintext.shape.max, plaintext.shape.sensitive],
    ["blob", 1, 4096, true],
  );
  const algorithm = input.byName!.get("EncryptionAlgorithm")!.shape;
  assert.ok(algorithm.enum?.includes("SYMMETRIC_DEFAULT"));
});

test("newer than botocore: operations that only the SDK knows", () => {
  assert.ok(loadModel("kms").operations.has("Encapsulate"));
  assert.ok(loadModel("acm-pca").operations.has("IssueCertificate"));
  assert.ok(loadModel("artifact").operations.has("ListCustomerAgreements"));
});

test("identity of services", () => {
  const identity = (id: string): string[] => {
    const { iamPrefix, signingName, eventSource } = loadModel(id);
    return [iamPrefix, signingName, eventSource];
  };
  assert.deepEqual(identity("elbv2"), [
    "elasticloadbalancing",
    "elasticloadbalancing",
    "elasticloadbalancing.amazonaws.com",
  ]);
  assert.deepEqual(identity("cloudwatch"), ["cloudwatch", "monitoring", "monitoring.amazonaws.com"]);
  assert.deepEqual(identity("cloudhsmv2"), ["cloudhsm", "cloudhsm", "cloudhsm.amazonaws.com"]);
  assert.deepEqual(loadModel("cloudwatch").protocols, ["awsJson1_0", "rpcV2Cbor", "awsQuery"]);
});

test("operations without a signature", () => {
  const unsigned = modelIds().flatMap((id) =>
    [...loadModel(id).operations.values()]
      .filter((operation) => operation.unsigned)
      .map((operation) => `${id}:${operation.name}`),
  );
  assert.deepEqual(unsigned, ["sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"]);
});

test("every shape is whole: structures have members, lists elements, maps keys", () => {
  const seen = new Set<Shape>();
  const walk = (shape: Shape): void => {
    if (seen.has(shape)) return;
    seen.add(shape);
    if (shape.kind === "structure" || shape.kind === "union") assert.ok(shape.members && shape.byName, shape.name);
    if (shape.kind === "list" || shape.kind === "map") assert.ok(shape.element, shape.name);
    if (shape.kind === "map") assert.ok(shape.mapKey, shape.name);
    const inner: (Member | undefined)[] = [...(shape.members ?? []), shape.element, shape.mapKey];
    for (const member of inner) if (member) walk(member.shape);
  };
  for (const id of modelIds()) {
    for (const operation of loadModel(id).operations.values()) {
      walk(operation.input);
      walk(operation.output);
    }
  }
  assert.ok(seen.size > 10_000);
});
