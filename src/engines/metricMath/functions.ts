/** Metric math functions. Source: CloudWatch User Guide, "Using metric math", "Functions supported for metric math". */
import { combine, each, type Frame, isSeries, MathError, type Series, series, type Value } from "./values.ts";

type MathFunction = (args: readonly Value[], frame: Frame) => Value;

const list = (value: Value): Series[] => {
  if (Array.isArray(value)) return value;
  if (isSeries(value)) return [value];
  throw new MathError("A time series or an array of them is expected");
};
const single = (value: Value | undefined, name: string): Series => {
  if (value !== undefined && isSeries(value)) return value;
  throw new MathError(`${name} takes a single time series`);
};
const scalar = (value: Value | undefined, name: string): number => {
  if (typeof value === "number") return value;
  throw new MathError(`${name} takes a number`);
};

/** A series becomes one number; an array becomes the series of its values at each time. */
function reduce(calculate: (values: readonly number[]) => number): MathFunction {
  return ([value, ...more], frame) => {
    if (value === undefined) throw new MathError("An argument is missing");
    if (more.length > 0 || typeof value === "number") {
      const all = [value, ...more];
      if (all.every((one) => typeof one === "number")) return calculate(all);
      return reduce(calculate)([all.flatMap(list)], frame);
    }
    if (isSeries(value)) return value.points.size === 0 ? 0 : calculate([...value.points.values()]);
    const times = new Set(list(value).flatMap(({ points }) => [...points.keys()]));
    const at = (time: number) => list(value).flatMap(({ points }) => points.get(time) ?? []);
    return series([...times].map((time) => [time, calculate(at(time))] as const));
  };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
/** Without spreading: a series may have more values than a call has arguments. */
const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity);
const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity);
const deviation = (values: readonly number[]): number => {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
};

const one =
  (change: (value: number) => number): MathFunction =>
  ([value]) =>
    each(value ?? "", change);

/** Between neighbours: `[at, value]` before and now. */
const neighbours =
  (calculate: (value: number, before: number, seconds: number) => number): MathFunction =>
  ([value]) => {
    const results = list(value ?? "").map((line) => {
      const points = [...line.points];
      return series(
        points.slice(1).map(([at, number], index) => {
          const [beforeAt, before] = points[index]!;
          return [at, calculate(number, before, (at - beforeAt) / 1000)] as const;
        }),
        line.label,
      );
    });
    return Array.isArray(value) ? results : results[0]!;
  };

const calendar =
  (part: (date: Date) => number): MathFunction =>
  ([value], frame) => {
    const source = value !== undefined && isSeries(value) ? [...value.points.keys()] : timesOf(frame);
    return series(source.map((at) => [at, part(new Date(at))] as const));
  };

function timesOf({ from, to, period }: Frame): number[] {
  const times: number[] = [];
  for (let at = from; at < to; at += period) times.push(at);
  return times;
}

function fill(line: Series, filler: Value, frame: Frame): Series {
  const points: [number, number][] = [];
  const known = [...line.points];
  let next = 0;
  let before: [number, number] | undefined;
  for (const at of timesOf(frame)) {
    while (next < known.length && known[next]![0] < at) before = known[next++];
    const own = line.points.get(at);
    if (own !== undefined) points.push([at, own]);
    else if (typeof filler === "number") points.push([at, filler]);
    else if (isSeries(filler)) points.push([at, filler.points.get(at) ?? Number.NaN]);
    else if (filler === "REPEAT" && before) points.push([at, before[1]]);
    else if (filler === "LINEAR" && before && next < known.length) {
      const [endAt, end] = known[next]!;
      points.push([at, before[1] + ((end - before[1]) * (at - before[0])) / (endAt - before[0])]);
    }
  }
  return series(points, line.label);
}

function choose([test, yes, no]: readonly Value[]): Value {
  if (test === undefined || yes === undefined) throw new MathError("IF takes two or three arguments");
  if (typeof test === "number") return test === 0 ? (no ?? series([])) : yes;
  const line = single(test, "IF");
  const at = (value: Value | undefined, time: number): number | undefined => {
    if (value === undefined || typeof value === "number") return value;
    return single(value, "IF").points.get(time);
  };
  const points = [...line.points].flatMap(([time, truth]): [number, number][] => {
    const value = at(truth === 0 ? no : yes, time);
    return value === undefined ? [] : [[time, value]];
  });
  return series(points, isSeries(yes) ? yes.label : "");
}

/** SORT(array, AVG, DESC, 5). */
function sort([value, by, order = "ASC", limit]: readonly Value[]): Value {
  const measures: Readonly<Record<string, (values: readonly number[]) => number>> = {
    AVG: mean,
    SUM: sum,
    MIN: least,
    MAX: most,
  };
  const measure = typeof by === "string" ? measures[by] : undefined;
  if (!measure || (order !== "ASC" && order !== "DESC"))
    throw new MathError("SORT takes AVG, MIN, MAX or SUM, and ASC or DESC");
  const sign = order === "ASC" ? 1 : -1;
  const sorted = list(value ?? "").toSorted(
    (a, b) => sign * (measure([...a.points.values()]) - measure([...b.points.values()])),
  );
  return limit === undefined ? sorted : sorted.slice(0, scalar(limit, "SORT"));
}

export const functions: ReadonlyMap<string, MathFunction> = new Map<string, MathFunction>([
  ["ABS", one(Math.abs)],
  ["CEIL", one(Math.ceil)],
  ["FLOOR", one(Math.floor)],
  ["LOG", one(Math.log)],
  ["LOG10", one(Math.log10)],
  ["AVG", reduce(mean)],
  ["SUM", reduce(sum)],
  ["MIN", reduce(least)],
  ["MAX", reduce(most)],
  ["STDDEV", reduce(deviation)],
  ["DATAPOINT_COUNT", reduce((values) => values.length)],
  ["METRIC_COUNT", ([value]) => list(value ?? "").length],
  ["DIFF", neighbours((value, before) => value - before)],
  ["DIFF_TIME", neighbours((_value, _before, seconds) => seconds)],
  ["RATE", neighbours((value, before, seconds) => (value - before) / seconds)],
  [
    "RUNNING_SUM",
    ([value]) => {
      let total = 0;
      return series([...single(value, "RUNNING_SUM").points].map(([at, number]) => [at, (total += number)] as const));
    },
  ],
  [
    "FILL",
    ([value, filler], frame) => {
      if (filler === undefined) throw new MathError("FILL takes a series and what to fill it with");
      if (Array.isArray(value)) return value.map((line) => fill(line, filler, frame));
      return fill(single(value, "FILL"), filler, frame);
    },
  ],
  [
    "FIRST",
    ([value]) =>
      Array.isArray(value) ? (value[0] ?? series([])) : (single(value, "FIRST").points.values().next().value ?? 0),
  ],
  [
    "LAST",
    ([value]) =>
      Array.isArray(value) ? (value.at(-1) ?? series([])) : ([...single(value, "LAST").points.values()].at(-1) ?? 0),
  ],
  [
    "SLICE",
    ([value, from, to]) =>
      list(value ?? "").slice(scalar(from, "SLICE"), to === undefined ? undefined : scalar(to, "SLICE")),
  ],
  ["REMOVE_EMPTY", ([value]) => list(value ?? "").filter(({ points }) => points.size > 0)],
  ["SORT", (args) => sort(args)],
  ["IF", (args) => choose(args)],
  ["TIME_SERIES", ([value], frame) => series(timesOf(frame).map((at) => [at, scalar(value, "TIME_SERIES")] as const))],
  ["PERIOD", (_args, frame) => frame.period / 1000],
  ["MINUTE", calendar((date) => date.getUTCMinutes())],
  ["HOUR", calendar((date) => date.getUTCHours())],
  ["DAY", calendar((date) => date.getUTCDay() || 7)],
  ["DATE", calendar((date) => date.getUTCDate())],
  ["MONTH", calendar((date) => date.getUTCMonth() + 1)],
  ["YEAR", calendar((date) => date.getUTCFullYear())],
  ["EPOCH", calendar((date) => Math.floor(date.getTime() / 1000))],
]);

export const operators: Readonly<Record<string, (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "^": (a, b) => a ** b,
  "==": (a, b) => Number(a === b),
  "!=": (a, b) => Number(a !== b),
  "<": (a, b) => Number(a < b),
  "<=": (a, b) => Number(a <= b),
  ">": (a, b) => Number(a > b),
  ">=": (a, b) => Number(a >= b),
  "&&": (a, b) => Number(a !== 0 && b !== 0),
  "||": (a, b) => Number(a !== 0 || b !== 0),
};

export function apply(operator: string, left: Value, right: Value): Value {
  return combine(left, right, operators[operator]!);
}
