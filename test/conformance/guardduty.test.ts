/** GuardDuty through the unmodified SDK: detectors, real findings, filters, lists, destinations, samples, and every refusal. */
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { GuardDuty, type Finding } from "@aws-sdk/client-guardduty";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { S3 } from "@aws-sdk/client-s3";
import { SQS } from "@aws-sdk/client-sqs";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { advance } from "../operator.ts";
import { rootKey } from "../rootKey.ts";

const rootUsage = "Policy:IAMUser/RootCredentialUsage";
const trailDisabled = "Stealth:IAMUser/CloudTrailLoggingDisabled";
const reconListed = "Recon:IAMUser/MaliciousIPCaller.Custom";
const minutes = 60_000;

describe("GuardDuty", () => {
  let instance: Instance;
  let guard: GuardDuty;
  let s3: S3;
  let DetectorId: string;
  let root: IAM;
  let queue: () => Promise<Record<string, any>[]>;
  const bucket = "guard-lists";

  before(async () => {
    instance = await startInstance({ args: ["--adjustable-clock"] });
    guard = new GuardDuty(instance.client);
    s3 = new S3(instance.s3Client);
    root = new IAM({ ...instance.client, credentials: await rootKey(instance, instance.ready.accountId) });
    await s3.createBucket({ Bucket: bucket });
    ({ DetectorId } = (await guard.createDetector({ Enable: true })) as { DetectorId: string });
    queue = await eventsInto("findings");
  });

  after(async () => {
    await instance?.stop();
  });

  /** A rule for GuardDuty's events, and what it has delivered since the last look. */
  async function eventsInto(QueueName: string): Promise<() => Promise<Record<string, any>[]>> {
    const sqs = new SQS(instance.client);
    const events = new EventBridge(instance.client);
    const { QueueUrl } = await sqs.createQueue({ QueueName });
    const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
    const Resource = Attributes!["QueueArn"]!;
    const Statement = [
      { Effect: "Allow", Principal: { Service: "events.amazonaws.com" }, Action: "sqs:SendMessage", Resource },
    ];
    await sqs.setQueueAttributes({
      QueueUrl,
      Attributes: { Policy: JSON.stringify({ Version: "2012-10-17", Statement }) },
    });
    const EventPattern = JSON.stringify({ source: ["aws.guardduty"], "detail-type": ["GuardDuty Finding"] });
    await events.putRule({ Name: QueueName, EventPattern });
    await events.putTargets({ Rule: QueueName, Targets: [{ Id: "1", Arn: Resource }] });
    return async () => {
      const { Messages = [] } = await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10 });
      for (const { ReceiptHandle } of Messages) await sqs.deleteMessage({ QueueUrl, ReceiptHandle });
      return Messages.map(({ Body }) => JSON.parse(Body!) as Record<string, any>);
    };
  }

  const findings = async (type: string): Promise<Finding[]> => {
    const FindingCriteria = { Criterion: { type: { Equals: [type] } } };
    const { FindingIds } = await guard.listFindings({ DetectorId, FindingCriteria });
    if (FindingIds!.length === 0) return [];
    return (await guard.getFindings({ DetectorId, FindingIds })).Findings!;
  };
  const finding = (type: string, holds: (found: Finding) => boolean = () => true): Promise<Finding> =>
    eventually(async () => (await findings(type)).find(holds), { every: 30 });
  const refused = (call: Promise<unknown>, message: RegExp) =>
    assert.rejects(call, (error: Error & { Type?: string }) => {
      assert.equal(error.name, "BadRequestException", error.message);
      assert.equal(error.Type, "InvalidInputException");
      assert.match(error.message, message);
      return true;
    });
  /** A client whose calls come from another address of this machine. */
  const from = (localAddress: string) =>
    new IAM({ ...instance.client, requestHandler: new NodeHttpHandler({ httpAgent: new Agent({ localAddress }) }) });
  const location = (key: string) => `https://s3.amazonaws.com/${bucket}/${key}`;
  const upload = (Key: string, Body: string) => s3.putObject({ Bucket: bucket, Key, Body });

  test("one detector in an account and Region, found by its id alone", async () => {
    await refused(
      guard.createDetector({ Enable: true }),
      /^The request is rejected because a detector already exists for the current account\.$/,
    );
    assert.deepEqual((await guard.listDetectors({})).DetectorIds, [DetectorId]);
    const { Status, ServiceRole, FindingPublishingFrequency } = await guard.getDetector({ DetectorId });
    assert.equal(Status, "ENABLED");
    assert.equal(FindingPublishingFrequency, "SIX_HOURS");
    assert.match(ServiceRole!, /:role\/aws-service-role\/guardduty\.amazonaws\.com\/AWSServiceRoleForAmazonGuardDuty$/);
    const { Role } = await new IAM(instance.client).getRole({ RoleName: "AWSServiceRoleForAmazonGuardDuty" });
    assert.equal(Role!.Arn, ServiceRole);
    const elsewhere = new GuardDuty({ ...instance.client, region: "eu-west-1" });
    const notOwned = /^The request is rejected because the input detectorId is not owned by the current account\.$/;
    await refused(elsewhere.getDetector({ DetectorId }), notOwned);
    await refused(guard.getDetector({ DetectorId: "0".repeat(32) }), notOwned);
    await refused(guard.listFindings({ DetectorId: "x" }), notOwned);
  });

  test("a token makes one detector of two requests", async () => {
    const elsewhere = new GuardDuty({ ...instance.client, region: "eu-west-2" });
    const first = await elsewhere.createDetector({ Enable: true, ClientToken: "once" });
    const second = await elsewhere.createDetector({ Enable: true, ClientToken: "once" });
    assert.equal(second.DetectorId, first.DetectorId);
    await elsewhere.deleteDetector({ DetectorId: first.DetectorId! });
    assert.deepEqual((await elsewhere.listDetectors({})).DetectorIds, []);
  });

  test("features without a data source are refused with what they need, and are not shown as enabled", async () => {
    for (const Name of ["EKS_AUDIT_LOGS", "RUNTIME_MONITORING", "EBS_MALWARE_PROTECTION"] as const) {
      await refused(
        guard.updateDetector({ DetectorId, Features: [{ Name, Status: "ENABLED" }] }),
        /is unavailable: needs /,
      );
    }
    await refused(
      guard.updateDetector({ DetectorId, DataSources: { Kubernetes: { AuditLogs: { Enable: true } } } }),
      /is unavailable: needs /,
    );
    await guard.updateDetector({
      DetectorId,
      Features: [
        { Name: "RDS_LOGIN_EVENTS", Status: "DISABLED" },
        { Name: "S3_DATA_EVENTS", Status: "ENABLED" },
      ],
    });
    const { Features, DataSources } = await guard.getDetector({ DetectorId });
    const names = Features!.map(({ Name }) => Name!);
    assert.ok(names.indexOf("RDS_LOGIN_EVENTS") < names.indexOf("S3_DATA_EVENTS"), "in the order of the request");
    const enabled = Features!.filter(({ Status }) => Status === "ENABLED").map(({ Name }) => Name);
    assert.deepEqual(enabled, ["CLOUD_TRAIL", "S3_DATA_EVENTS"]);
    assert.equal(DataSources!.S3Logs!.Status, "ENABLED");
    assert.equal(DataSources!.FlowLogs!.Status, "DISABLED");
  });

  test("a call of the root user is a finding at once, in the API and on the event bus", async () => {
    await root.listUsers({});
    const found = await finding(rootUsage);
    assert.equal(found.Severity, 2);
    assert.equal(found.Title, "The API ListUsers was invoked using root credentials.");
    assert.match(found.Id!, /^[0-9a-f]{32}$/);
    assert.equal(
      found.Arn,
      `arn:aws:guardduty:${instance.ready.region}:${instance.ready.accountId}:detector/${DetectorId}/finding/${found.Id}`,
    );
    assert.equal(found.Resource!.AccessKeyDetails!.UserType, "Root");
    assert.equal(found.Service!.Action!.AwsApiCallAction!.Api, "ListUsers");
    assert.equal(found.Service!.Count, 1);
    const [event] = await eventually(async () => {
      const received = await queue();
      return received.length > 0 && received;
    });
    assert.equal(event!["detail-type"], "GuardDuty Finding");
    assert.equal(event!["account"], instance.ready.accountId);
    assert.deepEqual(event!["resources"], []);
    assert.equal(event!["detail"].id, found.Id);
    assert.equal(event!["detail"].service.action.awsApiCallAction.api, "ListUsers");
    assert.equal(event!["detail"].schemaVersion, "2.0");
  });

  test("the same again is the same finding; its update goes out when the interval is over", async () => {
    await root.listRoles({});
    await root.listGroups({});
    const found = await finding(rootUsage, ({ Service }) => Service!.Count === 3);
    // What waits already goes by the new frequency too.
    await guard.updateDetector({ DetectorId, FindingPublishingFrequency: "FIFTEEN_MINUTES" });
    assert.equal(found.Title, "The API ListGroups was invoked using root credentials.");
    assert.notEqual(found.UpdatedAt, found.CreatedAt);
    assert.deepEqual(await queue(), []);
    await advance(instance, 15 * minutes);
    const received = await eventually(async () => {
      const events = await queue();
      return events.length > 0 && events;
    });
    assert.equal(received.length, 1);
    assert.equal(received[0]!["detail"].service.count, 3);
  });

  test("archived findings are out of the way until it happens again", async () => {
    const { Id } = await finding(rootUsage);
    await guard.archiveFindings({ DetectorId, FindingIds: [Id!] });
    const archived = { Criterion: { "service.archived": { Equals: ["true"] } } };
    assert.deepEqual((await guard.listFindings({ DetectorId, FindingCriteria: archived })).FindingIds, [Id]);
    await guard.unarchiveFindings({ DetectorId, FindingIds: [Id!] });
    assert.deepEqual((await guard.listFindings({ DetectorId, FindingCriteria: archived })).FindingIds, []);
    await guard.archiveFindings({ DetectorId, FindingIds: [Id!] });
    await root.listPolicies({ Scope: "Local" });
    await finding(rootUsage, ({ Service }) => Service!.Count === 4 && Service!.Archived === false);
    const events = await eventually(async () => {
      const received = await queue();
      return received.length > 0 && received;
    });
    assert.equal(events[0]!["detail"].service.count, 4);
    await refused(guard.archiveFindings({ DetectorId, FindingIds: [Id!, "0".repeat(32)] }), /out-of-range/);
  });

  test("feedback is shown with the finding", async () => {
    const { Id } = await finding(rootUsage);
    await guard.updateFindingsFeedback({ DetectorId, FindingIds: [Id!], Feedback: "NOT_USEFUL" });
    assert.equal((await finding(rootUsage)).Service!.UserFeedback, "NOT_USEFUL");
    const FindingCriteria = { Criterion: { "service.userFeedback": { Equals: ["NOT_USEFUL"] } } };
    assert.deepEqual((await guard.listFindings({ DetectorId, FindingCriteria })).FindingIds, [Id]);
  });

  test("filters have ranks, and one that archives keeps a finding from being told", async () => {
    const Criterion = { type: { Eq: [trailDisabled] }, severity: { Gte: 1 } };
    await guard.createFilter({ DetectorId, Name: "first", FindingCriteria: { Criterion } });
    await guard.createFilter({
      DetectorId,
      Name: "second",
      Rank: 1,
      Action: "ARCHIVE",
      FindingCriteria: { Criterion },
    });
    assert.deepEqual((await guard.listFilters({ DetectorId })).FilterNames, ["second", "first"]);
    assert.equal((await guard.getFilter({ DetectorId, FilterName: "first" })).Rank, 2);
    await refused(
      guard.createFilter({ DetectorId, Name: "first", FindingCriteria: { Criterion } }),
      /^The request is rejected because a filter with the given name already exists\.$/,
    );
    await refused(
      guard.createFilter({ DetectorId, Name: "far", Rank: 4, FindingCriteria: { Criterion } }),
      /parameter rank/,
    );
    for (const bad of [{}, { "no.such.member": { Eq: ["x"] } }, { type: {} }, { type: { Eq: [] } }]) {
      await refused(
        guard.createFilter({ DetectorId, Name: "bad", FindingCriteria: { Criterion: bad } }),
        /parameter findingCriteria/,
      );
    }
    await refused(
      guard.getFilter({ DetectorId, FilterName: "none" }),
      /^The request is rejected since no such resource found\.$/,
    );

    const trails = new CloudTrail(instance.client);
    const policy = {
      Version: "2012-10-17",
      Statement: ["s3:GetBucketAcl", "s3:PutObject"].map((Action) => ({
        Effect: "Allow",
        Principal: { Service: "cloudtrail.amazonaws.com" },
        Action,
        Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
      })),
    };
    await s3.putBucketPolicy({ Bucket: bucket, Policy: JSON.stringify(policy) });
    await trails.createTrail({ Name: "watched", S3BucketName: bucket });
    await trails.startLogging({ Name: "watched" });
    await trails.stopLogging({ Name: "watched" });
    const suppressed = await finding(trailDisabled);
    assert.equal(suppressed.Service!.Archived, true);
    assert.equal(suppressed.Title, "AWS CloudTrail trail watched was disabled.");

    await guard.updateFilter({ DetectorId, FilterName: "second", Action: "NOOP", Rank: 2 });
    assert.deepEqual((await guard.listFilters({ DetectorId })).FilterNames, ["first", "second"]);
    await trails.deleteTrail({ Name: "watched" });
    await finding(trailDisabled, ({ Service }) => Service!.Count === 2 && Service!.Archived === false);
    // Of the two occurrences only the second was told.
    const events = await eventually(async () => {
      const received = await queue();
      return received.length > 0 && received;
    });
    assert.deepEqual(
      events.map(({ detail }) => [detail.type, detail.service.count]),
      [[trailDisabled, 2]],
    );
    await guard.deleteFilter({ DetectorId, FilterName: "first" });
    assert.equal((await guard.getFilter({ DetectorId, FilterName: "second" })).Rank, 1);
  });

  test("calls at the same instant leave an order and the limits intact", async () => {
    const Criterion = { severity: { Gte: 9 } };
    const names = Array.from({ length: 8 }, (_, i) => `together-${i}`);
    await Promise.all(names.map((Name) => guard.createFilter({ DetectorId, Name, FindingCriteria: { Criterion } })));
    const { FilterNames } = await guard.listFilters({ DetectorId });
    const ranks = await Promise.all(
      FilterNames!.map(async (FilterName) => (await guard.getFilter({ DetectorId, FilterName })).Rank),
    );
    assert.deepEqual(
      ranks,
      FilterNames!.map((_, i) => i + 1),
    );
    await Promise.all(names.map((FilterName) => guard.deleteFilter({ DetectorId, FilterName })));
    const list = { DetectorId, Format: "TXT" as const, Activate: false, Location: location("none") };
    const made = await Promise.allSettled(names.map((Name) => guard.createIPSet({ ...list, Name })));
    assert.equal(made.filter(({ status }) => status === "fulfilled").length, 1);
    const [IpSetId] = (await guard.listIPSets({ DetectorId })).IpSetIds!;
    await guard.deleteIPSet({ DetectorId, IpSetId });
    const elsewhere = new GuardDuty({ ...instance.client, region: "eu-central-1" });
    const detectors = await Promise.allSettled(names.map(() => elsewhere.createDetector({ Enable: true })));
    assert.equal(detectors.filter(({ status }) => status === "fulfilled").length, 1);
    await elsewhere.deleteDetector({ DetectorId: (await elsewhere.listDetectors({})).DetectorIds![0]! });
  });

  test("a threat list finds who is on it, a trusted list passes over who is on it", async () => {
    await upload("threats.txt", "127.0.0.2\n127.0.0.3/32\n");
    await upload("trusted.txt", "127.0.0.3\n");
    const list = { DetectorId, Format: "TXT" as const, Activate: true };
    const { ThreatIntelSetId } = await guard.createThreatIntelSet({
      ...list,
      Name: "threats",
      Location: location("threats.txt"),
    });
    const { IpSetId } = await guard.createIPSet({ ...list, Name: "trusted", Location: `s3://${bucket}/trusted.txt` });
    assert.equal((await guard.getThreatIntelSet({ DetectorId, ThreatIntelSetId })).Status, "ACTIVE");
    assert.equal((await guard.getIPSet({ DetectorId, IpSetId })).Status, "ACTIVE");

    await from("127.0.0.3").listUsers({});
    await from("127.0.0.2").listUsers({});
    const found = await finding(reconListed);
    assert.equal(found.Severity, 5);
    assert.equal(found.Service!.Action!.AwsApiCallAction!.RemoteIpDetails!.IpAddressV4, "127.0.0.2");
    assert.deepEqual(found.Service!.Evidence!.ThreatIntelligenceDetails, [
      { ThreatListName: "threats", ThreatNames: [] },
    ]);
    assert.equal(found.Service!.Count, 1, "the trusted address is on the threat list too, and counts for nothing");
    const Criterion = { "service.additionalInfo.threatListName": { Equals: ["threats"] } };
    assert.equal((await guard.listFindings({ DetectorId, FindingCriteria: { Criterion } })).FindingIds!.length, 1);

    await refused(
      guard.createIPSet({ ...list, Name: "more", Location: location("trusted.txt") }),
      /cannot have more than 1 ipset/,
    );
    await guard.updateThreatIntelSet({ DetectorId, ThreatIntelSetId, Activate: false });
    assert.equal((await guard.getThreatIntelSet({ DetectorId, ThreatIntelSetId })).Status, "INACTIVE");
    await from("127.0.0.2").listRoles({});
    // A later call is found, so the one before it has been looked at.
    await root.listUsers({});
    await finding(rootUsage, ({ Service }) => Service!.Count === 5);
    assert.equal((await finding(reconListed)).Service!.Count, 1);
    await guard.deleteIPSet({ DetectorId, IpSetId });
    assert.equal((await guard.getIPSet({ DetectorId, IpSetId })).Status, "DELETED");
    assert.deepEqual((await guard.listIPSets({ DetectorId })).IpSetIds, []);
    await refused(guard.deleteIPSet({ DetectorId, IpSetId }), /no such resource found/);
  });

  test("data events of S3 are looked at as long as S3 Protection is on", async () => {
    const kali = new S3({ ...instance.s3Client, customUserAgent: "Linux/6.6.9-kali1-amd64" });
    const type = "PenTest:S3/KaliLinux";
    await kali.listObjectsV2({ Bucket: bucket });
    const found = await finding(type);
    assert.equal(found.Resource!.ResourceType, "S3Bucket");
    assert.equal(found.Resource!.S3BucketDetails![0]!.Name, bucket);
    assert.ok(found.Resource!.S3BucketDetails![0]!.CreatedAt instanceof Date);
    assert.equal(found.Service!.FeatureName, "S3DataEvents");
    const protection = (Status: "ENABLED" | "DISABLED") =>
      guard.updateDetector({ DetectorId, Features: [{ Name: "S3_DATA_EVENTS", Status }] });
    await protection("DISABLED");
    await kali.listObjectsV2({ Bucket: bucket });
    await kali.listBuckets({});
    // The management event behind it is still one.
    await finding("PenTest:IAMUser/KaliLinux");
    assert.equal((await finding(type)).Service!.Count, 1);
    await protection("ENABLED");
  });

  test("entity sets do what the older lists do, and hold domains besides", async () => {
    await upload(
      "entities.csv",
      "Indicator type, Indicator, Description\nIPv4, 127.0.0.4, x\ndomain, bad.example.com, y\n",
    );
    await upload("trusted.csv", "127.0.0.5\n");
    const threats = { DetectorId, Name: "entities", Format: "OTX_CSV" as const, Location: location("entities.csv") };
    const { ThreatEntitySetId } = await guard.createThreatEntitySet({ ...threats, Activate: true });
    const own = { DetectorId, Name: "own", Format: "TXT" as const, Location: location("trusted.csv") };
    const { TrustedEntitySetId } = await guard.createTrustedEntitySet({ ...own, Activate: true });
    const type = "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom";
    await from("127.0.0.4").createGroup({ GroupName: "made-from-a-bad-address" });
    assert.equal((await finding(type)).Service!.Evidence!.ThreatIntelligenceDetails![0]!.ThreatListName, "entities");
    assert.equal((await guard.getTrustedEntitySet({ DetectorId, TrustedEntitySetId })).Status, "ACTIVE");
    assert.deepEqual((await guard.listThreatEntitySets({ DetectorId })).ThreatEntitySetIds, [ThreatEntitySetId]);
    await guard.deleteThreatEntitySet({ DetectorId, ThreatEntitySetId });
    await guard.deleteTrustedEntitySet({ DetectorId, TrustedEntitySetId });
  });

  test("a list that cannot be read or understood says so and is not in force", async () => {
    await upload("page.html", "<html>nothing</html>");
    const create = (Name: string, Location: string, more = {}) =>
      guard.createThreatEntitySet({ DetectorId, Format: "TXT", Activate: true, Name, Location, ...more });
    const errorOf = async ({ ThreatEntitySetId }: { ThreatEntitySetId?: string | undefined }) => {
      const { Status, ErrorDetails } = await guard.getThreatEntitySet({ DetectorId, ThreatEntitySetId });
      assert.equal(Status, "ERROR");
      await guard.deleteThreatEntitySet({ DetectorId, ThreatEntitySetId });
      return ErrorDetails!;
    };
    assert.match(await errorOf(await create("absent", location("absent.txt"))), /NoSuchKey/);
    assert.match(await errorOf(await create("page", location("page.html"))), /no entry in the format TXT/);
    const owner = { ExpectedBucketOwner: "999999999999" };
    assert.match(await errorOf(await create("foreign", location("threats.txt"), owner)), /AccessDenied/);
    for (const bad of [
      "ftp://x/y",
      "https://example.com/threats.txt",
      "s3://",
      "https://s3.amazonaws.com/only-bucket",
    ]) {
      await refused(create("bad", bad), /parameter location/);
    }
    const { ThreatEntitySetId } = await create("good", location("threats.txt"));
    assert.equal((await guard.getThreatEntitySet({ DetectorId, ThreatEntitySetId })).ErrorDetails, undefined);
    await guard.deleteThreatEntitySet({ DetectorId, ThreatEntitySetId });
  });

  test("findings are exported where bucket and key let GuardDuty write, and nowhere else", async () => {
    const kms = new KMS(instance.client);
    const Bucket = "guard-export";
    await s3.createBucket({ Bucket });
    const { KeyMetadata } = await kms.createKey({});
    const KmsKeyArn = KeyMetadata!.Arn!;
    const create = () =>
      guard.createPublishingDestination({
        DetectorId,
        DestinationType: "S3",
        DestinationProperties: { DestinationArn: `arn:aws:s3:::${Bucket}/found`, KmsKeyArn },
      });
    const denied = /GuardDuty service principal does not have permission to the KMS key or the resource/;
    await refused(create(), denied);
    const service = { Service: "guardduty.amazonaws.com" };
    const arn = `arn:aws:guardduty:${instance.ready.region}:${instance.ready.accountId}:detector/${DetectorId}`;
    const Condition = { StringEquals: { "aws:SourceAccount": instance.ready.accountId, "aws:SourceArn": arn } };
    const allow = (Action: string, Resource: string) => ({
      Effect: "Allow",
      Principal: service,
      Action,
      Resource,
      Condition,
    });
    const statements = [
      allow("s3:GetBucketLocation", `arn:aws:s3:::${Bucket}`),
      allow("s3:PutObject", `arn:aws:s3:::${Bucket}/*`),
    ];
    await s3.putBucketPolicy({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement: statements }) });
    await refused(create(), denied);
    const before = await kms.getKeyPolicy({ KeyId: KmsKeyArn, PolicyName: "default" });
    const Policy = JSON.parse(before.Policy!) as { Statement: object[] };
    Policy.Statement.push(allow("kms:GenerateDataKey", "*"));
    await kms.putKeyPolicy({ KeyId: KmsKeyArn, PolicyName: "default", Policy: JSON.stringify(Policy) });
    const { DestinationId } = await create();
    const shown = await guard.describePublishingDestination({ DetectorId, DestinationId });
    assert.equal(shown.Status, "PUBLISHING");
    assert.equal(shown.PublishingFailureStartTimestamp, 0);
    await refused(create(), /already exists/);

    await guard.createSampleFindings({ DetectorId, FindingTypes: [rootUsage, "Backdoor:EC2/DenialOfService.Tcp"] });
    const Key = await eventually(async () => {
      const { Contents = [] } = await s3.listObjectsV2({ Bucket, Prefix: "found/AWSLogs/" });
      return Contents.find(({ Key: key }) => key!.endsWith(".jsonl.gz"))?.Key;
    });
    const folder = new RegExp(
      `^found/AWSLogs/${instance.ready.accountId}/GuardDuty/${instance.ready.region}/\\d{4}/\\d\\d/\\d\\d/[0-9a-f-]{36}\\.jsonl\\.gz$`,
    );
    assert.match(Key, folder);
    const object = await s3.getObject({ Bucket, Key });
    assert.equal(object.ServerSideEncryption, "aws:kms");
    assert.equal(object.SSEKMSKeyId, KmsKeyArn);
    const lines = gunzipSync(await object.Body!.transformToByteArray())
      .toString()
      .trim()
      .split("\n");
    assert.deepEqual(lines.map((line) => JSON.parse(line).type).toSorted(), [
      "Backdoor:EC2/DenialOfService.Tcp",
      rootUsage,
    ]);

    await s3.deleteBucketPolicy({ Bucket });
    await guard.createSampleFindings({ DetectorId, FindingTypes: [rootUsage] });
    await eventually(async () => {
      const { Status } = await guard.describePublishingDestination({ DetectorId, DestinationId });
      return Status === "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY";
    });
    await s3.putBucketPolicy({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement: statements }) });
    await eventually(async () => {
      const { Contents = [] } = await s3.listObjectsV2({ Bucket });
      const { Status } = await guard.describePublishingDestination({ DetectorId, DestinationId });
      return Contents.filter((each) => each.Key!.endsWith(".jsonl.gz")).length === 2 && Status === "PUBLISHING";
    });
    await guard.deletePublishingDestination({ DetectorId, DestinationId });
    await refused(guard.describePublishingDestination({ DetectorId, DestinationId }), /no such resource found/);
  });

  test("sample findings of every type, counted both ways, in pages and in order", async () => {
    while ((await queue()).length > 0);
    await guard.createSampleFindings({ DetectorId });
    const FindingCriteria = { Criterion: { "service.additionalInfo.sample": { Equals: ["true"] } } };
    const ids: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await guard.listFindings({
        DetectorId,
        FindingCriteria,
        SortCriteria: { AttributeName: "severity", OrderBy: "DESC" },
        MaxResults: 50,
        NextToken,
      });
      ids.push(...page.FindingIds!);
      NextToken = page.NextToken;
    } while (NextToken);
    assert.equal(new Set(ids).size, 197);
    const severities: number[] = [];
    for (let start = 0; start < ids.length; start += 50) {
      const { Findings } = await guard.getFindings({ DetectorId, FindingIds: ids.slice(start, start + 50) });
      for (const { Title, Severity } of Findings!) {
        assert.match(Title!, /^\[SAMPLE\] /);
        severities.push(Severity!);
      }
    }
    assert.deepEqual(
      severities,
      severities.toSorted((a, b) => b - a),
    );
    const counted = await guard.getFindingsStatistics({
      DetectorId,
      FindingCriteria,
      FindingStatisticTypes: ["COUNT_BY_SEVERITY"],
    });
    const { CountBySeverity } = counted.FindingStatistics!;
    assert.equal(
      Object.values(CountBySeverity!).reduce((a, b) => a + b, 0),
      197,
    );
    assert.equal(CountBySeverity!["9.0"], 5);
    const grouped = await guard.getFindingsStatistics({
      DetectorId,
      FindingCriteria,
      GroupBy: "SEVERITY",
      OrderBy: "DESC",
    });
    const bySeverity = Object.fromEntries(
      grouped.FindingStatistics!.GroupedBySeverity!.map(({ Severity, TotalFindings }) => [
        Severity!.toFixed(1),
        TotalFindings!,
      ]),
    );
    assert.deepEqual(bySeverity, CountBySeverity);
    for (const GroupBy of ["ACCOUNT", "DATE", "RESOURCE", "FINDING_TYPE"] as const) {
      const { FindingStatistics } = await guard.getFindingsStatistics({
        DetectorId,
        FindingCriteria,
        GroupBy,
        MaxResults: 100,
      });
      const [rows] = Object.values(FindingStatistics!) as { TotalFindings: number }[][];
      assert.ok(rows!.length > 0 && rows!.every(({ TotalFindings }) => TotalFindings > 0), GroupBy);
    }
    const both = { DetectorId, FindingStatisticTypes: ["COUNT_BY_SEVERITY" as const], GroupBy: "DATE" as const };
    await refused(guard.getFindingsStatistics(both), /parameter groupBy/);
    await refused(guard.listFindings({ DetectorId, NextToken: "x" }), /out-of-range/);
    await refused(guard.createSampleFindings({ DetectorId, FindingTypes: ["No:Such/Type"] }), /parameter findingTypes/);
  });

  test("tags are on every kind of resource and decide who may do what", async () => {
    const arn = `arn:aws:guardduty:${instance.ready.region}:${instance.ready.accountId}:detector/${DetectorId}`;
    for (const ResourceArn of [arn, `${arn}/filter/second`]) {
      await guard.tagResource({ ResourceArn, Tags: { team: "red", stage: "test" } });
      await guard.untagResource({ ResourceArn, TagKeys: ["stage"] });
      assert.deepEqual((await guard.listTagsForResource({ ResourceArn })).Tags, { team: "red" });
    }
    await refused(guard.tagResource({ ResourceArn: `${arn}/filter/none`, Tags: { a: "b" } }), /no such resource/);
    await assert.rejects(guard.tagResource({ ResourceArn: arn, Tags: { "aws:a": "b" } }), {
      name: "BadRequestException",
    });
    const iam = new IAM(instance.client);
    await iam.createUser({ UserName: "watcher" });
    const Statement = [
      {
        Effect: "Allow",
        Action: "guardduty:Get*",
        Resource: "*",
        Condition: { StringEquals: { "aws:ResourceTag/team": "red" } },
      },
    ];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await iam.putUserPolicy({ UserName: "watcher", PolicyName: "p", PolicyDocument });
    const { AccessKey } = await iam.createAccessKey({ UserName: "watcher" });
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    const watcher = new GuardDuty({ ...instance.client, credentials });
    await watcher.getDetector({ DetectorId });
    await assert.rejects(watcher.listFindings({ DetectorId }), { name: "AccessDeniedException" });
    await guard.untagResource({ ResourceArn: arn, TagKeys: ["team"] });
    await assert.rejects(watcher.getDetector({ DetectorId }), { name: "AccessDeniedException" });
  });

  test("what is not there is said so: no coverage, no malware scans", async () => {
    assert.deepEqual((await guard.listCoverage({ DetectorId })).Resources, []);
    await assert.rejects(
      guard.createMalwareProtectionPlan({
        Role: "arn:aws:iam::111122223333:role/r",
        ProtectedResource: { S3Bucket: { BucketName: bucket } },
      }),
      { name: "NotImplemented" },
    );
  });

  test("a suspended detector finds nothing, and nothing of that time is found later", async () => {
    const counted = (await finding(rootUsage, ({ Title }) => !Title!.startsWith("[SAMPLE]"))).Service!.Count!;
    await guard.updateDetector({ DetectorId, Enable: false });
    await root.listUsers({});
    await advance(instance, 5_000);
    await guard.updateDetector({ DetectorId, Enable: true });
    await advance(instance, 5_000);
    await root.listRoles({});
    const found = await finding(
      rootUsage,
      ({ Title, Service }) => !Title!.startsWith("[SAMPLE]") && Service!.Count! > counted,
    );
    assert.equal(found.Service!.Count, counted + 1);
    assert.match(found.Title!, /ListRoles/);
  });

  test("findings are kept for ninety days", async () => {
    await advance(instance, 91 * 24 * 60 * minutes);
    assert.deepEqual((await guard.listFindings({ DetectorId })).FindingIds, []);
  });

  test("a deleted detector takes everything with it", async () => {
    // The role that detects follows the moved clock a little later.
    await eventually(async () => {
      await root.listUsers({});
      return (await findings(rootUsage)).length > 0;
    });
    await guard.deleteDetector({ DetectorId });
    const { DetectorId: next } = await guard.createDetector({ Enable: true });
    assert.notEqual(next, DetectorId);
    assert.deepEqual((await guard.listFindings({ DetectorId: next })).FindingIds, []);
    assert.deepEqual((await guard.listFilters({ DetectorId: next })).FilterNames, []);
  });
});
