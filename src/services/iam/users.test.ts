import assert from "node:assert/strict";
import { test } from "node:test";
import { account, allowDocument, asRole, asRoot, asUser, ec2Trust, IamTest } from "./testing.ts";

const arn = (resource: string) => `arn:aws:iam::${account}:${resource}`;

test("a user is created, found, listed by path, renamed and deleted", async () => {
  const iam = new IamTest();
  const { User: created } = await iam.call("CreateUser", { UserName: "Alice", Path: "/team/" });
  assert.equal(created.Arn, arn("user/team/Alice"));
  assert.match(created.UserId, /^AIDA[A-Z2-7]{17}$/);
  assert.equal(created.Tags, undefined);
  await iam.call("CreateUser", { UserName: "bob" });

  const { Users: team } = await iam.call("ListUsers", { PathPrefix: "/team" });
  assert.deepEqual(
    team.map((user: { UserName: string }) => user.UserName),
    ["Alice"],
  );

  await iam.call("UpdateUser", { UserName: "Alice", NewUserName: "alicia", NewPath: "/" });
  const { User: renamed } = await iam.call("GetUser", { UserName: "alicia" });
  assert.deepEqual([renamed.UserId, renamed.Arn], [created.UserId, arn("user/alicia")]);
  await iam.refused("GetUser", { UserName: "Alice" }, "NoSuchEntity", "The user with name Alice cannot be found.");

  await iam.call("DeleteUser", { UserName: "alicia" });
  await iam.refused("GetUser", { UserName: "alicia" }, "NoSuchEntity");
});

test("names are unique without regard to case, on creation and on renaming", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "Alice" });
  await iam.call("CreateUser", { UserName: "bob" });
  const error = await iam.refused(
    "CreateUser",
    { UserName: "ALICE" },
    "EntityAlreadyExists",
    "User with name ALICE already exists.",
  );
  assert.equal(error.status, 409);
  await iam.refused("UpdateUser", { UserName: "bob", NewUserName: "aLice" }, "EntityAlreadyExists");
  // Changing only the case of one's own name is no conflict.
  await iam.call("UpdateUser", { UserName: "bob", NewUserName: "Bob" });
  assert.equal((await iam.call("GetUser", { UserName: "Bob" })).User.UserName, "Bob");
});

test("two concurrent creations of one name: one succeeds", async () => {
  const iam = new IamTest();
  const results = await Promise.allSettled([
    iam.call("CreateUser", { UserName: "eve" }),
    iam.call("CreateUser", { UserName: "EVE" }),
  ]);
  assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
  assert.equal((await iam.call("ListUsers")).Users.length, 1);
});

test("GetUser without a name is about the caller", async () => {
  const iam = new IamTest();
  const { User } = await iam.call("CreateUser", { UserName: "alice" });
  assert.equal((await iam.call("GetUser", {}, asUser("alice", User.UserId))).User.UserId, User.UserId);
  const root = (await iam.call("GetUser", {}, asRoot)).User;
  assert.deepEqual([root.UserId, root.Arn], [account, arn("root")]);
  await iam.refused(
    "GetUser",
    {},
    "ValidationError",
    "Must specify userName when calling with non-User credentials",
    asRole,
  );
});

test("a user goes only when nothing is left of it, and each refusal says what", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "alice" });
  await iam.call("CreateGroup", { GroupName: "admins" });
  const key = (await iam.call("CreateAccessKey", { UserName: "alice" })).AccessKey.AccessKeyId;
  const steps: [string, Record<string, unknown>, string, Record<string, unknown>, string][] = [
    [
      "CreateLoginProfile",
      { UserName: "alice", Password: "Correct-Horse-1" },
      "DeleteLoginProfile",
      { UserName: "alice" },
      "Cannot delete entity, must delete login profile first.",
    ],
    [
      "ListUsers",
      {},
      "DeleteAccessKey",
      { UserName: "alice", AccessKeyId: key },
      "Cannot delete entity, must delete access keys first.",
    ],
    [
      "AttachUserPolicy",
      { UserName: "alice", PolicyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" },
      "DetachUserPolicy",
      { UserName: "alice", PolicyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" },
      "Cannot delete entity, must detach all policies first.",
    ],
    [
      "PutUserPolicy",
      { UserName: "alice", PolicyName: "p", PolicyDocument: allowDocument("s3:*") },
      "DeleteUserPolicy",
      { UserName: "alice", PolicyName: "p" },
      "Cannot delete entity, must delete policies first.",
    ],
    [
      "AddUserToGroup",
      { UserName: "alice", GroupName: "admins" },
      "RemoveUserFromGroup",
      { UserName: "alice", GroupName: "admins" },
      "Cannot delete entity, must remove users from group first.",
    ],
  ];
  for (const [make, makeInput] of steps) await iam.call(make, makeInput);
  for (const [, , undo, undoInput, message] of steps) {
    const error = await iam.refused("DeleteUser", { UserName: "alice" }, "DeleteConflict", message);
    assert.equal(error.status, 409);
    await iam.call(undo, undoInput);
  }
  await iam.call("DeleteUser", { UserName: "alice" });
});

test("credentials that nothing here takes: a user has none, and nobody asks about a user that does not exist", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "alice" });
  const rows = {
    ListSSHPublicKeys: "SSHPublicKeys",
    ListSigningCertificates: "Certificates",
    ListServiceSpecificCredentials: "ServiceSpecificCredentials",
  };
  for (const [operation, list] of Object.entries(rows)) {
    assert.deepEqual((await iam.call(operation, { UserName: "alice" }))[list], []);
    await iam.refused(operation, { UserName: "nobody" }, "NoSuchEntity");
  }
});

test("pages follow their markers, whatever happens in between", async () => {
  const iam = new IamTest();
  for (const name of ["a", "b", "c", "d", "e"]) await iam.call("CreateUser", { UserName: name });
  const first = await iam.call("ListUsers", { MaxItems: 2 });
  assert.deepEqual([first.Users.length, first.IsTruncated], [2, true]);
  await iam.call("DeleteUser", { UserName: "b" });
  const second = await iam.call("ListUsers", { MaxItems: 2, Marker: first.Marker });
  assert.deepEqual(
    second.Users.map((user: { UserName: string }) => user.UserName),
    ["c", "d"],
  );
  const last = await iam.call("ListUsers", { MaxItems: 2, Marker: second.Marker });
  assert.deepEqual([last.Users.length, last.IsTruncated, last.Marker], [1, false, undefined]);
  await iam.refused("ListUsers", { Marker: "bm9uc2Vuc2U" }, "ValidationError", "Invalid Marker.");
});

test("groups: membership survives renaming of both, is idempotent, and ends", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "alice" });
  await iam.call("CreateGroup", { GroupName: "admins" });
  await iam.call("AddUserToGroup", { UserName: "alice", GroupName: "admins" });
  await iam.call("AddUserToGroup", { UserName: "alice", GroupName: "admins" });
  await iam.call("UpdateUser", { UserName: "alice", NewUserName: "alicia" });
  await iam.call("UpdateGroup", { GroupName: "admins", NewGroupName: "operators" });
  const { Users, Group } = await iam.call("GetGroup", { GroupName: "operators" });
  assert.equal(Group.Arn, arn("group/operators"));
  assert.deepEqual(
    Users.map((user: { UserName: string }) => user.UserName),
    ["alicia"],
  );
  const { Groups } = await iam.call("ListGroupsForUser", { UserName: "alicia" });
  assert.deepEqual(
    Groups.map((group: { GroupName: string }) => group.GroupName),
    ["operators"],
  );
  await iam.refused(
    "DeleteGroup",
    { GroupName: "operators" },
    "DeleteConflict",
    "Cannot delete entity, must remove users from group first.",
  );
  await iam.call("RemoveUserFromGroup", { UserName: "alicia", GroupName: "operators" });
  await iam.call("DeleteGroup", { GroupName: "operators" });
});

test("a user is in at most ten groups", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "alice" });
  for (let i = 0; i <= 10; i++) await iam.call("CreateGroup", { GroupName: `g${i}` });
  for (let i = 0; i < 10; i++) await iam.call("AddUserToGroup", { UserName: "alice", GroupName: `g${i}` });
  await iam.refused(
    "AddUserToGroup",
    { UserName: "alice", GroupName: "g10" },
    "LimitExceeded",
    "Cannot exceed quota for GroupsPerUser: 10",
  );
});

test("a group that is being deleted gets no new member", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "alice" });
  await iam.call("CreateGroup", { GroupName: "admins" });
  const results = await Promise.allSettled([
    iam.call("DeleteGroup", { GroupName: "admins" }),
    iam.call("AddUserToGroup", { UserName: "alice", GroupName: "admins" }),
  ]);
  assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
  const { Groups } = await iam.call("ListGroupsForUser", { UserName: "alice" });
  const existing = (await iam.call("ListGroups")).Groups;
  assert.equal(Groups.length, existing.length);
});

test("things that need each other and go at the same time: one of the two calls is refused", async () => {
  const pairs: [make: string, input: Record<string, unknown>, remove: string, removed: Record<string, unknown>][] = [
    ["CreateAccessKey", { UserName: "alice" }, "DeleteUser", { UserName: "alice" }],
    ["AddRoleToInstanceProfile", { InstanceProfileName: "p", RoleName: "r" }, "DeleteRole", { RoleName: "r" }],
  ];
  for (const [make, input, remove, removed] of pairs) {
    // Every way in which the two can interleave: the second starts some turns of the event loop's queue later.
    for (let turns = -12; turns <= 12; turns++) {
      const iam = new IamTest();
      await iam.call("CreateUser", { UserName: "alice" });
      await iam.call("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: ec2Trust });
      await iam.call("CreateInstanceProfile", { InstanceProfileName: "p" });
      const later = async (count: number, call: () => Promise<unknown>) => {
        for (let i = 0; i < count; i++) await Promise.resolve();
        return call();
      };
      const results = await Promise.allSettled([
        later(turns, () => iam.call(make, input)),
        later(-turns, () => iam.call(remove, removed)),
      ]);
      assert.equal(results.filter((result) => result.status === "fulfilled").length, 1, `${make}, ${remove}, ${turns}`);
    }
  }
});

test("a user that is deleted while its password is being hashed gets no password", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "alice" });
  const results = await Promise.allSettled([
    iam.call("CreateLoginProfile", { UserName: "alice", Password: "Correct-Horse-1" }),
    iam.call("DeleteUser", { UserName: "alice" }),
  ]);
  assert.deepEqual(
    results.map((result) => result.status),
    ["rejected", "fulfilled"],
  );
});

test("tags: set, replaced without regard to case, limited, listed in order", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "alice", Tags: [{ Key: "team", Value: "red" }] });
  await iam.call("TagUser", {
    UserName: "alice",
    Tags: [
      { Key: "Team", Value: "blue" },
      { Key: "cost", Value: "" },
    ],
  });
  const { Tags } = await iam.call("ListUserTags", { UserName: "alice" });
  assert.deepEqual(Tags, [
    { Key: "Team", Value: "blue" },
    { Key: "cost", Value: "" },
  ]);
  await iam.refused(
    "TagUser",
    {
      UserName: "alice",
      Tags: [
        { Key: "a", Value: "1" },
        { Key: "A", Value: "2" },
      ],
    },
    "InvalidInput",
    "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
  );
  const many = Array.from({ length: 49 }, (_, i) => ({ Key: `k${i}`, Value: "v" }));
  await iam.refused(
    "TagUser",
    { UserName: "alice", Tags: many },
    "LimitExceeded",
    "The number of tags has reached the maximum limit.",
  );
  await iam.call("UntagUser", { UserName: "alice", TagKeys: ["TEAM"] });
  assert.deepEqual((await iam.call("ListUserTags", { UserName: "alice" })).Tags, [{ Key: "cost", Value: "" }]);
});
