/**
 * Datapoints of a metric by period, out of rollups and of what has not been rolled up yet.
 *
 * INVARIANT: no datapoint is counted twice or missed while the rollup job works: when a raw document that was read is
 * gone after the rollups were read, everything is read again.
 */
import { merge, type Summary } from "#engines/metricMath/distribution.ts";
import type { CallContext, JobContext } from "#gateway/context.ts";
import type { Page } from "#store/contract.ts";
import { pad, type Raw, type Resolution, resolutions, type Rollup, serviceId, types } from "./state.ts";

export interface MetricSource {
  list<T>(type: string, query: { prefix: string; from?: string; after?: string; limit: number }): Promise<Page<T>>;
}

export const callSource = (ctx: CallContext): MetricSource => ({ list: (type, query) => ctx.state.list(type, query) });

export const jobSource = (ctx: JobContext, where: { account: string; region: string }): MetricSource => ({
  list: (type, query) =>
    ctx.store.list({ account: where.account, region: where.region, service: serviceId, type, ...query }),
});

export interface SeriesQuery {
  hash: string;
  /** Epoch milliseconds; the first inclusive, the second exclusive. */
  from: number;
  to: number;
  periodMs: number;
  now: number;
}

/** By start of period, then by unit. */
export type Periods = Map<number, Map<string, Summary>>;

const readAgain = 20;

export async function readPeriods(source: MetricSource, query: SeriesQuery): Promise<Periods> {
  const from = Math.floor(query.from / query.periodMs) * query.periodMs;
  for (let attempt = 0; ; attempt++) {
    const before = await rawOf(source, query.hash);
    const periods: Periods = new Map();
    for (const resolution of layers({ ...query, from })) await addRollups(source, query, resolution, periods);
    const after = new Set((await rawOf(source, query.hash)).map(({ id }) => id));
    if (attempt < readAgain && before.some(({ id }) => !after.has(id))) continue;
    for (const { points } of before) {
      for (const point of points) {
        if (query.periodMs < 60_000 && !point.fine) continue;
        add(
          periods,
          query,
          point.fine ? point.at : Math.floor(point.at / 60_000) * 60_000,
          point.unit,
          point.summary,
          from,
        );
      }
    }
    return periods;
  }
}

async function rawOf(source: MetricSource, hash: string): Promise<(Raw & { id: string })[]> {
  const found: (Raw & { id: string })[] = [];
  let after: string | undefined;
  do {
    const page = await source.list<Raw>(types.raw, {
      prefix: `${hash}/`,
      limit: 1000,
      ...(after === undefined ? {} : { after }),
    });
    found.push(...page.items.map(({ key, value }) => ({ id: key.id, ...value })));
    after = page.next;
  } while (after !== undefined);
  return found;
}

interface Layer {
  resolution: Resolution;
  from: number;
  to: number;
}

/** Each stretch of the range from the finest resolution that still has it and divides the period. */
function layers({ from, to, periodMs, now }: SeriesQuery): Layer[] {
  const usable = resolutions.filter(({ seconds }) => periodMs % (seconds * 1000) === 0);
  // Fine ones only where they are needed: a period of minutes is made of minutes.
  const wanted = periodMs < 60_000 ? usable.slice(0, 1) : usable.filter(({ seconds }) => seconds >= 60);
  const found: Layer[] = [];
  let end = to;
  for (const resolution of wanted) {
    const start = Math.max(from, Math.ceil((now - resolution.keptMs) / periodMs) * periodMs);
    if (start < end) found.push({ resolution, from: start, to: end });
    end = Math.min(end, start);
  }
  return found.filter((layer) => layer.from < layer.to);
}

async function addRollups(source: MetricSource, query: SeriesQuery, layer: Layer, periods: Periods): Promise<void> {
  const { resolution } = layer;
  const prefix = `${query.hash}/${String(resolution.seconds).padStart(4, "0")}/`;
  const first = Math.floor(layer.from / resolution.windowMs) * resolution.windowMs;
  let after: string | undefined;
  do {
    const page = await source.list<Rollup>(types.rollup, {
      prefix,
      limit: 100,
      ...(after === undefined ? { from: `${prefix}${pad(first)}` } : { after }),
    });
    for (const { key, value } of page.items) {
      const window = Number(key.id.slice(prefix.length));
      if (window >= layer.to) return;
      for (const [offset, units] of Object.entries(value.periods)) {
        const at = window + Number(offset) * resolution.seconds * 1000;
        if (at < layer.from || at >= layer.to) continue;
        for (const [unit, summary] of Object.entries(units)) add(periods, query, at, unit, summary, layer.from);
      }
    }
    after = page.next;
  } while (after !== undefined);
}

function add(
  periods: Periods,
  { periodMs, to }: SeriesQuery,
  at: number,
  unit: string,
  summary: Summary,
  from: number,
): void {
  if (at < from || at >= to) return;
  const start = Math.floor(at / periodMs) * periodMs;
  const units = periods.get(start) ?? new Map<string, Summary>();
  units.set(unit, merge(units.get(unit), summary));
  periods.set(start, units);
}

/** All units of a period together, or one of them. */
export function inUnit(units: ReadonlyMap<string, Summary>, unit: string | undefined): Summary | undefined {
  if (unit !== undefined) return units.get(unit);
  let all: Summary | undefined;
  for (const summary of units.values()) all = merge(all, summary);
  return all;
}
