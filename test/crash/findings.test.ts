/**
 * `kill -9` of the installation and of the role that detects, while the root user works and buckets lose their block.
 * Afterwards every event that was recorded has been counted in its finding, once, and every finding has been told.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CloudTrail, type LookupAttributeKey } from "@aws-sdk/client-cloudtrail";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { GuardDuty, type Finding } from "@aws-sdk/client-guardduty";
import { IAM } from "@aws-sdk/client-iam";
import { S3 } from "@aws-sdk/client-s3";
import { SecurityHub } from "@aws-sdk/client-securityhub";
import { SQS } from "@aws-sdk/client-sqs";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { rootKey } from "../rootKey.ts";

const rounds = 4;
const inRound = 25;

describe("kill -9 while findings are made", () => {
  let folder: string;
  let instance: Instance;
  let credentials: Awaited<ReturnType<typeof rootKey>>;
  let DetectorId: string;
  let QueueUrl: string;
  let root: IAM;
  let s3: S3;
  let guard: GuardDuty;

  const connect = () => {
    root = new IAM({ ...instance.client, credentials });
    s3 = new S3(instance.s3Client);
    guard = new GuardDuty(instance.client);
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "jikimi-crash-findings-"));
    instance = await startInstance({ dataDir: folder });
    credentials = await rootKey(instance, instance.ready.accountId);
    connect();
    ({ DetectorId } = (await guard.createDetector({ Enable: true })) as { DetectorId: string });
    await new SecurityHub(instance.client).enableSecurityHub({});
    const sqs = new SQS(instance.client);
    ({ QueueUrl } = (await sqs.createQueue({ QueueName: "told" })) as { QueueUrl: string });
    const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
    const Arn = Attributes!["QueueArn"]!;
    const Statement = [
      { Effect: "Allow", Principal: { Service: "events.amazonaws.com" }, Action: "sqs:SendMessage", Resource: Arn },
    ];
    await sqs.setQueueAttributes({
      QueueUrl,
      Attributes: { Policy: JSON.stringify({ Version: "2012-10-17", Statement }) },
    });
    const events = new EventBridge(instance.client);
    await events.putRule({ Name: "told", EventPattern: JSON.stringify({ source: ["aws.guardduty"] }) });
    await events.putTargets({ Rule: "told", Targets: [{ Id: "1", Arn }] });
  });

  after(async () => {
    await instance?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Calls that are findings; what the installation's death does to them is unknown. */
  async function work(round: number): Promise<void> {
    for (let i = 0; i < inRound; i++) {
      const Bucket = `crash-${round}-${i}`;
      try {
        await root.listUsers({});
        await s3.createBucket({ Bucket });
        await s3.deletePublicAccessBlock({ Bucket });
      } catch {
        // It may have been recorded or not: the trail says.
      }
    }
  }

  async function recorded(AttributeKey: LookupAttributeKey, AttributeValue: string): Promise<Record<string, any>[]> {
    const trails = new CloudTrail(instance.client);
    const found: Record<string, any>[] = [];
    let NextToken: string | undefined;
    do {
      const page = await trails.lookupEvents({ LookupAttributes: [{ AttributeKey, AttributeValue }], NextToken });
      found.push(...page.Events!.map(({ CloudTrailEvent }) => JSON.parse(CloudTrailEvent!) as Record<string, any>));
      NextToken = page.NextToken;
    } while (NextToken);
    return found.filter(({ errorCode }) => errorCode === undefined);
  }

  async function findings(type: string): Promise<Finding[]> {
    const FindingCriteria = { Criterion: { type: { Equals: [type] } } };
    const found: Finding[] = [];
    let NextToken: string | undefined;
    do {
      const page = await guard.listFindings({ DetectorId, FindingCriteria, NextToken });
      if (page.FindingIds!.length > 0) {
        found.push(...(await guard.getFindings({ DetectorId, FindingIds: page.FindingIds })).Findings!);
      }
      NextToken = page.NextToken;
    } while (NextToken);
    return found;
  }

  async function hubIds(): Promise<string[]> {
    const hub = new SecurityHub(instance.client);
    const ids: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await hub.getFindings({ NextToken });
      ids.push(...page.Findings!.map(({ Id }) => Id!));
      NextToken = page.NextToken;
    } while (NextToken);
    return ids.toSorted();
  }

  test("nothing is lost and nothing is counted twice", { timeout: 240_000 }, async () => {
    for (let round = 0; round < rounds; round++) {
      const working = work(round);
      await eventually(async () => (await s3.listBuckets({ Prefix: `crash-${round}-` })).Buckets!.length > inRound / 3);
      if (round % 2 === 0) {
        const { jobs } = await instance.rolePids();
        process.kill(jobs!, "SIGKILL");
        await working;
      } else {
        const { port } = new URL(instance.endpoint);
        await instance.kill();
        await working;
        instance = await startInstance({ dataDir: folder, port: Number(port) });
        connect();
      }
    }
    // Events of an account stay in order: whoever has seen the last one has seen all.
    await root.getAccountSummary({});
    const byRoot = await eventually(async () => {
      const events = await recorded("Username", "root");
      return events.some(({ eventName }) => eventName === "GetAccountSummary") && events.length;
    });
    const opened = new Map<string, number>();
    for (const { requestParameters } of await recorded("EventName", "DeleteBucketPublicAccessBlock")) {
      const { bucketName } = requestParameters as { bucketName: string };
      opened.set(bucketName, (opened.get(bucketName) ?? 0) + 1);
    }
    assert.ok(byRoot > rounds * 5 && opened.size > rounds * 5, "the rounds did work");

    const type = "Policy:S3/BucketBlockPublicAccessDisabled";
    await eventually(
      async () => {
        const [used] = await findings("Policy:IAMUser/RootCredentialUsage");
        return used!.Service!.Count! >= byRoot && (await findings(type)).length >= opened.size;
      },
      { within: 60_000 },
    );
    const used = await findings("Policy:IAMUser/RootCredentialUsage");
    assert.deepEqual(
      used.map(({ Service }) => Service!.Count),
      [byRoot],
    );
    const counted = (await findings(type)).map(
      ({ Resource, Service }) => [Resource!.S3BucketDetails![0]!.Name!, Service!.Count!] as const,
    );
    assert.deepEqual(Object.fromEntries(counted), Object.fromEntries(opened));
    assert.equal(counted.length, opened.size, "a bucket has two findings");

    // Security Hub has each of them, once.
    const arns = [...used, ...(await findings(type))].map(({ Arn }) => Arn!).toSorted();
    await eventually(async () => (await hubIds()).length >= arns.length, { within: 60_000 });
    assert.deepEqual(await hubIds(), arns);

    const sqs = new SQS(instance.client);
    const wanted = new Set([...used, ...(await findings(type))].map(({ Id }) => Id!));
    await eventually(
      async () => {
        const { Messages = [] } = await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10 });
        for (const { Body, ReceiptHandle } of Messages) {
          wanted.delete(JSON.parse(Body!).detail.id as string);
          await sqs.deleteMessage({ QueueUrl, ReceiptHandle });
        }
        return wanted.size === 0;
      },
      { within: 60_000, every: 10 },
    );
  });
});
