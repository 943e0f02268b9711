/**
 * From what a caller calls a key (key id, key ARN, alias name, alias ARN) to its document. Error texts as AWS gives
 * them, recorded in LocalStack's KMS snapshots.
 */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { perCall } from "#gateway/perCall.ts";
import { isAwsAlias, makeAwsManagedKey } from "./awsManaged.ts";
import { accessDenied, aliasNotFound, invalidArn, invalidKeyId, keyNotFound, notFound } from "./errors.ts";
import { type KeyAction, ruleOf } from "./rules.ts";
import { type AliasDocument, type KeyDocument, readKey, types } from "./state.ts";

export interface IdentifiedKey {
  key: KeyDocument;
  /** The alias by which the request named the key: `kms:RequestAlias`. */
  alias?: string;
}

type Reference = { account: string; arn: string } & ({ keyId: string } | { alias: string });

const keyIdForm = /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$/;

/** Keys found in a call, so that authorization and handler read each once. An entry lives as long as its call. */
const found = perCall(() => new Map<string, Promise<IdentifiedKey>>());

/** @throws NotFoundException, InvalidArnException, and AccessDeniedException for a key of another account that is not there. */
export function identify(ctx: CallContext, action: KeyAction, name: string): Promise<IdentifiedKey> {
  const keys = found(ctx);
  const slot = `${action} ${name}`;
  let key = keys.get(slot);
  if (!key) keys.set(slot, (key = find(ctx, action, name)));
  return key;
}

async function find(ctx: CallContext, action: KeyAction, name: string): Promise<IdentifiedKey> {
  const reference = parseReference(ctx, action, name);
  const at = reference.account === ctx.account ? undefined : { account: reference.account };
  if (at && !ruleOf(action).crossAccount) throw foreignDenied(ctx, action, reference.arn);
  if ("keyId" in reference) {
    const document = await readKey(ctx, reference.keyId, at);
    if (document && isVisible(document.value, ctx.now)) return { key: document.value };
    throw at ? foreignDenied(ctx, action, reference.arn) : keyNotFound(reference.arn);
  }
  const alias = await ctx.state.get<AliasDocument>(types.alias, reference.alias, at);
  if (alias) {
    const document = await readKey(ctx, alias.value.targetKeyId, at);
    if (document && isVisible(document.value, ctx.now)) return { key: document.value, alias: reference.alias };
  } else if (!at && isAwsAlias(reference.alias) && (action === "DescribeKey" || viaService(ctx) !== undefined)) {
    const made = await makeAwsManagedKey(ctx, reference.alias);
    if (made) return { key: made, alias: reference.alias };
  }
  throw at ? foreignDenied(ctx, action, reference.arn) : aliasNotFound(reference.arn);
}

/** INVARIANT: from its deletion date on a key is gone for callers, whether or not the deletion job has come by. */
export function isVisible(key: KeyDocument, now: number): boolean {
  return key.state !== "Deleting" && !(key.deletionDate !== undefined && key.deletionDate <= now);
}

function parseReference(ctx: CallContext, action: KeyAction, name: string): Reference {
  const { account, region, partition } = ctx;
  const arnOf = (owner: string, resource: string): string => `arn:${partition}:kms:${region}:${owner}:${resource}`;
  if (!name.startsWith("arn:")) {
    if (keyIdForm.test(name)) return { account, arn: arnOf(account, `key/${name}`), keyId: name };
    if (name.startsWith("alias/") && ruleOf(action).aliases) return { account, arn: arnOf(account, name), alias: name };
    throw invalidKeyId(name);
  }
  const arn = parseArn(name);
  if (!arn || arn.service !== "kms" || !/^\d{12}$/.test(arn.account)) throw invalidArn(`Invalid arn ${name}`);
  if (arn.region !== region || arn.partition !== partition) throw notFound(`Invalid arn ${arn.region}`);
  if (arn.resource.startsWith("alias/")) {
    if (!ruleOf(action).aliases) throw invalidArn("Key Aliases are not supported for this operation.");
    return { account: arn.account, arn: name, alias: arn.resource };
  }
  const keyId = arn.resource.startsWith("key/") ? arn.resource.slice(4) : "";
  if (!keyIdForm.test(keyId)) throw invalidKeyId(keyId || name);
  return { account: arn.account, arn: name, keyId };
}

/** The service through which the caller came, as `kms:ViaService` names it: `s3.eu-west-1.amazonaws.com`. */
export function viaService(ctx: CallContext): string | undefined {
  const name = ctx.principal.kind === "service" ? ctx.principal.service : ctx.request.calledVia.at(-1);
  if (name === undefined) return undefined;
  return `${name.slice(0, name.indexOf("."))}.${ctx.region}.amazonaws.com`;
}

/** One text for a key of another account that is not there and for one that refuses: nothing can be probed. */
export function foreignDenied(ctx: CallContext, action: KeyAction, arn: string): Error {
  return accessDenied(
    `User: ${callerName(ctx)} is not authorized to perform: kms:${action} on resource: ${arn} because the resource ` +
      `does not exist in this Region, no resource-based policies allow access, or a resource-based policy ` +
      `explicitly denies access`,
  );
}

/** The same for a ciphertext, which names its key only to us. */
export function ciphertextDenied(ctx: CallContext, action: KeyAction): Error {
  return accessDenied(
    `User: ${callerName(ctx)} is not authorized to perform: kms:${action} on the resource associated with this ` +
      `ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a ` +
      `resource-based policy explicitly denies access`,
  );
}

function callerName({ principal }: CallContext): string {
  if (principal.kind === "anonymous") return "anonymous";
  return principal.kind === "service" ? principal.service : principal.arn;
}
