/**
 * What CloudWatch shows of load balancers. Source: Elastic Load Balancing User Guide, "CloudWatch metrics for your
 * Application Load Balancer". Counted in memory, taken every few seconds as data of the stream `metrics`.
 */
import type { Exchange } from "./exchange.ts";
import type { CompiledRule, ListenerState } from "./listenerState.ts";
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
  unit: string;
  minute: number;
  samples: number;
  sum: number;
  least: number;
  most: number;
  /** Rounded value → how often; only where percentiles are of use. */
  values?: Map<number, number>;
}

/** Counters of one set of dimensions, by metric. */
interface Series {
  place: { account: string; region: string };
  dimensions: Datum["Dimensions"];
  counters: Map<string, Counter>;
}

/** A front end's own series, and those of the groups behind it: looked up once per request, without making names. */
interface Balancer {
  own: Series;
  groups: Map<string, { both: Series; alone: Series }>;
}

/** Data of one event; an event of a stream holds 320 KB. */
const dataPerEvent = 400;
/** Distinct response times of one datum; beyond, they are rounded more coarsely. */
const mostValues = 150;

/** `2XX` and so on: there are few, and they are not put together for each request. */
const classes = ["0XX", "1XX", "2XX", "3XX", "4XX", "5XX"];
const targetClasses = classes.map((each) => `HTTPCode_Target_${each}_Count`);
const elbClasses = classes.map((each) => `HTTPCode_ELB_${each}_Count`);

export class EdgeMetrics {
  #balancers = new Map<ListenerState, Balancer>();
  #series: Series[] = [];
  /** Data of minutes that are over. */
  readonly #done: { place: Series["place"]; datum: Datum }[] = [];

  connection(
    state: ListenerState,
    metric: "NewConnectionCount" | "RejectedConnectionCount" | "ClientTLSNegotiationErrorCount",
    now: number,
  ): void {
    this.#add(this.#balancer(state).own, metric, 1, minuteOf(now));
  }

  unreadable(state: ListenerState, status: number, now: number): void {
    const { own } = this.#balancer(state);
    this.#add(own, "RequestCount", 1, minuteOf(now));
    this.#elbStatus(own, status, minuteOf(now));
  }

  request(exchange: Exchange, now: number): void {
    const { state, targetGroup, targetStatus, actions, rule, checked, sentTick, answeredTick } = exchange;
    const minute = minuteOf(now);
    const balancer = this.#balancer(state);
    const { own } = balancer;
    const group = targetGroup && this.#group(balancer, state, targetGroup.document.name);
    const both = (metric: string, value: number, unit?: string): void => {
      this.#add(own, metric, value, minute, unit);
      if (group) this.#add(group.both, metric, value, minute, unit);
    };
    both("RequestCount", 1);
    const bytes = exchange.headReceived + exchange.bodyReceived + exchange.sent;
    this.#add(own, "ProcessedBytes", bytes, minute, "Bytes");
    // Evaluations beyond the default rule's.
    const evaluated = rule === undefined || state.rules.length === 1 ? 0 : evaluations(state, rule);
    if (evaluated > 0) this.#add(own, "RuleEvaluations", evaluated, minute);
    if (actions.includes("redirect")) this.#add(own, "HTTP_Redirect_Count", 1, minute);
    if (actions.includes("fixed-response")) this.#add(own, "HTTP_Fixed_Response_Count", 1, minute);
    if (checked.classification) this.#add(own, "DesyncMitigationMode_NonCompliant_Request_Count", 1, minute);
    if (exchange.path === "/oauth2/idpresponse" && actions.includes("authenticate")) {
      this.#add(own, authenticationMetric(exchange.status), 1, minute);
    }
    if (targetStatus === undefined) this.#elbStatus(own, exchange.status, minute);
    else {
      both(targetClasses[Math.floor(targetStatus / 100)] ?? targetClasses[0]!, 1);
      if (answeredTick !== undefined && sentTick !== undefined) {
        both("TargetResponseTime", (answeredTick - sentTick) / 1000, "Seconds");
      }
    }
    if (!group || sentTick === undefined) return;
    this.#add(group.alone, "RequestCountPerTarget", 1, minute);
    if (targetStatus === undefined && exchange.status === 502) both("TargetConnectionErrorCount", 1);
  }

  #elbStatus(own: Series, status: number, minute: number): void {
    if (status < 300) return;
    // Codes of load balancers themselves (460, 463, 561) are among their class.
    this.#add(own, elbClasses[Math.floor(status / 100)] ?? elbClasses[5]!, 1, minute);
    if (status === 500 || status === 502 || status === 503 || status === 504) {
      this.#add(own, `HTTPCode_ELB_${status}_Count`, 1, minute);
    }
  }

  /** Numbers of this moment. */
  connections(state: ListenerState, count: number, now: number): void {
    this.#add(this.#balancer(state).own, "ActiveConnectionCount", count, minuteOf(now));
  }

  hosts(place: Series["place"], group: TargetGroup, frontEnd: string, now: number): void {
    const dimensions = [
      { Name: "TargetGroup", Value: group.document.name },
      { Name: "LoadBalancer", Value: frontEnd },
    ];
    const unhealthy = group.registered().filter(({ state }) => state === "unhealthy").length;
    const series = this.#newSeries(place, dimensions);
    this.#add(series, "HealthyHostCount", group.healthy().length, minuteOf(now));
    this.#add(series, "UnHealthyHostCount", unhealthy, minuteOf(now));
  }

  /** Takes what has been counted; begins anew. */
  take(): MetricsEvent[] {
    const places = new Map<string, MetricsEvent>();
    const events: MetricsEvent[] = [];
    const open = this.#series.flatMap(({ place, dimensions, counters }) =>
      [...counters].map(([metric, counter]) => ({ place, datum: datumOf(metric, dimensions, counter) })),
    );
    for (const { place, datum } of [...this.#done, ...open]) {
      const { account, region } = place;
      const name = `${account}|${region}`;
      let event = places.get(name);
      if (!event || event.data.length >= dataPerEvent) {
        event = { account, region, namespace, data: [] };
        places.set(name, event);
        events.push(event);
      }
      event.data.push(datum);
    }
    this.#done.length = 0;
    this.#balancers = new Map();
    this.#series = [];
    return events;
  }

  #balancer(state: ListenerState): Balancer {
    let balancer = this.#balancers.get(state);
    if (!balancer) {
      const dimensions = [{ Name: "LoadBalancer", Value: state.frontEnd.name }];
      balancer = { own: this.#newSeries(state, dimensions), groups: new Map() };
      this.#balancers.set(state, balancer);
    }
    return balancer;
  }

  #group(balancer: Balancer, state: ListenerState, name: string): { both: Series; alone: Series } {
    let series = balancer.groups.get(name);
    if (!series) {
      const group = { Name: "TargetGroup", Value: name };
      const both = [group, ...balancer.own.dimensions];
      series = { both: this.#newSeries(state, both), alone: this.#newSeries(state, [group]) };
      balancer.groups.set(name, series);
    }
    return series;
  }

  #newSeries({ account, region }: Series["place"], dimensions: Datum["Dimensions"]): Series {
    const series = { place: { account, region }, dimensions, counters: new Map<string, Counter>() };
    this.#series.push(series);
    return series;
  }

  #add(series: Series, metric: string, value: number, minute: number, unit = "Count"): void {
    let counter = series.counters.get(metric);
    if (counter && counter.minute !== minute) {
      this.#done.push({ place: series.place, datum: datumOf(metric, series.dimensions, counter) });
      counter = undefined;
    }
    if (!counter) {
      counter = { unit, minute, samples: 0, sum: 0, least: value, most: value };
      if (metric === "TargetResponseTime") counter.values = new Map();
      series.counters.set(metric, counter);
    }
    counter.samples++;
    counter.sum += value;
    if (value < counter.least) counter.least = value;
    if (value > counter.most) counter.most = value;
    if (counter.values) {
      const digits = counter.values.size < mostValues / 2 ? 2 : 1;
      const rounded = Number(value.toPrecision(digits));
      counter.values.set(rounded, (counter.values.get(rounded) ?? 0) + 1);
    }
  }
}

/** A login that has come to its end: well, refused by the provider, or for a reason in between. */
function authenticationMetric(status: number): string {
  if (status === 302) return "ELBAuthSuccess";
  return status >= 500 && status !== 561 ? "ELBAuthError" : "ELBAuthFailure";
}

function minuteOf(now: number): number {
  return now - (now % 60_000);
}

function evaluations(state: ListenerState, rule: CompiledRule): number {
  return state.rules.indexOf(rule) + (rule.priority === "default" ? 0 : 1);
}

function datumOf(metric: string, dimensions: Datum["Dimensions"], counter: Counter): Datum {
  const { unit, minute, samples, sum, least, most, values } = counter;
  const base = { MetricName: metric, Dimensions: dimensions, Timestamp: minute, Unit: unit };
  if (values && values.size <= mostValues) return { ...base, Values: [...values.keys()], Counts: [...values.values()] };
  return { ...base, StatisticValues: { SampleCount: samples, Sum: sum, Minimum: least, Maximum: most } };
}
