/** Metric filters: log events that match become datapoints. Source: CloudWatch Logs API Reference. */
import { createHash } from "node:crypto";
import type { CallContext } from "#gateway/context.ts";
import type { LogFilter } from "#engines/logFilter/filter.ts";
import { invalidParameter, limitExceeded, notFound } from "../errors.ts";
import { nextToken, readToken } from "../paging.ts";
import type { Input, Output } from "../sdk.ts";
import { type Group, type MetricFilter, type Transformation, types } from "../state.ts";
import { checkName, requireGroup } from "../target.ts";
import { filterOf } from "./readEvents.ts";

/** "Metric filters: 100 per log group." */
const mostFilters = 100;
/** "At most 5 filter patterns containing regex for each log group." */
const mostRegexPatterns = 5;
const mostDimensions = 3;

export async function putMetricFilter(
  input: Input<"PutMetricFilter">,
  ctx: CallContext,
): Promise<Output<"PutMetricFilter">> {
  const { value: group } = await requireGroup(ctx, input.logGroupName!);
  if (input.applyOnTransformedLogs || input.fieldSelectionCriteria || input.emitSystemFieldDimensions?.length) {
    throw invalidParameter("Transformed logs and system fields are not supported for metric filters.");
  }
  checkName(input.filterName!, "filterName");
  const filter = filterOf(input.filterPattern);
  const transformations = (input.metricTransformations ?? []).map((given): Transformation => {
    const { metricName, metricNamespace, metricValue, defaultValue, dimensions, unit } = given;
    return {
      metricName: metricName!,
      metricNamespace: metricNamespace!,
      metricValue: metricValue!,
      ...(defaultValue === undefined ? {} : { defaultValue }),
      ...(dimensions === undefined ? {} : { dimensions }),
      ...(unit === undefined ? {} : { unit }),
    };
  });
  for (const transformation of transformations) checkTransformation(filter, transformation);
  const id = `${group.gid}/${input.filterName!}`;
  const before = await ctx.state.get<MetricFilter>(types.metricFilter, id);
  if (!before && group.metricFilters >= mostFilters) throw limitExceeded();
  if (filter.regexes > 0) await limitRegexes(ctx, group, input.filterName!);
  const value: MetricFilter = {
    name: input.filterName!,
    group: group.name,
    pattern: input.filterPattern!,
    createdAt: before?.value.createdAt ?? ctx.now,
    transformations,
  };
  ctx.state.put(types.metricFilter, id, value, { indexes: metricIndex(value) });
  if (!before) ctx.state.put(types.group, group.name, { ...group, metricFilters: group.metricFilters + 1 });
  return {};
}

/** @throws LimitExceededException */
async function limitRegexes(ctx: CallContext, { gid }: Group, except: string): Promise<void> {
  const { items } = await ctx.state.list<MetricFilter>(types.metricFilter, { prefix: `${gid}/` });
  const others = items.filter(({ value }) => value.name !== except && filterOf(value.pattern).regexes > 0);
  if (others.length >= mostRegexPatterns) throw limitExceeded();
}

/** Of bounded length, which names are not. */
function metricValue(namespace: string, name: string): string {
  return createHash("sha256")
    .update(JSON.stringify([namespace, name]))
    .digest("hex");
}

function metricIndex({ transformations }: MetricFilter): Record<string, string[]> {
  return { metric: transformations.map(({ metricNamespace, metricName }) => metricValue(metricNamespace, metricName)) };
}

const literal = /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/;

/** @throws InvalidParameterException */
function checkTransformation(filter: LogFilter, { metricValue, dimensions = {}, defaultValue }: Transformation): void {
  if (!literal.test(metricValue)) checkSelector(filter, metricValue, "metric value");
  const selectors = Object.values(dimensions);
  if (selectors.length === 0) return;
  if (filter.kind !== "json" && filter.kind !== "delimited") {
    throw invalidParameter("The specified filter pattern does not support dimensions");
  }
  if (selectors.length > mostDimensions) {
    throw invalidParameter(`The maximum number of dimensions is ${mostDimensions}.`);
  }
  if (defaultValue !== undefined) {
    throw invalidParameter("Invalid metric transformation: dimensions and default value are mutually exclusive.");
  }
  for (const selector of selectors) checkSelector(filter, selector, "dimension");
}

function checkSelector(filter: LogFilter, selector: string, what: string): void {
  const known =
    filter.kind === "json"
      ? /^\$(\.[A-Za-z0-9_@:*-]+|\[(\d+|\*|"[^"]+"|'[^']+')\])+$/.test(selector)
      : filter.kind === "delimited" && filter.fields.includes(selector.replace(/^\$/, ""));
  if (!known)
    throw invalidParameter(`Invalid metric transformation: ${what} '${selector}' is not in the filter pattern.`);
}

export async function deleteMetricFilter(
  input: Input<"DeleteMetricFilter">,
  ctx: CallContext,
): Promise<Output<"DeleteMetricFilter">> {
  const { value: group } = await requireGroup(ctx, input.logGroupName!);
  const id = `${group.gid}/${input.filterName!}`;
  if (!(await ctx.state.get<MetricFilter>(types.metricFilter, id))) {
    throw notFound("The specified metric filter does not exist.");
  }
  ctx.state.delete(types.metricFilter, id);
  ctx.state.put(types.group, group.name, { ...group, metricFilters: group.metricFilters - 1 } satisfies Group);
  return {};
}

export async function describeMetricFilters(
  input: Input<"DescribeMetricFilters">,
  ctx: CallContext,
): Promise<Output<"DescribeMetricFilters">> {
  const { metricName, metricNamespace, logGroupName, filterNamePrefix = "" } = input;
  if ((metricName === undefined) !== (metricNamespace === undefined)) {
    throw invalidParameter("metricName and metricNamespace must be both specified or both omitted.");
  }
  const limit = input.limit ?? 50;
  const after = readToken("DescribeMetricFilters", input.nextToken);
  const query = { limit, ...(after === undefined ? {} : { after }) };
  if (logGroupName === undefined && metricName === undefined && filterNamePrefix !== "") {
    throw invalidParameter("A filter name prefix needs a log group name.");
  }
  const page =
    metricName !== undefined
      ? await ctx.state.find<MetricFilter>(types.metricFilter, "metric", {
          value: metricValue(metricNamespace!, metricName),
          ...query,
        })
      : await ctx.state.list<MetricFilter>(types.metricFilter, {
          ...(logGroupName === undefined
            ? {}
            : { prefix: `${(await requireGroup(ctx, logGroupName)).value.gid}/${filterNamePrefix}` }),
          ...query,
        });
  return {
    metricFilters: page.items
      .filter(({ value }) => logGroupName === undefined || value.group === logGroupName)
      .map(({ value }) => ({
        filterName: value.name,
        filterPattern: value.pattern,
        metricTransformations: value.transformations.map(({ unit, ...each }) => ({
          ...each,
          ...(unit === undefined ? {} : { unit: unit as "Count" }),
        })),
        creationTime: value.createdAt,
        logGroupName: value.group,
        applyOnTransformedLogs: false,
      })),
    ...nextToken("DescribeMetricFilters", page.next),
  };
}

export function testMetricFilter(input: Input<"TestMetricFilter">): Output<"TestMetricFilter"> {
  const filter = filterOf(input.filterPattern);
  return {
    matches: (input.logEventMessages ?? []).flatMap((eventMessage, index) =>
      filter.matches(eventMessage)
        ? [{ eventNumber: index + 1, eventMessage, extractedValues: filter.extract(eventMessage) }]
        : [],
    ),
  };
}
