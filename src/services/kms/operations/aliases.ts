import type { CallContext } from "#gateway/context.ts";
import { AwsError } from "#kernel/errors.ts";
import { pageOfNamed } from "#gateway/pageTokens.ts";
import { keyAccess, plainAccess } from "../access.ts";
import { isAwsAlias } from "../awsManaged.ts";
import { aliasNotFound, alreadyExists, limitExceeded, validation } from "../errors.ts";
import { identify } from "../identify.ts";
import { pageFields, pagingOf } from "../paging.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { keySpecs } from "../specs.ts";
import { type AliasDocument, type KeyDocument, readKey, types, writeKey } from "../state.ts";
import { customerKey } from "./keys.ts";

/** Aliases of one key: KMS Developer Guide, "Resource quotas". */
const maxAliases = 50;
const paging = { limit: 50, max: 100 };

const aliasArn = (ctx: CallContext, name: string): string =>
  `arn:${ctx.partition}:kms:${ctx.region}:${ctx.account}:${name}`;

/** @throws ValidationException, NotAuthorizedException-like refusals for names that AWS keeps for itself */
function checkName(name: string): void {
  if (!name.startsWith("alias/")) {
    throw validation(
      'Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html',
    );
  }
  if (!/^alias\/[a-zA-Z0-9/_-]+$/.test(name)) {
    throw validation(`${name} contains invalid characters for an alias`);
  }
  if (isAwsAlias(name)) throw new AwsError("NotAuthorizedException", "");
}

async function createAlias(input: In<"CreateAlias">, ctx: CallContext) {
  const name = input.AliasName ?? "";
  checkName(name);
  const key = await customerKey(ctx, "CreateAlias", input.TargetKeyId);
  if (await ctx.state.get<AliasDocument>(types.alias, name)) {
    throw alreadyExists(`An alias with the name ${aliasArn(ctx, name)} already exists`);
  }
  putAlias(ctx, { name, targetKeyId: key.keyId, createdAt: ctx.now, updatedAt: ctx.now }, key);
  return {};
}

async function updateAlias(input: In<"UpdateAlias">, ctx: CallContext) {
  const name = input.AliasName ?? "";
  checkName(name);
  const target = await customerKey(ctx, "UpdateAlias", input.TargetKeyId);
  const alias = await requireAlias(ctx, name);
  if (alias.targetKeyId === target.keyId) return {};
  const source = await readKey(ctx, alias.targetKeyId);
  if (source) {
    const { usage, spec } = source.value;
    if (usage !== target.usage || keySpecs.get(spec)!.type !== keySpecs.get(target.spec)!.type) {
      throw validation("The current and new KMS key must be the same type and must have the same key usage.");
    }
    writeKey(ctx, without(source.value, name));
  }
  putAlias(ctx, { ...alias, targetKeyId: target.keyId, updatedAt: ctx.now }, target);
  return {};
}

async function deleteAlias(input: In<"DeleteAlias">, ctx: CallContext) {
  const name = input.AliasName ?? "";
  checkName(name);
  const alias = await requireAlias(ctx, name);
  const key = await readKey(ctx, alias.targetKeyId);
  if (key) writeKey(ctx, without(key.value, name));
  ctx.state.delete(types.alias, name);
  return {};
}

async function listAliases(input: In<"ListAliases">, ctx: CallContext) {
  const wanted = pagingOf(input, paging);
  if (input.KeyId !== undefined) {
    const { key } = await identify(ctx, "ListAliases", input.KeyId);
    const page = pageOfNamed(key.aliases, wanted, (name) => name);
    const documents = await ctx.state.getMany<AliasDocument>(types.alias, page.items);
    return {
      Aliases: documents.flatMap((document) => (document ? [entry(ctx, document.value)] : [])),
      ...pageFields(page),
    };
  }
  const page = await ctx.state.list<AliasDocument>(types.alias, wanted);
  return { Aliases: page.items.map(({ value }) => entry(ctx, value)), ...pageFields(page) };
}

function entry(ctx: CallContext, alias: AliasDocument) {
  return {
    AliasName: alias.name,
    AliasArn: aliasArn(ctx, alias.name),
    TargetKeyId: alias.targetKeyId,
    CreationDate: new Date(alias.createdAt),
    LastUpdatedDate: new Date(alias.updatedAt),
  };
}

async function requireAlias(ctx: CallContext, name: string): Promise<AliasDocument> {
  const document = await ctx.state.get<AliasDocument>(types.alias, name);
  if (!document) throw aliasNotFound(aliasArn(ctx, name));
  return document.value;
}

function putAlias(ctx: CallContext, alias: AliasDocument, key: KeyDocument): void {
  if (key.aliases.length >= maxAliases) throw limitExceeded(`A KMS key can have at most ${maxAliases} aliases.`);
  ctx.state.put(types.alias, alias.name, alias);
  writeKey(ctx, { ...key, aliases: [...key.aliases, alias.name].sort() });
}

function without(key: KeyDocument, name: string): KeyDocument {
  return { ...key, aliases: key.aliases.filter((alias) => alias !== name) };
}

export const aliasHandlers = {
  CreateAlias: createAlias,
  UpdateAlias: updateAlias,
  DeleteAlias: deleteAlias,
  ListAliases: listAliases,
} satisfies KmsHandlers;

/** Aliases need permission on the alias (identity policies) and on each key concerned (key policy). */
export const aliasAccess = {
  async CreateAlias(input, ctx) {
    const alias = plainAccess(ctx, "CreateAlias", aliasArn(ctx, input.AliasName ?? ""));
    return [alias, await keyAccess(ctx, "CreateAlias", input.TargetKeyId)];
  },
  async UpdateAlias(input, ctx) {
    const name = input.AliasName ?? "";
    const questions = [plainAccess(ctx, "UpdateAlias", aliasArn(ctx, name))];
    questions.push(await keyAccess(ctx, "UpdateAlias", input.TargetKeyId));
    const current = await ctx.state.get<AliasDocument>(types.alias, name);
    if (current) questions.push(await keyAccess(ctx, "UpdateAlias", current.value.targetKeyId));
    return questions;
  },
  async DeleteAlias(input, ctx) {
    const name = input.AliasName ?? "";
    const questions = [plainAccess(ctx, "DeleteAlias", aliasArn(ctx, name))];
    const current = await ctx.state.get<AliasDocument>(types.alias, name);
    if (current) questions.push(await keyAccess(ctx, "DeleteAlias", current.value.targetKeyId));
    return questions;
  },
  ListAliases: (_, ctx) => plainAccess(ctx, "ListAliases"),
} satisfies KmsAccess;
