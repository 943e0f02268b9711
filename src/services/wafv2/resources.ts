/**
 * What web ACLs, rule groups and sets have in common: names, lock tokens, tags, references.
 * Source of the numbers: AWS WAF quotas (per account and Region).
 */
import type { CallContext } from "#gateway/context.ts";
import { documentKey } from "#engines/waf/index.ts";
import type { RuleGroupDocument } from "#engines/waf/model.ts";
import { referencesOf } from "#engines/waf/source.ts";
import { associated, checkedScope, duplicate, limitExceeded, staleLock } from "./errors.ts";
import {
  arnOf,
  documentId,
  type Kind,
  type Kinds,
  type NameDocument,
  pathOfScope,
  type TagsDocument,
  typeOf,
  types,
} from "./state.ts";
import { tagList, withTags } from "./tags.ts";

const mostOfKind: Readonly<Record<Kind, number>> = { webacl: 100, rulegroup: 100, ipset: 100, regexpatternset: 10 };

interface Creation {
  Name?: string | undefined;
  Scope?: string | undefined;
  Description?: string | undefined;
  Tags?: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined;
}

type Common = "id" | "arn" | "name" | "scope" | "account" | "region" | "description" | "lockToken";

/** @throws WAFDuplicateItemException, WAFLimitsExceededException, WAFTagOperationException */
export async function create<K extends Kind>(
  ctx: CallContext,
  kind: K,
  input: Creation,
  own: Omit<Kinds[K], Common>,
): Promise<Kinds[K]> {
  const { Name: name = "", Scope: scope, Description: description } = input;
  checkedScope(scope, ctx.region, "create");
  const path = pathOfScope(scope);
  const nameId = `${path}/${kind}/${name}`;
  if (await ctx.state.get<NameDocument>(types.name, nameId)) throw duplicate();
  if ((await ctx.state.count(typeOf[kind], `${path}/`)) >= mostOfKind[kind]) throw limitExceeded();
  const id = ctx.random.uuid();
  const document = {
    ...own,
    id,
    arn: arnOf(ctx, kind, scope, name, id),
    name,
    scope: scope === "CLOUDFRONT" ? "CLOUDFRONT" : "REGIONAL",
    account: ctx.account,
    region: ctx.region,
    lockToken: ctx.random.uuid(),
    ...(description === undefined ? {} : { description }),
  } as unknown as Kinds[K];
  ctx.state.put<NameDocument>(types.name, nameId, { id });
  const tags = withTags({}, input.Tags);
  if (Object.keys(tags).length > 0) ctx.state.put<TagsDocument>(types.tags, document.arn, { tags });
  await store(ctx, kind, document, []);
  return document;
}

/** With a new lock token. `before` are the references it had. @throws WAFOptimisticLockException */
export async function update<K extends Kind>(
  ctx: CallContext,
  kind: K,
  before: Kinds[K],
  given: string | undefined,
  changed: Kinds[K],
): Promise<string> {
  if (before.lockToken !== given) throw staleLock();
  const lockToken = ctx.random.uuid();
  await store(ctx, kind, { ...changed, lockToken }, usesOf(before));
  return lockToken;
}

/** INVARIANT: what is newly referred to gets a new version in the same batch, so that whoever deletes it meanwhile fails and looks again. */
async function store<K extends Kind>(
  ctx: CallContext,
  kind: K,
  document: Kinds[K],
  before: readonly string[],
): Promise<void> {
  const uses = usesOf(document);
  for (const arn of uses) if (!before.includes(arn)) await touch(ctx, arn, document.arn);
  for (const arn of before) if (!uses.includes(arn)) releaseShared(ctx, arn, document.arn);
  ctx.state.put(typeOf[kind], documentId(document.scope, document.id), document, { indexes: { uses } });
}

const usesOf = (document: object): string[] =>
  "rules" in document ? referencesOf((document as RuleGroupDocument).rules) : [];

async function touch(ctx: CallContext, arn: string, by: string): Promise<void> {
  const key = documentKey(arn)!;
  const at = { account: key.account, region: key.region };
  const found = await ctx.state.get<Kinds[Kind]>(key.type, key.id, at);
  if (!found) return;
  ctx.state.put(key.type, key.id, found.value, { indexes: { uses: usesOf(found.value) }, at });
  if (key.account !== ctx.account) ctx.state.put(types.sharedUse, `${arn}/${by}`, {}, { at });
}

/** A group of another account: its owner keeps who uses it. */
function releaseShared(ctx: CallContext, arn: string, by: string): void {
  const key = documentKey(arn)!;
  if (key.account === ctx.account) return;
  ctx.state.delete(types.sharedUse, `${arn}/${by}`, {
    version: "any",
    at: { account: key.account, region: key.region },
  });
}

/** @throws WAFOptimisticLockException, WAFAssociatedItemException */
export async function remove<K extends Kind>(
  ctx: CallContext,
  kind: K,
  document: Kinds[K],
  given: string | undefined,
): Promise<void> {
  if (document.lockToken !== given) throw staleLock();
  for (const type of [types.webAcl, types.ruleGroup]) {
    const { items } = await ctx.state.find(type, "uses", { value: document.arn, limit: 1 });
    if (items.length > 0) throw associated();
  }
  if ((await ctx.state.count(types.sharedUse, `${document.arn}/`)) > 0) throw associated();
  for (const arn of usesOf(document)) releaseShared(ctx, arn, document.arn);
  ctx.state.delete(typeOf[kind], documentId(document.scope, document.id));
  ctx.state.delete(types.name, `${pathOfScope(document.scope)}/${kind}/${document.name}`, { version: "any" });
  ctx.state.delete(types.tags, document.arn, { version: "any" });
}

export function summaryOf(document: Kinds[Kind]): {
  Name: string;
  Id: string;
  ARN: string;
  LockToken: string;
  Description: string;
} {
  return {
    Name: document.name,
    Id: document.id,
    Description: document.description ?? "",
    LockToken: document.lockToken,
    ARN: document.arn,
  };
}

export async function tagsOf(ctx: CallContext, arn: string): Promise<{ Key: string; Value: string }[]> {
  const found = await ctx.state.get<TagsDocument>(types.tags, arn);
  return tagList(found?.value.tags ?? {});
}
