/** Queries in the manner of AWS's samples ("Sample queries", CloudWatch Logs User Guide), one row each. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { QueryRun } from "./run.ts";

const base = Date.UTC(2026, 0, 1, 10);
const messages = [
  JSON.stringify({ level: "INFO", user: { name: "ann" }, latency: 10, ip: "10.0.0.1" }),
  JSON.stringify({ level: "ERROR", user: { name: "bob" }, latency: 30, ip: "10.0.0.2" }),
  JSON.stringify({ level: "ERROR", user: { name: "ann" }, latency: 20, ip: "192.168.0.1" }),
  "plain [E404] user=cat, method:GET, latency := 40",
];

function run(query: string, limit?: number): Record<string, string>[] {
  const work = new QueryRun(query, limit);
  for (const [index, message] of messages.entries()) {
    work.push({
      timestamp: base + index * 60_000,
      ingestedAt: base,
      message,
      logStream: `s${index % 2}`,
      log: "1:g",
      pointer: `p${index}`,
    });
  }
  return work.finish().rows.map((row) => Object.fromEntries(row.map(({ field, value }) => [field, value])));
}

const without = (rows: Record<string, string>[]) => rows.map(({ "@ptr": _pointer, ...row }) => row);

const rows: [query: string, expected: Record<string, string>[]][] = [
  ["fields level | filter level = 'ERROR' | sort @timestamp", [{ level: "ERROR" }, { level: "ERROR" }]],
  [
    "fields user.name | filter latency >= 20 and level = 'ERROR' | sort latency",
    [{ "user.name": "ann" }, { "user.name": "bob" }],
  ],
  ["filter @message like /E\\d{3}/ | fields @logStream", [{ "@logStream": "s1" }]],
  ["filter @message like 'method' | fields strlen('abc') as n, toupper('x')", [{ n: "3", "toupper('x')": "X" }]],
  ["filter @message not like 'level' | fields ispresent(level) as p", [{ p: "0" }]],
  ["stats count(*) as n by level | sort n desc", [{ level: "ERROR", n: "2" }, { level: "INFO", n: "1" }, { n: "1" }]],
  [
    "stats count(*) by bin(2m) | sort bin(2m)",
    [
      { "bin(2m)": "2026-01-01 10:00:00.000", "count(*)": "2" },
      { "bin(2m)": "2026-01-01 10:02:00.000", "count(*)": "2" },
    ],
  ],
  [
    "stats sum(latency) as s, avg(latency) as a, min(latency) as lo, max(latency) as hi, pct(latency, 50) as p",
    [{ s: "60", a: "20", lo: "10", hi: "30", p: "20" }],
  ],
  [
    "stats count_distinct(user.name) as d, latest(latency) as l, earliest(latency) as e",
    [{ d: "2", l: "20", e: "10" }],
  ],
  [
    "parse @message 'user=*, method:*, latency := *' as u, m, l | filter ispresent(u) | display u, m, l",
    [{ u: "cat", m: "GET", l: "40" }],
  ],
  ["parse @message /user=(?<who>\\w+)/ | filter ispresent(who) | fields who", [{ who: "cat" }]],
  [
    "fields user.name | filter ispresent(user.name) | dedup user.name | sort user.name",
    [{ "user.name": "ann" }, { "user.name": "bob" }],
  ],
  ["filter level in ['INFO', 'WARN'] | fields latency * 2 + 1 as x", [{ x: "21" }]],
  ["filter isIpv4InSubnet(ip, '10.0.0.0/8') | sort ip | fields ip | limit 1", [{ ip: "10.0.0.1" }]],
  ["fields @timestamp | limit 1", [{ "@timestamp": "2026-01-01 10:03:00.000" }]],
  ["stats count(*) as n by level | filter n > 1 | fields level", [{ level: "ERROR", n: "2" }]],
  ["fields concat(level, '-', user.name) as k | filter k = 'INFO-ann'", [{ k: "INFO-ann" }]],
  ["# a comment\nfilter latency = 10\n| fields coalesce(missing, level) as v", [{ v: "INFO" }]],
  ["stats count(*)", [{ "count(*)": "4" }]],
  ["filter @message like /(?i)info/ | fields `level`", [{ level: "INFO" }]],
];

describe("Insights queries", () => {
  for (const [query, expected] of rows) {
    test(query, () => {
      assert.deepEqual(without(run(query)), expected);
    });
  }

  const bad: [query: string, start: number, message: RegExp][] = [
    ["fields @timestamp | fliter x = 1", 20, /fliter/],
    ["", 0, /empty/],
    ["fields", 6, /end of query/],
    ["filter level = 'x", 15, /quote/],
    ["stats avg(x", 11, /expected '\)'/],
    ["stats foo(x)", 6, /unknown aggregation/],
    ["filter nosuch(x)", 7, /unknown function/],
    ["limit 0", 6, /limit/],
    ["limit 10001", 6, /limit/],
    ["filter @message like /(/", 21, /regular expression/],
    ["parse @message 'a * b *' as x", 15, /wildcards/],
    ["fields a; b", 8, /unexpected character/],
    [`filter ${"(".repeat(5_000)}1`, 208, /nested/],
  ];
  for (const [query, start, message] of bad) {
    test(`refused at ${start}: ${query.slice(0, 40)}`, () => {
      assert.throws(
        () => new QueryRun(query),
        (error: Error & { start: number }) => {
          assert.match(error.message, message);
          assert.equal(error.start, start);
          return error.name === "QuerySyntaxError";
        },
      );
    });
  }

  test("limit of the request; every row leads to its record", () => {
    assert.deepEqual(
      run("fields level", 2).map((row) => row["@ptr"]),
      ["p3", "p2"],
    );
  });
});
