/**
 * The firewall before a real application, behind a real load balancer, from outside: W1 what it blocks, W2 rates, W4
 * actions, W5 what is told of it.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { CloudWatch } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { S3 } from "@aws-sdk/client-s3";
import {
  type FieldToMatch,
  type Rule,
  type RuleAction,
  type Statement,
  type TextTransformationType,
  WAFV2,
} from "@aws-sdk/client-wafv2";
import { networkDatabase } from "#engines/waf/geo/writing.testing.ts";
import { eventually, type Instance, startInstance } from "../instance.ts";
import { advance } from "../operator.ts";
import { Application, type Parts } from "../wafApplication.ts";

let instance: Instance;
let folder: string;
let waf: WAFV2;
let application: Application;
let webAcl: { Name: string; Id: string; ARN: string };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "jikimi-waf-"));
  const countries = join(folder, "countries.mmdb");
  await writeFile(
    countries,
    networkDatabase(
      { "127.8.0.0/16": { country: { iso_code: "KP" } }, "127.0.0.0/16": { country: { iso_code: "KR" } } },
      24,
    ),
  );
  instance = await startInstance({ args: ["--adjustable-clock"], env: { JIKIMI_GEO_DATABASE: countries } });
  waf = new WAFV2(instance.client);
  application = await Application.behindLoadBalancer(instance, "shop");
  const Name = "shop";
  const { Summary } = await waf.createWebACL({
    Name,
    Scope: "REGIONAL",
    DefaultAction: { Allow: {} },
    VisibilityConfig: visibility("shop"),
    Rules: [],
  });
  webAcl = { Name, Id: Summary!.Id!, ARN: Summary!.ARN! };
  await waf.associateWebACL({ WebACLArn: webAcl.ARN, ResourceArn: application.loadBalancerArn });
});
after(async () => {
  application?.close();
  await instance?.stop();
  await rm(folder, { recursive: true, force: true });
});

const visibility = (MetricName: string) => ({
  MetricName,
  SampledRequestsEnabled: true,
  CloudWatchMetricsEnabled: true,
});
const transformed = (...types: TextTransformationType[]) => types.map((Type, Priority) => ({ Priority, Type }));

const bytes = (text: string, FieldToMatch: FieldToMatch, ...types: TextTransformationType[]): Statement => ({
  ByteMatchStatement: {
    SearchString: new TextEncoder().encode(text),
    FieldToMatch,
    TextTransformations: transformed(...(types.length > 0 ? types : (["NONE"] as const))),
    PositionalConstraint: "CONTAINS",
  },
});

const path = (text: string): Statement => bytes(text, { UriPath: {} });

let markers = 0;
/** Puts rules into force: a rule of this change alone tells when the edge has them. */
async function enforce(
  rules: readonly (readonly [
    name: string,
    statement: Statement,
    action?: RuleAction | undefined,
    more?: Partial<Rule>,
  ])[],
  more: object = {},
): Promise<void> {
  const marker = `marker-${++markers}`;
  const Rules = [
    [marker, path(`/${marker}`), { Block: { CustomResponse: { ResponseCode: 409 } } }] as const,
    ...rules,
  ].map(([Name, Statement, Action = { Block: {} }, rest], Priority): Rule => ({
    Name,
    Priority,
    Statement,
    Action,
    VisibilityConfig: visibility(Name),
    ...rest,
  }));
  const { LockToken } = await waf.getWebACL({ ARN: webAcl.ARN });
  await waf.updateWebACL({
    Name: webAcl.Name,
    Id: webAcl.Id,
    Scope: "REGIONAL",
    LockToken: LockToken!,
    DefaultAction: { Allow: {} },
    VisibilityConfig: visibility("shop"),
    Rules,
    ...more,
  });
  await eventually(async () => (await application.status({ path: `/${marker}` })) === 409);
}

describe("W1", () => {
  const rows: [string, (set: string) => Statement, Parts, Parts][] = [
    ["a listed address", (ARN) => ({ IPSetReferenceStatement: { ARN } }), { from: "127.9.9.9" }, { from: "127.9.9.8" }],
    [
      "a header value",
      () => bytes("evil", { SingleHeader: { Name: "X-Test" } }),
      { headers: { "x-test": "an evil one" } },
      { headers: { "x-test": "a good one" } },
    ],
    [
      "a body pattern",
      () => bytes("evil", { Body: { OversizeHandling: "CONTINUE" } }),
      { body: "so evil" },
      { body: "so good" },
    ],
    [
      "SQL injection",
      () => ({
        SqliMatchStatement: { FieldToMatch: { AllQueryArguments: {} }, TextTransformations: transformed("URL_DECODE") },
      }),
      { path: `/?name=${encodeURIComponent("' OR 1=1--")}` },
      { path: `/?name=${encodeURIComponent("Conan O'Brien")}` },
    ],
    [
      "script",
      () => ({ XssMatchStatement: { FieldToMatch: { Body: {} }, TextTransformations: transformed("URL_DECODE") } }),
      { body: "comment=<script>alert(1)</script>" },
      { body: "comment=<b>fine</b>" },
    ],
    [
      "a country",
      () => ({ GeoMatchStatement: { CountryCodes: ["KP"] } }),
      { from: "127.8.1.1" },
      { from: "127.0.0.1" },
    ],
  ];
  test("each bad kind is blocked, the same request without it passes", async () => {
    const { Summary } = await waf.createIPSet({
      Name: "listed",
      Scope: "REGIONAL",
      IPAddressVersion: "IPV4",
      Addresses: ["127.9.9.9/32"],
    });
    await enforce(
      rows.map(([name, statement], i) => [`w1-${i}-${name.replaceAll(" ", "-")}`, statement(Summary!.ARN!)]),
    );
    for (const [name, , bad, good] of rows) {
      assert.equal(await application.status(bad), 403, `${name} is blocked`);
      assert.equal(await application.status(good), 200, `${name}: without it the request passes`);
    }
    const { LockToken } = await waf.getIPSet({ Name: "listed", Scope: "REGIONAL", Id: Summary!.Id! });
    await waf.updateIPSet({
      Name: "listed",
      Scope: "REGIONAL",
      Id: Summary!.Id!,
      LockToken: LockToken!,
      Addresses: ["127.9.9.8/32"],
    });
    await eventually(async () => (await application.status({ from: "127.9.9.8" })) === 403);
    assert.equal(await application.status({ from: "127.9.9.9" }), 200);
  });
});

describe("W2", () => {
  test("a client above five a second is stopped within a second, others are not, and it is released", async () => {
    await enforce([
      [
        "rate",
        {
          RateBasedStatement: {
            Limit: 300,
            EvaluationWindowSec: 60,
            AggregateKeyType: "IP",
            ScopeDownStatement: path("/api"),
          },
        },
      ],
    ]);
    const from = "127.10.0.1";
    const call = (): Promise<number> => application.status({ path: "/api", from });
    for (let sent = 0; sent < 300; sent += 50) {
      const statuses = await Promise.all(Array.from({ length: 50 }, call));
      assert.ok(
        statuses.every((status) => status === 200),
        `${sent}: ${statuses.join()}`,
      );
    }
    assert.equal(await call(), 403);
    assert.equal(await application.status({ path: "/", from }), 200);
    assert.equal(await application.status({ path: "/api", from: "127.10.0.2" }), 200);
    const keys = { Scope: "REGIONAL" as const, WebACLName: webAcl.Name, WebACLId: webAcl.Id, RuleName: "rate" };
    const { ManagedKeysIPV4 } = await eventually(async () => {
      const found = await waf.getRateBasedStatementManagedKeys(keys);
      return found.ManagedKeysIPV4!.Addresses!.length > 0 && found;
    });
    assert.deepEqual(ManagedKeysIPV4!.Addresses, [`${from}/32`]);
    await advance(instance, 62_000);
    await eventually(async () => (await call()) === 200);
    await eventually(
      async () => (await waf.getRateBasedStatementManagedKeys(keys)).ManagedKeysIPV4!.Addresses!.length === 0,
    );
  });
});

describe("W4", () => {
  test("count, allow, custom responses, labels, transformations and groups do what they say", async () => {
    const { Summary: group } = await waf.createRuleGroup({
      Name: "shared",
      Scope: "REGIONAL",
      Capacity: 50,
      VisibilityConfig: visibility("shared"),
      Rules: [
        {
          Name: "old",
          Priority: 0,
          Statement: path("/old"),
          Action: { Block: {} },
          RuleLabels: [{ Name: "old" }],
          VisibilityConfig: visibility("old"),
        },
      ],
    });
    await enforce(
      [
        [
          "trusted",
          bytes("let-me", { SingleHeader: { Name: "x-pass" } }),
          { Allow: { CustomRequestHandling: { InsertHeaders: [{ Name: "trusted", Value: "yes" }] } } },
        ],
        [
          "encoded",
          bytes("<secret>", { QueryString: {} }, "URL_DECODE", "HTML_ENTITY_DECODE", "LOWERCASE"),
          { Count: {} },
          { RuleLabels: [{ Name: "found:secret" }] },
        ],
        [
          "labelled",
          { LabelMatchStatement: { Scope: "LABEL", Key: "found:secret" } },
          {
            Block: {
              CustomResponse: {
                ResponseCode: 429,
                CustomResponseBodyKey: "why",
                ResponseHeaders: [{ Name: "x-why", Value: "label" }],
              },
            },
          },
        ],
        [
          "group",
          {
            RuleGroupReferenceStatement: {
              ARN: group!.ARN!,
              RuleActionOverrides: [
                {
                  Name: "old",
                  ActionToUse: { Count: { CustomRequestHandling: { InsertHeaders: [{ Name: "old", Value: "1" }] } } },
                },
              ],
            },
          },
          undefined,
          { Action: undefined, OverrideAction: { None: {} } },
        ],
        ["everything", path("/closed")],
      ],
      { CustomResponseBodies: { why: { ContentType: "TEXT_PLAIN", Content: "not here" } } },
    );
    const secret = `/closed?q=${encodeURIComponent("&lt;SECRET&gt;")}`;
    const answer = await application.call({ path: secret });
    assert.deepEqual(
      [answer.status, answer.body, answer.headers["x-why"], answer.headers["content-type"]],
      [429, "not here", "label", "text/plain"],
    );
    assert.equal(await application.status({ path: secret, headers: { "x-pass": "let-me" } }), 200);
    assert.equal(application.seen["x-amzn-waf-trusted"], "yes");
    assert.equal(await application.status({ path: "/closed" }), 403);
    assert.equal(await application.status({ path: "/old" }), 200);
    assert.equal(application.seen["x-amzn-waf-old"], "1");
  });

  test("a challenge is passed by who solves it", async () => {
    await enforce([["challenge", path("/guarded"), { Challenge: {} }]]);
    const browser = { accept: "text/html" };
    const first = await application.call({ path: "/guarded", headers: browser });
    assert.deepEqual([first.status, first.headers["x-amzn-waf-action"]], [202, "challenge"]);
    const puzzle = /var base="([^"]+)"/.exec(first.body)![1]!;
    let n = 0;
    while (createHash("sha256").update(`${puzzle}.${n}`).digest().readUInt16BE(0) !== 0) n++;
    assert.equal(
      await application.status({ path: "/guarded", headers: { ...browser, cookie: `aws-waf-token=${puzzle}.${n}` } }),
      200,
    );
    assert.equal(
      await application.status({
        path: "/guarded",
        headers: { ...browser, cookie: `aws-waf-token=${puzzle}.${n + 1}` },
      }),
      202,
    );
  });

  test("a captcha is shown as a picture", async () => {
    await enforce([["captcha", path("/human"), { Captcha: {} }]]);
    const { status, headers, body } = await application.call({ path: "/human", headers: { accept: "text/html" } });
    assert.deepEqual([status, headers["x-amzn-waf-action"]], [405, "captcha"]);
    assert.match(body, /<img alt="[^"]+" width="240" height="80" src="data:image\/png;base64,/);
  });
});

describe("W5", () => {
  test("log group, bucket, samples and metrics show the very request, with the matched bytes", async () => {
    const logs = new CloudWatchLogs(instance.client);
    const logGroupName = "aws-waf-logs-shop";
    await logs.createLogGroup({ logGroupName });
    const { region, accountId } = instance.ready;
    const destination = (arn: string) =>
      waf.putLoggingConfiguration({
        LoggingConfiguration: {
          ResourceArn: webAcl.ARN,
          LogDestinationConfigs: [arn],
          RedactedFields: [{ SingleHeader: { Name: "authorization" } }],
        },
      });
    await destination(`arn:aws:logs:${region}:${accountId}:log-group:${logGroupName}`);
    const sql: Statement = {
      SqliMatchStatement: {
        FieldToMatch: { QueryString: {} },
        TextTransformations: transformed("URL_DECODE"),
        SensitivityLevel: "HIGH",
      },
    };
    await enforce([["sql-log", sql]]);
    const attack = (id: number): Promise<number> =>
      application.status({ path: `/item?id=${id}%20AND%201=1`, headers: { authorization: "Bearer topsecret" } });
    assert.equal(await attack(10), 403);

    const record = await eventually(async () => {
      const { events } = await logs.filterLogEvents({ logGroupName });
      const found = events!.map(({ message }) => JSON.parse(message!) as Record<string, any>);
      return found.find((each) => each["terminatingRuleId"] === "sql-log");
    });
    assert.equal(record["action"], "BLOCK");
    assert.equal(record["webaclId"], webAcl.ARN);
    assert.deepEqual(record["terminatingRuleMatchDetails"][0].matchedData, ["10", "AND", "1", "=", "1"]);
    assert.equal(record["httpSourceName"], "ALB");
    assert.match(record["httpSourceId"], new RegExp(`^${accountId}-app/shop/[0-9a-f]+$`));
    assert.equal(record["httpRequest"].args, "id=10%20AND%201=1");
    assert.equal(record["httpRequest"].country, "KR");
    assert.deepEqual(
      record["httpRequest"].headers.find((each: { name: string }) => each.name === "authorization"),
      { name: "authorization", value: "REDACTED" },
    );

    const s3 = new S3(instance.s3Client);
    const Bucket = `aws-waf-logs-shop-${accountId}`;
    await s3.createBucket({ Bucket });
    await destination(`arn:aws:s3:::${Bucket}`);
    await enforce([["sql-log", sql]]);
    assert.equal(await attack(11), 403);
    await eventually(async () => {
      // A file is begun a quarter of a minute after its first record.
      await advance(instance, 5_000);
      const { Contents } = await s3.listObjectsV2({ Bucket, Prefix: `AWSLogs/${accountId}/WAFLogs/${region}/shop/` });
      for (const { Key } of Contents ?? []) {
        assert.match(
          Key!,
          new RegExp(
            `/\\d{4}/\\d{2}/\\d{2}/\\d{2}/\\d{2}/${accountId}_waflogs_${region}_shop_\\d{8}T\\d{4}Z_[0-9a-f]{8}\\.log\\.gz$`,
          ),
        );
        const { Body } = await s3.getObject({ Bucket, Key: Key! });
        const lines = gunzipSync(await Body!.transformToByteArray())
          .toString()
          .trim()
          .split("\n");
        if (lines.some((line) => (JSON.parse(line) as Record<string, any>)["httpRequest"].args === "id=11%20AND%201=1"))
          return true;
      }
      return false;
    });

    const now = Date.now() + 600_000;
    const samples = await waf.getSampledRequests({
      WebAclArn: webAcl.ARN,
      RuleMetricName: "sql-log",
      Scope: "REGIONAL",
      TimeWindow: { StartTime: new Date(now - 3_600_000), EndTime: new Date(now) },
      MaxItems: 100,
    });
    const sample = samples.SampledRequests!.find(({ Request }) => Request!.URI === "/item?id=10%20AND%201=1")!;
    assert.deepEqual(
      [sample.Action, sample.Weight, sample.Request!.ClientIP, sample.Request!.Method],
      ["BLOCK", 1, "127.0.0.1", "GET"],
    );

    const cloudwatch = new CloudWatch(instance.client);
    await eventually(async () => {
      const { Datapoints } = await cloudwatch.getMetricStatistics({
        Namespace: "AWS/WAFV2",
        MetricName: "BlockedRequests",
        Dimensions: [
          { Name: "WebACL", Value: "shop" },
          { Name: "Region", Value: region },
          { Name: "Rule", Value: "sql-log" },
        ],
        StartTime: new Date(now - 3_600_000),
        EndTime: new Date(now),
        Period: 3_600,
        Statistics: ["Sum"],
      });
      return (Datapoints ?? []).reduce((sum, { Sum = 0 }) => sum + Sum, 0) === 2;
    });
  });
});

describe("association", () => {
  test("is shown, keeps the web ACL, and ends", async () => {
    const ResourceArn = application.loadBalancerArn;
    assert.equal((await waf.getWebACLForResource({ ResourceArn })).WebACL!.ARN, webAcl.ARN);
    assert.deepEqual((await waf.listResourcesForWebACL({ WebACLArn: webAcl.ARN })).ResourceArns, [ResourceArn]);
    await enforce([["closed", path("/")]]);
    assert.equal(await application.status({}), 403);
    const { LockToken } = await waf.getWebACL({ ARN: webAcl.ARN });
    await assert.rejects(
      waf.deleteWebACL({ Name: webAcl.Name, Id: webAcl.Id, Scope: "REGIONAL", LockToken: LockToken! }),
      { name: "WAFAssociatedItemException" },
    );
    await waf.disassociateWebACL({ ResourceArn });
    await eventually(async () => (await application.status({})) === 200);
    const now = await waf.getWebACL({ ARN: webAcl.ARN });
    await waf.deleteWebACL({ Name: webAcl.Name, Id: webAcl.Id, Scope: "REGIONAL", LockToken: now.LockToken! });
  });
});
