/**
 * From datapoints to a state: M out of N, and what missing data mean. Pure.
 * Source: CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data".
 */
import type { Comparison, MissingData, StateValue } from "./alarm.ts";

export interface Datapoint {
  /** Start of the period, epoch milliseconds. */
  at: number;
  value: number;
}

export interface Evaluation {
  /** Datapoints of the evaluation range by start of period. */
  points: ReadonlyMap<number, number>;
  /** Start of the newest period that counts. */
  newest: number;
  periodMs: number;
  evaluationPeriods: number;
  datapointsToAlarm: number;
  threshold: number;
  comparison: Comparison;
  missingData: MissingData;
  current: StateValue;
}

export interface Verdict {
  value: StateValue;
  reason: string;
  /** What decided, newest first. */
  recent: Datapoint[];
}

/** "Additional datapoints": the range is longer than the evaluation periods, for data that come late. */
export const extraPeriods = 2;

export function breaches(value: number, comparison: Comparison, threshold: number): boolean {
  switch (comparison) {
    case "GreaterThanThreshold":
      return value > threshold;
    case "GreaterThanOrEqualToThreshold":
      return value >= threshold;
    case "LessThanThreshold":
      return value < threshold;
    case "LessThanOrEqualToThreshold":
      return value <= threshold;
  }
}

/** Undefined: the alarm stays as it is. */
export function evaluate(input: Evaluation): Verdict | undefined {
  const { evaluationPeriods: periods, datapointsToAlarm: enough, current } = input;
  const real: (Datapoint & { age: number })[] = [];
  for (let age = 1; age <= periods + extraPeriods; age++) {
    const at = input.newest - (age - 1) * input.periodMs;
    const value = input.points.get(at);
    if (value !== undefined) real.push({ at, value, age });
  }
  const used = real.slice(0, periods);
  const breaching = used.filter(({ value }) => breaches(value, input.comparison, input.threshold));
  const lacking = periods - used.length;
  const value = decide(input, { used, breaching, lacking });
  if (value === undefined || value === current) return undefined;
  return { value, reason: reasonOf(input, value, { used, breaching, lacking, enough }), recent: used };
}

interface Counted {
  used: readonly (Datapoint & { age: number })[];
  breaching: readonly (Datapoint & { age: number })[];
  lacking: number;
}

function decide(input: Evaluation, { used, breaching, lacking }: Counted): StateValue | undefined {
  const enough = input.datapointsToAlarm;
  if (breaching.length >= enough) return "ALARM";
  if (lacking === 0) return "OK";
  switch (input.missingData) {
    case "breaching":
      return breaching.length + lacking >= enough ? "ALARM" : "OK";
    case "notBreaching":
      return "OK";
    case "ignore":
      return breaching.length === used.length ? undefined : "OK";
    case "missing":
      if (used.length === 0) return "INSUFFICIENT_DATA";
      if (breaching.length < used.length) return "OK";
      // Nothing but breaches: they count when the oldest is old enough, so that no alarm goes off too early.
      return breaching.at(-1)!.age >= enough ? "ALARM" : undefined;
  }
}

const words: Readonly<Record<Comparison, string>> = {
  GreaterThanThreshold: "greater than",
  GreaterThanOrEqualToThreshold: "greater than or equal to",
  LessThanThreshold: "less than",
  LessThanOrEqualToThreshold: "less than or equal to",
};

/** Java's form of a double, as AWS prints it: `10.0`. */
export const decimal = (value: number): string => (Number.isInteger(value) ? value.toFixed(1) : String(value));

/** `(01/01/26 10:00:00)`. */
function shortTime(at: number): string {
  const [date, time] = new Date(at).toISOString().split("T") as [string, string];
  const [year, month, day] = date.split("-") as [string, string, string];
  return `(${day}/${month}/${year.slice(2)} ${time.slice(0, 8)})`;
}

function reasonOf(input: Evaluation, value: StateValue, counted: Counted & { enough: number }): string {
  const { used, breaching, lacking, enough } = counted;
  const plural = (count: number, noun = "datapoint") => `${count} ${noun}${count === 1 ? "" : "s"}`;
  if (value === "INSUFFICIENT_DATA") {
    return `Insufficient Data: ${plural(input.evaluationPeriods)} ${input.evaluationPeriods === 1 ? "was" : "were"} unknown.`;
  }
  const treated =
    lacking > 0 && (input.missingData === "breaching" || input.missingData === "notBreaching")
      ? `${plural(lacking, "missing datapoint")} ${lacking === 1 ? "was" : "were"} treated as [${input.missingData === "breaching" ? "Breaching" : "NonBreaching"}]`
      : undefined;
  if (used.length === 0) {
    return `Threshold Crossed: no datapoints were received for ${plural(input.evaluationPeriods, "period")} and ${treated}.`;
  }
  const list = (points: readonly Datapoint[]) =>
    `[${points.map((point) => `${decimal(point.value)} ${shortTime(point.at)}`).join(", ")}]`;
  const threshold = `${words[input.comparison]} the threshold (${decimal(input.threshold)})`;
  if (value === "ALARM") {
    const shown = breaching.length > 0 ? breaching : used;
    const was = shown.length === 1 ? "was" : "were";
    return `Threshold Crossed: ${shown.length} out of the last ${used.length} datapoints ${list(shown)} ${was} ${threshold}${treated === undefined ? "" : ` and ${treated}`} (minimum ${plural(enough)} for OK -> ALARM transition).`;
  }
  const calm = used.filter((point) => !breaching.some(({ at }) => at === point.at));
  const shown = calm.length > 0 ? calm : used;
  const was = shown.length === 1 ? "was" : "were";
  return `Threshold Crossed: ${plural(shown.length)} ${list(shown)} ${was} not ${threshold}${treated === undefined ? "" : ` and ${treated}`}.`;
}
