/** WAF's control plane through the unmodified SDK: what is kept is shown again, what is wrong is refused with AWS's error. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Rule, type Statement, WAFV2 } from "@aws-sdk/client-wafv2";
import {
  instance,
  waf,
  visibility,
  none,
  bytes,
  rule,
  fresh,
  webAclInput,
  type Refusal,
  refused,
  newIpSet,
} from "./wafClient.ts";

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
