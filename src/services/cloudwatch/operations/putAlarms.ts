/** PutMetricAlarm, PutCompositeAlarm, DeleteAlarms. Source: CloudWatch API Reference. */
import { parseArn } from "#kernel/arn.ts";
import { statistic } from "#engines/metricMath/distribution.ts";
import type { CallContext } from "#gateway/context.ts";
import {
  type Alarm,
  alarmArn,
  type CompositeAlarm,
  type Comparison,
  type MetricAlarm,
  type MissingData,
} from "../alarm.ts";
import { parseRule } from "../alarmRule.ts";
import { invalidCombination, limitExceeded, missing, noAlarm, validation } from "../errors.ts";
import { checkText, dimensionsOf, metricHash } from "../metric.ts";
import { checkQueries, type GivenQuery } from "../metricQueries.ts";
import { configurationChange, stamp } from "../notifications.ts";
import type { Input, Output } from "../sdk.ts";
import { eventsStream, types } from "../state.ts";
import { withTags } from "../tags.ts";
import { historyWrite } from "../transition.ts";
import { checkPeriod } from "./statistics.ts";

const dayS = 86_400;
const mostAlarms = 5_000;
const comparisons = new Set([
  "GreaterThanThreshold",
  "GreaterThanOrEqualToThreshold",
  "LessThanThreshold",
  "LessThanOrEqualToThreshold",
]);
const treatments = new Set(["missing", "ignore", "breaching", "notBreaching"]);

interface Actions {
  OKActions?: string[] | undefined;
  AlarmActions?: string[] | undefined;
  InsufficientDataActions?: string[] | undefined;
}

/** Topics of this Region and functions; nothing else that AWS knows as an action exists here. */
function checkActions(ctx: CallContext, { OKActions, AlarmActions, InsufficientDataActions }: Actions): void {
  for (const target of [...(OKActions ?? []), ...(AlarmActions ?? []), ...(InsufficientDataActions ?? [])]) {
    const arn = parseArn(target);
    if (!arn) throw validation(`Invalid arn syntax: ${target}`);
    if (arn.service !== "sns" && arn.service !== "lambda") throw validation(`The action ${target} is not supported.`);
    if (arn.region !== ctx.region)
      throw validation(`Invalid region ${arn.region} specified. Only ${ctx.region} is supported.`);
  }
}

type Written = Pick<Alarm, "name" | "actionsEnabled" | "okActions" | "alarmActions" | "insufficientDataActions">;

function written(input: Actions & { AlarmName?: string | undefined; ActionsEnabled?: boolean | undefined }): Written {
  return {
    name: input.AlarmName!,
    actionsEnabled: input.ActionsEnabled ?? true,
    okActions: input.OKActions ?? [],
    alarmActions: input.AlarmActions ?? [],
    insufficientDataActions: input.InsufficientDataActions ?? [],
  };
}

/** Puts an alarm with its history and event. An update leaves the state as it is, and tags too. */
async function put<T extends Alarm>(
  ctx: CallContext,
  definition: Omit<T, "arn" | "account" | "region" | "tags" | "configuredAt" | "state">,
  tags: Input<"PutMetricAlarm">["Tags"],
): Promise<void> {
  const { name } = definition as { name: string };
  const kind = (definition as { kind: Alarm["kind"] }).kind;
  checkText(name, "AlarmName");
  const before = (await ctx.state.get<Alarm>(types.alarm, name))?.value;
  if (before && before.kind !== kind)
    throw validation(`An alarm of another type with the name ${name} exists already.`);
  if (!before && (await ctx.state.count(types.alarm)) >= mostAlarms) {
    throw limitExceeded("The quota for alarms for this customer had already been reached.");
  }
  const alarm = {
    ...definition,
    arn: alarmArn(ctx, name),
    account: ctx.account,
    region: ctx.region,
    tags: before?.tags ?? withTags({}, tags),
    configuredAt: ctx.now,
    state: before?.state ?? {
      value: "INSUFFICIENT_DATA",
      reason: "Unchecked: Initial alarm creation",
      updatedAt: ctx.now,
      transitionedAt: ctx.now,
    },
  } as unknown as T;
  ctx.state.put(types.alarm, name, alarm);
  recordChange(ctx, alarm, before ? "update" : "create");
}

function recordChange(ctx: CallContext, alarm: Alarm, operation: "create" | "update" | "delete"): void {
  const { state: _state, ...definition } = alarm;
  const words = { create: "created", update: "updated", delete: "deleted" };
  const { type, id, value, ...options } = historyWrite(
    {
      alarm: alarm.name,
      kind: alarm.kind,
      at: ctx.now,
      type: "ConfigurationUpdate",
      summary: `Alarm "${alarm.name}" ${words[operation]}`,
      data: JSON.stringify({
        version: "1.0",
        type: operation === "create" ? "Create" : operation === "update" ? "Update" : "Delete",
        [operation === "create" ? "createdAlarm" : operation === "update" ? "updatedAlarm" : "deletedAlarm"]: {
          alarmName: alarm.name,
          alarmArn: alarm.arn,
          ...definition,
          configuredAt: stamp(alarm.configuredAt),
        },
      }),
    },
    ctx.random,
  );
  ctx.state.put(type, id, value, options);
  ctx.state.emit(eventsStream, ctx.account, configurationChange(alarm, operation, ctx.now, ctx.random.uuid()));
}

export async function putMetricAlarm(
  input: Input<"PutMetricAlarm">,
  ctx: CallContext,
): Promise<Output<"PutMetricAlarm">> {
  refuseUnserved(input);
  checkActions(ctx, input);
  const { EvaluationPeriods: periods, DatapointsToAlarm: enough, ComparisonOperator: comparison } = input;
  if (periods === undefined) throw missing("The parameter EvaluationPeriods is required.");
  if (comparison === undefined) throw missing("The parameter ComparisonOperator is required.");
  if (!comparisons.has(comparison) || input.ThresholdMetricId !== undefined) {
    throw validation("Alarms on anomaly detection models are not supported.");
  }
  if (input.Threshold === undefined) throw missing("The parameter Threshold is required.");
  if (!Number.isFinite(input.Threshold)) throw validation("Threshold must be a finite number.");
  if (enough !== undefined && enough > periods) {
    throw validation("DatapointsToAlarm must be less than or equal to EvaluationPeriods.");
  }
  const { TreatMissingData: treatment, EvaluateLowSampleCountPercentile: lowSamples } = input;
  if (treatment !== undefined && !treatments.has(treatment)) {
    throw validation(`Unsupported TreatMissingData value: ${treatment}`);
  }
  const watched = input.Metrics === undefined ? watchedMetric(input) : watchedQueries(input, ctx);
  const period = watched.period;
  if (period * periods > (period >= 3600 ? 7 * dayS : dayS)) {
    throw validation(
      `Metrics cannot be checked across more than a ${period >= 3600 ? "week" : "day"} (EvaluationPeriods * Period must be <= ${period >= 3600 ? 7 * dayS : dayS}).`,
    );
  }
  if (
    lowSamples !== undefined &&
    ((lowSamples !== "evaluate" && lowSamples !== "ignore") ||
      !("metric" in watched) ||
      !/^p/i.test(watched.metric.statistic))
  ) {
    throw validation(`Option ${lowSamples} is not supported for EvaluateLowSampleCountPercentile.`);
  }
  await put<MetricAlarm>(
    ctx,
    {
      kind: "MetricAlarm",
      ...written(input),
      ...(input.AlarmDescription === undefined ? {} : { description: input.AlarmDescription }),
      ...("metric" in watched ? { metric: watched.metric } : { queries: watched.queries }),
      evaluationPeriods: periods,
      ...(enough === undefined ? {} : { datapointsToAlarm: enough }),
      threshold: input.Threshold,
      comparison: comparison as Comparison,
      ...(treatment === undefined ? {} : { missingData: treatment as MissingData }),
      ...(lowSamples === undefined ? {} : { lowSamples: lowSamples as "evaluate" }),
    },
    input.Tags,
  );
  return {};
}

function refuseUnserved(input: Input<"PutMetricAlarm">): void {
  const names = [
    "EvaluationWindow",
    "WarmUpConfiguration",
    "EvaluationCriteria",
    "EvaluationInterval",
    "ActionConfiguration",
  ] as const;
  for (const name of names) if (input[name] !== undefined) throw validation(`The parameter ${name} is not supported.`);
}

function watchedMetric(input: Input<"PutMetricAlarm">) {
  const {
    Namespace: namespace,
    MetricName: name,
    Period: period,
    Statistic: simple,
    ExtendedStatistic: extended,
  } = input;
  if (namespace === undefined) throw missing("The parameter Namespace is required.");
  if (name === undefined) throw missing("The parameter MetricName is required.");
  if (period === undefined) throw missing("The parameter Period is required.");
  checkPeriod(period, "Period");
  if (simple !== undefined && extended !== undefined) {
    throw invalidCombination("The parameters Statistic and ExtendedStatistic are mutually exclusive.");
  }
  const chosen = simple ?? extended;
  if (chosen === undefined) throw missing("One of the parameters Statistic and ExtendedStatistic must be specified.");
  if (!statistic(chosen)) throw validation(`The value ${chosen} for parameter ExtendedStatistic is not supported.`);
  const dimensions = dimensionsOf(input.Dimensions, "Dimensions");
  const metric = {
    namespace,
    name,
    dimensions,
    hash: metricHash(namespace, name, dimensions),
    statistic: chosen,
    extended: extended !== undefined,
    period,
    ...(input.Unit === undefined ? {} : { unit: input.Unit }),
  };
  return { period, metric };
}

function watchedQueries(input: Input<"PutMetricAlarm">, ctx: CallContext) {
  const single = ["MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic"] as const;
  for (const name of single) {
    const given = input[name];
    if (given === undefined || (Array.isArray(given) && given.length === 0)) continue;
    throw invalidCombination(`The parameters Metrics and ${name} are mutually exclusive.`);
  }
  const queries = checkQueries(input.Metrics as GivenQuery[], ctx.account);
  if (queries.returned.length !== 1) {
    throw validation("Exactly one element of the metrics list should return data.");
  }
  return { period: queries.period || 300, queries: input.Metrics as GivenQuery[] };
}

export async function putCompositeAlarm(
  input: Input<"PutCompositeAlarm">,
  ctx: CallContext,
): Promise<Output<"PutCompositeAlarm">> {
  if (input.ActionsSuppressor !== undefined || input.ActionConfiguration !== undefined) {
    throw validation("Suppressing the actions of composite alarms is not supported.");
  }
  checkActions(ctx, input);
  const rule = parseRule(input.AlarmRule!);
  const found = await ctx.state.getMany<Alarm>(types.alarm, rule.children);
  for (const [index, name] of rule.children.entries()) {
    if (!found[index])
      throw validation(`Could not save the composite alarm as alarms [${name}] in the alarm rule do not exist`);
  }
  await refuseCycle(ctx, input.AlarmName!, rule.children);
  await put<CompositeAlarm>(
    ctx,
    {
      kind: "CompositeAlarm",
      ...written(input),
      ...(input.AlarmDescription === undefined ? {} : { description: input.AlarmDescription }),
      rule: input.AlarmRule!,
    },
    input.Tags,
  );
  return {};
}

/** An alarm that waits for itself would never be evaluated. */
async function refuseCycle(ctx: CallContext, name: string, children: readonly string[]): Promise<void> {
  const seen = new Set<string>();
  const open = [...children];
  while (open.length > 0) {
    const child = open.pop()!;
    if (child === name) throw validation(`The alarm rule of ${name} contains a cycle.`);
    if (seen.has(child)) continue;
    seen.add(child);
    const alarm = (await ctx.state.get<Alarm>(types.alarm, child))?.value;
    if (alarm?.kind === "CompositeAlarm") open.push(...parseRule(alarm.rule).children);
  }
}

export async function deleteAlarms(input: Input<"DeleteAlarms">, ctx: CallContext): Promise<Output<"DeleteAlarms">> {
  const names = [...new Set(input.AlarmNames ?? [])];
  const found = await ctx.state.getMany<Alarm>(types.alarm, names);
  if (found.some((document) => document === undefined)) throw noAlarm();
  for (const document of found) {
    ctx.state.delete(types.alarm, document!.value.name);
    recordChange(ctx, document!.value, "delete");
  }
  return {};
}
