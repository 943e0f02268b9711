/**
 * One datum of PutMetricData, checked. Source: CloudWatch API Reference, MetricDatum and PutMetricData; texts as AWS
 * answers them, recorded in LocalStack's `test_cloudwatch.snapshot.json` and in issues of the SDKs.
 */
import { statisticSet, summaryOf, type Summary } from "#engines/metricMath/distribution.ts";
import { invalidCombination, invalidValue, missing } from "./errors.ts";
import { checkText, dimensionsOf } from "./metric.ts";
import type { Dimension, RawPoint } from "./state.ts";

export interface GivenDatum {
  MetricName?: string | undefined;
  Dimensions?: readonly { Name?: string | undefined; Value?: string | undefined }[] | undefined;
  Timestamp?: Date | number | undefined;
  Value?: number | undefined;
  StatisticValues?:
    | {
        SampleCount?: number | undefined;
        Sum?: number | undefined;
        Minimum?: number | undefined;
        Maximum?: number | undefined;
      }
    | undefined;
  Values?: readonly number[] | undefined;
  Counts?: readonly number[] | undefined;
  Unit?: string | undefined;
  StorageResolution?: number | undefined;
}

export interface CheckedDatum {
  name: string;
  dimensions: Dimension[];
  point: RawPoint;
}

const largest = 2 ** 360;
const pastMs = 14 * 86_400_000;
const futureMs = 2 * 3_600_000;
export const mostValues = 150;

/** @throws InvalidParameterValue, InvalidParameterCombination, MissingParameter */
export function checkDatum(datum: GivenDatum, at: string, now: number, valuesLimit = mostValues): CheckedDatum {
  const summary = summaryOfDatum(datum, at, valuesLimit);
  const { StorageResolution: resolution = 60, Timestamp: time } = datum;
  if (resolution !== 1 && resolution !== 60) {
    throw invalidValue(`The value ${resolution} for parameter ${at}.StorageResolution is invalid.`);
  }
  const timestamp = time === undefined ? now : typeof time === "number" ? time : time.getTime();
  if (timestamp > now + futureMs) {
    throw invalidValue(`The parameter ${at}.Timestamp must specify a time no more than two hours in the future.`);
  }
  if (timestamp < now - pastMs) {
    throw invalidValue(`The parameter ${at}.Timestamp must specify a time within the past two weeks.`);
  }
  checkText(datum.MetricName ?? "", `${at}.MetricName`);
  return {
    name: datum.MetricName ?? "",
    dimensions: dimensionsOf(datum.Dimensions, `${at}.Dimensions`),
    point: { at: timestamp, unit: datum.Unit ?? "None", summary, ...(resolution === 1 ? { fine: true as const } : {}) },
  };
}

function summaryOfDatum(datum: GivenDatum, at: string, valuesLimit: number): Summary {
  const { Value: value, StatisticValues: set, Values: values, Counts: counts } = datum;
  const both = (a: string, b: string) =>
    invalidCombination(`The parameters ${at}.${a} and ${at}.${b} are mutually exclusive and you have specified both.`);
  if (value !== undefined && values !== undefined) throw both("Value", "Values");
  if (value !== undefined && set !== undefined) throw both("Value", "StatisticValues");
  if (values !== undefined && set !== undefined) throw both("Values", "StatisticValues");
  if (value !== undefined) return summaryOf([[checkNumber(value, `${at}.Value`), 1]]);
  if (set !== undefined) return checkSet(set, `${at}.StatisticValues`);
  if (values === undefined) {
    throw missing(
      `At least one of the parameters ${at}.Value, ${at}.Values or ${at}.StatisticValues must be specified.`,
    );
  }
  if (values.length === 0 || values.length > valuesLimit) {
    throw invalidValue(`The collection ${at}.Values must not have a size greater than ${valuesLimit}.`);
  }
  if (counts !== undefined && counts.length !== values.length) {
    throw invalidValue(`The parameters ${at}.Values and ${at}.Counts must be of the same size.`);
  }
  const pairs = values.map((one, index): [number, number] => {
    const count = counts?.[index] ?? 1;
    if (!(count >= 0) || count > largest)
      throw invalidValue(`The value ${count} for parameter ${at}.Counts is invalid.`);
    return [checkNumber(one, `${at}.Values`), count];
  });
  if (pairs.every(([, count]) => count === 0)) throw invalidValue(`The value 0 for parameter ${at}.Counts is invalid.`);
  return summaryOf(pairs);
}

function checkSet(set: NonNullable<GivenDatum["StatisticValues"]>, at: string): Summary {
  const count = checkNumber(set.SampleCount ?? Number.NaN, `${at}.SampleCount`);
  const sum = checkNumber(set.Sum ?? Number.NaN, `${at}.Sum`);
  const min = checkNumber(set.Minimum ?? Number.NaN, `${at}.Minimum`);
  const max = checkNumber(set.Maximum ?? Number.NaN, `${at}.Maximum`);
  if (count <= 0) throw invalidValue(`The value ${count} for parameter ${at}.SampleCount is invalid.`);
  if (max < min)
    throw invalidCombination(`The parameter ${at}.Maximum must be greater than or equal to ${at}.Minimum.`);
  return statisticSet(count, sum, min, max);
}

function checkNumber(value: number, at: string): number {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || size > largest)
    throw invalidValue(`The value ${value} for parameter ${at} is invalid.`);
  return value;
}
