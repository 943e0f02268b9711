/** Listeners. Source: Elastic Load Balancing API Reference, CreateListener, ModifyListener …. */
import type { CallContext } from "#gateway/context.ts";
import { securityPolicy } from "../../../edge/securityPolicies.ts";
import { readActions, showAction } from "../actions.ts";
import { newListenerArn, newRuleArn } from "../arns.ts";
import { duplicateListener, noPolicy, tooMany, unsupported, validation } from "../errors.ts";
import { AwsError } from "#kernel/errors.ts";
import { listenersOf, requireListener, requireLoadBalancer } from "../find.ts";
import { paged } from "../paging.ts";
import { quotas } from "../quotas.ts";
import { removeListener, saveListener, saveLoadBalancer } from "../save.ts";
import type { ElbHandlers, In } from "../sdk.ts";
import type { Listener, Rule } from "../state.ts";
import { withTags } from "../tags.ts";
import { holdTargetGroups } from "../targetGroupUse.ts";

/** "the default is ELBSecurityPolicy-2016-08" where a client names none. */
const defaultPolicy = "ELBSecurityPolicy-2016-08";
const protocols = ["HTTP", "HTTPS"] as const;

type Settings = Pick<
  In<"ModifyListener">,
  "Protocol" | "SslPolicy" | "Certificates" | "AlpnPolicy" | "MutualAuthentication"
>;

interface Secured {
  protocol: Listener["protocol"];
  policy?: string;
  certificates: string[];
}

/** What a listener speaks, and with which certificate. @throws ValidationError, SSLPolicyNotFound */
function secured(input: Settings, before?: Listener): Secured {
  const protocol = input.Protocol ?? before?.protocol;
  if (protocol === undefined) throw validation("A listener protocol must be specified");
  if (protocol !== "HTTP" && protocol !== "HTTPS") {
    throw validation(`Listener protocol '${protocol}' must be one of '${protocols.join(", ")}'`);
  }
  if (input.AlpnPolicy?.length && input.AlpnPolicy.some((name) => name !== "None")) {
    throw new AwsError("ALPNPolicyNotSupportedException", "ALPN policies are supported only for TLS listeners");
  }
  const mutual = input.MutualAuthentication;
  if (mutual && (mutual.Mode ?? "off") !== "off") throw unsupported("Mutual authentication is");
  if (protocol === "HTTP") {
    if (input.SslPolicy !== undefined) throw validation("An SSL policy cannot be specified for HTTP listeners");
    if (input.Certificates?.length) throw validation("Certificates cannot be specified for HTTP listeners");
    if (mutual) throw validation("Mutual authentication cannot be specified for HTTP listeners");
    return { protocol, certificates: [] };
  }
  const policy = input.SslPolicy ?? before?.policy ?? defaultPolicy;
  if (!securityPolicy(policy)) throw noPolicy(policy);
  const given = (input.Certificates ?? []).map(({ CertificateArn }) => CertificateArn ?? "");
  if (given.length > 1) throw validation("Only one certificate can be specified: the default certificate");
  const [chosen = before?.certificates[0]] = given;
  if (chosen === undefined) throw validation("A certificate must be specified for HTTPS listeners");
  const others = (before?.certificates ?? []).slice(1).filter((arn) => arn !== chosen);
  return { protocol, policy, certificates: [chosen, ...others] };
}

async function defaultRule(
  ctx: CallContext,
  given: In<"CreateListener">["DefaultActions"],
  protocol: Listener["protocol"],
  before: Rule | undefined,
  listener: string,
): Promise<Rule> {
  const arn = before?.arn ?? newRuleArn(ctx, listener);
  const actions = await readActions(ctx, given ?? [], { rule: arn, protocol, before: before?.actions ?? [] });
  return { arn, conditions: [], actions, transforms: [], tags: before?.tags ?? {} };
}

export const listenerHandlers: ElbHandlers = {
  /** The same call again gives the listener that there is. */
  async CreateListener(input, ctx) {
    const loadBalancer = await requireLoadBalancer(ctx, input.LoadBalancerArn ?? "");
    if (input.Port === undefined) throw validation("A listener port must be specified");
    const tls = secured(input);
    const arn = newListenerArn(ctx, loadBalancer.arn);
    const created: Listener = {
      arn,
      loadBalancer: loadBalancer.arn,
      port: input.Port,
      ...tls,
      attributes: {},
      rules: [await defaultRule(ctx, input.DefaultActions, tls.protocol, undefined, arn)],
      tags: withTags({}, input.Tags),
    };
    const siblings = await listenersOf(ctx, loadBalancer.arn);
    const existing = siblings.find(({ port }) => port === created.port);
    if (existing) {
      if (!sameSettings(existing, created)) throw duplicateListener();
      return { Listeners: [showListener(existing)] };
    }
    const most = quotas["listeners-per-application-load-balancer"];
    if (siblings.length >= most) throw tooMany("Listeners", `A load balancer can have at most '${most}' listeners`);
    await holdTargetGroups(ctx, loadBalancer.arn, created.rules);
    await saveListener(ctx, created);
    // Two listeners on one port, made at once, meet here.
    await saveLoadBalancer(ctx, loadBalancer);
    return { Listeners: [showListener(created)] };
  },

  async DescribeListeners(input, ctx) {
    const { ListenerArns: arns, LoadBalancerArn: owner } = input;
    if (!arns?.length === (owner === undefined)) {
      throw validation("You must specify either listener ARNs or a load balancer ARN");
    }
    const found =
      owner === undefined
        ? await Promise.all(arns!.map((arn) => requireListener(ctx, arn)))
        : await listenersOf(ctx, (await requireLoadBalancer(ctx, owner)).arn);
    const { items, NextMarker } = paged(found, input);
    return { Listeners: items.map(showListener), ...(NextMarker === undefined ? {} : { NextMarker }) };
  },

  /** A listener that changes keeps its connections; what is new is for the next request or handshake. */
  async ModifyListener(input, ctx) {
    const before = await requireListener(ctx, input.ListenerArn ?? "");
    const { policy: _, ...rest } = before;
    const tls = secured(input, before);
    const port = input.Port ?? before.port;
    if (port !== before.port) {
      const siblings = await listenersOf(ctx, before.loadBalancer);
      if (siblings.some((each) => each.arn !== before.arn && each.port === port)) throw duplicateListener();
      await saveLoadBalancer(ctx, await requireLoadBalancer(ctx, before.loadBalancer));
    }
    if (tls.protocol === "HTTP" && before.rules.some(authenticates)) {
      throw validation("A listener whose rules authenticate users must be an HTTPS listener");
    }
    const last = before.rules.at(-1)!;
    const changed = input.DefaultActions
      ? await defaultRule(ctx, input.DefaultActions, tls.protocol, last, before.arn)
      : last;
    if (input.DefaultActions) await holdTargetGroups(ctx, before.loadBalancer, [changed]);
    const after: Listener = { ...rest, ...tls, port, rules: [...before.rules.slice(0, -1), changed] };
    await saveListener(ctx, after, before);
    return { Listeners: [showListener(after)] };
  },

  /** Its rules go with it. */
  async DeleteListener(input, ctx) {
    const listener = await requireListener(ctx, input.ListenerArn ?? "");
    removeListener(ctx, listener);
    return {};
  },
};

const authenticates = ({ actions }: Rule): boolean => actions.some(({ type }) => type === "authenticate-oidc");

function sameSettings(one: Listener, other: Listener): boolean {
  const settings = ({ port, protocol, policy, certificates, rules }: Listener) =>
    JSON.stringify([port, protocol, policy, certificates[0], rules.at(-1)!.actions.map(showAction)]);
  return settings(one) === settings(other);
}

export function showListener(listener: Listener) {
  const [certificate] = listener.certificates;
  return {
    ListenerArn: listener.arn,
    LoadBalancerArn: listener.loadBalancer,
    Port: listener.port,
    Protocol: listener.protocol,
    ...(certificate === undefined ? {} : { Certificates: [{ CertificateArn: certificate }] }),
    ...(listener.policy === undefined ? {} : { SslPolicy: listener.policy, MutualAuthentication: { Mode: "off" } }),
    DefaultActions: listener.rules.at(-1)!.actions.map(showAction),
  };
}
