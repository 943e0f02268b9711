/** IAM through the AWS CLI and boto3: answers parse, documents decode, errors have AWS's words. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { aws, awsCommand, isInstalled, run } from "../cli.ts";
import { startInstance, type Instance } from "../instance.ts";

const hasCli = await isInstalled(awsCommand());
const hasBoto =
  (await isInstalled("python3")) && (await run("python3", ["-c", "import boto3"], process.env)).code === 0;

const trust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
});

/** Prints what it found as JSON; every step is an ordinary boto3 call. */
const script = `
import boto3, json, sys
iam = boto3.client("iam")
iam.create_user(UserName="boto", Path="/b/", Tags=[{"Key": "team", "Value": "한국"}])
iam.put_user_policy(UserName="boto", PolicyName="p", PolicyDocument=json.dumps({
    "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}))
waited = iam.get_waiter("user_exists"); waited.wait(UserName="boto")
for i in range(7): iam.create_group(GroupName=f"boto{i}")
pages = iam.get_paginator("list_groups").paginate(PaginationConfig={"PageSize": 3})
try:
    iam.create_user(UserName="BOTO")
except iam.exceptions.EntityAlreadyExistsException as e:
    error = e.response["Error"] | {"status": e.response["ResponseMetadata"]["HTTPStatusCode"]}
device = iam.create_virtual_mfa_device(VirtualMFADeviceName="boto")["VirtualMFADevice"]
json.dump({
    "user": iam.get_user(UserName="boto")["User"]["Arn"],
    "tags": iam.list_user_tags(UserName="boto")["Tags"],
    "document": iam.get_user_policy(UserName="boto", PolicyName="p")["PolicyDocument"],
    "groups": [g["GroupName"] for page in pages for g in page["Groups"]],
    "error": error,
    "png": device["QRCodePNG"][:8].hex(),
    "seed": len(device["Base32StringSeed"]),
    "details": len(list(iam.get_paginator("get_account_authorization_details").paginate(
        PaginationConfig={"PageSize": 2}).search("GroupDetailList[]"))),
}, sys.stdout)
`;

describe("IAM clients", () => {
  let instance: Instance;
  before(async () => {
    instance = await startInstance();
  });
  after(() => instance.stop());

  test("AWS CLI", { skip: hasCli ? false : "no AWS CLI" }, async () => {
    const iam = (...args: string[]) => aws(instance, ["iam", ...args]);
    const created = await iam("create-role", "--role-name", "cli", "--assume-role-policy-document", trust);
    assert.deepEqual(created.Role.AssumeRolePolicyDocument, JSON.parse(trust));
    await iam("attach-role-policy", "--role-name", "cli", "--policy-arn", "arn:aws:iam::aws:policy/ReadOnlyAccess");
    const attached = await iam("list-attached-role-policies", "--role-name", "cli");
    assert.equal(attached.AttachedPolicies[0].PolicyName, "ReadOnlyAccess");
    const all = await iam("list-policies", "--scope", "AWS");
    assert.ok(all.Policies.length > 150);
    await assert.rejects(
      iam("delete-role", "--role-name", "cli"),
      /\(DeleteConflict\) when calling the DeleteRole operation: Cannot delete entity, must detach all policies first\./,
    );
    await iam("generate-credential-report");
    const report = await iam("get-credential-report");
    assert.match(Buffer.from(report.Content, "base64").toString(), /^user,arn,user_creation_time,/);
    const simulated = await iam(
      "simulate-custom-policy",
      "--policy-input-list",
      JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "s3:Get*", Resource: "*" }] }),
      "--action-names",
      "s3:GetObject",
      "s3:PutObject",
    );
    assert.deepEqual(
      simulated.EvaluationResults.map((result: { EvalDecision: string }) => result.EvalDecision),
      ["allowed", "implicitDeny"],
    );
  });

  test("boto3", { skip: hasBoto ? false : "no boto3" }, async () => {
    const ran = await run("python3", ["-c", script], instance.env({ PYTHONWARNINGS: "ignore" }));
    assert.equal(ran.code, 0, ran.stderr);
    const { accountId } = instance.ready;
    assert.deepEqual(JSON.parse(ran.stdout), {
      user: `arn:aws:iam::${accountId}:user/b/boto`,
      tags: [{ Key: "team", Value: "한국" }],
      document: { Version: "2012-10-17", Statement: { Effect: "Allow", Action: "s3:*", Resource: "*" } },
      groups: Array.from({ length: 7 }, (_, i) => `boto${i}`),
      error: {
        Type: "Sender",
        Code: "EntityAlreadyExists",
        Message: "User with name BOTO already exists.",
        status: 409,
      },
      png: "89504e470d0a1a0a",
      seed: 64,
      details: 7,
    });
  });
});
