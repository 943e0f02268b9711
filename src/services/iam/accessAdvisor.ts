/**
 * Which services an entity's policies reach, and which policy lets it: for access advisor and
 * ListPoliciesGrantingServiceAccess. A service counts as granted when any Allow statement can match one of its
 * actions, whatever resources and conditions say.
 * Source: IAM User Guide, "Refine permissions in AWS using last accessed information".
 */
import { loadPolicy } from "#policy/parse.ts";
import { entitiesById, keyOf } from "./entities.ts";
import { noSuchEntity } from "./errors.ts";
import { parseArn } from "#kernel/arn.ts";
import { defaultDocument, findPolicy, requirePolicy } from "./managedPolicy.ts";
import { attachmentPrefix, type EntityKind, type Group, type IamState, type Role, type User } from "./state.ts";

export interface GrantingPolicy {
  name: string;
  document: string;
  /** Managed policies. */
  arn?: string;
  /** Inline policies: whose. */
  owner?: { kind: EntityKind; name: string };
}

export type Subject =
  | { kind: "user"; entity: User }
  | { kind: "group"; entity: Group }
  | { kind: "role"; entity: Role }
  | { kind: "policy"; arn: string; document: string };

/** The user, group, role or policy an ARN names. @throws NoSuchEntity */
export async function subjectOf(state: IamState, arn: string): Promise<Subject> {
  const parsed = parseArn(arn);
  const [kind, ...rest] = parsed?.resource.split("/") ?? [];
  if (parsed?.service === "iam" && kind === "policy") {
    const policy = await requirePolicy(state, arn);
    return { kind: "policy", arn, document: defaultDocument(policy) };
  }
  const name = rest.at(-1) ?? "";
  const missing = () => noSuchEntity(`ARN ${arn} does not exist.`);
  if (parsed?.service !== "iam" || parsed.account !== state.account) throw missing();
  if (kind === "user") {
    const entity = await state.get("user", keyOf(name));
    if (entity?.arn === arn) return { kind, entity };
  } else if (kind === "group") {
    const entity = await state.get("group", keyOf(name));
    if (entity?.arn === arn) return { kind, entity };
  } else if (kind === "role") {
    const entity = await state.get("role", keyOf(name));
    if (entity?.arn === arn) return { kind, entity };
  }
  throw missing();
}

async function policiesOf(state: IamState, kind: EntityKind, entity: User | Group | Role): Promise<GrantingPolicy[]> {
  const found: GrantingPolicy[] = [];
  for (const arn of entity.attached) {
    const policy = await findPolicy(state, arn);
    if (policy) found.push({ name: policy.name, arn, document: defaultDocument(policy) });
  }
  for (const [name, document] of Object.entries(entity.inline)) {
    found.push({ name, document, owner: { kind, name: entity.name } });
  }
  return found;
}

/** Attached and inline policies, a user's groups' included. */
export async function grantingPolicies(state: IamState, subject: Subject): Promise<GrantingPolicy[]> {
  if (subject.kind === "policy") {
    return [
      { name: subject.arn.slice(subject.arn.lastIndexOf("/") + 1), arn: subject.arn, document: subject.document },
    ];
  }
  const found = await policiesOf(state, subject.kind, subject.entity);
  if (subject.kind === "user") {
    for (const group of await entitiesById(state, "group", subject.entity.groups)) {
      found.push(...(await policiesOf(state, "group", group)));
    }
  }
  return found;
}

/** Namespaces that a document can allow; "all" when an action is `*` or a NotAction leaves services open. */
export function grantedServices(document: string): ReadonlySet<string> | "all" {
  const granted = new Set<string>();
  for (const statement of loadPolicy(document, "identity").statements) {
    if (statement.effect !== "Allow") continue;
    if (statement.action.services === undefined) return "all";
    for (const service of statement.action.services) granted.add(service);
  }
  return granted;
}

/** Users and roles whose use of a service counts for the subject. */
export async function actingEntities(state: IamState, subject: Subject): Promise<(User | Role)[]> {
  if (subject.kind === "user" || subject.kind === "role") return [subject.entity];
  if (subject.kind === "group") return membersOf(state, [subject.entity.id]);
  const attachments = (await state.all("attachment", attachmentPrefix(subject.arn))).map((document) => document.value);
  const ids = (kind: EntityKind) => attachments.filter((each) => each.kind === kind).map((each) => each.id);
  const found = [
    ...(await entitiesById(state, "user", ids("user"))),
    ...(await entitiesById(state, "role", ids("role"))),
    ...(await membersOf(state, ids("group"))),
  ];
  return [...new Map(found.map((entity) => [entity.id, entity])).values()];
}

async function membersOf(state: IamState, groups: readonly string[]): Promise<User[]> {
  const members = new Set<string>();
  for (const group of groups) {
    for (const { value } of await state.all("membership", `${group}/`)) members.add(value.user);
  }
  return entitiesById(state, "user", [...members]);
}
