/** WAF's control plane through the unmodified SDK: what is kept is shown again, what is wrong is refused with AWS's error. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { IAM } from "@aws-sdk/client-iam";
import { S3 } from "@aws-sdk/client-s3";
import {
  type Rule,
  type Statement,
  type VisibilityConfig,
  WAFV2,
  type WAFV2ServiceException,
} from "@aws-sdk/client-wafv2";
import { Organizations } from "@aws-sdk/client-organizations";
import { STS } from "@aws-sdk/client-sts";
import { eventually, type Instance, startInstance } from "../instance.ts";

let instance: Instance;
let waf: WAFV2;
before(async () => {
  instance = await startInstance();
  waf = new WAFV2(instance.client);
});
after(() => instance?.stop());

const visibility = (MetricName: string): VisibilityConfig => ({
  MetricName,
  SampledRequestsEnabled: true,
  CloudWatchMetricsEnabled: true,
});

const none = [{ Priority: 0, Type: "NONE" as const }];

const bytes = (text: string): Statement => ({
  ByteMatchStatement: {
    SearchString: new TextEncoder().encode(text),
    FieldToMatch: { UriPath: {} },
    TextTransformations: none,
    PositionalConstraint: "CONTAINS",
  },
});

const rule = (Name: string, Priority: number, Statement: Statement, more: Partial<Rule> = {}): Rule => ({
  Name,
  Priority,
  Statement,
  Action: { Block: {} },
  VisibilityConfig: visibility(Name),
  ...more,
});

let names = 0;
const fresh = (prefix: string): string => `${prefix}-${++names}`;

const webAclInput = (Rules: Rule[], more: object = {}) => ({
  Name: fresh("acl"),
  Scope: "REGIONAL" as const,
  DefaultAction: { Allow: {} },
  VisibilityConfig: visibility("acl"),
  Rules,
  ...more,
});

interface Refusal {
  code: string;
  field?: string;
  message?: RegExp;
}

const refused =
  ({ code, field, message }: Refusal) =>
  (error: WAFV2ServiceException & { Field?: string; Reason?: string; Parameter?: string }) => {
    assert.equal(error.name, code, error.message);
    if (field !== undefined) {
      assert.equal(error.Field, field);
      assert.ok(error.Reason !== undefined && error.Parameter !== undefined);
      assert.match(error.message, /^Error reason: .*, field: [A-Z_]+, parameter: /s);
    }
    if (message) assert.match(error.message, message);
    return true;
  };

async function newIpSet(Addresses = ["192.0.2.0/24"]) {
  const Name = fresh("ips");
  const { Summary } = await waf.createIPSet({ Name, Scope: "REGIONAL", IPAddressVersion: "IPV4", Addresses });
  return { Name, Scope: "REGIONAL" as const, Id: Summary!.Id!, ARN: Summary!.ARN!, LockToken: Summary!.LockToken! };
}

describe("sets", () => {
  test("an IP set is created, read, changed under its lock, listed and deleted", async () => {
    const set = await newIpSet(["192.0.2.44/32", "10.0.0.0/8"]);
    assert.match(set.ARN, /^arn:aws:wafv2:[a-z0-9-]+:\d{12}:regional\/ipset\/ips-\d+\/[0-9a-f-]{36}$/);
    const { IPSet, LockToken } = await waf.getIPSet(set);
    assert.deepEqual(IPSet!.Addresses, ["192.0.2.44/32", "10.0.0.0/8"]);
    const { NextLockToken } = await waf.updateIPSet({ ...set, LockToken: LockToken!, Addresses: ["198.51.100.0/24"] });
    await assert.rejects(
      waf.updateIPSet({ ...set, LockToken: LockToken!, Addresses: [] }),
      refused({ code: "WAFOptimisticLockException" }),
    );
    assert.deepEqual((await waf.getIPSet(set)).IPSet!.Addresses, ["198.51.100.0/24"]);
    const { IPSets } = await waf.listIPSets({ Scope: "REGIONAL" });
    assert.ok(IPSets!.some(({ Id }) => Id === set.Id));
    await waf.deleteIPSet({ ...set, LockToken: NextLockToken! });
    await assert.rejects(waf.getIPSet(set), refused({ code: "WAFNonexistentItemException" }));
  });

  const wrong: [string, string[], "IPV4" | "IPV6"][] = [
    ["no prefix", ["192.0.2.1"], "IPV4"],
    ["everything", ["0.0.0.0/0"], "IPV4"],
    ["prefix too long", ["192.0.2.1/33"], "IPV4"],
    ["the other version", ["2001:db8::/32"], "IPV4"],
    ["no address", ["hello/32"], "IPV4"],
    ["IPv4 in an IPv6 set", ["192.0.2.1/32"], "IPV6"],
  ];
  for (const [name, Addresses, IPAddressVersion] of wrong) {
    test(`an IP set refuses ${name}`, async () => {
      await assert.rejects(
        waf.createIPSet({ Name: fresh("bad"), Scope: "REGIONAL", IPAddressVersion, Addresses }),
        refused({ code: "WAFInvalidParameterException", field: "IP_ADDRESS" }),
      );
    });
  }

  test("a name is taken once within its kind", async () => {
    const set = await newIpSet();
    await assert.rejects(
      waf.createIPSet({ Name: set.Name, Scope: "REGIONAL", IPAddressVersion: "IPV4", Addresses: [] }),
      refused({ code: "WAFDuplicateItemException" }),
    );
    await waf.createRegexPatternSet({
      Name: set.Name,
      Scope: "REGIONAL",
      RegularExpressionList: [{ RegexString: "a+" }],
    });
  });

  for (const pattern of ["(?=a)b", "(a)\\1", "a++", "(", "(?R)", "[z-a]"]) {
    test(`a regex pattern set refuses ${pattern}`, async () => {
      await assert.rejects(
        waf.createRegexPatternSet({
          Name: fresh("rx"),
          Scope: "REGIONAL",
          RegularExpressionList: [{ RegexString: pattern }],
        }),
        refused({ code: "WAFInvalidParameterException", field: "REGEX_PATTERN_SET" }),
      );
    });
  }

  test("no more than ten patterns", async () => {
    const RegularExpressionList = Array.from({ length: 11 }, (_, i) => ({ RegexString: `a${i}` }));
    await assert.rejects(
      waf.createRegexPatternSet({ Name: fresh("rx"), Scope: "REGIONAL", RegularExpressionList }),
      refused({ code: "WAFLimitsExceededException" }),
    );
  });
});

describe("web ACLs", () => {
  test("every kind of statement comes back as it was given", async () => {
    const set = await newIpSet();
    const { Summary: patterns } = await waf.createRegexPatternSet({
      Name: fresh("rx"),
      Scope: "REGIONAL",
      RegularExpressionList: [{ RegexString: "^/admin" }],
    });
    const rules: Rule[] = [
      rule("ip", 0, { IPSetReferenceStatement: { ARN: set.ARN } }),
      rule("bytes", 1, bytes("bad"), { RuleLabels: [{ Name: "seen:bytes" }] }),
      rule("both", 2, { AndStatement: { Statements: [bytes("a"), { NotStatement: { Statement: bytes("b") } }] } }),
      rule("regex", 3, {
        RegexPatternSetReferenceStatement: {
          ARN: patterns!.ARN!,
          FieldToMatch: { UriPath: {} },
          TextTransformations: none,
        },
      }),
      rule("sql", 4, {
        SqliMatchStatement: {
          FieldToMatch: { AllQueryArguments: {} },
          TextTransformations: [{ Priority: 0, Type: "URL_DECODE" }],
          SensitivityLevel: "HIGH",
        },
      }),
      rule("rate", 5, {
        RateBasedStatement: {
          Limit: 100,
          EvaluationWindowSec: 60,
          AggregateKeyType: "IP",
          ScopeDownStatement: bytes("login"),
        },
      }),
      rule(
        "label",
        6,
        { LabelMatchStatement: { Scope: "LABEL", Key: "seen:bytes" } },
        { Action: { Count: { CustomRequestHandling: { InsertHeaders: [{ Name: "seen", Value: "1" }] } } } },
      ),
      rule("answer", 7, bytes("x"), {
        Action: {
          Block: {
            CustomResponse: {
              ResponseCode: 429,
              CustomResponseBodyKey: "slow",
              ResponseHeaders: [{ Name: "retry-after", Value: "60" }],
            },
          },
        },
      }),
    ];
    const input = webAclInput(rules, {
      CustomResponseBodies: { slow: { ContentType: "APPLICATION_JSON", Content: '{"error":"slow down"}' } },
    });
    const { Summary } = await waf.createWebACL(input);
    const { WebACL, LockToken } = await waf.getWebACL({ Name: input.Name, Scope: "REGIONAL", Id: Summary!.Id! });
    assert.deepEqual(WebACL!.Rules, rules);
    assert.deepEqual(WebACL!.CustomResponseBodies, {
      slow: { ContentType: "APPLICATION_JSON", Content: '{"error":"slow down"}' },
    });
    assert.equal(WebACL!.LabelNamespace, `awswaf:${instance.ready.accountId}:webacl:${input.Name}:`);
    // 1 + 10 + (10 + 10) + 25 + (30 + 10 for all arguments) + (2 + 10) + 1 + 10, and one transformation.
    assert.equal(WebACL!.Capacity, 1 + 10 + 20 + 25 + 40 + 12 + 1 + 10 + 10);
    assert.deepEqual(
      await waf.checkCapacity({ Scope: "REGIONAL", Rules: rules }).then(({ Capacity }) => Capacity),
      WebACL!.Capacity,
    );

    await assert.rejects(waf.deleteIPSet(set), refused({ code: "WAFAssociatedItemException" }));
    const { NextLockToken } = await waf.updateWebACL({
      ...input,
      Id: Summary!.Id!,
      LockToken: LockToken!,
      Rules: [],
    });
    await waf.deleteIPSet(set);
    await assert.rejects(
      waf.deleteWebACL({ Name: input.Name, Scope: "REGIONAL", Id: Summary!.Id!, LockToken: LockToken! }),
      refused({ code: "WAFOptimisticLockException" }),
    );
    await waf.deleteWebACL({ Name: input.Name, Scope: "REGIONAL", Id: Summary!.Id!, LockToken: NextLockToken! });
    await assert.rejects(
      waf.getWebACL({ Name: input.Name, Scope: "REGIONAL", Id: Summary!.Id! }),
      refused({
        code: "WAFNonexistentItemException",
        message: /couldn’t perform the operation because your resource doesn’t exist/,
      }),
    );
  });

  const invalid = "WAFInvalidParameterException";
  const rate = (more: object): Statement => ({ RateBasedStatement: { Limit: 100, AggregateKeyType: "IP", ...more } });
  const wrong: [string, () => Rule[], Refusal][] = [
    [
      "a rule without action",
      () => [{ ...rule("a", 0, bytes("x")), Action: undefined }],
      { code: invalid, field: "RULE" },
    ],
    [
      "a rule with both kinds of action",
      () => [rule("a", 0, bytes("x"), { OverrideAction: { None: {} } })],
      { code: invalid, field: "RULE" },
    ],
    [
      "an action of two kinds",
      () => [rule("a", 0, bytes("x"), { Action: { Allow: {}, Block: {} } })],
      { code: invalid, field: "RULE_ACTION" },
    ],
    [
      "a statement of two kinds",
      () => [rule("a", 0, { ...bytes("x"), LabelMatchStatement: { Scope: "LABEL", Key: "x" } })],
      { code: invalid, field: "STATEMENT" },
    ],
    ["a statement of no kind", () => [rule("a", 0, {})], { code: invalid, field: "STATEMENT" }],
    [
      "an AND of one",
      () => [rule("a", 0, { AndStatement: { Statements: [bytes("x")] } })],
      { code: invalid, field: "AND_STATEMENT" },
    ],
    [
      "a nested rate",
      () => [rule("a", 0, { NotStatement: { Statement: rate({}) } })],
      { code: invalid, field: "STATEMENT" },
    ],
    [
      "a window AWS does not have",
      () => [rule("a", 0, rate({ EvaluationWindowSec: 90 }))],
      { code: invalid, field: "RATE_BASED_STATEMENT" },
    ],
    ["a limit below ten", () => [rule("a", 0, rate({ Limit: 5 }))], { code: invalid }],
    [
      "a constant rate without scope",
      () => [rule("a", 0, rate({ AggregateKeyType: "CONSTANT" }))],
      { code: invalid, field: "SCOPE_DOWN" },
    ],
    [
      "custom keys without keys",
      () => [rule("a", 0, rate({ AggregateKeyType: "CUSTOM_KEYS" }))],
      { code: invalid, field: "CUSTOM_KEYS" },
    ],
    [
      "the address as the only custom key",
      () => [rule("a", 0, rate({ AggregateKeyType: "CUSTOM_KEYS", CustomKeys: [{ IP: {} }] }))],
      { code: invalid, field: "CUSTOM_KEYS" },
    ],
    [
      "forwarded addresses without a header",
      () => [rule("a", 0, rate({ AggregateKeyType: "FORWARDED_IP" }))],
      { code: invalid, field: "FORWARDED_IP_CONFIG" },
    ],
    [
      "two rules of one name",
      () => [rule("a", 0, bytes("x")), rule("a", 1, bytes("y"))],
      { code: "WAFDuplicateItemException" },
    ],
    [
      "two rules of one priority",
      () => [rule("a", 0, bytes("x")), rule("b", 0, bytes("y"))],
      { code: "WAFDuplicateItemException" },
    ],
    [
      "a part of two kinds",
      () => [
        rule("a", 0, {
          ByteMatchStatement: { ...bytes("x").ByteMatchStatement!, FieldToMatch: { UriPath: {}, Method: {} } },
        }),
      ],
      { code: invalid, field: "FIELD_TO_MATCH" },
    ],
    [
      "a search string too long",
      () => [rule("a", 0, bytes("x".repeat(201)))],
      { code: invalid, field: "BYTE_MATCH_STATEMENT" },
    ],
    [
      "a word that is none",
      () => [
        rule("a", 0, {
          ByteMatchStatement: { ...bytes("a b").ByteMatchStatement!, PositionalConstraint: "CONTAINS_WORD" },
        }),
      ],
      { code: invalid, field: "BYTE_MATCH_STATEMENT" },
    ],
    [
      "a set that is not there",
      () => [
        rule("a", 0, {
          IPSetReferenceStatement: {
            ARN: `arn:aws:wafv2:${instance.ready.region}:${instance.ready.accountId}:regional/ipset/x/00000000-0000-4000-8000-000000000000`,
          },
        }),
      ],
      { code: invalid, field: "RULE", message: /A reference in your rule statement is not valid/ },
    ],
    [
      "a look-ahead",
      () => [
        rule("a", 0, {
          RegexMatchStatement: { RegexString: "(?=x)", FieldToMatch: { UriPath: {} }, TextTransformations: none },
        }),
      ],
      { code: invalid, field: "REGEX_PATTERN_SET" },
    ],
    [
      "a response code AWS does not have",
      () => [rule("a", 0, bytes("x"), { Action: { Block: { CustomResponse: { ResponseCode: 418 } } } })],
      { code: invalid, field: "CUSTOM_RESPONSE" },
    ],
    [
      "a body that is not there",
      () => [
        rule("a", 0, bytes("x"), {
          Action: { Block: { CustomResponse: { ResponseCode: 403, CustomResponseBodyKey: "nope" } } },
        }),
      ],
      { code: invalid, field: "CUSTOM_RESPONSE_BODY" },
    ],
    [
      "a reserved label",
      () => [rule("a", 0, bytes("x"), { RuleLabels: [{ Name: "awswaf:x" }] })],
      { code: invalid, field: "RULE" },
    ],
    [
      "a reserved metric",
      () => [rule("a", 0, bytes("x"), { VisibilityConfig: visibility("All") })],
      { code: invalid, field: "METRIC_NAME" },
    ],
    [
      "a managed rule group",
      () => [
        rule(
          "a",
          0,
          { ManagedRuleGroupStatement: { VendorName: "AWS", Name: "AWSManagedRulesCommonRuleSet" } },
          { Action: undefined, OverrideAction: { None: {} } },
        ),
      ],
      { code: invalid, field: "MANAGED_RULE_SET_STATEMENT", message: /not served by this installation/ },
    ],
    [
      "a country",
      () => [rule("a", 0, { GeoMatchStatement: { CountryCodes: ["KR"] } })],
      { code: invalid, field: "GEO_MATCH_STATEMENT", message: /not served/ },
    ],
    [
      "more capacity than there is",
      () =>
        Array.from({ length: 101 }, (_, i) =>
          rule(`r${i}`, i, {
            XssMatchStatement: {
              FieldToMatch: { JsonBody: { MatchPattern: { All: {} }, MatchScope: "ALL" } },
              TextTransformations: none,
            },
          }),
        ),
      { code: "WAFLimitsExceededException" },
    ],
  ];
  for (const [name, rules, refusal] of wrong) {
    test(`refuses ${name}`, async () => {
      await assert.rejects(waf.createWebACL(webAclInput(rules())), refused(refusal));
    });
  }

  test("CloudFront is refused with the reason, and lists nothing", async () => {
    const global = new WAFV2({ ...instance.client, region: "us-east-1" });
    await assert.rejects(
      global.createWebACL({ ...webAclInput([]), Scope: "CLOUDFRONT" }),
      refused({ code: "WAFInvalidParameterException", field: "SCOPE_VALUE" }),
    );
    assert.deepEqual((await global.listWebACLs({ Scope: "CLOUDFRONT" })).WebACLs, []);
  });

  test("a protected resource must be there", async () => {
    const { Summary } = await waf.createWebACL(webAclInput([]));
    const { region, accountId } = instance.ready;
    const ResourceArn = `arn:aws:elasticloadbalancing:${region}:${accountId}:loadbalancer/app/none/50dc6c495c0c9188`;
    await assert.rejects(
      waf.associateWebACL({ WebACLArn: Summary!.ARN!, ResourceArn }),
      refused({ code: "WAFUnavailableEntityException" }),
    );
    await assert.rejects(
      waf.associateWebACL({
        WebACLArn: Summary!.ARN!,
        ResourceArn: `arn:aws:apigateway:${region}::/restapis/a/stages/b`,
      }),
      refused({ code: "WAFInvalidParameterException", field: "RESOURCE_ARN", message: /not served/ }),
    );
    assert.deepEqual((await waf.listResourcesForWebACL({ WebACLArn: Summary!.ARN! })).ResourceArns, []);
  });

  test("lists come in pages", async () => {
    for (let i = 0; i < 3; i++) await waf.createWebACL(webAclInput([]));
    const seen: string[] = [];
    let NextMarker: string | undefined;
    do {
      const page = await waf.listWebACLs({ Scope: "REGIONAL", Limit: 2, ...(NextMarker ? { NextMarker } : {}) });
      seen.push(...page.WebACLs!.map(({ Id }) => Id!));
      NextMarker = page.NextMarker;
    } while (NextMarker);
    assert.equal(new Set(seen).size, seen.length);
    assert.ok(seen.length >= 3);
    await assert.rejects(
      waf.listWebACLs({ Scope: "REGIONAL", NextMarker: "nonsense" }),
      refused({ code: "WAFInvalidParameterException" }),
    );
  });

  test("of two writers with one lock token one gets through", async () => {
    const input = webAclInput([]);
    const { Summary } = await waf.createWebACL(input);
    const writers = ["by a", "by b", "by c", "by d"].map((Description) =>
      waf.updateWebACL({ ...input, Id: Summary!.Id!, LockToken: Summary!.LockToken!, Description }).then(
        () => "done",
        (error: Error) => error.name,
      ),
    );
    assert.deepEqual((await Promise.all(writers)).toSorted(), [
      "WAFOptimisticLockException",
      "WAFOptimisticLockException",
      "WAFOptimisticLockException",
      "done",
    ]);
  });
});

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
