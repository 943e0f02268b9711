/** What is told of requests: log records, counts, samples, addresses over a limit. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compile } from "./compile.ts";
import type { Program } from "./contract.ts";
import type { Statement } from "./model.ts";
import { WafReporter } from "./report.ts";
import { openReport, sealReport } from "./sealedReport.ts";
import {
  account,
  byteStatement as path,
  facilities,
  request,
  type RequestParts,
  rule,
  source,
  transformed,
} from "./testing.ts";

describe("what is told", () => {
  const origin = { sourceName: "ALB", sourceId: `${account}-app/web/50dc6c495c0c9188` };
  const sqli: Statement = {
    SqliMatchStatement: {
      FieldToMatch: { QueryString: {} },
      TextTransformations: transformed("URL_DECODE"),
      SensitivityLevel: "HIGH",
    },
  };
  const protect = async (_purpose: string, _bound: string, secret: Uint8Array): Promise<Uint8Array> => secret;

  function told(program: Program, parts: RequestParts[]) {
    const given = facilities();
    const reporter = new WafReporter(given.counters);
    for (const each of parts) {
      const sent = request(each);
      reporter.record(program, sent, program.inspect(sent, given), origin, given.clock.now());
    }
    return reporter.flush(given.clock.now());
  }
  const logging = { webAclArn: "", destination: "arn:aws:logs:us-east-1:111122223333:log-group:aws-waf-logs-x" };

  test("the log record has AWS's fields, with the matched bytes", () => {
    const program = compile(source([rule("sql", 0, sqli)], {}, { logging }));
    const [report] = told(program, [
      {
        target: "/a?id=10%20AND%201=1",
        headers: [
          ["Host", "h"],
          ["X-A", "1"],
        ],
      },
    ]);
    const record = JSON.parse(report!.logs[0]!) as Record<string, unknown>;
    assert.deepEqual(record, {
      timestamp: record["timestamp"],
      formatVersion: 1,
      webaclId: program.webAclArn,
      terminatingRuleId: "sql",
      terminatingRuleType: "REGULAR",
      action: "BLOCK",
      terminatingRuleMatchDetails: [
        {
          conditionType: "SQL_INJECTION",
          sensitivityLevel: "HIGH",
          location: "QUERY_STRING",
          matchedData: ["10", "AND", "1", "=", "1"],
          matchedFieldName: "",
        },
      ],
      httpSourceName: "ALB",
      httpSourceId: origin.sourceId,
      ruleGroupList: [],
      rateBasedRuleList: [],
      nonTerminatingMatchingRules: [],
      requestHeadersInserted: null,
      responseCodeSent: null,
      httpRequest: {
        clientIp: "203.0.113.7",
        country: "-",
        headers: [
          { name: "Host", value: "h" },
          { name: "X-A", value: "1" },
        ],
        uri: "/a",
        args: "id=10%20AND%201=1",
        httpVersion: "HTTP/1.1",
        httpMethod: "GET",
        requestId: "1-67891233-abcdef012345678912345678",
        fragment: "",
        scheme: "http",
        host: "h",
      },
    });
  });

  test("redacted and protected fields are not in it", () => {
    const program = compile(
      source(
        [
          rule("sql", 0, {
            SqliMatchStatement: {
              FieldToMatch: { SingleHeader: { Name: "x-q" } },
              TextTransformations: transformed("NONE"),
            },
          }),
        ],
        {
          dataProtection: {
            DataProtections: [
              { Field: { FieldType: "SINGLE_HEADER", FieldKeys: ["x-q"] }, Action: "SUBSTITUTION" },
              { Field: { FieldType: "SINGLE_COOKIE", FieldKeys: ["sid"] }, Action: "HASH" },
            ],
          },
        },
        { logging: { ...logging, redactedFields: [{ SingleHeader: { Name: "Authorization" } }, { QueryString: {} }] } },
      ),
    );
    const secret = [
      ["Authorization", "Bearer s3cret"],
      ["X-Q", "1' or '1'='1"],
      ["Cookie", "sid=topsecret; a=1"],
    ] as const;
    const [report] = told(program, [{ target: "/?token=qs3cret", headers: secret }]);
    for (const hidden of ["s3cret", "qs3cret", "topsecret", "or '1'"])
      assert.ok(!report!.logs[0]!.includes(hidden), hidden);
    const sample = JSON.stringify(report!.samples);
    for (const hidden of ["topsecret", "or '1'"]) assert.ok(!sample.includes(hidden), hidden);
  });

  test("filters keep and drop records", () => {
    const filter = {
      DefaultBehavior: "DROP" as const,
      Filters: [
        {
          Behavior: "KEEP" as const,
          Requirement: "MEETS_ANY" as const,
          Conditions: [{ ActionCondition: { Action: "BLOCK" as const } }],
        },
      ],
    };
    const program = compile(source([rule("bad", 0, path("bad"))], {}, { logging: { ...logging, filter } }));
    const [report] = told(program, [{ target: "/bad" }, { target: "/good" }]);
    assert.equal(report!.logs.length, 1);
  });

  test("counts, samples and addresses over a limit", () => {
    const rate: Statement = { RateBasedStatement: { Limit: 10, EvaluationWindowSec: 60, AggregateKeyType: "IP" } };
    const program = compile(source([rule("rate", 0, rate), rule("odd", 1, path("odd"), { Count: {} })]));
    const [report] = told(
      program,
      Array.from({ length: 12 }, () => ({ target: "/odd" })),
    );
    const count = (metric: string, Rule: string): number | undefined =>
      report!.counts.find((each) => each.metric === metric && each.dimensions["Rule"] === Rule)?.count;
    assert.deepEqual(
      [
        count("BlockedRequests", "rate"),
        count("CountedRequests", "odd"),
        count("AllowedRequests", "Default_Action"),
        count("AllowedRequests", "ALL"),
        count("BlockedRequests", "ALL"),
      ],
      [2, 10, 10, 10, 2],
    );
    assert.deepEqual(Object.values(report!.rateKeys!), [["203.0.113.7"]]);
    assert.deepEqual([...new Set(report!.samples.map(({ ruleMetric }) => ruleMetric))].toSorted(), [
      "acl",
      "odd",
      "rate",
    ]);
    assert.equal(report!.logs.length, 0);
  });

  test("a report survives its seal, in parts that fit a stream", async () => {
    const program = compile(source([], {}, { logging }));
    const big = "x".repeat(8_000);
    const reports = told(
      program,
      Array.from({ length: 100 }, () => ({
        headers: [
          ["Host", "h"],
          ["X-Big", big],
        ] as const,
      })),
    );
    assert.ok(reports.length > 1);
    let logs = 0;
    for (const report of reports) {
      const sealed = await sealReport(report, protect);
      assert.ok(JSON.stringify(sealed).length < 320 * 1024);
      logs += (await openReport(sealed, protect)).logs.length;
    }
    assert.equal(logs, 100);
  });
});
