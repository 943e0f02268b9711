/**
 * Trust policies name users and roles by ARN but mean the entity that had the ARN when the policy was saved:
 * "If you delete the user or role, the principal ID appears" and a new entity of the same name is not trusted.
 * Source: IAM User Guide, "AWS JSON policy elements: Principal", "IAM user principals", "IAM role principals".
 */
import { isAccountId, parseArn } from "#kernel/arn.ts";
import { malformedPolicy } from "./errors.ts";
import { keyOf } from "./entities.ts";
import { awsPrincipals, replacePrincipals } from "#policy/principalNames.ts";
import type { IamState, Role } from "./state.ts";

interface NamedEntity {
  account: string;
  kind: "user" | "role";
  name: string;
}

function namedEntity(principal: string): NamedEntity | undefined {
  const arn = parseArn(principal);
  if (arn?.service !== "iam") return undefined;
  const [kind, ...rest] = arn.resource.split("/");
  const name = rest.at(-1);
  if ((kind !== "user" && kind !== "role") || !name) return undefined;
  return { account: arn.account, kind, name };
}

export async function uniqueIdOf(state: IamState, principal: string): Promise<string | undefined> {
  const entity = namedEntity(principal);
  if (!entity) return undefined;
  const value = await state.in(entity.account).get(entity.kind, keyOf(entity.name));
  return value?.arn === principal ? value.id : undefined;
}

const bad = (principal: string) => malformedPolicy(`Invalid principal in policy: "AWS":"${principal}"`);

/**
 * Unique ids of the users and roles a trust policy names. Accounts are not looked up: an account of another
 * installation can be named, as AWS lets one name any account.
 * @throws MalformedPolicyDocument for a principal that does not exist, or a wildcard in an ARN.
 */
export async function trustIdsOf(state: IamState, document: string): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  for (const principal of awsPrincipals(document)) {
    if (principal === "*" || isAccountId(principal)) continue;
    // A unique id that stands for an entity deleted earlier; it matches nobody and may be saved again.
    if (/^(AIDA|AROA)[A-Z2-7]{17}$/.test(principal)) continue;
    const arn = parseArn(principal);
    if (!arn || principal.includes("*") || !isAccountId(arn.account)) throw bad(principal);
    if (arn.service === "iam" && arn.resource === "root") continue;
    if (arn.service === "sts" && /^(assumed-role|federated-user)\/.+/.test(arn.resource)) continue;
    const id = await uniqueIdOf(state, principal);
    if (id === undefined) throw bad(principal);
    ids[principal] = id;
  }
  return ids;
}

/** The trust policy as it stands today: an ARN whose entity is gone, or is another one by now, shows the old unique id. */
export async function currentTrust(state: IamState, role: Role): Promise<string> {
  const replacements = new Map<string, string>();
  for (const [principal, id] of Object.entries(role.trustIds)) {
    if ((await uniqueIdOf(state, principal)) !== id) replacements.set(principal, id);
  }
  return replacements.size === 0 ? role.trust : replacePrincipals(role.trust, replacements);
}
