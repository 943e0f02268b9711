/** What the edge serves of a load balancer, a listener, a target group: written in the batch of the change. */
import type { CallContext } from "#gateway/context.ts";
import {
  edgeDocument,
  edgeService,
  type FrontEndAttributes,
  type FrontEndDocument,
  type ListenerAttributes,
  type ListenerDocument,
  type LogDestination,
  type RoutingAction,
  type RoutingCondition,
  type RoutingRule,
  type TargetGroupAttributes,
  type TargetGroupDocument,
} from "../../edge/config.ts";
import { metricName } from "./arns.ts";
import { noTraffic, type Traffic } from "./network.ts";
import { attributeOf, listenerAttributes, loadBalancerAttributes, targetGroupAttributes } from "./attributes.ts";
import type { Action, Condition, Listener, LoadBalancer, Rule, TargetGroup } from "./state.ts";

export const atEdge = { service: edgeService } as const;

export function frontEnd(loadBalancer: LoadBalancer, traffic: Traffic): FrontEndDocument {
  return {
    arn: loadBalancer.arn,
    kind: "application-load-balancer",
    name: metricName(loadBalancer.arn),
    dnsName: loadBalancer.dnsName.toLowerCase(),
    address: loadBalancer.address,
    ...traffic,
    attributes: frontEndAttributes(loadBalancer.attributes),
  };
}

function frontEndAttributes(set: Readonly<Record<string, string>>): FrontEndAttributes {
  const value = (key: string) => attributeOf(loadBalancerAttributes, set, key);
  const on = (key: string) => value(`${key}.enabled`) === "true";
  const logs = (kind: "access_logs" | "connection_logs"): LogDestination | undefined =>
    on(`${kind}.s3`)
      ? { bucket: value(`${kind}.s3.bucket`), prefix: value(`${kind}.s3.prefix`).replace(/\/$/, "") }
      : undefined;
  const accessLogs = logs("access_logs");
  const connectionLogs = logs("connection_logs");
  return {
    idleTimeoutSeconds: Number(value("idle_timeout.timeout_seconds")),
    clientKeepAliveSeconds: Number(value("client_keep_alive.seconds")),
    http2: on("routing.http2"),
    dropInvalidHeaderFields: on("routing.http.drop_invalid_header_fields"),
    preserveHostHeader: on("routing.http.preserve_host_header"),
    forwardedForMode: value("routing.http.xff_header_processing.mode") as FrontEndAttributes["forwardedForMode"],
    forwardedForClientPort: on("routing.http.xff_client_port"),
    tlsHeaders: on("routing.http.x_amzn_tls_version_and_cipher_suite"),
    desyncMitigationMode: value("routing.http.desync_mitigation_mode") as FrontEndAttributes["desyncMitigationMode"],
    wafFailOpen: on("waf.fail_open"),
    ...(accessLogs ? { accessLogs } : {}),
    ...(connectionLogs ? { connectionLogs } : {}),
  };
}

export function edgeListener(listener: Listener): ListenerDocument {
  const { policy } = listener;
  return {
    arn: listener.arn,
    frontEnd: listener.loadBalancer,
    port: listener.port,
    protocol: listener.protocol,
    ...(policy === undefined ? {} : { tls: { policy, certificates: listener.certificates } }),
    rules: listener.rules.map(routingRule),
    attributes: servedListenerAttributes(listener.attributes),
  };
}

const responsePrefix = "routing.http.response.";
const valueSuffix = ".header_value";

function servedListenerAttributes(set: Readonly<Record<string, string>>): ListenerAttributes {
  const headers = Object.entries(set)
    .filter(([key, value]) => key.endsWith(valueSuffix) && value !== "")
    .map(([key, value]) => [key.slice(responsePrefix.length, -valueSuffix.length).replaceAll("_", "-"), value]);
  const version = set["routing.http.request.x_amzn_tls_version.header_name"];
  const cipher = set["routing.http.request.x_amzn_tls_cipher_suite.header_name"];
  const server = attributeOf(listenerAttributes, set, "routing.http.response.server.enabled") === "true";
  return {
    ...(server ? {} : { serverHeader: false }),
    ...(version ? { tlsVersionHeader: version } : {}),
    ...(cipher ? { tlsCipherHeader: cipher } : {}),
    ...(headers.length > 0 ? { responseHeaders: Object.fromEntries(headers) as Record<string, string> } : {}),
  };
}

function routingRule(rule: Rule): RoutingRule {
  return {
    arn: rule.arn,
    priority: rule.priority === undefined ? "default" : String(rule.priority),
    conditions: rule.conditions.map(routingCondition),
    actions: rule.actions.toSorted((one, other) => one.order - other.order).map(routingAction),
    ...(rule.transforms.length > 0 ? { transforms: rule.transforms } : {}),
  };
}

function routingCondition(condition: Condition): RoutingCondition {
  if (!("regexValues" in condition)) return condition;
  const { regexValues, values } = condition;
  const expressions = regexValues.length > 0 ? { regexValues } : {};
  return condition.field === "http-header"
    ? { field: condition.field, name: condition.name, values, ...expressions }
    : { field: condition.field, values, ...expressions };
}

function routingAction(action: Action): RoutingAction {
  const { order: _, ...served } = action;
  if (served.type === "forward") {
    const { type, targetGroups, stickinessSeconds, sticky } = served;
    return { type, targetGroups, ...(sticky && stickinessSeconds !== undefined ? { stickinessSeconds } : {}) };
  }
  if (served.type === "authenticate-oidc") {
    const { type, ...oidc } = served;
    return { type, oidc };
  }
  return served;
}

export function edgeTargetGroup(group: TargetGroup): TargetGroupDocument {
  return {
    arn: group.arn,
    name: metricName(group.arn),
    protocol: group.protocol,
    targets: group.targets.map(({ id, port, zone, registeredAt, deregisteredAt }) => ({
      id,
      address: id,
      port,
      registeredAt,
      ...(zone === undefined ? {} : { availabilityZone: zone }),
      ...(deregisteredAt === undefined ? {} : { deregisteredAt }),
    })),
    healthCheck: group.healthCheck,
    attributes: servedGroupAttributes(group.attributes),
  };
}

function servedGroupAttributes(set: Readonly<Record<string, string>>): TargetGroupAttributes {
  const value = (key: string) => attributeOf(targetGroupAttributes, set, key);
  const routing = "target_group_health.unhealthy_state_routing.minimum_healthy_targets";
  const percentage = value(`${routing}.percentage`);
  const stickiness: TargetGroupAttributes["stickiness"] =
    value("stickiness.enabled") !== "true"
      ? undefined
      : value("stickiness.type") === "lb_cookie"
        ? { type: "lb_cookie", durationSeconds: Number(value("stickiness.lb_cookie.duration_seconds")) }
        : {
            type: "app_cookie",
            cookieName: value("stickiness.app_cookie.cookie_name"),
            durationSeconds: Number(value("stickiness.app_cookie.duration_seconds")),
          };
  return {
    deregistrationDelaySeconds: Number(value("deregistration_delay.timeout_seconds")),
    slowStartSeconds: Number(value("slow_start.duration_seconds")),
    algorithm: value("load_balancing.algorithm.type") as TargetGroupAttributes["algorithm"],
    ...(stickiness ? { stickiness } : {}),
    minimumHealthyCount: Number(value(`${routing}.count`)),
    ...(percentage === "off" ? {} : { minimumHealthyPercentage: Number(percentage) }),
  };
}

/** What is let through now stays as it is when something else of the load balancer changes. */
export async function currentTraffic(ctx: CallContext, arn: string): Promise<Traffic> {
  const served = (await ctx.state.get<FrontEndDocument>(edgeDocument.frontEnd, arn, atEdge))?.value;
  return served ? { ingress: served.ingress, egress: served.egress } : noTraffic;
}

export function putFrontEnd(ctx: CallContext, loadBalancer: LoadBalancer, traffic: Traffic): void {
  ctx.state.put(edgeDocument.frontEnd, loadBalancer.arn, frontEnd(loadBalancer, traffic), { at: atEdge });
}
