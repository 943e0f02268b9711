/** Datapoints as they are first written: one `raw` document for each metric of a call, which nobody contends for. */
import type { CheckedDatum } from "./datum.ts";
import { metricHash, metricId } from "./metric.ts";
import { type Metric, metricKeptMs, pad, type Raw, type RawPoint, types } from "./state.ts";

const hourMs = 3_600_000;

export interface Write {
  type: string;
  id: string;
  value: unknown;
  expiresAt: number;
  /** The document must be new. */
  fresh: boolean;
}

/** @param known what is stored of a metric, to spare a write per call: asked by document id */
export async function recordWrites(
  namespace: string,
  data: readonly CheckedDatum[],
  now: number,
  id: string,
  known: (ids: readonly string[]) => Promise<(Metric | undefined)[]>,
): Promise<Write[]> {
  const byMetric = new Map<string, { metric: Metric; points: RawPoint[] }>();
  for (const { name, dimensions, point } of data) {
    const hash = metricHash(namespace, name, dimensions);
    const entry = byMetric.get(hash) ?? { metric: { namespace, name, dimensions, hash, activeAt: now }, points: [] };
    entry.points.push(point);
    byMetric.set(hash, entry);
  }
  const entries = [...byMetric.values()];
  const before = await known(entries.map(({ metric }) => metricId(metric)));
  return entries.flatMap(({ metric, points }, index): Write[] => {
    const raw: Raw = { receivedAt: now, points };
    const expiresAt = now + metricKeptMs;
    const fresh = (before[index]?.activeAt ?? 0) > now - hourMs;
    return [
      { type: types.raw, id: `${metric.hash}/${pad(now)}/${id}`, value: raw, expiresAt, fresh: true },
      ...(fresh ? [] : [{ type: types.metric, id: metricId(metric), value: metric, expiresAt, fresh: false }]),
    ];
  });
}
