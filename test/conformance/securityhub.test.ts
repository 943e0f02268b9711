/** Security Hub through the unmodified SDK and CLI: the hub, findings of one's own, filters, insights, rules, history. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { IAM } from "@aws-sdk/client-iam";
import { SecurityHub, type AwsSecurityFinding, type AwsSecurityFindingFilters } from "@aws-sdk/client-securityhub";
import { aws, isInstalled } from "../cli.ts";
import { startInstance, type Instance } from "../instance.ts";

let instance: Instance;
let hub: SecurityHub;
let product: string;
before(async () => {
  instance = await startInstance();
  hub = new SecurityHub(instance.client);
  product = `arn:aws:securityhub:${instance.ready.region}:${instance.ready.accountId}:product/${instance.ready.accountId}/default`;
});
after(() => instance?.stop());

const refused = (name: string, message?: RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  if (message) assert.match(error.message, message);
  return true;
};

function finding(Id: string, more: Partial<AwsSecurityFinding> = {}): AwsSecurityFinding {
  return {
    SchemaVersion: "2018-10-08",
    Id,
    ProductArn: product,
    GeneratorId: "scanner/1",
    AwsAccountId: instance.ready.accountId,
    CreatedAt: "2026-01-01T00:00:00Z",
    UpdatedAt: "2026-01-01T00:00:00Z",
    Severity: { Label: "MEDIUM" },
    Title: `Finding ${Id}`,
    Description: "Something is open to the world",
    Types: ["Software and Configuration Checks/Vulnerabilities/CVE"],
    Resources: [{ Type: "AwsS3Bucket", Id: `arn:aws:s3:::${Id}` }],
    ...more,
  };
}

async function imported(...Findings: AwsSecurityFinding[]): Promise<void> {
  const { FailedFindings, SuccessCount } = await hub.batchImportFindings({ Findings });
  assert.deepEqual(FailedFindings, []);
  assert.equal(SuccessCount, Findings.length);
}

const idsOf = async (Filters: AwsSecurityFindingFilters) =>
  (await hub.getFindings({ Filters })).Findings!.map(({ Id }) => Id!).toSorted();
const identifier = (Id: string) => ({ Id, ProductArn: product });
const one = async (Id: string) =>
  (await hub.getFindings({ Filters: { Id: [{ Value: Id, Comparison: "EQUALS" }] } })).Findings![0]!;

test("without a hub every call is refused; with one it is described; a second is none", async () => {
  await assert.rejects(hub.getFindings({}), refused("InvalidAccessException", /is not subscribed to AWS Security Hub/));
  await hub.enableSecurityHub({ Tags: { team: "blue" } });
  const described = await hub.describeHub({});
  assert.match(described.HubArn!, /:hub\/default$/);
  assert.deepEqual((await hub.listTagsForResource({ ResourceArn: described.HubArn })).Tags, { team: "blue" });
  await assert.rejects(hub.enableSecurityHub({}), refused("ResourceConflictException"));
  assert.deepEqual((await hub.getEnabledStandards({})).StandardsSubscriptions, []);
  const { ProductSubscriptions } = await hub.listEnabledProductsForImport({});
  assert.deepEqual(
    ProductSubscriptions!.map((arn) => arn.split("/").slice(1).join("/")),
    ["aws/guardduty"],
  );
});

describe("findings", () => {
  test("are completed, kept as they were sent, and found again by whatever they say", async () => {
    await imported(
      finding("a", {
        Severity: { Label: "HIGH" },
        Confidence: 80,
        Network: { SourceIpV4: "203.0.113.7", DestinationPort: 22 },
        ProductFields: { scanner: "nessus" },
        UserDefinedFields: { team: "red" },
      }),
      finding("b", { Severity: { Normalized: 10 }, Sample: true }),
    );
    const a = await one("a");
    assert.deepEqual(a.Severity, { Label: "HIGH", Normalized: 70 });
    assert.deepEqual(a.Workflow, { Status: "NEW" });
    assert.deepEqual(a.FindingProviderFields!.Severity, { Label: "HIGH" });
    assert.deepEqual([a.RecordState, a.Region, a.ProductName], ["ACTIVE", instance.ready.region, "Default"]);
    assert.deepEqual((await one("b")).Severity, { Label: "LOW", Normalized: 10 });
    const questions: [AwsSecurityFindingFilters, string[]][] = [
      [{}, ["a", "b"]],
      [{ SeverityLabel: [{ Value: "HIGH", Comparison: "EQUALS" }] }, ["a"]],
      [{ SeverityLabel: [{ Value: "HIGH", Comparison: "NOT_EQUALS" }] }, ["b"]],
      [{ Title: [{ Value: "finding a", Comparison: "CONTAINS_WORD" }] }, ["a"]],
      [{ ResourceId: [{ Value: "arn:aws:s3:::b", Comparison: "PREFIX" }] }, ["b"]],
      [{ Confidence: [{ Gte: 70, Lt: 90 }] }, ["a"]],
      [{ NetworkSourceIpV4: [{ Cidr: "203.0.113.0/24" }] }, ["a"]],
      [{ NetworkSourceIpV4: [{ Cidr: "198.51.100.0/24" }] }, []],
      [{ ProductFields: [{ Key: "scanner", Value: "nessus", Comparison: "EQUALS" }] }, ["a"]],
      [{ UserDefinedFields: [{ Key: "team", Value: "red", Comparison: "NOT_EQUALS" }] }, ["b"]],
      [{ Sample: [{ Value: true }] }, ["b"]],
      [{ Keyword: [{ Value: "NESSUS" }] }, ["a"]],
      [{ CreatedAt: [{ Start: "2025-12-31T00:00:00Z", End: "2026-01-02T00:00:00Z" }] }, ["a", "b"]],
      [{ CreatedAt: [{ DateRange: { Value: 1, Unit: "DAYS" } }] }, []],
      // Alternatives within a field, both parts where something is ruled out, and all fields together.
      [
        {
          Id: [
            { Value: "a", Comparison: "EQUALS" },
            { Value: "b", Comparison: "EQUALS" },
            { Value: "b", Comparison: "NOT_EQUALS" },
          ],
          RecordState: [{ Value: "ACTIVE", Comparison: "EQUALS" }],
        },
        ["a"],
      ],
    ];
    for (const [filters, expected] of questions)
      assert.deepEqual(await idsOf(filters), expected, JSON.stringify(filters));
  });

  test("are paged and sorted", async () => {
    const SortCriteria = [{ Field: "SeverityNormalized", SortOrder: "asc" as const }];
    const first = await hub.getFindings({ SortCriteria, MaxResults: 1 });
    assert.deepEqual(
      first.Findings!.map(({ Id }) => Id),
      ["b"],
    );
    const second = await hub.getFindings({ SortCriteria, MaxResults: 1, NextToken: first.NextToken });
    assert.deepEqual(
      second.Findings!.map(({ Id }) => Id),
      ["a"],
    );
    assert.equal(second.NextToken, undefined);
    await assert.rejects(hub.getFindings({ NextToken: "x" }), refused("InvalidInputException"));
  });

  test("that are wrong are named, the others are taken", async () => {
    const { FailedFindings, SuccessCount } = await hub.batchImportFindings({
      Findings: [
        finding("good"),
        finding("account", { AwsAccountId: "999999999999" }),
        finding("product", { ProductArn: "arn:aws:securityhub:us-east-1::product/aws/guardduty" }),
        finding("time", { UpdatedAt: "yesterday" }),
        finding("type", { Types: ["Nonsense/x"] }),
        finding("score", { Confidence: 101 }),
        finding("long", { Title: "t".repeat(257) }),
        finding("fields", { ProductFields: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, "v"])) }),
        finding("network", { Network: { Protocol: "p".repeat(17) } }),
      ],
    });
    assert.equal(SuccessCount, 1);
    assert.deepEqual(
      FailedFindings!.map(({ Id, ErrorCode }) => [Id, ErrorCode]),
      ["account", "product", "time", "type", "score", "long", "fields", "network"].map((id) => [id, "InvalidInput"]),
    );
    await assert.rejects(hub.batchImportFindings({ Findings: [] }), /InvalidInput|ValidationException/);
  });

  test("keep what customers set, whatever providers send later; and come back as new", async () => {
    await imported(finding("kept"));
    const { ProcessedFindings, UnprocessedFindings } = await hub.batchUpdateFindings({
      FindingIdentifiers: [identifier("kept"), identifier("nobody")],
      Severity: { Label: "LOW" },
      Note: { Text: "looked at", UpdatedBy: "me" },
      Workflow: { Status: "RESOLVED" },
      UserDefinedFields: { ticket: "7" },
    });
    assert.deepEqual(
      [
        ProcessedFindings!.map(({ Id }) => Id),
        UnprocessedFindings!.map(({ FindingIdentifier }) => FindingIdentifier!.Id),
      ],
      [["kept"], ["nobody"]],
    );
    const archived = { UpdatedAt: "2026-01-02T00:00:00Z", Severity: { Label: "CRITICAL" as const } };
    await imported(
      finding("kept", { ...archived, Title: "Changed", RecordState: "ARCHIVED", Workflow: { Status: "NEW" } }),
    );
    let now = await one("kept");
    assert.deepEqual(
      [now.Title, now.Severity!.Label, now.Workflow!.Status, now.Note!.Text, now.UserDefinedFields],
      ["Changed", "LOW", "RESOLVED", "looked at", { ticket: "7" }],
    );
    assert.equal(now.FindingProviderFields!.Severity!.Label, "CRITICAL");
    await imported(finding("kept", { UpdatedAt: "2026-01-03T00:00:00Z" }));
    now = await one("kept");
    assert.deepEqual([now.RecordState, now.Workflow!.Status], ["ACTIVE", "NEW"]);
    // As old as what is there.
    const { FailedFindings } = await hub.batchImportFindings({ Findings: [finding("kept")] });
    assert.equal(FailedFindings!.length, 1);
    const { Records } = await hub.getFindingHistory({ FindingIdentifier: identifier("kept") });
    assert.deepEqual(
      Records!.map(({ FindingCreated, UpdateSource }) => [FindingCreated, UpdateSource!.Type]),
      [
        [false, "BATCH_IMPORT_FINDINGS"],
        [false, "BATCH_IMPORT_FINDINGS"],
        [false, "BATCH_UPDATE_FINDINGS"],
        [true, "BATCH_IMPORT_FINDINGS"],
      ],
    );
    const note = Records![2]!.Updates!.find(({ UpdatedField }) => UpdatedField === "Workflow");
    assert.deepEqual([note!.OldValue, note!.NewValue], ['{"Status":"NEW"}', '{"Status":"RESOLVED"}']);
  });

  test("are not changed to what no finding may be", async () => {
    for (const wrong of [
      { Note: { Text: "n".repeat(513), UpdatedBy: "me" } },
      { UserDefinedFields: { ticket: "7".repeat(1025) } },
      { RelatedFindings: Array.from({ length: 11 }, (_, i) => identifier(`r${i}`)) },
      { Types: ["Nonsense/x"] },
    ]) {
      const update = hub.batchUpdateFindings({ FindingIdentifiers: [identifier("kept")], ...wrong });
      await assert.rejects(update, refused("InvalidInputException"));
    }
    assert.deepEqual((await one("kept")).UserDefinedFields, { ticket: "7" });
  });

  test("are archived by the deprecated UpdateFindings", async () => {
    const Filters: AwsSecurityFindingFilters = { Id: [{ Value: "good", Comparison: "EQUALS" }] };
    await hub.updateFindings({ Filters, RecordState: "ARCHIVED" });
    assert.equal((await one("good")).RecordState, "ARCHIVED");
  });

  test("can be changed only as far as a policy lets one", async () => {
    const iam = new IAM(instance.client);
    await iam.createUser({ UserName: "analyst" });
    const statements = [
      { Effect: "Allow", Action: "securityhub:*", Resource: "*" },
      {
        Effect: "Deny",
        Action: "securityhub:BatchUpdateFindings",
        Resource: "*",
        Condition: { StringEquals: { "securityhub:ASFFSyntaxPath/Workflow.Status": "SUPPRESSED" } },
      },
    ];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: statements });
    await iam.putUserPolicy({ UserName: "analyst", PolicyName: "p", PolicyDocument });
    const { AccessKey } = await iam.createAccessKey({ UserName: "analyst" });
    const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey } = AccessKey!;
    const analyst = new SecurityHub({
      ...instance.client,
      credentials: { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! },
    });
    const set = (Status: "NOTIFIED" | "SUPPRESSED") =>
      analyst.batchUpdateFindings({ FindingIdentifiers: [identifier("a")], Workflow: { Status } });
    await set("NOTIFIED");
    await assert.rejects(set("SUPPRESSED"), refused("AccessDeniedException"));
    assert.equal((await one("a")).Workflow!.Status, "NOTIFIED");
  });
});

test("an insight counts what matches, by what it groups", async () => {
  const Filters: AwsSecurityFindingFilters = { RecordState: [{ Value: "ACTIVE", Comparison: "EQUALS" }] };
  const { InsightArn } = await hub.createInsight({ Name: "by severity", Filters, GroupByAttribute: "SeverityLabel" });
  const { InsightResults } = await hub.getInsightResults({ InsightArn });
  assert.deepEqual(
    InsightResults!.ResultValues!.map(({ GroupByAttributeValue, Count }) => [GroupByAttributeValue, Count]),
    [
      ["LOW", 2],
      ["HIGH", 1],
    ],
  );
  await hub.updateInsight({ InsightArn, Name: "by resource", GroupByAttribute: "ResourceType" });
  assert.equal((await hub.getInsightResults({ InsightArn })).InsightResults!.ResultValues![0]!.Count, 3);
  assert.deepEqual(
    (await hub.getInsights({})).Insights!.map(({ Name }) => Name),
    ["by resource"],
  );
  await assert.rejects(
    hub.createInsight({ Name: "x", Filters, GroupByAttribute: "Nothing" }),
    refused("InvalidInputException"),
  );
  await hub.deleteInsight({ InsightArn });
  await assert.rejects(hub.getInsightResults({ InsightArn }), refused("ResourceNotFoundException"));
});

test("managed insights are there for who names them, and cannot be changed", async () => {
  const arn = (number: number) => `arn:aws:securityhub:::insight/securityhub/default/${number}`;
  assert.deepEqual((await hub.getInsights({})).Insights, []);
  const [severities] = (await hub.getInsights({ InsightArns: [arn(29)] })).Insights!;
  assert.deepEqual(
    [severities!.Name, severities!.GroupByAttribute],
    ["Severity by counts of findings", "SeverityLabel"],
  );
  const Filters = severities!.Filters!;
  const counted = (await hub.getInsightResults({ InsightArn: arn(29) })).InsightResults!.ResultValues!;
  assert.ok(counted.length > 0);
  for (const { GroupByAttributeValue: Value = "", Count } of counted) {
    const SeverityLabel = [{ Value, Comparison: "EQUALS" as const }];
    assert.equal((await idsOf({ ...Filters, SeverityLabel })).length, Count, Value);
  }
  const buckets = (await hub.getInsightResults({ InsightArn: arn(30) })).InsightResults!;
  assert.ok(buckets.ResultValues!.every(({ GroupByAttributeValue }) => /^arn:aws:s3:::/.test(GroupByAttributeValue!)));
  await assert.rejects(hub.deleteInsight({ InsightArn: arn(29) }), refused("InvalidInputException"));
  await assert.rejects(hub.updateInsight({ InsightArn: arn(29), Name: "mine" }), refused("InvalidInputException"));
  await assert.rejects(hub.getInsightResults({ InsightArn: arn(999) }), refused("ResourceNotFoundException"));
});

test("automation rules change what comes in, in their order, until a terminal one has matched", async () => {
  const rule = (RuleOrder: number, Status: "SUPPRESSED" | "NOTIFIED", IsTerminal: boolean) =>
    hub.createAutomationRule({
      RuleName: `rule ${RuleOrder}`,
      Description: "from the test",
      RuleOrder,
      IsTerminal,
      Criteria: { Title: [{ Value: "Finding auto", Comparison: "PREFIX" }] },
      Actions: [{ Type: "FINDING_FIELDS_UPDATE", FindingFieldsUpdate: { Workflow: { Status } } }],
    });
  const second = (await rule(2, "NOTIFIED", false)).RuleArn!;
  const first = (await rule(1, "SUPPRESSED", true)).RuleArn!;
  await imported(finding("auto-1"), finding("manual-1"));
  assert.equal((await one("auto-1")).Workflow!.Status, "SUPPRESSED");
  assert.equal((await one("manual-1")).Workflow!.Status, "NEW");
  await hub.batchUpdateAutomationRules({ UpdateAutomationRulesRequestItems: [{ RuleArn: first, IsTerminal: false }] });
  await imported(finding("auto-2"));
  assert.equal((await one("auto-2")).Workflow!.Status, "NOTIFIED");
  const { AutomationRulesMetadata } = await hub.listAutomationRules({});
  assert.deepEqual(
    AutomationRulesMetadata!.map(({ RuleArn }) => RuleArn),
    [first, second],
  );
  const { Rules, UnprocessedAutomationRules } = await hub.batchGetAutomationRules({
    AutomationRulesArns: [first, `${first}0`],
  });
  assert.equal(Rules![0]!.Actions![0]!.FindingFieldsUpdate!.Workflow!.Status, "SUPPRESSED");
  assert.deepEqual(
    UnprocessedAutomationRules!.map(({ ErrorCode }) => ErrorCode),
    [404],
  );
  await hub.batchDeleteAutomationRules({ AutomationRulesArns: [first, second] });
  await imported(finding("auto-3"));
  assert.equal((await one("auto-3")).Workflow!.Status, "NEW");
});

test("custom actions: named once, changed, described, deleted", async () => {
  const target = { Id: "remediate", Name: "Remediate", Description: "Send to remediation" };
  const { ActionTargetArn } = await hub.createActionTarget(target);
  assert.match(ActionTargetArn!, /^arn:aws:securityhub:[a-z0-9-]+:\d{12}:action\/custom\/remediate$/);
  await assert.rejects(hub.createActionTarget(target), refused("ResourceConflictException"));
  for (const wrong of [{ Id: "with space" }, { Id: "a".repeat(21) }, { Name: "n".repeat(21) }, { Description: " " }]) {
    await assert.rejects(
      hub.createActionTarget({ ...target, Id: "other", ...wrong }),
      refused("InvalidInputException"),
    );
  }
  await hub.updateActionTarget({ ActionTargetArn, Name: "Ticket" });
  const described = { ActionTargetArn, Name: "Ticket", Description: "Send to remediation" };
  assert.deepEqual((await hub.describeActionTargets({})).ActionTargets, [described]);
  assert.deepEqual((await hub.describeActionTargets({ ActionTargetArns: [ActionTargetArn!] })).ActionTargets, [
    described,
  ]);
  assert.equal((await hub.deleteActionTarget({ ActionTargetArn })).ActionTargetArn, ActionTargetArn);
  for (const call of [
    hub.deleteActionTarget({ ActionTargetArn }),
    hub.updateActionTarget({ ActionTargetArn, Name: "Other" }),
    hub.describeActionTargets({ ActionTargetArns: [ActionTargetArn!] }),
  ]) {
    await assert.rejects(call, refused("ResourceNotFoundException"));
  }
});

test("standards are not pretended", async () => {
  assert.deepEqual((await hub.describeStandards({})).Standards, []);
  const StandardsArn = "arn:aws:securityhub:us-east-1::standards/aws-foundational-security-best-practices/v/1.0.0";
  await assert.rejects(
    hub.batchEnableStandards({ StandardsSubscriptionRequests: [{ StandardsArn }] }),
    refused("InvalidInputException", /needs AWS Config/),
  );
});

test("settings about controls are those that hold; others are refused, and the hub stays as it was", async () => {
  const settings = async () => {
    const { AutoEnableControls, ControlFindingGenerator } = await hub.describeHub({});
    return [AutoEnableControls, ControlFindingGenerator];
  };
  await hub.updateSecurityHubConfiguration({ AutoEnableControls: true, ControlFindingGenerator: "SECURITY_CONTROL" });
  for (const wrong of [{ AutoEnableControls: false }, { ControlFindingGenerator: "STANDARD_CONTROL" as const }]) {
    await assert.rejects(
      hub.updateSecurityHubConfiguration(wrong),
      refused("InvalidInputException", /needs security standards/),
    );
  }
  assert.deepEqual(await settings(), [true, "SECURITY_CONTROL"]);
});

test("the AWS CLI reads them", { skip: (await isInstalled("aws")) ? false : "needs the AWS CLI" }, async () => {
  const { Findings } = await aws(instance, [
    "securityhub",
    "get-findings",
    "--filters",
    '{"Id":[{"Value":"a","Comparison":"EQUALS"}]}',
  ]);
  assert.equal(Findings[0].Network.SourceIpV4, "203.0.113.7");
});

test("a hub that is disabled takes everything along", async () => {
  await hub.disableSecurityHub({});
  await assert.rejects(hub.describeHub({}), refused("InvalidAccessException"));
  await assert.rejects(
    hub.enableSecurityHub({ ControlFindingGenerator: "STANDARD_CONTROL" }),
    refused("InvalidInputException", /needs security standards/),
  );
  // As Terraform asks for it.
  await hub.enableSecurityHub({ EnableDefaultStandards: true, ControlFindingGenerator: "SECURITY_CONTROL" });
  assert.deepEqual((await hub.getEnabledStandards({})).StandardsSubscriptions, []);
  assert.deepEqual((await hub.getFindings({})).Findings, []);
});
