/** EventBridge through the AWS CLI and boto3, and between two accounts. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { IAM } from "@aws-sdk/client-iam";
import { Organizations } from "@aws-sdk/client-organizations";
import { SQS } from "@aws-sdk/client-sqs";
import { STS } from "@aws-sdk/client-sts";
import { aws, awsCommand, isInstalled, run } from "../cli.ts";
import { eventually, type Instance, startInstance } from "../instance.ts";

const hasCli = await isInstalled(awsCommand());
const hasBoto =
  (await isInstalled("python3")) && (await run("python3", ["-c", "import boto3"], process.env)).code === 0;

let instance: Instance;
before(async () => {
  instance = await startInstance();
});
after(() => instance?.stop());

const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });

test("the AWS CLI", { skip: hasCli ? false : "no AWS CLI" }, async () => {
  const cli = (...args: string[]) => aws(instance, args);
  const rule = await cli("events", "put-rule", "--name", "cli", "--event-pattern", '{"source":["cli"]}');
  const sqs = new SQS(instance.client);
  const { QueueUrl } = await sqs.createQueue({ QueueName: "cli" });
  const arn = `arn:aws:sqs:${instance.ready.region}:${instance.ready.accountId}:cli`;
  const Policy = document({
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: arn,
    Condition: { ArnEquals: { "aws:SourceArn": rule.RuleArn } },
  });
  await sqs.setQueueAttributes({ QueueUrl: QueueUrl!, Attributes: { Policy } });
  const put = await cli("events", "put-targets", "--rule", "cli", "--targets", `Id=q,Arn=${arn}`);
  assert.equal(put.FailedEntryCount, 0);
  const entry = { Source: "cli", DetailType: "t", Detail: '{"한":"글"}' };
  const sent = await cli("events", "put-events", "--entries", JSON.stringify([entry]));
  assert.equal(sent.FailedEntryCount, 0);
  const message = await eventually(async () => (await sqs.receiveMessage({ QueueUrl })).Messages?.[0]);
  assert.deepEqual(JSON.parse(message.Body!).detail, { 한: "글" });
  await assert.rejects(
    cli("events", "describe-rule", "--name", "none"),
    /\(ResourceNotFoundException\) when calling the DescribeRule operation: Rule none does not exist on EventBus default\./,
  );
});

const script = `
import boto3, json, datetime
events = boto3.client("events")
bus = events.create_event_bus(Name="boto")["EventBusArn"]
rule = events.put_rule(Name="boto", EventBusName="boto", EventPattern=json.dumps({"source": ["boto"]}))["RuleArn"]
for i in range(7):
    events.put_rule(Name=f"page{i}", EventBusName="boto", EventPattern='{"source":["x"]}')
archive = events.create_archive(ArchiveName="boto", EventSourceArn=bus, RetentionDays=1)["State"]
sent = events.put_events(Entries=[{"Source": "boto", "DetailType": "t", "Detail": "{}", "EventBusName": bus, "Time": datetime.datetime(2026, 1, 1)}])
try:
    events.create_event_bus(Name="boto")
    error = None
except events.exceptions.ResourceAlreadyExistsException as caught:
    error = caught.response["Error"]["Message"]
names = []
token = {}
while True:
    page = events.list_rules(EventBusName="boto", Limit=3, **token)
    names += [r["Name"] for r in page["Rules"]]
    if "NextToken" not in page:
        break
    token = {"NextToken": page["NextToken"]}
print(json.dumps({"bus": bus, "rule": rule, "archive": archive, "failed": sent["FailedEntryCount"], "error": error, "names": names,
  "created": isinstance(events.describe_event_bus(Name="boto")["CreationTime"], datetime.datetime)}))
`;

test("boto3", { skip: hasBoto ? false : "no boto3" }, async () => {
  const ran = await run("python3", ["-c", script], instance.env({ PYTHONWARNINGS: "ignore" }));
  assert.equal(ran.code, 0, ran.stderr);
  const { accountId, region } = instance.ready;
  assert.deepEqual(JSON.parse(ran.stdout), {
    bus: `arn:aws:events:${region}:${accountId}:event-bus/boto`,
    rule: `arn:aws:events:${region}:${accountId}:rule/boto/boto`,
    archive: "ENABLED",
    failed: 0,
    error: "Event bus boto already exists.",
    names: ["boto", ...Array.from({ length: 7 }, (_, i) => `page${i}`)],
    created: true,
  });
});

test("another account puts events where the bus's policy lets it, by itself and by a rule; another Region too", async () => {
  const organizations = new Organizations(instance.client);
  await organizations.createOrganization({});
  const { CreateAccountStatus } = await organizations.createAccount({ AccountName: "m", Email: "m@example.com" });
  const member = await eventually(async () => {
    const shown = await organizations.describeCreateAccountStatus({ CreateAccountRequestId: CreateAccountStatus!.Id! });
    return shown.CreateAccountStatus!.AccountId;
  });
  const { Credentials } = await new STS(instance.client).assumeRole({
    RoleArn: `arn:aws:iam::${member}:role/OrganizationAccountAccessRole`,
    RoleSessionName: "member",
  });
  const credentials = {
    accessKeyId: Credentials!.AccessKeyId!,
    secretAccessKey: Credentials!.SecretAccessKey!,
    sessionToken: Credentials!.SessionToken!,
  };
  const theirs = { ...instance.client, credentials };
  const own = new EventBridge(instance.client);
  const other = new EventBridge(theirs);
  const { accountId, region } = instance.ready;
  const { EventBusArn } = await own.createEventBus({ Name: "central" });
  const { RuleArn } = await own.putRule({ Name: "all", EventBusName: "central", EventPattern: '{"source":["app"]}' });
  const sqs = new SQS(instance.client);
  const { QueueUrl } = await sqs.createQueue({ QueueName: "central" });
  const arn = `arn:aws:sqs:${region}:${accountId}:central`;
  const Policy = document({
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: arn,
    Condition: { ArnEquals: { "aws:SourceArn": RuleArn } },
  });
  await sqs.setQueueAttributes({ QueueUrl: QueueUrl!, Attributes: { Policy } });
  await own.putTargets({ Rule: "all", EventBusName: "central", Targets: [{ Id: "q", Arn: arn }] });
  const received = () =>
    eventually(async () => {
      const { Messages } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 1 });
      if (!Messages?.[0]) return undefined;
      await sqs.deleteMessage({ QueueUrl: QueueUrl!, ReceiptHandle: Messages[0].ReceiptHandle! });
      return JSON.parse(Messages[0].Body!);
    });

  const put = (client: EventBridge, n: number, EventBusName?: string) =>
    client.putEvents({
      Entries: [
        { Source: "app", DetailType: "t", Detail: JSON.stringify({ n }), ...(EventBusName ? { EventBusName } : {}) },
      ],
    });
  await assert.rejects(put(other, 1, EventBusArn), { name: "AccessDeniedException" });
  await own.putPermission({ EventBusName: "central", StatementId: "m", Principal: member, Action: "events:PutEvents" });
  await put(other, 2, EventBusArn);
  const direct = await received();
  assert.deepEqual([direct.detail.n, direct.account], [2, member]);

  // By a rule of theirs, from another Region, with a role of theirs.
  const iam = new IAM(theirs);
  const trust = { Effect: "Allow", Principal: { Service: "events.amazonaws.com" }, Action: "sts:AssumeRole" };
  const { Role } = await iam.createRole({ RoleName: "sends", AssumeRolePolicyDocument: document(trust) });
  const PolicyDocument = document({ Effect: "Allow", Action: "events:PutEvents", Resource: EventBusArn });
  await iam.putRolePolicy({ RoleName: "sends", PolicyName: "p", PolicyDocument });
  const elsewhere = new EventBridge({ ...theirs, region: "eu-west-1" });
  await elsewhere.putRule({ Name: "up", EventPattern: '{"source":["app"]}' });
  const target = { Id: "central", Arn: EventBusArn! };
  await assert.rejects(elsewhere.putTargets({ Rule: "up", Targets: [target] }), {
    name: "ValidationException",
    message: `RoleArn is required for target ${EventBusArn}.`,
  });
  await elsewhere.putTargets({ Rule: "up", Targets: [{ ...target, RoleArn: Role!.Arn! }] });
  await put(elsewhere, 3);
  const forwarded = await received();
  assert.deepEqual([forwarded.detail.n, forwarded.account, forwarded.region], [3, member, "eu-west-1"]);
});
