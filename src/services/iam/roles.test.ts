import assert from "node:assert/strict";
import { test } from "node:test";
import { account, allowDocument, ec2Trust, IamTest, trustDocument } from "./testing.ts";

const decode = (document: string) => JSON.parse(decodeURIComponent(document));

test("a role: defaults, trust, session length, description, deletion", async () => {
  const iam = new IamTest();
  const { Role } = await iam.call("CreateRole", { RoleName: "app", Path: "/svc/", AssumeRolePolicyDocument: ec2Trust });
  assert.equal(Role.Arn, `arn:aws:iam::${account}:role/svc/app`);
  assert.match(Role.RoleId, /^AROA[A-Z2-7]{17}$/);
  assert.deepEqual(decode(Role.AssumeRolePolicyDocument), JSON.parse(ec2Trust));
  assert.deepEqual([Role.MaxSessionDuration, Role.RoleLastUsed, Role.Tags], [undefined, undefined, undefined]);
  const got = (await iam.call("GetRole", { RoleName: "app" })).Role;
  assert.deepEqual([got.MaxSessionDuration, got.RoleLastUsed], [3600, {}]);
  await iam.call("UpdateRole", { RoleName: "app", MaxSessionDuration: 7200, Description: "d" });
  await iam.call("UpdateRole", { RoleName: "app" });
  const updated = (await iam.call("GetRole", { RoleName: "app" })).Role;
  assert.deepEqual([updated.MaxSessionDuration, updated.Description], [7200, "d"]);
  await iam.refused("UpdateRole", { RoleName: "app", MaxSessionDuration: 100 }, "ValidationError");
  await iam.call("DeleteRole", { RoleName: "app" });
  await iam.refused("GetRole", { RoleName: "app" }, "NoSuchEntity", "The role with name app cannot be found.");
});

test("trust policies: texts of refusals, size, and principals that do not exist", async () => {
  const iam = new IamTest();
  await iam.call("CreateRole", { RoleName: "app", AssumeRolePolicyDocument: ec2Trust });
  const update = (PolicyDocument: string, code: string, message?: string | RegExp) =>
    iam.refused("UpdateAssumeRolePolicy", { RoleName: "app", PolicyDocument }, code, message);
  await update("{", "MalformedPolicyDocument", "This policy contains invalid Json");
  await update(
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "s3:GetObject" }],
    }),
    "MalformedPolicyDocument",
    "AssumeRole policy may only specify STS AssumeRole actions.",
  );
  await update(
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole", Resource: "*" },
      ],
    }),
    "MalformedPolicyDocument",
    "Has prohibited field Resource",
  );
  await update(
    trustDocument({ AWS: `arn:aws:iam::${account}:user/nobody` }),
    "MalformedPolicyDocument",
    `Invalid principal in policy: "AWS":"arn:aws:iam::${account}:user/nobody"`,
  );
  const statement = JSON.parse(ec2Trust).Statement[0];
  const long = Array.from({ length: 30 }, (_, i) => ({ ...statement, Sid: `Statement${i}` }));
  await update(
    JSON.stringify({ Version: "2012-10-17", Statement: long }),
    "LimitExceeded",
    "Cannot exceed quota for ACLSizePerRole: 2048",
  );
});

test("trust means the entity, not its name: a new user of an old name is not trusted", async () => {
  const iam = new IamTest();
  const alice = `arn:aws:iam::${account}:user/alice`;
  const { User } = await iam.call("CreateUser", { UserName: "alice" });
  await iam.call("CreateRole", { RoleName: "app", AssumeRolePolicyDocument: trustDocument({ AWS: alice }) });
  const principal = async () =>
    decode((await iam.call("GetRole", { RoleName: "app" })).Role.AssumeRolePolicyDocument).Statement[0].Principal.AWS;
  assert.equal(await principal(), alice);
  await iam.call("DeleteUser", { UserName: "alice" });
  assert.equal(await principal(), User.UserId);
  await iam.call("CreateUser", { UserName: "alice" });
  assert.equal(await principal(), User.UserId);
  await iam.call("UpdateAssumeRolePolicy", { RoleName: "app", PolicyDocument: trustDocument({ AWS: alice }) });
  assert.equal(await principal(), alice);
});

test("permissions boundaries: set, replaced, counted, removed, and refused when they do not exist", async () => {
  const iam = new IamTest();
  const arn = (name: string) => `arn:aws:iam::${account}:policy/${name}`;
  for (const name of ["one", "two"]) {
    await iam.call("CreatePolicy", { PolicyName: name, PolicyDocument: allowDocument("s3:*") });
  }
  await iam.call("CreateRole", {
    RoleName: "app",
    AssumeRolePolicyDocument: ec2Trust,
    PermissionsBoundary: arn("one"),
  });
  await iam.call("PutRolePermissionsBoundary", { RoleName: "app", PermissionsBoundary: arn("two") });
  const uses = async (name: string) =>
    (await iam.call("GetPolicy", { PolicyArn: arn(name) })).Policy.PermissionsBoundaryUsageCount;
  assert.deepEqual([await uses("one"), await uses("two")], [0, 1]);
  assert.deepEqual((await iam.call("GetRole", { RoleName: "app" })).Role.PermissionsBoundary, {
    PermissionsBoundaryType: "Policy",
    PermissionsBoundaryArn: arn("two"),
  });
  await iam.refused(
    "PutRolePermissionsBoundary",
    { RoleName: "app", PermissionsBoundary: arn("none") },
    "NoSuchEntity",
    `Scope ARN: ${arn("none")} does not exist or is not attachable.`,
  );
  await iam.refused(
    "PutRolePermissionsBoundary",
    { RoleName: "app", PermissionsBoundary: `arn:aws:iam::${account}:not_a_policy/x` },
    "InvalidInput",
    `ARN arn:aws:iam::${account}:not_a_policy/x is not valid.`,
  );
  await iam.call("DeleteRolePermissionsBoundary", { RoleName: "app" });
  assert.equal(await uses("two"), 0);
});

test("instance profiles hold one role, which cannot be deleted meanwhile", async () => {
  const iam = new IamTest();
  for (const RoleName of ["app", "other"])
    await iam.call("CreateRole", { RoleName, AssumeRolePolicyDocument: ec2Trust });
  await iam.call("CreateInstanceProfile", { InstanceProfileName: "p" });
  await iam.refused(
    "CreateInstanceProfile",
    { InstanceProfileName: "P" },
    "EntityAlreadyExists",
    "Instance Profile P already exists.",
  );
  await iam.call("AddRoleToInstanceProfile", { InstanceProfileName: "p", RoleName: "app" });
  await iam.refused(
    "AddRoleToInstanceProfile",
    { InstanceProfileName: "p", RoleName: "other" },
    "LimitExceeded",
    "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
  );
  const profile = (await iam.call("GetInstanceProfile", { InstanceProfileName: "p" })).InstanceProfile;
  assert.equal(profile.Roles[0].RoleName, "app");
  assert.equal((await iam.call("ListInstanceProfilesForRole", { RoleName: "app" })).InstanceProfiles.length, 1);
  const conflict = "Cannot delete entity, must remove roles from instance profile first.";
  await iam.refused("DeleteRole", { RoleName: "app" }, "DeleteConflict", conflict);
  await iam.refused("DeleteInstanceProfile", { InstanceProfileName: "p" }, "DeleteConflict", conflict);
  await iam.call("RemoveRoleFromInstanceProfile", { InstanceProfileName: "p", RoleName: "app" });
  await iam.call("DeleteRole", { RoleName: "app" });
  await iam.call("DeleteInstanceProfile", { InstanceProfileName: "p" });
});

test("service-linked roles: made by name of the service, unmodifiable, deleted with a task", async () => {
  const iam = new IamTest();
  const input = { AWSServiceName: "guardduty.amazonaws.com" };
  const { Role } = await iam.call("CreateServiceLinkedRole", input);
  assert.equal(
    Role.Arn,
    `arn:aws:iam::${account}:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty`,
  );
  const { RoleName } = Role;
  assert.equal((await iam.call("ListAttachedRolePolicies", { RoleName })).AttachedPolicies.length, 1);
  await iam.refused(
    "CreateServiceLinkedRole",
    input,
    "InvalidInput",
    `Service role name ${RoleName} has been taken in this account, please try a different suffix.`,
  );
  await iam.refused("CreateServiceLinkedRole", { AWSServiceName: "nothing.amazonaws.com" }, "InvalidInput");
  for (const [operation, extra] of [
    ["DeleteRole", {}],
    ["UpdateAssumeRolePolicy", { PolicyDocument: ec2Trust }],
    ["PutRolePolicy", { PolicyName: "p", PolicyDocument: allowDocument("*") }],
    ["AttachRolePolicy", { PolicyArn: "arn:aws:iam::aws:policy/AdministratorAccess" }],
  ] as const) {
    await iam.refused(operation, { RoleName, ...extra }, "UnmodifiableEntity", /only modifiable by AWS/);
  }
  const { DeletionTaskId } = await iam.call("DeleteServiceLinkedRole", { RoleName });
  assert.match(
    DeletionTaskId,
    /^task\/aws-service-role\/guardduty\.amazonaws\.com\/AWSServiceRoleForAmazonGuardDuty\//,
  );
  assert.equal((await iam.call("GetServiceLinkedRoleDeletionStatus", { DeletionTaskId })).Status, "SUCCEEDED");
  await iam.refused("GetRole", { RoleName }, "NoSuchEntity");
});

test("every row of the service-linked role table has its policy", async () => {
  const { serviceLinkedRoles } = await import("./serviceLinkedRoles.ts");
  for (const AWSServiceName of Object.keys(serviceLinkedRoles)) {
    await new IamTest().call("CreateServiceLinkedRole", { AWSServiceName });
  }
});
