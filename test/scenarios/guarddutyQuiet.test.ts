/**
 * Scenario G5, as far as it needs no learning: a day of ordinary administrator's work, over a thousand calls of every
 * service, is no finding. The one call at its end that is one shows that all of them have been looked at.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { CloudWatch } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { GuardDuty } from "@aws-sdk/client-guardduty";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { Organizations } from "@aws-sdk/client-organizations";
import { S3 } from "@aws-sdk/client-s3";
import { SNS } from "@aws-sdk/client-sns";
import { SQS } from "@aws-sdk/client-sqs";
import { STS } from "@aws-sdk/client-sts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { rootKey } from "../rootKey.ts";

const projects = 24;
const block = { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true };
const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });

type Call = () => Promise<unknown>;

describe("a day of ordinary work", () => {
  let instance: Instance;
  let guard: GuardDuty;
  let DetectorId: string;

  before(async () => {
    instance = await startInstance();
    guard = new GuardDuty(instance.client);
    ({ DetectorId } = (await guard.createDetector({ Enable: true })) as { DetectorId: string });
  });

  after(async () => {
    await instance?.stop();
  });

  /** The calls of one project, in order; projects run side by side. */
  function project(name: string): Call[] {
    const { client, s3Client, ready } = instance;
    const iam = new IAM(client);
    const s3 = new S3(s3Client);
    const kms = new KMS(client);
    const sqs = new SQS(client);
    const sns = new SNS(client);
    const logs = new CloudWatchLogs(client);
    const metrics = new CloudWatch(client);
    const events = new EventBridge(client);
    const trails = new CloudTrail(client);
    const sts = new STS(client);
    const account = ready.accountId;
    const self = { AWS: `arn:aws:iam::${account}:root` };
    const made: Record<string, string> = {};
    const Bucket = `day-${name}`;
    const own = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
    const trailStatement = (Action: string) => ({
      Effect: "Allow",
      Principal: { Service: "cloudtrail.amazonaws.com" },
      Action,
      Resource: own,
    });
    const RoleName = `role-${name}`;
    const UserName = `user-${name}`;
    return [
      () => sts.getCallerIdentity({}),
      () => iam.createUser({ UserName, Tags: [{ Key: "team", Value: name }] }),
      () =>
        iam.putUserPolicy({
          UserName,
          PolicyName: "p",
          PolicyDocument: document({ Effect: "Allow", Action: "s3:Get*", Resource: "*" }),
        }),
      async () => (made["key"] = (await iam.createAccessKey({ UserName })).AccessKey!.AccessKeyId!),
      () => iam.listAccessKeys({ UserName }),
      () => iam.updateAccessKey({ UserName, AccessKeyId: made["key"], Status: "Inactive" }),
      () => iam.deleteAccessKey({ UserName, AccessKeyId: made["key"] }),
      () =>
        iam.createRole({
          RoleName,
          AssumeRolePolicyDocument: document({ Effect: "Allow", Principal: self, Action: "sts:AssumeRole" }),
        }),
      () => iam.attachRolePolicy({ RoleName, PolicyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }),
      () => iam.updateAccountPasswordPolicy({ MinimumPasswordLength: 14, RequireSymbols: true, RequireNumbers: true }),
      () => iam.getAccountPasswordPolicy({}),
      () => sts.assumeRole({ RoleArn: `arn:aws:iam::${account}:role/${RoleName}`, RoleSessionName: "day" }),
      () => iam.listRoles({}),
      () => iam.getAccountAuthorizationDetails({}),
      () => s3.createBucket({ Bucket }),
      () => s3.putPublicAccessBlock({ Bucket, PublicAccessBlockConfiguration: block }),
      () => s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: "Enabled" } }),
      () =>
        s3.putBucketPolicy({ Bucket, Policy: document(...["s3:GetBucketAcl", "s3:PutObject"].map(trailStatement)) }),
      () => s3.putBucketTagging({ Bucket, Tagging: { TagSet: [{ Key: "team", Value: name }] } }),
      () => s3.putObject({ Bucket, Key: "a", Body: "a" }),
      () => s3.getObject({ Bucket, Key: "a" }).then(({ Body }) => Body!.transformToString()),
      () => s3.listObjectsV2({ Bucket }),
      () => s3.deleteObject({ Bucket, Key: "a" }),
      () => s3.getBucketPolicyStatus({ Bucket }),
      async () => (made["kms"] = (await kms.createKey({ Description: name })).KeyMetadata!.KeyId!),
      async () =>
        (made["blob"] = Buffer.from(
          (await kms.encrypt({ KeyId: made["kms"], Plaintext: Buffer.from("x") })).CiphertextBlob!,
        ).toString("base64")),
      () => kms.decrypt({ CiphertextBlob: Buffer.from(made["blob"]!, "base64") }),
      () => kms.enableKeyRotation({ KeyId: made["kms"] }),
      () => kms.disableKey({ KeyId: made["kms"] }),
      () => kms.scheduleKeyDeletion({ KeyId: made["kms"], PendingWindowInDays: 7 }),
      async () => (made["queue"] = (await sqs.createQueue({ QueueName: name })).QueueUrl!),
      () => sqs.sendMessage({ QueueUrl: made["queue"], MessageBody: "x" }),
      () => sqs.purgeQueue({ QueueUrl: made["queue"] }),
      async () => (made["topic"] = (await sns.createTopic({ Name: name })).TopicArn!),
      () => sns.publish({ TopicArn: made["topic"], Message: "x" }),
      () => logs.createLogGroup({ logGroupName: `/day/${name}` }),
      () => logs.putRetentionPolicy({ logGroupName: `/day/${name}`, retentionInDays: 7 }),
      () => metrics.putMetricData({ Namespace: "Day", MetricData: [{ MetricName: name, Value: 1 }] }),
      () => events.putRule({ Name: name, EventPattern: JSON.stringify({ source: ["day"] }) }),
      () => events.deleteRule({ Name: name }),
      ...(name.endsWith("0")
        ? [
            () => trails.createTrail({ Name: name, S3BucketName: Bucket, IsMultiRegionTrail: true }),
            () => trails.startLogging({ Name: name }),
            () => trails.updateTrail({ Name: name, EnableLogFileValidation: true }),
            () =>
              trails.putEventSelectors({
                TrailName: name,
                EventSelectors: [{ ReadWriteType: "All", IncludeManagementEvents: true }],
              }),
            () => trails.describeTrails({}),
            () => new Organizations(client).describeOrganization({}),
          ]
        : []),
      () => iam.detachRolePolicy({ RoleName, PolicyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }),
      () => iam.deleteRole({ RoleName }),
      () => iam.getUser({ UserName: `nobody-${name}` }),
      () => guard.listFindings({ DetectorId }),
    ];
  }

  test("is no finding", { timeout: 120_000 }, async () => {
    let calls = 0;
    let errors = 0;
    const names = Array.from({ length: projects }, (_, i) => `p${i}`);
    await Promise.all(
      [0, 1, 2, 3, 4, 5].map(async (worker) => {
        for (const name of names.filter((_, i) => i % 6 === worker)) {
          for (const call of project(name)) {
            calls++;
            // Ordinary work has its errors too.
            await call().catch(() => errors++);
          }
        }
      }),
    );
    assert.ok(calls > 1000, `${calls} calls`);
    assert.ok(errors < calls / 20, `${errors} of them failed`);
    const root = new IAM({ ...instance.client, credentials: await rootKey(instance, instance.ready.accountId) });
    await root.listUsers({});
    const FindingIds = await eventually(async () => {
      const found = (await guard.listFindings({ DetectorId })).FindingIds!;
      return found.length > 0 && found;
    });
    const { Findings } = await guard.getFindings({ DetectorId, FindingIds });
    assert.deepEqual(
      Findings!.map(({ Type }) => Type),
      ["Policy:IAMUser/RootCredentialUsage"],
    );
  });
});
