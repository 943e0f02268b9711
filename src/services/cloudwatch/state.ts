/** Every document of CloudWatch. */
import type { Summary } from "#engines/metricMath/distribution.ts";
import type { Alarm } from "./alarm.ts";

export const serviceId = "cloudwatch";
/** Stream of datapoints that services report about themselves: see `reportedMetrics.ts`. */
export const metricsStream = "metrics";
/** Stream that EventBridge follows. */
export const eventsStream = "events";

export const types = {
  metric: "metric",
  raw: "raw",
  rollup: "rollup",
  seen: "seen",
  alarm: "alarm",
  history: "history",
  action: "action",
} as const;

export interface Dimension {
  name: string;
  value: string;
}

/** `metric`, by `<namespace>\n<name>\n<hash>`. Expires with its data. */
export interface Metric {
  namespace: string;
  name: string;
  /** Ascending by name. */
  dimensions: Dimension[];
  /** Names the metric's datapoints. */
  hash: string;
  /** When data last came, epoch milliseconds; at most an hour behind. */
  activeAt: number;
}

export interface RawPoint {
  /** Epoch milliseconds. */
  at: number;
  unit: string;
  summary: Summary;
  /** Storage resolution of one second. */
  fine?: true;
}

/** `raw`, by `<hash>/<received>/<id>`: datapoints of one metric as one call brought them, until they are rolled up. */
export interface Raw {
  receivedAt: number;
  points: RawPoint[];
}

/** `rollup`, by `<hash>/<resolution>/<window>`: by period within the window, then by unit. */
export interface Rollup {
  periods: Record<string, Record<string, Summary>>;
}

/** `seen`, by event id: a reported event that has been recorded. */
export type Seen = Record<string, never>;

/** `alarm`, by name. */
export type AlarmDocument = Alarm;

export interface HistoryItem {
  alarm: string;
  kind: "MetricAlarm" | "CompositeAlarm";
  at: number;
  type: "ConfigurationUpdate" | "StateUpdate" | "Action";
  summary: string;
  data: string;
}

/** `action`, by `<alarm>\n<at>\n<id>`: an action that has to be taken. */
export interface PendingAction {
  alarm: string;
  alarmArn: string;
  kind: "MetricAlarm" | "CompositeAlarm";
  account: string;
  region: string;
  target: string;
  subject: string;
  message: string;
  state: string;
  attempts: number;
  /** Not before this. */
  dueAt: number;
}

export const pad = (milliseconds: number): string => String(Math.max(0, Math.floor(milliseconds))).padStart(15, "0");

const dayMs = 86_400_000;

/**
 * How long datapoints are kept, by their resolution; documents hold a window of periods each.
 * Source: CloudWatch User Guide, "Metrics retention".
 */
export const resolutions = [
  { seconds: 1, windowMs: 300_000, keptMs: 3 * 3_600_000 },
  { seconds: 60, windowMs: 3_600_000, keptMs: 15 * dayMs },
  { seconds: 300, windowMs: dayMs, keptMs: 63 * dayMs },
  { seconds: 3600, windowMs: 15 * dayMs, keptMs: 455 * dayMs },
] as const;

export type Resolution = (typeof resolutions)[number];
export const metricKeptMs = 455 * dayMs;
/** ListMetrics: "metrics that have not reported data in the past two weeks don't appear". */
export const listedMs = 14 * dayMs;
/** "CloudWatch saves alarm history for 30 days." */
export const historyKeptMs = 30 * dayMs;
