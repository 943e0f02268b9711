/**
 * What is kept of the values of one period: count, sum, extremes, and how often each value came, from which
 * percentiles and trimmed statistics follow. Summaries merge in any order. Many different values are drawn together to
 * within one percent. Source: CloudWatch User Guide, "Statistics definitions".
 */
export interface Summary {
  count: number;
  sum: number;
  min: number;
  max: number;
  /** Values and how often they came, ascending; absent where a statistic set has hidden them. */
  values?: [value: number, count: number][];
}

const mostValues = 300;
const grain = Math.log(1.01);

export function summaryOf(values: readonly (readonly [value: number, count: number])[]): Summary {
  const summary: Summary = { count: 0, sum: 0, min: Infinity, max: -Infinity, values: [] };
  const counts = new Map<number, number>();
  for (const [value, count] of values) {
    if (count === 0) continue;
    summary.count += count;
    summary.sum += value * count;
    summary.min = Math.min(summary.min, value);
    summary.max = Math.max(summary.max, value);
    counts.set(value, (counts.get(value) ?? 0) + count);
  }
  summary.values = bounded(counts);
  return summary;
}

/** "Percentiles are available of a statistic set only when its count is 1 or its minimum and maximum are equal." */
export function statisticSet(count: number, sum: number, min: number, max: number): Summary {
  return { count, sum, min, max, ...(count === 1 || min === max ? { values: [[min, count]] } : {}) };
}

export function merge(a: Summary | undefined, b: Summary): Summary {
  if (!a) return b;
  const known = a.values && b.values;
  return {
    count: a.count + b.count,
    sum: a.sum + b.sum,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    ...(known ? { values: mergeValues(a.values!, b.values!) } : {}),
  };
}

function mergeValues(a: Summary["values"] & {}, b: Summary["values"] & {}): [number, number][] {
  const counts = new Map(a);
  for (const [value, count] of b) counts.set(value, (counts.get(value) ?? 0) + count);
  return bounded(counts);
}

function bounded(counts: ReadonlyMap<number, number>): [number, number][] {
  let kept = counts;
  if (counts.size > mostValues) {
    const drawn = new Map<number, number>();
    for (const [value, count] of counts) {
      const near = value === 0 ? 0 : Math.sign(value) * Math.exp(Math.round(Math.log(Math.abs(value)) / grain) * grain);
      drawn.set(near, (drawn.get(near) ?? 0) + count);
    }
    kept = drawn;
  }
  return [...kept].sort(([a], [b]) => a - b);
}

export type Statistic = (summary: Summary) => number | undefined;

const simple: Readonly<Record<string, Statistic>> = {
  SampleCount: ({ count }) => count,
  Sum: ({ sum }) => sum,
  Average: ({ sum, count }) => (count === 0 ? undefined : sum / count),
  Minimum: ({ min }) => min,
  Maximum: ({ max }) => max,
};

/** A statistic by its name: `Average`, `p99.9`, `tm90`, `wm(10%:90%)`, `pr(0:100)`, `IQM`. Undefined when it is none. */
export function statistic(name: string): Statistic | undefined {
  if (Object.hasOwn(simple, name)) return simple[name];
  const percentile = /^p(\d{1,2}(?:\.\d{1,10})?|100)$/i.exec(name);
  if (percentile) return extended((values, summary) => quantile(values, summary.count, Number(percentile[1]) / 100));
  if (/^iqm$/i.test(name)) return trimmed("tm", { percent: true, low: 25, high: 75 });
  const short = /^(tm|wm|tc|ts)(\d{1,2}(?:\.\d{1,10})?|100)$/i.exec(name);
  if (short) return trimmed(short[1]!, { percent: true, low: 0, high: Number(short[2]) });
  const long = /^(tm|wm|tc|ts|pr)\((-?[\d.]+)?(%)?:(-?[\d.]+)?(%)?\)$/i.exec(name);
  if (!long || (long[2] === undefined && long[4] === undefined)) return undefined;
  const percent = long[3] === "%" || long[5] === "%";
  const low = long[2] === undefined ? (percent ? 0 : -Infinity) : Number(long[2]);
  const high = long[4] === undefined ? (percent ? 100 : Infinity) : Number(long[4]);
  if (Number.isNaN(low) || Number.isNaN(high) || low >= high || (percent && (low < 0 || high > 100))) return undefined;
  return trimmed(long[1]!, { percent, low, high });
}

/** Percentile statistics are not available where a value is negative or values are unknown. */
function extended(compute: (values: [number, number][], summary: Summary) => number | undefined): Statistic {
  return (summary) =>
    summary.values === undefined || summary.count === 0 || summary.min < 0
      ? undefined
      : compute(summary.values, summary);
}

function quantile(values: readonly (readonly [number, number])[], count: number, share: number): number {
  const place = share * (count - 1);
  let seen = 0;
  let before = values[0]![0];
  for (const [value, times] of values) {
    if (place < seen) return before + (value - before) * (place - (seen - 1));
    seen += times;
    if (place <= seen - 1) return value;
    before = value;
  }
  return before;
}

function trimmed(kind: string, bounds: { percent: boolean; low: number; high: number }): Statistic {
  return extended((values, summary) => {
    const low = bounds.percent ? quantile(values, summary.count, bounds.low / 100) : bounds.low;
    const high = bounds.percent ? quantile(values, summary.count, bounds.high / 100) : bounds.high;
    const inside = values.filter(([value]) => value >= low && value <= high);
    const count = inside.reduce((sum, [, times]) => sum + times, 0);
    const sum = inside.reduce((total, [value, times]) => total + value * times, 0);
    switch (kind.toLowerCase()) {
      case "tc":
        return count;
      case "ts":
        return sum;
      case "pr":
        return (100 * count) / summary.count;
      case "wm":
        return values.reduce((all, [value, n]) => all + Math.min(high, Math.max(low, value)) * n, 0) / summary.count;
      default:
        return count === 0 ? undefined : sum / count;
    }
  });
}
