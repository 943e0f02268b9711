/** An instance with EventBridge for the tests of one file, and queues that rules reach. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { EventBridge, type PutEventsRequestEntry, type Target } from "@aws-sdk/client-eventbridge";
import { IAM } from "@aws-sdk/client-iam";
import { SQS } from "@aws-sdk/client-sqs";
import { eventually, type Instance, startInstance } from "../instance.ts";

export let instance: Instance;
export let events: EventBridge;
export let sqs: SQS;
export let iam: IAM;

before(async () => {
  instance = await startInstance({ args: ["--adjustable-clock"] });
  events = new EventBridge(instance.client);
  sqs = new SQS(instance.client);
  iam = new IAM(instance.client);
});
after(() => instance?.stop());

export const refused = (name: string, message: RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  assert.match(error.message, message);
  return true;
};

export const account = () => instance.ready.accountId;
export const region = () => instance.ready.region;
export const arnOf = (resource: string) => `arn:aws:events:${region()}:${account()}:${resource}`;

interface Queue {
  url: string;
  arn: string;
}

/** A queue that EventBridge may send to in the name of a rule; of none, when there is none. */
export async function newQueue(
  QueueName: string,
  source?: string,
  Attributes: Record<string, string> = {},
): Promise<Queue> {
  const { QueueUrl } = await sqs.createQueue({ QueueName, Attributes });
  const shown = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
  const arn = shown.Attributes!["QueueArn"]!;
  if (source !== undefined) {
    const Statement = {
      Effect: "Allow",
      Principal: { Service: "events.amazonaws.com" },
      Action: "sqs:SendMessage",
      Resource: arn,
      Condition: { ArnLike: { "aws:SourceArn": source } },
    };
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
    await sqs.setQueueAttributes({ QueueUrl: QueueUrl!, Attributes: { Policy } });
  }
  return { url: QueueUrl!, arn };
}

export async function receive({ url }: Queue) {
  return await eventually(async () => {
    const { Messages } = await sqs.receiveMessage({
      QueueUrl: url,
      WaitTimeSeconds: 1,
      MessageAttributeNames: ["All"],
      MessageSystemAttributeNames: ["All"],
    });
    const [message] = Messages ?? [];
    if (!message) return undefined;
    await sqs.deleteMessage({ QueueUrl: url, ReceiptHandle: message.ReceiptHandle! });
    return message;
  });
}

export async function next(queue: Queue): Promise<any> {
  return JSON.parse((await receive(queue)).Body!);
}

export async function isEmpty({ url }: Queue): Promise<boolean> {
  const { Messages } = await sqs.receiveMessage({ QueueUrl: url });
  return (Messages ?? []).length === 0;
}

/** A rule over one source, with a queue as its target. */
export async function ruleToQueue(name: string, more: Partial<Target> = {}, bus?: string, pattern?: object) {
  const Name = `rule-${name}`;
  const EventPattern = JSON.stringify(pattern ?? { source: [`app.${name}`] });
  const { RuleArn } = await events.putRule({ Name, EventPattern, ...(bus ? { EventBusName: bus } : {}) });
  const queue = await newQueue(`queue-${name}`, RuleArn);
  const Targets = [{ Id: "queue", Arn: queue.arn, ...more }];
  const put = await events.putTargets({ Rule: Name, Targets, ...(bus ? { EventBusName: bus } : {}) });
  assert.equal(put.FailedEntryCount, 0, JSON.stringify(put.FailedEntries));
  return { Name, RuleArn: RuleArn!, queue };
}

export const entry = (
  name: string,
  detail: unknown,
  more: Partial<PutEventsRequestEntry> = {},
): PutEventsRequestEntry => ({
  Source: `app.${name}`,
  DetailType: "made",
  Detail: JSON.stringify(detail),
  ...more,
});

export async function role(RoleName: string, statement: object, service = "events.amazonaws.com"): Promise<string> {
  const trust = { Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" };
  const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: trust });
  const { Role } = await iam.createRole({ RoleName, AssumeRolePolicyDocument });
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: { Effect: "Allow", ...statement } });
  await iam.putRolePolicy({ RoleName, PolicyName: "does", PolicyDocument });
  return Role!.Arn!;
}
