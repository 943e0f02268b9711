/** A request's way through a web ACL: priorities, actions, labels, groups, rates. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compile } from "./compile.ts";
import type { Program, Verdict } from "./contract.ts";
import type { Rule, RuleGroupDocument, Statement } from "./model.ts";
import {
  account,
  byteStatement,
  facilities,
  request,
  type RequestParts,
  rule,
  source,
  transformed,
} from "./testing.ts";

const path = (text: string): Statement => byteStatement(text);
const label = (key: string, scope: "LABEL" | "NAMESPACE" = "LABEL"): Statement => ({
  LabelMatchStatement: { Scope: scope, Key: key },
});
const inspect = (program: Program, parts: RequestParts, given = facilities()): Verdict =>
  program.inspect(request(parts), given);
const ruleNames = (verdict: Verdict): string[] => verdict.matches.map((match) => match.rule);

describe("order and actions", () => {
  test("the lowest priority decides first, and ends it", () => {
    const program = compile(
      source([rule("second", 5, path("a"), { Block: {} }), rule("first", 1, path("a"), { Allow: {} })]),
    );
    const verdict = inspect(program, { target: "/a" });
    assert.equal(verdict.action, "ALLOW");
    assert.deepEqual(verdict.terminatingRule, { id: "first", type: "REGULAR" });
    assert.equal(inspect(program, { target: "/b" }).terminatingRule.id, "Default_Action");
  });

  test("Count goes on, adds labels for later rules, and inserts headers", () => {
    const program = compile(
      source([
        rule(
          "count",
          0,
          path("a"),
          { Count: { CustomRequestHandling: { InsertHeaders: [{ Name: "seen", Value: "yes" }] } } },
          ["ns:found"],
        ),
        rule("labelled", 1, { AndStatement: { Statements: [label("ns:found"), path("b")] } }),
      ]),
    );
    const counted = inspect(program, { target: "/a" });
    assert.equal(counted.action, "ALLOW");
    assert.deepEqual(counted.labels, [`awswaf:${account}:webacl:acl:ns:found`]);
    assert.deepEqual(counted.insertedHeaders, [{ name: "x-amzn-waf-seen", value: "yes" }]);
    const blocked = inspect(program, { target: "/ab" });
    assert.deepEqual(
      [blocked.action, ruleNames(blocked), blocked.insertedHeaders],
      ["BLOCK", ["count", "labelled"], []],
    );
  });

  const labelRows: [Statement, boolean][] = [
    [label("found"), true],
    [label("ns:found"), true],
    [label(`awswaf:${account}:webacl:acl:ns:found`), true],
    [label("s:found"), false],
    [label("ns"), false],
    [label("ns:", "NAMESPACE"), true],
    [label("acl:ns:", "NAMESPACE"), true],
    [label(`awswaf:${account}:webacl:acl:`, "NAMESPACE"), true],
    [label("found:", "NAMESPACE"), false],
  ];
  for (const [statement, expected] of labelRows) {
    test(`label ${JSON.stringify(statement.LabelMatchStatement)}: ${expected}`, () => {
      const program = compile(
        source([rule("count", 0, path("/"), { Count: {} }, ["ns:found"]), rule("label", 1, statement)]),
      );
      assert.equal(inspect(program, {}).action === "BLOCK", expected);
    });
  }

  test("a block answers as AWS does, or as the rule says", () => {
    const program = compile(
      source(
        [
          rule("plain", 0, path("/plain")),
          rule("custom", 1, path("/custom"), {
            Block: {
              CustomResponse: {
                ResponseCode: 429,
                CustomResponseBodyKey: "slow",
                ResponseHeaders: [{ Name: "retry-after", Value: "9" }],
              },
            },
          }),
        ],
        { customResponseBodies: { slow: { ContentType: "APPLICATION_JSON", Content: '{"e":"가"}' } } },
      ),
    );
    const plain = inspect(program, { target: "/plain" }).response!;
    assert.equal(plain.status, 403);
    assert.match(plain.body, /<h1>403 Forbidden<\/h1>/);
    const { custom: _, ...custom } = inspect(program, { target: "/custom" }).response!;
    assert.deepEqual(custom, {
      status: 429,
      headers: [
        ["content-type", "application/json"],
        ["retry-after", "9"],
        ["content-length", "11"],
      ],
      body: '{"e":"가"}',
    });
  });

  test("the default action may block, or insert headers", () => {
    assert.equal(inspect(compile(source([], { defaultAction: { Block: {} } })), {}).action, "BLOCK");
    const allow = { Allow: { CustomRequestHandling: { InsertHeaders: [{ Name: "a", Value: "1" }] } } };
    assert.deepEqual(inspect(compile(source([], { defaultAction: allow })), {}).insertedHeaders, [
      { name: "x-amzn-waf-a", value: "1" },
    ]);
  });
});

const groupArn = `arn:aws:wafv2:us-east-1:${account}:regional/rulegroup/group/g1`;
const group = (rules: Rule[]): RuleGroupDocument => ({
  id: "g1",
  arn: groupArn,
  name: "group",
  scope: "REGIONAL",
  account,
  region: "us-east-1",
  lockToken: "1",
  capacity: 100,
  rules,
  visibility: { MetricName: "group", SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true },
});

function withGroup(
  rules: Rule[],
  reference: object,
  override: Rule["OverrideAction"] = { None: {} },
  after: Rule[] = [],
): Program {
  const use: Rule = {
    Name: "use",
    Priority: 0,
    Statement: { RuleGroupReferenceStatement: { ARN: groupArn, ...reference } },
    OverrideAction: override,
    VisibilityConfig: { MetricName: "use", SampledRequestsEnabled: true, CloudWatchMetricsEnabled: true },
  };
  return compile(source([use, ...after], {}, { ruleGroups: new Map([[groupArn, group(rules)]]) }));
}

describe("rule groups", () => {
  const rules = [rule("bad", 0, path("bad"), { Block: {} }, ["is-bad"]), rule("odd", 1, path("odd"), { Count: {} })];

  test("a rule of the group ends it in the name of the rule that holds the group", () => {
    const verdict = inspect(withGroup(rules, {}), { target: "/bad" });
    assert.deepEqual([verdict.action, verdict.terminatingRule], ["BLOCK", { id: "use", type: "GROUP" }]);
    assert.deepEqual(verdict.labels, [`awswaf:${account}:rulegroup:group:is-bad`]);
    assert.deepEqual(
      verdict.matches.map(({ rule: name, group: arn }) => [name, arn]),
      [["bad", groupArn]],
    );
  });

  test("the group overridden to Count ends nothing", () => {
    const program = withGroup(rules, {}, { Count: {} }, [rule("later", 1, label("is-bad"))]);
    const verdict = inspect(program, { target: "/bad" });
    assert.deepEqual([verdict.action, ruleNames(verdict)], ["BLOCK", ["bad", "later"]]);
    assert.deepEqual([verdict.matches[0]!.action, verdict.matches[0]!.overriddenAction], ["COUNT", "BLOCK"]);
  });

  test("an action of the group is overridden", () => {
    const program = withGroup(rules, {
      RuleActionOverrides: [
        { Name: "bad", ActionToUse: { Count: {} } },
        { Name: "odd", ActionToUse: { Block: {} } },
      ],
    });
    const verdict = inspect(program, { target: "/bad" });
    assert.deepEqual(
      [verdict.action, verdict.matches[0]!.action, verdict.matches[0]!.overriddenAction],
      ["ALLOW", "COUNT", "BLOCK"],
    );
    assert.equal(inspect(program, { target: "/odd" }).action, "BLOCK");
  });

  test("an excluded rule is counted as such", () => {
    const verdict = inspect(withGroup(rules, { ExcludedRules: [{ Name: "bad" }] }), { target: "/bad" });
    assert.deepEqual([verdict.action, verdict.matches[0]!.action], ["ALLOW", "EXCLUDED_AS_COUNT"]);
  });
});

describe("rates", () => {
  const rate = (more: object): Statement => ({
    RateBasedStatement: { Limit: 10, EvaluationWindowSec: 60, AggregateKeyType: "IP", ...more },
  });

  test("the eleventh request within a minute is stopped, others are not, and it is released", () => {
    const program = compile(source([rule("rate", 0, rate({}))]));
    const given = facilities();
    for (let i = 0; i < 10; i++) assert.equal(inspect(program, {}, given).action, "ALLOW");
    const stopped = inspect(program, {}, given);
    assert.deepEqual([stopped.action, stopped.terminatingRule], ["BLOCK", { id: "rate", type: "RATE_BASED" }]);
    assert.equal(inspect(program, { from: "203.0.113.8" }, given).action, "ALLOW");
    given.clock.advance(59_000);
    assert.equal(inspect(program, {}, given).action, "BLOCK");
    given.clock.advance(62_000);
    assert.equal(inspect(program, {}, given).action, "ALLOW");
  });

  test("five events a second: 300 within 60 seconds are let through, the 301st is not", () => {
    const program = compile(source([rule("rate", 0, rate({ Limit: 300 }))]));
    const given = facilities();
    for (let i = 0; i < 300; i++) {
      assert.equal(inspect(program, {}, given).action, "ALLOW", String(i));
      given.clock.advance(190);
    }
    assert.equal(inspect(program, {}, given).action, "BLOCK");
    // At five a second or less nobody is ever stopped.
    const slow = facilities();
    for (let i = 0; i < 1_000; i++) {
      assert.equal(inspect(program, { from: "203.0.113.9" }, slow).action, "ALLOW", String(i));
      slow.clock.advance(205);
    }
  });

  test("only what the scope-down statement matches counts", () => {
    const program = compile(source([rule("rate", 0, rate({ ScopeDownStatement: path("/login") }))]));
    const given = facilities();
    for (let i = 0; i < 30; i++) assert.equal(inspect(program, { target: "/" }, given).action, "ALLOW");
    for (let i = 0; i < 10; i++) inspect(program, { target: "/login" }, given);
    assert.equal(inspect(program, { target: "/login" }, given).action, "BLOCK");
    assert.equal(inspect(program, { target: "/" }, given).action, "ALLOW");
  });

  const keyRows: [string, object, RequestParts, RequestParts, RequestParts | undefined][] = [
    [
      "forwarded address",
      {
        AggregateKeyType: "FORWARDED_IP",
        ForwardedIPConfig: { HeaderName: "X-Forwarded-For", FallbackBehavior: "NO_MATCH" },
      },
      { headers: [["X-Forwarded-For", "1.1.1.1, 2.2.2.2"]] },
      { headers: [["X-Forwarded-For", "2.2.2.2"]] },
      {},
    ],
    [
      "constant",
      { AggregateKeyType: "CONSTANT", ScopeDownStatement: path("/x") },
      { target: "/x" },
      { target: "/y" },
      undefined,
    ],
    [
      "header and address",
      {
        AggregateKeyType: "CUSTOM_KEYS",
        CustomKeys: [{ Header: { Name: "x-user", TextTransformations: transformed("LOWERCASE") } }, { IP: {} }],
      },
      { headers: [["X-User", "Ann"]] },
      { headers: [["X-User", "bob"]] },
      { headers: [] },
    ],
    [
      "cookie",
      {
        AggregateKeyType: "CUSTOM_KEYS",
        CustomKeys: [{ Cookie: { Name: "id", TextTransformations: transformed("NONE") } }],
      },
      { headers: [["Cookie", "id=1"]] },
      { headers: [["Cookie", "id=2"]] },
      { headers: [["Cookie", "x=1"]] },
    ],
    [
      "query argument",
      {
        AggregateKeyType: "CUSTOM_KEYS",
        CustomKeys: [{ QueryArgument: { Name: "city", TextTransformations: transformed("NONE") } }, { HTTPMethod: {} }],
      },
      { target: "/?city=a" },
      { target: "/?city=b" },
      { target: "/" },
    ],
    [
      "path",
      { AggregateKeyType: "CUSTOM_KEYS", CustomKeys: [{ UriPath: { TextTransformations: transformed("NONE") } }] },
      { target: "/a" },
      { target: "/b" },
      undefined,
    ],
  ];
  for (const [name, more, same, other, without] of keyRows) {
    test(`key: ${name}`, () => {
      const program = compile(source([rule("rate", 0, rate(more))]));
      const given = facilities();
      for (let i = 0; i < 10; i++) assert.equal(inspect(program, same, given).action, "ALLOW");
      assert.equal(inspect(program, same, given).action, "BLOCK");
      assert.equal(inspect(program, other, given).action, "ALLOW");
      if (without) for (let i = 0; i < 20; i++) assert.equal(inspect(program, without, given).action, "ALLOW");
    });
  }

  test("labels of earlier rules are keys", () => {
    const program = compile(
      source([
        rule("a", 0, path("/a"), { Count: {} }, ["kind:a"]),
        rule(
          "rate",
          1,
          rate({ AggregateKeyType: "CUSTOM_KEYS", CustomKeys: [{ LabelNamespace: { Namespace: "kind:" } }] }),
        ),
      ]),
    );
    const given = facilities();
    for (let i = 0; i < 10; i++) inspect(program, { target: "/a" }, given);
    assert.equal(inspect(program, { target: "/a" }, given).action, "BLOCK");
    assert.equal(inspect(program, { target: "/b" }, given).action, "ALLOW");
  });

  test("an attacker with many addresses does not push out one that is over the limit", () => {
    const program = compile(source([rule("rate", 0, rate({}))]));
    const given = facilities();
    for (let i = 0; i < 20; i++) inspect(program, { from: "192.0.2.1" }, given);
    for (let i = 0; i < 30_000; i++) inspect(program, { from: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` }, given);
    assert.equal(inspect(program, { from: "192.0.2.1" }, given).action, "BLOCK");
  });
});
