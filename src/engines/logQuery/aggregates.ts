/** Functions of `stats`. Source: CloudWatch Logs User Guide, "stats": aggregation and non-aggregation functions. */
import { compare, toNumber, toText, type Value } from "./values.ts";

export interface Aggregate {
  /** `value` is the argument, `at` the event's time. */
  add(value: Value, at: number): void;
  result(): Value;
}

/** Distinct values that are counted exactly; Insights says its own count is approximate above some number. */
const mostDistinct = 100_000;
const mostSamples = 50_000;

class Count implements Aggregate {
  #count = 0;
  add(value: Value): void {
    if (value !== undefined) this.#count++;
  }
  result(): Value {
    return this.#count;
  }
}

class Distinct implements Aggregate {
  readonly #seen = new Set<string>();
  add(value: Value): void {
    if (value !== undefined && this.#seen.size < mostDistinct) this.#seen.add(toText(value));
  }
  result(): Value {
    return this.#seen.size;
  }
}

class Moments implements Aggregate {
  #count = 0;
  #sum = 0;
  #mean = 0;
  #m2 = 0;
  readonly #give: "sum" | "avg" | "stddev";
  constructor(give: "sum" | "avg" | "stddev") {
    this.#give = give;
  }
  add(value: Value): void {
    const number = toNumber(value);
    if (number === undefined) return;
    this.#count++;
    this.#sum += number;
    const delta = number - this.#mean;
    this.#mean += delta / this.#count;
    this.#m2 += delta * (number - this.#mean);
  }
  result(): Value {
    if (this.#count === 0) return undefined;
    if (this.#give === "sum") return this.#sum;
    return this.#give === "avg" ? this.#sum / this.#count : Math.sqrt(this.#m2 / this.#count);
  }
}

class Extreme implements Aggregate {
  readonly #sign: number;
  readonly #numbers: boolean;
  #best: Value;
  constructor(sign: number, numbers: boolean) {
    this.#sign = sign;
    this.#numbers = numbers;
  }
  add(value: Value): void {
    if (value === undefined || (this.#numbers && toNumber(value) === undefined)) return;
    if (this.#best === undefined || compare(value, this.#best) * this.#sign > 0) this.#best = value;
  }
  result(): Value {
    return this.#best;
  }
}

class InTime implements Aggregate {
  readonly #sign: number;
  #at: number | undefined;
  #value: Value;
  constructor(sign: number) {
    this.#sign = sign;
  }
  add(value: Value, at: number): void {
    if (value === undefined || (this.#at !== undefined && (at - this.#at) * this.#sign <= 0)) return;
    this.#at = at;
    this.#value = value;
  }
  result(): Value {
    return this.#value;
  }
}

/** Percentile of all values up to 50,000, of an even sample of them above. */
class Percentile implements Aggregate {
  readonly #percent: number;
  #samples: number[] = [];
  #stride = 1;
  #seen = 0;
  constructor(percent: number) {
    this.#percent = percent;
  }
  add(value: Value): void {
    const number = toNumber(value);
    if (number === undefined || this.#seen++ % this.#stride !== 0) return;
    this.#samples.push(number);
    if (this.#samples.length < mostSamples) return;
    this.#samples = this.#samples.filter((_, index) => index % 2 === 0);
    this.#stride *= 2;
  }
  result(): Value {
    if (this.#samples.length === 0) return undefined;
    const sorted = this.#samples.toSorted((a, b) => a - b);
    const place = (this.#percent / 100) * (sorted.length - 1);
    const low = sorted[Math.floor(place)]!;
    const high = sorted[Math.ceil(place)]!;
    return low + (high - low) * (place - Math.floor(place));
  }
}

export interface AggregateFunction {
  /** Numbers behind the first argument. */
  parameters: number;
  make(parameter: number): Aggregate;
}

const plain = (make: () => Aggregate): AggregateFunction => ({ parameters: 0, make });

/** By name in lower case. */
export const aggregateFunctions: ReadonlyMap<string, AggregateFunction> = new Map([
  ["count", plain(() => new Count())],
  ["count_distinct", plain(() => new Distinct())],
  ["sum", plain(() => new Moments("sum"))],
  ["avg", plain(() => new Moments("avg"))],
  ["stddev", plain(() => new Moments("stddev"))],
  ["min", plain(() => new Extreme(-1, true))],
  ["max", plain(() => new Extreme(1, true))],
  ["sortsfirst", plain(() => new Extreme(-1, false))],
  ["sortslast", plain(() => new Extreme(1, false))],
  ["earliest", plain(() => new InTime(-1))],
  ["latest", plain(() => new InTime(1))],
  ["pct", { parameters: 1, make: (percent) => new Percentile(percent) }],
  ["percentile", { parameters: 1, make: (percent) => new Percentile(percent) }],
  ["median", plain(() => new Percentile(50))],
]);
