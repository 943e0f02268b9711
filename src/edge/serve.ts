/** The way of a request: checks → firewall → rules → action. Each step either answers or hands on. */
import type { Clock } from "#kernel/clock.ts";
import { headerValues } from "./conditions.ts";
import type { RoutingAction } from "./config.ts";
import type { Exchange } from "./exchange.ts";
import { traceHeader } from "./forwardedHeaders.ts";
import { forward } from "./forwardAction.ts";
import { matchingRule } from "./listenerState.ts";
import { locationOf } from "./redirect.ts";
import type { RandomHex } from "./randomHex.ts";
import { checkRequest } from "./requestChecks.ts";
import { readPrefix, type Prefix } from "./bodyPrefix.ts";
import type { Stickiness } from "./stickiness.ts";
import type { TargetGroup } from "./targets.ts";
import type { Upgrade } from "./websocket.ts";

/** What inspects requests before they are routed. */
export interface Inspector {
  /** Bytes of the body it wants to see; undefined: no web ACL protects this front end. */
  wants(frontEnd: string): { bodyBytes: number } | undefined;
  /** True: go on. False: it has answered. May add headers for the target. */
  admit(exchange: Exchange, body: Prefix | undefined): boolean;
}

/** What finds out who the user is. */
export interface Authenticator {
  /** True: the request was for the load balancer itself, which answers. */
  intercept(exchange: Exchange): boolean;
  /** True: go on. False: it has answered, or will. */
  authenticate(
    exchange: Exchange,
    action: Extract<RoutingAction, { type: "authenticate-oidc" }>,
    goOn: () => void,
  ): boolean;
}

export interface ServeContext {
  clock: Clock;
  draw(): number;
  hex: RandomHex;
  targetGroup(arn: string): TargetGroup | undefined;
  stickiness: Stickiness;
  inspector: Inspector;
  authenticator: Authenticator;
}

export function serve(exchange: Exchange, context: ServeContext, upgrade?: Upgrade): void {
  const { rawHeaders, state } = exchange;
  exchange.traceId = traceHeader(
    headerValues(rawHeaders, "x-amzn-trace-id")[0],
    freshTrace(exchange.startedAt, context.hex),
  );
  exchange.checked = checkRequest(exchange, state.frontEnd.attributes);
  const { refusal } = exchange.checked;
  if (refusal) {
    if (refusal.close) exchange.checked.closeAfter = true;
    return exchange.fail(refusal.status);
  }
  const wanted = context.inspector.wants(state.frontEnd.arn);
  if (!wanted) return route(exchange, context, undefined, upgrade);
  if (!exchange.hasBody || wanted.bodyBytes === 0) return inspect(exchange, context, undefined, upgrade);
  readPrefix(exchange, wanted.bodyBytes, (prefix) => inspect(exchange, context, prefix, upgrade));
}

function freshTrace(now: number, hex: RandomHex): string {
  const seconds = Math.floor(now / 1000)
    .toString(16)
    .padStart(8, "0");
  return `1-${seconds}-${hex(12)}`;
}

function inspect(exchange: Exchange, context: ServeContext, prefix: Prefix | undefined, upgrade?: Upgrade): void {
  exchange.actions.push("waf");
  if (!context.inspector.admit(exchange, prefix)) {
    if (exchange.hasBody) exchange.request.resume();
    return;
  }
  route(exchange, context, prefix, upgrade);
}

function route(exchange: Exchange, context: ServeContext, prefix: Prefix | undefined, upgrade?: Upgrade): void {
  if (context.authenticator.intercept(exchange)) return discard(exchange);
  const rule = matchingRule(exchange.state, exchange);
  exchange.rule = rule;
  // A listener without default rule has not been configured yet.
  if (!rule) return exchange.fail(503);
  act(exchange, context, rule.actions, prefix, upgrade);
}

function act(
  exchange: Exchange,
  context: ServeContext,
  actions: readonly RoutingAction[],
  prefix: Prefix | undefined,
  upgrade: Upgrade | undefined,
): void {
  const [action, ...rest] = actions;
  switch (action?.type) {
    case undefined:
      return exchange.fail(503);
    case "fixed-response": {
      exchange.actions.push("fixed-response");
      const type = action.contentType ?? (action.body === undefined ? undefined : "text/plain");
      exchange.reply(action.status, type === undefined ? [] : [["Content-Type", contentType(type)]], action.body ?? "");
      return discard(exchange);
    }
    case "redirect": {
      exchange.actions.push("redirect");
      const { scheme, host, path, query, state } = exchange;
      exchange.redirectUrl = locationOf(action, { protocol: scheme, host, port: state.document.port, path, query });
      exchange.reply(
        action.status,
        [
          ["Content-Type", "text/html"],
          ["Location", exchange.redirectUrl],
        ],
        redirectPage(action.status),
      );
      return discard(exchange);
    }
    case "authenticate-oidc": {
      exchange.actions.push("authenticate");
      const goOn = (): void => act(exchange, context, rest, prefix, upgrade);
      if (context.authenticator.authenticate(exchange, action, goOn)) goOn();
      return;
    }
    case "forward":
      exchange.actions.push("forward");
      return forward(exchange, context, action, prefix, upgrade);
  }
}

/** A body that nobody reads must not hold the connection. */
function discard(exchange: Exchange): void {
  if (exchange.hasBody) exchange.request.resume();
}

function contentType(type: string): string {
  return type.startsWith("text/") || type === "application/json" || type === "application/javascript"
    ? `${type}; charset=utf-8`
    : type;
}

function redirectPage(status: 301 | 302): string {
  const title = status === 301 ? "301 Moved Permanently" : "302 Found";
  return (
    `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n` +
    `<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`
  );
}
