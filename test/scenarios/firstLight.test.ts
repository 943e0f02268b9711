/**
 * The main job, second half: the root user signs in at the console and lists buckets, and within seconds everything that
 * has to know knows it, by the programs of others.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { CloudWatch } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { GuardDuty, type Finding } from "@aws-sdk/client-guardduty";
import { IAM } from "@aws-sdk/client-iam";
import { S3 } from "@aws-sdk/client-s3";
import { SecurityHub } from "@aws-sdk/client-securityhub";
import { SNS } from "@aws-sdk/client-sns";
import { clientOf, Visitor } from "../console/visitor.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { operator } from "../operator.ts";
import { Webhook } from "../webhook.ts";

/** "Within 5 seconds", and as much again for a machine that has other things to do. */
const soon = { within: 10_000 };

let folder: string;
let instance: Instance;
let webhook: Webhook;
let root: S3;
let group: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "jikimi-first-light-"));
  webhook = await Webhook.listen();
  instance = await startInstance({ env: { NODE_EXTRA_CA_CERTS: webhook.authority } });
});
after(async () => {
  await instance?.stop();
  webhook?.close();
  await rm(folder, { recursive: true, force: true });
});

function openssl(line: string, input?: string): string {
  const ran = spawnSync("openssl", line.split(" "), { cwd: folder, encoding: "utf8", ...(input ? { input } : {}) });
  assert.equal(ran.status, 0, ran.stderr);
  return ran.stdout;
}

const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });

/** Everything that listens, as an account's security team sets it up. */
async function watch(): Promise<void> {
  const { client, s3Client, ready } = instance;
  await new GuardDuty(client).createDetector({ Enable: true });
  await new SecurityHub(client).enableSecurityHub({});
  const sns = new SNS(client);
  const TopicArn = (await sns.createTopic({ Name: "findings", Attributes: { SignatureVersion: "2" } })).TopicArn!;
  const events = new EventBridge(client);
  const EventPattern = JSON.stringify({ source: ["aws.guardduty"], detail: { severity: [{ numeric: [">=", 1] }] } });
  const { RuleArn } = await events.putRule({ Name: "findings", EventPattern });
  const toTopic = {
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sns:Publish",
    Resource: TopicArn,
    Condition: { ArnEquals: { "aws:SourceArn": RuleArn } },
  };
  await sns.setTopicAttributes({ TopicArn, AttributeName: "Policy", AttributeValue: document(toTopic) });
  await events.putTargets({ Rule: "findings", Targets: [{ Id: "topic", Arn: TopicArn }] });
  await sns.subscribe({ TopicArn, Protocol: "https", Endpoint: webhook.url });
  const asked = await webhook.message(({ Type }) => Type === "SubscriptionConfirmation", soon.within);
  await sns.confirmSubscription({ TopicArn, Token: asked["Token"]! });

  // The trail's own alarm: a metric filter over its log group.
  const s3 = new S3(s3Client);
  const Bucket = "first-light-trail";
  await s3.createBucket({ Bucket });
  const trail = { Effect: "Allow", Principal: { Service: "cloudtrail.amazonaws.com" } };
  await s3.putBucketPolicy({
    Bucket,
    Policy: document(
      { ...trail, Action: "s3:GetBucketAcl", Resource: `arn:aws:s3:::${Bucket}` },
      { ...trail, Action: "s3:PutObject", Resource: `arn:aws:s3:::${Bucket}/*` },
    ),
  });
  const logs = new CloudWatchLogs(client);
  await logs.createLogGroup({ logGroupName: "trail" });
  group = `arn:aws:logs:${ready.region}:${ready.accountId}:log-group:trail:*`;
  const iam = new IAM(client);
  const AssumeRolePolicyDocument = document({ ...trail, Action: "sts:AssumeRole" });
  const { Role } = await iam.createRole({ RoleName: "trail", AssumeRolePolicyDocument });
  const PolicyDocument = document({ Effect: "Allow", Action: "logs:*", Resource: "*" });
  await iam.putRolePolicy({ RoleName: "trail", PolicyName: "logs", PolicyDocument });
  const cloudtrail = new CloudTrail(client);
  await cloudtrail.createTrail({
    Name: "watch",
    S3BucketName: Bucket,
    CloudWatchLogsLogGroupArn: group,
    CloudWatchLogsRoleArn: Role!.Arn!,
  });
  await cloudtrail.startLogging({ Name: "watch" });
  const metric = { metricName: "RootUse", metricNamespace: "Audit", metricValue: "1" };
  await logs.putMetricFilter({
    logGroupName: "trail",
    filterName: "root",
    filterPattern: '{ $.userIdentity.type = "Root" && $.eventType != "AwsServiceEvent" }',
    metricTransformations: [metric],
  });
  await new CloudWatch(client).putMetricAlarm({
    AlarmName: "root",
    Namespace: "Audit",
    MetricName: "RootUse",
    Statistic: "Sum",
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: 1,
    ComparisonOperator: "GreaterThanOrEqualToThreshold",
    TreatMissingData: "notBreaching",
  });
}

async function signInAsRoot(): Promise<S3> {
  const link = await operator(instance, "POST", "/_jikimi/root-link", {});
  const [account, token] = new URL(link.url).hash.slice(1).split(".");
  const visitor = new Visitor(instance);
  const password = "Correct-Horse-1";
  await visitor.ask("POST", "/_jikimi/root-password", JSON.stringify({ account, token, password }));
  const { body } = await visitor.post("sign-in", { kind: "root", email: "root@jikimi.internal", password });
  assert.equal(body.outcome, "signedIn", JSON.stringify(body));
  return new S3({ ...clientOf(instance, body.view), forcePathStyle: true });
}

/** The finding of a type, as soon as GuardDuty has it. */
async function finding(type: string): Promise<Finding> {
  const guardduty = new GuardDuty(instance.client);
  const DetectorId = (await guardduty.listDetectors({})).DetectorIds![0]!;
  return eventually(async () => {
    const Criterion = { type: { Equals: [type] } };
    const { FindingIds } = await guardduty.listFindings({ DetectorId, FindingCriteria: { Criterion } });
    if (FindingIds!.length === 0) return undefined;
    return (await guardduty.getFindings({ DetectorId, FindingIds })).Findings![0];
  }, soon);
}

/** The message about a finding, its signature verified as a receiver does: by openssl, with the published certificate. */
async function notified(type: string): Promise<any> {
  const message = await webhook.message(
    ({ Type, Message }) => Type === "Notification" && Message!.includes(type),
    soon.within,
  );
  const names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
  const canonical = names.filter((name) => name in message).map((name) => `${name}\n${message[name]}\n`);
  const ca = join(instance.dataDir, "tls/ca.pem");
  const got = spawnSync("curl", ["-sS", "--fail", "--cacert", ca, message["SigningCertURL"]!], { encoding: "utf8" });
  assert.equal(got.status, 0, got.stderr);
  await writeFile(join(folder, "signer.pem"), got.stdout);
  openssl(`verify -CAfile ${ca} signer.pem`);
  await writeFile(join(folder, "signer.pub"), openssl("x509 -in signer.pem -pubkey -noout"));
  await writeFile(join(folder, "signature"), Buffer.from(message["Signature"]!, "base64"));
  assert.equal(message["SignatureVersion"], "2");
  openssl("dgst -sha256 -verify signer.pub -signature signature", canonical.join(""));
  return JSON.parse(message["Message"]!);
}

async function inHub(asffType: string) {
  const hub = new SecurityHub(instance.client);
  const Filters = { Type: [{ Value: asffType, Comparison: "EQUALS" as const }] };
  return eventually(async () => (await hub.getFindings({ Filters })).Findings?.[0], soon);
}

test("root lists buckets: trail, GuardDuty, EventBridge, SNS to a webhook, alarm, and Security Hub know it in seconds", async () => {
  await watch();
  root = await signInAsRoot();
  await root.listBuckets({});
  const used = await finding("Policy:IAMUser/RootCredentialUsage");
  assert.equal(used.Severity, 2);
  assert.equal(used.Resource!.AccessKeyDetails!.UserType, "Root");
  assert.equal(used.Service!.Action!.ActionType, "AWS_API_CALL");

  const event = await notified("Policy:IAMUser/RootCredentialUsage");
  assert.deepEqual([event.source, event["detail-type"]], ["aws.guardduty", "GuardDuty Finding"]);
  assert.equal(event.detail.id, used.Id);

  const asff = await inHub("TTPs/Policy:IAMUser-RootCredentialUsage");
  assert.equal(asff.Id, used.Arn);
  assert.equal(asff.Severity!.Label, "LOW");

  const cloudwatch = new CloudWatch(instance.client);
  await eventually(async () => {
    const { MetricAlarms } = await cloudwatch.describeAlarms({ AlarmNames: ["root"] });
    return MetricAlarms![0]!.StateValue === "ALARM";
  }, soon);
  const cloudtrail = new CloudTrail(instance.client);
  const named = async (AttributeValue: string) => {
    const LookupAttributes = [{ AttributeKey: "EventName" as const, AttributeValue }];
    const { Events } = await cloudtrail.lookupEvents({ LookupAttributes });
    return Events!.map(({ CloudTrailEvent }) => JSON.parse(CloudTrailEvent!));
  };
  const [listed] = await named("ListBuckets");
  assert.equal(listed.userIdentity.type, "Root");
});

test("logging that is stopped, a password policy that is deleted and a bucket that is opened are found likewise", async () => {
  const [cloudtrail, iam, s3] = [new CloudTrail(instance.client), new IAM(instance.client), new S3(instance.s3Client)];
  await cloudtrail.stopLogging({ Name: "watch" });
  await iam.updateAccountPasswordPolicy({ MinimumPasswordLength: 14 });
  await iam.deleteAccountPasswordPolicy({});
  await s3.createBucket({ Bucket: "opened" });
  await s3.deletePublicAccessBlock({ Bucket: "opened" });
  const open = { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::opened/*" };
  await s3.putBucketPolicy({ Bucket: "opened", Policy: document(open) });
  for (const type of [
    "Stealth:IAMUser/CloudTrailLoggingDisabled",
    "Stealth:IAMUser/PasswordPolicyChange",
    "Policy:S3/BucketBlockPublicAccessDisabled",
    "Policy:S3/BucketAnonymousAccessGranted",
  ]) {
    const found = await finding(type);
    assert.equal((await notified(type)).detail.id, found.Id, type);
  }
  const stopped = await finding("Stealth:IAMUser/CloudTrailLoggingDisabled");
  const call = stopped.Service!.Action!.AwsApiCallAction!;
  assert.deepEqual([call.Api, call.ServiceName], ["StopLogging", "cloudtrail.amazonaws.com"]);
  await inHub("TTPs/Defense Evasion/Stealth:IAMUser-CloudTrailLoggingDisabled");
});

test("the bucket of a trail is deleted: found like the end of the trail itself; another bucket's deletion is not", async () => {
  const s3 = new S3(instance.s3Client);
  const Bucket = "first-light-trail";
  await s3.createBucket({ Bucket: "of-no-trail" });
  await s3.deleteBucket({ Bucket: "of-no-trail" });
  await eventually(async () => {
    const { Contents = [] } = await s3.listObjectsV2({ Bucket });
    for (const { Key } of Contents) await s3.deleteObject({ Bucket, Key });
    return s3.deleteBucket({ Bucket }).then(
      () => true,
      () => false,
    );
  }, soon);
  const told = await webhook.message(
    ({ Message }) => Message?.includes(`The S3 bucket ${Bucket} `) === true,
    soon.within,
  );
  assert.equal(JSON.parse(told["Message"]!).detail.type, "Stealth:IAMUser/CloudTrailLoggingDisabled");
  assert.ok(!webhook.received.some(({ Message }) => Message?.includes("of-no-trail")));
});
