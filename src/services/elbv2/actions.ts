/**
 * Actions of rules, from a request to what is kept and back. Source: Elastic Load Balancing User Guide, "Action types for
 * listener rules"; API Reference, Action, RedirectActionConfig, AuthenticateOidcActionConfig.
 */
import type { CallContext } from "#gateway/context.ts";
import type { ProtectedSecret } from "../../edge/config.ts";
import { invalidAction, tooMany, unsupported, validation } from "./errors.ts";
import { quotas } from "./quotas.ts";
import type { GivenAction } from "./sdk.ts";
import type { Action } from "./state.ts";

const secretPurpose = "elb-oidc-client-secret";

interface Place {
  /** ARN of the rule. */
  rule: string;
  protocol: "HTTP" | "HTTPS";
  /** What the rule does until now: its client secret can be kept. */
  before: readonly Action[];
}

const last = new Set(["forward", "redirect", "fixed-response"]);

/** @throws ValidationError, InvalidLoadBalancerAction, TooManyActions */
export async function readActions(ctx: CallContext, given: readonly GivenAction[], place: Place): Promise<Action[]> {
  if (given.length === 0) throw validation("An action must be specified");
  if (given.length > 1 && given.some(({ Order }) => Order === undefined)) {
    throw validation("Order must be specified for rules with multiple actions");
  }
  const orders = new Set(given.map(({ Order }) => Order));
  if (orders.size < given.length) throw validation("The order of an action must be unique within its rule");
  const actions = await Promise.all(
    given.map(async (action, index): Promise<Action> => ({
      order: action.Order ?? index + 1,
      ...(await readAction(ctx, action, index, place)),
    })),
  );
  const sorted = actions.toSorted((one, other) => one.order - other.order);
  if (sorted.filter(({ type }) => last.has(type)).length !== 1 || !last.has(sorted.at(-1)!.type)) {
    throw invalidAction(
      "A rule must have exactly one of the following actions, and it must be the last action: [forward, redirect, fixed-response]",
    );
  }
  if (sorted.length > 2) throw tooMany("Actions", "A rule can have at most one authentication action");
  return sorted;
}

type Unordered = Action extends infer A ? (A extends { order: number } ? Omit<A, "order"> : never) : never;

async function readAction(ctx: CallContext, given: GivenAction, index: number, place: Place): Promise<Unordered> {
  const needs = (name: keyof GivenAction): void => {
    if (given[name] === undefined)
      throw validation(`A '${name}' must be specified for actions of type '${given.Type}'`);
  };
  switch (given.Type) {
    case "forward":
      return forward(given);
    case "redirect":
      needs("RedirectConfig");
      return redirect(given.RedirectConfig!, place);
    case "fixed-response":
      needs("FixedResponseConfig");
      return fixedResponse(given.FixedResponseConfig!);
    case "authenticate-oidc":
      needs("AuthenticateOidcConfig");
      return oidc(ctx, given.AuthenticateOidcConfig!, place);
    case "authenticate-cognito":
      throw unsupported("Actions of type 'authenticate-cognito' are");
    case "jwt-validation":
      throw unsupported("Actions of type 'jwt-validation' are");
    default:
      throw validation(`Action type '${String(given.Type)}' at 'actions.${index + 1}' is not valid`);
  }
}

function forward({ TargetGroupArn: single, ForwardConfig: config }: GivenAction): Unordered {
  const tuples = config?.TargetGroups ?? (single === undefined ? [] : [{ TargetGroupArn: single }]);
  if (tuples.length === 0) throw validation("A target group ARN must be specified");
  if (single !== undefined && (tuples.length !== 1 || tuples[0]!.TargetGroupArn !== single)) {
    throw validation(
      "If you specify both 'TargetGroupArn' and 'ForwardConfig', 'ForwardConfig' must have the same single target group",
    );
  }
  const most = quotas["target-groups-per-action-on-application-load-balancer"];
  if (tuples.length > most) throw tooMany("TargetGroups", `An action can forward to at most '${most}' target groups`);
  const targetGroups = tuples.map(
    ({
      TargetGroupArn: arn = "",
      Weight: weight = 1,
    }: {
      TargetGroupArn?: string | undefined;
      Weight?: number | undefined;
    }) => {
      if (!Number.isInteger(weight) || weight < 0 || weight > 999) {
        throw validation(`Target group weight '${weight}' must be between '0' and '999' inclusive`);
      }
      return { arn, weight };
    },
  );
  if (new Set(targetGroups.map(({ arn }) => arn)).size < targetGroups.length) {
    throw validation("A target group can be specified only once in an action");
  }
  const { Enabled: sticky = false, DurationSeconds: stickinessSeconds } = config?.TargetGroupStickinessConfig ?? {};
  if (sticky && stickinessSeconds === undefined) throw validation("A stickiness duration must be specified");
  if (stickinessSeconds !== undefined && (stickinessSeconds < 1 || stickinessSeconds > 604_800)) {
    throw validation(`Stickiness duration '${stickinessSeconds}' must be between '1' and '604800' inclusive`);
  }
  return { type: "forward", targetGroups, sticky, ...(stickinessSeconds === undefined ? {} : { stickinessSeconds }) };
}

const kept = { Protocol: "#{protocol}", Host: "#{host}", Port: "#{port}", Path: "/#{path}", Query: "#{query}" };

function redirect(given: NonNullable<GivenAction["RedirectConfig"]>, { protocol: own }: Place): Unordered {
  const { Protocol: protocol = kept.Protocol, Host: host = kept.Host, Port: port = kept.Port } = given;
  const { Path: path = kept.Path, Query: query = kept.Query, StatusCode: status } = given;
  if (status !== "HTTP_301" && status !== "HTTP_302") throw validation("A 'StatusCode' must be specified");
  if (port !== kept.Port && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) {
    throw validation(`Redirect port '${port}' must be between '1' and '65535' inclusive, or '#{port}'`);
  }
  if (!path.startsWith("/")) throw validation(`Redirect path '${path}' must start with '/'`);
  for (const text of [host, path, query]) {
    const unknown = /#\{(?!(?:protocol|host|port|path|query)\})[^}]*\}?/.exec(text);
    if (unknown) throw validation(`'${unknown[0]}' is not a valid keyword of a redirect`);
  }
  // Header injection: what goes into the Location header is one line.
  if (!/^[\x21-\x7e]*$/.test(`${host}${path}${query}`))
    throw validation("A redirect must be of printable ASCII characters");
  if (own === "HTTPS" && protocol === "HTTP") throw invalidAction("Redirects from HTTPS to HTTP are not allowed");
  const changes = [
    [protocol, kept.Protocol],
    [host, kept.Host],
    [port, kept.Port],
    [path, kept.Path],
  ].some(([value, same]) => value !== same);
  if (!changes) throw invalidAction("The redirect configuration is not valid because it creates a loop.");
  return { type: "redirect", protocol, host, port, path, query, status: status === "HTTP_301" ? 301 : 302 };
}

const contentTypes = ["text/plain", "text/css", "text/html", "application/javascript", "application/json"];

function fixedResponse(given: NonNullable<GivenAction["FixedResponseConfig"]>): Unordered {
  const { StatusCode: status = "", ContentType: contentType, MessageBody: body } = given;
  if (contentType && !contentTypes.includes(contentType)) {
    throw validation(`Content type '${contentType}' must be one of '[${contentTypes.join(", ")}]'`);
  }
  return {
    type: "fixed-response",
    status: Number(status),
    ...(contentType ? { contentType } : {}),
    ...(body === undefined ? {} : { body }),
  };
}

async function oidc(
  ctx: CallContext,
  given: NonNullable<GivenAction["AuthenticateOidcConfig"]>,
  place: Place,
): Promise<Unordered> {
  if (place.protocol !== "HTTPS") {
    throw invalidAction("Actions of type 'authenticate-oidc' are supported only on HTTPS listeners");
  }
  const url = (name: "AuthorizationEndpoint" | "TokenEndpoint" | "UserInfoEndpoint" | "Issuer"): string => {
    const text = given[name] ?? "";
    const parsed = URL.parse(text);
    if (parsed?.protocol !== "https:" || parsed.username !== "" || parsed.hash !== "") {
      throw validation(`'${name}' must be a full URL with the HTTPS protocol`);
    }
    return text;
  };
  const timeout = given.SessionTimeout ?? 604_800;
  if (timeout < 1 || timeout > 604_800) throw validation("'SessionTimeout' must be between '1' and '604800' inclusive");
  const cookie = given.SessionCookieName ?? "AWSELBAuthSessionCookie";
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/.test(cookie))
    throw validation("'SessionCookieName' is not a valid cookie name");
  const extraParams = given.AuthenticationRequestExtraParams ?? {};
  if (Object.keys(extraParams).length > 10) throw validation("At most '10' extra parameters can be specified");
  return {
    type: "authenticate-oidc",
    issuer: url("Issuer"),
    authorizationEndpoint: url("AuthorizationEndpoint"),
    tokenEndpoint: url("TokenEndpoint"),
    userInfoEndpoint: url("UserInfoEndpoint"),
    clientId: given.ClientId ?? "",
    clientSecret: await clientSecret(ctx, given, place),
    sessionCookieName: cookie,
    scope: given.Scope ?? "openid",
    sessionTimeoutSeconds: Number(timeout),
    extraParams,
    onUnauthenticated: given.OnUnauthenticatedRequest ?? "authenticate",
  };
}

async function clientSecret(
  ctx: CallContext,
  given: NonNullable<GivenAction["AuthenticateOidcConfig"]>,
  { rule, before }: Place,
): Promise<ProtectedSecret> {
  if (given.ClientSecret !== undefined) {
    if (given.UseExistingClientSecret)
      throw validation("You cannot specify both a client secret and 'UseExistingClientSecret'");
    const value = await ctx.keys.protect(secretPurpose, rule, Buffer.from(given.ClientSecret));
    return { purpose: secretPurpose, bound: rule, value: Buffer.from(value).toString("base64") };
  }
  const existing = before.find((action) => action.type === "authenticate-oidc");
  if (given.UseExistingClientSecret && existing) return existing.clientSecret;
  throw validation("A client secret must be specified");
}

/** The client secret is never shown. */
export function showAction(action: Action): GivenAction {
  const common = { Type: action.type, Order: action.order };
  switch (action.type) {
    case "forward":
      return {
        ...common,
        ...(action.targetGroups.length === 1 ? { TargetGroupArn: action.targetGroups[0]!.arn } : {}),
        ForwardConfig: {
          TargetGroups: action.targetGroups.map(({ arn, weight }) => ({ TargetGroupArn: arn, Weight: weight })),
          TargetGroupStickinessConfig: {
            Enabled: action.sticky,
            ...(action.stickinessSeconds === undefined ? {} : { DurationSeconds: action.stickinessSeconds }),
          },
        },
      };
    case "redirect":
      return {
        ...common,
        RedirectConfig: {
          Protocol: action.protocol,
          Host: action.host,
          Port: action.port,
          Path: action.path,
          Query: action.query,
          StatusCode: `HTTP_${action.status}`,
        },
      };
    case "fixed-response":
      return {
        ...common,
        FixedResponseConfig: {
          StatusCode: String(action.status),
          ...(action.contentType === undefined ? {} : { ContentType: action.contentType }),
          ...(action.body === undefined ? {} : { MessageBody: action.body }),
        },
      };
    case "authenticate-oidc":
      return {
        ...common,
        AuthenticateOidcConfig: {
          Issuer: action.issuer,
          AuthorizationEndpoint: action.authorizationEndpoint,
          TokenEndpoint: action.tokenEndpoint,
          UserInfoEndpoint: action.userInfoEndpoint,
          ClientId: action.clientId,
          SessionCookieName: action.sessionCookieName,
          Scope: action.scope,
          SessionTimeout: action.sessionTimeoutSeconds,
          AuthenticationRequestExtraParams: action.extraParams,
          OnUnauthenticatedRequest: action.onUnauthenticated,
        },
      };
  }
}
