/**
 * Attributes: one row each, with what it may be. A row without `served` is one of AWS's that has no effect here: its default
 * can be set again, anything else is refused.
 * Sources: API Reference, LoadBalancerAttribute, TargetGroupAttribute, ListenerAttribute; Elastic Load Balancing User Guide,
 * "Load balancer attributes", "Target group attributes", "HTTP header modification".
 */
import { invalidConfiguration, validation } from "./errors.ts";

export interface AttributeRow {
  key: string;
  byDefault: string;
  /** Says what is wrong with a value. */
  wrong(value: string): string | undefined;
  /** False: only the default can be had. */
  served: boolean;
  /** Not shown while it has its default. */
  hidden?: true;
}

const boolean = (value: string): string | undefined =>
  value === "true" || value === "false" ? undefined : "must be one of [true, false]";

const oneOf =
  (...values: readonly string[]) =>
  (value: string): string | undefined =>
    values.includes(value) ? undefined : `must be one of [${values.join(", ")}]`;

const between =
  (least: number, most: number, also: readonly string[] = []) =>
  (value: string): string | undefined => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (also.includes(value) || (number >= least && number <= most)) return undefined;
    return `must be between '${least}' and '${most}' inclusive`;
  };

const matching =
  (pattern: RegExp, what: string) =>
  (value: string): string | undefined =>
    pattern.test(value) ? undefined : what;

const row = (key: string, byDefault: string, wrong: AttributeRow["wrong"]): AttributeRow => ({
  key,
  byDefault,
  wrong,
  served: true,
});
const fixed = (key: string, byDefault: string): AttributeRow => ({
  key,
  byDefault,
  wrong: () => undefined,
  served: false,
});

/** Source: Amazon S3 User Guide, "General purpose bucket naming rules"; empty while the logs are off. */
const bucketName = matching(/^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "must be a valid S3 bucket name");
const logPrefix = matching(/^(?!.*AWSLogs)(?!\/)[^\n]{0,512}$/, "must be a prefix that does not contain 'AWSLogs'");

export const loadBalancerAttributes: readonly AttributeRow[] = [
  row("access_logs.s3.enabled", "false", boolean),
  row("access_logs.s3.bucket", "", bucketName),
  row("access_logs.s3.prefix", "", logPrefix),
  row("connection_logs.s3.enabled", "false", boolean),
  row("connection_logs.s3.bucket", "", bucketName),
  row("connection_logs.s3.prefix", "", logPrefix),
  row("client_keep_alive.seconds", "3600", between(60, 604_800)),
  row("deletion_protection.enabled", "false", boolean),
  fixed("health_check_logs.s3.enabled", "false"),
  row("idle_timeout.timeout_seconds", "60", between(1, 4_000)),
  fixed("ipv6.deny_all_igw_traffic", "false"),
  fixed("load_balancing.cross_zone.enabled", "true"),
  row("routing.http.desync_mitigation_mode", "defensive", oneOf("monitor", "defensive", "strictest")),
  row("routing.http.drop_invalid_header_fields.enabled", "false", boolean),
  row("routing.http.preserve_host_header.enabled", "false", boolean),
  row("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", boolean),
  row("routing.http.xff_client_port.enabled", "false", boolean),
  row("routing.http.xff_header_processing.mode", "append", oneOf("append", "preserve", "remove")),
  row("routing.http2.enabled", "true", boolean),
  row("waf.fail_open.enabled", "false", boolean),
  fixed("zonal_shift.config.enabled", "false"),
];

const percentage = between(1, 100, ["off"]);

export const targetGroupAttributes: readonly AttributeRow[] = [
  row("deregistration_delay.timeout_seconds", "300", between(0, 3_600)),
  row(
    "load_balancing.algorithm.type",
    "round_robin",
    oneOf("round_robin", "least_outstanding_requests", "weighted_random"),
  ),
  fixed("load_balancing.algorithm.anomaly_mitigation", "off"),
  fixed("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
  row("slow_start.duration_seconds", "0", between(30, 900, ["0"])),
  row("stickiness.enabled", "false", boolean),
  row("stickiness.type", "lb_cookie", oneOf("lb_cookie", "app_cookie")),
  row("stickiness.lb_cookie.duration_seconds", "86400", between(1, 604_800)),
  row("stickiness.app_cookie.duration_seconds", "86400", between(1, 604_800)),
  row(
    "stickiness.app_cookie.cookie_name",
    "",
    matching(/^(?!AWSALB)[!#$%&'*+\-.^_`|~0-9A-Za-z]{0,256}$/, "must be a cookie name that does not begin with AWSALB"),
  ),
  fixed("target_group_health.dns_failover.minimum_healthy_targets.count", "1"),
  fixed("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"),
  row("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", between(1, 1_000)),
  row("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off", percentage),
];

const headerName = matching(
  /^[A-Za-z0-9_-]{0,40}$/,
  "must be a header name of up to 40 characters: letters, digits, '-' and '_'",
);
const headerValue = matching(/^[\x20-\x7e]{0,1024}$/, "must be a header value of up to 1024 characters");

const setHeader = (name: string, wrong: AttributeRow["wrong"] = headerValue): AttributeRow => ({
  ...row(`routing.http.response.${name}.header_value`, "", wrong),
  hidden: true,
});
const renamed = (name: string): AttributeRow => ({
  ...row(`routing.http.request.${name}.header_name`, "", headerName),
  hidden: true,
});

export const listenerAttributes: readonly AttributeRow[] = [
  row("routing.http.response.server.enabled", "true", boolean),
  setHeader("strict_transport_security"),
  setHeader("access_control_allow_origin"),
  setHeader("access_control_allow_methods"),
  setHeader("access_control_allow_headers"),
  setHeader("access_control_allow_credentials", oneOf("", "true")),
  setHeader("access_control_expose_headers"),
  setHeader("access_control_max_age", between(0, 86_400, [""])),
  setHeader("content_security_policy"),
  setHeader("x_content_type_options", oneOf("", "nosniff")),
  setHeader(
    "x_frame_options",
    matching(/^$|^(DENY|SAMEORIGIN|ALLOW-FROM \S+)$/, "must be DENY, SAMEORIGIN or ALLOW-FROM and an address"),
  ),
  renamed("x_amzn_tls_version"),
  renamed("x_amzn_tls_cipher_suite"),
];

interface GivenAttribute {
  Key?: string | undefined;
  Value?: string | undefined;
}

/** The attributes after a change. @throws ValidationError, InvalidConfigurationRequest */
export function withAttributes(
  rows: readonly AttributeRow[],
  before: Readonly<Record<string, string>>,
  given: readonly GivenAttribute[],
): Record<string, string> {
  const changed = new Map(Object.entries(before));
  const seen = new Set<string>();
  for (const { Key: key = "", Value: value = "" } of given) {
    const found = rows.find((each) => each.key === key);
    if (!found) throw validation(`Attribute key '${key}' is not recognized`);
    if (seen.has(key)) throw validation(`Attribute key '${key}' was specified more than once`);
    seen.add(key);
    const wrong = found.wrong(value);
    if (wrong) throw validation(`'${key}' value '${value}' ${wrong}`);
    if (!found.served && value !== found.byDefault) {
      throw invalidConfiguration(`'${key}' can only be '${found.byDefault}' in this installation`);
    }
    if (value === found.byDefault) changed.delete(key);
    else changed.set(key, value);
  }
  return Object.fromEntries(changed);
}

export function attributeOf(rows: readonly AttributeRow[], set: Readonly<Record<string, string>>, key: string): string {
  return set[key] ?? rows.find((each) => each.key === key)!.byDefault;
}

export function shownAttributes(
  rows: readonly AttributeRow[],
  set: Readonly<Record<string, string>>,
): { Key: string; Value: string }[] {
  return rows
    .filter(({ key, hidden }) => !hidden || set[key] !== undefined)
    .map(({ key, byDefault }) => ({ Key: key, Value: set[key] ?? byDefault }));
}
