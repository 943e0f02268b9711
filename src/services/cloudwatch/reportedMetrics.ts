/**
 * Datapoints that services report through the stream `metrics`, in the batch of what they are about:
 * `{ account, region, namespace, data: MetricDatum[] }` with times in epoch milliseconds. Each event is recorded once:
 * its id is kept beside the datapoints for as long as it could come again.
 */
import { AwsError } from "#kernel/errors.ts";
import type { ReactorContext } from "#gateway/context.ts";
import { Conflict, type Operation } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { checkDatum, type GivenDatum } from "./datum.ts";
import { recordWrites } from "./recording.ts";
import { type Metric, serviceId, types } from "./state.ts";

export interface ReportedMetrics {
  account: string;
  region: string;
  namespace: string;
  data: GivenDatum[];
}

/** Streams keep events this long for consumers that read again. */
const replayMs = 8 * 86_400_000;
const mostValues = 1_000;

export async function recordReported(events: readonly StoredEvent[], ctx: ReactorContext): Promise<void> {
  for (const event of events) await record(event, ctx);
}

async function record(stored: StoredEvent, ctx: ReactorContext): Promise<void> {
  const { account, region, namespace, data } = stored.event as ReportedMetrics;
  const scope = { account, region, service: serviceId };
  const now = ctx.clock.now();
  const checked = data.flatMap((datum, index) => {
    try {
      return [checkDatum(datum, `MetricData.member.${index + 1}`, now, mostValues)];
    } catch (error) {
      // Too old by now, or a number that no metric can hold: the others count.
      if (!(error instanceof AwsError)) throw error;
      ctx.log.warn({ namespace, reason: error.message }, "a reported datapoint was left out");
      return [];
    }
  });
  const seen = { ...scope, type: types.seen, id: stored.id };
  if (await ctx.store.get(seen)) return;
  const writes = await recordWrites(namespace, checked, now, stored.id, async (ids) => {
    const found = await ctx.store.getMany<Metric>(ids.map((id) => ({ ...scope, type: types.metric, id })));
    return found.map((document) => document?.value);
  });
  try {
    await ctx.store.commit([
      { op: "put", key: seen, value: {}, ifVersion: 0, expiresAt: now + replayMs },
      ...writes.map(({ type, id, value, expiresAt, fresh }): Operation => ({
        op: "put",
        key: { ...scope, type, id },
        value,
        expiresAt,
        ...(fresh ? { ifVersion: 0 } : {}),
      })),
    ]);
  } catch (error) {
    // Another process was faster with the same event.
    if (!(error instanceof Conflict)) throw error;
  }
}
