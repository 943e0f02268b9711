/**
 * What the policy of a resource may speak of: actions that exist, that its resources take, under condition keys that
 * they have. S3 refuses anything else when the policy is written, so that a misspelt Deny is never taken for one.
 *
 * Texts as S3 answers PutBucketPolicy, from reports of its users: "Policy has invalid action", "Policy has invalid
 * resource", "Action does not apply to any resource(s) in statement" (versity/versitygw#645,
 * ministryofjustice/modernisation-platform#10762), "Conditions do not apply to combination of actions and resources in
 * statement" (humanmade/S3-Uploads#239), "Policy has an invalid condition key".
 *
 * Where the reports do not say: a wildcard in an action has to reach one action that applies; a condition key has to
 * belong to one of the statement's actions; keys of other prefixes (`aws:` …) belong to every action.
 */
import { AwsError } from "#kernel/errors.ts";
import { actionsOfService, type ActionFacts } from "./actions.ts";
import type { Policy, Statement } from "./document.ts";
import { compilePattern } from "./wildcard.ts";

/**
 * @param prefix of the actions: `s3`
 * @param typesOf what a resource is to actions (`bucket`, `object`), by its ARN as written; undefined for one that is
 *   not this policy's
 * @throws AwsError MalformedPolicy, 400
 */
export function checkResourceScope(
  policy: Policy,
  prefix: string,
  typesOf: (resource: string) => readonly string[] | undefined,
): void {
  for (const statement of policy.statements) checkStatement(statement, prefix, typesOf);
}

function checkStatement(
  { action, resource, conditions }: Statement,
  prefix: string,
  typesOf: (resource: string) => readonly string[] | undefined,
): void {
  const named = action.patterns.map((pattern) => actionsNamed(pattern, prefix));
  if (named.some((actions) => actions.length === 0)) fail("Policy has invalid action");
  const types = new Set<string>();
  for (const { source } of resource?.templates ?? []) {
    const its = typesOf(source);
    if (its === undefined) fail("Policy has invalid resource");
    for (const type of its) types.add(type);
  }
  // NotResource and NotAction leave open what the statement is about.
  const applies = (facts: ActionFacts) =>
    resource?.negated === true || facts.resourceTypes.some(({ name }) => types.has(name));
  if (!action.negated && named.some((actions) => !actions.some(applies))) {
    fail("Action does not apply to any resource(s) in statement");
  }
  const about = action.negated ? [...actionsOfService(prefix).values()] : named.flat().filter(applies);
  for (const { key } of conditions) checkKey(key, prefix, about);
}

function actionsNamed(pattern: string, prefix: string): ActionFacts[] {
  const known = actionsOfService(prefix);
  if (pattern === "*") return [...known.values()];
  const [service, name] = pattern.toLowerCase().split(":");
  if (service !== prefix || name === undefined) return [];
  const matches = compilePattern(name);
  return [...known].filter(([action]) => matches(action)).map(([, facts]) => facts);
}

function checkKey(key: string, prefix: string, actions: readonly ActionFacts[]): void {
  const wanted = keyName(key);
  if (!wanted.startsWith(`${prefix}:`)) return;
  const has = ({ conditionKeys, resourceTypes }: ActionFacts) =>
    [conditionKeys, ...resourceTypes.map((type) => type.conditionKeys)]
      .flat()
      .some((known) => keyName(known) === wanted);
  if (actions.some(has)) return;
  const exists = [...actionsOfService(prefix).values()].some(has);
  fail(
    exists
      ? "Conditions do not apply to combination of actions and resources in statement"
      : "Policy has an invalid condition key",
  );
}

/** Without the tag's key: `s3:ExistingObjectTag/team` and `s3:ExistingObjectTag/<key>` are one. */
function keyName(key: string): string {
  return key.toLowerCase().split("/", 1)[0]!;
}

function fail(message: string): never {
  throw new AwsError("MalformedPolicy", message, 400);
}
