/** What was taken away stays usable for less than a second after the answer: keys, policies, boundaries, sessions, people. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateGroupCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  AddUserToGroupCommand,
  CreateRoleCommand,
  DeleteAccessKeyCommand,
  DeleteUserPermissionsBoundaryCommand,
  DeleteUserPolicyCommand,
  DetachUserPolicyCommand,
  PutGroupPolicyCommand,
  PutRolePolicyCommand,
  PutUserPermissionsBoundaryCommand,
  PutUserPolicyCommand,
  RemoveUserFromGroupCommand,
  SetDefaultPolicyVersionCommand,
  TagUserCommand,
  UntagUserCommand,
  UpdateAccessKeyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { CreateGrantCommand, CreateKeyCommand, GenerateDataKeyCommand, RevokeGrantCommand } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  GetObjectCommand,
  ListBucketsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { administrator, credentialsOf, person, policy, refusal, user, type Person } from "./people.ts";

/** AWS says "eventually"; here it is this. Milliseconds after the acknowledged change. */
const within = 1000;

let instance: Instance;
let admin: Person;
let account: string;

before(async () => {
  instance = await startInstance();
  admin = administrator(instance);
  account = instance.ready.accountId;
  await admin.s3.send(new CreateBucketCommand({ Bucket: "changes" }));
  await admin.s3.send(new PutObjectCommand({ Bucket: "changes", Key: "k", Body: "x" }));
});
after(() => instance?.stop());

const list = (who: Person) => refusal(who.s3.send(new ListBucketsCommand({})));
const read = (who: Person) => refusal(who.s3.send(new GetObjectCommand({ Bucket: "changes", Key: "k" })));
const mayList = { Effect: "Allow", Action: "s3:ListAllMyBuckets", Resource: "*" };
const PolicyDocument = policy(mayList);

/** Served until the change, refused soon after it, and refused for good. */
async function takenAway(ask: () => Promise<string>, change: () => Promise<unknown>): Promise<void> {
  await eventually(async () => (await ask()) === "", { within });
  await change();
  await eventually(async () => (await ask()) !== "", { within, every: 5 });
  for (let i = 0; i < 5; i++) assert.notEqual(await ask(), "");
}

test("an access key that is switched off or deleted", async () => {
  const who = await user(instance, admin, "key", mayList);
  const key = { UserName: "key", AccessKeyId: who.credentials.accessKeyId };
  await takenAway(
    () => list(who),
    () => admin.iam.send(new UpdateAccessKeyCommand({ ...key, Status: "Inactive" })),
  );
  const { AccessKey } = await admin.iam.send(new CreateAccessKeyCommand({ UserName: "key" }));
  const again = person(instance, credentialsOf(AccessKey));
  const second = { UserName: "key", AccessKeyId: again.credentials.accessKeyId };
  await takenAway(
    () => list(again),
    () => admin.iam.send(new DeleteAccessKeyCommand(second)),
  );
});

test("inline policies, attached policies and their versions, memberships", async () => {
  const UserName = "policies";
  const who = await user(instance, admin, UserName, mayList);
  await takenAway(
    () => list(who),
    () => admin.iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName: "given" })),
  );

  const { Policy } = await admin.iam.send(new CreatePolicyCommand({ PolicyName: "changes", PolicyDocument }));
  const PolicyArn = Policy!.Arn!;
  await admin.iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn }));
  const none = policy({ ...mayList, Action: "s3:GetObject" });
  await takenAway(
    () => list(who),
    () => admin.iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: none, SetAsDefault: true })),
  );
  await admin.iam.send(new SetDefaultPolicyVersionCommand({ PolicyArn, VersionId: "v1" }));
  await takenAway(
    () => list(who),
    () => admin.iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn })),
  );

  await admin.iam.send(new CreateGroupCommand({ GroupName: "changes" }));
  await admin.iam.send(new PutGroupPolicyCommand({ GroupName: "changes", PolicyName: "p", PolicyDocument }));
  await admin.iam.send(new AddUserToGroupCommand({ GroupName: "changes", UserName }));
  await takenAway(
    () => list(who),
    () => admin.iam.send(new RemoveUserFromGroupCommand({ GroupName: "changes", UserName })),
  );
});

test("a boundary that is set, and one that is lifted", async () => {
  const UserName = "bounded";
  const who = await user(instance, admin, UserName, mayList);
  const narrow = policy({ ...mayList, Action: "kms:*" });
  const { Policy } = await admin.iam.send(new CreatePolicyCommand({ PolicyName: "narrow", PolicyDocument: narrow }));
  const set = new PutUserPermissionsBoundaryCommand({ UserName, PermissionsBoundary: Policy!.Arn! });
  await takenAway(
    () => list(who),
    () => admin.iam.send(set),
  );
  await admin.iam.send(new DeleteUserPermissionsBoundaryCommand({ UserName }));
  await eventually(async () => (await list(who)) === "", { within });
});

test("tags that a policy asks for", async () => {
  const Condition = { StringEquals: { "aws:PrincipalTag/team": "blue" } };
  const who = await user(instance, admin, "tagged", { ...mayList, Condition });
  await admin.iam.send(new TagUserCommand({ UserName: "tagged", Tags: [{ Key: "team", Value: "blue" }] }));
  await takenAway(
    () => list(who),
    () => admin.iam.send(new UntagUserCommand({ UserName: "tagged", TagKeys: ["team"] })),
  );
});

test("a role's policy under sessions that are open, and its trust", async () => {
  const trust = policy({ Effect: "Allow", Principal: { AWS: account }, Action: "sts:AssumeRole" });
  const { Role } = await admin.iam.send(new CreateRoleCommand({ RoleName: "open", AssumeRolePolicyDocument: trust }));
  await admin.iam.send(new PutRolePolicyCommand({ RoleName: "open", PolicyName: "p", PolicyDocument }));
  const assume = new AssumeRoleCommand({ RoleArn: Role!.Arn!, RoleSessionName: "session" });
  const session = person(instance, credentialsOf((await admin.sts.send(assume)).Credentials));
  // "Revoke active sessions" of the console: everything is denied to tokens that were issued before now.
  const issued = { DateLessThan: { "aws:TokenIssueTime": new Date(Date.now() + 1000).toISOString() } };
  const revoke = policy({ Effect: "Deny", Action: "*", Resource: "*", Condition: issued });
  await takenAway(
    () => list(session),
    () =>
      admin.iam.send(
        new PutRolePolicyCommand({ RoleName: "open", PolicyName: "AWSRevokeOlderSessions", PolicyDocument: revoke }),
      ),
  );
  const mayAssume = { Effect: "Allow", Action: "sts:AssumeRole", Resource: "*" };
  const who = await user(instance, admin, "assumes", mayAssume);
  const nobody = policy({ Effect: "Deny", Principal: "*", Action: "sts:AssumeRole" });
  await takenAway(
    () => refusal(who.sts.send(new AssumeRoleCommand({ RoleArn: Role!.Arn!, RoleSessionName: "session" }))),
    () => admin.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: "open", PolicyDocument: nobody })),
  );
});

test("bucket policies and grants", async () => {
  const who = await user(instance, admin, "guest");
  const Principal = { AWS: `arn:aws:iam::${account}:user/guest` };
  const Policy = policy({ Effect: "Allow", Principal, Action: "s3:GetObject", Resource: "arn:aws:s3:::changes/*" });
  await admin.s3.send(new PutBucketPolicyCommand({ Bucket: "changes", Policy }));
  await takenAway(
    () => read(who),
    () => admin.s3.send(new DeleteBucketPolicyCommand({ Bucket: "changes" })),
  );

  const KeyId = (await admin.kms.send(new CreateKeyCommand({}))).KeyMetadata!.KeyId!;
  const grant = new CreateGrantCommand({ KeyId, GranteePrincipal: Principal.AWS, Operations: ["GenerateDataKey"] });
  const { GrantId } = await admin.kms.send(grant);
  await takenAway(
    () => refusal(who.kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256" }))),
    () => admin.kms.send(new RevokeGrantCommand({ KeyId, GrantId: GrantId! })),
  );
});

test("a denial that is added", async () => {
  const who = await user(instance, admin, "denied", mayList);
  const PolicyDocument = policy({ ...mayList, Effect: "Deny" });
  const deny = new PutUserPolicyCommand({ UserName: "denied", PolicyName: "deny", PolicyDocument });
  await takenAway(
    () => list(who),
    () => admin.iam.send(deny),
  );
});
