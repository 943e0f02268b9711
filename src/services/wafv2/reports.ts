/**
 * From what the edge tells to metrics, samples, log records that wait for their delivery, and addresses over limits.
 * A report is taken in once: its document is named after its event, and must be new.
 */
import type { ReactorContext } from "#gateway/context.ts";
import type { ReportedCount, WafReportEvent } from "#engines/waf/contract.ts";
import { documentKey } from "#engines/waf/index.ts";
import { Conflict, type Operation } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { sampleKeptMs } from "./operations/samples.ts";
import { type RateKeysDocument, type ReportDocument, serviceId, timeText, types } from "./state.ts";

/** Records that cannot be delivered for so long never will be: log groups take none that old. */
const logsKeptMs = 14 * 86_400_000;
/** The edge tells of addresses every second while there are some; when it falls silent they are not known any more. */
const rateKeysKeptMs = 10_000;

export async function takeReports(events: readonly StoredEvent[], ctx: ReactorContext): Promise<void> {
  for (const event of events) await takeReport(event as StoredEvent<WafReportEvent>, ctx);
}

async function takeReport({ id, event }: StoredEvent<WafReportEvent>, ctx: ReactorContext): Promise<void> {
  const place = documentKey(event.webAclArn);
  if (!place) return;
  const webAclId = place.id.slice(place.id.indexOf("/") + 1);
  const scope = { account: place.account, region: place.region, service: serviceId };
  const time = timeText(event.from);
  const value: ReportDocument = {
    webAclArn: event.webAclArn,
    sealed: event.sealed,
    from: event.from,
    to: event.to,
    sampled: [...event.sampled],
    logCount: event.logCount,
  };
  const operations: Operation[] = [
    {
      op: "put",
      key: { ...scope, type: types.report, id: `${webAclId}/${time}/${id}` },
      value,
      ifVersion: 0,
      indexes: {
        metric: event.sampled.map((metric) => `${webAclId}/${metric}/${time}`),
        ...(event.logCount > 0 ? { waiting: `${webAclId}/${time}` } : {}),
      },
      expiresAt: ctx.clock.now() + (event.logCount > 0 ? logsKeptMs : sampleKeptMs),
    },
    ...metricOperations(id, event.counts, scope),
    ...rateOperations(event, { ...scope, type: types.rateKeys, id: webAclId }, ctx.clock.now()),
  ];
  if (event.logsDropped > 0)
    ctx.log.warn({ webAcl: event.webAclArn, dropped: event.logsDropped }, "log records were dropped at the edge");
  try {
    await ctx.store.commit(operations);
  } catch (error) {
    // It has been taken in before.
    if (!(error instanceof Conflict)) throw error;
  }
}

const namespace = "AWS/WAFV2";

function metricOperations(
  id: string,
  counts: readonly ReportedCount[],
  { account, region }: { account: string; region: string },
): Operation[] {
  if (counts.length === 0) return [];
  const data = counts.map(({ metric, dimensions, count, minute }) => ({
    MetricName: metric,
    Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    Timestamp: minute,
    Value: count,
    Unit: "Count",
  }));
  return [
    {
      op: "append",
      stream: "metrics",
      key: `${account}/${region}/${namespace}`,
      id: `waf-${id}`,
      event: { account, region, namespace, data },
    },
  ];
}

function rateOperations(
  event: WafReportEvent,
  key: { account: string; region: string; service: string; type: string; id: string },
  now: number,
): Operation[] {
  if (event.rateKeys === undefined) return [];
  const keys = Object.fromEntries(
    Object.entries(event.rateKeys).map(([counter, addresses]) => [counter, [...addresses]]),
  );
  if (Object.keys(keys).length === 0) return [{ op: "delete", key }];
  const value: RateKeysDocument = { keys, at: event.to };
  return [{ op: "put", key, value, expiresAt: now + rateKeysKeptMs }];
}
