/** WAF among others: rule groups, what is in use, log destinations, tags and rights. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { IAM } from "@aws-sdk/client-iam";
import { S3 } from "@aws-sdk/client-s3";
import { type Rule, WAFV2 } from "@aws-sdk/client-wafv2";
import { Organizations } from "@aws-sdk/client-organizations";
import { STS } from "@aws-sdk/client-sts";
import { eventually } from "../instance.ts";
import { instance, waf, visibility, bytes, rule, fresh, webAclInput, refused, newIpSet } from "./wafClient.ts";

describe("rule groups", () => {
  const groupInput = (Rules: Rule[], Capacity = 50) => ({
    Name: fresh("group"),
    Scope: "REGIONAL" as const,
    Capacity,
    Rules,
    VisibilityConfig: visibility("group"),
  });

  test("a group has its capacity, labels and users", async () => {
    const input = groupInput([
      rule("a", 0, bytes("x"), { RuleLabels: [{ Name: "found" }] }),
      rule("b", 1, { LabelMatchStatement: { Scope: "LABEL", Key: "found" } }),
    ]);
    const { Summary } = await waf.createRuleGroup(input);
    const { RuleGroup, LockToken } = await waf.getRuleGroup({ ARN: Summary!.ARN! });
    const namespace = `awswaf:${instance.ready.accountId}:rulegroup:${input.Name}:`;
    assert.deepEqual(
      [RuleGroup!.LabelNamespace, RuleGroup!.AvailableLabels, RuleGroup!.ConsumedLabels],
      [namespace, [{ Name: `${namespace}found` }], [{ Name: "found" }]],
    );
    const reference = (more: object) => ({
      Name: "use",
      Priority: 0,
      Statement: { RuleGroupReferenceStatement: { ARN: Summary!.ARN!, ...more } },
      OverrideAction: { None: {} },
      VisibilityConfig: visibility("use"),
    });
    await assert.rejects(
      waf.createWebACL(
        webAclInput([reference({ RuleActionOverrides: [{ Name: "nobody", ActionToUse: { Count: {} } }] })]),
      ),
      refused({ code: "WAFInvalidParameterException", field: "RULE_GROUP_REFERENCE_STATEMENT" }),
    );
    const acl = webAclInput([reference({ RuleActionOverrides: [{ Name: "a", ActionToUse: { Count: {} } }] })]);
    const { Summary: user } = await waf.createWebACL(acl);
    assert.equal((await waf.getWebACL({ ARN: user!.ARN! })).WebACL!.Capacity, 50);
    const named = { Name: input.Name, Scope: "REGIONAL" as const, Id: Summary!.Id! };
    await assert.rejects(
      waf.deleteRuleGroup({ ...named, LockToken: LockToken! }),
      refused({ code: "WAFAssociatedItemException" }),
    );
    await assert.rejects(
      waf.updateRuleGroup({ ...input, Id: Summary!.Id!, LockToken: LockToken!, Rules: [] }),
      refused({ code: "WAFInvalidParameterException", field: "RULE_GROUP_REFERENCE_STATEMENT" }),
    );
    await waf.deleteWebACL({ Name: acl.Name, Scope: "REGIONAL", Id: user!.Id!, LockToken: user!.LockToken! });
    const now = await waf.getRuleGroup({ ...named });
    await waf.deleteRuleGroup({ ...named, LockToken: now.LockToken! });
  });

  test("rules must fit the capacity", async () => {
    await assert.rejects(
      waf.createRuleGroup(groupInput([rule("a", 0, bytes("x"))], 9)),
      refused({ code: "WAFInvalidParameterException", message: /minimum requirement/ }),
    );
    await waf.createRuleGroup(groupInput([rule("a", 0, bytes("x"))], 10));
  });

  test("a permission policy is checked, shown and deleted", async () => {
    const { Summary } = await waf.createRuleGroup(groupInput([]));
    const ResourceArn = Summary!.ARN!;
    const policy = (more: object) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { AWS: "999999999999" },
            Action: ["wafv2:CreateWebACL", "wafv2:UpdateWebACL"],
            ...more,
          },
        ],
      });
    for (const Policy of [
      "{}",
      "not json",
      policy({ Effect: "Deny" }),
      policy({ Resource: "*" }),
      policy({ Action: "s3:GetObject" }),
    ]) {
      await assert.rejects(
        waf.putPermissionPolicy({ ResourceArn, Policy }),
        refused({ code: "WAFInvalidPermissionPolicyException" }),
      );
    }
    await waf.putPermissionPolicy({ ResourceArn, Policy: policy({}) });
    assert.equal((await waf.getPermissionPolicy({ ResourceArn })).Policy, policy({}));
    await waf.deletePermissionPolicy({ ResourceArn });
    await assert.rejects(waf.getPermissionPolicy({ ResourceArn }), refused({ code: "WAFNonexistentItemException" }));
  });
});

describe("what is in use", () => {
  test("of a deletion and a first use at the same time one fails: nothing dangles", async () => {
    for (let round = 0; round < 8; round++) {
      const set = await newIpSet();
      const [created, deleted] = await Promise.allSettled([
        waf.createWebACL(webAclInput([rule("ip", 0, { IPSetReferenceStatement: { ARN: set.ARN } })])),
        waf.deleteIPSet(set),
      ]);
      assert.notEqual(created.status, deleted.status, `${created.status} and ${deleted.status}`);
      const there = await waf.getIPSet(set).then(
        () => true,
        () => false,
      );
      assert.equal(there, created.status === "fulfilled");
    }
  });

  test("a rule group of another account is used only while its owner shares it", async () => {
    const organizations = new Organizations(instance.client);
    await organizations.createOrganization({ FeatureSet: "ALL" });
    const { CreateAccountStatus } = await organizations.createAccount({
      AccountName: "guest",
      Email: "guest@example.com",
    });
    const guestId = await eventually(async () => {
      const { CreateAccountStatus: status } = await organizations.describeCreateAccountStatus({
        CreateAccountRequestId: CreateAccountStatus!.Id!,
      });
      return status!.AccountId;
    });
    const { Credentials } = await new STS(instance.client).assumeRole({
      RoleArn: `arn:aws:iam::${guestId}:role/OrganizationAccountAccessRole`,
      RoleSessionName: "guest",
    });
    const guest = new WAFV2({
      ...instance.client,
      credentials: {
        accessKeyId: Credentials!.AccessKeyId!,
        secretAccessKey: Credentials!.SecretAccessKey!,
        sessionToken: Credentials!.SessionToken!,
      },
    });
    const Name = fresh("shared");
    const { Summary } = await waf.createRuleGroup({
      Name,
      Scope: "REGIONAL",
      Capacity: 20,
      Rules: [rule("a", 0, bytes("x"))],
      VisibilityConfig: visibility("shared"),
    });
    const ARN = Summary!.ARN!;
    const use = webAclInput([
      {
        Name: "use",
        Priority: 0,
        Statement: { RuleGroupReferenceStatement: { ARN } },
        OverrideAction: { None: {} },
        VisibilityConfig: visibility("use"),
      },
    ]);
    await assert.rejects(guest.getRuleGroup({ ARN }), refused({ code: "AccessDeniedException" }));
    await assert.rejects(guest.createWebACL(use), refused({ code: "WAFInvalidParameterException", field: "RULE" }));
    const Statement = {
      Effect: "Allow",
      Principal: { AWS: guestId },
      Action: ["wafv2:CreateWebACL", "wafv2:UpdateWebACL", "wafv2:GetRuleGroup"],
    };
    await waf.putPermissionPolicy({ ResourceArn: ARN, Policy: JSON.stringify({ Version: "2012-10-17", Statement }) });
    assert.equal((await guest.getRuleGroup({ ARN })).RuleGroup!.Name, Name);
    const { Summary: acl } = await guest.createWebACL(use);
    const { LockToken } = await waf.getRuleGroup({ ARN });
    const named = { Name, Scope: "REGIONAL" as const, Id: Summary!.Id!, LockToken: LockToken! };
    await assert.rejects(waf.deleteRuleGroup(named), refused({ code: "WAFAssociatedItemException" }));
    await guest.deleteWebACL({ Name: use.Name, Scope: "REGIONAL", Id: acl!.Id!, LockToken: acl!.LockToken! });
    await waf.deleteRuleGroup(named);
  });
});

describe("logging", () => {
  test("a log group gets the delivery service's policy; other destinations are refused", async () => {
    const { Summary } = await waf.createWebACL(webAclInput([]));
    const ResourceArn = Summary!.ARN!;
    const { region, accountId } = instance.ready;
    const put = (destination: string, more: object = {}) =>
      waf.putLoggingConfiguration({
        LoggingConfiguration: { ResourceArn, LogDestinationConfigs: [destination], ...more },
      });
    await assert.rejects(
      waf.getLoggingConfiguration({ ResourceArn }),
      refused({ code: "WAFNonexistentItemException" }),
    );
    const group = `arn:aws:logs:${region}:${accountId}:log-group:aws-waf-logs-test`;
    await assert.rejects(put(group), refused({ code: "WAFInvalidParameterException", field: "LOG_DESTINATION" }));
    await assert.rejects(
      put(`arn:aws:logs:${region}:${accountId}:log-group:other`),
      refused({ code: "WAFInvalidParameterException", field: "LOG_DESTINATION" }),
    );
    await assert.rejects(
      put(`arn:aws:firehose:${region}:${accountId}:deliverystream/aws-waf-logs-x`),
      refused({ code: "WAFInvalidParameterException", message: /not served/ }),
    );
    const logs = new CloudWatchLogs(instance.client);
    await logs.createLogGroup({ logGroupName: "aws-waf-logs-test" });
    await assert.rejects(
      put(group, { RedactedFields: [{ Body: {} }] }),
      refused({ code: "WAFInvalidParameterException", field: "FIELD_TO_MATCH" }),
    );
    await put(`${group}:*`, { RedactedFields: [{ SingleHeader: { Name: "authorization" } }] });
    const { resourcePolicies } = await logs.describeResourcePolicies({});
    assert.match(
      resourcePolicies!.find(({ policyName }) => policyName === "AWSWAF-LOGS")!.policyDocument!,
      /delivery\.logs\.amazonaws\.com/,
    );
    const { LoggingConfiguration } = await waf.getLoggingConfiguration({ ResourceArn });
    assert.deepEqual(LoggingConfiguration!.LogDestinationConfigs, [group]);
    assert.equal((await waf.listLoggingConfigurations({ Scope: "REGIONAL" })).LoggingConfigurations!.length, 1);
    await waf.deleteLoggingConfiguration({ ResourceArn });
    await assert.rejects(
      waf.getLoggingConfiguration({ ResourceArn }),
      refused({ code: "WAFNonexistentItemException" }),
    );
  });

  test("a bucket gets the delivery service's policy, beside what it had", async () => {
    const { Summary } = await waf.createWebACL(webAclInput([]));
    const s3 = new S3(instance.s3Client);
    const Bucket = `aws-waf-logs-${fresh("bucket")}`;
    await s3.createBucket({ Bucket });
    const put = () =>
      waf.putLoggingConfiguration({
        LoggingConfiguration: {
          ResourceArn: Summary!.ARN!,
          LogDestinationConfigs: [`arn:aws:s3:::${Bucket}/some/prefix`],
        },
      });
    await put();
    await put();
    const { Policy } = await s3.getBucketPolicy({ Bucket });
    const { Statement } = JSON.parse(Policy!) as { Statement: { Resource: string }[] };
    assert.deepEqual(
      Statement.map(({ Resource }) => Resource),
      [`arn:aws:s3:::${Bucket}/some/prefix/AWSLogs/${instance.ready.accountId}/*`, `arn:aws:s3:::${Bucket}`],
    );
  });
});

describe("tags and rights", () => {
  test("tags are added, shown and taken away", async () => {
    const { Summary } = await waf.createWebACL(webAclInput([], { Tags: [{ Key: "team", Value: "red" }] }));
    const ResourceARN = Summary!.ARN!;
    await waf.tagResource({ ResourceARN, Tags: [{ Key: "stage", Value: "test" }] });
    await waf.untagResource({ ResourceARN, TagKeys: ["team"] });
    assert.deepEqual((await waf.listTagsForResource({ ResourceARN })).TagInfoForResource, {
      ResourceARN,
      TagList: [{ Key: "stage", Value: "test" }],
    });
    await assert.rejects(
      waf.tagResource({ ResourceARN, Tags: [{ Key: "aws:x", Value: "1" }] }),
      refused({ code: "WAFTagOperationException" }),
    );
    await assert.rejects(
      waf.listTagsForResource({ ResourceARN: `${ResourceARN.slice(0, -1)}x` }),
      refused({ code: "WAFNonexistentItemException" }),
    );
  });

  test("a user may do what the tags of the resource allow", async () => {
    const iam = new IAM(instance.client);
    const UserName = "guard";
    await iam.createUser({ UserName });
    const Statement = {
      Effect: "Allow",
      Action: "wafv2:*",
      Resource: "*",
      Condition: { StringEquals: { "aws:ResourceTag/team": "red" } },
    };
    await iam.putUserPolicy({
      UserName,
      PolicyName: "waf",
      PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement }),
    });
    const { AccessKey } = await iam.createAccessKey({ UserName });
    const guard = new WAFV2({
      ...instance.client,
      credentials: { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! },
    });
    const { Summary: red } = await waf.createWebACL(webAclInput([], { Tags: [{ Key: "team", Value: "red" }] }));
    const { Summary: blue } = await waf.createWebACL(webAclInput([], { Tags: [{ Key: "team", Value: "blue" }] }));
    await guard.getWebACL({ Name: red!.Name!, Id: red!.Id!, Scope: "REGIONAL" });
    await assert.rejects(
      guard.getWebACL({ Name: blue!.Name!, Id: blue!.Id!, Scope: "REGIONAL" }),
      refused({ code: "AccessDeniedException" }),
    );
    await assert.rejects(guard.createWebACL(webAclInput([])), refused({ code: "AccessDeniedException" }));
  });
});
