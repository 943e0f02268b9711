/** What expressions compute with: numbers, time series, and arrays of them. */
export interface Series {
  /** Value by time, epoch milliseconds, ascending. */
  points: ReadonlyMap<number, number>;
  label: string;
}

export type Value = number | string | Series | Series[];

export class MathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MathError";
  }
}

export interface Frame {
  /** First and last period that the request covers, and their length; epoch and plain milliseconds. */
  from: number;
  to: number;
  period: number;
}

export const isSeries = (value: Value): value is Series => typeof value === "object" && !Array.isArray(value);

export function series(points: Iterable<readonly [number, number]>, label = ""): Series {
  const finite = [...points].filter(([, value]) => Number.isFinite(value));
  return { points: new Map(finite.sort(([a], [b]) => a - b) as [number, number][]), label };
}

/** Applies to a number, each value of a series, or each series of an array. */
export function each(value: Value, change: (value: number) => number): Value {
  if (typeof value === "number") return change(value);
  if (typeof value === "string") throw new MathError("A string is not a number");
  if (Array.isArray(value)) return value.map((one) => each(one, change) as Series);
  return series(
    [...value.points].map(([at, number]) => [at, change(number)] as const),
    value.label,
  );
}

/** Two series meet at the times that both have. */
export function combine(left: Value, right: Value, calculate: (a: number, b: number) => number): Value {
  if (typeof left === "string" || typeof right === "string") throw new MathError("A string is not a number");
  if (Array.isArray(left)) return left.map((one) => combine(one, right, calculate) as Series);
  if (Array.isArray(right)) return right.map((one) => combine(left, one, calculate) as Series);
  if (typeof left === "number") return each(right, (value) => calculate(left, value));
  if (typeof right === "number") return each(left, (value) => calculate(value, right));
  const common: [number, number][] = [];
  for (const [at, a] of left.points) {
    const b = right.points.get(at);
    if (b !== undefined) common.push([at, calculate(a, b)]);
  }
  return series(common, left.label);
}
