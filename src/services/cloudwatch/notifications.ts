/**
 * What an alarm tells others: the message of a topic, and EventBridge's event. Sources: CloudWatch User Guide, "Alarm
 * events and EventBridge"; the message as aws-lambda-go keeps it in `cloudwatch-alarm-sns-payload-single-metric.json`.
 */
import { type Alarm, type AlarmState, type MetricAlarm } from "./alarm.ts";
import type { GivenQuery } from "./metricQueries.ts";

/** Names of Regions as messages write them. Source: AWS General Reference, "Regional endpoints". */
const regionNames: Readonly<Record<string, string>> = {
  "us-east-1": "US East (N. Virginia)",
  "us-east-2": "US East (Ohio)",
  "us-west-1": "US West (N. California)",
  "us-west-2": "US West (Oregon)",
  "ca-central-1": "Canada (Central)",
  "eu-central-1": "EU (Frankfurt)",
  "eu-west-1": "EU (Ireland)",
  "eu-west-2": "EU (London)",
  "eu-west-3": "EU (Paris)",
  "eu-north-1": "EU (Stockholm)",
  "ap-northeast-1": "Asia Pacific (Tokyo)",
  "ap-northeast-2": "Asia Pacific (Seoul)",
  "ap-northeast-3": "Asia Pacific (Osaka)",
  "ap-south-1": "Asia Pacific (Mumbai)",
  "ap-southeast-1": "Asia Pacific (Singapore)",
  "ap-southeast-2": "Asia Pacific (Sydney)",
  "sa-east-1": "South America (Sao Paulo)",
};

/** `2026-01-01T10:00:00.123+0000`. */
export const stamp = (at: number): string => new Date(at).toISOString().replace("Z", "+0000");

export function subjectOf(alarm: Alarm, state: AlarmState): string {
  // SNS takes subjects of at most 100 characters.
  return `${state.value}: "${alarm.name}" in ${regionNames[alarm.region] ?? alarm.region}`.slice(0, 99);
}

export function messageOf(alarm: Alarm, before: AlarmState, state: AlarmState): string {
  const common = {
    AlarmName: alarm.name,
    AlarmDescription: alarm.description ?? null,
    AWSAccountId: alarm.account,
    AlarmConfigurationUpdatedTimestamp: stamp(alarm.configuredAt),
    NewStateValue: state.value,
    NewStateReason: state.reason,
    StateChangeTime: stamp(state.transitionedAt),
    Region: regionNames[alarm.region] ?? alarm.region,
    AlarmArn: alarm.arn,
    OldStateValue: before.value,
    OKActions: alarm.okActions,
    AlarmActions: alarm.alarmActions,
    InsufficientDataActions: alarm.insufficientDataActions,
  };
  return JSON.stringify(
    alarm.kind === "CompositeAlarm" ? { ...common, AlarmRule: alarm.rule } : { ...common, Trigger: trigger(alarm) },
  );
}

function trigger(alarm: MetricAlarm) {
  const rest = {
    Period: alarm.metric?.period,
    EvaluationPeriods: alarm.evaluationPeriods,
    ...(alarm.datapointsToAlarm === undefined ? {} : { DatapointsToAlarm: alarm.datapointsToAlarm }),
    ComparisonOperator: alarm.comparison,
    Threshold: alarm.threshold,
    TreatMissingData: alarm.missingData ?? "missing",
    EvaluateLowSampleCountPercentile: alarm.lowSamples ?? "",
  };
  const { metric } = alarm;
  if (!metric) return { ...rest, Metrics: alarm.queries };
  return {
    MetricName: metric.name,
    Namespace: metric.namespace,
    StatisticType: metric.extended ? "ExtendedStatistic" : "Statistic",
    ...(metric.extended ? { ExtendedStatistic: metric.statistic } : { Statistic: metric.statistic.toUpperCase() }),
    Unit: metric.unit ?? null,
    Dimensions: metric.dimensions.map(({ name, value }) => ({ value, name })),
    ...rest,
  };
}

function configuration(alarm: Alarm) {
  const description = alarm.description === undefined ? {} : { description: alarm.description };
  if (alarm.kind === "CompositeAlarm") return { ...description, alarmRule: alarm.rule };
  const { metric } = alarm;
  if (!metric) return { ...description, metrics: (alarm.queries ?? []).map(queryView) };
  return {
    ...description,
    metrics: [
      {
        id: metric.hash.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
        metricStat: {
          metric: {
            namespace: metric.namespace,
            name: metric.name,
            dimensions: Object.fromEntries(metric.dimensions.map(({ name, value }) => [name, value])),
          },
          period: metric.period,
          stat: metric.statistic,
          ...(metric.unit === undefined ? {} : { unit: metric.unit }),
        },
        returnData: true,
      },
    ],
  };
}

function queryView(query: GivenQuery) {
  const { Id: id, Expression: expression, Label: label, MetricStat: stat, ReturnData: returnData = true } = query;
  const dimensions = stat?.Metric?.Dimensions?.map(({ Name, Value }) => [Name, Value] as const) ?? [];
  return {
    id,
    ...(expression === undefined ? {} : { expression }),
    ...(label === undefined ? {} : { label }),
    ...(stat === undefined
      ? {}
      : {
          metricStat: {
            metric: {
              namespace: stat.Metric?.Namespace,
              name: stat.Metric?.MetricName,
              dimensions: Object.fromEntries(dimensions),
            },
            period: stat.Period,
            stat: stat.Stat,
          },
        }),
    returnData,
  };
}

const stateView = ({ value, reason, reasonData, transitionedAt }: AlarmState) => ({
  value,
  reason,
  ...(reasonData === undefined ? {} : { reasonData }),
  timestamp: stamp(transitionedAt),
});

function event(alarm: Alarm, id: string, at: number, type: string, detail: Record<string, unknown>) {
  return {
    version: "0",
    id,
    "detail-type": type,
    source: "aws.cloudwatch",
    account: alarm.account,
    time: new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z"),
    region: alarm.region,
    resources: [alarm.arn],
    detail: { alarmName: alarm.name, ...detail },
  };
}

export function stateChange(alarm: Alarm, before: AlarmState, state: AlarmState, id: string) {
  return event(alarm, id, state.transitionedAt, "CloudWatch Alarm State Change", {
    configuration: configuration(alarm),
    previousState: stateView(before),
    state: stateView(state),
  });
}

export function configurationChange(alarm: Alarm, operation: "create" | "update" | "delete", at: number, id: string) {
  return event(alarm, id, at, "CloudWatch Alarm Configuration Change", {
    operation,
    configuration: {
      ...configuration(alarm),
      actionsEnabled: alarm.actionsEnabled,
      alarmName: alarm.name,
      timestamp: stamp(at),
    },
    state: stateView(alarm.state),
  });
}
