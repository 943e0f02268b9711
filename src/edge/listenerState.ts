/** A listener as it stands: what a request reads once and keeps, whatever is configured while it is under way. */
import { compileCondition, type Condition, type RoutedRequest } from "./conditions.ts";
import type { FrontEndDocument, ListenerDocument, RoutingAction, RoutingRule, RoutingTransform } from "./config.ts";
import { egressFor, ingressFor, type Reaches } from "./networks.ts";
import { regularExpression } from "./patterns.ts";
import { securityPolicy } from "./securityPolicies.ts";
import { certificateContext, type CertificateContext, type LoadedCertificate } from "./tlsContexts.ts";

export interface CompiledRule {
  arn: string;
  priority: string;
  conditions: readonly Condition[];
  actions: readonly RoutingAction[];
  transforms: readonly CompiledTransform[];
}

export interface CompiledTransform {
  type: RoutingTransform["type"];
  regex: RegExp;
  replace: string;
}

export interface ListenerState {
  account: string;
  region: string;
  document: ListenerDocument;
  frontEnd: FrontEndDocument;
  /** Whether a peer is let in. */
  admits(address: string): boolean;
  /** Whether the load balancer may connect to an address. */
  reaches: Reaches;
  rules: readonly CompiledRule[];
  /** The first is the default; empty for HTTP, and for HTTPS that cannot be served. */
  contexts: readonly CertificateContext[];
  /** Why it cannot be served. */
  problem?: string;
}

export function listenerState(
  where: { account: string; region: string },
  document: ListenerDocument,
  frontEnd: FrontEndDocument,
  certificate: (arn: string) => LoadedCertificate | undefined,
): ListenerState {
  const { contexts, problem } = tlsOf(document, certificate);
  return {
    ...where,
    document,
    frontEnd,
    admits: ingressFor(frontEnd.ingress, document.port),
    reaches: egressFor(frontEnd.egress),
    rules: document.rules.map(compileRule),
    contexts,
    ...(problem === undefined ? {} : { problem }),
  };
}

function tlsOf(
  { protocol, tls }: ListenerDocument,
  certificate: (arn: string) => LoadedCertificate | undefined,
): { contexts: CertificateContext[]; problem?: string } {
  if (protocol === "HTTP") return { contexts: [] };
  const policy = securityPolicy(tls?.policy ?? "");
  if (!policy) return { contexts: [], problem: `the security policy ${tls?.policy ?? ""} cannot be served` };
  const contexts: CertificateContext[] = [];
  for (const [index, arn] of (tls?.certificates ?? []).entries()) {
    const loaded = certificate(arn);
    // INVARIANT: the default certificate is the one the listener names, or none: another is no substitute.
    if (!loaded && index === 0) return { contexts: [], problem: `the certificate ${arn} is not there` };
    if (!loaded) continue;
    try {
      contexts.push(certificateContext(loaded, policy));
    } catch (error) {
      if (index === 0) return { contexts: [], problem: `the certificate ${arn}: ${(error as Error).message}` };
    }
  }
  return contexts.length > 0 ? { contexts } : { contexts, problem: "the listener has no certificate" };
}

function compileRule(rule: RoutingRule): CompiledRule {
  return {
    arn: rule.arn,
    priority: rule.priority,
    conditions: rule.conditions.map(compileCondition),
    actions: rule.actions,
    transforms: (rule.transforms ?? []).flatMap(({ type, regex, replace }) => {
      const compiled = regularExpression(regex, true);
      return compiled ? [{ type, regex: compiled, replace }] : [];
    }),
  };
}

/** The first rule whose conditions all hold; undefined only for a listener without a default rule. */
export function matchingRule({ rules }: ListenerState, request: RoutedRequest): CompiledRule | undefined {
  return rules.find(({ conditions }) => conditions.every((holds) => holds(request)));
}
