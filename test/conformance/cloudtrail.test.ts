/** CloudTrail through the unmodified SDK: every operation, every refusal. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  AddTagsCommand,
  CloudTrailClient,
  CreateTrailCommand,
  DeleteTrailCommand,
  DescribeTrailsCommand,
  GetEventSelectorsCommand,
  GetTrailCommand,
  GetTrailStatusCommand,
  ListTagsCommand,
  ListTrailsCommand,
  LookupEventsCommand,
  PutEventSelectorsCommand,
  RemoveTagsCommand,
  StartLoggingCommand,
  StopLoggingCommand,
  UpdateTrailCommand,
} from "@aws-sdk/client-cloudtrail";
import { CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateKeyCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { gunzipSync } from "node:zlib";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { advance } from "../operator.ts";

const bucket = "trail-conformance";

describe("CloudTrail", () => {
  let instance: Instance;
  let trail: CloudTrailClient;
  let s3: S3Client;

  before(async () => {
    instance = await startInstance({ args: ["--adjustable-clock"] });
    trail = new CloudTrailClient(instance.client);
    s3 = new S3Client(instance.s3Client);
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    await s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: policy(bucket) }));
  });

  after(async () => {
    await instance?.stop();
  });

  const create = (Name: string, more: object = {}) =>
    trail.send(new CreateTrailCommand({ Name, S3BucketName: bucket, ...more }));

  const badNames: [name: string, text: RegExp][] = [
    ["ab", /Trail name too short. Minimum allowed length: 3 characters. Specified name length: 2 characters./],
    ["a".repeat(129), /Trail name too long. Maximum allowed length: 128 characters./],
    ["-abc", /Trail name must starts with a letter or number./],
    ["abc-", /Trail name must ends with a letter or number./],
    ["a b c", /can only contain uppercase letters/],
    ["192.168.5.4", /IP address/],
    ["my--trail", /adjacent/],
  ];
  for (const [name, message] of badNames) {
    test(`the name ${name.slice(0, 12)} is refused`, async () => {
      await assert.rejects(create(name), { name: "InvalidTrailNameException", message });
    });
  }

  test("a trail that could not deliver is refused with the reason", async () => {
    await assert.rejects(create("nowhere", { S3BucketName: "no-such-bucket-here" }), {
      name: "S3BucketDoesNotExistException",
      message: "S3 bucket no-such-bucket-here does not exist!",
    });
    await s3.send(new CreateBucketCommand({ Bucket: "trail-unprepared" }));
    await assert.rejects(create("unprepared", { S3BucketName: "trail-unprepared" }), {
      name: "InsufficientS3BucketPolicyException",
    });
    await assert.rejects(create("keyless", { KmsKeyId: "alias/none" }), { name: "KmsKeyNotFoundException" });
    await assert.rejects(create("silent", { SnsTopicName: "nobody" }), { name: "InsufficientSnsTopicPolicyException" });
    await assert.rejects(create("shadow", { IsMultiRegionTrail: true, IncludeGlobalServiceEvents: false }), {
      name: "InvalidParameterCombinationException",
    });
    await assert.rejects(create("corporate", { IsOrganizationTrail: true }), {
      name: "OrganizationsNotInUseException",
    });
  });

  test("a trail's life", async () => {
    const { TrailARN } = await create("lively", { TagsList: [{ Key: "team", Value: "audit" }] });
    await assert.rejects(create("lively"), { name: "TrailAlreadyExistsException" });
    assert.equal((await trail.send(new GetTrailCommand({ Name: TrailARN }))).Trail!.Name, "lively");
    assert.equal((await trail.send(new GetTrailStatusCommand({ Name: "lively" }))).IsLogging, false);
    await trail.send(new StartLoggingCommand({ Name: "lively" }));
    assert.equal((await trail.send(new GetTrailStatusCommand({ Name: "lively" }))).IsLogging, true);
    await trail.send(new StopLoggingCommand({ Name: "lively" }));
    await trail.send(new UpdateTrailCommand({ Name: "lively", S3KeyPrefix: "p", IsMultiRegionTrail: true }));
    const described = await trail.send(new DescribeTrailsCommand({}));
    assert.deepEqual(
      described.trailList!.map(({ Name, S3KeyPrefix, IsMultiRegionTrail }) => [Name, S3KeyPrefix, IsMultiRegionTrail]),
      [["lively", "p", true]],
    );
    const elsewhere = new CloudTrailClient({ ...instance.client, region: "eu-west-1" });
    assert.equal((await elsewhere.send(new DescribeTrailsCommand({}))).trailList!.length, 1, "shadow trail");
    assert.equal(
      (await elsewhere.send(new DescribeTrailsCommand({ includeShadowTrails: false }))).trailList!.length,
      0,
    );
    assert.equal((await elsewhere.send(new ListTrailsCommand({}))).Trails![0]!.HomeRegion, instance.ready.region);

    await trail.send(new AddTagsCommand({ ResourceId: TrailARN, TagsList: [{ Key: "env", Value: "test" }] }));
    await trail.send(new RemoveTagsCommand({ ResourceId: TrailARN, TagsList: [{ Key: "team" }] }));
    const tags = await trail.send(new ListTagsCommand({ ResourceIdList: [TrailARN!] }));
    assert.deepEqual(tags.ResourceTagList![0]!.TagsList, [{ Key: "env", Value: "test" }]);

    await trail.send(new DeleteTrailCommand({ Name: "lively" }));
    await assert.rejects(trail.send(new GetTrailCommand({ Name: "lively" })), { name: "TrailNotFoundException" });
  });

  test("a Region has five trails at most", async () => {
    for (let i = 1; i <= 5; i++) await create(`trail-${i}`);
    await assert.rejects(create("trail-6"), { name: "MaximumNumberOfTrailsExceededException" });
    for (let i = 1; i <= 5; i++) await trail.send(new DeleteTrailCommand({ Name: `trail-${i}` }));
  });

  test("data events reach the files of the trail that selects them, and of no other", async () => {
    await create("with-data", { S3KeyPrefix: "data" });
    await create("without-data", { S3KeyPrefix: "plain" });
    const selectors = [
      {
        ReadWriteType: "All" as const,
        IncludeManagementEvents: true,
        DataResources: [{ Type: "AWS::S3::Object", Values: ["arn:aws:s3:::watched/"] }],
      },
    ];
    await trail.send(new PutEventSelectorsCommand({ TrailName: "with-data", EventSelectors: selectors }));
    const read = await trail.send(new GetEventSelectorsCommand({ TrailName: "with-data" }));
    assert.deepEqual(read.EventSelectors![0]!.DataResources, selectors[0]!.DataResources);
    for (const Name of ["with-data", "without-data"]) await trail.send(new StartLoggingCommand({ Name }));
    for (const Bucket of ["watched", "unwatched"]) {
      await s3.send(new CreateBucketCommand({ Bucket }));
      await s3.send(new PutObjectCommand({ Bucket, Key: "paper", Body: "x" }));
    }
    await advance(instance, 60_000);
    const withData = await eventually(async () => found(await records("data/")), { within: 60_000 });
    const puts = withData.filter(({ eventName }) => eventName === "PutObject");
    assert.deepEqual(
      puts.map(({ requestParameters }) => requestParameters["bucketName"]),
      ["watched"],
    );
    assert.equal(puts[0]!.eventCategory, "Data");
    const plain = await eventually(async () => {
      const all = await records("plain/");
      return all.some(({ eventName }) => eventName === "CreateBucket") && all;
    });
    assert.ok(plain.every(({ eventCategory }) => eventCategory === "Management"));
    for (const Name of ["with-data", "without-data"]) await trail.send(new DeleteTrailCommand({ Name }));

    function found(all: Awaited<ReturnType<typeof records>>) {
      return all.some(({ eventName }) => eventName === "PutObject") && all;
    }
  });

  async function records(prefix: string) {
    const all: { eventName: string; eventCategory: string; requestParameters: Record<string, unknown> }[] = [];
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
    for (const { Key } of Contents ?? []) {
      if (!Key!.endsWith(".gz")) continue;
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
      all.push(...JSON.parse(gunzipSync(await Body!.transformToByteArray()).toString()).Records);
    }
    return all;
  }

  test("event history is found by attribute, in pages, newest first, and by time", async () => {
    const iam = new IAMClient(instance.client);
    for (let i = 0; i < 5; i++) await iam.send(new CreateUserCommand({ UserName: `looked-up-${i}` }));
    const attribute = { AttributeKey: "EventName" as const, AttributeValue: "CreateUser" };
    const history = new CloudTrailClient({ ...instance.client, region: "us-east-1" });
    await eventually(async () => {
      const { Events } = await history.send(new LookupEventsCommand({ LookupAttributes: [attribute] }));
      return Events!.length === 5;
    });
    const names: string[] = [];
    let token: string | undefined;
    let pages = 0;
    do {
      const page = await history.send(
        new LookupEventsCommand({ LookupAttributes: [attribute], MaxResults: 2, NextToken: token }),
      );
      names.push(...page.Events!.map((event) => JSON.parse(event.CloudTrailEvent!).requestParameters.userName));
      assert.ok(page.Events!.every(({ Username, ReadOnly }) => Username === "admin" && ReadOnly === "false"));
      token = page.NextToken;
      pages++;
    } while (token);
    assert.equal(pages, 3);
    assert.deepEqual(
      names.toSorted(),
      Array.from({ length: 5 }, (_, i) => `looked-up-${i}`),
    );
    const past = await history.send(new LookupEventsCommand({ LookupAttributes: [attribute], EndTime: new Date(0) }));
    assert.deepEqual(past.Events, []);
    const all = await history.send(new LookupEventsCommand({ MaxResults: 3 }));
    assert.equal(all.Events!.length, 3);
    const times = all.Events!.map(({ EventTime }) => EventTime!.getTime());
    assert.deepEqual(
      times,
      times.toSorted((a, b) => b - a),
    );
    assert.notEqual(all.NextToken, undefined);

    await assert.rejects(history.send(new LookupEventsCommand({ NextToken: "not a token" })), {
      name: "InvalidNextTokenException",
    });
    await assert.rejects(history.send(new LookupEventsCommand({ StartTime: new Date(), EndTime: new Date(0) })), {
      name: "InvalidTimeRangeException",
    });
    await assert.rejects(history.send(new LookupEventsCommand({ LookupAttributes: [attribute, attribute] })), {
      name: "InvalidLookupAttributesException",
    });
  });

  test("the use of a key is a read, and names the key", async () => {
    const kms = new KMSClient(instance.client);
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    await kms.send(
      new EncryptCommand({
        KeyId: KeyMetadata!.KeyId!,
        Plaintext: Buffer.from("x"),
        EncryptionContext: { Department: "HR" },
      }),
    );
    const attribute = { AttributeKey: "EventName" as const, AttributeValue: "Encrypt" };
    const record = await eventually(async () => {
      const { Events } = await trail.send(new LookupEventsCommand({ LookupAttributes: [attribute] }));
      return Events![0] && JSON.parse(Events![0].CloudTrailEvent!);
    });
    assert.equal(record.readOnly, true);
    assert.equal(record.responseElements, null);
    assert.deepEqual(record.requestParameters.encryptionContext, { Department: "HR" });
    assert.deepEqual(record.resources, [
      { ARN: KeyMetadata!.Arn, accountId: instance.ready.accountId, type: "AWS::KMS::Key" },
    ]);
  });

  test("advanced selectors round trip and take the place of basic ones", async () => {
    await create("advanced");
    const selector = {
      Name: "no reads of keys",
      FieldSelectors: [
        { Field: "eventCategory", Equals: ["Management"] },
        { Field: "eventSource", NotEquals: ["kms.amazonaws.com"] },
      ],
    };
    await trail.send(new PutEventSelectorsCommand({ TrailName: "advanced", AdvancedEventSelectors: [selector] }));
    const read = await trail.send(new GetEventSelectorsCommand({ TrailName: "advanced" }));
    assert.deepEqual(read.AdvancedEventSelectors, [selector]);
    assert.equal(read.EventSelectors, undefined);
    assert.equal((await trail.send(new GetTrailCommand({ Name: "advanced" }))).Trail!.HasCustomEventSelectors, true);
    await trail.send(new DeleteTrailCommand({ Name: "advanced" }));
  });
});

function policy(name: string): string {
  const Principal = { Service: "cloudtrail.amazonaws.com" };
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal, Action: "s3:GetBucketAcl", Resource: `arn:aws:s3:::${name}` },
      { Effect: "Allow", Principal, Action: "s3:PutObject", Resource: `arn:aws:s3:::${name}/*` },
    ],
  });
}
