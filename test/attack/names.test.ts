/**
 * A name that comes back: whoever is created under the name of somebody who was deleted inherits nothing, from no
 * bucket policy, access point, key policy, grant, trust policy, nor the policy of a queue, a topic or the log groups. Source: IAM User Guide, "AWS JSON policy elements: Principal".
 */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  DeleteAccessKeyCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DeleteUserCommand,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
  UpdateUserCommand,
} from "@aws-sdk/client-iam";
import {
  CreateGrantCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  GenerateDataKeyCommand,
  GetKeyPolicyCommand,
  PutKeyPolicyCommand,
  RetireGrantCommand,
} from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  ListBucketsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { SNS } from "@aws-sdk/client-sns";
import { SQS } from "@aws-sdk/client-sqs";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { administrator, credentialsOf, person, policy, refusal, user, type Person } from "./people.ts";

let instance: Instance;
let admin: Person;
let account: string;

before(async () => {
  instance = await startInstance();
  admin = administrator(instance);
  account = instance.ready.accountId;
});
after(() => instance?.stop());

const arn = (name: string) => `arn:aws:iam::${account}:user/${name}`;
const forRoot = () => ({
  Effect: "Allow",
  Principal: { AWS: `arn:aws:iam::${account}:root` },
  Action: "kms:*",
  Resource: "*",
});

function spine({ credentials }: Person) {
  const config = { ...instance.client, credentials };
  return { sqs: new SQS(config), sns: new SNS(config), logs: new CloudWatchLogs(config) };
}

async function recreate(name: string, before: Person): Promise<Person> {
  await admin.iam.send(new DeleteAccessKeyCommand({ UserName: name, AccessKeyId: before.credentials.accessKeyId }));
  await admin.iam.send(new DeleteUserCommand({ UserName: name }));
  return await user(instance, admin, name);
}

test("bucket policy, key policy and grant mean the user who had the name", async () => {
  const eve = await user(instance, admin, "eve");
  await admin.s3.send(new CreateBucketCommand({ Bucket: "names" }));
  await admin.s3.send(new PutObjectCommand({ Bucket: "names", Key: "k", Body: "secret" }));
  const named = { Effect: "Allow", Principal: { AWS: arn("eve") } };
  const written = policy({ ...named, Action: "s3:GetObject", Resource: "arn:aws:s3:::names/*" });
  await admin.s3.send(new PutBucketPolicyCommand({ Bucket: "names", Policy: written }));
  const Policy = policy(forRoot(), { ...named, Action: "kms:*", Resource: "*" });
  const byPolicy = (await admin.kms.send(new CreateKeyCommand({ Policy }))).KeyMetadata!.KeyId!;
  const byGrant = (await admin.kms.send(new CreateKeyCommand({}))).KeyMetadata!.Arn!;
  const grant = await admin.kms.send(
    new CreateGrantCommand({
      KeyId: byGrant,
      GranteePrincipal: arn("eve"),
      RetiringPrincipal: arn("eve"),
      Operations: ["GenerateDataKey"],
    }),
  );
  const uses = (who: Person) => [
    refusal(who.s3.send(new GetObjectCommand({ Bucket: "names", Key: "k" }))),
    refusal(who.kms.send(new DescribeKeyCommand({ KeyId: byPolicy }))),
    refusal(who.kms.send(new GenerateDataKeyCommand({ KeyId: byGrant, KeySpec: "AES_256" }))),
  ];
  assert.deepEqual(await Promise.all(uses(eve)), ["", "", ""]);
  assert.equal((await admin.s3.send(new GetBucketPolicyCommand({ Bucket: "names" }))).Policy, written);

  const other = await recreate("eve", eve);
  const denied = ["AccessDenied", "AccessDeniedException", "AccessDeniedException"];
  assert.deepEqual(await Promise.all(uses(other)), denied);
  const retire = new RetireGrantCommand({ KeyId: byGrant, GrantId: grant.GrantId! });
  assert.equal(await refusal(other.kms.send(retire)), "AccessDeniedException");
  const shown = await admin.s3.send(new GetBucketPolicyCommand({ Bucket: "names" }));
  assert.match(shown.Policy!, /"AIDA[A-Z0-9]{17}"/);
  assert.match((await admin.kms.send(new GetKeyPolicyCommand({ KeyId: byPolicy }))).Policy!, /"AIDA[A-Z0-9]{17}"/);
});

test("policies of queues, topics and log groups mean the user who had the name, also after a statement is added", async () => {
  const alice = await user(instance, admin, "alice");
  const { sqs, sns, logs } = spine(alice);
  const own = spine(admin);
  const QueueUrl = (await own.sqs.createQueue({ QueueName: "names" })).QueueUrl!;
  const TopicArn = (await own.sns.createTopic({ Name: "names" })).TopicArn!;
  await own.logs.createLogGroup({ logGroupName: "names" });
  const allow = (Action: string, Resource: string) =>
    policy({ Sid: "alice", Effect: "Allow", Principal: { AWS: arn("alice") }, Action, Resource });
  const queueArn = `arn:aws:sqs:${instance.ready.region}:${account}:names`;
  const groupArn = `arn:aws:logs:${instance.ready.region}:${account}:log-group:names:*`;
  await own.sqs.setQueueAttributes({ QueueUrl, Attributes: { Policy: allow("sqs:SendMessage", queueArn) } });
  await own.sns.setTopicAttributes({
    TopicArn,
    AttributeName: "Policy",
    AttributeValue: allow("sns:Publish", TopicArn),
  });
  await own.logs.putResourcePolicy({ policyName: "names", policyDocument: allow("logs:CreateLogStream", groupArn) });
  let streams = 0;
  const uses = (to: ReturnType<typeof spine>) => [
    refusal(to.sqs.sendMessage({ QueueUrl, MessageBody: "m" })),
    refusal(to.sns.publish({ TopicArn, Message: "m" })),
    refusal(to.logs.createLogStream({ logGroupName: "names", logStreamName: `s${++streams}` })),
  ];
  assert.deepEqual(await Promise.all(uses({ sqs, sns, logs })), ["", "", ""]);

  const other = spine(await recreate("alice", alice));
  const denied = ["AccessDenied", "AuthorizationErrorException", "AccessDeniedException"];
  assert.deepEqual(await Promise.all(uses(other)), denied);
  // Adding a statement writes the policy anew: the old name must not come to mean the new user by that.
  await own.sqs.addPermission({ QueueUrl, Label: "more", AWSAccountIds: [account], Actions: ["GetQueueUrl"] });
  await own.sns.addPermission({ TopicArn, Label: "more", AWSAccountId: [account], ActionName: ["Subscribe"] });
  assert.deepEqual(await Promise.all(uses(other)), denied);
  const shown = [
    (await own.sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["Policy"] })).Attributes!["Policy"]!,
    (await own.sns.getTopicAttributes({ TopicArn })).Attributes!["Policy"]!,
    (await own.logs.describeResourcePolicies({})).resourcePolicies![0]!.policyDocument!,
  ];
  for (const text of shown) assert.match(text, /"AIDA[A-Z0-9]{17}"/);
});

test("somebody who takes the name by renaming gets nothing either, and the one who was renamed keeps it", async () => {
  const first = await user(instance, admin, "first");
  const second = await user(instance, admin, "second");
  const named = { Effect: "Allow", Principal: { AWS: arn("first") }, Action: "kms:DescribeKey", Resource: "*" };
  const { KeyMetadata } = await admin.kms.send(new CreateKeyCommand({ Policy: policy(forRoot(), named) }));
  await admin.iam.send(new UpdateUserCommand({ UserName: "first", NewUserName: "elsewhere" }));
  await admin.iam.send(new UpdateUserCommand({ UserName: "second", NewUserName: "first" }));
  const ask = (who: Person) => refusal(who.kms.send(new DescribeKeyCommand({ KeyId: KeyMetadata!.Arn! })));
  await eventually(async () => (await ask(first)) === "");
  assert.equal(await ask(second), "AccessDeniedException");
});

test("a policy cannot name in advance who does not exist yet", async () => {
  const ghost = { Effect: "Allow", Principal: { AWS: arn("ghost") } };
  const onBucket = policy({ ...ghost, Action: "s3:GetObject", Resource: "arn:aws:s3:::names/*" });
  const put = new PutBucketPolicyCommand({ Bucket: "names", Policy: onBucket });
  assert.equal(await refusal(admin.s3.send(put)), "MalformedPolicy");
  const { KeyMetadata } = await admin.kms.send(new CreateKeyCommand({}));
  const KeyId = KeyMetadata!.KeyId!;
  const Policy = policy(forRoot(), { ...ghost, Action: "kms:*", Resource: "*" });
  assert.equal(
    await refusal(admin.kms.send(new PutKeyPolicyCommand({ KeyId, Policy }))),
    "MalformedPolicyDocumentException",
  );
  const own = spine(admin);
  const { QueueUrl } = await own.sqs.createQueue({ QueueName: "ghosts" });
  const onQueue = policy({ ...ghost, Action: "sqs:SendMessage", Resource: "*" });
  const Attributes = { Policy: onQueue };
  assert.equal(await refusal(own.sqs.setQueueAttributes({ QueueUrl, Attributes })), "InvalidAttributeValue");
  const { TopicArn } = await own.sns.createTopic({ Name: "ghosts" });
  const onTopic = policy({ ...ghost, Action: "sns:Publish", Resource: TopicArn });
  const set = own.sns.setTopicAttributes({ TopicArn, AttributeName: "Policy", AttributeValue: onTopic });
  assert.equal(await refusal(set), "InvalidParameterException");
  const grant = new CreateGrantCommand({ KeyId, GranteePrincipal: arn("ghost"), Operations: ["Decrypt"] });
  assert.equal(await refusal(admin.kms.send(grant)), "InvalidArnException");
});

test("sessions of a deleted role stay powerless when the role is made again", async () => {
  const trust = policy({ Effect: "Allow", Principal: { AWS: account }, Action: "sts:AssumeRole" });
  const make = async () => {
    await admin.iam.send(new CreateRoleCommand({ RoleName: "again", AssumeRolePolicyDocument: trust }));
    const all = policy({ Effect: "Allow", Action: "*", Resource: "*" });
    await admin.iam.send(new PutRolePolicyCommand({ RoleName: "again", PolicyName: "all", PolicyDocument: all }));
  };
  await make();
  const RoleArn = `arn:aws:iam::${account}:role/again`;
  const { Credentials } = await admin.sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "session" }));
  const session = person(instance, credentialsOf(Credentials));
  assert.equal(await refusal(session.s3.send(new ListBucketsCommand({}))), "");
  await admin.iam.send(new DeleteRolePolicyCommand({ RoleName: "again", PolicyName: "all" }));
  await admin.iam.send(new DeleteRoleCommand({ RoleName: "again" }));
  await make();
  await eventually(async () => (await refusal(session.s3.send(new ListBucketsCommand({})))) === "AccessDenied", {
    within: 1000,
    every: 10,
  });
});

test("another spelling of a name is not the name, and a path is part of it", async () => {
  const mallory = await user(instance, admin, "mallory", {
    Effect: "Allow",
    Action: "iam:*",
    Resource: [arn("boss"), arn("Boss"), arn("BOSS")],
  });
  await admin.iam.send(new UpdateUserCommand({ UserName: "mallory", NewPath: "/" }));
  const boss = await user(instance, admin, "Boss");
  await admin.iam.send(new UpdateUserCommand({ UserName: "Boss", NewPath: "/admin/" }));
  assert.ok(boss);
  const put = (UserName: string) =>
    refusal(
      mallory.iam.send(
        new PutUserPolicyCommand({
          UserName,
          PolicyName: "mine",
          PolicyDocument: policy({ Effect: "Allow", Action: "*", Resource: "*" }),
        }),
      ),
    );
  assert.deepEqual(await Promise.all([put("Boss"), put("boss"), put("BOSS")]), [
    "AccessDenied",
    "NoSuchEntityException",
    "NoSuchEntityException",
  ]);
  assert.equal(await refusal(mallory.iam.send(new CreateAccessKeyCommand({ UserName: "Boss" }))), "AccessDenied");
});
