import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ManualClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import { StoreUnavailable, type Change, type IndexQuery } from "#store/contract.ts";
import { MemoryStore } from "#gateway/testing.ts";
import type { Principal } from "#gateway/principal.ts";
import { endSession } from "./endedSessions.ts";
import { createIamIdentity } from "./identitySource.ts";
import { account, allowDocument, asRoot, bindingKeys, ec2Trust, IamTest } from "./testing.ts";

/** Counts look-ups of keys, so that a test can tell a cached answer from a fresh one; the feed can be cut. */
class WatchedStore extends MemoryStore {
  reads = 0;
  cut = false;

  override find<T>(query: IndexQuery) {
    this.reads++;
    return super.find<T>(query);
  }

  override async changes(after: number, limit: number): Promise<Change[]> {
    if (this.cut) throw new StoreUnavailable("cut");
    return super.changes(after, limit);
  }
}

async function setup(t: { after(work: () => Promise<void>): void }) {
  const clock = new ManualClock();
  const store = new WatchedStore(() => clock.now());
  const iam = new IamTest({ store, clock });
  const identity = createIamIdentity({ store, keys: bindingKeys, random: systemRandom, log: silentLogger });
  t.after(() => identity.close());
  await iam.call("CreateUser", { UserName: "alice", Tags: [{ Key: "team", Value: "red" }] });
  const { AccessKey } = await iam.call("CreateAccessKey", { UserName: "alice" });
  const credential = () => identity.credential(AccessKey.AccessKeyId);
  const principal = async (): Promise<Principal> => (await credential())!.principal;
  return { store, iam, identity, key: AccessKey, credential, principal };
}

async function until(condition: () => Promise<boolean>): Promise<number> {
  const start = performance.now();
  while (!(await condition())) {
    if (performance.now() - start > 5000) assert.fail("the condition never held");
    await delay(5);
  }
  return performance.now() - start;
}

test("a credential leads to its secret, status and principal; unknown ids to nothing", async (t) => {
  const { identity, key, credential } = await setup(t);
  const found = (await credential())!;
  assert.equal(found.secretAccessKey, key.SecretAccessKey);
  assert.equal(found.status, "Active");
  assert.ok(found.principal.kind === "user");
  assert.deepEqual(found.principal.tags, { team: "red" });
  for (const id of ["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "", "AKIA", "x".repeat(5000)]) {
    assert.equal(await identity.credential(id), undefined);
  }
});

test("the root user's key is root's", async (t) => {
  const { iam, identity } = await setup(t);
  const { AccessKey } = await iam.call("CreateAccessKey", {}, asRoot);
  const found = await identity.credential(AccessKey.AccessKeyId);
  assert.deepEqual(found?.principal, {
    kind: "root",
    account,
    arn: `arn:aws:iam::${account}:root`,
    id: account,
    accessKeyId: AccessKey.AccessKeyId,
  });
  assert.deepEqual(await identity.policies(found!.principal), { identity: [] });
});

test("a cached key that is switched off or deleted is refused within 100 ms of the change", async (t) => {
  const { iam, key, credential, store } = await setup(t);
  await until(async () => {
    await credential();
    const before = store.reads;
    await credential();
    return store.reads === before;
  });
  const id = { UserName: "alice", AccessKeyId: key.AccessKeyId };
  await iam.call("UpdateAccessKey", { ...id, Status: "Inactive" });
  const inactiveAfter = await until(async () => (await credential())?.status === "Inactive");
  await iam.call("DeleteAccessKey", id);
  const goneAfter = await until(async () => (await credential()) === undefined);
  assert.ok(Math.max(inactiveAfter, goneAfter) < 100, `${inactiveAfter} and ${goneAfter} ms`);
});

test("a session that was ended is known as such, in its own account alone", async (t) => {
  const { identity, store } = await setup(t);
  const [ended, other] = ["ASIAEXAMPLEEXAMPLE00", "ASIAEXAMPLEEXAMPLE01"];
  assert.equal(await identity.sessionEnded(account, ended), false);
  await store.commit([endSession(account, ended, Date.now() + 60_000)]);
  await until(() => identity.sessionEnded(account, ended));
  assert.equal(await identity.sessionEnded(account, other), false);
  assert.equal(await identity.sessionEnded("999999999999", ended), false);
});

test("while the change feed is cut, every answer is read from the store", async (t) => {
  const { iam, key, credential, store } = await setup(t);
  await credential();
  store.cut = true;
  await until(async () => {
    const before = store.reads;
    await credential();
    return store.reads > before;
  });
  await iam.call("DeleteAccessKey", { UserName: "alice", AccessKeyId: key.AccessKeyId });
  assert.equal(await credential(), undefined);
});

test("policies: inline, attached and of groups, with the names explanations use; changes are seen", async (t) => {
  const { iam, identity, principal } = await setup(t);
  const who = await principal();
  const names = async () => (await identity.policies(who)).identity.map((policy) => policy.name);
  assert.deepEqual(await names(), []);
  await iam.call("PutUserPolicy", { UserName: "alice", PolicyName: "own", PolicyDocument: allowDocument("s3:*") });
  await iam.call("AttachUserPolicy", { UserName: "alice", PolicyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" });
  await iam.call("CreateGroup", { GroupName: "g" });
  await iam.call("PutGroupPolicy", { GroupName: "g", PolicyName: "theirs", PolicyDocument: allowDocument("sqs:*") });
  await iam.call("AddUserToGroup", { UserName: "alice", GroupName: "g" });
  const expected = ["arn:aws:iam::aws:policy/ReadOnlyAccess", "user/alice/inline/own", "group/g/inline/theirs"];
  await until(async () => JSON.stringify(await names()) === JSON.stringify(expected));
  await iam.call("RemoveUserFromGroup", { UserName: "alice", GroupName: "g" });
  await until(async () => (await names()).length === 2);
});

test("a boundary comes along with its default version", async (t) => {
  const { iam, identity, principal } = await setup(t);
  const PolicyArn = `arn:aws:iam::${account}:policy/b`;
  await iam.call("CreatePolicy", { PolicyName: "b", PolicyDocument: allowDocument("s3:*") });
  await iam.call("PutUserPermissionsBoundary", { UserName: "alice", PermissionsBoundary: PolicyArn });
  const who = await principal();
  await until(async () => (await identity.policies(who)).boundary?.name === PolicyArn);
  await iam.call("CreatePolicyVersion", { PolicyArn, PolicyDocument: allowDocument("ec2:*"), SetAsDefault: true });
  await until(async () => (await identity.policies(who)).boundary!.document.includes("ec2:*"));
});

test("sessions of a deleted role have no permissions, also when a new role has its name", async (t) => {
  const { iam, identity } = await setup(t);
  const make = async () => {
    const { Role } = await iam.call("CreateRole", { RoleName: "r", AssumeRolePolicyDocument: ec2Trust });
    await iam.call("PutRolePolicy", { RoleName: "r", PolicyName: "p", PolicyDocument: allowDocument("*") });
    return Role.RoleId as string;
  };
  const session = (roleId: string): Principal => ({
    kind: "role",
    account,
    arn: `arn:aws:sts::${account}:assumed-role/r/s`,
    id: `${roleId}:s`,
    roleArn: `arn:aws:iam::${account}:role/r`,
    roleId,
    roleName: "r",
    sessionName: "s",
    session: { createdAt: 0, expiresAt: 1e15, mfaAuthenticated: false },
  });
  const old = session(await make());
  assert.equal((await identity.policies(old)).identity.length, 1);
  await iam.call("DeleteRolePolicy", { RoleName: "r", PolicyName: "p" });
  await iam.call("DeleteRole", { RoleName: "r" });
  const fresh = session(await make());
  await until(async () => (await identity.policies(old)).identity.length === 0);
  assert.equal((await identity.policies(fresh)).identity.length, 1);
});

test("what is touched shows as last used of key, role and service", async (t) => {
  const { iam, identity, key, principal } = await setup(t);
  const at = Date.UTC(2026, 4, 1);
  const who = await principal();
  identity.touched(who, "kms", "kms:Encrypt", "ap-northeast-2", at);
  identity.touched(who, "kms", "kms:Decrypt", "ap-northeast-2", at + 1000);
  identity.touched(who, "iam", "iam:ListUsers", "aws-global", at + 2000);
  identity.touched({ kind: "anonymous" }, "s3", "s3:GetObject", "us-east-1", at);
  await identity.flush();
  const used = await iam.call("GetAccessKeyLastUsed", { AccessKeyId: key.AccessKeyId });
  assert.deepEqual(used.AccessKeyLastUsed, {
    LastUsedDate: new Date(at + 2000),
    ServiceName: "iam",
    Region: "us-east-1",
  });
  await iam.call("PutUserPolicy", {
    UserName: "alice",
    PolicyName: "p",
    PolicyDocument: allowDocument(["kms:*", "sqs:SendMessage"]),
  });
  const alice = `arn:aws:iam::${account}:user/alice`;
  const { JobId } = await iam.call("GenerateServiceLastAccessedDetails", { Arn: alice, Granularity: "ACTION_LEVEL" });
  const { ServicesLastAccessed } = await iam.call("GetServiceLastAccessedDetails", { JobId });
  assert.deepEqual(ServicesLastAccessed, [
    {
      ServiceName: "AWS Key Management Service",
      ServiceNamespace: "kms",
      LastAuthenticated: new Date(at + 1000),
      LastAuthenticatedEntity: alice,
      LastAuthenticatedRegion: "ap-northeast-2",
      TotalAuthenticatedEntities: 1,
      TrackedActionsLastAccessed: [
        {
          ActionName: "Decrypt",
          LastAccessedEntity: alice,
          LastAccessedTime: new Date(at + 1000),
          LastAccessedRegion: "ap-northeast-2",
        },
        {
          ActionName: "Encrypt",
          LastAccessedEntity: alice,
          LastAccessedTime: new Date(at),
          LastAccessedRegion: "ap-northeast-2",
        },
      ],
    },
    { ServiceName: "Amazon SQS", ServiceNamespace: "sqs", TotalAuthenticatedEntities: 0 },
  ]);
  const withEntities = await iam.call("GetServiceLastAccessedDetailsWithEntities", { JobId, ServiceNamespace: "kms" });
  assert.equal(withEntities.EntityDetailsList[0].EntityInfo.Arn, alice);
});
