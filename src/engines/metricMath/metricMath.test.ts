/** Metric math and statistics, one row each. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { merge, statistic, statisticSet, summaryOf } from "./distribution.ts";
import { parseExpression } from "./expression.ts";
import { series, type Value } from "./values.ts";

const m1 = series(
  [
    [0, 1],
    [60_000, 2],
    [120_000, 6],
  ],
  "m1",
);
const m2 = series(
  [
    [0, 10],
    [120_000, 0],
  ],
  "m2",
);

function evaluate(text: string): Value {
  return parseExpression(text).evaluate({
    resolve: (id) => (id === "m1" ? m1 : m2),
    metrics: () => [
      ["m1", m1],
      ["m2", m2],
    ],
    frame: { from: 0, to: 240_000, period: 60_000 },
  });
}

const shown = (value: Value): unknown =>
  Array.isArray(value)
    ? value.map(shown)
    : typeof value === "object"
      ? [...value.points].map(([at, v]) => [at / 60_000, v])
      : value;

const rows: [expression: string, expected: unknown][] = [
  [
    "m1 * 2",
    [
      [0, 2],
      [1, 4],
      [2, 12],
    ],
  ],
  [
    "m1 + m2",
    [
      [0, 11],
      [2, 6],
    ],
  ],
  ["m1 / m2", [[0, 0.1]]],
  [
    "-m1 ^ 2",
    [
      [0, 1],
      [1, 4],
      [2, 36],
    ],
  ],
  [
    "(m1 > 1) AND (m1 < 6)",
    [
      [0, 0],
      [1, 1],
      [2, 0],
    ],
  ],
  [
    "IF(m1 > 1, m1, 0)",
    [
      [0, 0],
      [1, 2],
      [2, 6],
    ],
  ],
  [
    "SUM(METRICS())",
    [
      [0, 11],
      [1, 2],
      [2, 6],
    ],
  ],
  [
    'SUM(METRICS("m2"))',
    [
      [0, 10],
      [2, 0],
    ],
  ],
  [
    "AVG([m1, m2])",
    [
      [0, 5.5],
      [1, 2],
      [2, 3],
    ],
  ],
  ["MAX(m1)", 6],
  [
    "m1 - AVG(m1)",
    [
      [0, -2],
      [1, -1],
      [2, 3],
    ],
  ],
  [
    "DIFF(m1)",
    [
      [1, 1],
      [2, 4],
    ],
  ],
  [
    "RATE(m1)",
    [
      [1, 1 / 60],
      [2, 4 / 60],
    ],
  ],
  [
    "RUNNING_SUM(m1)",
    [
      [0, 1],
      [1, 3],
      [2, 9],
    ],
  ],
  [
    "FILL(m2, 0)",
    [
      [0, 10],
      [1, 0],
      [2, 0],
      [3, 0],
    ],
  ],
  [
    "FILL(m2, REPEAT)",
    [
      [0, 10],
      [1, 10],
      [2, 0],
      [3, 0],
    ],
  ],
  [
    "FILL(m2, LINEAR)",
    [
      [0, 10],
      [1, 5],
      [2, 0],
    ],
  ],
  ["PERIOD(m1)", 60],
  [
    "TIME_SERIES(3)",
    [
      [0, 3],
      [1, 3],
      [2, 3],
      [3, 3],
    ],
  ],
  [
    "SORT(METRICS(), SUM, DESC, 1)",
    [
      [
        [0, 10],
        [2, 0],
      ],
    ],
  ],
  ["METRIC_COUNT(METRICS())", 2],
  ["1 + 2 * 3 == 7", 1],
];

describe("metric math", () => {
  for (const [text, expected] of rows) test(text, () => assert.deepEqual(shown(evaluate(text)), expected));
  for (const text of [
    "",
    "m1 +",
    "(m1",
    "NOSUCH(m1)",
    "SEARCH('x', 'Sum', 300)",
    "m1 ; m2",
    "RUNNING_SUM(METRICS())",
    "(".repeat(500),
  ]) {
    test(`${text.slice(0, 30)} is refused`, () => assert.throws(() => evaluate(text), { name: "MathError" }));
  }
});

describe("statistics of a period", () => {
  const hundred = summaryOf(Array.from({ length: 100 }, (_, index) => [index + 1, 1] as const));
  const expected: [name: string, value: number | undefined][] = [
    ["SampleCount", 100],
    ["Sum", 5050],
    ["Average", 50.5],
    ["Minimum", 1],
    ["Maximum", 100],
    ["p50", 50.5],
    ["p100", 100],
    ["p0", 1],
    ["tm90", 45.5],
    ["tm(10%:90%)", 50.5],
    ["tc(:50)", 50],
    ["ts(90:)", 1045],
    ["pr(0:25)", 25],
    ["wm(0%:50%)", 38],
    ["IQM", 50.5],
  ];
  for (const [name, value] of expected) {
    test(name, () => assert.ok(Math.abs(statistic(name)!(hundred)! - value!) < 0.1, String(statistic(name)!(hundred))));
  }
  test("merged in parts it is the same", () => {
    const parts = [1, 2, 3, 4].map((start) =>
      summaryOf(Array.from({ length: 25 }, (_, i) => [i * 4 + start, 1] as const)),
    );
    assert.deepEqual(
      parts.reduce((a, b) => merge(a, b)),
      hundred,
    );
  });
  test("many different values are drawn together within a percent", () => {
    const many = summaryOf(Array.from({ length: 10_000 }, (_, i) => [i + 1, 1] as const));
    assert.ok(many.values!.length < 1_000);
    assert.ok(Math.abs(statistic("p99")!(many)! / 9_900 - 1) < 0.011);
  });
  test("a statistic set hides percentiles unless all its values are one", () => {
    assert.equal(statistic("p50")!(statisticSet(3, 6, 1, 3)), undefined);
    assert.equal(statistic("p50")!(statisticSet(3, 6, 2, 2)), 2);
    assert.equal(statistic("p50")!(summaryOf([[-1, 1]])), undefined);
  });
  for (const name of ["p101", "p", "tm(90%:10%)", "tm(:)", "Median", "constructor"]) {
    test(`${name} is no statistic`, () => assert.equal(statistic(name), undefined));
  }
});
