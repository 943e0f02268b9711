/** Whether statements of policies apply to one request. */
import type { RequestContext } from "./context.ts";
import type { NamedPolicy, Statement } from "./document.ts";
import type { Principal } from "./principal.ts";
import type { PrincipalMatch } from "./principal-element.ts";

/** A request as statements see it. */
export interface Subject {
  principal: Principal;
  /** Lower case. */
  action: string;
  /** The part of the action before the colon, lower case. */
  service: string;
  resource: string;
  /** The caller's account, when the resource is another account's. */
  foreignAccount: string | undefined;
  hasBoundary: boolean;
  /** Built when the first condition or variable asks for it. */
  context(): RequestContext;
}

export interface Hit {
  policy: NamedPolicy;
  statement: Statement;
}

export interface Scan {
  deny: Hit | undefined;
  allow: Hit | undefined;
  /** How the allowing statements name the principal; the least limited of them. */
  match: PrincipalMatch | undefined;
  error: { policy: NamedPolicy; statement: Statement | undefined; message: string } | undefined;
}

const rank: Readonly<Record<PrincipalMatch, number>> = { account: 1, entity: 2, direct: 3 };

/** How little else must agree. What the caller's own account issued across accounts comes before what it did not. */
function rankOf(match: PrincipalMatch, policy: NamedPolicy, subject: Subject): number {
  const own = subject.foreignAccount !== undefined && policy.issuedBy === subject.foreignAccount;
  return rank[match] + (own ? 3 : 0);
}

/**
 * Looks through policies of one type. A Deny ends the search.
 *
 * INVARIANT: whatever goes wrong is an error of the scan, and a scan with an error never allows.
 */
export function scan(policies: readonly NamedPolicy[], subject: Subject): Scan {
  let best = 0;
  const result: Scan = { deny: undefined, allow: undefined, match: undefined, error: undefined };
  for (const policy of policies) {
    const { broken, byService, otherwise } = policy.policy;
    if (broken !== undefined) {
      result.error ??= { policy, statement: undefined, message: broken };
      continue;
    }
    for (const statement of byService.get(subject.service) ?? otherwise) {
      let match: PrincipalMatch | undefined;
      try {
        match = applies(statement, subject);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        result.error ??= { policy, statement, message };
        continue;
      }
      if (match === undefined) continue;
      if (statement.effect === "Deny") {
        result.deny = { policy, statement };
        return result;
      }
      const reach = rankOf(match, policy, subject);
      if (reach > best) {
        best = reach;
        result.allow = { policy, statement };
        result.match = match;
      }
    }
  }
  return result;
}

/**
 * How a statement applies to the request; undefined when it does not. Policies without Principal belong to the
 * caller and name it directly.
 *
 * @throws PolicyEvaluationError when a condition cannot be evaluated
 */
export function applies(statement: Statement, subject: Subject): PrincipalMatch | undefined {
  if (!statement.action.matches(subject.action)) return undefined;
  const match =
    statement.principal === undefined
      ? "direct"
      : statement.principal.match(subject.principal, statement.effect === "Deny", subject.hasBoundary);
  if (match === undefined) return undefined;
  const { resource } = statement;
  // Building the context is most of the cost of a decision, so it waits until something asks.
  if (
    resource !== undefined &&
    !resource.matches(subject.resource, resource.hasVariables ? subject.context() : empty)
  ) {
    return undefined;
  }
  for (const condition of statement.conditions) {
    if (!condition.holds(subject.context())) return undefined;
  }
  return match;
}

const empty: RequestContext = new Map();
