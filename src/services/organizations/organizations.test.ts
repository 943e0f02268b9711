import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobContext } from "#gateway/context.ts";
import { systemRandom } from "#kernel/ids.ts";
import { testAccount } from "#gateway/testing.ts";
import { closedForGood } from "./jobs.ts";
import { denyS3, document, from, OrganizationsTest } from "./testing.ts";

const other = "444455556666";

test("an account is in one organization at most, and outside of one there is nothing", async () => {
  const organizations = await OrganizationsTest.start();
  await organizations.refused("CreateOrganization", {}, "AlreadyInOrganizationException");
  await organizations.register(other, "other@example.com");
  await organizations.refused("ListAccounts", {}, "AWSOrganizationsNotInUseException", undefined, from(other));
  await organizations.call("CreateOrganization", {}, from(other));
  const { Organization: theirs } = await organizations.call("DescribeOrganization", {}, from(other));
  const { Organization: ours } = await organizations.call("DescribeOrganization");
  assert.match(ours.Id, /^o-[a-z0-9]{10,32}$/);
  assert.notEqual(theirs.Id, ours.Id);
  assert.equal(ours.Arn, `arn:aws:organizations::${testAccount}:organization/${ours.Id}`);
  assert.equal(ours.MasterAccountEmail, "root@example.com");
});

test("an organization is deleted when it has no member accounts, with all that is in it", async () => {
  const organizations = await OrganizationsTest.start();
  const account = await organizations.member("one");
  await organizations.unit("a");
  await organizations.policy("p");
  await organizations.refused("DeleteOrganization", {}, "OrganizationNotEmptyException");
  organizations.clock.advance(8 * 24 * 3600 * 1000);
  await organizations.call("RemoveAccountFromOrganization", { AccountId: account });
  await organizations.call("DeleteOrganization");
  await organizations.refused("ListRoots", {}, "AWSOrganizationsNotInUseException");
  await organizations.call("CreateOrganization", {});
  const { Policies } = await organizations.call("ListPolicies", { Filter: "SERVICE_CONTROL_POLICY" });
  assert.deepEqual(
    Policies.map(({ Id }: { Id: string }) => Id),
    ["p-FullAWSAccess"],
  );
});

test("units nest five deep, are named once under a parent, and go when they are empty", async () => {
  const organizations = await OrganizationsTest.start();
  let parent = organizations.root;
  const path = [];
  for (let depth = 1; depth <= 5; depth++) path.push((parent = await organizations.unit(`level-${depth}`, parent)));
  await organizations.refused(
    "CreateOrganizationalUnit",
    { Name: "level-6", ParentId: parent },
    "ConstraintViolationException",
    "OU_DEPTH_LIMIT_EXCEEDED",
  );
  await organizations.refused(
    "CreateOrganizationalUnit",
    { Name: "level-1", ParentId: organizations.root },
    "DuplicateOrganizationalUnitException",
  );
  const { OrganizationalUnit } = await organizations.call("DescribeOrganizationalUnit", {
    OrganizationalUnitId: parent,
  });
  const { Organization } = await organizations.call("DescribeOrganization");
  assert.equal(OrganizationalUnit.Path, `${Organization.Id}/${organizations.root}/${path.join("/")}/`);
  await organizations.refused(
    "DeleteOrganizationalUnit",
    { OrganizationalUnitId: path[3] },
    "OrganizationalUnitNotEmptyException",
  );
  await organizations.call("DeleteOrganizationalUnit", { OrganizationalUnitId: path[4] });
  await organizations.call("DeleteOrganizationalUnit", { OrganizationalUnitId: path[3] });
  const { Children } = await organizations.call("ListChildren", {
    ParentId: path[1],
    ChildType: "ORGANIZATIONAL_UNIT",
  });
  assert.deepEqual(Children, [{ Id: path[2], Type: "ORGANIZATIONAL_UNIT" }]);
  const { Parents } = await organizations.call("ListParents", { ChildId: path[0] });
  assert.deepEqual(Parents, [{ Id: organizations.root, Type: "ROOT" }]);
});

test("refusals of moving, attaching and the rest carry AWS's codes and reasons", async () => {
  const organizations = await OrganizationsTest.start();
  const account = await organizations.member("one");
  const [unit, policy] = [await organizations.unit("a"), await organizations.policy("p")];
  const { root } = organizations;
  const move = { AccountId: account, SourceParentId: root, DestinationParentId: unit };
  const rows: [operation: string, input: Record<string, unknown>, code: string, reason?: string][] = [
    ["MoveAccount", { ...move, AccountId: other }, "AccountNotFoundException"],
    ["MoveAccount", { ...move, SourceParentId: unit }, "SourceParentNotFoundException"],
    ["MoveAccount", { ...move, DestinationParentId: "ou-abcd-12345678" }, "DestinationParentNotFoundException"],
    ["MoveAccount", { ...move, DestinationParentId: root }, "DuplicateAccountException"],
    ["AttachPolicy", { PolicyId: "p-unknown01", TargetId: root }, "PolicyNotFoundException"],
    ["AttachPolicy", { PolicyId: policy, TargetId: other }, "TargetNotFoundException"],
    ["AttachPolicy", { PolicyId: policy, TargetId: "x" }, "InvalidInputException", "INVALID_PATTERN_TARGET_ID"],
    ["AttachPolicy", { PolicyId: "p-FullAWSAccess", TargetId: root }, "DuplicatePolicyAttachmentException"],
    ["AttachPolicy", { PolicyId: "p-RCPFullAWSAccess", TargetId: root }, "PolicyTypeNotEnabledException"],
    ["DetachPolicy", { PolicyId: policy, TargetId: root }, "PolicyNotAttachedException"],
    [
      "DetachPolicy",
      { PolicyId: "p-FullAWSAccess", TargetId: unit },
      "ConstraintViolationException",
      "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
    ],
    ["UpdatePolicy", { PolicyId: "p-FullAWSAccess", Name: "x" }, "InvalidInputException", "IMMUTABLE_POLICY"],
    ["DeletePolicy", { PolicyId: "p-unknown01" }, "PolicyNotFoundException"],
    ["EnablePolicyType", { RootId: "r-zzzz", PolicyType: "SERVICE_CONTROL_POLICY" }, "RootNotFoundException"],
    ["EnablePolicyType", { RootId: root, PolicyType: "SERVICE_CONTROL_POLICY" }, "PolicyTypeAlreadyEnabledException"],
    ["EnablePolicyType", { RootId: root, PolicyType: "TAG_POLICY" }, "PolicyTypeNotAvailableForOrganizationException"],
    ["DisablePolicyType", { RootId: root, PolicyType: "RESOURCE_CONTROL_POLICY" }, "PolicyTypeNotEnabledException"],
    [
      "CreatePolicy",
      { Name: "t", Description: "", Content: "{}", Type: "BACKUP_POLICY" },
      "PolicyTypeNotAvailableForOrganizationException",
    ],
    [
      "CreatePolicy",
      { Name: "p", Description: "", Content: denyS3, Type: "SERVICE_CONTROL_POLICY" },
      "DuplicatePolicyException",
    ],
    [
      "CreatePolicy",
      { Name: "q", Description: "", Content: "{", Type: "SERVICE_CONTROL_POLICY" },
      "MalformedPolicyDocumentException",
    ],
    [
      "CreatePolicy",
      { Name: "q", Description: "", Content: denyS3 + " ".repeat(5120), Type: "SERVICE_CONTROL_POLICY" },
      "ConstraintViolationException",
      "POLICY_CONTENT_LIMIT_EXCEEDED",
    ],
    [
      "CreatePolicy",
      {
        Name: "q",
        Description: "",
        Content: document({ Effect: "Allow", Principal: "*", Action: "s3:*", Resource: "*" }),
        Type: "RESOURCE_CONTROL_POLICY",
      },
      "MalformedPolicyDocumentException",
    ],
    ["RemoveAccountFromOrganization", { AccountId: testAccount }, "MasterCannotLeaveOrganizationException"],
    ["LeaveOrganization", {}, "MasterCannotLeaveOrganizationException"],
    ["RemoveAccountFromOrganization", { AccountId: other }, "AccountNotFoundException"],
    ["DescribeAccount", { AccountId: other }, "AccountNotFoundException"],
    ["DescribeCreateAccountStatus", { CreateAccountRequestId: "car-0" }, "CreateAccountStatusNotFoundException"],
    ["InviteAccountToOrganization", { Target: { Type: "ACCOUNT", Id: other } }, "AccountNotFoundException"],
    ["DescribeHandshake", { HandshakeId: "h-12345678" }, "HandshakeNotFoundException"],
    ["DescribeHandshake", { HandshakeId: "x" }, "InvalidInputException", "INVALID_PATTERN"],
    [
      "RegisterDelegatedAdministrator",
      { AccountId: testAccount, ServicePrincipal: "config.amazonaws.com" },
      "ConstraintViolationException",
      "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
    ],
    [
      "DeregisterDelegatedAdministrator",
      { AccountId: account, ServicePrincipal: "config.amazonaws.com" },
      "AccountNotRegisteredException",
    ],
    [
      "EnableAWSServiceAccess",
      { ServicePrincipal: "nobody" },
      "InvalidInputException",
      "UNRECOGNIZED_SERVICE_PRINCIPAL",
    ],
    ["DescribeResourcePolicy", {}, "ResourcePolicyNotFoundException"],
    ["TagResource", { ResourceId: other, Tags: [] }, "TargetNotFoundException"],
    ["ListAccounts", { NextToken: "nonsense" }, "InvalidInputException", "INVALID_NEXT_TOKEN"],
  ];
  for (const [operation, input, code, reason] of rows) await organizations.refused(operation, input, code, reason);
});

test("five policies of a type fit on a target; what is attached cannot be deleted; switching off detaches all", async () => {
  const organizations = await OrganizationsTest.start();
  const TargetId = await organizations.member("one");
  const ids: string[] = [];
  for (const name of ["a", "b", "c", "d", "e"]) ids.push(await organizations.policy(name));
  for (const PolicyId of ids.slice(0, 4)) await organizations.call("AttachPolicy", { PolicyId, TargetId });
  await organizations.refused(
    "AttachPolicy",
    { PolicyId: ids[4], TargetId },
    "ConstraintViolationException",
    "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
  );
  await organizations.refused("DeletePolicy", { PolicyId: ids[0] }, "PolicyInUseException");
  const { Targets } = await organizations.call("ListTargetsForPolicy", { PolicyId: ids[0] });
  assert.deepEqual(
    Targets.map(({ TargetId: id, Type, Name }: Record<string, string>) => [id, Type, Name]),
    [[TargetId, "ACCOUNT", "one"]],
  );
  const everywhere = await organizations.call("ListTargetsForPolicy", { PolicyId: "p-FullAWSAccess" });
  assert.deepEqual(
    new Set(everywhere.Targets.map(({ TargetId: id }: { TargetId: string }) => id)),
    new Set([organizations.root, testAccount, TargetId]),
  );

  const type = { RootId: organizations.root, PolicyType: "SERVICE_CONTROL_POLICY" };
  await organizations.call("DisablePolicyType", type);
  await organizations.call("EnablePolicyType", type);
  const after = await organizations.call("ListPoliciesForTarget", { TargetId, Filter: "SERVICE_CONTROL_POLICY" });
  assert.deepEqual(
    after.Policies.map(({ Id }: { Id: string }) => Id),
    ["p-FullAWSAccess"],
  );
  await organizations.call("DeletePolicy", { PolicyId: ids[0] });
});

test("calls at the same time happen one after another: no target keeps a policy that was deleted", async () => {
  const organizations = await OrganizationsTest.start();
  const PolicyId = await organizations.policy("p");
  const outcomes = await Promise.allSettled([
    organizations.call("AttachPolicy", { PolicyId, TargetId: organizations.root }),
    organizations.call("DeletePolicy", { PolicyId }),
    organizations.call("CreateOrganizationalUnit", { Name: "u", ParentId: organizations.root }),
    organizations.call("CreateOrganizationalUnit", { Name: "u", ParentId: organizations.root }),
  ]);
  const done = outcomes.map(({ status }) => status === "fulfilled");
  assert.notEqual(done[0], done[1], "either attached or deleted");
  assert.notEqual(done[2], done[3], "one unit of the name");
  const { Policies } = await organizations.call("ListPoliciesForTarget", {
    TargetId: organizations.root,
    Filter: "SERVICE_CONTROL_POLICY",
  });
  assert.equal(Policies.length, done[0] ? 2 : 1);
});

test("invitations are accepted, declined, cancelled, or run out", async () => {
  const organizations = await OrganizationsTest.start();
  await organizations.register(other, "other@example.com");
  const invite = async () =>
    (await organizations.call("InviteAccountToOrganization", { Target: { Type: "ACCOUNT", Id: other } })).Handshake;
  const first = await invite();
  assert.equal(first.Arn.split("/").slice(-2)[0], "invite");
  await organizations.refused(
    "InviteAccountToOrganization",
    { Target: { Type: "EMAIL", Id: "other@example.com" } },
    "DuplicateHandshakeException",
  );
  // Only the invited account answers; a stranger learns nothing of it.
  const stranger = await organizations.register("777788889999", "stranger@example.com");
  const of = ({ Id }: { Id: string }) => ({ HandshakeId: Id });
  await organizations.refused("AcceptHandshake", of(first), "HandshakeNotFoundException", undefined, from(stranger));
  await organizations.refused("AcceptHandshake", of(first), "HandshakeNotFoundException");
  const declined = await organizations.call("DeclineHandshake", of(first), from(other));
  assert.equal(declined.Handshake.State, "DECLINED");
  await organizations.refused("CancelHandshake", of(first), "InvalidHandshakeTransitionException");
  const second = await invite();
  await organizations.call("CancelHandshake", of(second));
  await organizations.refused(
    "AcceptHandshake",
    of(second),
    "InvalidHandshakeTransitionException",
    undefined,
    from(other),
  );
  const third = await invite();
  organizations.clock.advance(15 * 24 * 3600 * 1000);
  const shown = await organizations.call("DescribeHandshake", of(third));
  assert.equal(shown.Handshake.State, "EXPIRED");
  await organizations.refused(
    "AcceptHandshake",
    of(third),
    "InvalidHandshakeTransitionException",
    undefined,
    from(other),
  );
  await organizations.call("AcceptHandshake", of(await invite()), from(other));
  const { Accounts } = await organizations.call("ListAccounts");
  assert.deepEqual(
    Accounts.map(({ Id, JoinedMethod }: Record<string, string>) => [Id, JoinedMethod]),
    [
      [testAccount, "INVITED"],
      [other, "INVITED"],
    ],
  );
  await organizations.call("LeaveOrganization", {}, from(other));
});

test("with consolidated billing only, nothing is controlled", async () => {
  const organizations = await OrganizationsTest.start("CONSOLIDATED_BILLING");
  const type = { RootId: organizations.root, PolicyType: "SERVICE_CONTROL_POLICY" };
  await organizations.refused("EnablePolicyType", type, "PolicyTypeNotAvailableForOrganizationException");
  const policy = { Name: "p", Description: "", Content: denyS3, Type: "SERVICE_CONTROL_POLICY" };
  await organizations.refused("CreatePolicy", policy, "PolicyTypeNotAvailableForOrganizationException");
  await organizations.refused(
    "EnableAWSServiceAccess",
    { ServicePrincipal: "config.amazonaws.com" },
    "ConstraintViolationException",
    "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
  );
});

test("all features come when every invited account has approved and the management account confirms", async () => {
  const organizations = await OrganizationsTest.start("CONSOLIDATED_BILLING");
  await organizations.member("created");
  await organizations.register(other, "other@example.com");
  const target = { Target: { Type: "ACCOUNT", Id: other } };
  const { Handshake: invitation } = await organizations.call("InviteAccountToOrganization", target);
  await organizations.call("AcceptHandshake", { HandshakeId: invitation.Id }, from(other));

  const cancelled = (await organizations.call("EnableAllFeatures")).Handshake;
  assert.match(cancelled.Arn, /:handshake\/o-[a-z0-9]+\/enable_all_features\/h-/);
  const again = [
    "HandshakeConstraintViolationException",
    "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION",
  ] as const;
  await organizations.refused("EnableAllFeatures", {}, ...again);
  await organizations.call("CancelHandshake", { HandshakeId: cancelled.Id });
  const approval = async (parent: string) => {
    const filter = { Filter: { ParentHandshakeId: parent } };
    const { Handshakes } = await organizations.call("ListHandshakesForAccount", filter, from(other));
    return Handshakes.map(({ Id, State, Action }: Record<string, string>) => ({ Id, State, Action }));
  };
  assert.deepEqual((await approval(cancelled.Id))[0].State, "CANCELED");

  const request = (await organizations.call("EnableAllFeatures")).Handshake;
  const confirm = { HandshakeId: request.Id };
  await organizations.refused("AcceptHandshake", confirm, "InvalidHandshakeTransitionException");
  const [asked] = await approval(request.Id);
  assert.equal(asked.Action, "APPROVE_ALL_FEATURES");
  await organizations.call("AcceptHandshake", { HandshakeId: asked.Id }, from(other));
  await organizations.refused("AcceptHandshake", confirm, "HandshakeNotFoundException", undefined, from(other));
  await organizations.call("AcceptHandshake", confirm);
  const { Organization } = await organizations.call("DescribeOrganization");
  assert.equal(Organization.FeatureSet, "ALL");
  await organizations.call("EnablePolicyType", { RootId: organizations.root, PolicyType: "SERVICE_CONTROL_POLICY" });
  const done = ["HandshakeConstraintViolationException", "ORGANIZATION_ALREADY_HAS_ALL_FEATURES"] as const;
  await organizations.refused("EnableAllFeatures", {}, ...done);
});

test("ten closures in thirty days, then no more; after ninety days a closed account is gone for good", async () => {
  const organizations = await OrganizationsTest.start();
  const day = 24 * 3600 * 1000;
  const accounts: string[] = [];
  for (let i = 0; i < 9; i++) accounts.push(await organizations.member(`m${i}`));
  for (const AccountId of accounts) await organizations.call("CloseAccount", { AccountId });
  await organizations.refused("CloseAccount", { AccountId: accounts[0] }, "AccountAlreadyClosedException");
  organizations.clock.advance(8 * day);
  for (const AccountId of accounts.slice(0, 2))
    await organizations.call("RemoveAccountFromOrganization", { AccountId });
  const [tenth, eleventh] = [await organizations.member("tenth"), await organizations.member("eleventh")];
  await organizations.call("CloseAccount", { AccountId: tenth });
  const refused = ["ConstraintViolationException", "CLOSE_ACCOUNT_QUOTA_EXCEEDED"] as const;
  await organizations.refused("CloseAccount", { AccountId: eleventh }, ...refused);
  organizations.clock.advance(23 * day);
  await organizations.call("CloseAccount", { AccountId: eleventh });

  const { store, clock } = organizations;
  const run = () => closedForGood.run({ store, clock, random: systemRandom } as Partial<JobContext> as JobContext);
  const listed = async () => (await organizations.call("ListAccounts")).Accounts.length;
  await run();
  assert.equal(await listed(), 10);
  organizations.clock.advance(59 * day);
  await run();
  assert.equal(await listed(), 3);
});

test("tags: fifty at most, one value a key, none of AWS's", async () => {
  const organizations = await OrganizationsTest.start();
  const ResourceId = await organizations.unit("a");
  const tag = (Tags: object[]) => ({ ResourceId, Tags });
  await organizations.call("TagResource", tag([{ Key: "team", Value: "red" }]));
  await organizations.call(
    "TagResource",
    tag([
      { Key: "team", Value: "blue" },
      { Key: "x", Value: "" },
    ]),
  );
  await organizations.call("UntagResource", { ResourceId, TagKeys: ["x"] });
  const { Tags } = await organizations.call("ListTagsForResource", { ResourceId });
  assert.deepEqual(Tags, [{ Key: "team", Value: "blue" }]);
  const twice = [
    { Key: "a", Value: "1" },
    { Key: "a", Value: "2" },
  ];
  await organizations.refused("TagResource", tag(twice), "InvalidInputException", "DUPLICATE_TAG_KEY");
  const reserved = [{ Key: "aws:x", Value: "1" }];
  await organizations.refused("TagResource", tag(reserved), "InvalidInputException", "INVALID_SYSTEM_TAGS_PARAMETER");
  const many = Array.from({ length: 50 }, (_, i) => ({ Key: `k${i}`, Value: "" }));
  await organizations.refused("TagResource", tag(many), "ConstraintViolationException", "MAX_TAG_LIMIT_EXCEEDED");
  const [asked] = await organizations.access("DeleteOrganizationalUnit", { OrganizationalUnitId: ResourceId });
  assert.equal(asked!.context!["aws:ResourceTag/team"], "blue");
});

test("somebody outside the management account is let in on one of three grounds, and on no other", async () => {
  const organizations = await OrganizationsTest.start();
  const account = await organizations.member("one");
  const grounds = async (options: object) => {
    const [asked] = await organizations.access("ListAccounts", {}, options);
    return [asked!.resourceAccount, asked!.resourcePolicies?.map(({ name }) => name)];
  };
  assert.deepEqual(await grounds({}), [undefined, undefined]);
  assert.deepEqual(await grounds(from(account)), [testAccount, []]);
  const service = { principal: { kind: "service", service: "config.amazonaws.com" } as const };
  assert.deepEqual(await grounds(service), [testAccount, []]);
  await organizations.call("EnableAWSServiceAccess", { ServicePrincipal: "config.amazonaws.com" });
  assert.deepEqual(await grounds(service), [testAccount, ["trusted access"]]);
  const delegated = { AccountId: account, ServicePrincipal: "config.amazonaws.com" };
  await organizations.call("RegisterDelegatedAdministrator", delegated);
  assert.deepEqual(await grounds(from(account)), [testAccount, ["delegated administrator"]]);
  await organizations.refused("RegisterDelegatedAdministrator", delegated, "AccountAlreadyRegisteredException");
  await organizations.call("DeregisterDelegatedAdministrator", delegated);
  const Content = document({
    Effect: "Allow",
    Principal: { AWS: account },
    Action: "organizations:ListAccounts",
    Resource: "*",
  });
  await organizations.call("PutResourcePolicy", { Content });
  assert.deepEqual(await grounds(from(account)), [testAccount, ["resource policy of the organization"]]);
  await organizations.call("DisableAWSServiceAccess", { ServicePrincipal: "config.amazonaws.com" });
  assert.deepEqual(await grounds(service), [testAccount, []]);
});
