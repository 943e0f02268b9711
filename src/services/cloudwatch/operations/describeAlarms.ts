/** DescribeAlarms, DescribeAlarmsForMetric, DescribeAlarmHistory. Source: CloudWatch API Reference. */
import type { CallContext } from "#gateway/context.ts";
import type { CompositeAlarm as CompositeView, MetricAlarm as MetricView } from "@aws-sdk/client-cloudwatch";
import { PageTokens } from "#gateway/pageTokens.ts";
import type { Alarm, CompositeAlarm, MetricAlarm } from "../alarm.ts";
import { parseRule } from "../alarmRule.ts";
import { invalidToken, validation } from "../errors.ts";
import { dimensionsOf, metricHash, shownDimensions } from "../metric.ts";
import type { Input, Output } from "../sdk.ts";
import { type HistoryItem, pad, types } from "../state.ts";

const defaultRecords = 50;

const tokensOf = (kind: string) => new PageTokens(`cloudwatch-${kind}`, invalidToken);

export async function describeAlarms(
  input: Input<"DescribeAlarms">,
  ctx: CallContext,
): Promise<Output<"DescribeAlarms">> {
  const { AlarmNames: names, AlarmNamePrefix: prefix, ParentsOfAlarmName: child, ChildrenOfAlarmName: parent } = input;
  if (names?.length && prefix !== undefined) {
    throw validation("AlarmNames and AlarmNamePrefix are mutually exclusive.");
  }
  if (parent !== undefined || child !== undefined) return related(ctx, parent, child);
  // "If you omit this parameter, only metric alarms are returned."
  const kinds = new Set<string>(input.AlarmTypes?.length ? input.AlarmTypes : ["MetricAlarm"]);
  const wanted = (alarm: Alarm) =>
    kinds.has(alarm.kind) &&
    (input.StateValue === undefined || alarm.state.value === input.StateValue) &&
    (input.ActionPrefix === undefined ||
      [...alarm.okActions, ...alarm.alarmActions, ...alarm.insufficientDataActions].some((action) =>
        action.startsWith(input.ActionPrefix!),
      ));
  if (names?.length) {
    const found = await ctx.state.getMany<Alarm>(types.alarm, [...new Set(names)]);
    return shown(found.flatMap((document) => (document && wanted(document.value) ? [document.value] : [])));
  }
  const limit = input.MaxRecords ?? defaultRecords;
  const alarms: Alarm[] = [];
  let after = tokensOf("alarms").read(input.NextToken);
  for (;;) {
    const page = await ctx.state.list<Alarm>(types.alarm, {
      prefix: prefix ?? "",
      ...(after === undefined ? {} : { after }),
    });
    for (const { value } of page.items) {
      if (!wanted(value)) continue;
      if (alarms.length === limit)
        return { ...shown(alarms), NextToken: tokensOf("alarms").write(alarms.at(-1)!.name) };
      alarms.push(value);
    }
    if (page.next === undefined) return shown(alarms);
    after = page.next;
  }
}

/** Names, types and states only: "the other parameters are not returned". */
async function related(
  ctx: CallContext,
  parent: string | undefined,
  child: string | undefined,
): Promise<Output<"DescribeAlarms">> {
  if (parent !== undefined && child !== undefined) {
    throw validation("ChildrenOfAlarmName and ParentsOfAlarmName are mutually exclusive.");
  }
  if (parent !== undefined) {
    const alarm = (await ctx.state.get<Alarm>(types.alarm, parent))?.value;
    const names = alarm?.kind === "CompositeAlarm" ? parseRule(alarm.rule).children : [];
    const found = await ctx.state.getMany<Alarm>(types.alarm, names);
    return shown(found.flatMap((document) => (document ? [document.value] : [])));
  }
  const parents: Alarm[] = [];
  let after: string | undefined;
  do {
    const page = await ctx.state.list<Alarm>(types.alarm, after === undefined ? {} : { after });
    for (const { value } of page.items) {
      if (value.kind === "CompositeAlarm" && parseRule(value.rule).children.includes(child!)) parents.push(value);
    }
    after = page.next;
  } while (after !== undefined);
  return shown(parents);
}

function shown(alarms: readonly Alarm[]): { MetricAlarms: MetricView[]; CompositeAlarms: CompositeView[] } {
  return {
    MetricAlarms: alarms.flatMap((alarm) => (alarm.kind === "MetricAlarm" ? [metricView(alarm)] : [])),
    CompositeAlarms: alarms.flatMap((alarm) => (alarm.kind === "CompositeAlarm" ? [compositeView(alarm)] : [])),
  };
}

function commonView(alarm: Alarm) {
  const { state } = alarm;
  return {
    AlarmName: alarm.name,
    AlarmArn: alarm.arn,
    ...(alarm.description === undefined ? {} : { AlarmDescription: alarm.description }),
    AlarmConfigurationUpdatedTimestamp: new Date(alarm.configuredAt),
    ActionsEnabled: alarm.actionsEnabled,
    OKActions: alarm.okActions,
    AlarmActions: alarm.alarmActions,
    InsufficientDataActions: alarm.insufficientDataActions,
    StateValue: state.value,
    StateReason: state.reason,
    ...(state.reasonData === undefined ? {} : { StateReasonData: state.reasonData }),
    StateUpdatedTimestamp: new Date(state.updatedAt),
    StateTransitionedTimestamp: new Date(state.transitionedAt),
  };
}

function metricView(alarm: MetricAlarm): MetricView {
  const { metric } = alarm;
  return {
    ...commonView(alarm),
    ...(metric
      ? {
          MetricName: metric.name,
          Namespace: metric.namespace,
          ...(metric.extended ? { ExtendedStatistic: metric.statistic } : { Statistic: metric.statistic as "Sum" }),
          Dimensions: shownDimensions(metric.dimensions),
          Period: metric.period,
          ...(metric.unit === undefined ? {} : { Unit: metric.unit as "Count" }),
        }
      : {
          Dimensions: [],
          Metrics: (alarm.queries ?? []).map((query) => ({
            ...query,
            ReturnData: query.ReturnData ?? true,
          })) as NonNullable<MetricView["Metrics"]>,
        }),
    EvaluationPeriods: alarm.evaluationPeriods,
    ...(alarm.datapointsToAlarm === undefined ? {} : { DatapointsToAlarm: alarm.datapointsToAlarm }),
    Threshold: alarm.threshold,
    ComparisonOperator: alarm.comparison,
    ...(alarm.missingData === undefined ? {} : { TreatMissingData: alarm.missingData }),
    ...(alarm.lowSamples === undefined ? {} : { EvaluateLowSampleCountPercentile: alarm.lowSamples }),
  };
}

function compositeView(alarm: CompositeAlarm): CompositeView {
  return { ...commonView(alarm), AlarmRule: alarm.rule };
}

export async function describeAlarmsForMetric(
  input: Input<"DescribeAlarmsForMetric">,
  ctx: CallContext,
): Promise<Output<"DescribeAlarmsForMetric">> {
  const hash = metricHash(input.Namespace!, input.MetricName!, dimensionsOf(input.Dimensions, "Dimensions"));
  const chosen = input.Statistic ?? input.ExtendedStatistic;
  const found: MetricAlarm[] = [];
  let after: string | undefined;
  do {
    const page = await ctx.state.list<Alarm>(types.alarm, after === undefined ? {} : { after });
    for (const { value } of page.items) {
      if (value.kind !== "MetricAlarm" || value.metric?.hash !== hash) continue;
      if (chosen !== undefined && value.metric.statistic !== chosen) continue;
      if (input.Period !== undefined && value.metric.period !== input.Period) continue;
      if (input.Unit !== undefined && value.metric.unit !== input.Unit) continue;
      found.push(value);
    }
    after = page.next;
  } while (after !== undefined);
  return { MetricAlarms: found.map(metricView) };
}

const mostHistory = 100;

export async function describeAlarmHistory(
  input: Input<"DescribeAlarmHistory">,
  ctx: CallContext,
): Promise<Output<"DescribeAlarmHistory">> {
  if (input.AlarmContributorId !== undefined) throw validation("Alarm contributors are not supported.");
  const limit = Math.min(input.MaxRecords ?? mostHistory, mostHistory);
  const reverse = input.ScanBy !== "TimestampAscending";
  const kind = `history:${reverse}`;
  const from = input.StartDate?.getTime() ?? 0;
  const to = input.EndDate?.getTime() ?? Number.MAX_SAFE_INTEGER;
  const kinds = new Set<string>(input.AlarmTypes?.length ? input.AlarmTypes : ["MetricAlarm"]);
  const items: HistoryItem[] = [];
  let after = tokensOf(kind).read(input.NextToken);
  for (;;) {
    const page = await historyPage(ctx, input.AlarmName, reverse, limit, after);
    items.push(
      ...page.items
        .map(({ value }) => value)
        .filter(
          ({ alarm, at, type, kind: alarmKind }) =>
            (input.AlarmName === undefined || alarm === input.AlarmName) &&
            at >= from &&
            at <= to &&
            kinds.has(alarmKind) &&
            (input.HistoryItemType === undefined || type === input.HistoryItemType),
        ),
    );
    after = page.next;
    // A page of the store may come whole: items are given out with the cursor behind them.
    if (after === undefined || items.length > 0) break;
  }
  return {
    AlarmHistoryItems: items.map(({ alarm, kind: AlarmType, at, type, summary, data }) => ({
      AlarmName: alarm,
      AlarmType,
      Timestamp: new Date(at),
      HistoryItemType: type,
      HistorySummary: summary,
      HistoryData: data,
    })),
    ...(after === undefined ? {} : { NextToken: tokensOf(kind).write(after) }),
  };
}

function historyPage(
  ctx: CallContext,
  name: string | undefined,
  reverse: boolean,
  limit: number,
  after: string | undefined,
) {
  const query = { reverse, limit, ...(after === undefined ? {} : { after }) };
  return name === undefined
    ? ctx.state.find<HistoryItem>(types.history, "at", { from: pad(0), to: "~", ...query })
    : ctx.state.list<HistoryItem>(types.history, { prefix: `${name}\n`, ...query });
}
