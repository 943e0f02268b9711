/**
 * What IAM refuses in identity-based policies, permissions boundaries and session policies, in the order its
 * parser finds it: syntax, version, "legacy parsing", statement ids, elements that must be there, resources,
 * actions. Order and texts were recorded from the service by the authors of moto (its policy validation tests,
 * Apache-2.0); the text on Sid characters from CloudTrail records of CreatePolicy.
 */
import { parseDate } from "./date.ts";
import type { RawDocument, RawStatement } from "./document.ts";
import { GrammarError, readDocument } from "./grammar.ts";

const syntax = "Syntax errors in policy.";
const legacy = "The policy failed legacy parsing";

/** @throws GrammarError with IAM's message. */
export function readClassic(text: string, needsVersion: boolean): RawDocument {
  const document = readDocument(text, () => syntax);
  if (needsVersion && document.version !== "2012-10-17") {
    fail("Policy document must be version 2012-10-17 or greater.");
  }
  const { statements } = document;
  if (statements.some((statement) => statement.principal !== undefined || statement.notPrincipal !== undefined)) {
    fail("Policy document should not specify a principal.");
  }
  for (const statement of statements) checkLegacy(statement);
  const resourceProblem = firstProblem(statements.flatMap(resourcesOf), resourceError);
  if (resourceProblem === undefined && statements.flatMap(resourcesOf).some(failsLegacyResource)) fail(legacy);
  checkSids(statements);
  for (const statement of statements) {
    if (actionsOf(statement).length === 0) fail("Policy statement must contain actions.");
  }
  const actions = statements.flatMap(actionsOf);
  if (statements.some((statement) => resourcesOf(statement).length === 0)) {
    fail(actions.some(lacksVendor) ? noVendor : "Policy statement must contain resources.");
  }
  const problem = resourceProblem ?? firstProblem(actions, actionError);
  if (problem !== undefined) fail(problem);
  return document;
}

function fail(message: string): never {
  throw new GrammarError(message);
}

function firstProblem(values: readonly string[], check: (value: string) => string | undefined): string | undefined {
  for (const value of values) {
    const problem = check(value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function actionsOf(statement: RawStatement): readonly string[] {
  return statement.action ?? statement.notAction ?? [];
}

function resourcesOf(statement: RawStatement): readonly string[] {
  return statement.resource ?? statement.notResource ?? [];
}

function checkLegacy(statement: RawStatement): void {
  if (statement.effect !== "Allow" && statement.effect !== "Deny") fail(legacy);
  for (const { operator, values } of statement.conditions) {
    if (!/^(For(Any|All)Values?:)?Date/.test(operator)) continue;
    if (values.some((value) => parseDate(value) === undefined)) fail(legacy);
  }
}

/** Colons inside a policy variable (`${aws:username}`) divide nothing. */
function splitResource(resource: string): string[] {
  return resource.split(/:(?![^{}]*\})/);
}

function failsLegacyResource(resource: string): boolean {
  if (resource === "*") return false;
  const parts = splitResource(resource);
  return (parts.length < 6 && resource.includes("::")) || parts[2] === "";
}

function checkSids(statements: readonly RawStatement[]): void {
  const seen = new Set<string>();
  for (const { sid } of statements) {
    if (sid === undefined || sid === "") continue;
    if (!/^[0-9A-Za-z]*$/.test(sid)) {
      fail(
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
      );
    }
    if (seen.has(sid)) fail("Statement IDs (SID) in a single policy must be unique.");
    seen.add(sid);
  }
}

const noVendor = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";

function lacksVendor(action: string): boolean {
  return action !== "*" && !action.includes(":");
}

function actionError(action: string): string | undefined {
  if (action === "*") return undefined;
  if (lacksVendor(action)) return noVendor;
  const [vendor, ...rest] = action.split(":");
  if (rest.length > 1) return "Actions/Condition can contain only one colon.";
  return /[^a-zA-Z0-9\-.]/.test(vendor!) ? `Vendor ${vendor} is not valid` : undefined;
}

const partitions = new Set([
  "aws",
  "aws-cn",
  "aws-us-gov",
  "aws-iso",
  "aws-iso-b",
  "aws-iso-e",
  "aws-iso-f",
  "aws-eusc",
  // AWS managed policies are written for every partition with it.
  "*",
]);

const iamPaths = [
  "user/",
  "federated-user/",
  "role/",
  "group/",
  "instance-profile/",
  "mfa/",
  "server-certificate/",
  "policy/",
  "sms-mfa/",
  "saml-provider/",
  "oidc-provider/",
  "report/",
  "access-report/",
];

function resourceError(resource: string): string | undefined {
  if (resource === "*") return undefined;
  const [first, partition, ...rest] = splitResource(resource);
  if (partition === undefined) return `Resource ${first} must be in ARN format or "*".`;
  if (!partitions.has(partition)) {
    const padded = [0, 1, 2].map((index) => rest[index] ?? "*");
    if (rest.length <= 1 && padded[0] === "") padded[0] = "*";
    const last = rest.length > 3 ? rest.slice(3).join(":") : "*";
    return `Partition "${partition}" is not valid for resource "arn:${partition}:${padded.join(":")}:${last}".`;
  }
  const [service, region, account = "", ...tail] = rest;
  if (service === undefined || /[*?]/.test(service)) {
    return "Resource vendor must be fully qualified and cannot contain regexes.";
  }
  // Access points have Regions; what they have besides is an account.
  if (service === "s3" && region !== "" && account === "") {
    return `Resource ${resource} can not contain region information.`;
  }
  if (service === "iam") {
    if (region !== "") return `IAM resource ${resource} cannot contain region information.`;
    const path = tail.join(":");
    const known = path === "*" || path === "root" || iamPaths.some((start) => path.startsWith(start));
    if (rest.length > 3 && !known) {
      return `IAM resource path must either be "*" or start with ${iamPaths.join(", ")}.`;
    }
  }
  return undefined;
}
