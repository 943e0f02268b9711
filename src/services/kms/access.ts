/**
 * The authorization questions of KMS: key policy and grants as resource policies, trust "delegated" (nothing is
 * allowed unless the key policy names the caller or hands the decision to the account), and the `kms:` condition
 * keys. Source: KMS Developer Guide, "AWS KMS condition keys"; Service Authorization Reference for KMS.
 */
import type { CallContext } from "#gateway/context.ts";
import { perCall } from "#gateway/perCall.ts";
import { accountOf } from "#gateway/principal.ts";
import type { Access } from "#gateway/service.ts";
import { grantPolicies, type ProposedGrant } from "./grants.ts";
import { foreignDenied, identify, type IdentifiedKey, viaService } from "./identify.ts";
import { type KeyAction } from "./rules.ts";
import type { EncryptionContext } from "./sdk.ts";
import type { KeyDocument } from "./state.ts";

type ContextValues = Record<string, string | readonly string[]>;

export interface KeyQuestion {
  encryptionContext?: EncryptionContext | undefined;
  proposed?: ProposedGrant;
  /** Further condition keys of the operation. */
  context?: ContextValues;
  onDenied?: () => Error;
}

/** The question for an operation on the key that the request names. */
export async function keyAccess(
  ctx: CallContext,
  action: KeyAction,
  name: string | undefined,
  question: KeyQuestion = {},
): Promise<Access> {
  return accessTo(ctx, action, await identify(ctx, action, name ?? ""), question);
}

/** The question for a key that is already known. */
export async function accessTo(
  ctx: CallContext,
  action: KeyAction,
  { key, alias }: IdentifiedKey,
  question: KeyQuestion = {},
): Promise<Access> {
  const foreign = key.account !== ctx.account;
  // INVARIANT: to another account a refusal says no more of the key than the request did.
  const named = alias === undefined ? key.arn : aliasArn(key, alias);
  const onDenied = question.onDenied ?? (foreign ? () => foreignDenied(ctx, action, named) : undefined);
  const grants =
    key.grants === 0
      ? []
      : await grantPolicies(ctx, key, {
          action,
          encryptionContext: question.encryptionContext,
          ...(question.proposed ? { proposed: question.proposed } : {}),
        });
  recordKey(ctx, key);
  return {
    action: `kms:${action}`,
    resource: key.arn,
    resourceAccount: key.account,
    // Grants in front: of two statements that name the caller equally, the first is the one that counts.
    resourcePolicies: [...grants, { name: `${key.keyId}/default`, document: key.boundPolicy?.document ?? key.policy }],
    policyKind: "key",
    trust: "delegated",
    context: {
      ...callerKeys(ctx),
      ...keyKeys(key, alias),
      ...contextKeys(question.encryptionContext),
      ...question.context,
    },
    ...(onDenied ? { onDenied } : {}),
  };
}

/** A question without a key: kms:ListKeys, kms:CreateKey … */
export function plainAccess(ctx: CallContext, action: string, resource = "*", context: ContextValues = {}): Access {
  return { action: `kms:${action}`, resource, context: { ...callerKeys(ctx), ...context } };
}

/** Keys of the call, in the order they were asked about; each is named in the audit record. */
const recorded = perCall((): { ARN: string; accountId: string; type: string }[] => []);

/** `alias` as it was named: `alias/…`. */
function aliasArn(key: KeyDocument, alias: string): string {
  return `${key.arn.slice(0, key.arn.lastIndexOf(":") + 1)}${alias}`;
}

/** ARN of the key that the call is about. */
export function affectedKey(ctx: CallContext): string | undefined {
  return recorded(ctx)[0]?.ARN;
}

function recordKey(ctx: CallContext, key: KeyDocument): void {
  const resources = recorded(ctx);
  if (resources.some(({ ARN }) => ARN === key.arn)) return;
  resources.push({ ARN: key.arn, accountId: key.account, type: "AWS::KMS::Key" });
  ctx.audit({ resources });
}

function callerKeys(ctx: CallContext): ContextValues {
  const keys: ContextValues = { "kms:CallerAccount": accountOf(ctx.principal) ?? ctx.account };
  const via = viaService(ctx);
  if (via !== undefined) keys["kms:ViaService"] = via;
  return keys;
}

/** Condition keys that describe a KMS key. */
function keyKeys(key: KeyDocument, alias: string | undefined): ContextValues {
  const keys: ContextValues = {
    "kms:KeySpec": key.spec,
    "kms:KeyUsage": key.usage,
    "kms:KeyOrigin": key.origin ?? "AWS_KMS",
    "kms:MultiRegion": String(key.multiRegion !== undefined),
    // The older names of the first two.
    "kms:CustomerMasterKeySpec": key.spec,
    "kms:CustomerMasterKeyUsage": key.usage,
  };
  if (key.multiRegion) keys["kms:MultiRegionKeyType"] = key.multiRegion.type;
  if (alias !== undefined) keys["kms:RequestAlias"] = alias;
  if (key.aliases.length > 0) keys["kms:ResourceAliases"] = key.aliases;
  for (const name in key.tags) keys[`aws:ResourceTag/${name}`] = key.tags[name]!;
  return keys;
}

function contextKeys(context: EncryptionContext | undefined): ContextValues {
  if (!context) return {};
  const names = Object.keys(context);
  if (names.length === 0) return {};
  const keys: ContextValues = { "kms:EncryptionContextKeys": names };
  for (const name of names) keys[`kms:EncryptionContext:${name}`] = context[name]!;
  return keys;
}

/** Condition keys of tags in a request. */
export function requestTagKeys(
  tags: readonly { TagKey?: string | undefined; TagValue?: string | undefined }[],
): ContextValues {
  const keys: ContextValues = { "aws:TagKeys": tags.map((tag) => tag.TagKey ?? "") };
  for (const { TagKey, TagValue } of tags) keys[`aws:RequestTag/${TagKey}`] = TagValue ?? "";
  return keys;
}
