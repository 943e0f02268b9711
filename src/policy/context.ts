/**
 * The request context: what is known about a request besides action and resource. Keys are compared without
 * regard to case. Source: IAM User Guide, "AWS global condition context keys" and "Policy variables".
 */
import { isoSeconds } from "#kernel/clock.ts";
import type { Principal } from "./principal.ts";

export type ContextValue = string | readonly string[];

/** As callers hand it in; key names in any case, e.g. `{ "aws:SourceIp": "203.0.113.7" }`. */
export type ContextEntries = Readonly<Record<string, ContextValue>>;

/** Values by lower-case key. A key that is absent was not part of the request. */
export type RequestContext = ReadonlyMap<string, readonly string[]>;

/**
 * Puts together what the caller knows and what follows from who is calling.
 *
 * INVARIANT: keys that describe the principal come from the authenticated principal only. What a caller passes
 * under such a name is dropped, so that a request parameter can never become an identity.
 */
export function buildContext(
  principal: Principal,
  resourceAccount: string | undefined,
  entries: ContextEntries,
): RequestContext {
  const context = new Map<string, readonly string[]>();
  for (const key in entries) {
    const name = key.toLowerCase();
    if (isPrincipalKey(name)) continue;
    const value = entries[key]!;
    context.set(name, typeof value === "string" ? [value] : value);
  }
  addPrincipalKeys(context, principal);
  if (resourceAccount !== undefined) context.set("aws:resourceaccount", [resourceAccount]);
  return context;
}

/** Only what was handed in: the policy simulator lets its user say what the principal keys are. */
export function contextOf(entries: ContextEntries): RequestContext {
  const context = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(entries)) {
    context.set(key.toLowerCase(), typeof value === "string" ? [value] : value);
  }
  return context;
}

const reserved = new Set([
  "aws:username",
  "aws:userid",
  "aws:principalarn",
  "aws:principalaccount",
  "aws:principaltype",
  "aws:principalisawsservice",
  "aws:principalservicename",
  "aws:principalservicenameslist",
  "aws:multifactorauthpresent",
  "aws:multifactorauthage",
  "aws:tokenissuetime",
  "aws:federatedprovider",
  "aws:sourceidentity",
]);

function isPrincipalKey(name: string): boolean {
  return reserved.has(name) || name.startsWith("aws:principaltag/");
}

/**
 * Adds the keys that follow from the principal. Which of them a kind of principal has, and with what value, is the
 * table "Principal key values" of "IAM policy elements: Variables and tags"; `aws:PrincipalArn` of a role session
 * is the role's ARN ("AWS global condition context keys").
 */
function addPrincipalKeys(context: Map<string, readonly string[]>, principal: Principal): void {
  context.set("aws:principalisawsservice", [principal.kind === "service" ? "true" : "false"]);
  switch (principal.kind) {
    case "root":
      addIdentity(context, "Account", principal.arn, principal.account, principal.account);
      break;
    case "user":
      addIdentity(context, "User", principal.arn, principal.account, principal.id);
      context.set("aws:username", [principal.name]);
      break;
    case "role":
      addIdentity(
        context,
        "AssumedRole",
        principal.roleArn,
        principal.account,
        `${principal.roleId}:${principal.sessionName}`,
      );
      if (principal.federatedProvider !== undefined)
        context.set("aws:federatedprovider", [principal.federatedProvider]);
      break;
    case "federatedUser":
      addIdentity(context, "FederatedUser", principal.arn, principal.account, `${principal.account}:${principal.name}`);
      break;
    case "service":
      context.set("aws:principalservicename", [principal.name]);
      context.set("aws:principalservicenameslist", principal.names ?? [principal.name]);
      if (principal.account !== undefined) context.set("aws:principalaccount", [principal.account]);
      return;
    case "federated":
      context.set("aws:federatedprovider", [principal.provider]);
      return;
    case "anonymous":
      context.set("aws:principaltype", ["Anonymous"]);
      context.set("aws:principalaccount", ["anonymous"]);
      context.set("aws:userid", ["anonymous"]);
      return;
  }
  for (const tag in principal.tags) context.set(`aws:principaltag/${tag.toLowerCase()}`, [principal.tags[tag]!]);
  if (principal.session !== undefined) {
    const { issuedAt, sourceIdentity } = principal.session;
    context.set("aws:tokenissuetime", [isoSeconds(issuedAt)]);
    if (sourceIdentity !== undefined) context.set("aws:sourceidentity", [sourceIdentity]);
    // Long-term credentials carry neither true nor false, so the key is there with temporary ones only.
    context.set("aws:multifactorauthpresent", ["false"]);
  }
  if (principal.mfa !== undefined) {
    context.set("aws:multifactorauthpresent", ["true"]);
    context.set("aws:multifactorauthage", [String(principal.mfa.ageSeconds)]);
  }
}

function addIdentity(
  context: Map<string, readonly string[]>,
  type: string,
  arn: string,
  account: string,
  userId: string,
): void {
  context.set("aws:principaltype", [type]);
  context.set("aws:principalarn", [arn]);
  context.set("aws:principalaccount", [account]);
  context.set("aws:userid", [userId]);
}
