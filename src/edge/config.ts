/**
 * The contract by which services tell the edge what to serve, and by which the edge tells what came of it. Services
 * import this file and nothing else of the edge (`tools/testing/architecture.ts` holds that).
 *
 * Every document lives in the store under service `edge`, in the account and Region of the resource, with the
 * resource's ARN as its id:
 *
 *     ctx.state.put<ListenerDocument>(edgeDocument.listener, listenerArn, value, { at: { service: edgeService } });
 *
 * One service writes a document: `elbv2` front ends, listeners and target groups, `acm` certificates; the edge writes
 * `status` and `target-health`. Web ACLs and their associations are read where `wafv2` keeps them (`wafDocuments` of
 * `src/engines/waf/contract.ts`). Documents name each other by ARN; an ARN that names nothing (yet) is not an error here:
 * the listener answers as the real one does when the thing is missing.
 *
 * The edge follows the change feed, so a document is in force some 100 ms after its batch has been committed.
 */
import { createHash } from "node:crypto";

/** `at.service` of every document below. */
export const edgeService = "edge";

/** The type of each kind of document. */
export const edgeDocument = {
  frontEnd: "front-end",
  listener: "listener",
  targetGroup: "target-group",
  certificate: "certificate",
  /** Written by the edge: what became of a listener. Id: ARN of the listener. */
  status: "status",
  /** Written by the edge: the health of a target group's targets. Id: ARN of the target group. */
  targetHealth: "target-health",
} as const;

/** What stands in front of applications: a load balancer; later a distribution or an API stage. */
export interface FrontEndDocument {
  arn: string;
  kind: "application-load-balancer";
  /** Last part of the ARN, as in metrics and logs: `app/my-load-balancer/50dc6c495c0c9188`. */
  name: string;
  /** Host name that clients reach it under, in lower case. Where several share an address, the Host header or SNI chooses by it. */
  dnsName: string;
  /** A loopback address of its own: `ownAddress(arn)`. Bound where the platform lets us (Linux). */
  address: string;
  /** What the security groups let in: one row per (group, rule), already resolved to networks. Empty: nothing comes in. */
  ingress: readonly TrafficRule[];
  /** Where they let it connect to: targets and their health checks, identity providers. Empty: nothing goes out. */
  egress: readonly TrafficRule[];
  attributes: FrontEndAttributes;
}

/** Traffic with any of the networks to any of the ports is let through. */
export interface TrafficRule {
  /** First and last port, inclusive; all protocols: 0 to 65535. Rules for other protocols than TCP are left out. */
  fromPort: number;
  toPort: number;
  /** IPv4 or IPv6 networks in CIDR notation. */
  cidrs: readonly string[];
}

/** Load balancer attributes with an effect in the data plane; names as the API has them. */
export interface FrontEndAttributes {
  /** idle_timeout.timeout_seconds, 1 to 4000. */
  idleTimeoutSeconds: number;
  /** client_keep_alive.seconds, 60 to 604800. */
  clientKeepAliveSeconds: number;
  /** routing.http2.enabled */
  http2: boolean;
  /** routing.http.drop_invalid_header_fields.enabled */
  dropInvalidHeaderFields: boolean;
  /** routing.http.preserve_host_header.enabled */
  preserveHostHeader: boolean;
  /** routing.http.xff_header_processing.mode */
  forwardedForMode: "append" | "preserve" | "remove";
  /** routing.http.xff_client_port.enabled */
  forwardedForClientPort: boolean;
  /** routing.http.x_amzn_tls_version_and_cipher_suite.enabled */
  tlsHeaders: boolean;
  /** routing.http.desync_mitigation_mode. What cannot be parsed without doubt is refused in every mode. */
  desyncMitigationMode: "defensive" | "strictest" | "monitor";
  /** waf.fail_open.enabled */
  wafFailOpen: boolean;
  /** access_logs.s3.*; absent: disabled. */
  accessLogs?: LogDestination;
  /** connection_logs.s3.*; absent: disabled. */
  connectionLogs?: LogDestination;
}

export interface LogDestination {
  bucket: string;
  /** Without a trailing slash; empty: none. */
  prefix: string;
}

export interface ListenerDocument {
  arn: string;
  /** ARN of the front end it belongs to. */
  frontEnd: string;
  port: number;
  protocol: "HTTP" | "HTTPS";
  /** Exactly when the protocol is HTTPS. */
  tls?: {
    /** Name of a security policy, e.g. `ELBSecurityPolicy-TLS13-1-2-2021-06`: a row of `securityPolicies.ts`. */
    policy: string;
    /** ARNs; the first is the default, the others are chosen by SNI. */
    certificates: readonly string[];
  };
  /** In the order of their priority; the last one is the default rule: no conditions, priority `default`. */
  rules: readonly RoutingRule[];
  attributes: ListenerAttributes;
}

/** Listener attributes with an effect in the data plane. */
export interface ListenerAttributes {
  /** routing.http.response.server.enabled; true unless given. */
  serverHeader?: boolean;
  /** `routing.http.request.<x_amzn_tls_version|x_amzn_tls_cipher_suite>.header_name`: other names of the headers. */
  tlsVersionHeader?: string;
  tlsCipherHeader?: string;
  /** `routing.http.response.<name>.header_value`: header name in lower case → value that is set on every response. */
  responseHeaders?: Readonly<Record<string, string>>;
}

export interface RoutingRule {
  /** ARN of the rule. */
  arn: string;
  /** A number from 1 to 50000, or `default`. */
  priority: string;
  /** All must hold. */
  conditions: readonly RoutingCondition[];
  /** In order; the last one is forward, redirect or fixed-response, those before authenticate. */
  actions: readonly RoutingAction[];
  /** Rewrites of the request before it is forwarded. */
  transforms?: readonly RoutingTransform[];
}

/** Wildcards: `*` any characters, `?` exactly one. Of several values or expressions one has to match. */
export type RoutingCondition =
  /** Case-insensitive. */
  | { field: "host-header"; values: readonly string[]; regexValues?: readonly string[] }
  /** Case-sensitive; the path alone. */
  | { field: "path-pattern"; values: readonly string[]; regexValues?: readonly string[] }
  /** Name and value case-insensitive. */
  | { field: "http-header"; name: string; values: readonly string[]; regexValues?: readonly string[] }
  /** Case-insensitive; without key: any value. */
  | { field: "query-string"; values: readonly { key?: string; value: string }[] }
  /** Case-sensitive, exact. */
  | { field: "http-request-method"; values: readonly string[] }
  /** Networks in CIDR notation; the address of the connection, not of X-Forwarded-For. */
  | { field: "source-ip"; values: readonly string[] };

export type RoutingAction =
  | {
      type: "forward";
      /** ARN and weight (0 to 999); a group with weight 0 gets nothing. */
      targetGroups: readonly { arn: string; weight: number }[];
      /** Stickiness between the groups; absent: disabled. */
      stickinessSeconds?: number;
    }
  | {
      type: "redirect";
      /** Each with the placeholders #{protocol} #{host} #{port} #{path} #{query}. */
      protocol: string;
      host: string;
      port: string;
      path: string;
      query: string;
      status: 301 | 302;
    }
  | { type: "fixed-response"; status: number; contentType?: string; body?: string }
  | { type: "authenticate-oidc"; oidc: OidcConfig };

export interface OidcConfig {
  issuer: string;
  authorizationEndpoint: string;
  tokenEndpoint: string;
  userInfoEndpoint: string;
  clientId: string;
  clientSecret: ProtectedSecret;
  /** AWSELBAuthSessionCookie unless told otherwise. */
  sessionCookieName: string;
  /** `openid` unless told otherwise. */
  scope: string;
  sessionTimeoutSeconds: number;
  extraParams: Readonly<Record<string, string>>;
  onUnauthenticated: "deny" | "allow" | "authenticate";
}

/** A regular expression and what takes its place, with `$1` … for its groups. */
export interface RoutingTransform {
  type: "host-header-rewrite" | "url-rewrite";
  regex: string;
  replace: string;
}

/** What `ctx.keys.protect(purpose, bound, secret)` gave; the edge reveals it with the same two. */
export interface ProtectedSecret {
  purpose: string;
  bound: string;
  /** Base64. */
  value: string;
}

export interface TargetGroupDocument {
  arn: string;
  /** As in metrics: `targetgroup/my-targets/73e2d6bc24d8a067`. */
  name: string;
  protocol: "HTTP" | "HTTPS";
  /** Registered ones, and those that drain. The same address with two ports is two targets. */
  targets: readonly TargetDocument[];
  healthCheck: HealthCheckConfig;
  attributes: TargetGroupAttributes;
}

export interface TargetDocument {
  /** As registered: an instance id or an address. */
  id: string;
  /** IP address that requests are sent to. */
  address: string;
  port: number;
  availabilityZone?: string;
  /** Epoch milliseconds of the registration: slow start counts from it. */
  registeredAt: number;
  /**
   * Epoch milliseconds of the deregistration. It gets no new requests but sticky ones do not come either; after
   * the deregistration delay its connections are closed. The writer may leave it out once the delay has passed.
   */
  deregisteredAt?: number;
}

export interface HealthCheckConfig {
  /** False only for Lambda functions. */
  enabled: boolean;
  protocol: "HTTP" | "HTTPS";
  /** A number, or `traffic-port`. */
  port: string;
  path: string;
  intervalSeconds: number;
  timeoutSeconds: number;
  healthyThreshold: number;
  unhealthyThreshold: number;
  /** HTTP codes that are healthy: `200`, `200,202`, `200-299`. */
  matcher: string;
}

export interface TargetGroupAttributes {
  /** deregistration_delay.timeout_seconds */
  deregistrationDelaySeconds: number;
  /** slow_start.duration_seconds; 0: none. */
  slowStartSeconds: number;
  /** load_balancing.algorithm.type */
  algorithm: "round_robin" | "least_outstanding_requests" | "weighted_random";
  /** stickiness.*; absent: disabled. */
  stickiness?:
    | { type: "lb_cookie"; durationSeconds: number }
    | { type: "app_cookie"; cookieName: string; durationSeconds: number };
  /** target_group_health.unhealthy_state_routing.minimum_healthy_targets.{count,percentage}: below, all targets get requests. */
  minimumHealthyCount: number;
  /** 1 to 100; absent: off. */
  minimumHealthyPercentage?: number;
}

/** Written by `acm` with each import; the next handshake uses it. */
export interface CertificateDocument {
  arn: string;
  /** PEM of the leaf. */
  certificate: string;
  /** PEM of the intermediates, leaf's issuer first; empty: none. */
  chain: string;
  /** PEM (PKCS #8), protected. */
  privateKey: ProtectedSecret;
  /** Host names of the leaf in lower case (`*.example.com` as it is): subject alternative names, else the common name. */
  names: readonly string[];
  /** Epoch milliseconds. */
  notAfter: number;
}

/** What became of a listener; absent: the edge has not seen it yet. */
export interface StatusDocument {
  /** `active`: bound wherever it should be; `impaired`: bound somewhere; `failed`: nowhere. */
  state: "active" | "impaired" | "failed";
  /** For a person; of the first address that failed, or of what else is wrong (no certificate, unknown policy). */
  reason?: string;
  bound: readonly { address: string; port: number; error?: string }[];
  /** Epoch milliseconds. */
  since: number;
}

/** Keys: `targetKey(id, port)`. A target that is not in it is `unused` with `Target.NotRegistered`. */
export interface TargetHealthDocument {
  targets: Readonly<Record<string, TargetHealth>>;
}

export type TargetState = "initial" | "healthy" | "unhealthy" | "unused" | "draining" | "unavailable";

export interface TargetHealth {
  state: TargetState;
  /** Reason code and description as `DescribeTargetHealth` gives them; absent when healthy. */
  reason?: string;
  description?: string;
  /** Epoch milliseconds of the change to this state. */
  since: number;
}

export function targetKey(id: string, port: number): string {
  return `${id}|${port}`;
}

/**
 * The loopback address of a front end: 127.64.0.1 to 127.127.255.254, by its ARN. Two front ends may share one: whoever
 * makes a front end looks for another with the same and takes `attempt` 1, 2 …
 */
export function ownAddress(arn: string, attempt = 0): string {
  const [first = 0, second = 0, third = 0] = createHash("sha256").update(`${arn}|${attempt}`).digest();
  return `127.${64 + (first % 64)}.${second}.${1 + (third % 254)}`;
}

/** Stream of `AccessLogEvent`, keyed by the ARN of the front end: lines for the buckets of access and connection logs. */
export const accessLogStream = "edge-access";

/** At most some 200 KB of lines for one destination. */
export interface AccessLogEvent {
  kind: "access" | "connection";
  frontEnd: string;
  /** `FrontEndDocument.name`. */
  name: string;
  account: string;
  region: string;
  destination: LogDestination;
  /** The address that served, for the name of the object. */
  address: string;
  /** Complete lines without newline, in the order in which they were written. */
  lines: readonly string[];
  /** Epoch milliseconds of the first and the last line. */
  from: number;
  to: number;
}
