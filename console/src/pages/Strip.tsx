/** request → Shield → WAF → load balancer → application: sums of metrics of the last hour, or that there is none. */
import type { ReactNode } from "react";
import Link from "@cloudscape-design/components/link";
import { every, useConsole, type Api } from "../frame/context.ts";
import { hrefOf } from "../frame/router.ts";
import { useLocale, type MessageKey } from "../i18n/i18n.tsx";
import { useLoad } from "../parts/useLoad.ts";

const hourSeconds = 3600;
const minuteSeconds = 60;
/** "A single GetMetricData call can include up to 500 MetricDataQuery structures." */
const mostQueries = 500;

interface Series {
  Dimensions: { Name: string; Value: string }[];
}

/**
 * Sum of the last hour over the series of a metric that have exactly these dimensions: the same requests are counted
 * again under finer ones. `undefined` when there is no such series.
 */
async function sumOf(
  api: Api,
  now: number,
  metric: { Namespace: string; MetricName: string },
  dimensions: readonly string[],
  isCounted: (series: Series) => boolean = () => true,
): Promise<number | undefined> {
  const { items } = await every(api, "cloudwatch", "ListMetrics", metric, "Metrics");
  const series = (items as Series[]).filter(
    (each) =>
      each.Dimensions.map(({ Name }) => Name)
        .toSorted()
        .join() === dimensions.join() && isCounted(each),
  );
  if (series.length === 0) return undefined;
  const end = Math.ceil(now / 60_000) * minuteSeconds;
  const { MetricDataResults } = await api("cloudwatch", "GetMetricData", {
    StartTime: end - hourSeconds,
    EndTime: end,
    MetricDataQueries: series.slice(0, mostQueries).map((each, i) => ({
      Id: `m${i}`,
      MetricStat: { Metric: each, Period: minuteSeconds, Stat: "Sum" },
    })),
  });
  const values = MetricDataResults.flatMap((each: { Values: number[] }) => each.Values) as number[];
  return values.reduce((sum, value) => sum + value, 0);
}

interface Facts {
  balancers: number | undefined;
  healthy: number | undefined;
  requests: number | undefined;
  blocked: number | undefined;
}

async function facts(api: Api, services: readonly string[], now: number): Promise<Facts> {
  const count = async (
    service: string,
    operation: string,
    input: object,
    list: string,
    next: readonly [string, string],
  ) =>
    services.includes(service)
      ? (await every(api, service, operation, { ...input }, list, next)).items.length || undefined
      : undefined;
  const [balancers, webAcls] = await Promise.all([
    count("elbv2", "DescribeLoadBalancers", {}, "LoadBalancers", ["NextMarker", "Marker"]),
    count("wafv2", "ListWebACLs", { Scope: "REGIONAL" }, "WebACLs", ["NextMarker", "NextMarker"]),
  ]);
  const requests = { Namespace: "AWS/ApplicationELB", MetricName: "RequestCount" };
  const blocked = { Namespace: "AWS/WAFV2", MetricName: "BlockedRequests" };
  const isAllRules = ({ Dimensions }: Series) =>
    Dimensions.some(({ Name, Value }) => Name === "Rule" && Value === "ALL");
  return {
    balancers,
    healthy: balancers ? await healthyTargets(api) : undefined,
    requests: balancers ? ((await sumOf(api, now, requests, ["LoadBalancer"])) ?? 0) : undefined,
    blocked: webAcls ? ((await sumOf(api, now, blocked, ["Region", "Rule", "WebACL"], isAllRules)) ?? 0) : undefined,
  };
}

async function healthyTargets(api: Api): Promise<number> {
  const { items } = await every(api, "elbv2", "DescribeTargetGroups", {}, "TargetGroups", ["NextMarker", "Marker"]);
  const described = await Promise.all(
    items.map(({ TargetGroupArn }) => api("elbv2", "DescribeTargetHealth", { TargetGroupArn })),
  );
  return described
    .flatMap(({ TargetHealthDescriptions }) => TargetHealthDescriptions as { TargetHealth: { State: string } }[])
    .filter(({ TargetHealth }) => TargetHealth.State === "healthy").length;
}

interface Station {
  name: MessageKey;
  text: MessageKey;
  /** Absent: not built yet. */
  fact?: keyof Facts;
  to: readonly string[];
}

const stations: readonly Station[] = [
  { name: "home.request", text: "home.requestText", fact: "requests", to: ["load-balancers"] },
  { name: "home.shield", text: "home.shieldText", to: ["shield"] },
  { name: "home.waf", text: "home.wafText", fact: "blocked", to: ["waf"] },
  { name: "home.balancer", text: "home.balancerText", fact: "balancers", to: ["load-balancers"] },
  { name: "home.application", text: "home.applicationText", fact: "healthy", to: ["load-balancers"] },
];

const live = ["elbv2", "wafv2", "cloudwatch"];

export function Strip() {
  const { t, number } = useLocale();
  const { api, facts: served, now } = useConsole();
  const { data, loading } = useLoad("strip", () => facts(api, served.services, now()), live);
  const figure = (value: number | undefined, fact: Station["fact"]): ReactNode => {
    if (value !== undefined) return number(value);
    return data || !loading || fact === undefined ? t("home.absent") : "…";
  };
  return (
    <ol className="strip">
      {stations.map(({ name, text, fact, to }) => {
        const value = fact && data?.[fact];
        return (
          <li key={name} className={value === undefined ? "absent" : ""}>
            <div>{t(name)}</div>
            <div className="figure">
              <Link href={hrefOf(...to)} fontSize="heading-l">
                {figure(value, fact)}
              </Link>
            </div>
            <div className="faint">{t(text)}</div>
          </li>
        );
      })}
    </ol>
  );
}
