/**
 * U1: what GuardDuty finds stands in Security Hub, in its format, and goes on as an event; what a customer makes of it
 * stays.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { GuardDuty } from "@aws-sdk/client-guardduty";
import { IAM } from "@aws-sdk/client-iam";
import { SecurityHub } from "@aws-sdk/client-securityhub";
import { SQS } from "@aws-sdk/client-sqs";
import { eventually, startInstance, type Instance } from "../instance.ts";

let instance: Instance;
let hub: SecurityHub;
before(async () => {
  instance = await startInstance();
  hub = new SecurityHub(instance.client);
});
after(() => instance?.stop());

/** A queue that gets every finding that the hub imports. */
async function importedQueue(): Promise<string> {
  const [sqs, events] = [new SQS(instance.client), new EventBridge(instance.client)];
  const QueueUrl = (await sqs.createQueue({ QueueName: "imported" })).QueueUrl!;
  const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
  const arn = Attributes!["QueueArn"]!;
  const pattern = { source: ["aws.securityhub"], "detail-type": ["Security Hub Findings - Imported"] };
  const { RuleArn } = await events.putRule({ Name: "imported", EventPattern: JSON.stringify(pattern) });
  const Statement = {
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: arn,
    Condition: { ArnEquals: { "aws:SourceArn": RuleArn } },
  };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await sqs.setQueueAttributes({ QueueUrl, Attributes: { Policy } });
  await events.putTargets({ Rule: "imported", Targets: [{ Id: "queue", Arn: arn }] });
  return QueueUrl;
}

test("a finding of GuardDuty is in the hub within seconds, as ASFF and as an event", async () => {
  await hub.enableSecurityHub({});
  await new GuardDuty(instance.client).createDetector({ Enable: true });
  const QueueUrl = await importedQueue();
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
