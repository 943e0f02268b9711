/** The forward action: which group, which target, and what the target is sent. */
import type { RoutingAction } from "./config.ts";
import { continueBody, type Prefix } from "./bodyPrefix.ts";
import type { Exchange } from "./exchange.ts";
import { forwardedHeaders } from "./forwardedHeaders.ts";
import type { CompiledTransform } from "./listenerState.ts";
import { forwardRequest, type Forwarded } from "./proxy.ts";
import type { ServeContext } from "./serve.ts";
import { tunnelOf, type Upgrade } from "./websocket.ts";

type Forward = Extract<RoutingAction, { type: "forward" }>;

export function forward(
  exchange: Exchange,
  context: ServeContext,
  action: Forward,
  prefix: Prefix | undefined,
  upgrade: Upgrade | undefined,
): void {
  const now = context.clock.now();
  const arn = chooseGroup(exchange, context, action, now);
  const group = arn === undefined ? undefined : context.targetGroup(arn);
  exchange.targetGroup = group;
  const pinned = group && context.stickiness.target(exchange.rawHeaders, group.document, now);
  const target = group?.choose(now, () => context.draw(), pinned);
  exchange.chosen = target;
  // No group, no registered target: "Service Unavailable".
  if (!group || !target) {
    if (exchange.hasBody) exchange.request.resume();
    return exchange.fail(503);
  }
  const rewritten = rewrite(exchange, exchange.rule?.transforms ?? []);
  const forwarded: Forwarded = {
    target: rewritten.target,
    headers: forwardedHeaders(factsOf(exchange, rewritten.host), exchange.addedHeaders),
    ...(prefix?.whole === true ? { wholeBody: prefix.bytes } : {}),
    stickyCookies: (setByApplication) => [
      ...context.stickiness.targetCookies(group.document, target.key, setByApplication, now, exchange.secure),
      ...groupCookies(exchange, context, action, group.document.arn, now),
    ],
    ...(upgrade ? { upgrade: tunnelOf(exchange, upgrade) } : {}),
  };
  if (exchange.hasBody && prefix === undefined) continueBody(exchange);
  forwardRequest(exchange, target, forwarded);
}

function groupCookies(exchange: Exchange, context: ServeContext, action: Forward, arn: string, now: number): string[] {
  const { stickinessSeconds, targetGroups } = action;
  if (stickinessSeconds === undefined || targetGroups.length < 2) return [];
  return context.stickiness.groupCookies(exchange.rule?.arn ?? "", arn, stickinessSeconds, now, exchange.secure);
}

/** By weight; a group without weight gets nothing, and a request that is pinned stays with its group. */
function chooseGroup(exchange: Exchange, context: ServeContext, action: Forward, now: number): string | undefined {
  const { targetGroups, stickinessSeconds } = action;
  if (targetGroups.length === 1) return targetGroups[0]?.arn;
  if (stickinessSeconds !== undefined) {
    const pinned = context.stickiness.group(exchange.rawHeaders, exchange.rule?.arn ?? "", now);
    if (targetGroups.some(({ arn, weight }) => arn === pinned && weight > 0)) return pinned;
  }
  const total = targetGroups.reduce((sum, { weight }) => sum + weight, 0);
  let left = context.draw() * total;
  for (const { arn, weight } of targetGroups) {
    left -= weight;
    if (left < 0) return arn;
  }
  return undefined;
}

function factsOf(exchange: Exchange, host: string): Parameters<typeof forwardedHeaders>[0] {
  const { connection, state } = exchange;
  return {
    rawHeaders: exchange.rawHeaders,
    host,
    clientAddress: connection.address,
    clientPort: connection.port,
    scheme: exchange.scheme,
    listenerPort: state.document.port,
    traceId: exchange.traceId,
    attributes: state.frontEnd.attributes,
    listener: state.document.attributes,
    ...(connection.tls === undefined ? {} : { tls: connection.tls }),
  };
}

/** Source: Elastic Load Balancing User Guide, "Transforms for listener rules". */
function rewrite(exchange: Exchange, transforms: readonly CompiledTransform[]): { host: string; target: string } {
  let { hostHeader: host, target } = exchange;
  for (const { type, regex, replace } of transforms) {
    if (type === "host-header-rewrite") host = host.replace(regex, replace);
    else target = target.replace(regex, replace);
  }
  if (transforms.length > 0) {
    exchange.transformed = {
      status: "TransformSuccess",
      ...(host === exchange.hostHeader ? {} : { host }),
      ...(target === exchange.target ? {} : { uri: target }),
    };
  }
  return { host, target: target.startsWith("/") || target === "*" ? target : `/${target}` };
}
