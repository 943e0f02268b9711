/** Reading, checking and compiling policy documents. */
import { AwsError } from "#kernel/errors.ts";
import { compileAction } from "./action.ts";
import { readClassic } from "./classic-rules.ts";
import { compileCondition } from "./conditions.ts";
import type { Policy, PolicyKind, RawDocument, RawStatement, Statement } from "./document.ts";
import { GrammarError } from "./grammar.ts";
import { compilePrincipal } from "./principal-element.ts";
import { parsePrincipal } from "./principal-parser.ts";
import { compileResource } from "./resource.ts";
import { readStrict } from "./strict-rules.ts";

/** The code each service gives a document it refuses; status 400. Services with another code map it. */
const faultCodes: Readonly<Record<PolicyKind, string>> = {
  identity: "MalformedPolicyDocument",
  boundary: "MalformedPolicyDocument",
  session: "MalformedPolicyDocument",
  trust: "MalformedPolicyDocument",
  resource: "MalformedPolicy",
  key: "MalformedPolicyDocumentException",
  scp: "MalformedPolicyDocumentException",
  rcp: "MalformedPolicyDocumentException",
};

/**
 * Checks a document as its service does on writing, and compiles it.
 *
 * @param input the document's text, or the parsed JSON of it
 * @throws AwsError with the service's code and text: `MalformedPolicyDocument`, "Syntax errors in policy." …
 */
export function parsePolicy(input: string | object, kind: PolicyKind): Policy {
  const text = typeof input === "string" ? input : JSON.stringify(input);
  try {
    return compile(readRaw(text, kind), text, kind);
  } catch (error) {
    if (!(error instanceof GrammarError)) throw error;
    throw new AwsError(faultCodes[kind], error.message, 400);
  }
}

/**
 * Compiles a stored document. INVARIANT: one that cannot be read is returned as broken, never dropped, so that
 * what it would have denied stays denied.
 */
export function loadPolicy(input: string | object, kind: PolicyKind): Policy {
  try {
    return parsePolicy(input, kind);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const text = typeof input === "string" ? input : JSON.stringify(input);
    return { ...assemble([], text, kind, "2012-10-17", undefined, false), broken: reason };
  }
}

/**
 * The policy that allows everything: `FullAWSAccess` and `RCPFullAWSAccess`, which Organizations attaches itself.
 * The latter is the one RCP that may allow, so it does not pass through the checks for customers.
 */
export function fullAccess(kind: "scp" | "rcp"): Policy {
  const principal = kind === "rcp" ? { Principal: "*" } : {};
  const text = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", ...principal, Action: "*", Resource: "*" }],
  });
  return compile(readStrict(text, kind === "rcp" ? "resource" : "scp"), text, kind);
}

function readRaw(text: string, kind: PolicyKind): RawDocument {
  switch (kind) {
    case "identity":
    case "boundary":
      return readClassic(text, true);
    case "session":
      return readClassic(text, false);
    default:
      return readStrict(text, kind);
  }
}

function compile(raw: RawDocument, text: string, kind: PolicyKind): Policy {
  // "If you do not include a Version element, the value defaults to 2008-10-17."
  const version = raw.version === "2012-10-17" ? "2012-10-17" : "2008-10-17";
  const statements = raw.statements.map((statement, index) => compileStatement(statement, index, version));
  return assemble(statements, text, kind, version, raw.id, raw.single);
}

function compileStatement(raw: RawStatement, index: number, version: Policy["version"]): Statement {
  const withVariables = version === "2012-10-17";
  const resources = raw.resource ?? raw.notResource;
  const rawPrincipal = raw.principal ?? raw.notPrincipal;
  const principal = rawPrincipal === undefined ? undefined : parsePrincipal(rawPrincipal);
  return {
    index,
    sid: raw.sid,
    effect: raw.effect as "Allow" | "Deny",
    action: compileAction(raw.action ?? raw.notAction ?? [], raw.action === undefined),
    resource:
      resources === undefined ? undefined : compileResource(resources, raw.resource === undefined, withVariables),
    principal:
      principal === undefined
        ? undefined
        : compilePrincipal(principal.entries, principal.source, raw.principal === undefined),
    conditions: raw.conditions.map(({ operator, key, values }) =>
      compileCondition(operator, key, values, withVariables),
    ),
    span: raw.span,
  };
}

function assemble(
  statements: readonly Statement[],
  text: string,
  kind: PolicyKind,
  version: Policy["version"],
  id: string | undefined,
  single: boolean,
): Policy {
  const services = new Set(statements.flatMap((statement) => [...(statement.action.services ?? [])]));
  const byService = new Map<string, readonly Statement[]>();
  for (const service of services) {
    byService.set(
      service,
      statements.filter(({ action }) => action.services === undefined || action.services.has(service)),
    );
  }
  const otherwise = statements.filter(({ action }) => action.services === undefined);
  return { kind, version, id, text, single, statements, broken: undefined, byService, otherwise };
}
