/** CloudTrail Lake through the unmodified SDK and AWS CLI: stores, queries, channels, keys, policies, `kill -9`. */
import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import {
  AddTagsCommand,
  CancelQueryCommand,
  CloudTrailClient,
  CreateChannelCommand,
  CreateEventDataStoreCommand,
  DeleteChannelCommand,
  DeleteEventDataStoreCommand,
  DeleteResourcePolicyCommand,
  DescribeQueryCommand,
  GetChannelCommand,
  GetEventDataStoreCommand,
  GetQueryResultsCommand,
  GetResourcePolicyCommand,
  ListChannelsCommand,
  ListEventDataStoresCommand,
  ListPublicKeysCommand,
  ListQueriesCommand,
  ListTagsCommand,
  PutResourcePolicyCommand,
  RemoveTagsCommand,
  RestoreEventDataStoreCommand,
  StartEventDataStoreIngestionCommand,
  StartQueryCommand,
  StopEventDataStoreIngestionCommand,
  UpdateChannelCommand,
  UpdateEventDataStoreCommand,
} from "@aws-sdk/client-cloudtrail";
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { CreateKeyCommand, DisableKeyCommand, EnableKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import {
  CreateAccountCommand,
  CreateOrganizationCommand,
  DescribeCreateAccountStatusCommand,
  OrganizationsClient,
} from "@aws-sdk/client-organizations";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { aws, awsCommand, isInstalled } from "../cli.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { advance } from "../operator.ts";

const dayMs = 24 * 3600_000;
const activity = [{ FieldSelectors: [{ Field: "eventCategory", Equals: ["ActivityAuditLog"] }] }];
const hasCli = (await isInstalled(awsCommand())) ? false : "needs the AWS CLI";

const idOf = (arn: string | undefined) => arn!.split("/").at(-1)!;

class Lake {
  readonly client: CloudTrailClient;

  constructor(client: CloudTrailClient) {
    this.client = client;
  }

  async create(Name: string, more: object = {}): Promise<string> {
    const { EventDataStoreArn } = await this.client.send(
      new CreateEventDataStoreCommand({ Name, TerminationProtectionEnabled: false, ...more }),
    );
    return EventDataStoreArn!;
  }

  async start(QueryStatement: string, more: object = {}): Promise<string> {
    const { QueryId } = await this.client.send(new StartQueryCommand({ QueryStatement, ...more }));
    return QueryId!;
  }

  /** The end of a query. */
  over(QueryId: string) {
    return eventually(async () => {
      const query = await this.client.send(new DescribeQueryCommand({ QueryId }));
      return ["QUEUED", "RUNNING"].includes(query.QueryStatus!) ? undefined : query;
    });
  }

  /** Rows as objects. */
  async rows(statement: string): Promise<Record<string, string>[]> {
    const QueryId = await this.start(statement);
    const { QueryStatus, ErrorMessage } = await this.over(QueryId);
    assert.equal(QueryStatus, "FINISHED", ErrorMessage ?? "no reason given");
    const { QueryResultRows } = await this.client.send(new GetQueryResultsCommand({ QueryId }));
    return QueryResultRows!.map((row) => Object.assign({}, ...row));
  }

  /** Rows once there are as many as wanted: events arrive in their own time. */
  arrived(statement: string, count: number) {
    return eventually(
      async () => {
        const rows = await this.rows(statement);
        return rows.length >= count && rows;
      },
      { within: 60_000, every: 300 },
    );
  }
}

describe("CloudTrail Lake", () => {
  let instance: Instance;
  let lake: Lake;
  let cloudtrail: CloudTrailClient;
  let iam: IAMClient;
  let kms: KMSClient;
  let store: string;
  let storeId: string;

  before(async () => {
    instance = await startInstance({ args: ["--adjustable-clock"] });
    cloudtrail = new CloudTrailClient(instance.client);
    lake = new Lake(cloudtrail);
    iam = new IAMClient(instance.client);
    kms = new KMSClient(instance.client);
    store = await lake.create("events");
    storeId = idOf(store);
    for (let i = 0; i < 5; i++) await iam.send(new CreateUserCommand({ UserName: `lake-${i}` }));
    await assert.rejects(iam.send(new CreateUserCommand({ UserName: "lake-0" })));
  });

  after(async () => {
    await instance?.stop();
  });

  test("events arrive and are found by what they say", async () => {
    const rows = await lake.arrived(
      `SELECT eventName, element_at(requestParameters, 'userName') AS who, errorCode, eventTime, userIdentity.arn
       FROM ${storeId} WHERE eventSource = 'iam.amazonaws.com' AND eventName LIKE 'Create%' ORDER BY eventTime, who`,
      6,
    );
    assert.deepEqual(new Set(rows.map(({ who }) => who)), new Set([0, 1, 2, 3, 4].map((i) => `lake-${i}`)));
    assert.equal(rows.filter(({ errorCode }) => errorCode === "EntityAlreadyExists").length, 1);
    assert.match(rows[0]!["eventTime"]!, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.000$/);
    assert.match(rows[0]!["arn"]!, /^arn:aws:iam::\d{12}:user\/admin$/);
    const grouped = await lake.rows(
      `SELECT errorCode IS NULL AS good, count(*) AS n FROM ${storeId} WHERE eventName = 'CreateUser' GROUP BY 1 ORDER BY n DESC`,
    );
    assert.deepEqual(grouped, [
      { good: "true", n: "5" },
      { good: "false", n: "1" },
    ]);
  });

  test("results come in pages, with their statistics", async () => {
    const QueryId = await lake.start(`SELECT eventID FROM ${storeId} WHERE eventName = 'CreateUser' ORDER BY eventID`);
    const described = await lake.over(QueryId);
    assert.equal(described.QueryStatistics!.EventsMatched, 6);
    assert.ok(described.QueryStatistics!.EventsScanned! >= 6 && described.QueryStatistics!.BytesScanned! > 1000);
    const counted = await lake.over(await lake.start(`SELECT count(*) FROM ${storeId} WHERE eventName = 'CreateUser'`));
    assert.equal(counted.QueryStatistics!.EventsMatched, 6, "events, not rows");
    const ids: string[] = [];
    let NextToken: string | undefined;
    let pages = 0;
    do {
      const page = await cloudtrail.send(new GetQueryResultsCommand({ QueryId, MaxQueryResults: 4, NextToken }));
      assert.equal(page.QueryStatistics!.TotalResultsCount, 6);
      ids.push(...page.QueryResultRows!.map((row) => row[0]!["eventID"]!));
      NextToken = page.NextToken;
      pages++;
    } while (NextToken);
    assert.equal(pages, 2);
    assert.deepEqual(ids, [...new Set(ids)].toSorted());
    await assert.rejects(cloudtrail.send(new GetQueryResultsCommand({ QueryId, NextToken: "abcd" })), {
      name: "InvalidNextTokenException",
    });
    const listed = await cloudtrail.send(new ListQueriesCommand({ EventDataStore: store, QueryStatus: "FINISHED" }));
    assert.ok(listed.Queries!.some((query) => query.QueryId === QueryId));
    await assert.rejects(cloudtrail.send(new CancelQueryCommand({ QueryId })), { name: "InactiveQueryException" });
  });

  const unknown = "00000000-0000-4000-8000-000000000000";
  const refused: [statement: string, name: string, message: RegExp][] = [
    ["DROP TABLE STORE", "InvalidQueryStatementException", /Expecting: 'SELECT'/],
    ["SELECT * FROM STORE; DELETE FROM STORE", "InvalidQueryStatementException", /mismatched input 'DELETE'/],
    ["SELECT nothing FROM STORE", "InvalidQueryStatementException", /^line 1:8: Column 'nothing' cannot be resolved$/],
    ["SELECT readfile('/etc/passwd') FROM STORE", "InvalidQueryStatementException", /Function 'readfile'/],
    ["SELECT * FROM sqlite_schema", "InvalidQueryStatementException", /names no event data store/],
    ["ATTACH DATABASE 'x' AS y", "InvalidQueryStatementException", /mismatched input 'ATTACH'/],
    [`SELECT * FROM ${unknown}`, "EventDataStoreNotFoundException", /not found/],
  ];
  for (const [statement, name, message] of refused) {
    test(`refused: ${statement}`, async () => {
      await assert.rejects(lake.start(statement.replaceAll("STORE", storeId)), { name, message });
    });
  }

  test("a query that goes on is cancelled", async () => {
    const joins = "abcdefg".split("").map((name) => `${storeId} ${name}`);
    const QueryId = await lake.start(`SELECT count(*) FROM ${joins.join(", ")}`);
    await eventually(async () => {
      const { QueryStatus } = await cloudtrail.send(new DescribeQueryCommand({ QueryId }));
      return QueryStatus === "RUNNING";
    });
    const cancelled = await cloudtrail.send(new CancelQueryCommand({ QueryId }));
    assert.equal(cancelled.QueryStatus, "CANCELLED");
    assert.equal((await cloudtrail.send(new DescribeQueryCommand({ QueryId }))).QueryStatus, "CANCELLED");
    assert.equal((await lake.rows(`SELECT count(*) n FROM ${storeId}`)).length, 1, "the next one runs");
  });

  test("a store's life", async () => {
    const Name = "lively";
    const arn = await lake.create(Name, {
      TerminationProtectionEnabled: true,
      RetentionPeriod: 30,
      TagsList: [{ Key: "team", Value: "audit" }],
    });
    await assert.rejects(lake.create(Name), { name: "EventDataStoreAlreadyExistsException" });
    const got = await cloudtrail.send(new GetEventDataStoreCommand({ EventDataStore: idOf(arn) }));
    assert.deepEqual(
      [got.Status, got.RetentionPeriod, got.MultiRegionEnabled, got.BillingMode, got.AdvancedEventSelectors![0]!.Name],
      ["ENABLED", 30, true, "EXTENDABLE_RETENTION_PRICING", "Default management events"],
    );
    await assert.rejects(cloudtrail.send(new DeleteEventDataStoreCommand({ EventDataStore: arn })), {
      name: "EventDataStoreTerminationProtectedException",
    });
    await cloudtrail.send(
      new UpdateEventDataStoreCommand({ EventDataStore: arn, Name: "renamed", TerminationProtectionEnabled: false }),
    );
    await cloudtrail.send(new AddTagsCommand({ ResourceId: arn, TagsList: [{ Key: "env", Value: "test" }] }));
    await cloudtrail.send(new RemoveTagsCommand({ ResourceId: arn, TagsList: [{ Key: "team" }] }));
    const tags = await cloudtrail.send(new ListTagsCommand({ ResourceIdList: [arn] }));
    assert.deepEqual(tags.ResourceTagList![0]!.TagsList, [{ Key: "env", Value: "test" }]);
    await cloudtrail.send(new StopEventDataStoreIngestionCommand({ EventDataStore: arn }));
    await assert.rejects(cloudtrail.send(new StopEventDataStoreIngestionCommand({ EventDataStore: arn })), {
      name: "InvalidEventDataStoreStatusException",
    });
    await cloudtrail.send(new StartEventDataStoreIngestionCommand({ EventDataStore: arn }));
    await cloudtrail.send(new DeleteEventDataStoreCommand({ EventDataStore: arn }));
    assert.equal(
      (await cloudtrail.send(new GetEventDataStoreCommand({ EventDataStore: arn }))).Status,
      "PENDING_DELETION",
    );
    await assert.rejects(lake.start(`SELECT 1 FROM ${idOf(arn)}`), { name: "InactiveEventDataStoreException" });
    const restored = await cloudtrail.send(new RestoreEventDataStoreCommand({ EventDataStore: arn }));
    assert.equal(restored.Status, "ENABLED");
    await cloudtrail.send(new DeleteEventDataStoreCommand({ EventDataStore: arn }));
    const listed = await cloudtrail.send(new ListEventDataStoresCommand({}));
    assert.ok(listed.EventDataStores!.some(({ EventDataStoreArn }) => EventDataStoreArn === arn));
  });

  const badStores: [why: string, input: object, name: string][] = [
    [
      "retention beyond its billing mode",
      { RetentionPeriod: 3653, BillingMode: "FIXED_RETENTION_PRICING" },
      "InvalidParameterException",
    ],
    ["a key that is not there", { KmsKeyId: "alias/none" }, "KmsKeyNotFoundException"],
    ["an organization that is not there", { OrganizationEnabled: true }, "OrganizationsNotInUseException"],
    [
      "a category that nothing produces",
      { AdvancedEventSelectors: [{ FieldSelectors: [{ Field: "eventCategory", Equals: ["ConfigurationItem"] }] }] },
      "InvalidEventSelectorsException",
    ],
    [
      "a field that is none",
      {
        AdvancedEventSelectors: [
          {
            FieldSelectors: [
              { Field: "eventCategory", Equals: ["Management"] },
              { Field: "moon", Equals: ["full"] },
            ],
          },
        ],
      },
      "InvalidEventSelectorsException",
    ],
  ];
  for (const [why, input, name] of badStores) {
    test(`no store with ${why}`, async () => {
      await assert.rejects(lake.create("never", input), { name });
    });
  }

  test("selectors decide, and a stopped store takes nothing in", async () => {
    const writes = idOf(
      await lake.create("writes", {
        AdvancedEventSelectors: [
          {
            FieldSelectors: [
              { Field: "eventCategory", Equals: ["Management"] },
              { Field: "readOnly", Equals: ["false"] },
              { Field: "eventSource", Equals: ["kms.amazonaws.com"] },
            ],
          },
        ],
      }),
    );
    const stopped = idOf(await lake.create("stopped", { StartIngestion: false }));
    await kms.send(new CreateKeyCommand({ Description: "selected" }));
    const rows = await lake.arrived(`SELECT DISTINCT eventName, readOnly FROM ${writes}`, 1);
    assert.deepEqual(rows, [{ eventName: "CreateKey", readOnly: "false" }]);
    assert.deepEqual(await lake.rows(`SELECT count(*) AS n FROM ${stopped}`), [{ n: "0" }]);
  });

  test("events of a store with a key are read by nobody when the key is disabled", async () => {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    const KeyId = KeyMetadata!.KeyId!;
    await assert.rejects(lake.create("unkeyed", { KmsKeyId: KeyId }), {
      name: "InsufficientEncryptionPolicyException",
    });
    const { accountId } = instance.ready;
    const { KeyMetadata: open } = await kms.send(new CreateKeyCommand({ Policy: keyPolicy(accountId) }));
    const sealed = idOf(await lake.create("sealed", { KmsKeyId: open!.Arn! }));
    await iam.send(new CreateUserCommand({ UserName: "lake-sealed" }));
    const statement = `SELECT eventName FROM ${sealed} WHERE eventName = 'CreateUser'`;
    await lake.arrived(statement, 1);
    const finished = await lake.start(statement);
    await lake.over(finished);
    await kms.send(new DisableKeyCommand({ KeyId: open!.KeyId! }));
    const failed = await lake.over(await lake.start(statement));
    assert.equal(failed.QueryStatus, "FAILED");
    assert.match(failed.ErrorMessage!, /KMS key .* disabled/);
    await assert.rejects(cloudtrail.send(new GetQueryResultsCommand({ QueryId: finished })), {
      name: "InsufficientEncryptionPolicyException",
    });
    await kms.send(new EnableKeyCommand({ KeyId: open!.KeyId! }));
    assert.equal((await lake.rows(statement)).length, 1);
    await assert.rejects(
      cloudtrail.send(new UpdateEventDataStoreCommand({ EventDataStore: sealed, KmsKeyId: KeyId })),
      { name: "OperationNotPermittedException" },
    );
  });

  test("who may not query is refused; a resource policy lets in", async () => {
    await iam.send(new CreateUserCommand({ UserName: "reader" }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "reader" }));
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    const reader = new Lake(new CloudTrailClient({ ...instance.client, credentials }));
    const statement = `SELECT count(*) AS n FROM ${storeId}`;
    await assert.rejects(reader.start(statement), {
      name: "AccessDeniedException",
      message: new RegExp(`cloudtrail:StartQuery on resource: ${store}`),
    });
    const policy = (Action: string, Resource = store) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { AWS: `arn:aws:iam::${instance.ready.accountId}:user/reader` },
            Action,
            Resource,
          },
        ],
      });
    const put = (ResourcePolicy: string) =>
      cloudtrail.send(new PutResourcePolicyCommand({ ResourceArn: store, ResourcePolicy }));
    await assert.rejects(put("{}"), { name: "ResourcePolicyNotValidException" });
    await assert.rejects(put(policy("s3:GetObject")), { name: "ResourcePolicyNotValidException" });
    await assert.rejects(put(policy("cloudtrail:StartQuery", "*")), { name: "ResourcePolicyNotValidException" });
    await put(policy("cloudtrail:StartQuery"));
    const { ResourcePolicy } = await cloudtrail.send(new GetResourcePolicyCommand({ ResourceArn: store }));
    assert.equal(ResourcePolicy, policy("cloudtrail:StartQuery"));
    const QueryId = await reader.start(statement);
    await assert.rejects(reader.client.send(new GetQueryResultsCommand({ QueryId })), {
      name: "AccessDeniedException",
    });
    await cloudtrail.send(new DeleteResourcePolicyCommand({ ResourceArn: store }));
    await assert.rejects(reader.start(statement), { name: "AccessDeniedException" });
    await assert.rejects(cloudtrail.send(new GetResourcePolicyCommand({ ResourceArn: store })), {
      name: "ResourcePolicyNotFoundException",
    });
    await iam.send(
      new PutUserPolicyCommand({
        UserName: "reader",
        PolicyName: "lake",
        PolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: [
            {
              Effect: "Allow",
              Action: "cloudtrail:*",
              Resource: "*",
              Condition: { StringEquals: { "aws:ResourceTag/open": "yes" } },
            },
          ],
        }),
      }),
    );
    await assert.rejects(reader.start(statement), { name: "AccessDeniedException" });
    await cloudtrail.send(new AddTagsCommand({ ResourceId: store, TagsList: [{ Key: "open", Value: "yes" }] }));
    await reader.rows(statement);
  });

  test("results in a bucket are signed, and the signature holds", async () => {
    const s3 = new S3Client(instance.s3Client);
    const Bucket = "lake-results";
    await s3.send(new CreateBucketCommand({ Bucket }));
    const statement = `SELECT eventName, count(*) AS n FROM ${storeId} WHERE eventName = 'CreateUser' GROUP BY eventName`;
    const denied = await lake.over(await lake.start(statement, { DeliveryS3Uri: `s3://${Bucket}/q` }));
    assert.deepEqual([denied.QueryStatus, denied.DeliveryStatus], ["FINISHED", "ACCESS_DENIED"]);
    await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: bucketPolicy(Bucket, store) }));
    const done = await lake.over(await lake.start(statement, { DeliveryS3Uri: `s3://${Bucket}/q` }));
    assert.equal(done.DeliveryStatus, "SUCCESS");
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket }));
    const body = async (end: string) => {
      const { Key } = Contents!.find((each) => each.Key!.endsWith(end))!;
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
      return Buffer.from(await Body!.transformToByteArray());
    };
    const file = await body("/result_1.csv.gz");
    assert.match(gunzipSync(file).toString(), /^eventName,n\nCreateUser,\d+\n$/);
    const signed = JSON.parse((await body("/result_sign.json")).toString());
    const hash = createHash("sha256").update(file).digest("hex");
    assert.equal(signed.files[0].fileHashValue, hash);
    const { PublicKeyList } = await cloudtrail.send(new ListPublicKeysCommand({}));
    const { Value } = PublicKeyList!.find(({ Fingerprint }) => Fingerprint === signed.publicKeyFingerprint)!;
    const key = createPublicKey({ key: Buffer.from(Value!), format: "der", type: "pkcs1" });
    assert.ok(verify("sha256", Buffer.from(hash), key, Buffer.from(signed.hashSignature, "hex")));
  });

  test("events from outside come in through a channel", { skip: hasCli }, async () => {
    const destination = await lake.create("outside", { AdvancedEventSelectors: activity });
    const channel = { Name: "custom", Source: "Custom" };
    const to = (Location: string) => [{ Type: "EVENT_DATA_STORE" as const, Location }];
    await assert.rejects(cloudtrail.send(new CreateChannelCommand({ ...channel, Destinations: to(store) })), {
      name: "InvalidEventDataStoreCategoryException",
    });
    await assert.rejects(
      cloudtrail.send(new CreateChannelCommand({ ...channel, Source: "Nobody", Destinations: to(destination) })),
      { name: "InvalidSourceException" },
    );
    const { ChannelArn } = await cloudtrail.send(
      new CreateChannelCommand({ ...channel, Destinations: to(destination), Tags: [{ Key: "a", Value: "b" }] }),
    );
    await assert.rejects(cloudtrail.send(new CreateChannelCommand({ ...channel, Destinations: to(destination) })), {
      name: "ChannelAlreadyExistsException",
    });
    await cloudtrail.send(new UpdateChannelCommand({ Channel: ChannelArn, Name: "renamed" }));
    const { Channels } = await cloudtrail.send(new ListChannelsCommand({}));
    assert.deepEqual(Channels, [{ ChannelArn, Name: "renamed" }]);
    await assert.rejects(cloudtrail.send(new DeleteEventDataStoreCommand({ EventDataStore: destination })), {
      name: "ChannelExistsForEDSException",
    });

    const data = (UID: string, more: object = {}) =>
      JSON.stringify({
        version: "1.0",
        userIdentity: { type: "CustomUser", principalId: "alice", details: { team: "red" } },
        eventSource: "payroll.example.com",
        eventName: "PaySalary",
        eventTime: new Date().toISOString().slice(0, 19),
        UID,
        recipientAccountId: instance.ready.accountId,
        requestParameters: { amount: 5 },
        ...more,
      });
    const good = data("uid-1");
    const events = [
      { id: "good", eventData: good, eventDataChecksum: createHash("sha256").update(good).digest("base64") },
      { id: "checksum", eventData: data("2"), eventDataChecksum: "AAAA" },
      { id: "json", eventData: "{" },
      { id: "field", eventData: data("4", { eventName: undefined }) },
      { id: "long", eventData: data("5", { errorCode: "x".repeat(300) }) },
      { id: "recipient", eventData: data("6", { recipientAccountId: "999999999999" }) },
      { id: "time", eventData: data("7", { eventTime: "yesterday" }) },
      { id: "extra", eventData: data("8", { colour: "red" }) },
    ];
    const put = (sent: object[], arn = ChannelArn!) =>
      aws(instance, [
        "cloudtrail-data",
        "put-audit-events",
        "--channel-arn",
        arn,
        "--audit-events",
        JSON.stringify(sent),
      ]);
    const answer = await put(events);
    assert.deepEqual(
      answer.successful.map(({ id }: { id: string }) => id),
      ["good"],
    );
    assert.deepEqual(
      Object.fromEntries(answer.failed.map((each: { id: string; errorCode: string }) => [each.id, each.errorCode])),
      {
        checksum: "InvalidChecksum",
        json: "InvalidData",
        field: "FieldNotFound",
        long: "FieldTooLong",
        recipient: "InvalidRecipient",
        time: "InvalidData",
        extra: "InvalidData",
      },
    );
    await assert.rejects(put([events[0]!, events[0]!]), /DuplicatedAuditEventId/);
    await assert.rejects(put([events[0]!], ChannelArn!.replace(/.{4}$/, "0000")), /ChannelNotFound/);
    await assert.rejects(put([events[0]!], "arn:aws:s3:::x"), /InvalidChannelARN/);
    const foreign = ChannelArn!.replace(instance.ready.accountId, "999999999999");
    await assert.rejects(put([events[0]!], foreign), /ChannelInsufficientPermission/);

    const rows = await lake.arrived(
      `SELECT eventID, eventData.eventName AS name, eventData.userIdentity.principalId AS who,
              element_at(eventData.requestParameters, 'amount') AS amount, metadata.channelARN AS channel
       FROM ${idOf(destination)}`,
      1,
    );
    assert.deepEqual(rows, [
      { eventID: answer.successful[0].eventID, name: "PaySalary", who: "alice", amount: "5", channel: ChannelArn! },
    ]);
    const { IngestionStatus } = await cloudtrail.send(new GetChannelCommand({ Channel: ChannelArn! }));
    assert.equal(IngestionStatus!.LatestIngestionSuccessEventID, answer.successful[0].eventID);
    await cloudtrail.send(new DeleteChannelCommand({ Channel: ChannelArn! }));
    await assert.rejects(cloudtrail.send(new GetChannelCommand({ Channel: ChannelArn! })), {
      name: "ChannelNotFoundException",
    });
  });

  test("an organization's store holds its members' events, and lets in whom its policy names", async () => {
    const organizations = new OrganizationsClient({ ...instance.client, region: "us-east-1" });
    await organizations.send(new CreateOrganizationCommand({ FeatureSet: "ALL" }));
    const { CreateAccountStatus } = await organizations.send(
      new CreateAccountCommand({ AccountName: "member", Email: "member@example.com" }),
    );
    const member = await eventually(async () => {
      const status = await organizations.send(
        new DescribeCreateAccountStatusCommand({ CreateAccountRequestId: CreateAccountStatus!.Id! }),
      );
      return status.CreateAccountStatus!.AccountId;
    });
    const RoleArn = `arn:aws:iam::${member}:role/OrganizationAccountAccessRole`;
    const { Credentials } = await eventually(() =>
      new STSClient(instance.client).send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "lake" })),
    );
    const credentials = {
      accessKeyId: Credentials!.AccessKeyId!,
      secretAccessKey: Credentials!.SecretAccessKey!,
      sessionToken: Credentials!.SessionToken!,
    };
    const whole = await lake.create("whole", { OrganizationEnabled: true });
    await new IAMClient({ ...instance.client, credentials }).send(new CreateUserCommand({ UserName: "far" }));
    const statement = `SELECT recipientAccountId FROM ${idOf(whole)} WHERE eventName = 'CreateUser'`;
    assert.deepEqual(await lake.arrived(statement, 1), [{ recipientAccountId: member }]);

    const guest = new Lake(new CloudTrailClient({ ...instance.client, credentials }));
    const owner = { EventDataStoreOwnerAccountId: instance.ready.accountId };
    await assert.rejects(guest.start(statement), { name: "EventDataStoreNotFoundException" });
    await assert.rejects(guest.start(statement, owner), { name: "AccessDeniedException" });
    const allow = (Action: string[], Resource: string, more: object = {}) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { AWS: `arn:aws:iam::${member}:root` }, Action, Resource, ...more }],
      });
    const reading = ["StartQuery", "DescribeQuery", "GetQueryResults"].map((action) => `cloudtrail:${action}`);
    await cloudtrail.send(new PutResourcePolicyCommand({ ResourceArn: whole, ResourcePolicy: allow(reading, whole) }));
    const QueryId = await guest.start(statement, owner);
    assert.equal((await guest.over(QueryId)).EventDataStoreOwnerAccountId, instance.ready.accountId);
    const { QueryResultRows } = await guest.client.send(new GetQueryResultsCommand({ QueryId }));
    assert.deepEqual(QueryResultRows, [[{ recipientAccountId: member }]]);
    await assert.rejects(cloudtrail.send(new GetQueryResultsCommand({ QueryId })), {
      name: "QueryIdNotFoundException",
    });

    if (hasCli) return;
    const inbox = await lake.create("inbox", { AdvancedEventSelectors: activity });
    const { ChannelArn } = await cloudtrail.send(
      new CreateChannelCommand({
        Name: "partners",
        Source: "Custom",
        Destinations: [{ Type: "EVENT_DATA_STORE", Location: inbox }],
      }),
    );
    const Condition = { StringEquals: { "cloudtrail:ExternalId": "kimchi" } };
    await cloudtrail.send(
      new PutResourcePolicyCommand({
        ResourceArn: ChannelArn!,
        ResourcePolicy: allow(["cloudtrail-data:PutAuditEvents"], ChannelArn!, { Condition }),
      }),
    );
    const eventData = JSON.stringify({
      version: "1",
      userIdentity: { type: "t", principalId: "p" },
      eventSource: "s",
      eventName: "n",
      eventTime: new Date().toISOString().slice(0, 19),
      UID: "u",
      recipientAccountId: instance.ready.accountId,
    });
    const put = (...more: string[]) =>
      aws(
        instance,
        [
          "cloudtrail-data",
          "put-audit-events",
          "--channel-arn",
          ChannelArn!,
          "--audit-events",
          JSON.stringify([{ id: "1", eventData }]),
          ...more,
        ],
        {
          AWS_ACCESS_KEY_ID: credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
          AWS_SESSION_TOKEN: credentials.sessionToken,
        },
      );
    await assert.rejects(put(), /ChannelInsufficientPermission/);
    await assert.rejects(put("--external-id", "bread"), /ChannelInsufficientPermission/);
    assert.equal((await put("--external-id", "kimchi")).successful.length, 1);
    await lake.arrived(`SELECT eventID FROM ${idOf(inbox)}`, 1);
  });

  test("retention and pending deletion end", async () => {
    const short = await lake.create("short", { RetentionPeriod: 7 });
    await iam.send(new CreateUserCommand({ UserName: "lake-short" }));
    await lake.arrived(`SELECT 1 FROM ${idOf(short)} WHERE eventName = 'CreateUser'`, 1);
    const doomed = await lake.create("doomed");
    await cloudtrail.send(new DeleteEventDataStoreCommand({ EventDataStore: doomed }));
    await advance(instance, 8 * dayMs);
    assert.deepEqual(await lake.rows(`SELECT count(*) AS n FROM ${idOf(short)} WHERE eventName = 'CreateUser'`), [
      { n: "0" },
    ]);
    await eventually(async () => {
      const error = await cloudtrail.send(new GetEventDataStoreCommand({ EventDataStore: doomed })).catch((e) => e);
      return error.name === "EventDataStoreNotFoundException";
    });
    await lake.create("doomed");
  });
});

test("stores, events and results outlive kill -9", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "jikimi-lake-"));
  const first = await startInstance({ dataDir });
  const lake = new Lake(new CloudTrailClient(first.client));
  const id = idOf(await lake.create("durable"));
  const names = ["one", "two", "three"];
  for (const name of names) await new IAMClient(first.client).send(new CreateUserCommand({ UserName: name }));
  const statement = `SELECT element_at(requestParameters, 'userName') AS who FROM ${id} WHERE eventName = 'CreateUser'`;
  const running = await lake.start(statement);
  await first.kill();
  const second = await startInstance({ dataDir });
  try {
    const again = new Lake(new CloudTrailClient(second.client));
    const rows = await again.arrived(statement, names.length);
    assert.deepEqual(rows.map(({ who }) => who).toSorted(), names.toSorted());
    assert.equal((await again.over(running)).QueryStatus, "FINISHED");
  } finally {
    await second.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
});

function keyPolicy(account: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: "kms:*", Resource: "*" },
      {
        Effect: "Allow",
        Principal: { Service: "cloudtrail.amazonaws.com" },
        Action: ["kms:GenerateDataKey", "kms:Decrypt"],
        Resource: "*",
      },
    ],
  });
}

function bucketPolicy(bucket: string, source: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: "cloudtrail.amazonaws.com" },
        Action: ["s3:PutObject*", "s3:Abort*"],
        Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
        Condition: { StringLike: { "aws:sourceArn": source } },
      },
    ],
  });
}
