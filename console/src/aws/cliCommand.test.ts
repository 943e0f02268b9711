import assert from "node:assert/strict";
import { test } from "node:test";
import { cliCommand, kebab } from "./cliCommand.ts";

test("names are written as the AWS CLI writes them", () => {
  const names: [string, string][] = [
    ["ListObjectsV2", "list-objects-v2"],
    ["ListWebACLs", "list-web-acls"],
    ["ListMFADevices", "list-mfa-devices"],
    ["GetWebACL", "get-web-acl"],
    ["DescribeDBInstances", "describe-db-instances"],
    ["EnableMFADevice", "enable-mfa-device"],
    ["KeyId", "key-id"],
    ["PendingWindowInDays", "pending-window-in-days"],
    ["logGroupName", "log-group-name"],
    ["ListIPSets", "list-ip-sets"],
  ];
  for (const [name, expected] of names) assert.equal(kebab(name), expected);
});

test("what is ours is asked by curl, which signs it with the same credentials", () => {
  const where = { endpoint: "http://127.0.0.1:4566", region: "eu-west-1" };
  assert.equal(
    cliCommand("jikimi", "ledger", { month: "2026-11" }, where),
    'curl --aws-sigv4 aws:amz:eu-west-1:jikimi --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" --header "x-amz-security-token: $AWS_SESSION_TOKEN" \'http://127.0.0.1:4566/_jikimi/ledger?month=2026-11\'',
  );
});

test("a command is safe to paste: everything odd is quoted", () => {
  const where = { endpoint: "http://127.0.0.1:4566", region: "eu-west-1" };
  assert.equal(
    cliCommand("iam", "CreateUser", { UserName: "a'b; rm -rf /" }, where),
    `aws iam create-user --user-name 'a'\\''b; rm -rf /' --region eu-west-1 --endpoint-url http://127.0.0.1:4566`,
  );
  assert.equal(
    cliCommand(
      "s3",
      "PutPublicAccessBlock",
      { Bucket: "b", PublicAccessBlockConfiguration: { BlockPublicAcls: true } },
      where,
    ),
    `aws s3api put-public-access-block --bucket b --public-access-block-configuration '{"BlockPublicAcls":true}' --region eu-west-1 --endpoint-url http://127.0.0.1:4566`,
  );
  assert.match(cliCommand("sqs", "GetQueueAttributes", { AttributeNames: ["All"] }, where), /--attribute-names All --/);
  assert.match(cliCommand("guardduty", "CreateDetector", { Enable: true }, where), / --enable --region/);
  assert.match(
    cliCommand("iam", "CreateLoginProfile", { PasswordResetRequired: false }, where),
    / --no-password-reset-required /,
  );
});
