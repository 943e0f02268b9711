/**
 * Scenario main, point 4: the trail's files arrive in the bucket, compressed, encrypted, under AWS's path layout,
 * with digest files that the AWS CLI accepts; it names the file that was tampered with.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import {
  CloudTrailClient,
  CreateTrailCommand,
  GetTrailStatusCommand,
  StartLoggingCommand,
} from "@aws-sdk/client-cloudtrail";
import { CreateKeyCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { awsCommand, isInstalled, run } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { advance } from "../operator.ts";

const bucket = "trail-files";
const name = "everything";
const secret = "canary-plaintext-that-no-log-may-hold";

describe("a trail, seen from its bucket", { skip: (await isInstalled(awsCommand())) ? false : "no AWS CLI" }, () => {
  let instance: Instance;
  let s3: S3Client;
  let trailArn: string;
  let keyArn: string;

  before(async () => {
    instance = await startInstance({ args: ["--adjustable-clock"] });
    s3 = new S3Client(instance.s3Client);
    const kms = new KMSClient(instance.client);
    const trail = new CloudTrailClient(instance.client);
    const { accountId, region } = instance.ready;
    trailArn = `arn:aws:cloudtrail:${region}:${accountId}:trail/${name}`;
    const created = await kms.send(new CreateKeyCommand({ Policy: keyPolicy(accountId, trailArn) }));
    keyArn = created.KeyMetadata!.Arn!;
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    await s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: bucketPolicy(accountId, trailArn) }));
    await trail.send(
      new CreateTrailCommand({
        Name: name,
        S3BucketName: bucket,
        KmsKeyId: keyArn,
        EnableLogFileValidation: true,
        IsMultiRegionTrail: true,
      }),
    );
    await trail.send(new StartLoggingCommand({ Name: name }));
    await kms.send(new EncryptCommand({ KeyId: keyArn, Plaintext: Buffer.from(secret) }));
    await assert.rejects(
      kms.send(new EncryptCommand({ KeyId: "00000000-0000-0000-0000-000000000000", Plaintext: Buffer.from("x") })),
    );
  });

  // The files of the calls above are due at once.
  before(() => advance(instance, 60_000));

  after(async () => {
    await instance?.stop();
  });

  test("log files arrive under AWS's path, compressed and encrypted under the trail's key", async () => {
    const key = await logFile();
    const { accountId, region } = instance.ready;
    const form = new RegExp(
      `^AWSLogs/${accountId}/CloudTrail/${region}/\\d{4}/\\d\\d/\\d\\d/${accountId}_CloudTrail_${region}_\\d{8}T\\d{4}Z_\\w{16}\\.json\\.gz$`,
    );
    assert.match(key, form);
    const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    assert.equal(head.ServerSideEncryption, "aws:kms");
    assert.equal(head.SSEKMSKeyId, keyArn);
  });

  test("they hold served and refused calls, and no plaintext", async () => {
    const records = await eventually(async () => {
      const all = await allRecords();
      return all.some(({ eventName }) => eventName === "Encrypt") && all;
    });
    const encrypts = records.filter(({ eventName }) => eventName === "Encrypt");
    assert.ok(encrypts.some(({ errorCode }) => errorCode === undefined));
    assert.ok(encrypts.some(({ errorCode }) => errorCode === "NotFoundException"));
    const text = JSON.stringify(records);
    assert.ok(!text.includes(secret) && !text.includes(Buffer.from(secret).toString("base64")));
    assert.ok(!text.includes(instance.ready.secretAccessKey));
  });

  test("aws cloudtrail validate-logs accepts them, and names the tampered one", async () => {
    await logFile();
    await advance(instance, 3 * 3600_000);
    await eventually(async () => (await keys("CloudTrail-Digest")).length >= 2, { within: 60_000 });
    const valid = await validate();
    assert.equal(valid.code, 0, valid.stdout + valid.stderr);
    assert.match(valid.stdout, /\d+\/\d+ digest files valid/);
    assert.match(valid.stdout, /(\d+)\/\1 log files valid/);

    const victim = await logFile();
    const body = await (
      await s3.send(new GetObjectCommand({ Bucket: bucket, Key: victim }))
    ).Body!.transformToByteArray();
    const changed = gunzipSync(body).toString().replace('"eventVersion":"1.11"', '"eventVersion":"1.12"');
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: victim, Body: gzipSync(changed) }));
    const invalid = await validate();
    assert.equal(invalid.code, 1);
    assert.match(invalid.stdout + invalid.stderr, new RegExp(`${victim}\\s+INVALID`));
  });

  test("GetTrailStatus tells of the deliveries", async () => {
    const trail = new CloudTrailClient(instance.client);
    const status = await trail.send(new GetTrailStatusCommand({ Name: name }));
    assert.equal(status.IsLogging, true);
    assert.ok(status.LatestDeliveryTime && status.LatestDigestDeliveryTime);
    assert.equal(status.LatestDeliveryError, undefined);
  });

  async function keys(part: string): Promise<string[]> {
    const listed = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: "AWSLogs/" }));
    return (listed.Contents ?? [])
      .map(({ Key }) => Key!)
      .filter((key) => key.includes(`/${part}/`) && key.endsWith(".gz"));
  }

  function logFile(): Promise<string> {
    return eventually(async () => (await keys("CloudTrail"))[0], { within: 60_000 });
  }

  async function allRecords(): Promise<{ eventName: string; errorCode?: string }[]> {
    const records = [];
    for (const key of await keys("CloudTrail")) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      records.push(...JSON.parse(gunzipSync(await Body!.transformToByteArray()).toString()).Records);
    }
    return records;
  }

  function validate() {
    const start = new Date(Date.now() - 3600_000).toISOString().replace(/\.\d+Z/, "Z");
    const end = new Date(Date.now() + 5 * 3600_000).toISOString().replace(/\.\d+Z/, "Z");
    const args = [
      "cloudtrail",
      "validate-logs",
      "--trail-arn",
      trailArn,
      "--start-time",
      start,
      "--end-time",
      end,
      "--verbose",
    ];
    return run(awsCommand(), args, instance.env());
  }
});

/** Source: CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail". */
function bucketPolicy(account: string, trailArn: string): string {
  const condition = { StringEquals: { "aws:SourceArn": trailArn } };
  const principal = { Service: "cloudtrail.amazonaws.com" };
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "AclCheck",
        Effect: "Allow",
        Principal: principal,
        Action: "s3:GetBucketAcl",
        Resource: `arn:aws:s3:::${bucket}`,
        Condition: condition,
      },
      {
        Sid: "Write",
        Effect: "Allow",
        Principal: principal,
        Action: "s3:PutObject",
        Resource: `arn:aws:s3:::${bucket}/AWSLogs/${account}/*`,
        Condition: { StringEquals: { "s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceArn": trailArn } },
      },
    ],
  });
}

/** Source: CloudTrail User Guide, "Configure AWS KMS key policies for CloudTrail". */
function keyPolicy(account: string, trailArn: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: "kms:*", Resource: "*" },
      {
        Effect: "Allow",
        Principal: { Service: "cloudtrail.amazonaws.com" },
        Action: "kms:GenerateDataKey*",
        Resource: "*",
        Condition: {
          StringEquals: { "aws:SourceArn": trailArn },
          StringLike: { "kms:EncryptionContext:aws:cloudtrail:arn": `arn:aws:cloudtrail:*:${account}:trail/*` },
        },
      },
    ],
  });
}
