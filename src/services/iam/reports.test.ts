import assert from "node:assert/strict";
import { test } from "node:test";
import { account, allowDocument, asRoot, ec2Trust, IamTest } from "./testing.ts";

const rowsOf = (content: Uint8Array) => {
  const [head, ...rows] = Buffer.from(content)
    .toString()
    .split("\n")
    .map((line) => line.split(","));
  return rows.map((row) => Object.fromEntries(row.map((cell, i) => [head![i], cell])));
};

test("the credential report has AWS's columns and real values, for four hours", async () => {
  const iam = new IamTest();
  const error = await iam.refused("GetCredentialReport", {}, "ReportNotPresent");
  assert.equal(error.status, 410);
  await iam.call("CreateUser", { UserName: "alice" });
  await iam.call("CreateUser", { UserName: "a,b" });
  await iam.call("CreateLoginProfile", { UserName: "alice", Password: "Correct-Horse-1" });
  await iam.call("UpdateAccountPasswordPolicy", { MaxPasswordAge: 90 });
  const { AccessKey } = await iam.call("CreateAccessKey", { UserName: "alice" });
  await iam.call("CreateAccessKey", {}, asRoot);
  await iam.call("UpdateAccessKey", { UserName: "alice", AccessKeyId: AccessKey.AccessKeyId, Status: "Inactive" });
  assert.equal((await iam.call("GenerateCredentialReport")).State, "STARTED");
  assert.equal((await iam.call("GenerateCredentialReport")).State, "COMPLETE");
  const report = await iam.call("GetCredentialReport");
  assert.equal(report.ReportFormat, "text/csv");
  assert.equal(
    Buffer.from(report.Content).toString().split("\n")[0],
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
      "access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
      "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service," +
      "cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated",
  );
  const rows = rowsOf(report.Content);
  assert.equal(rows[0]!["user"], "<root_account>");
  assert.deepEqual([rows[0]!["access_key_1_active"], rows[0]!["password_enabled"]], ["true", "not_supported"]);
  const alice = rows.find((row) => row["user"] === "alice")!;
  assert.deepEqual(
    [alice["password_enabled"], alice["password_last_used"], alice["password_next_rotation"], alice["mfa_active"]],
    ["true", "no_information", "2026-04-01T00:00:00+00:00", "false"],
  );
  assert.deepEqual(
    [alice["access_key_1_active"], alice["access_key_1_last_rotated"], alice["access_key_2_active"]],
    ["false", "2026-01-01T00:00:00+00:00", "false"],
  );
  iam.clock.advance(4 * 3_600_000);
  await iam.refused("GetCredentialReport", {}, "ReportExpired");
  assert.equal((await iam.call("GenerateCredentialReport")).State, "STARTED");
});

test("the account summary counts what there is", async () => {
  const iam = new IamTest();
  const before = (await iam.call("GetAccountSummary")).SummaryMap;
  await iam.call("CreateUser", { UserName: "u" });
  await iam.call("CreateGroup", { GroupName: "g" });
  await iam.call("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: ec2Trust });
  await iam.call("CreateInstanceProfile", { InstanceProfileName: "p" });
  await iam.call("CreatePolicy", { PolicyName: "p", PolicyDocument: allowDocument("s3:*") });
  await iam.call("CreateOpenIDConnectProvider", { Url: "https://id.example.com" });
  await iam.call("CreateVirtualMFADevice", { VirtualMFADeviceName: "m" });
  const after = (await iam.call("GetAccountSummary")).SummaryMap;
  const changed = Object.keys(after).filter((key) => after[key] !== before[key]);
  assert.deepEqual(changed.sort(), [
    "Groups",
    "InstanceProfiles",
    "MFADevices",
    "Policies",
    "PolicyVersionsInUse",
    "Providers",
    "Roles",
    "Users",
  ]);
});

test("account authorization details: every kind, filtered, in pages", async () => {
  const iam = new IamTest();
  await iam.call("CreateGroup", { GroupName: "g" });
  await iam.call("CreateUser", { UserName: "u" });
  await iam.call("AddUserToGroup", { GroupName: "g", UserName: "u" });
  await iam.call("PutGroupPolicy", { GroupName: "g", PolicyName: "inline", PolicyDocument: allowDocument("s3:*") });
  await iam.call("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: ec2Trust });
  await iam.call("AttachRolePolicy", { RoleName: "r", PolicyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" });
  await iam.call("CreatePolicy", { PolicyName: "own", PolicyDocument: allowDocument("s3:*") });
  const all = await iam.call("GetAccountAuthorizationDetails");
  assert.deepEqual(all.UserDetailList[0].GroupList, ["g"]);
  assert.equal(all.GroupDetailList[0].GroupPolicyList[0].PolicyName, "inline");
  assert.equal(all.RoleDetailList[0].AttachedManagedPolicies[0].PolicyName, "ReadOnlyAccess");
  assert.deepEqual(
    all.Policies.map((policy: { PolicyName: string }) => policy.PolicyName),
    ["own", "ReadOnlyAccess"],
  );
  const roles = await iam.call("GetAccountAuthorizationDetails", { Filter: ["Role"] });
  assert.deepEqual([roles.UserDetailList.length, roles.RoleDetailList.length, roles.Policies.length], [0, 1, 0]);
  let seen = 0;
  let Marker: string | undefined;
  do {
    const page = await iam.call("GetAccountAuthorizationDetails", { MaxItems: 2, Marker });
    seen +=
      page.UserDetailList.length + page.GroupDetailList.length + page.RoleDetailList.length + page.Policies.length;
    Marker = page.Marker;
  } while (Marker);
  assert.equal(seen, 5);
});

test("account aliases are unique among accounts and one per account", async () => {
  const iam = new IamTest();
  await iam.call("CreateAccountAlias", { AccountAlias: "one" });
  await iam.refused(
    "CreateAccountAlias",
    { AccountAlias: "one" },
    "EntityAlreadyExists",
    "The account alias one already exists.",
    { account: "222233334444" },
  );
  await iam.call("CreateAccountAlias", { AccountAlias: "two" });
  assert.deepEqual((await iam.call("ListAccountAliases")).AccountAliases, ["two"]);
  // The former alias is free again.
  await iam.call("CreateAccountAlias", { AccountAlias: "one" }, { account: "222233334444" });
  await iam.call("DeleteAccountAlias", { AccountAlias: "two" });
  await iam.refused("DeleteAccountAlias", { AccountAlias: "two" }, "NoSuchEntity");
});

test("policies that grant access to services: managed, inline, and through groups", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "u" });
  await iam.call("CreateGroup", { GroupName: "g" });
  await iam.call("AddUserToGroup", { GroupName: "g", UserName: "u" });
  await iam.call("AttachUserPolicy", { UserName: "u", PolicyArn: "arn:aws:iam::aws:policy/AmazonS3FullAccess" });
  await iam.call("PutGroupPolicy", { GroupName: "g", PolicyName: "queues", PolicyDocument: allowDocument("sqs:*") });
  const { PoliciesGrantingServiceAccess } = await iam.call("ListPoliciesGrantingServiceAccess", {
    Arn: `arn:aws:iam::${account}:user/u`,
    ServiceNamespaces: ["s3", "sqs", "ec2"],
  });
  assert.deepEqual(PoliciesGrantingServiceAccess, [
    {
      ServiceNamespace: "s3",
      Policies: [
        {
          PolicyName: "AmazonS3FullAccess",
          PolicyType: "MANAGED",
          PolicyArn: "arn:aws:iam::aws:policy/AmazonS3FullAccess",
        },
      ],
    },
    {
      ServiceNamespace: "sqs",
      Policies: [{ PolicyName: "queues", PolicyType: "INLINE", EntityType: "GROUP", EntityName: "g" }],
    },
    { ServiceNamespace: "ec2", Policies: [] },
  ]);
});

test("the simulator decides with the principal's policies, its boundary, and what the request adds or leaves out", async () => {
  const iam = new IamTest();
  const PolicySourceArn = `arn:aws:iam::${account}:user/u`;
  await iam.call("CreateUser", { UserName: "u" });
  await iam.call("PutUserPolicy", { UserName: "u", PolicyName: "p", PolicyDocument: allowDocument(["s3:*", "sqs:*"]) });
  const decisions = async (input: Record<string, unknown>) =>
    (
      await iam.call("SimulatePrincipalPolicy", {
        PolicySourceArn,
        ActionNames: ["s3:GetObject", "sqs:SendMessage", "ec2:RunInstances"],
        ...input,
      })
    ).EvaluationResults.map((result: { EvalDecision: string }) => result.EvalDecision);
  assert.deepEqual(await decisions({}), ["allowed", "allowed", "implicitDeny"]);
  const deny = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Deny", Action: "s3:*", Resource: "*" }],
  });
  assert.deepEqual(await decisions({ PolicyInputList: [deny] }), ["explicitDeny", "allowed", "implicitDeny"]);
  assert.deepEqual(await decisions({ PolicyExclusionList: [{ PolicyType: "inline" }] }), [
    "implicitDeny",
    "implicitDeny",
    "implicitDeny",
  ]);
  await iam.call("CreatePolicy", { PolicyName: "b", PolicyDocument: allowDocument("sqs:*") });
  await iam.call("PutUserPermissionsBoundary", {
    UserName: "u",
    PermissionsBoundary: `arn:aws:iam::${account}:policy/b`,
  });
  assert.deepEqual(await decisions({}), ["implicitDeny", "allowed", "implicitDeny"]);
  await iam.refused(
    "SimulatePrincipalPolicy",
    { PolicySourceArn: `arn:aws:iam::${account}:user/nobody`, ActionNames: ["s3:GetObject"] },
    "NoSuchEntity",
  );
});

test("SimulateCustomPolicy uses context, resource policy and service control policies; its pages add up", async () => {
  const iam = new IamTest();
  const conditional = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: "s3:GetObject",
        Resource: "arn:aws:s3:::b/*",
        Condition: { StringEquals: { "aws:RequestedRegion": "ap-northeast-2" } },
      },
    ],
  });
  const simulate = async (extra: Record<string, unknown>) =>
    (
      await iam.call("SimulateCustomPolicy", {
        PolicyInputList: [conditional],
        ActionNames: ["s3:GetObject"],
        ResourceArns: ["arn:aws:s3:::b/key"],
        ...extra,
      })
    ).EvaluationResults[0];
  const missing = await simulate({});
  assert.deepEqual(
    [missing.EvalDecision, missing.ResourceSpecificResults[0].MissingContextValues],
    ["implicitDeny", ["aws:RequestedRegion"]],
  );
  const ContextEntries = [
    { ContextKeyName: "aws:RequestedRegion", ContextKeyValues: ["ap-northeast-2"], ContextKeyType: "string" },
  ];
  assert.equal((await simulate({ ContextEntries })).EvalDecision, "allowed");
  const scp = { ServiceControlPolicyInputList: [allowDocument("ec2:*")] };
  assert.equal(
    (await simulate({ ContextEntries, OrderedOrganizationPolicyInputList: [scp] })).EvalDecision,
    "implicitDeny",
  );
  assert.deepEqual(
    (await iam.call("GetContextKeysForCustomPolicy", { PolicyInputList: [conditional] })).ContextKeyNames,
    ["aws:RequestedRegion"],
  );
  await iam.refused("SimulateCustomPolicy", { PolicyInputList: ["{"], ActionNames: ["s3:GetObject"] }, "InvalidInput");
  await iam.refused(
    "SimulateCustomPolicy",
    { PolicyInputList: [conditional], ActionNames: ["s3:GetObject"], ResourcePolicy: allowDocument("*") },
    "InvalidInput",
  );
  const page = await iam.call("SimulateCustomPolicy", {
    PolicyInputList: [allowDocument("s3:*")],
    ActionNames: ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
    MaxItems: 2,
  });
  assert.deepEqual([page.EvaluationResults.length, page.IsTruncated], [2, true]);
});
