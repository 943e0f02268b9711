/**
 * Metrics of the namespace AWS/Events, counted in memory and reported a little later: an event costs no write for them.
 * Source: EventBridge User Guide, "EventBridge metrics" (dimensions RuleName; EventBusName and RuleName for rules on other
 * buses; TargetId where it says so).
 */
import type { JobContext } from "#gateway/context.ts";
import type { Operation } from "#store/contract.ts";
import { defaultBus, type Place } from "./state.ts";

export type MetricName =
  | "MatchedEvents"
  | "TriggeredRules"
  | "Invocations"
  | "FailedInvocations"
  | "InvocationAttempts"
  | "SuccessfulInvocationAttempts"
  | "RetryInvocationAttempts"
  | "ThrottledRules"
  | "DeadLetterInvocations"
  | "InvocationsSentToDlq"
  | "InvocationsFailedToBeSentToDlq"
  | "IngestionToInvocationStartLatency";

interface Sum {
  place: Place;
  name: MetricName;
  dimensions: { Name: string; Value: string }[];
  count: number;
  sum: number;
  min: number;
  max: number;
}

const namespace = "AWS/Events";
const mostData = 500;

export class Metrics {
  #sums = new Map<string, Sum>();

  count(place: Place, bus: string, rule: string | undefined, name: MetricName, value = 1): void {
    const dimensions = [
      ...(bus === defaultBus ? [] : [{ Name: "EventBusName", Value: bus }]),
      ...(rule === undefined ? [] : [{ Name: "RuleName", Value: rule }]),
    ];
    const id = [place.account, place.region, name, bus, rule ?? ""].join("\n");
    const sum = this.#sums.get(id);
    if (!sum) {
      this.#sums.set(id, { place, name, dimensions, count: 1, sum: value, min: value, max: value });
      return;
    }
    sum.count += 1;
    sum.sum += value;
    sum.min = Math.min(sum.min, value);
    sum.max = Math.max(sum.max, value);
  }

  /** What has been counted since the last time, as events for the stream of metrics. */
  take(ctx: Pick<JobContext, "clock" | "random">): Operation[] {
    const byPlace = Map.groupBy(this.#sums.values(), ({ place }) => `${place.account}/${place.region}`);
    this.#sums = new Map();
    const at = ctx.clock.now();
    return [...byPlace.entries()].flatMap(([key, sums]) => {
      const operations: Operation[] = [];
      for (let start = 0; start < sums.length; start += mostData) {
        const data = sums.slice(start, start + mostData).map((sum) => datum(sum, at));
        operations.push({
          op: "append",
          stream: "metrics",
          key: `${key}/${namespace}`,
          id: ctx.random.uuid(),
          event: { ...sums[0]!.place, namespace, data },
        });
      }
      return operations;
    });
  }
}

function datum({ name, dimensions, count, sum, min, max }: Sum, at: number): Record<string, unknown> {
  return {
    MetricName: name,
    Dimensions: dimensions,
    Timestamp: at,
    Unit: name === "IngestionToInvocationStartLatency" ? "Milliseconds" : "Count",
    StatisticValues: { SampleCount: count, Sum: sum, Minimum: min, Maximum: max },
  };
}
