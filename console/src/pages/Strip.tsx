/** request → Shield → WAF → load balancer → application: sums of metrics of the last hour, or that there is none. */
import type { ReactNode } from "react";
import Link from "@cloudscape-design/components/link";
import { every, useConsole, type Api } from "../frame/context.ts";
import { hrefOf } from "../frame/router.ts";
import { useLocale, type MessageKey } from "../i18n/i18n.tsx";
import { useLoad } from "../parts/useLoad.ts";

const hourSeconds = 3600;

/** Sum over every series of a metric; `undefined` when nobody has reported it. */
async function sumOf(api: Api, metric: object): Promise<number | undefined> {
  const { items } = await every(api, "cloudwatch", "ListMetrics", { ...metric }, "Metrics");
  if (items.length === 0) return undefined;
  const end = Math.ceil(Date.now() / 60_000) * 60;
  const { MetricDataResults } = await api("cloudwatch", "GetMetricData", {
    StartTime: end - hourSeconds,
    EndTime: end,
    MetricDataQueries: items.slice(0, 500).map((each, i) => ({
      Id: `m${i}`,
      MetricStat: { Metric: each, Period: hourSeconds, Stat: "Sum" },
    })),
  });
  return MetricDataResults.flatMap((each: { Values: number[] }) => each.Values).reduce(
    (a: number, b: number) => a + b,
    0,
  );
}

interface Facts {
  balancers: number | undefined;
  healthy: number | undefined;
  requests: number | undefined;
  blocked: number | undefined;
  dropped: number | undefined;
}

async function facts(api: Api, services: readonly string[]): Promise<Facts> {
  const served = (service: string) => services.includes(service);
  const balancers = served("elbv2")
    ? (await every(api, "elbv2", "DescribeLoadBalancers", {}, "LoadBalancers", ["NextMarker", "Marker"])).items.length
    : undefined;
  return {
    balancers,
    healthy: balancers ? await healthyTargets(api) : undefined,
    requests: balancers ? await sumOf(api, { Namespace: "AWS/ApplicationELB", MetricName: "RequestCount" }) : undefined,
    blocked: served("wafv2") ? await blockedRequests(api) : undefined,
    dropped: served("shield")
      ? await sumOf(api, { Namespace: "AWS/DDoSProtection", MetricName: "DDoSAttackPacketsPerSecond" })
      : undefined,
  };
}

/** The series of all rules together: those of single rules are parts of it. */
async function blockedRequests(api: Api): Promise<number | undefined> {
  const { items } = await every(api, "wafv2", "ListWebACLs", { Scope: "REGIONAL" }, "WebACLs", [
    "NextMarker",
    "NextMarker",
  ]);
  if (items.length === 0) return undefined;
  const metric = {
    Namespace: "AWS/WAFV2",
    MetricName: "BlockedRequests",
    Dimensions: [{ Name: "Rule", Value: "ALL" }],
  };
  return (await sumOf(api, metric)) ?? 0;
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

const stations: readonly { name: MessageKey; text: MessageKey; fact: keyof Facts; to: readonly string[] }[] = [
  { name: "home.request", text: "home.requestText", fact: "requests", to: ["load-balancers"] },
  { name: "home.shield", text: "home.shieldText", fact: "dropped", to: ["shield"] },
  { name: "home.waf", text: "home.wafText", fact: "blocked", to: ["waf"] },
  { name: "home.balancer", text: "home.balancerText", fact: "balancers", to: ["load-balancers"] },
  { name: "home.application", text: "home.applicationText", fact: "healthy", to: ["load-balancers"] },
];

/** Metrics come in every minute. */
const live = ["elbv2", "wafv2", "cloudwatch"];

export function Strip() {
  const { t, number } = useLocale();
  const { api, facts: served } = useConsole();
  const { data, loading } = useLoad("strip", () => facts(api, served.services), live);
  const figure = (value: number | undefined): ReactNode => {
    if (value !== undefined) return number(value);
    return data || !loading ? t("home.absent") : "…";
  };
  return (
    <ol className="strip">
      {stations.map(({ name, text, fact, to }) => (
        <li key={name} className={data?.[fact] === undefined ? "absent" : ""}>
          <div>{t(name)}</div>
          <div className="figure">
            <Link href={hrefOf(...to)} fontSize="heading-l">
              {figure(data?.[fact])}
            </Link>
          </div>
          <div className="faint">{t(text)}</div>
        </li>
      ))}
    </ol>
  );
}
