import assert from "node:assert/strict";
import { test } from "node:test";
import { account, allowDocument, asRole, asUser, ec2Trust, IamTest } from "./testing.ts";

const arn = (resource: string) => `arn:aws:iam::${account}:${resource}`;

/** Operation, input, and what authorization is asked. */
const rows: [operation: string, input: Record<string, unknown>, asked: [string, string, Record<string, unknown>?][]][] =
  [
    ["ListUsers", {}, [["iam:ListUsers", arn("user/")]]],
    ["ListRoles", { PathPrefix: "/app/" }, [["iam:ListRoles", arn("role/app/")]]],
    ["ListPolicies", {}, [["iam:ListPolicies", "*"]]],
    ["CreateUser", { UserName: "n", Path: "/t/" }, [["iam:CreateUser", arn("user/t/n")]]],
    [
      "CreateUser",
      { UserName: "n", PermissionsBoundary: arn("policy/b"), Tags: [{ Key: "team", Value: "red" }] },
      [
        [
          "iam:CreateUser",
          arn("user/n"),
          { "iam:PermissionsBoundary": arn("policy/b"), "aws:RequestTag/team": "red", "aws:TagKeys": ["team"] },
        ],
        ["iam:TagUser", arn("user/n"), { "aws:RequestTag/team": "red", "aws:TagKeys": ["team"] }],
      ],
    ],
    [
      "GetUser",
      { UserName: "alice" },
      [["iam:GetUser", arn("user/team/alice"), { "aws:ResourceTag/env": "prod", "iam:ResourceTag/env": "prod" }]],
    ],
    ["GetUser", { UserName: "nobody" }, [["iam:GetUser", arn("user/nobody")]]],
    [
      "AttachUserPolicy",
      { UserName: "alice", PolicyArn: arn("policy/p") },
      [
        [
          "iam:AttachUserPolicy",
          arn("user/team/alice"),
          { "iam:PolicyARN": arn("policy/p"), "iam:PermissionsBoundary": arn("policy/b") },
        ],
      ],
    ],
    [
      "UpdateUser",
      { UserName: "alice", NewUserName: "alicia" },
      [
        ["iam:UpdateUser", arn("user/team/alice")],
        ["iam:UpdateUser", arn("user/team/alicia")],
      ],
    ],
    [
      "AddRoleToInstanceProfile",
      { InstanceProfileName: "p", RoleName: "app" },
      [
        ["iam:AddRoleToInstanceProfile", arn("instance-profile/p")],
        ["iam:PassRole", arn("role/app"), { "iam:PassedToService": "ec2.amazonaws.com" }],
      ],
    ],
    [
      "CreateServiceLinkedRole",
      { AWSServiceName: "guardduty.amazonaws.com" },
      [
        [
          "iam:CreateServiceLinkedRole",
          arn("role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty"),
          { "iam:AWSServiceName": "guardduty.amazonaws.com" },
        ],
      ],
    ],
    ["GetPolicy", { PolicyArn: arn("policy/b") }, [["iam:GetPolicy", arn("policy/b")]]],
    ["UntagRole", { RoleName: "app", TagKeys: ["a"] }, [["iam:UntagRole", arn("role/app"), { "aws:TagKeys": ["a"] }]]],
    [
      "CreateOpenIDConnectProvider",
      { Url: "https://id.example.com" },
      [["iam:CreateOpenIDConnectProvider", arn("oidc-provider/id.example.com")]],
    ],
  ];

for (const [operation, input, asked] of rows) {
  test(`${operation} ${JSON.stringify(input)} asks ${asked.map(([action]) => action).join(", ")}`, async () => {
    const iam = new IamTest();
    await iam.call("CreatePolicy", { PolicyName: "b", PolicyDocument: allowDocument("s3:*") });
    await iam.call("CreateUser", {
      UserName: "alice",
      Path: "/team/",
      PermissionsBoundary: arn("policy/b"),
      Tags: [{ Key: "env", Value: "prod" }],
    });
    await iam.call("CreateRole", { RoleName: "app", AssumeRolePolicyDocument: ec2Trust });
    const access = await iam.access(operation, input);
    assert.deepEqual(
      access.map((each) => [each.action, each.resource]),
      asked.map(([action, resource]) => [action, resource]),
    );
    asked.forEach(([, , context], i) => assert.partialDeepStrictEqual(access[i]!.context ?? {}, context ?? {}));
  });
}

test("a refusal speaks of what does not exist by its name, and of a listing of policies by its path", async () => {
  const iam = new IamTest();
  const told = async (operation: string, input: Record<string, unknown>) => {
    const [access] = await iam.access(operation, input);
    const message = `User: x is not authorized to perform: ${access!.action} on resource: ${access!.resource} because`;
    return access!.onDenied?.(message).message;
  };
  assert.equal(
    await told("GetUser", { UserName: "nobody" }),
    "User: x is not authorized to perform: iam:GetUser on resource: user nobody because",
  );
  assert.equal(
    await told("ListPolicies", {}),
    "User: x is not authorized to perform: iam:ListPolicies on resource: policy path / because",
  );
  await iam.call("CreateUser", { UserName: "alice" });
  assert.equal(await told("GetUser", { UserName: "alice" }), undefined);
});

test("without a user name the question is about the caller itself", async () => {
  const iam = new IamTest();
  const { User } = await iam.call("CreateUser", { UserName: "alice", Path: "/team/" });
  const [own] = await iam.access("CreateAccessKey", {}, asUser("alice", User.UserId));
  assert.equal(own!.resource, arn("user/team/alice"));
  const [role] = await iam.access("CreateAccessKey", {}, asRole);
  assert.equal(role!.resource, "*");
});

test("the account's password policy lets users change their own password, as a policy that denies can overrule", async () => {
  const iam = new IamTest();
  const { User } = await iam.call("CreateUser", { UserName: "alice" });
  const alice = asUser("alice", User.UserId);
  const ask = async () => (await iam.access("ChangePassword", { OldPassword: "a", NewPassword: "b" }, alice))[0]!;
  assert.equal((await ask()).resourcePolicies, undefined);
  await iam.call("UpdateAccountPasswordPolicy", { AllowUsersToChangePassword: true });
  const access = await ask();
  assert.equal(access.trust, "either");
  assert.deepEqual(JSON.parse(access.resourcePolicies![0]!.document).Statement[0], {
    Effect: "Allow",
    Principal: { AWS: arn("user/alice") },
    Action: "iam:ChangePassword",
    Resource: arn("user/alice"),
  });
});
