/** Evaluates every alarm by the clock: metric alarms on their data, then composite alarms on the others' states. */
import { statistic, type Summary } from "#engines/metricMath/distribution.ts";
import { AwsError } from "#kernel/errors.ts";
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type Document } from "#store/contract.ts";
import type { Alarm, AlarmState, CompositeAlarm, MetricAlarm, WatchedMetric } from "./alarm.ts";
import { parseRule } from "./alarmRule.ts";
import { breaches, evaluate, extraPeriods, type Verdict } from "./evaluation.ts";
import { checkQueries } from "./metricQueries.ts";
import { stamp } from "./notifications.ts";
import { inUnit, jobSource, readPeriods } from "./series.ts";
import { serviceId, types } from "./state.ts";
import { transitionOperations } from "./transition.ts";

/** Composite alarms may name composite alarms; a chain of so many settles in one turn, a longer one in the next. */
const compositeRounds = 4;

export async function evaluateAlarms(ctx: JobContext): Promise<void> {
  const metrics: Document<Alarm>[] = [];
  const composites: Document<Alarm>[] = [];
  let after: string | undefined;
  do {
    const page = await ctx.store.list<Alarm>({
      service: serviceId,
      type: types.alarm,
      limit: 500,
      ...(after === undefined ? {} : { after }),
    });
    for (const document of page.items) (document.value.kind === "CompositeAlarm" ? composites : metrics).push(document);
    after = page.next;
  } while (after !== undefined);
  // First on what SetAlarmState has set, which the data may take back at once.
  await settleComposites(ctx, composites);
  for (const document of metrics) {
    if (ctx.signal.aborted) return;
    await guarded(ctx, document, () => metricVerdict(ctx, document.value as MetricAlarm));
  }
  await settleComposites(ctx, composites);
}

async function settleComposites(ctx: JobContext, composites: readonly Document<Alarm>[]): Promise<void> {
  for (let round = 0; round < compositeRounds; round++) {
    let changed = false;
    for (const { key } of composites) {
      if (ctx.signal.aborted) return;
      const document = await ctx.store.get<Alarm>(key);
      if (document?.value.kind !== "CompositeAlarm") continue;
      const moved = await guarded(ctx, document, () => compositeVerdict(ctx, document.value as CompositeAlarm));
      changed = changed || moved;
    }
    if (!changed) return;
  }
}

type Next = Pick<AlarmState, "value" | "reason" | "reasonData">;

/** One alarm that cannot be evaluated does not keep the others from it. True when the state has changed. */
async function guarded(
  ctx: JobContext,
  document: Document<Alarm>,
  verdict: () => Promise<Next | undefined>,
): Promise<boolean> {
  try {
    const next = await verdict();
    if (!next) return false;
    const now = ctx.clock.now();
    const state: AlarmState = { ...next, updatedAt: now, transitionedAt: now };
    await ctx.store.commit(transitionOperations(document, state, ctx.random));
    return true;
  } catch (error) {
    // Changed meanwhile: the next turn evaluates what it has become.
    if (error instanceof Conflict) return false;
    if (!(error instanceof AwsError)) throw error;
    ctx.log.warn({ alarm: document.value.arn, reason: error.message }, "an alarm could not be evaluated");
    return false;
  }
}

async function metricVerdict(ctx: JobContext, alarm: MetricAlarm): Promise<Next | undefined> {
  const now = ctx.clock.now();
  const data = alarm.metric ? await metricData(ctx, alarm, alarm.metric, now) : await queryData(ctx, alarm, now);
  if (data.held) return undefined;
  const verdict = evaluate({
    points: data.points,
    newest: data.newest,
    periodMs: data.periodMs,
    evaluationPeriods: alarm.evaluationPeriods,
    datapointsToAlarm: alarm.datapointsToAlarm ?? alarm.evaluationPeriods,
    threshold: alarm.threshold,
    comparison: alarm.comparison,
    missingData: alarm.missingData ?? "missing",
    current: alarm.state.value,
  });
  if (!verdict) return undefined;
  return { value: verdict.value, reason: verdict.reason, reasonData: reasonData(alarm, verdict, data, now) };
}

interface Data {
  points: Map<number, number>;
  newest: number;
  periodMs: number;
  samples?: Map<number, number>;
  /** Too few samples for the percentile, and the alarm is to stay as it is. */
  held: boolean;
}

function rangeOf(alarm: MetricAlarm, periodMs: number, now: number) {
  const end = Math.floor(now / periodMs) * periodMs;
  return { from: end - (alarm.evaluationPeriods + extraPeriods) * periodMs, to: end + periodMs, now };
}

async function metricData(ctx: JobContext, alarm: MetricAlarm, metric: WatchedMetric, now: number): Promise<Data> {
  const periodMs = metric.period * 1000;
  const range = rangeOf(alarm, periodMs, now);
  const periods = await readPeriods(jobSource(ctx, alarm), { hash: metric.hash, ...range, periodMs });
  const compute = statistic(metric.statistic)!;
  const points = new Map<number, number>();
  const samples = new Map<number, number>();
  const current = range.to - periodMs;
  let newest = current - periodMs;
  let held = false;
  for (const [at, units] of periods) {
    const summary = inUnit(units, metric.unit);
    const value = summary && compute(summary);
    if (value === undefined) continue;
    if (at === current && !(certain(metric, alarm, summary!) && breaches(value, alarm.comparison, alarm.threshold)))
      continue;
    if (at === current) newest = current;
    if (alarm.lowSamples === "ignore" && summary!.count < neededSamples(metric.statistic)) held = true;
    points.set(at, value);
    samples.set(at, summary!.count);
  }
  return { points, newest, periodMs, samples, held };
}

/** The period that is still open counts when nothing that comes later in it can undo its breach. */
function certain({ statistic: name }: WatchedMetric, { comparison }: MetricAlarm, { min }: Summary): boolean {
  const above = comparison.startsWith("Greater");
  if (name === "Maximum" || name === "SampleCount") return above;
  if (name === "Sum") return above && min >= 0;
  return name === "Minimum" && !above;
}

/** Source: CloudWatch User Guide, "Percentile-based alarms and low data samples". */
function neededSamples(name: string): number {
  const percent = Number(/^p([\d.]+)$/i.exec(name)?.[1] ?? Number.NaN) / 100;
  if (Number.isNaN(percent)) return 0;
  return percent >= 0.5 ? 10 / (1 - percent) : 10 / percent;
}

async function queryData(ctx: JobContext, alarm: MetricAlarm, now: number): Promise<Data> {
  const queries = checkQueries(alarm.queries ?? [], alarm.account);
  const periodMs = (queries.period || 300) * 1000;
  const range = rangeOf(alarm, periodMs, now);
  const newest = range.to - 2 * periodMs;
  // Only whole periods: what an expression makes of a part of one says nothing.
  const [result] = await queries.evaluate(jobSource(ctx, alarm), { ...range, to: range.to - periodMs });
  return { points: new Map(result?.points), newest, periodMs, held: false };
}

function reasonData(alarm: MetricAlarm, verdict: Verdict, data: Data, now: number): string {
  const { metric } = alarm;
  const oldestFirst = verdict.recent.toReversed();
  return JSON.stringify({
    version: "1.0",
    queryDate: stamp(now),
    ...(oldestFirst.length === 0 ? {} : { startDate: stamp(oldestFirst[0]!.at) }),
    ...(metric
      ? { statistic: metric.statistic, period: metric.period, ...(metric.unit ? { unit: metric.unit } : {}) }
      : {}),
    recentDatapoints: oldestFirst.map(({ value }) => value),
    threshold: alarm.threshold,
    evaluatedDatapoints: verdict.recent.map(({ at, value }) => ({
      timestamp: stamp(at),
      ...(data.samples?.has(at) ? { sampleCount: data.samples.get(at) } : {}),
      value,
    })),
  });
}

const longTime = (at: number): string =>
  new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "2-digit", month: "long", year: "numeric", timeZone: "UTC" })
    .format(new Date(at))
    .replace(/ (\d{4})$/, ", $1") + ` ${new Date(at).toISOString().slice(11, 19)} UTC`;

async function compositeVerdict(ctx: JobContext, alarm: CompositeAlarm): Promise<Next | undefined> {
  const rule = parseRule(alarm.rule);
  const scope = { account: alarm.account, region: alarm.region, service: serviceId, type: types.alarm };
  const found = await ctx.store.getMany<Alarm>(rule.children.map((id) => ({ ...scope, id })));
  const children = new Map(
    found.flatMap((document) => (document ? [[document.value.name, document.value] as const] : [])),
  );
  const value = rule.evaluate((name) => children.get(name)?.state.value) ? "ALARM" : "OK";
  if (value === alarm.state.value) return undefined;
  const latest = [...children.values()].toSorted((a, b) => b.state.transitionedAt - a.state.transitionedAt);
  const cause = latest[0];
  return {
    value,
    reason: cause
      ? `${cause.arn} transitioned to ${cause.state.value} at ${longTime(cause.state.transitionedAt)}`
      : `The rule ${alarm.rule} is ${value === "ALARM" ? "true" : "false"}`,
    reasonData: JSON.stringify({
      triggeringAlarms: latest.map(({ arn, state }) => ({
        arn,
        state: { value: state.value, timestamp: stamp(state.transitionedAt) },
      })),
    }),
  };
}
