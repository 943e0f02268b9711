/** GetMetricData and ListMetrics. Source: CloudWatch API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { PageTokens } from "#gateway/pageTokens.ts";
import { invalidToken, invalidValue, validation } from "../errors.ts";
import { shownDimensions } from "../metric.ts";
import { checkQueries } from "../metricQueries.ts";
import type { Input, Output } from "../sdk.ts";
import { callSource } from "../series.ts";
import { listedMs, type Metric, types } from "../state.ts";

const dataTokens = new PageTokens("cloudwatch-data", invalidToken);
const listTokens = new PageTokens("cloudwatch-metrics", invalidToken);

const mostQueries = 500;
const mostDatapoints = 100_800;

export async function getMetricData(input: Input<"GetMetricData">, ctx: CallContext): Promise<Output<"GetMetricData">> {
  const given = input.MetricDataQueries ?? [];
  if (given.length > mostQueries) {
    throw invalidValue(`The collection MetricDataQueries must not have a size greater than ${mostQueries}.`);
  }
  const [from, to] = [input.StartTime!.getTime(), input.EndTime!.getTime()];
  if (Number.isNaN(from) || Number.isNaN(to)) throw validation("The parameter StartTime or EndTime is invalid.");
  if (from >= to) throw validation("The parameter StartTime must be less than the parameter EndTime.");
  if (given.some(({ Label: label }) => label?.includes("${"))) {
    throw validation("Dynamic labels are not supported.");
  }
  const queries = checkQueries(given, ctx.account);
  if (queries.returned.length === 0) throw validation("At least one query must have ReturnData set to true.");
  if ((to - from) / (Math.max(1, queries.period) * 1000) > mostDatapoints) {
    throw validation(`You have requested more than ${mostDatapoints} datapoints of one metric.`);
  }
  const skip = dataTokens.readOffset(input.NextToken);
  const most = Math.min(input.MaxDatapoints ?? mostDatapoints, mostDatapoints);
  const results = await queries.evaluate(callSource(ctx), { from, to, now: ctx.now });
  let passed = 0;
  let room = most;
  let more = false;
  const shown = results.map(({ id, label, points }) => {
    const ordered = input.ScanBy === "TimestampAscending" ? points : points.toReversed();
    const start = Math.min(ordered.length, Math.max(0, skip - passed));
    const page = ordered.slice(start, start + room);
    passed += ordered.length;
    room -= page.length;
    const partial = start + page.length < ordered.length;
    more ||= partial;
    return {
      Id: id,
      Label: label,
      Timestamps: page.map(([at]) => new Date(at)),
      Values: page.map(([, value]) => value),
      StatusCode: partial ? ("PartialData" as const) : ("Complete" as const),
    };
  });
  return {
    MetricDataResults: shown,
    ...(more ? { NextToken: dataTokens.write(String(skip + most)) } : {}),
    Messages: [],
  };
}

const listSize = 500;
const recentMs = 3 * 3_600_000;

export async function listMetrics(input: Input<"ListMetrics">, ctx: CallContext): Promise<Output<"ListMetrics">> {
  if (input.OwningAccount !== undefined && input.OwningAccount !== ctx.account) {
    throw invalidValue(`The value ${input.OwningAccount} for parameter OwningAccount is invalid.`);
  }
  const { Namespace: namespace, MetricName: name } = input;
  const prefix = namespace === undefined ? "" : name === undefined ? `${namespace}\n` : `${namespace}\n${name}\n`;
  const since = ctx.now - (input.RecentlyActive === "PT3H" ? recentMs : listedMs);
  const found: Metric[] = [];
  let after = listTokens.read(input.NextToken);
  for (;;) {
    const page = await ctx.state.list<Metric>(types.metric, { prefix, ...(after === undefined ? {} : { after }) });
    for (const { key, value } of page.items) {
      if (value.activeAt < since || (name !== undefined && value.name !== name)) continue;
      if (namespace !== undefined && value.namespace !== namespace) continue;
      const wanted = (input.Dimensions ?? []).every((filter) =>
        value.dimensions.some(
          (each) => each.name === filter.Name && (filter.Value === undefined || each.value === filter.Value),
        ),
      );
      if (!wanted) continue;
      found.push(value);
      if (found.length === listSize) return listed(found, key.id);
    }
    if (page.next === undefined) return listed(found);
    after = page.next;
  }
}

function listed(metrics: readonly Metric[], next?: string): Output<"ListMetrics"> {
  return {
    Metrics: metrics.map(({ namespace, name, dimensions }) => ({
      Namespace: namespace,
      MetricName: name,
      Dimensions: shownDimensions(dimensions),
    })),
    ...(next === undefined ? {} : { NextToken: listTokens.write(next) }),
  };
}
