/**
 * Detections over CloudTrail records, against `JSON.parse` of the same lines; and how long it takes from a call that is a
 * finding to its notification.
 */
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { GuardDuty } from "@aws-sdk/client-guardduty";
import { S3 } from "@aws-sdk/client-s3";
import { SNS } from "@aws-sdk/client-sns";
import { AddressSet } from "#engines/guard/addressSet.ts";
import type { CallRecord } from "#engines/guard/callRecord.ts";
import { detect } from "#engines/guard/detect.ts";
import { defaultPasswordPolicy } from "#engines/guard/detections/passwordPolicy.ts";
import { startInstance } from "../instance.ts";
import { Webhook } from "../webhook.ts";
import { print, type Row } from "./parts/row.ts";

const lines = 200_000;
const findings = 60;
/** Until what does not come is given up. */
const longestMs = 30_000;

function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const names = ["ListUsers", "GetObject", "PutBucketPolicy", "Decrypt", "AssumeRole", "StartLogging", "DescribeAlarms"];
const sources = ["iam", "s3", "s3", "kms", "sts", "cloudtrail", "monitoring"];

/** A record of ordinary size. */
function line(i: number): string {
  return JSON.stringify({
    eventVersion: "1.11",
    userIdentity: {
      type: "AssumedRole",
      principalId: `AROAEXAMPLE${i % 50}:session`,
      arn: `arn:aws:sts::111122223333:assumed-role/role-${i % 50}/session`,
      accountId: "111122223333",
      accessKeyId: "ASIAEXAMPLE",
      sessionContext: {
        sessionIssuer: { type: "Role", principalId: `AROAEXAMPLE${i % 50}`, userName: `role-${i % 50}` },
      },
    },
    eventTime: "2026-01-01T00:00:00Z",
    eventSource: `${sources[i % sources.length]}.amazonaws.com`,
    eventName: names[i % names.length],
    awsRegion: "us-east-1",
    sourceIPAddress: `198.51.${i % 256}.${(i >> 8) % 256}`,
    userAgent: "aws-sdk-js/3.1168.0 ua/2.1 os/linux lang/js md/nodejs#26.10.0",
    requestParameters: {
      bucketName: "b",
      key: `k-${i}`,
      policy: '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"1"}}]}',
    },
    responseElements: null,
    requestID: "00000000-0000-4000-8000-000000000000",
    eventID: `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`,
    readOnly: i % 3 === 0,
    eventType: "AwsApiCall",
    managementEvent: true,
    recipientAccountId: "111122223333",
    eventCategory: "Management",
  });
}

function throughput(): Row {
  const texts = Array.from({ length: lines }, (_, i) => line(i));
  // 250,000 addresses: the largest list there may be.
  const list = new AddressSet(Array.from({ length: 250_000 }, (_, i) => `203.${i >> 16}.${(i >> 8) % 256}.${i % 256}`));
  let seen = 0;
  const parsing = cpuSeconds(() => texts.forEach((text) => (seen += (JSON.parse(text) as CallRecord).eventID.length)));
  let found = 0;
  const pipeline = cpuSeconds(() =>
    texts.forEach((text) => {
      const threatListOf = (address: string) => (list.has(address) ? "list" : undefined);
      const knowledge = { s3DataEvents: true, threatListOf, passwordPolicy: defaultPasswordPolicy };
      found += detect(JSON.parse(text) as CallRecord, knowledge).length;
    }),
  );
  if (found !== 0 || seen === 0) throw new Error(`${found} detections in ordinary records`);
  const perSecond = Math.round(lines / pipeline).toLocaleString("en");
  return {
    name: "detections over records, against JSON.parse of them",
    ratio: parsing / pipeline,
    detail: `${perSecond} records/s`,
  };
}

/** A call that is a finding, until the notification has arrived at an HTTPS webhook. */
async function latency(): Promise<Row> {
  const webhook = await Webhook.listen();
  const instance = await startInstance({ env: { NODE_EXTRA_CA_CERTS: webhook.authority } });
  try {
    const s3 = new S3(instance.s3Client);
    const sns = new SNS(instance.client);
    const events = new EventBridge(instance.client);
    await new GuardDuty(instance.client).createDetector({ Enable: true });
    const TopicArn = (await sns.createTopic({ Name: "told" })).TopicArn!;
    const Statement = [
      { Effect: "Allow", Principal: { Service: "events.amazonaws.com" }, Action: "sns:Publish", Resource: TopicArn },
    ];
    const AttributeValue = JSON.stringify({ Version: "2012-10-17", Statement });
    await sns.setTopicAttributes({ TopicArn, AttributeName: "Policy", AttributeValue });
    await events.putRule({ Name: "told", EventPattern: JSON.stringify({ source: ["aws.guardduty"] }) });
    await events.putTargets({ Rule: "told", Targets: [{ Id: "1", Arn: TopicArn }] });
    await sns.subscribe({ TopicArn, Protocol: "https", Endpoint: webhook.url });
    const { Token } = await webhook.message(({ Type }) => Type === "SubscriptionConfirmation", longestMs);
    await sns.confirmSubscription({ TopicArn, Token: Token! });
    const took: number[] = [];
    for (let i = 0; i < findings; i++) {
      const Bucket = `bench-${i}`;
      await s3.createBucket({ Bucket });
      const began = performance.now();
      await s3.deletePublicAccessBlock({ Bucket });
      await webhook.message(({ Message }) => Message?.includes(`"name":"${Bucket}"`) === true, longestMs);
      took.push(performance.now() - began);
    }
    took.sort((a, b) => a - b);
    const at = (share: number) => `${Math.round(took[Math.ceil(took.length * share) - 1]!)} ms`;
    const name = "call → finding → EventBridge → SNS → HTTPS webhook";
    return { name, ratio: Number.NaN, detail: `p50 ${at(0.5)}, p95 ${at(0.95)}` };
  } finally {
    await instance.stop();
    webhook.close();
  }
}

export async function bench(): Promise<Row[]> {
  return [throughput(), await latency()];
}

if (import.meta.main) print(await bench());
