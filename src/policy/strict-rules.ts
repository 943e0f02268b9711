/**
 * What is refused in policies that name principals: resource-based policies, KMS key policies and role trust
 * policies, and in the control policies of AWS Organizations. Texts for trust policies as IAM answers CreateRole
 * (recorded in the tests of versitygw, Apache-2.0, and in reports of terraform-provider-aws); for resource
 * policies as S3 answers PutBucketPolicy; for keys as KMS answers PutKeyPolicy; Organizations has one text.
 */
import type { ParsedPrincipal, PolicyKind, RawDocument, RawStatement } from "./document.ts";
import { GrammarError, type Problem, readDocument, type Wording } from "./grammar.ts";
import { InvalidPrincipal, parsePrincipal } from "./principal-parser.ts";

const fieldWording: Wording = (problem, detail) => {
  const messages: Record<Problem, string> = {
    json: "This policy contains invalid Json",
    version: "The policy must contain a valid version string",
    unknownElement: `Unknown field ${detail}`,
    type: "Syntax error in policy.",
    noStatement: "Missing required field Statement",
    emptyStatement: "Could not parse the policy: Statement is empty!",
    noEffect: "Missing required field Effect",
    badEffect: `Invalid effect: ${detail}`,
    twoElements: "Syntax error in policy.",
    badOperator: `Invalid Condition type : ${detail}`,
  };
  return messages[problem];
};

const bucketWording: Wording = (problem, detail) =>
  problem === "json" ? "Policies must be valid JSON and the first byte must be '{'" : fieldWording(problem, detail);

/** "AssumeRole policy may only specify STS AssumeRole actions": these, and no wildcard. */
const trustActions = new Set([
  "sts:assumerole",
  "sts:assumerolewithsaml",
  "sts:assumerolewithwebidentity",
  "sts:tagsession",
  "sts:setsourceidentity",
  "sts:setcontext",
]);

/** @throws GrammarError with the service's message. */
export function readStrict(text: string, kind: Exclude<PolicyKind, "identity" | "boundary" | "session">): RawDocument {
  switch (kind) {
    case "trust":
      return read(text, fieldWording, checkTrust);
    case "resource":
      return read(text, bucketWording, (statement) => checkResource(statement, "Invalid principal in policy"));
    case "key":
      return read(text, fieldWording, (statement) =>
        checkResource(statement, "Policy contains a statement with one or more invalid principals."),
      );
    case "scp":
      return readControl(text, checkServiceControl);
    case "rcp":
      return readControl(text, checkResourceControl);
  }
}

function read(text: string, wording: Wording, check: (statement: RawStatement) => void): RawDocument {
  const document = readDocument(text, wording);
  const seen = new Set<string>();
  for (const statement of document.statements) {
    if (statement.effect !== "Allow" && statement.effect !== "Deny") fail(wording("badEffect", statement.effect));
    check(statement);
    if (statement.sid === undefined || statement.sid === "") continue;
    if (seen.has(statement.sid)) fail("The Statement Ids in the policy are not unique");
    seen.add(statement.sid);
  }
  return document;
}

function fail(message: string): never {
  throw new GrammarError(message);
}

function checkTrust(statement: RawStatement): void {
  if (statement.notPrincipal !== undefined) {
    fail(
      statement.effect === "Allow"
        ? "Allow with NotPrincipal is not allowed."
        : "AssumeRole policy must not contain NotPrincipal field.",
    );
  }
  if (statement.principal === undefined) fail("Missing required field Principal");
  if (typeof statement.principal === "string" && statement.principal !== "*") fail("Principal must be a JSON object.");
  const principal = readPrincipal(statement.principal, undefined);
  if (principal.entries.length === 0) fail("Missing required field Principal cannot be empty!");
  if (principal.entries.some((entry) => entry.type === "canonicalUser")) {
    fail('Invalid principal in policy: "CanonicalUser"');
  }
  const actions = statement.action ?? statement.notAction ?? [];
  if (actions.length === 0) fail("Missing required field Action");
  if (actions.some((action) => !trustActions.has(action.toLowerCase()))) {
    fail("AssumeRole policy may only specify STS AssumeRole actions.");
  }
  if (statement.resource !== undefined) fail("Has prohibited field Resource");
  if (statement.notResource !== undefined) fail("AssumeRole policy must not contain resources.");
  const cognito = principal.entries.some(
    (entry) => entry.type === "federated" && entry.name === "cognito-identity.amazonaws.com",
  );
  if (cognito && statement.effect === "Allow" && statement.conditions.length === 0) {
    fail("A condition block must be present for the Cognito provider");
  }
}

function checkResource(statement: RawStatement, invalidPrincipal: string): void {
  if (statement.principal === undefined && statement.notPrincipal === undefined) {
    fail("Missing required field Principal");
  }
  if (statement.notPrincipal !== undefined && statement.effect === "Allow") {
    fail("Allow with NotPrincipal is not allowed.");
  }
  const principal = readPrincipal(statement.principal ?? statement.notPrincipal, invalidPrincipal);
  if (principal.entries.length === 0) fail("Missing required field Principal cannot be empty!");
  const actions = statement.action ?? statement.notAction ?? [];
  if (actions.length === 0) fail("Missing required field Action");
  if (!actions.every(isAction)) fail("Policy has invalid action");
  const resources = statement.resource ?? statement.notResource ?? [];
  if (resources.length === 0) fail("Missing required field Resource");
  if (!resources.every(isResource)) fail("Policy has invalid resource");
}

function readPrincipal(raw: unknown, invalid: string | undefined): ParsedPrincipal {
  try {
    return parsePrincipal(raw);
  } catch (error) {
    if (!(error instanceof InvalidPrincipal)) throw error;
    return fail(invalid ?? error.message);
  }
}

function isAction(action: string): boolean {
  return action === "*" || /^[a-zA-Z0-9\-.]+:[^:]+$/.test(action);
}

function isResource(resource: string): boolean {
  return resource === "*" || /^arn:[^:]+:[^:]+(:|$)/.test(resource);
}

/** Organizations says the same of every fault. */
const controlFault = "The provided policy document does not meet the requirements of the specified policy type.";

function readControl(text: string, check: (statement: RawStatement) => boolean): RawDocument {
  const document = read(
    text,
    () => controlFault,
    (statement) => {
      const actions = statement.action ?? statement.notAction ?? [];
      const resources = statement.resource ?? statement.notResource ?? [];
      const sound =
        actions.length > 0 &&
        actions.every(isAction) &&
        resources.length > 0 &&
        resources.every(isResource) &&
        /^[0-9A-Za-z]*$/.test(statement.sid ?? "");
      if (!sound || !check(statement)) fail(controlFault);
    },
  );
  // "Every SCP must include a Version element with the value 2012-10-17", and so must every RCP.
  if (document.version !== "2012-10-17") fail(controlFault);
  return document;
}

/**
 * "You can't use the Principal or NotPrincipal elements in an SCP"; every other element, in Allow and Deny alike.
 * Source: AWS Organizations User Guide, "SCP syntax".
 */
function checkServiceControl(statement: RawStatement): boolean {
  return statement.principal === undefined && statement.notPrincipal === undefined;
}

/**
 * Deny only, for everybody, without NotPrincipal and NotAction, and no bare `*` for the action.
 * Source: AWS Organizations User Guide, "RCP syntax".
 */
function checkResourceControl(statement: RawStatement): boolean {
  const { effect, principal, action } = statement;
  const everyone = principal === "*" || (principal !== undefined && isEveryone(principal));
  return effect === "Deny" && everyone && action !== undefined && !action.includes("*");
}

function isEveryone(raw: unknown): boolean {
  try {
    const { entries } = parsePrincipal(raw);
    return entries.length > 0 && entries.every((entry) => entry.type === "everyone");
  } catch {
    return false;
  }
}
