/**
 * The Principal and NotPrincipal elements. Sources: IAM User Guide, "AWS JSON policy elements: Principal" and
 * "… NotPrincipal".
 */
import { accountOf, type Principal } from "./principal.ts";

/**
 * How a statement came to name the caller. In the caller's own account it decides what else must agree:
 * - `direct`: the user, the session or the service itself, or everybody; nothing else need allow;
 * - `entity`: the role behind a session or the user behind a federated session; boundary and session policy limit;
 * - `account`: the account, which delegates: identity-based policies must allow too.
 */
export type PrincipalMatch = "direct" | "entity" | "account";

export type PrincipalEntry =
  | { type: "everyone" }
  | { type: "account"; account: string }
  | { type: "aws"; name: string }
  | { type: "service"; name: string }
  | { type: "federated"; name: string }
  | { type: "canonicalUser"; name: string };

export interface PrincipalElement {
  readonly negated: boolean;
  readonly entries: readonly PrincipalEntry[];
  /** As written, for explanations: `AWS: arn:…`. */
  readonly source: readonly string[];
  /**
   * @param denies whether the statement denies
   * @param hasBoundary whether a permissions boundary is set on the caller: NotPrincipal with Deny "will always
   *   deny any IAM principal that has a permissions boundary policy attached"
   */
  match(principal: Principal, denies: boolean, hasBoundary: boolean): PrincipalMatch | undefined;
}

export function compilePrincipal(
  entries: readonly PrincipalEntry[],
  source: readonly string[],
  negated: boolean,
): PrincipalElement {
  const names = namesOf(entries);
  return {
    negated,
    entries,
    source,
    match: negated
      ? (principal, denies, hasBoundary) => {
          if (denies && hasBoundary && (principal.kind === "user" || principal.kind === "role")) return "direct";
          return isExcepted(names, principal, denies) ? undefined : "direct";
        }
      : (principal) => matchPrincipal(names, principal),
  };
}

interface Names {
  everyone: boolean;
  accounts: Set<string>;
  aws: Set<string>;
  services: Set<string>;
  federated: Set<string>;
  canonicalUsers: Set<string>;
}

function namesOf(entries: readonly PrincipalEntry[]): Names {
  const names: Names = {
    everyone: false,
    accounts: new Set(),
    aws: new Set(),
    services: new Set(),
    federated: new Set(),
    canonicalUsers: new Set(),
  };
  for (const entry of entries) {
    if (entry.type === "everyone") names.everyone = true;
    else if (entry.type === "account") names.accounts.add(entry.account);
    else if (entry.type === "aws") names.aws.add(entry.name);
    else if (entry.type === "service") names.services.add(entry.name);
    else if (entry.type === "federated") names.federated.add(entry.name);
    else names.canonicalUsers.add(entry.name);
  }
  return names;
}

function matchPrincipal(names: Names, principal: Principal): PrincipalMatch | undefined {
  if (names.everyone) return "direct";
  switch (principal.kind) {
    case "service":
      return names.services.has(principal.name) || principal.names?.some((name) => names.services.has(name))
        ? "direct"
        : undefined;
    case "federated":
      return names.federated.has(principal.provider) ? "direct" : undefined;
    case "anonymous":
      return undefined;
    case "root":
      // The root user is the account, so naming the account names it.
      return namesAccount(names, principal) ? "direct" : undefined;
    case "user":
      if (names.aws.has(principal.arn) || names.aws.has(principal.id)) return "direct";
      break;
    case "role":
      if (names.aws.has(principal.sessionArn) || names.aws.has(`${principal.roleId}:${principal.sessionName}`)) {
        return "direct";
      }
      if (names.aws.has(principal.roleArn) || names.aws.has(principal.roleId)) return "entity";
      if (principal.federatedProvider !== undefined && names.federated.has(principal.federatedProvider)) {
        return "entity";
      }
      break;
    case "federatedUser":
      if (names.aws.has(principal.arn)) return "direct";
      if (names.aws.has(principal.issuerArn) || names.aws.has(principal.issuerId)) return "entity";
      break;
  }
  return namesAccount(names, principal) ? "account" : undefined;
}

function namesAccount(names: Names, principal: { account: string; canonicalUserId?: string }): boolean {
  return (
    names.accounts.has(principal.account) ||
    (principal.canonicalUserId !== undefined && names.canonicalUsers.has(principal.canonicalUserId))
  );
}

/**
 * Whether NotPrincipal takes the caller out. "When you use NotPrincipal, you must also specify the account ARN of
 * the not-denied principal": AWS validates the account first, then the role, then the session.
 *
 * INVARIANT: a Deny spares only a caller whose whole chain is listed, and an Allow reaches only a caller of whose
 * chain nothing is listed. Both readings err towards refusal.
 */
function isExcepted(names: Names, principal: Principal, denies: boolean): boolean {
  if (names.everyone) return true;
  const chain = chainOf(names, principal);
  return denies ? chain.length > 0 && chain.every(Boolean) : chain.some(Boolean);
}

function chainOf(names: Names, principal: Principal): boolean[] {
  const account = accountOf(principal) !== undefined && namesAccount(names, principal as { account: string });
  switch (principal.kind) {
    case "service":
      return [names.services.has(principal.name)];
    case "federated":
      return [names.federated.has(principal.provider)];
    case "anonymous":
      return [];
    case "root":
      return [account];
    case "user":
      return [account, names.aws.has(principal.arn) || names.aws.has(principal.id)];
    case "federatedUser":
      return [account, names.aws.has(principal.arn)];
    case "role":
      return [
        account,
        names.aws.has(principal.roleArn) || names.aws.has(principal.roleId),
        names.aws.has(principal.sessionArn) || names.aws.has(`${principal.roleId}:${principal.sessionName}`),
      ];
  }
}
