/** An edge in this process for tests: documents with good defaults, everything observed. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createNetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { silentLogger } from "#kernel/log.ts";
import type {
  FrontEndAttributes,
  FrontEndDocument,
  ListenerDocument,
  RoutingAction,
  RoutingRule,
  StatusDocument,
  TargetDocument,
  TargetGroupDocument,
  TargetHealthDocument,
} from "./config.ts";
import { Edge, type EdgeOptions } from "./edge.ts";
import type { Exchange } from "./exchange.ts";
import type { EdgeDocuments, Placed } from "./documents.ts";
import type { LoadedCertificate } from "./tlsContexts.ts";

export const account = "123456789012";
export const region = "us-east-1";
const prefix = `arn:aws:elasticloadbalancing:${region}:${account}`;
export const frontEndArn = `${prefix}:loadbalancer/app/web/50dc6c495c0c9188`;
export const groupArn = `${prefix}:targetgroup/web/73e2d6bc24d8a067`;

export const attributes: FrontEndAttributes = {
  idleTimeoutSeconds: 60,
  clientKeepAliveSeconds: 3600,
  http2: true,
  dropInvalidHeaderFields: false,
  preserveHostHeader: false,
  forwardedForMode: "append",
  forwardedForClientPort: false,
  tlsHeaders: false,
  desyncMitigationMode: "defensive",
  wafFailOpen: false,
};

const everything = { fromPort: 0, toPort: 65_535, cidrs: ["0.0.0.0/0", "::/0"] };

export function frontEnd(more: Partial<FrontEndDocument> = {}): FrontEndDocument {
  return {
    arn: frontEndArn,
    kind: "application-load-balancer",
    name: "app/web/50dc6c495c0c9188",
    dnsName: "web-1.us-east-1.elb.localhost",
    address: "127.64.1.1",
    ingress: [everything],
    egress: [everything],
    attributes,
    ...more,
  };
}

export function rule(actions: readonly RoutingAction[], more: Partial<RoutingRule> = {}): RoutingRule {
  return {
    arn: `${prefix}:listener-rule/app/web/1/2/${more.priority ?? "default"}`,
    priority: "default",
    conditions: [],
    actions,
    ...more,
  };
}

export const toGroup: RoutingAction = { type: "forward", targetGroups: [{ arn: groupArn, weight: 1 }] };

export function listener(port: number, more: Partial<ListenerDocument> = {}): ListenerDocument {
  return {
    arn: `${prefix}:listener/app/web/50dc6c495c0c9188/${port}`,
    frontEnd: frontEndArn,
    port,
    protocol: "HTTP",
    rules: [rule([toGroup])],
    attributes: {},
    ...more,
  };
}

export function target(port: number, more: Partial<TargetDocument> = {}): TargetDocument {
  return { id: "127.0.0.1", address: "127.0.0.1", port, registeredAt: 1, ...more };
}

export function targetGroup(
  targets: readonly TargetDocument[],
  more: Partial<TargetGroupDocument> = {},
): TargetGroupDocument {
  return {
    arn: groupArn,
    name: "targetgroup/web/73e2d6bc24d8a067",
    protocol: "HTTP",
    targets,
    healthCheck: {
      enabled: true,
      protocol: "HTTP",
      port: "traffic-port",
      path: "/health",
      intervalSeconds: 5,
      timeoutSeconds: 2,
      healthyThreshold: 5,
      unhealthyThreshold: 2,
      matcher: "200",
    },
    attributes: {
      deregistrationDelaySeconds: 300,
      slowStartSeconds: 0,
      algorithm: "round_robin",
      minimumHealthyCount: 1,
    },
    ...more,
  };
}

export interface GivenDocuments {
  frontEnds?: readonly FrontEndDocument[];
  listeners: readonly ListenerDocument[];
  targetGroups?: readonly TargetGroupDocument[];
  certificates?: readonly LoadedCertificate[];
  secrets?: Readonly<Record<string, string>>;
}

export function documents(given: GivenDocuments): EdgeDocuments {
  const placed = <T extends { arn: string }>(all: readonly T[]): Map<string, Placed<T>> =>
    new Map(all.map((value) => [value.arn, { account, region, value }]));
  return {
    frontEnds: placed(given.frontEnds ?? [frontEnd()]),
    listeners: placed(given.listeners),
    targetGroups: placed(given.targetGroups ?? []),
    certificates: new Map((given.certificates ?? []).map((each) => [each.arn, each])),
    secrets: new Map(Object.entries(given.secrets ?? {})),
  };
}

/** Nobody is let in where users have to sign in. */
const noUsers: EdgeOptions["authenticator"] = {
  intercept: () => false,
  authenticate(exchange) {
    exchange.fail(401);
    return false;
  },
};

export interface TestEdge {
  edge: Edge;
  apply(given: GivenDocuments): Promise<void>;
  statuses: Map<string, StatusDocument>;
  health: Map<string, TargetHealthDocument>;
  finished: Exchange[];
  handshakeErrors: string[];
  slow: string[];
}

export function testEdge(more: Partial<EdgeOptions> = {}): TestEdge {
  const statuses = new Map<string, StatusDocument>();
  const health = new Map<string, TargetHealthDocument>();
  const finished: Exchange[] = [];
  const handshakeErrors: string[] = [];
  const slow: string[] = [];
  const edge = new Edge({
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    secret: Buffer.alloc(32, 5),
    bind: { own: false, shared: ["127.0.0.1"] },
    inspector: { wants: () => undefined, admit: () => true },
    authenticator: noUsers,
    observer: {
      status: (placed, document) => void statuses.set(placed.value, document),
      health: (placed, document) => void health.set(placed.value, document),
      finished: (exchange) => void finished.push(exchange),
      unreadable: () => {},
      handshake: (_, __, error) => void (error && handshakeErrors.push(error.message)),
      opened: () => {},
      rejected: () => {},
      slow: (_, why) => void slow.push(why),
    },
    ...more,
  });
  return { edge, apply: (given) => edge.apply(documents(given)), statuses, health, finished, handshakeErrors, slow };
}

/** An application behind the load balancer. */
export async function upstream(
  handler: RequestListener,
): Promise<{ port: number; server: Server; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    if (request.url === "/health") response.end("ok");
    else handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    server,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export async function freePort(): Promise<number> {
  const server = createNetServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** Self-signed, made by openssl. */
export function certificate(name: string, arn: string): LoadedCertificate {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-certificate-"));
  try {
    const key = join(folder, "key.pem");
    const cert = join(folder, "cert.pem");
    const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2"];
    execFileSync("openssl", [...args, "-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`], {
      stdio: "ignore",
    });
    return { arn, chain: readFileSync(cert, "utf8"), privateKey: readFileSync(key, "utf8"), names: [name] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const certificateArn = `arn:aws:acm:${region}:${account}:certificate/1`;

/** Both listeners have the rules, and the group the targets; what else differs is written over it. */
interface PlainAndTls {
  rules?: readonly RoutingRule[];
  certificate?: LoadedCertificate;
}

/** One target group behind a plain and a TLS listener: what a test of the traffic itself stands on. */
export function plainAndTls(
  http: number,
  https: number,
  app: number | readonly number[],
  { rules = [rule([toGroup])], certificate: own = certificate("web.test", certificateArn) }: PlainAndTls = {},
): GivenDocuments {
  const tls = { policy: "ELBSecurityPolicy-TLS13-1-2-2021-06", certificates: [certificateArn] };
  return {
    listeners: [listener(http, { rules }), listener(https, { protocol: "HTTPS", rules, tls })],
    targetGroups: [targetGroup([app].flat().map((port) => target(port)))],
    certificates: [own],
  };
}
