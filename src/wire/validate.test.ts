import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsError } from "#kernel/errors.ts";
import { loadModel } from "#model/load.ts";
import type { Member, Shape } from "#model/types.ts";
import type { Protocol } from "./contract.ts";
import { errorRules } from "./errorRules.ts";
import { raise, Report, Validators } from "./validate.ts";

function check(service: string, operation: string, input: Record<string, unknown>): void {
  const model = loadModel(service);
  const rules = errorRules(model, model.protocols[0] as Protocol);
  const report = new Report();
  new Validators(rules.constraints).of(model.operations.get(operation)!.input)?.(input, "", report);
  raise(report, rules);
}

const table: [
  service: string,
  operation: string,
  input: Record<string, unknown>,
  code: string,
  message: string | RegExp,
][] = [
  [
    "kms",
    "Encrypt",
    { Plaintext: new Uint8Array(1) },
    "ValidationException",
    "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
  ],
  [
    "kms",
    "Encrypt",
    {},
    "ValidationException",
    "2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; Value null at 'plaintext' failed to satisfy constraint: Member must not be null",
  ],
  [
    "kms",
    "Encrypt",
    { KeyId: "k", Plaintext: new Uint8Array(4097) },
    "ValidationException",
    "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096",
  ],
  [
    "kms",
    "Encrypt",
    { KeyId: "", Plaintext: new Uint8Array(1) },
    "ValidationException",
    "1 validation error detected: Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1",
  ],
  [
    "kms",
    "CreateKey",
    { KeySpec: "RSA_1024" },
    "ValidationException",
    /^1 validation error detected: Value 'RSA_1024' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: \[.*RSA_2048.*\]$/,
  ],
  [
    "kms",
    "CreateKey",
    { Tags: [{ TagKey: "", TagValue: "v" }] },
    "ValidationException",
    "1 validation error detected: Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length greater than or equal to 1",
  ],
  [
    "kms",
    "CreateKey",
    { Tags: [null] },
    "ValidationException",
    "1 validation error detected: Value null at 'tags.1.member' failed to satisfy constraint: Member must not be null",
  ],
  [
    "kms",
    "ListKeys",
    { Limit: 0 },
    "ValidationException",
    "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
  ],
  [
    "kms",
    "UntagResource",
    { KeyId: "k", TagKeys: ["ok", ""] },
    "ValidationException",
    "1 validation error detected: Value '[ok, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]",
  ],
  [
    "iam",
    "CreateUser",
    { UserName: "a b" },
    "ValidationError",
    "1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+",
  ],
  [
    "iam",
    "CreateLoginProfile",
    { UserName: "u", Password: "x".repeat(129) },
    "ValidationError",
    /^1 validation error detected: Value at 'password' failed/,
  ],
  ["organizations", "DescribeAccount", { AccountId: "12" }, "InvalidInputException", /pattern/],
  ["logs", "CreateLogGroup", { logGroupName: "a b" }, "InvalidParameterException", /pattern/],
  ["guardduty", "GetDetector", { DetectorId: "" }, "BadRequestException", /length greater than or equal to 1/],
  [
    "lambda",
    "CreateFunction",
    { FunctionName: "f", Role: "arn:aws:iam::123456789012:role/r", Code: {}, MemorySize: 1 },
    "ValidationException",
    /'memorySize'/,
  ],
  ["ec2", "TerminateInstances", {}, "MissingParameter", "The request must contain the parameter InstanceIds"],
  ["s3", "PutBucketVersioning", { Bucket: "b" }, "MissingRequestBodyError", "Request Body is empty"],
  [
    "s3",
    "PutBucketTagging",
    { Bucket: "b", Tagging: {} },
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema",
  ],
  [
    "s3",
    "GetObjectAttributes",
    { Bucket: "b", Key: "k" },
    "InvalidRequest",
    "Missing required header for this request: x-amz-object-attributes",
  ],
];
for (const [service, operation, input, code, message] of table) {
  test(`${service} ${operation} ${JSON.stringify(input).slice(0, 60)}: ${code}`, () => {
    assert.throws(
      () => check(service, operation, input),
      (error) => {
        assert.ok(error instanceof AwsError);
        assert.equal(error.code, code);
        if (typeof message === "string") assert.equal(error.message, message);
        else assert.match(error.message, message);
        return true;
      },
    );
  });
}

test("what is right passes", () => {
  check("kms", "Encrypt", { KeyId: "alias/a", Plaintext: new Uint8Array(4096), EncryptionContext: { a: "b" } });
  check("iam", "CreateUser", { UserName: "a+b=c,d.e@f-g_1", Tags: [{ Key: "team", Value: "보안 팀" }] });
  check("s3", "PutObject", { Bucket: "b", Key: "k", StorageClass: "whatever" });
});

test("no sensitive value is printed, wherever it stands", () => {
  const secret = "canary-secret";
  const member = (name: string, shape: Shape, more: Partial<Member> = {}): Member => ({
    name,
    shape,
    required: false,
    ...more,
  });
  const short: Shape = { name: "Short", kind: "string", max: 1 };
  const sensitiveShort: Shape = { ...short, sensitive: true };
  const shape: Shape = {
    name: "Input",
    kind: "structure",
    members: [
      member("a", sensitiveShort),
      member("b", short, { sensitive: true }),
      member("c", { name: "L", kind: "list", element: member("member", sensitiveShort) }),
      member("d", {
        name: "M",
        kind: "map",
        mapKey: member("key", { name: "K", kind: "string" }),
        element: member("value", sensitiveShort),
      }),
      member("e", { name: "L2", kind: "list", max: 0, element: member("member", sensitiveShort) }),
    ],
  };
  const report = new Report();
  new Validators("all").of(shape)!({ a: secret, b: secret, c: [secret], d: { k: secret }, e: [secret] }, "", report);
  assert.equal(report.count, 6);
  assert.doesNotMatch(report.texts.join(), new RegExp(secret));
});

test("a thousand errors make no thousand texts", () => {
  const tags = Array.from({ length: 1000 }, () => ({ TagKey: "", TagValue: "" }));
  assert.throws(
    () => check("kms", "CreateKey", { Tags: tags }),
    (error) =>
      error instanceof AwsError && error.message.startsWith("1000 validation errors") && error.message.length < 5000,
  );
});

test("length counts characters, not UTF-16 units", () => {
  check("kms", "CreateKey", { Tags: [{ TagKey: "😀".repeat(128), TagValue: "v" }] });
  assert.throws(() => check("kms", "CreateKey", { Tags: [{ TagKey: "😀".repeat(129), TagValue: "v" }] }), AwsError);
});
