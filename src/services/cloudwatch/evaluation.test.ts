/**
 * AWS's tables of "Configuring how CloudWatch alarms treat missing data": the range oldest first, `0` a datapoint that
 * does not breach, `X` one that does, `-` none; the states for missing, ignore (`same`: stays), breaching, notBreaching.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MissingData, StateValue } from "./alarm.ts";
import { evaluate } from "./evaluation.ts";

type Row = [range: string, missing: string, ignore: string, breaching: string, notBreaching: string];

const threeOfThree: Row[] = [
  ["0-X-X", "OK", "OK", "OK", "OK"],
  ["0----", "OK", "OK", "OK", "OK"],
  ["-----", "INSUFFICIENT_DATA", "same", "ALARM", "OK"],
  ["0XX-X", "ALARM", "ALARM", "ALARM", "ALARM"],
  ["--X--", "ALARM", "same", "ALARM", "OK"],
];
const twoOfThree: Row[] = [
  ["0-X-X", "ALARM", "ALARM", "ALARM", "ALARM"],
  ["00X0X", "ALARM", "ALARM", "ALARM", "ALARM"],
  ["0-X--", "OK", "OK", "ALARM", "OK"],
  ["----0", "OK", "OK", "ALARM", "OK"],
  ["---X-", "ALARM", "same", "ALARM", "OK"],
];
const treatments: MissingData[] = ["missing", "ignore", "breaching", "notBreaching"];

function stateOf(range: string, enough: number, missingData: MissingData, current: StateValue): string {
  const points = new Map<number, number>();
  for (const [index, mark] of [...range].entries()) if (mark !== "-") points.set(index * 60_000, mark === "X" ? 2 : 0);
  const verdict = evaluate({
    points,
    newest: (range.length - 1) * 60_000,
    periodMs: 60_000,
    evaluationPeriods: 3,
    datapointsToAlarm: enough,
    threshold: 1,
    comparison: "GreaterThanThreshold",
    missingData,
    current,
  });
  return verdict?.value ?? "same";
}

describe("how alarms treat missing data", () => {
  for (const [enough, rows] of [
    [3, threeOfThree],
    [2, twoOfThree],
  ] as const) {
    for (const [range, ...expected] of rows) {
      for (const [index, treatment] of treatments.entries()) {
        test(`${enough} of 3, ${range}, ${treatment}: ${expected[index]}`, () => {
          // From each state that is not the expected one, so that a change must be seen.
          for (const current of ["OK", "ALARM", "INSUFFICIENT_DATA"] as const) {
            if (current === expected[index]) continue;
            assert.equal(stateOf(range, enough, treatment, current), expected[index]);
          }
        });
      }
    }
  }
  test("a single late breach is not enough for three of three", () => {
    assert.equal(stateOf("----X", 3, "missing", "OK"), "same");
  });
  test("the reason is AWS's", () => {
    const verdict = evaluate({
      points: new Map([[Date.UTC(2026, 0, 1, 10), 10]]),
      newest: Date.UTC(2026, 0, 1, 10),
      periodMs: 60_000,
      evaluationPeriods: 1,
      datapointsToAlarm: 1,
      threshold: 1,
      comparison: "GreaterThanOrEqualToThreshold",
      missingData: "missing",
      current: "INSUFFICIENT_DATA",
    });
    assert.equal(
      verdict!.reason,
      "Threshold Crossed: 1 out of the last 1 datapoints [10.0 (01/01/26 10:00:00)] was greater than or equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).",
    );
  });
});
