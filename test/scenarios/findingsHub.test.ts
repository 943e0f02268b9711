/**
 * U1: what GuardDuty finds stands in Security Hub, in its format, and goes on as an event; what a customer makes of it
 * stays.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { GuardDuty } from "@aws-sdk/client-guardduty";
import { IAM } from "@aws-sdk/client-iam";
import { SecurityHub } from "@aws-sdk/client-securityhub";
import { SQS } from "@aws-sdk/client-sqs";
import { Visitor } from "../console/visitor.ts";
import { eventually, startInstance, type Instance } from "../instance.ts";

let instance: Instance;
let hub: SecurityHub;
before(async () => {
  instance = await startInstance();
  hub = new SecurityHub(instance.client);
});
after(() => instance?.stop());

/** A queue that gets every event of Security Hub of a kind. */
async function queueOf(name: string, detailTypes: string[]): Promise<string> {
  const [sqs, events] = [new SQS(instance.client), new EventBridge(instance.client)];
  const QueueUrl = (await sqs.createQueue({ QueueName: name })).QueueUrl!;
  const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
  const arn = Attributes!["QueueArn"]!;
  const pattern = { source: ["aws.securityhub"], "detail-type": detailTypes };
  const { RuleArn } = await events.putRule({ Name: name, EventPattern: JSON.stringify(pattern) });
  const Statement = {
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: arn,
    Condition: { ArnEquals: { "aws:SourceArn": RuleArn } },
  };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await sqs.setQueueAttributes({ QueueUrl, Attributes: { Policy } });
  await events.putTargets({ Rule: name, Targets: [{ Id: "queue", Arn: arn }] });
  return QueueUrl;
}

test("a finding of GuardDuty is in the hub within seconds, as ASFF and as an event", async () => {
  await hub.enableSecurityHub({});
  await new GuardDuty(instance.client).createDetector({ Enable: true });
  const QueueUrl = await queueOf("imported", ["Security Hub Findings - Imported"]);
  const iam = new IAM(instance.client);
  await iam.updateAccountPasswordPolicy({ MinimumPasswordLength: 14, RequireNumbers: true });
  await iam.deleteAccountPasswordPolicy({});
  const Filters = { Type: [{ Value: "TTPs/Defense Evasion/Stealth:IAMUser", Comparison: "PREFIX" as const }] };
  const found = await eventually(async () => (await hub.getFindings({ Filters })).Findings?.[0]);
  assert.deepEqual(found.Types, ["TTPs/Defense Evasion/Stealth:IAMUser-PasswordPolicyChange"]);
  assert.equal(found.ProductArn, `arn:aws:securityhub:${instance.ready.region}::product/aws/guardduty`);
  assert.match(found.GeneratorId!, /:detector\/[0-9a-f]{32}$/);
  assert.equal(found.Id, `${found.GeneratorId}/finding/${found.Id!.slice(-32)}`);
  // That it was deleted altogether is more than a small change.
  assert.deepEqual(found.Severity, { Product: 5, Label: "MEDIUM", Normalized: 60 });
  assert.equal(found.Action!.AwsApiCallAction!.ServiceName, "iam.amazonaws.com");
  assert.equal(found.Resources![0]!.Type, "AwsIamAccessKey");
  assert.equal(found.Resources![0]!.Details!.AwsIamAccessKey!.PrincipalType, "IAMUser");
  assert.equal(found.ProductFields!["aws/guardduty/service/action/actionType"], "AWS_API_CALL");
  assert.deepEqual([found.ProductName, found.CompanyName], ["GuardDuty", "Amazon"]);

  const sqs = new SQS(instance.client);
  const message = await eventually(
    async () => (await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 1 })).Messages?.[0],
  );
  const event = JSON.parse(message.Body!);
  assert.equal(event.detail.findings[0].Id, found.Id);
  assert.deepEqual(event.resources, [`${found.ProductArn}/${found.Id}`]);

  const FindingIdentifiers = [{ Id: found.Id, ProductArn: found.ProductArn }];
  await hub.batchUpdateFindings({ FindingIdentifiers, Workflow: { Status: "SUPPRESSED" } });
  assert.equal((await hub.getFindings({ Filters })).Findings![0]!.Workflow!.Status, "SUPPRESSED");
});

test("who has signed in sends findings and results of insights under a custom action, as far as a policy lets them", async () => {
  const QueueUrl = await queueOf("sent", ["Security Hub Findings - Custom Action", "Security Hub Insight Results"]);
  const { ActionTargetArn } = await hub.createActionTarget({
    Id: "ticket",
    Name: "Ticket",
    Description: "Open a ticket",
  });
  const Filters = { RecordState: [{ Value: "ACTIVE", Comparison: "EQUALS" as const }] };
  const insight = await hub.createInsight({ Name: "all", Filters, GroupByAttribute: "SeverityLabel" });
  const [found] = (await hub.getFindings({ Filters })).Findings!;
  const iam = new IAM(instance.client);
  const password = "Correct-Horse-1";
  await iam.createUser({ UserName: "analyst" });
  await iam.createLoginProfile({ UserName: "analyst", Password: password });
  const allow = (...Action: string[]) => {
    const Statement = { Effect: "Allow", Action, Resource: "*" };
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    return iam.putUserPolicy({ UserName: "analyst", PolicyName: "hub", PolicyDocument });
  };
  await allow("securityhub:GetFindings");
  const visitor = new Visitor(instance);
  const { region, accountId: account } = instance.ready;
  const send = (body: object) =>
    visitor.post("security-hub-events", { region, actionTargetArn: ActionTargetArn, ...body });
  const findings = [{ Id: found!.Id, ProductArn: found!.ProductArn }];
  assert.equal((await send({ findings })).status, 401);
  await visitor.post("sign-in", { kind: "user", account, userName: "analyst", password });
  assert.equal((await send({ findings })).body.code, "AccessDeniedException");
  await allow("securityhub:SendFindingEvents", "securityhub:SendInsightEvents");
  for (const [wrong, code] of [
    [{ findings: [] }, "InvalidInputException"],
    [{ findings: [{ Id: 1 }] }, "InvalidInputException"],
    [{ findings: Array.from({ length: 21 }, () => findings[0]) }, "InvalidInputException"],
    [{ findings: [{ ...findings[0], Id: "nobody" }] }, "ResourceNotFoundException"],
    [{ findings, actionTargetArn: `${ActionTargetArn}s` }, "ResourceNotFoundException"],
    [{ insightArn: `${insight.InsightArn}0` }, "ResourceNotFoundException"],
    [{ findings, region: "../x" }, "InvalidRequest"],
  ] as const) {
    assert.equal((await send(wrong)).body.code, code, JSON.stringify(wrong).slice(0, 80));
  }
  assert.equal((await send({ findings })).status, 200);
  assert.equal((await send({ insightArn: insight.InsightArn })).status, 200);
  const sqs = new SQS(instance.client);
  const events: any[] = [];
  await eventually(async () => {
    const { Messages = [] } = await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 });
    events.push(...Messages.map(({ Body }) => JSON.parse(Body!)));
    return events.length >= 2;
  });
  const [custom, results] = events.toSorted((a, b) => (a["detail-type"] < b["detail-type"] ? -1 : 1));
  for (const event of [custom, results]) {
    assert.deepEqual(event.resources, [ActionTargetArn]);
    assert.deepEqual([event.detail.actionName, event.detail.actionDescription], ["Ticket", "Open a ticket"]);
  }
  assert.deepEqual(
    custom.detail.findings.map(({ Id }: { Id: string }) => Id),
    [found!.Id],
  );
  const { InsightResults } = await hub.getInsightResults({ InsightArn: insight.InsightArn });
  assert.deepEqual(
    results.detail.insightResults,
    InsightResults!.ResultValues!.map(({ GroupByAttributeValue, Count }) => ({ [GroupByAttributeValue!]: Count })),
  );
  const trail = new CloudTrail(instance.client);
  const LookupAttributes = [{ AttributeKey: "EventName" as const, AttributeValue: "SendFindingEvents" }];
  const records = await eventually(async () => {
    const { Events = [] } = await trail.lookupEvents({ LookupAttributes });
    const parsed = Events.map(({ CloudTrailEvent }) => JSON.parse(CloudTrailEvent!));
    return parsed.some(({ errorCode }) => errorCode === undefined) && parsed;
  });
  assert.ok(records.every(({ eventSource }) => eventSource === "securityhub.amazonaws.com"));
  assert.ok(records.some(({ errorCode }) => errorCode?.startsWith("AccessDenied")));
});

test("a product that is switched off sends nothing", async () => {
  const { ProductSubscriptions } = await hub.listEnabledProductsForImport({});
  await hub.disableImportFindingsForProduct({ ProductSubscriptionArn: ProductSubscriptions![0] });
  const guardduty = new GuardDuty(instance.client);
  const DetectorId = (await guardduty.listDetectors({})).DetectorIds![0]!;
  await guardduty.createSampleFindings({ DetectorId, FindingTypes: ["Policy:IAMUser/RootCredentialUsage"] });
  // Events of an account are read in their order: what comes later, in another Region, has been imported by then.
  const elsewhere = { ...instance.client, region: "eu-central-1" };
  const [otherHub, otherGuardDuty] = [new SecurityHub(elsewhere), new GuardDuty(elsewhere)];
  await otherHub.enableSecurityHub({});
  const { DetectorId: other } = await otherGuardDuty.createDetector({ Enable: true });
  const FindingTypes = ["Policy:S3/AccountBlockPublicAccessDisabled" as const];
  await otherGuardDuty.createSampleFindings({ DetectorId: other, FindingTypes });
  const Filters = { Sample: [{ Value: true }] };
  const [sample] = await eventually(async () => {
    const { Findings } = await otherHub.getFindings({ Filters });
    return Findings!.length > 0 && Findings!;
  });
  assert.deepEqual(sample!.Types, ["TTPs/Policy:S3-AccountBlockPublicAccessDisabled"]);
  assert.match(sample!.Title!, /^\[SAMPLE\]/);
  assert.deepEqual((await hub.getFindings({ Filters })).Findings, []);
  const { ProductSubscriptionArn } = await hub.enableImportFindingsForProduct({
    ProductArn: `arn:aws:securityhub:${instance.ready.region}::product/aws/guardduty`,
  });
  assert.equal(ProductSubscriptionArn, ProductSubscriptions![0]);
});
