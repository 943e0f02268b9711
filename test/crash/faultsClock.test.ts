/**
 * The clock jumps by ninety days: what had an end has ended, the jobs catch up once and not ninety times twenty-four
 * times, and clients whose clocks did not jump are served. And clients whose own clocks are wrong.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  CloudTrailClient,
  CreateTrailCommand,
  LookupEventsCommand,
  StartLoggingCommand,
} from "@aws-sdk/client-cloudtrail";
import { CreateRoleCommand, CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import {
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GetKeyRotationStatusCommand,
  EnableKeyRotationCommand,
  KMSClient,
  ListKeyRotationsCommand,
  ScheduleKeyDeletionCommand,
} from "@aws-sdk/client-kms";
import { CreateBucketCommand, ListObjectsV2Command, PutBucketPolicyCommand, S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { advance, operator } from "../operator.ts";

const dayMs = 24 * 3_600_000;
const bucket = "trail-files";

describe("the clock jumps", () => {
  let instance: Instance;
  let kms: KMSClient;
  let session: { accessKeyId: string; secretAccessKey: string; sessionToken: string };
  let doomed: string;
  let rotated: string;
  let ciphertext: Uint8Array;

  before(async () => {
    instance = await startInstance({ args: ["--adjustable-clock"] });
    const { accountId } = instance.ready;
    kms = new KMSClient(instance.client);
    await new IAMClient(instance.client).send(new CreateUserCommand({ UserName: "before-the-jump" }));
    const trust = policy({ Effect: "Allow", Principal: { AWS: accountId }, Action: "sts:AssumeRole" });
    const { Role } = await new IAMClient(instance.client).send(
      new CreateRoleCommand({ RoleName: "short", AssumeRolePolicyDocument: trust }),
    );
    doomed = await newKey();
    ciphertext = (await kms.send(new EncryptCommand({ KeyId: doomed, Plaintext: Buffer.from("x") }))).CiphertextBlob!;
    await kms.send(new ScheduleKeyDeletionCommand({ KeyId: doomed, PendingWindowInDays: 7 }));
    rotated = await newKey();
    await kms.send(new EnableKeyRotationCommand({ KeyId: rotated, RotationPeriodInDays: 90 }));

    const s3 = new S3Client(instance.s3Client);
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    await s3.send(
      new PutBucketPolicyCommand({
        Bucket: bucket,
        Policy: policy({
          Effect: "Allow",
          Principal: { Service: "cloudtrail.amazonaws.com" },
          Action: ["s3:GetBucketAcl", "s3:PutObject"],
          Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
        }),
      }),
    );
    const trail = new CloudTrailClient(instance.client);
    await trail.send(new CreateTrailCommand({ Name: "all", S3BucketName: bucket, EnableLogFileValidation: true }));
    await trail.send(new StartLoggingCommand({ Name: "all" }));
    await kms.send(new DescribeKeyCommand({ KeyId: rotated }));
    await eventually(async () => (await named("before-the-jump")).length > 0);
    // One digest is there before the jump, so that there is a chain to go on with.
    await advance(instance, 60_000);
    await eventually(async () => (await keys("/CloudTrail/")).length > 0);
    await eventually(
      async () => {
        await advance(instance, 3_600_000);
        return (await keys("CloudTrail-Digest")).length > 0;
      },
      { every: 1_000 },
    );
    const { Credentials } = await new STSClient(instance.client).send(
      new AssumeRoleCommand({ RoleArn: Role!.Arn!, RoleSessionName: "session" }),
    );
    session = {
      accessKeyId: Credentials!.AccessKeyId!,
      secretAccessKey: Credentials!.SecretAccessKey!,
      sessionToken: Credentials!.SessionToken!,
    };
  });

  after(() => instance?.stop());

  async function newKey(): Promise<string> {
    return (await kms.send(new CreateKeyCommand({}))).KeyMetadata!.KeyId!;
  }

  async function keys(part: string): Promise<string[]> {
    const { Contents = [] } = await new S3Client(instance.s3Client).send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key }) => Key!).filter((key) => key.includes(part));
  }

  async function named(user: string): Promise<string[]> {
    const { Events = [] } = await new CloudTrailClient({ ...instance.client, region: "us-east-1" }).send(
      new LookupEventsCommand({ LookupAttributes: [{ AttributeKey: "EventName", AttributeValue: "CreateUser" }] }),
    );
    return Events.map((event) => event.CloudTrailEvent!).filter((text) => text.includes(user));
  }

  test("a session is good before, and expired after ninety days; the jobs catch up without a storm", async () => {
    const sts = new STSClient({ ...instance.client, credentials: session });
    const before = (await keys("")).length;
    await sts.send(new GetCallerIdentityCommand({}));
    await advance(instance, 91 * dayMs);
    await assert.rejects(sts.send(new GetCallerIdentityCommand({})), (error: Error) =>
      /^ExpiredToken/.test(error.name),
    );
    const own = await new STSClient(instance.client).send(new GetCallerIdentityCommand({}));
    assert.equal(own.Account, instance.ready.accountId, "clients whose clocks did not jump are served");

    // 91 days have 2,184 hours; the empty ones are one digest for each series. Caught up is who is in the last hours.
    await eventually(async () => {
      const { now } = (await operator(instance, "GET", "/_jikimi/status")) as { now: number };
      const stamps = (await keys("CloudTrail-Digest")).map((key) => /_(\d{8}T\d{4})\d{2}Z\.json\.gz$/.exec(key)![1]!);
      const recent = new Date(now - 2 * 3_600_000)
        .toISOString()
        .replaceAll(/[-:]|\.\d+Z$/g, "")
        .slice(0, 13);
      return stamps.some((stamp) => stamp >= recent);
    });
    const delivered = (await keys("")).length - before;
    assert.ok(delivered < 60, `${delivered} files at once`);
  });

  test("event history forgets after ninety days", async () => {
    await eventually(async () => (await named("before-the-jump")).length === 0);
    await new IAMClient(instance.client).send(new CreateUserCommand({ UserName: "after-the-jump" }));
    await eventually(async () => (await named("after-the-jump")).length === 1);
  });

  test("a key whose waiting period has passed is gone for good, and one that was due is rotated once", async () => {
    await eventually(async () =>
      kms.send(new DescribeKeyCommand({ KeyId: doomed })).then(
        () => false,
        (error: Error) => error.name === "NotFoundException",
      ),
    );
    await assert.rejects(kms.send(new DecryptCommand({ CiphertextBlob: ciphertext })));
    await eventually(async () => {
      const { Rotations = [] } = await kms.send(
        new ListKeyRotationsCommand({ KeyId: rotated, IncludeKeyMaterial: "ROTATIONS_ONLY" }),
      );
      assert.ok(Rotations.length <= 1, "rotated once");
      return Rotations.length === 1;
    });
    const status = await kms.send(new GetKeyRotationStatusCommand({ KeyId: rotated }));
    const { now } = (await operator(instance, "GET", "/_jikimi/status")) as { now: number };
    assert.ok(status.NextRotationDate!.getTime() > now, "the next one is ahead");
  });

  test("clients whose clocks are wrong are refused, and those a little off are served", async () => {
    const at = (offset: number) => new STSClient({ ...instance.client, systemClockOffset: offset });
    for (const offset of [20 * 60_000, -20 * 60_000]) {
      await assert.rejects(at(offset).send(new GetCallerIdentityCommand({})), (error: Error) => {
        assert.match(error.name, /SignatureDoesNotMatch|RequestExpired|InvalidSignature|RequestTimeTooSkewed/);
        return true;
      });
    }
    for (const offset of [4 * 60_000, -4 * 60_000]) await at(offset).send(new GetCallerIdentityCommand({}));
  });

  test("the clock does not go back", async () => {
    await assert.rejects(operator(instance, "POST", "/_jikimi/time", { advanceMs: -dayMs }), /4\d\d/);
    await assert.rejects(operator(instance, "POST", "/_jikimi/time", { advanceMs: "soon" }), /400/);
    await assert.rejects(operator(instance, "POST", "/_jikimi/time", { advanceMs: 1e300 }), /4\d\d/);
    await assert.rejects(operator(instance, "POST", "/_jikimi/time", { advanceMs: 0.5 }), /4\d\d/);
  });
});

function policy(statement: object): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
}
