/** Alarms as they are kept, by name: what they watch, what they do, and the state they are in. */
import type { CallContext } from "#gateway/context.ts";
import type { GivenQuery } from "./metricQueries.ts";
import type { Dimension } from "./state.ts";

export type StateValue = "OK" | "ALARM" | "INSUFFICIENT_DATA";

export interface AlarmState {
  value: StateValue;
  reason: string;
  /** JSON. */
  reasonData?: string;
  updatedAt: number;
  transitionedAt: number;
}

interface AlarmBase {
  name: string;
  arn: string;
  account: string;
  region: string;
  description?: string;
  actionsEnabled: boolean;
  okActions: string[];
  alarmActions: string[];
  insufficientDataActions: string[];
  tags: Record<string, string>;
  configuredAt: number;
  state: AlarmState;
}

export interface WatchedMetric {
  namespace: string;
  name: string;
  dimensions: Dimension[];
  hash: string;
  /** `Statistic` and `ExtendedStatistic` are two members of the API. */
  statistic: string;
  extended: boolean;
  /** Seconds. */
  period: number;
  unit?: string;
}

export type Comparison =
  | "GreaterThanThreshold"
  | "GreaterThanOrEqualToThreshold"
  | "LessThanThreshold"
  | "LessThanOrEqualToThreshold";

export type MissingData = "missing" | "ignore" | "breaching" | "notBreaching";

export type MetricAlarm = AlarmBase & {
  kind: "MetricAlarm";
  /** Exactly one of the two. */
  metric?: WatchedMetric;
  queries?: GivenQuery[];
  evaluationPeriods: number;
  datapointsToAlarm?: number;
  threshold: number;
  comparison: Comparison;
  missingData?: MissingData;
  lowSamples?: "evaluate" | "ignore";
};

export type CompositeAlarm = AlarmBase & { kind: "CompositeAlarm"; rule: string };

export type Alarm = MetricAlarm | CompositeAlarm;

export function alarmArn(ctx: Pick<CallContext, "partition" | "region" | "account">, name: string): string {
  return `arn:${ctx.partition}:cloudwatch:${ctx.region}:${ctx.account}:alarm:${name}`;
}

export function actionsOf(alarm: Alarm, state: StateValue): readonly string[] {
  if (!alarm.actionsEnabled) return [];
  if (state === "ALARM") return alarm.alarmActions;
  return state === "OK" ? alarm.okActions : alarm.insufficientDataActions;
}
