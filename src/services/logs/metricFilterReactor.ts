/**
 * From stored batches to datapoints. The datapoints travel as events of the stream `metrics` whose ids follow from
 * the batch and the filter, so that a batch that is handled again adds nothing.
 * Source: CloudWatch Logs User Guide, "Creating metrics from log events using filters".
 */
import type { ReactorContext } from "#gateway/context.ts";
import type { Operation, Page } from "#store/contract.ts";
import type { StoredEvent } from "#stream/contract.ts";
import { compileFilter, type LogFilter } from "#engines/logFilter/filter.ts";
import { batchSpanMs } from "./reading.ts";
import { GroupKeys, jobKeys } from "./sealing.ts";
import {
  type Batch,
  type Group,
  keyIn,
  type MetricFilter,
  pad,
  scopeOf,
  type Segment,
  serviceId,
  type Transformation,
  types,
} from "./state.ts";

/** Stream of datapoints that services report themselves; CloudWatch follows it. */
const metricsStream = "metrics";
const minuteMs = 60_000;
/** Values of one event of the stream: keeps it well under the size that streams carry. */
const mostValues = 500;
const mostDimensionLength = 1024;

interface Ingested {
  account: string;
  region: string;
  group: string;
  batch: string;
}

interface Datum {
  MetricName: string;
  Dimensions?: { Name: string; Value: string }[];
  Timestamp: number;
  Values: number[];
  Counts: number[];
  Unit?: string;
}

export async function applyMetricFilters(events: readonly StoredEvent[], ctx: ReactorContext): Promise<void> {
  for (const stored of events) {
    const event = stored.event as Ingested;
    const group = await ctx.store.get<Group>({
      ...scopeOf(event),
      service: serviceId,
      type: types.group,
      id: event.group,
    });
    if (!group) continue;
    const { items } = await ctx.store.list<MetricFilter>({
      ...scopeOf(group.value),
      type: types.metricFilter,
      prefix: `${group.value.gid}/`,
      limit: 1000,
    });
    const open = await opened(ctx, group.value, event.batch);
    if (!open) continue;
    const operations = items.flatMap(({ value }) => datapoints(event, stored.id, value, open));
    if (operations.length > 0) await ctx.store.commit(operations);
  }
}

type Events = Segment[2];

/** Events that nobody may decrypt any more make no metrics; the filters of other groups go on. */
async function opened(ctx: ReactorContext, group: Group, id: string): Promise<Events | undefined> {
  try {
    return await find(ctx, group, id);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "AccessDeniedException") throw error;
    ctx.log.warn({ group: group.arn }, "metric filters cannot read their log group: its key cannot be used");
    return undefined;
  }
}

/** The events of a batch, also when it has been merged into another; none when it has been deleted. */
async function find(ctx: ReactorContext, group: Group, id: string): Promise<Events | undefined> {
  const keys = new GroupKeys(group, jobKeys(ctx, group));
  const [gid, sid, first, seq] = id.split("/") as [string, string, string, string];
  const own = await ctx.store.get<Batch>(keyIn(group, types.batch, id));
  const prefix = `${gid}/${sid}/`;
  let after: string | undefined;
  for (;;) {
    const page: Page<Batch> = own
      ? { items: [own] }
      : await ctx.store.list<Batch>({
          ...scopeOf(group),
          type: types.batch,
          prefix,
          limit: 50,
          ...(after === undefined ? { from: `${prefix}${pad(Number(first) - batchSpanMs)}` } : { after }),
        });
    for (const { value } of page.items) {
      if (pad(value.first) > first) return undefined;
      if (pad(value.last) < first) continue;
      const segment = (await keys.open(value)).find(([own]) => own === seq);
      if (segment) return segment[2];
    }
    if (page.next === undefined) return undefined;
    after = page.next;
  }
}

function datapoints(
  where: Ingested,
  eventId: string,
  filter: MetricFilter,
  events: readonly (readonly [number, string])[],
): Operation[] {
  const compiled = compileFilter(filter.pattern);
  const operations: Operation[] = [];
  for (const [index, transformation] of filter.transformations.entries()) {
    const data = collect(compiled, transformation, events);
    for (const [part, datum] of data.entries()) {
      operations.push({
        op: "append",
        stream: metricsStream,
        key: `${where.account}/${where.region}/${transformation.metricNamespace}`,
        id: `${eventId}.${filter.name}.${index}.${part}`,
        event: {
          account: where.account,
          region: where.region,
          namespace: transformation.metricNamespace,
          data: [datum],
        },
      });
    }
  }
  return operations;
}

/** Datapoints of a batch: one for each minute and set of dimensions, with the values and how often they came. */
export function collect(
  filter: LogFilter,
  transformation: Transformation,
  events: readonly (readonly [number, string])[],
): Datum[] {
  const series = new Map<string, { at: number; dimensions: [string, string][]; values: Map<number, number> }>();
  const minutes = new Map<number, boolean>();
  for (const [timestamp, message] of events) {
    const at = Math.floor(timestamp / minuteMs) * minuteMs;
    const matched = filter.matches(message);
    minutes.set(at, (minutes.get(at) ?? false) || matched);
    if (!matched) continue;
    const value = numberOf(filter, transformation.metricValue, message);
    const dimensions = dimensionsOf(filter, transformation, message);
    if (value === undefined || dimensions === undefined) continue;
    const key = JSON.stringify([at, dimensions]);
    let one = series.get(key);
    if (!one) series.set(key, (one = { at, dimensions, values: new Map() }));
    one.values.set(value, (one.values.get(value) ?? 0) + 1);
  }
  const { defaultValue } = transformation;
  for (const [at, matched] of minutes) {
    if (matched || defaultValue === undefined) continue;
    series.set(`default ${at}`, { at, dimensions: [], values: new Map([[defaultValue, 1]]) });
  }
  return [...series.values()].flatMap(({ at, dimensions, values }) =>
    chunks([...values], mostValues).map((part) => ({
      MetricName: transformation.metricName,
      ...(dimensions.length === 0 ? {} : { Dimensions: dimensions.map(([Name, Value]) => ({ Name, Value })) }),
      Timestamp: at,
      Values: part.map(([value]) => value),
      Counts: part.map(([, count]) => count),
      ...(transformation.unit === undefined ? {} : { Unit: transformation.unit }),
    })),
  );
}

function numberOf(filter: LogFilter, metricValue: string, message: string): number | undefined {
  const text = metricValue.startsWith("$") ? filter.value(message, metricValue) : metricValue;
  if (text === undefined || text.trim() === "") return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** All dimensions of the transformation; an event that lacks one makes no datapoint. */
function dimensionsOf(
  filter: LogFilter,
  { dimensions = {} }: Transformation,
  message: string,
): [string, string][] | undefined {
  const found: [string, string][] = [];
  for (const [name, selector] of Object.entries(dimensions)) {
    const value = filter.value(message, selector);
    if (value === undefined || value === "") return undefined;
    found.push([name, value.slice(0, mostDimensionLength)]);
  }
  return found;
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < items.length; at += size) parts.push(items.slice(at, at + size));
  return parts;
}
