/** Every page, by the address of its fragment, once something is there to see. */
import { CloudTrailClient, CreateTrailCommand } from "@aws-sdk/client-cloudtrail";
import { CloudWatchClient, PutMetricAlarmCommand } from "@aws-sdk/client-cloudwatch";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from "@aws-sdk/client-eventbridge";
import { CreateDetectorCommand, CreateSampleFindingsCommand, GuardDutyClient } from "@aws-sdk/client-guardduty";
import {
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { CreateOrganizationCommand, OrganizationsClient } from "@aws-sdk/client-organizations";
import { CreateBucketCommand, PutBucketPolicyCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { EnableSecurityHubCommand, SecurityHubClient } from "@aws-sdk/client-securityhub";
import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { CreateWebACLCommand, WAFV2Client } from "@aws-sdk/client-wafv2";
import type { Instance } from "../instance.ts";

const hash = (...segments: string[]): string => segments.map(encodeURIComponent).join("/");

/** Makes one of everything; gives the addresses of all pages. */
export async function furnish(instance: Instance): Promise<string[]> {
  const { client, s3Client, ready } = instance;
  const { accountId } = ready;
  const document = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "*" }],
  });
  const trust = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: accountId }, Action: "sts:AssumeRole" }],
  });

  const iam = new IAMClient(client);
  await iam.send(new CreateUserCommand({ UserName: "page-user" }));
  await iam.send(new PutUserPolicyCommand({ UserName: "page-user", PolicyName: "read", PolicyDocument: document }));
  await iam.send(new CreateRoleCommand({ RoleName: "page-role", AssumeRolePolicyDocument: trust }));
  const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName: "page-policy", PolicyDocument: document }));

  const s3 = new S3Client(s3Client);
  const Bucket = "page-bucket";
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "문서/보고서.txt", Body: "내용" }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "readme.txt", Body: "text" }));
  const delivery = {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: "cloudtrail.amazonaws.com" },
        Action: "s3:GetBucketAcl",
        Resource: `arn:aws:s3:::${Bucket}`,
      },
      {
        Effect: "Allow",
        Principal: { Service: "cloudtrail.amazonaws.com" },
        Action: "s3:PutObject",
        Resource: `arn:aws:s3:::${Bucket}/*`,
      },
    ],
  };
  await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(delivery) }));
  await new CloudTrailClient(client).send(new CreateTrailCommand({ Name: "page-trail", S3BucketName: Bucket }));

  const kms = new KMSClient(client);
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({ Description: "페이지" }));
  const KeyId = KeyMetadata!.KeyId!;
  await kms.send(new CreateAliasCommand({ AliasName: "alias/page", TargetKeyId: KeyId }));

  const sns = new SNSClient(client);
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: "page-topic" }));
  const sqs = new SQSClient(client);
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "page-queue" }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "hello" }));
  const queueArn = `arn:aws:sqs:${ready.region}:${accountId}:page-queue`;
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint: queueArn }));

  await new CloudWatchClient(client).send(
    new PutMetricAlarmCommand({
      AlarmName: "page-alarm",
      Namespace: "Page",
      MetricName: "Count",
      Statistic: "Sum",
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: "GreaterThanOrEqualToThreshold",
    }),
  );
  const logs = new CloudWatchLogsClient(client);
  const logGroupName = "/page/group";
  await logs.send(new CreateLogGroupCommand({ logGroupName }));
  await logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName: "one" }));
  await logs.send(
    new PutLogEventsCommand({
      logGroupName,
      logStreamName: "one",
      logEvents: [{ timestamp: Date.now(), message: "한 줄" }],
    }),
  );

  const events = new EventBridgeClient(client);
  const EventPattern = JSON.stringify({ source: ["aws.guardduty"] });
  await events.send(new PutRuleCommand({ Name: "page-rule", EventPattern }));
  await events.send(new PutTargetsCommand({ Rule: "page-rule", Targets: [{ Id: "1", Arn: TopicArn }] }));

  await new OrganizationsClient(client).send(new CreateOrganizationCommand({ FeatureSet: "ALL" }));
  const guardDuty = new GuardDutyClient(client);
  const { DetectorId } = await guardDuty.send(new CreateDetectorCommand({ Enable: true }));
  await guardDuty.send(
    new CreateSampleFindingsCommand({
      DetectorId,
      FindingTypes: ["Policy:IAMUser/RootCredentialUsage", "CryptoCurrency:EC2/BitcoinTool.B!DNS"],
    }),
  );
  await new SecurityHubClient(client).send(new EnableSecurityHubCommand({}));
  const { Summary } = await new WAFV2Client(client).send(
    new CreateWebACLCommand({
      Name: "page-acl",
      Scope: "REGIONAL",
      DefaultAction: { Allow: {} },
      VisibilityConfig: { SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true, MetricName: "pageAcl" },
      Rules: [],
    }),
  );

  return [
    "",
    "iam/users",
    hash("iam", "users", "page-user"),
    "iam/groups",
    "iam/roles",
    hash("iam", "roles", "page-role"),
    "iam/policies",
    hash("iam", "policies", Policy!.Arn!),
    "iam/account",
    "root-user",
    "s3",
    hash("s3", Bucket),
    hash("s3", Bucket, "문서"),
    "kms",
    hash("kms", KeyId),
    "kms/stores",
    "cloudhsm",
    "cloudhsm/compare",
    "seal",
    "key-types",
    "ledger",
    "encryption",
    "cloudtrail/events",
    "cloudtrail/trails",
    "organizations",
    "cloudwatch/alarms",
    "cloudwatch/logs",
    hash("cloudwatch", "logs", logGroupName),
    "cloudwatch/insights",
    "sns",
    hash("sns", TopicArn!),
    "sqs",
    "eventbridge",
    hash("eventbridge", "default", "page-rule"),
    "load-balancers",
    "acm",
    "waf",
    hash("waf", Summary!.Id!, "page-acl"),
    "guardduty",
    "security-hub",
    "inspector",
  ];
}
