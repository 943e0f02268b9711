import assert from "node:assert/strict";
import { test } from "node:test";
import { account, allowDocument, ec2Trust, IamTest } from "./testing.ts";

const policyArn = (name: string) => `arn:aws:iam::${account}:policy/${name}`;
const decode = (document: string) => JSON.parse(decodeURIComponent(document));

test("a customer managed policy: created, versioned, used, counted, deleted", async () => {
  const iam = new IamTest();
  const { Policy } = await iam.call("CreatePolicy", {
    PolicyName: "read",
    Path: "/app/",
    Description: "reads",
    PolicyDocument: allowDocument("s3:GetObject"),
  });
  assert.equal(Policy.Arn, policyArn("app/read"));
  assert.equal(Policy.Description, undefined);
  await iam.call("CreatePolicyVersion", {
    PolicyArn: Policy.Arn,
    PolicyDocument: allowDocument("s3:ListBucket"),
    SetAsDefault: true,
  });
  const got = await iam.call("GetPolicyVersion", { PolicyArn: Policy.Arn, VersionId: "v2" });
  assert.equal(got.PolicyVersion.IsDefaultVersion, true);
  assert.equal(decode(got.PolicyVersion.Document).Statement[0].Action, "s3:ListBucket");

  await iam.call("CreateUser", { UserName: "alice", PermissionsBoundary: Policy.Arn });
  await iam.call("AttachUserPolicy", { UserName: "alice", PolicyArn: Policy.Arn });
  const counted = (await iam.call("GetPolicy", { PolicyArn: Policy.Arn })).Policy;
  assert.deepEqual(
    [counted.AttachmentCount, counted.PermissionsBoundaryUsageCount, counted.DefaultVersionId, counted.Description],
    [1, 1, "v2", "reads"],
  );
  const error = await iam.refused(
    "DeletePolicy",
    { PolicyArn: Policy.Arn },
    "DeleteConflict",
    "Cannot delete a policy attached to entities.",
  );
  assert.equal(error.status, 409);
  await iam.call("DetachUserPolicy", { UserName: "alice", PolicyArn: Policy.Arn });
  await iam.call("DeleteUserPermissionsBoundary", { UserName: "alice" });
  await iam.refused("DeletePolicy", { PolicyArn: Policy.Arn }, "DeleteConflict", /more than one version/);
  await iam.refused(
    "DeletePolicyVersion",
    { PolicyArn: Policy.Arn, VersionId: "v2" },
    "DeleteConflict",
    "Cannot delete the default version of a policy.",
  );
  await iam.call("DeletePolicyVersion", { PolicyArn: Policy.Arn, VersionId: "v1" });
  await iam.call("DeletePolicy", { PolicyArn: Policy.Arn });
  await iam.refused("GetPolicy", { PolicyArn: Policy.Arn }, "NoSuchEntity", `Policy ${Policy.Arn} was not found.`);
});

test("at most five versions, and a number is never used twice", async () => {
  const iam = new IamTest();
  const PolicyArn = policyArn("p");
  await iam.call("CreatePolicy", { PolicyName: "p", PolicyDocument: allowDocument("s3:*") });
  for (let i = 2; i <= 5; i++) {
    await iam.call("CreatePolicyVersion", { PolicyArn, PolicyDocument: allowDocument(`s3:Get${i}`) });
  }
  await iam.refused(
    "CreatePolicyVersion",
    { PolicyArn, PolicyDocument: allowDocument("s3:*") },
    "LimitExceeded",
    "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
  );
  await iam.call("DeletePolicyVersion", { PolicyArn, VersionId: "v5" });
  const { PolicyVersion } = await iam.call("CreatePolicyVersion", { PolicyArn, PolicyDocument: allowDocument("s3:*") });
  assert.equal(PolicyVersion.VersionId, "v6");
  const { Versions } = await iam.call("ListPolicyVersions", { PolicyArn });
  assert.deepEqual(
    Versions.map((version: { VersionId: string }) => version.VersionId),
    ["v6", "v4", "v3", "v2", "v1"],
  );
  await iam.refused(
    "SetDefaultPolicyVersion",
    { PolicyArn, VersionId: "v9" },
    "NoSuchEntity",
    `Policy ${PolicyArn} version v9 does not exist or is not attachable.`,
  );
});

test("a policy cannot be deleted while somebody attaches it", async () => {
  const iam = new IamTest();
  const PolicyArn = policyArn("p");
  await iam.call("CreatePolicy", { PolicyName: "p", PolicyDocument: allowDocument("s3:*") });
  await iam.call("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: ec2Trust });
  const results = await Promise.allSettled([
    iam.call("DeletePolicy", { PolicyArn }),
    iam.call("AttachRolePolicy", { RoleName: "r", PolicyArn }),
  ]);
  assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
  const attached = (await iam.call("ListAttachedRolePolicies", { RoleName: "r" })).AttachedPolicies;
  const existing = (await iam.call("ListPolicies", { Scope: "Local" })).Policies;
  assert.equal(attached.length, existing.length);
});

const kinds = [
  { kind: "User", create: { UserName: "x" }, name: { UserName: "x" }, inlineLimit: 2048 },
  { kind: "Group", create: { GroupName: "x" }, name: { GroupName: "x" }, inlineLimit: 5120 },
  {
    kind: "Role",
    create: { RoleName: "x", AssumeRolePolicyDocument: ec2Trust },
    name: { RoleName: "x" },
    inlineLimit: 10240,
  },
];

for (const { kind, create, name, inlineLimit } of kinds) {
  test(`${kind}: managed policies are attached once, at most ten, and detached`, async () => {
    const iam = new IamTest();
    await iam.call(`Create${kind}`, create);
    for (let i = 0; i <= 10; i++) {
      await iam.call("CreatePolicy", { PolicyName: `p${i}`, PolicyDocument: allowDocument("s3:*") });
    }
    for (let i = 0; i < 10; i++) await iam.call(`Attach${kind}Policy`, { ...name, PolicyArn: policyArn(`p${i}`) });
    await iam.call(`Attach${kind}Policy`, { ...name, PolicyArn: policyArn("p0") });
    await iam.refused(
      `Attach${kind}Policy`,
      { ...name, PolicyArn: policyArn("p10") },
      "LimitExceeded",
      `Cannot exceed quota for PoliciesPer${kind}: 10`,
    );
    await iam.call(`Detach${kind}Policy`, { ...name, PolicyArn: policyArn("p0") });
    const { AttachedPolicies } = await iam.call(`ListAttached${kind}Policies`, name);
    assert.equal(AttachedPolicies.length, 9);
    await iam.refused(
      `Detach${kind}Policy`,
      { ...name, PolicyArn: policyArn("p0") },
      "NoSuchEntity",
      `Policy ${policyArn("p0")} was not found.`,
    );
    await iam.refused(
      `Attach${kind}Policy`,
      { ...name, PolicyArn: policyArn("none") },
      "NoSuchEntity",
      `Policy ${policyArn("none")} does not exist or is not attachable.`,
    );
    await iam.refused(
      `Attach${kind}Policy`,
      { ...name, PolicyArn: "nonsense" },
      "ValidationError",
      "ARN nonsense is not valid.",
    );
  });

  test(`${kind}: inline policies share a quota of ${inlineLimit} characters without white space`, async () => {
    const iam = new IamTest();
    await iam.call(`Create${kind}`, create);
    const document = allowDocument("s3:GetObject", `arn:aws:s3:::bucket/${"a".repeat(inlineLimit - 300)}`);
    await iam.call(`Put${kind}Policy`, { ...name, PolicyName: "a", PolicyDocument: `${document}${" ".repeat(2000)}` });
    const error = await iam.refused(
      `Put${kind}Policy`,
      { ...name, PolicyName: "b", PolicyDocument: allowDocument("s3:Get", `arn:aws:s3:::${"b".repeat(300)}`) },
      "LimitExceeded",
      `Maximum policy size of ${inlineLimit} bytes exceeded for ${kind.toLowerCase()} x`,
    );
    assert.equal(error.status, 409);
    const got = await iam.call(`Get${kind}Policy`, { ...name, PolicyName: "a" });
    assert.deepEqual(decode(got.PolicyDocument), JSON.parse(document));
    await iam.call(`Delete${kind}Policy`, { ...name, PolicyName: "a" });
    await iam.refused(
      `Get${kind}Policy`,
      { ...name, PolicyName: "a" },
      "NoSuchEntity",
      `The ${kind.toLowerCase()} policy with name a cannot be found.`,
    );
    await iam.refused(`Put${kind}Policy`, { ...name, PolicyName: "c", PolicyDocument: "{" }, "MalformedPolicyDocument");
  });
}

test("AWS managed policies are there, with path and version, and cannot be changed", async () => {
  const iam = new IamTest();
  const rows: [string, string][] = [
    ["arn:aws:iam::aws:policy/AdministratorAccess", "/"],
    ["arn:aws:iam::aws:policy/job-function/Billing", "/job-function/"],
    ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", "/service-role/"],
    ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore", "/"],
  ];
  for (const [PolicyArn, path] of rows) {
    const { Policy } = await iam.call("GetPolicy", { PolicyArn });
    assert.deepEqual([Policy.Arn, Policy.Path], [PolicyArn, path]);
    const { PolicyVersion } = await iam.call("GetPolicyVersion", { PolicyArn, VersionId: Policy.DefaultVersionId });
    assert.ok(decode(PolicyVersion.Document).Statement.length > 0);
    await iam.refused("DeletePolicy", { PolicyArn }, "AccessDenied");
    await iam.refused("CreatePolicyVersion", { PolicyArn, PolicyDocument: allowDocument("*") }, "AccessDenied");
  }
});

test("ListPolicies by scope, use and path; ListEntitiesForPolicy by kind and use", async () => {
  const iam = new IamTest();
  await iam.call("CreatePolicy", { PolicyName: "used", PolicyDocument: allowDocument("s3:*") });
  await iam.call("CreatePolicy", { PolicyName: "bound", PolicyDocument: allowDocument("s3:*") });
  await iam.call("CreatePolicy", { PolicyName: "unused", Path: "/x/", PolicyDocument: allowDocument("s3:*") });
  await iam.call("CreateGroup", { GroupName: "g" });
  await iam.call("CreateUser", { UserName: "u", PermissionsBoundary: policyArn("bound") });
  await iam.call("AttachGroupPolicy", { GroupName: "g", PolicyArn: policyArn("used") });
  const names = async (input: Record<string, unknown>) =>
    (await iam.call("ListPolicies", { Scope: "Local", ...input })).Policies.map(
      (policy: { PolicyName: string }) => policy.PolicyName,
    );
  assert.deepEqual(await names({}), ["bound", "unused", "used"]);
  assert.deepEqual(await names({ OnlyAttached: true }), ["bound", "used"]);
  assert.deepEqual(await names({ PolicyUsageFilter: "PermissionsBoundary" }), ["bound"]);
  assert.deepEqual(await names({ PathPrefix: "/x/" }), ["unused"]);
  const entities = await iam.call("ListEntitiesForPolicy", { PolicyArn: policyArn("used") });
  assert.equal(entities.PolicyGroups[0].GroupName, "g");
  const bounded = await iam.call("ListEntitiesForPolicy", {
    PolicyArn: policyArn("bound"),
    PolicyUsageFilter: "PermissionsBoundary",
    EntityFilter: "User",
  });
  assert.equal(bounded.PolicyUsers[0].UserName, "u");
  const none = await iam.call("ListEntitiesForPolicy", { PolicyArn: policyArn("used"), EntityFilter: "Role" });
  assert.deepEqual([none.PolicyGroups, none.PolicyRoles], [[], []]);
});

test("a managed policy has at most 6144 characters without white space, and must be a policy", async () => {
  const iam = new IamTest();
  const long = allowDocument("s3:GetObject", `arn:aws:s3:::${"a".repeat(6144)}`);
  await iam.refused(
    "CreatePolicy",
    { PolicyName: "p", PolicyDocument: long },
    "LimitExceeded",
    "Cannot exceed quota for PolicySize: 6144",
  );
  for (const document of ["", "{", "[]", "{}", JSON.stringify({ Version: "2012-10-17", Statement: [] })]) {
    await iam.refused("CreatePolicy", { PolicyName: "p", PolicyDocument: document }, "MalformedPolicyDocument");
  }
});

test("tags of managed policies keep case apart", async () => {
  const iam = new IamTest();
  await iam.call("CreatePolicy", {
    PolicyName: "p",
    PolicyDocument: allowDocument("s3:*"),
    Tags: [
      { Key: "a", Value: "1" },
      { Key: "A", Value: "2" },
    ],
  });
  assert.equal((await iam.call("ListPolicyTags", { PolicyArn: policyArn("p") })).Tags.length, 2);
  await iam.call("UntagPolicy", { PolicyArn: policyArn("p"), TagKeys: ["a"] });
  assert.deepEqual((await iam.call("ListPolicyTags", { PolicyArn: policyArn("p") })).Tags, [{ Key: "A", Value: "2" }]);
});
