/** IAM through the unmodified AWS SDK for JavaScript: what is granted and taken away takes effect on the next calls. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  DeleteConflictException,
  EntityAlreadyExistsException,
  IAM,
  InvalidAuthenticationCodeException,
  InvalidInputException,
  LimitExceededException,
  MalformedPolicyDocumentException,
  NoSuchEntityException,
  PasswordPolicyViolationException,
  paginateListUsers,
} from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { createHmac } from "node:crypto";
import { eventually, startInstance, type Instance } from "../instance.ts";

/** A client that keeps the clients of one key: what a person with that key could do. */
interface Person {
  iam: IAM;
  sts: STSClient;
  accessKeyId: string;
  userName: string;
}

describe("IAM", () => {
  let dataDir: string;
  let instance: Instance;
  let iam: IAM;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "jikimi-iam-"));
    instance = await startInstance({ dataDir });
    iam = new IAM(instance.client);
  });
  after(async () => {
    await instance.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const arn = (resource: string) => `arn:aws:iam::${instance.ready.accountId}:${resource}`;
  const allow = (Action: string | string[], Resource = "*", more: object = {}) =>
    JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource, ...more }] });

  async function person(userName: string): Promise<Person> {
    await iam.createUser({ UserName: userName });
    const { AccessKey } = await iam.createAccessKey({ UserName: userName });
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    const config = { ...instance.client, credentials };
    return { iam: new IAM(config), sts: new STSClient(config), accessKeyId: credentials.accessKeyId, userName };
  }

  const denied = (error: unknown) => error instanceof Error && error.name === "AccessDenied";
  const works = (call: () => Promise<unknown>) =>
    eventually(
      () =>
        call().then(
          () => true,
          () => false,
        ),
      { every: 10 },
    );
  const fails = (call: () => Promise<unknown>, name: string) =>
    eventually(
      () =>
        call().then(
          () => false,
          (error: Error) => error.name === name,
        ),
      { every: 10 },
    );

  test("a policy lets a user in, and taking it away keeps the user out", async () => {
    const alice = await person("alice");
    const list = () => alice.iam.listUsers({});
    await assert.rejects(list(), denied);
    await iam.putUserPolicy({ UserName: "alice", PolicyName: "list", PolicyDocument: allow("iam:ListUsers") });
    await works(list);
    await assert.rejects(alice.iam.listRoles({}), denied);
    await iam.deleteUserPolicy({ UserName: "alice", PolicyName: "list" });
    await fails(list, "AccessDenied");
  });

  test("groups, managed policies with a new default version, and boundaries take effect", async () => {
    const bob = await person("bob");
    await iam.createGroup({ GroupName: "readers" });
    const { Policy } = await iam.createPolicy({ PolicyName: "readers", PolicyDocument: allow("iam:ListUsers") });
    await iam.attachGroupPolicy({ GroupName: "readers", PolicyArn: Policy!.Arn! });
    await iam.addUserToGroup({ GroupName: "readers", UserName: "bob" });
    await works(() => bob.iam.listUsers({}));
    await iam.createPolicyVersion({
      PolicyArn: Policy!.Arn!,
      PolicyDocument: allow("iam:ListRoles"),
      SetAsDefault: true,
    });
    await works(() => bob.iam.listRoles({}));
    await fails(() => bob.iam.listUsers({}), "AccessDenied");
    const boundary = await iam.createPolicy({ PolicyName: "boundary", PolicyDocument: allow("s3:*") });
    await iam.putUserPermissionsBoundary({ UserName: "bob", PermissionsBoundary: boundary.Policy!.Arn! });
    await fails(() => bob.iam.listRoles({}), "AccessDenied");
    await iam.deleteUserPermissionsBoundary({ UserName: "bob" });
    await works(() => bob.iam.listRoles({}));
  });

  test("permissions can be bound to a path, a tag of the user, and the policy that is attached", async () => {
    const carol = await person("carol");
    await iam.createUser({ UserName: "dev1", Path: "/dev/", Tags: [{ Key: "stage", Value: "dev" }] });
    await iam.createUser({ UserName: "ops1", Path: "/ops/", Tags: [{ Key: "stage", Value: "ops" }] });
    const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    await iam.putUserPolicy({
      UserName: "carol",
      PolicyName: "delegated",
      PolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Action: "iam:GetUser", Resource: arn("user/dev/*") },
          {
            Effect: "Allow",
            Action: "iam:TagUser",
            Resource: "*",
            Condition: { StringEquals: { "iam:ResourceTag/stage": "dev" } },
          },
          {
            Effect: "Allow",
            Action: "iam:AttachUserPolicy",
            Resource: "*",
            Condition: { ArnEquals: { "iam:PolicyARN": readOnly } },
          },
        ],
      }),
    });
    await works(() => carol.iam.getUser({ UserName: "dev1" }));
    await assert.rejects(carol.iam.getUser({ UserName: "ops1" }), denied);
    const Tags = [{ Key: "a", Value: "b" }];
    await carol.iam.tagUser({ UserName: "dev1", Tags });
    await assert.rejects(carol.iam.tagUser({ UserName: "ops1", Tags }), denied);
    await carol.iam.attachUserPolicy({ UserName: "dev1", PolicyArn: readOnly });
    await assert.rejects(
      carol.iam.attachUserPolicy({ UserName: "dev1", PolicyArn: "arn:aws:iam::aws:policy/AdministratorAccess" }),
      denied,
    );
  });

  test("a role must be passed to be put into an instance profile", async () => {
    const dave = await person("dave");
    const trust = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
    });
    await iam.createRole({ RoleName: "powerful", AssumeRolePolicyDocument: trust });
    await iam.createInstanceProfile({ InstanceProfileName: "powerful" });
    const add = () => dave.iam.addRoleToInstanceProfile({ InstanceProfileName: "powerful", RoleName: "powerful" });
    await iam.putUserPolicy({
      UserName: "dave",
      PolicyName: "p",
      PolicyDocument: allow(["iam:AddRoleToInstanceProfile", "iam:GetInstanceProfile"]),
    });
    await works(() => dave.iam.getInstanceProfile({ InstanceProfileName: "powerful" }));
    await assert.rejects(add(), denied);
    await iam.putUserPolicy({
      UserName: "dave",
      PolicyName: "pass",
      PolicyDocument: allow("iam:PassRole", arn("role/powerful"), {
        Condition: { StringEquals: { "iam:PassedToService": "ec2.amazonaws.com" } },
      }),
    });
    await works(add);
  });

  test("a key that is switched off or deleted is refused", async () => {
    const erin = await person("erin");
    const who = () => erin.sts.send(new GetCallerIdentityCommand({}));
    assert.equal((await who()).Arn, arn("user/erin"));
    const key = { UserName: "erin", AccessKeyId: erin.accessKeyId };
    await iam.updateAccessKey({ ...key, Status: "Inactive" });
    await fails(who, "InvalidClientTokenId");
    await iam.updateAccessKey({ ...key, Status: "Active" });
    await works(who);
    await iam.deleteAccessKey(key);
    await fails(who, "InvalidClientTokenId");
  });

  test("last use of a key and of a role is seen", async () => {
    const frank = await person("frank");
    await iam.createRole({
      RoleName: "franks",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { AWS: arn("user/frank") }, Action: "sts:AssumeRole" }],
      }),
    });
    await iam.putRolePolicy({ RoleName: "franks", PolicyName: "p", PolicyDocument: allow("iam:ListUsers") });
    const { Credentials } = (await eventually(() =>
      frank.sts
        .send(new AssumeRoleCommand({ RoleArn: arn("role/franks"), RoleSessionName: "session" }))
        .catch(() => undefined),
    ))!;
    const session = new IAM({
      ...instance.client,
      credentials: {
        accessKeyId: Credentials!.AccessKeyId!,
        secretAccessKey: Credentials!.SecretAccessKey!,
        sessionToken: Credentials!.SessionToken!,
      },
    });
    await session.listUsers({});
    const role = await eventually(async () => {
      const { Role } = await iam.getRole({ RoleName: "franks" });
      return Role!.RoleLastUsed?.LastUsedDate ? Role : undefined;
    });
    assert.ok(role!.RoleLastUsed!.Region);
    const used = await eventually(async () => {
      const { AccessKeyLastUsed } = await iam.getAccessKeyLastUsed({ AccessKeyId: frank.accessKeyId });
      return AccessKeyLastUsed!.LastUsedDate ? AccessKeyLastUsed : undefined;
    });
    assert.equal(used!.ServiceName, "sts");
  });

  test("a user that is deleted and made again is not the one a role trusts", async () => {
    await person("grace");
    await iam.createRole({
      RoleName: "graces",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { AWS: arn("user/grace") }, Action: "sts:AssumeRole" }],
      }),
    });
    const { AccessKeyMetadata } = await iam.listAccessKeys({ UserName: "grace" });
    await iam.deleteAccessKey({ UserName: "grace", AccessKeyId: AccessKeyMetadata![0]!.AccessKeyId! });
    await iam.deleteUser({ UserName: "grace" });
    const impostor = await person("grace");
    await works(() => impostor.sts.send(new GetCallerIdentityCommand({})));
    await assert.rejects(
      impostor.sts.send(new AssumeRoleCommand({ RoleArn: arn("role/graces"), RoleSessionName: "session" })),
      denied,
    );
  });

  test("users change their own password when the account's policy lets them", async () => {
    const heidi = await person("heidi");
    await iam.createLoginProfile({ UserName: "heidi", Password: "Correct-Horse-1" });
    const change = () => heidi.iam.changePassword({ OldPassword: "Correct-Horse-1", NewPassword: "Another-Horse-2" });
    await assert.rejects(change(), denied);
    await iam.updateAccountPasswordPolicy({ AllowUsersToChangePassword: true, MinimumPasswordLength: 12 });
    await works(change);
    await assert.rejects(
      heidi.iam.changePassword({ OldPassword: "Another-Horse-2", NewPassword: "short" }),
      PasswordPolicyViolationException,
    );
    await iam.deleteAccountPasswordPolicy();
  });

  test("an MFA device is enabled with the codes its seed gives", async () => {
    await iam.createUser({ UserName: "ivan" });
    const { VirtualMFADevice } = await iam.createVirtualMFADevice({ VirtualMFADeviceName: "ivans-phone" });
    const seed = fromBase32(Buffer.from(VirtualMFADevice!.Base32StringSeed!).toString());
    const step = Math.floor(Date.now() / 30_000);
    const enable = (first: string, second: string) =>
      iam.enableMFADevice({
        UserName: "ivan",
        SerialNumber: VirtualMFADevice!.SerialNumber!,
        AuthenticationCode1: first,
        AuthenticationCode2: second,
      });
    await assert.rejects(enable("000000", "000000"), InvalidAuthenticationCodeException);
    await enable(code(seed, step - 1), code(seed, step));
    assert.equal((await iam.listMFADevices({ UserName: "ivan" })).MFADevices!.length, 1);
  });

  test("errors arrive as the SDK's own classes, with AWS's texts", async () => {
    const rows: [call: () => Promise<unknown>, type: new (...args: never[]) => Error, message: string][] = [
      [() => iam.getUser({ UserName: "nobody" }), NoSuchEntityException, "The user with name nobody cannot be found."],
      [
        () => iam.createUser({ UserName: "admin" }),
        EntityAlreadyExistsException,
        "User with name admin already exists.",
      ],
      [
        () => iam.deleteUser({ UserName: "admin" }),
        DeleteConflictException,
        "Cannot delete entity, must delete access keys first.",
      ],
      [
        () => iam.putUserPolicy({ UserName: "admin", PolicyName: "p", PolicyDocument: "{" }),
        MalformedPolicyDocumentException,
        "Syntax errors in policy.",
      ],
      [
        () => iam.createUser({ UserName: "x1", PermissionsBoundary: arn("nothing/that/is/a/policy") }),
        InvalidInputException,
        `ARN ${arn("nothing/that/is/a/policy")} is not valid.`,
      ],
      [
        async () => {
          await iam.createUser({ UserName: "keys" });
          for (let i = 0; i < 3; i++) await iam.createAccessKey({ UserName: "keys" });
        },
        LimitExceededException,
        "Cannot exceed quota for AccessKeysPerUser: 2",
      ],
    ];
    for (const [call, type, message] of rows) {
      await assert.rejects(call(), (error: unknown) => error instanceof type && error.message === message, message);
    }
  });

  test("bad input is refused before it is looked at", async () => {
    const rows: [call: () => Promise<unknown>, name: string][] = [
      [() => iam.createUser({ UserName: "a b" }), "ValidationError"],
      [() => iam.createUser({ UserName: "x".repeat(65) }), "ValidationError"],
      [() => iam.createUser({ UserName: "ok", Path: "no-slash" }), "ValidationError"],
      [() => iam.listUsers({ MaxItems: 0 }), "ValidationError"],
      [() => iam.listUsers({ Marker: "nonsense" }), "ValidationError"],
      [() => iam.getPolicyVersion({ PolicyArn: arn("policy/readers"), VersionId: "1" }), "ValidationError"],
      [() => iam.createServiceSpecificCredential({ UserName: "admin", ServiceName: "x" }), "NotImplemented"],
    ];
    for (const [call, name] of rows) {
      await assert.rejects(call(), (error: unknown) => error instanceof Error && error.name === name, name);
    }
  });

  test("the SDK's paginator walks all users once", async () => {
    for (let i = 0; i < 12; i++) await iam.createUser({ UserName: `page${i}`, Path: "/page/" });
    const names: string[] = [];
    for await (const page of paginateListUsers({ client: iam, pageSize: 5 }, { PathPrefix: "/page/" })) {
      names.push(...page.Users!.map((user) => user.UserName!));
    }
    assert.equal(names.length, 12);
    assert.equal(new Set(names).size, 12);
  });

  test("the credential report is a CSV with every user", async () => {
    await iam.generateCredentialReport({});
    const { Content, ReportFormat } = await iam.getCredentialReport({});
    const lines = Buffer.from(Content!).toString().split("\n");
    assert.equal(ReportFormat, "text/csv");
    const { SummaryMap } = await iam.getAccountSummary({});
    assert.equal(lines.length, SummaryMap!.Users! + 2);
    assert.match(
      lines.find((line) => line.startsWith("admin,"))!,
      /,true,/,
    );
  });

  test("the simulator agrees with what calls are told", async () => {
    const { EvaluationResults } = await iam.simulatePrincipalPolicy({
      PolicySourceArn: arn("user/bob"),
      ActionNames: ["iam:ListRoles", "iam:ListUsers"],
    });
    assert.deepEqual(
      EvaluationResults!.map((result) => result.EvalDecision),
      ["allowed", "implicitDeny"],
    );
  });

  test("no secret is on disk in clear: not in the store, not in a log, not in the audit trail", async () => {
    await iam.createUser({ UserName: "mallory" });
    const password = "Canary-Password-1";
    await iam.createLoginProfile({ UserName: "mallory", Password: password });
    const { AccessKey } = await iam.createAccessKey({ UserName: "mallory" });
    const { VirtualMFADevice } = await iam.createVirtualMFADevice({ VirtualMFADeviceName: "canary" });
    const base32 = Buffer.from(VirtualMFADevice!.Base32StringSeed!);
    const canaries = [Buffer.from(password), Buffer.from(AccessKey!.SecretAccessKey!), base32, fromBase32(`${base32}`)];
    // What is recorded of the calls is on disk as soon as it can be looked up there: the name is the near witness.
    let seen = false;
    for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const content = await readFile(join(entry.parentPath, entry.name));
      seen ||= content.includes("CreateLoginProfile");
      for (const canary of canaries) assert.ok(!content.includes(canary), `${entry.name} holds a secret`);
    }
    assert.ok(seen, "the audit record of the call is there");
  });

  test("after a restart everything is as it was, and keys still work", async () => {
    const judy = await person("judy");
    await iam.putUserPolicy({ UserName: "judy", PolicyName: "p", PolicyDocument: allow("iam:GetUser") });
    await works(() => judy.iam.getUser({}));
    const before = await iam.getAccountAuthorizationDetails({ MaxItems: 1000 });
    const port = Number(new URL(instance.endpoint).port);
    await instance.stop();
    instance = await startInstance({ dataDir, port });
    assert.equal((await judy.iam.getUser({})).User!.Arn, arn("user/judy"));
    await assert.rejects(judy.iam.listUsers({}), denied);
    const after = await iam.getAccountAuthorizationDetails({ MaxItems: 1000 });
    assert.deepEqual(
      after.UserDetailList!.map((user) => user.UserId),
      before.UserDetailList!.map((user) => user.UserId),
    );
  });
});

function fromBase32(text: string): Buffer {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...text].map((character) => alphabet.indexOf(character).toString(2).padStart(5, "0")).join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

/** RFC 6238, written again here: the witness must not be our own code. */
function code(seed: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeUInt32BE(step, 4);
  const mac = createHmac("sha1", seed).update(counter).digest();
  const at = mac[19]! & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
