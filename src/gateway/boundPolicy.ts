/**
 * A policy names users and roles by ARN and means the entity that had the ARN when it was saved: "If you delete the
 * user, you break the relationship … even if you create a new user with the same name".
 * Source: IAM User Guide, "AWS JSON policy elements: Principal", "IAM user principals", "IAM role principals".
 */
import { awsPrincipals, replacePrincipals } from "#policy/principalNames.ts";
import type { IdentitySource, NamedPolicy } from "./identity.ts";

/** What is evaluated in place of the document as it was written. */
export interface BoundPolicy {
  /** With unique ids in place of the ARNs of users and roles. */
  document: string;
  /** ARN as written → unique id. */
  ids: Readonly<Record<string, string>>;
}

/** A policy as a document keeps it: as it was written, and as it is meant. */
export interface KeptPolicy {
  policy: string;
  boundPolicy?: BoundPolicy;
}

/** What a document keeps of a new policy. `refusal` is the service's own error about a principal that does not exist. */
export async function keepPolicy(
  identity: Pick<IdentitySource, "principalId">,
  policy: string,
  refusal: (principal: string) => Error,
): Promise<KeptPolicy> {
  try {
    const bound = await bindPolicy(identity, policy);
    return { policy, ...(bound ? { boundPolicy: bound } : {}) };
  } catch (error) {
    throw error instanceof UnknownPrincipal ? refusal(error.principal) : error;
  }
}

/** The policy of a document as a question of authorization takes it; none when it has none. */
export function attachedPolicy(name: string, kept: Partial<KeptPolicy> | undefined): NamedPolicy[] {
  const document = kept?.boundPolicy?.document ?? kept?.policy;
  return document === undefined ? [] : [{ name, document }];
}

const entityArn = /^arn:[a-z-]+:iam::\d{12}:(?:user|role)\//;

/** A principal of an account of ours that does not exist. */
export class UnknownPrincipal extends Error {
  readonly principal: string;
  constructor(principal: string) {
    super(`no such principal: ${principal}`);
    this.principal = principal;
  }
}

/**
 * `undefined` for a document that names no user or role of ours; it is evaluated as it is. Accounts of other
 * installations can be named, as AWS lets one name any account.
 * @throws UnknownPrincipal
 */
export async function bindPolicy(
  identity: Pick<IdentitySource, "principalId">,
  document: string,
): Promise<BoundPolicy | undefined> {
  const ids: Record<string, string> = {};
  for (const arn of awsPrincipals(document)) {
    const id = await bindPrincipal(identity, arn);
    if (id !== undefined) ids[arn] = id;
  }
  const replacements = new Map(Object.entries(ids));
  return replacements.size === 0 ? undefined : { document: replacePrincipals(document, replacements), ids };
}

/** Unique id behind the ARN of a user or role of ours; `undefined` for anything else. @throws UnknownPrincipal */
export async function bindPrincipal(
  identity: Pick<IdentitySource, "principalId">,
  arn: string,
): Promise<string | undefined> {
  if (!entityArn.test(arn)) return undefined;
  const found = await identity.principalId(arn);
  if (found === "missing") throw new UnknownPrincipal(arn);
  return found === "elsewhere" ? undefined : found.id;
}

/** The document as it is shown: an ARN whose entity is gone, or is another one by now, shows the unique id instead. */
export async function shownPolicy(
  identity: Pick<IdentitySource, "principalId">,
  document: string,
  bound: BoundPolicy | undefined,
): Promise<string> {
  const replacements = new Map<string, string>();
  for (const [arn, id] of Object.entries(bound?.ids ?? {})) {
    const now = await identity.principalId(arn);
    if (typeof now === "string" || now.id !== id) replacements.set(arn, id);
  }
  return replacements.size === 0 ? document : replacePrincipals(document, replacements);
}
