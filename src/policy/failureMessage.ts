/**
 * An authorization failure as DecodeAuthorizationMessage tells it.
 * Source: AWS CLI Command Reference, `sts decode-authorization-message` (the decoded form); AWS re:Post, "How can I
 * decode an authorization failure message" (matched statements of an explicit deny).
 */
import type { Decision } from "./decision.ts";
import { applicablePolicies, subjectOf } from "./evaluate.ts";
import { principalName, type Principal } from "./principal.ts";
import type { Statement } from "./document.ts";
import { traceOf } from "./explain.ts";

interface List<T> {
  items: T[];
}
const list = <T>(items: readonly T[]): List<T> => ({ items: [...items] });
const valuesOf = (texts: readonly string[]) => list(texts.map((value) => ({ value })));

/** JSON-ready. Statements are named where one refuses explicitly; nothing matches an implicit deny. */
export function failureMessage(decision: Decision): object {
  const { request } = decision;
  const context = [...subjectOf(request).context()].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    allowed: false,
    explicitDeny: decision.reason === "explicitDeny",
    matchedStatements: list(decision.reason === "explicitDeny" ? refusing(decision) : []),
    failures: list(decision.error === undefined ? [] : [{ value: decision.error }]),
    context: {
      principal: shownPrincipal(request.principal),
      action: request.action,
      resource: request.resource,
      conditions: list(context.map(([key, values]) => ({ key, values: valuesOf(values) }))),
    },
  };
}

function refusing(decision: Decision): object[] {
  const { request } = decision;
  const statements = new Map<string, Statement>();
  for (const { type, levels } of applicablePolicies(request)) {
    for (const [level, policies] of levels.entries()) {
      for (const { name, policy } of policies) {
        for (const each of policy.statements) statements.set(`${type}/${level}/${name}/${each.index}`, each);
      }
    }
  }
  return traceOf(request).flatMap(({ type, level, policy, statement, applied }) => {
    if (!applied || statement?.effect !== "Deny") return [];
    const found = statements.get(`${type}/${level}/${policy.name}/${statement.index}`);
    return found ? [shownStatement(found)] : [];
  });
}

function shownStatement(statement: Statement): object {
  return {
    statementId: statement.sid ?? "",
    effect: "DENY",
    principals: valuesOf(statement.principal?.source ?? []),
    principalGroups: list([]),
    actions: valuesOf(statement.action.patterns),
    resources: valuesOf(statement.resource?.templates.map(({ source }) => source) ?? []),
    conditions: list(statement.conditions.map(({ key, values }) => ({ key, values: valuesOf(values) }))),
  };
}

function shownPrincipal(principal: Principal): object {
  const arn = principalName(principal);
  const name = arn.split("/").at(-1)!;
  if (principal.kind === "role") return { id: `${principal.roleId}:${name}`, name, arn };
  return { ...("id" in principal ? { id: principal.id } : {}), name, arn };
}
