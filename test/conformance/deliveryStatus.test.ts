/** Delivery status logs of SNS: written to CloudWatch Logs by the topic's own role, and only as far as that role may. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { IAM } from "@aws-sdk/client-iam";
import { SNS } from "@aws-sdk/client-sns";
import { SQS } from "@aws-sdk/client-sqs";
import { eventually, startInstance, type Instance } from "../instance.ts";

let instance: Instance;
let [sns, sqs, iam, logs] = [] as unknown as [SNS, SQS, IAM, CloudWatchLogs];
before(async () => {
  instance = await startInstance();
  [sns, sqs] = [new SNS(instance.client), new SQS(instance.client)];
  [iam, logs] = [new IAM(instance.client), new CloudWatchLogs(instance.client)];
});
after(() => instance?.stop());

const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });

async function loggingRole(RoleName: string, service: string): Promise<string> {
  const trust = document({ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" });
  const { Role } = await iam.createRole({ RoleName, AssumeRolePolicyDocument: trust });
  const PolicyDocument = document({ Effect: "Allow", Action: "logs:*", Resource: "*" });
  await iam.putRolePolicy({ RoleName, PolicyName: "logs", PolicyDocument });
  return Role!.Arn!;
}

async function queueFor(topicArn: string, name: string, allowed: boolean): Promise<string> {
  const { QueueUrl } = await sqs.createQueue({ QueueName: name });
  const { Attributes } = await sqs.getQueueAttributes({ QueueUrl: QueueUrl!, AttributeNames: ["QueueArn"] });
  const arn = Attributes!["QueueArn"]!;
  const statement = {
    Effect: "Allow",
    Principal: { Service: "sns.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: arn,
  };
  if (allowed) await sqs.setQueueAttributes({ QueueUrl: QueueUrl!, Attributes: { Policy: document(statement) } });
  await sns.subscribe({ TopicArn: topicArn, Protocol: "sqs", Endpoint: arn });
  return arn;
}

async function entries(logGroupName: string): Promise<Record<string, Record<string, unknown>>[]> {
  const { logGroups = [] } = await logs.describeLogGroups({ logGroupNamePrefix: logGroupName });
  if (!logGroups.some((group) => group.logGroupName === logGroupName)) return [];
  const { events = [] } = await logs.filterLogEvents({ logGroupName });
  return events.map(({ message }) => JSON.parse(message!));
}

test("deliveries that end are logged, successes and failures apart", async () => {
  const role = await loggingRole("feedback", "sns.amazonaws.com");
  const Attributes = {
    SQSSuccessFeedbackRoleArn: role,
    SQSFailureFeedbackRoleArn: role,
    SQSSuccessFeedbackSampleRate: "100",
  };
  const TopicArn = (await sns.createTopic({ Name: "watched", Attributes })).TopicArn!;
  const shown = (await sns.getTopicAttributes({ TopicArn })).Attributes!;
  assert.deepEqual(
    Object.keys(Attributes).map((name) => shown[name]),
    Object.values(Attributes),
  );
  const open = await queueFor(TopicArn, "open", true);
  const shut = await queueFor(TopicArn, "shut", false);
  const { MessageId } = await sns.publish({ TopicArn, Message: "hello" });
  const group = `sns/${instance.ready.region}/${instance.ready.accountId}/watched`;
  const [success] = await eventually(async () => {
    const found = await entries(group);
    return found.length > 0 && found;
  });
  assert.deepEqual([success!["status"], success!["delivery"]!["destination"]], ["SUCCESS", open]);
  assert.equal(success!["notification"]!["messageId"], MessageId);
  assert.equal(success!["notification"]!["messageMD5Sum"], "5d41402abc4b2a76b9719d911017c592");
  assert.equal(success!["delivery"]!["statusCode"], 200);
  const [failure] = await eventually(async () => {
    const found = await entries(`${group}/Failure`);
    return found.length > 0 && found;
  });
  assert.deepEqual([failure!["status"], failure!["delivery"]!["destination"]], ["FAILURE", shut]);

  // With a rate of 0 nothing more is logged, though messages go on.
  await sns.setTopicAttributes({ TopicArn, AttributeName: "SQSSuccessFeedbackSampleRate", AttributeValue: "0" });
  await sns.publish({ TopicArn, Message: "silent" });
  const { QueueUrl } = await sqs.getQueueUrl({ QueueName: "open" });
  let arrived = 0;
  await eventually(async () => {
    arrived += (await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10 })).Messages?.length ?? 0;
    return arrived === 2;
  });
  await eventually(async () => (await entries(`${group}/Failure`)).length === 2);
  assert.equal((await entries(group)).length, 1);
});

test("a role that does not trust SNS logs nothing, and holds up no message", async () => {
  const role = await loggingRole("stranger", "sqs.amazonaws.com");
  const Attributes = { SQSSuccessFeedbackRoleArn: role, SQSSuccessFeedbackSampleRate: "100" };
  const TopicArn = (await sns.createTopic({ Name: "unlogged", Attributes })).TopicArn!;
  await queueFor(TopicArn, "still", true);
  await sns.publish({ TopicArn, Message: "m" });
  const { QueueUrl } = await sqs.getQueueUrl({ QueueName: "still" });
  await eventually(async () => (await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 1 })).Messages?.length === 1);
  assert.deepEqual(await entries(`sns/${instance.ready.region}/${instance.ready.accountId}/unlogged`), []);
});

test("what cannot be logged is refused", async () => {
  const TopicArn = (await sns.createTopic({ Name: "refusals" })).TopicArn!;
  const set = (AttributeName: string, AttributeValue: string) =>
    assert.rejects(sns.setTopicAttributes({ TopicArn, AttributeName, AttributeValue }), {
      name: "InvalidParameterException",
    });
  await set("SQSSuccessFeedbackSampleRate", "101");
  await set("SQSSuccessFeedbackSampleRate", "half");
  await set("SQSFailureFeedbackRoleArn", "not a role");
  await set("LambdaFailureFeedbackRoleArn", `arn:aws:iam::${instance.ready.accountId}:role/feedback`);
  // The rate alone does nothing, on AWS too; clients set it by default.
  await sns.setTopicAttributes({
    TopicArn,
    AttributeName: "LambdaSuccessFeedbackSampleRate",
    AttributeValue: "0",
  });
});
