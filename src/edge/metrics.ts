/**
 * What CloudWatch shows of load balancers. Source: Elastic Load Balancing User Guide, "CloudWatch metrics for your
 * Application Load Balancer". Counted in memory, taken every few seconds as data of the stream `metrics`.
 */
import type { Exchange } from "./exchange.ts";
import type { ListenerState } from "./listenerState.ts";
import type { TargetGroup } from "./targets.ts";

const namespace = "AWS/ApplicationELB";

interface Datum {
  MetricName: string;
  Dimensions: { Name: string; Value: string }[];
  Timestamp: number;
  Unit: string;
  Values?: number[];
  Counts?: number[];
  StatisticValues?: { SampleCount: number; Sum: number; Minimum: number; Maximum: number };
}

export interface MetricsEvent {
  account: string;
  region: string;
  namespace: string;
  data: Datum[];
}

interface Counter {
  place: { account: string; region: string };
  metric: string;
  unit: string;
  dimensions: Datum["Dimensions"];
  minute: number;
  samples: number;
  sum: number;
  least: number;
  most: number;
  /** Rounded value → how often; only where percentiles are of use. */
  values?: Map<number, number>;
}

/** Data of one event; an event of a stream holds 320 KB. */
const dataPerEvent = 400;
/** Distinct response times of one datum; beyond, they are rounded more coarsely. */
const mostValues = 150;

export class EdgeMetrics {
  readonly #counters = new Map<string, Counter>();

  connection(
    state: ListenerState,
    metric: "NewConnectionCount" | "RejectedConnectionCount" | "ClientTLSNegotiationErrorCount",
    now: number,
  ): void {
    this.#add(state, metric, [balancer(state)], 1, now);
  }

  unreadable(state: ListenerState, status: number, now: number): void {
    this.#add(state, "RequestCount", [balancer(state)], 1, now);
    this.#elbStatus(state, status, now);
  }

  request(exchange: Exchange, now: number): void {
    const { state, targetGroup, targetStatus, actions, rule, checked } = exchange;
    const own = balancer(state);
    const group = targetGroup ? { Name: "TargetGroup", Value: targetGroup.document.name } : undefined;
    const both = group ? [[own], [group, own]] : [[own]];
    const count = (metric: string, dimensions: readonly Datum["Dimensions"][], value = 1, unit = "Count"): void => {
      for (const each of dimensions) this.#add(state, metric, each, value, now, unit);
    };
    count("RequestCount", both);
    count("ProcessedBytes", [[own]], exchange.headReceived + exchange.bodyReceived + exchange.sent, "Bytes");
    if (rule) {
      // Evaluations beyond the default rule's.
      const evaluated = state.rules.indexOf(rule) + (rule.priority === "default" ? 0 : 1);
      if (evaluated > 0) count("RuleEvaluations", [[own]], evaluated);
    }
    if (actions.includes("redirect")) count("HTTP_Redirect_Count", [[own]]);
    if (actions.includes("fixed-response")) count("HTTP_Fixed_Response_Count", [[own]]);
    if (checked.classification) count("DesyncMitigationMode_NonCompliant_Request_Count", [[own]]);
    if (targetStatus !== undefined) {
      count(`HTTPCode_Target_${Math.floor(targetStatus / 100)}XX_Count`, both);
      if (exchange.answeredTick !== undefined && exchange.sentTick !== undefined) {
        count("TargetResponseTime", both, (exchange.answeredTick - exchange.sentTick) / 1000, "Seconds");
      }
    } else this.#elbStatus(state, exchange.status, now);
    if (group && exchange.sentTick !== undefined) {
      count("RequestCountPerTarget", [[group]], 1 / Math.max(1, targetGroup?.healthy().length ?? 1), "None");
      if (targetStatus === undefined && exchange.status === 502) count("TargetConnectionErrorCount", both);
    }
  }

  #elbStatus(state: ListenerState, status: number, now: number): void {
    if (status < 300) return;
    const own = [balancer(state)];
    // Codes of load balancers themselves (460, 463, 561) are among their class.
    this.#add(state, `HTTPCode_ELB_${Math.floor(status / 100)}XX_Count`, own, 1, now);
    if ([500, 502, 503, 504].includes(status)) this.#add(state, `HTTPCode_ELB_${status}_Count`, own, 1, now);
  }

  /** Numbers of this moment. */
  connections(state: ListenerState, count: number, now: number): void {
    this.#add(state, "ActiveConnectionCount", [balancer(state)], count, now);
  }

  hosts(place: { account: string; region: string }, group: TargetGroup, frontEnd: string, now: number): void {
    const dimensions = [
      { Name: "TargetGroup", Value: group.document.name },
      { Name: "LoadBalancer", Value: frontEnd },
    ];
    const healthy = group.healthy().length;
    const unhealthy = group.registered().filter(({ state }) => state === "unhealthy").length;
    this.#add(place, "HealthyHostCount", dimensions, healthy, now);
    this.#add(place, "UnHealthyHostCount", dimensions, unhealthy, now);
  }

  /** Takes what has been counted; begins anew. */
  take(): MetricsEvent[] {
    const places = new Map<string, MetricsEvent>();
    const events: MetricsEvent[] = [];
    for (const counter of this.#counters.values()) {
      const { account, region } = counter.place;
      const name = `${account}|${region}`;
      let event = places.get(name);
      if (!event || event.data.length >= dataPerEvent) {
        event = { account, region, namespace, data: [] };
        places.set(name, event);
        events.push(event);
      }
      event.data.push(datumOf(counter));
    }
    this.#counters.clear();
    return events;
  }

  #add(
    place: { account: string; region: string },
    metric: string,
    dimensions: Datum["Dimensions"],
    value: number,
    now: number,
    unit = "Count",
  ): void {
    const minute = Math.floor(now / 60_000) * 60_000;
    const key = `${place.account}|${place.region}|${metric}|${minute}|${dimensions.map(({ Value }) => Value).join("|")}`;
    let counter = this.#counters.get(key);
    if (!counter) {
      const { account, region } = place;
      const values = metric === "TargetResponseTime" ? { values: new Map<number, number>() } : {};
      counter = {
        place: { account, region },
        metric,
        unit,
        dimensions,
        minute,
        samples: 0,
        sum: 0,
        least: value,
        most: value,
        ...values,
      };
      this.#counters.set(key, counter);
    }
    counter.samples++;
    counter.sum += value;
    counter.least = Math.min(counter.least, value);
    counter.most = Math.max(counter.most, value);
    if (counter.values) {
      const digits = counter.values.size < mostValues / 2 ? 3 : 1;
      const rounded = Number(value.toPrecision(digits));
      counter.values.set(rounded, (counter.values.get(rounded) ?? 0) + 1);
    }
  }
}

function balancer(state: ListenerState): { Name: string; Value: string } {
  return { Name: "LoadBalancer", Value: state.frontEnd.name };
}

function datumOf({ metric, unit, dimensions, minute, samples, sum, least, most, values }: Counter): Datum {
  const base = { MetricName: metric, Dimensions: dimensions, Timestamp: minute, Unit: unit };
  if (values && values.size <= mostValues) return { ...base, Values: [...values.keys()], Counts: [...values.values()] };
  return { ...base, StatisticValues: { SampleCount: samples, Sum: sum, Minimum: least, Maximum: most } };
}
