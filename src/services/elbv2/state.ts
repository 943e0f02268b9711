/**
 * What Elastic Load Balancing keeps, in the account and Region of the load balancer.
 *
 * | service | type | id | what |
 * |---|---|---|---|
 * | elbv2 | load-balancer | name | settings, subnets, groups, attributes |
 * | elbv2 | listener | last part of the ARN | settings, certificates, and its rules, the default one last |
 * | elbv2 | target-group | name | settings, attributes, registered targets |
 * | elbv2 | interfaces | load balancer ARN | its network interfaces have to be brought in line, or taken away |
 * | elbv2 | pending-log, log-batch | front end/kind/… | lines that are not in their bucket yet, and those of the file that is being written |
 * | elbv2 | address | loopback address | in the installation's account: which load balancer has it |
 * | edge | front-end, listener, target-group | ARN | the same as the edge serves it; written in the same batch |
 * | edge | certificate-use | certificate ARN/listener ARN | ACM keeps a certificate with a use |
 *
 * INVARIANT: what the edge serves is what Describe… shows: both are written in one batch.
 * INVARIANT: a target group that a rule forwards to has a new version in the batch of that rule, so that a deletion of the
 * group, or a rule of another load balancer, that has not seen it fails and looks again.
 */
import type { HealthCheckConfig, ProtectedSecret, RoutingTransform } from "../../edge/config.ts";

export const serviceId = "elbv2";
export const servicePrincipal = "elasticloadbalancing.amazonaws.com";
export const certificateUse = "certificate-use";

export const types = {
  loadBalancer: "load-balancer",
  listener: "listener",
  targetGroup: "target-group",
  interfaces: "interfaces",
  address: "address",
  pendingLog: "pending-log",
  logBatch: "log-batch",
} as const;

export interface LoadBalancer {
  arn: string;
  name: string;
  scheme: "internet-facing" | "internal";
  vpcId: string;
  subnets: { id: string; zone: string }[];
  groups: string[];
  dnsName: string;
  /** Loopback address of its listeners. */
  address: string;
  /** Those that were set; the others have their default. */
  attributes: Record<string, string>;
  createdAt: number;
  state: "provisioning" | "active" | "failed";
  reason?: string;
  tags: Record<string, string>;
}

export interface Listener {
  arn: string;
  loadBalancer: string;
  port: number;
  protocol: "HTTP" | "HTTPS";
  policy?: string;
  /** ARNs, the default one first. */
  certificates: string[];
  attributes: Record<string, string>;
  /** By priority; the default rule is the last. */
  rules: Rule[];
  tags: Record<string, string>;
}

export interface Rule {
  arn: string;
  /** Absent: the default rule. */
  priority?: number;
  conditions: Condition[];
  actions: Action[];
  transforms: RoutingTransform[];
  tags: Record<string, string>;
}

/** `old`: given as Values and not in a Config; it is shown the way it was given. */
export type Condition =
  | { field: "host-header" | "path-pattern"; values: string[]; regexValues: string[]; old: boolean }
  | { field: "http-header"; name: string; values: string[]; regexValues: string[] }
  | { field: "query-string"; values: { key?: string; value: string }[] }
  | { field: "http-request-method" | "source-ip"; values: string[] };

export type Action = { order: number } & (
  | { type: "forward"; targetGroups: { arn: string; weight: number }[]; stickinessSeconds?: number; sticky: boolean }
  | {
      type: "redirect";
      protocol: string;
      host: string;
      port: string;
      path: string;
      query: string;
      status: 301 | 302;
    }
  | { type: "fixed-response"; status: number; contentType?: string; body?: string }
  | {
      type: "authenticate-oidc";
      issuer: string;
      authorizationEndpoint: string;
      tokenEndpoint: string;
      userInfoEndpoint: string;
      clientId: string;
      clientSecret: ProtectedSecret;
      sessionCookieName: string;
      scope: string;
      sessionTimeoutSeconds: number;
      extraParams: Record<string, string>;
      onUnauthenticated: "deny" | "allow" | "authenticate";
    }
);

export interface Target {
  id: string;
  port: number;
  zone?: string;
  registeredAt: number;
  deregisteredAt?: number;
}

export interface TargetGroup {
  arn: string;
  name: string;
  protocol: "HTTP" | "HTTPS";
  protocolVersion: "HTTP1";
  port: number;
  vpcId: string;
  targetType: "ip" | "instance";
  healthCheck: HealthCheckConfig;
  attributes: Record<string, string>;
  targets: Target[];
  tags: Record<string, string>;
}

/** Work of the interfaces job. */
export interface InterfacesWork {
  /** Subnets of an existing load balancer; none: it has been deleted. */
  subnets: string[];
  groups: string[];
  /** Name of the load balancer's document. */
  name: string;
  description: string;
  /** Epoch milliseconds; it failed, and is tried again then. */
  notBefore?: number;
}
