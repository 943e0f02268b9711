/** GetMetricStatistics. Source: CloudWatch API Reference; CloudWatch User Guide, "Metrics retention". */
import { statistic } from "#engines/metricMath/distribution.ts";
import type { CallContext } from "#gateway/context.ts";
import { invalidCombination, invalidValue, missing } from "../errors.ts";
import { dimensionsOf, metricHash } from "../metric.ts";
import type { Input, Output } from "../sdk.ts";
import { callSource, readPeriods } from "../series.ts";

const mostDatapoints = 1_440;
const subMinute = new Set([1, 5, 10, 20, 30]);

/** @throws InvalidParameterValue */
export function checkPeriod(period: number, name: string): void {
  if (period > 0 && (period % 60 === 0 || subMinute.has(period))) return;
  throw invalidValue(`The parameter ${name} must be a value in the set [ 1, 5, 10, 20, 30 ], or a multiple of 60.`);
}

export async function getMetricStatistics(
  input: Input<"GetMetricStatistics">,
  ctx: CallContext,
): Promise<Output<"GetMetricStatistics">> {
  const period = input.Period!;
  const [from, to] = [input.StartTime!.getTime(), input.EndTime!.getTime()];
  if (Number.isNaN(from) || Number.isNaN(to)) throw invalidValue("The parameter StartTime or EndTime is invalid.");
  if (from >= to) throw invalidCombination("The parameter StartTime must be less than the parameter EndTime.");
  checkPeriod(period, "Period");
  const names = input.Statistics ?? [];
  const extended = input.ExtendedStatistics ?? [];
  if (names.length === 0 && extended.length === 0) {
    throw missing("At least one of the parameters Statistics and ExtendedStatistics must be specified.");
  }
  if (names.length > 0 && extended.length > 0) {
    throw invalidCombination("The parameters Statistics and ExtendedStatistics are mutually exclusive.");
  }
  for (const name of extended) {
    if (!statistic(name)) throw invalidValue(`The value ${name} for parameter ExtendedStatistics is not supported.`);
  }
  if ((to - from) / (period * 1000) > mostDatapoints) {
    throw invalidCombination(
      `You have requested up to ${Math.ceil((to - from) / (period * 1000))} datapoints, which exceeds the limit of ${mostDatapoints}. You may reduce the datapoints requested by increasing Period, or decreasing the time range.`,
    );
  }
  const dimensions = dimensionsOf(input.Dimensions, "Dimensions");
  const hash = metricHash(input.Namespace!, input.MetricName!, dimensions);
  const periods = await readPeriods(callSource(ctx), { hash, from, to, periodMs: period * 1000, now: ctx.now });
  const Datapoints = [...periods].flatMap(([at, units]) =>
    [...units].flatMap(([unit, summary]) => {
      if (input.Unit !== undefined && input.Unit !== unit) return [];
      const values = (list: readonly string[]) =>
        Object.fromEntries(
          list.flatMap((name) => {
            const value = statistic(name)!(summary);
            return value === undefined ? [] : [[name, value] as const];
          }),
        );
      return [
        {
          Timestamp: new Date(at),
          ...values(names),
          ...(extended.length === 0 ? {} : { ExtendedStatistics: values(extended) }),
          Unit: unit as "Count",
        },
      ];
    }),
  );
  return { Label: input.MetricName!, Datapoints };
}
