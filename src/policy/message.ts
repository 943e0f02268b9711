/**
 * The text of an access denied error. Sources: IAM User Guide, "Troubleshoot access denied error messages";
 * Amazon S3 User Guide, "Troubleshoot access denied (403 Forbidden) errors" (S3 puts the resource in quotes).
 */
import type { Decision, EvaluationRequest, PolicyType } from "./decision.ts";
import { contextOf } from "./context.ts";
import { accountOf, principalName } from "./principal.ts";

/** "with an explicit deny in …" */
export const articles: Readonly<Record<PolicyType, string>> = {
  "identity-based policy": "an identity-based policy",
  "resource-based policy": "a resource-based policy",
  "role trust policy": "the role trust policy",
  "permissions boundary": "a permissions boundary",
  "session policy": "a session policy",
  "service control policy": "a service control policy",
  "resource control policy": "a resource control policy",
  "VPC endpoint policy": "a VPC endpoint policy",
};

/** Services whose message leaves the resource out when the action has none; the others print `*`. */
const withoutWildcardResource = new Set(["s3", "ec2", "cloudwatch", "secretsmanager"]);

/**
 * `User: <arn> is not authorized to perform: <action> on resource: <arn> because no identity-based policy allows
 * the <action> action`. Nothing but the kind of policy is told: names of policies stay with who may read them, in
 * the explanation.
 */
export function denialMessage(decision: Decision, request: EvaluationRequest = decision.request): string {
  const { action, resource, principal } = request;
  const service = action.split(":", 1)[0]!.toLowerCase();
  if (service === "s3" && isStranger(request)) return "Access Denied";
  return [
    `User: ${principalName(principal)} is not authorized to perform: ${action}`,
    resourcePhrase(service, resource, decision),
    reasonPhrase(decision, action),
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/**
 * S3 tells the reason "for requests made to resources within the same AWS account or the same organization in AWS
 * Organizations", and nothing to anybody else.
 */
function isStranger({ principal, resourceAccount, context }: EvaluationRequest): boolean {
  const account = accountOf(principal);
  if (account === undefined) return true;
  const organizations = contextOf(context);
  const own = organizations.get("aws:principalorgid")?.[0];
  const theirs = organizations.get("aws:resourceorgid")?.[0];
  return account !== resourceAccount && (own === undefined || own !== theirs);
}

function resourcePhrase(service: string, resource: string, decision: Decision): string {
  // AssumeRole names the role whichever side refuses, except when its trust policy does.
  if (decision.deciding?.type === "role trust policy") return "";
  if (service === "s3") return resource === "*" ? "" : `on resource: "${resource}"`;
  if (resource === "*" && withoutWildcardResource.has(service)) return "";
  return `on resource: ${resource}`;
}

function reasonPhrase(decision: Decision, action: string): string {
  const type = decision.deciding?.type;
  if (type === undefined) return "";
  switch (decision.reason) {
    case "explicitDeny":
      return `with an explicit deny in ${articles[type]}`;
    case "implicitDeny":
      return `because no ${type} allows the ${action} action`;
    case "error":
      // AWS has no words for it; a policy that cannot be evaluated denies.
      return `with an explicit deny in ${articles[type]}`;
    case "allow":
      return "";
  }
}
