import type { CallContext } from "#gateway/context.ts";
import { keyAccess, plainAccess, requestTagKeys } from "../access.ts";
import { accessDenied, holding, limitExceeded, unsupported, validation } from "../errors.ts";
import { identify, isVisible } from "../identify.ts";
import { metadataOf } from "../metadata.ts";
import { checkTokens } from "../grants.ts";
import { pageFields, pagingOf } from "../paging.ts";
import { checkLockout, checkPolicy, defaultPolicy } from "../policy.ts";
import { requireState } from "../rules.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { type KeySpecRow, keySpecs } from "../specs.ts";
import { type KeyDocument, keyIndexes, newVersion, types, writeKey } from "../state.ts";
import { withTags } from "../tags.ts";

/** Customer managed keys per account and Region: KMS Developer Guide, "Resource quotas". */
const maxKeys = 100_000;

/** What the request asks for, checked. @throws ValidationException, UnsupportedOperationException */
function specOf(input: In<"CreateKey">): KeySpecRow {
  if (input.KeySpec !== undefined && input.CustomerMasterKeySpec !== undefined) {
    throw validation(
      "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
    );
  }
  const name = input.KeySpec ?? input.CustomerMasterKeySpec ?? "SYMMETRIC_DEFAULT";
  if (input.KeyUsage === undefined && name !== "SYMMETRIC_DEFAULT") {
    throw validation("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.");
  }
  if ((input.Origin ?? "AWS_KMS") !== "AWS_KMS") throw unsupported(`Origin ${input.Origin} is not supported.`);
  if (input.CustomKeyStoreId !== undefined) {
    throw validation("CustomKeyStoreId needs Origin AWS_CLOUDHSM or EXTERNAL_KEY_STORE.");
  }
  if (input.XksKeyId !== undefined) throw validation("XksKeyId needs Origin EXTERNAL_KEY_STORE.");
  if (input.MultiRegion) throw unsupported("Multi-Region keys are not supported.");
  const row = keySpecs.get(name);
  if (!row) throw unsupported(`KeySpec ${name} is not supported.`);
  if (input.KeyUsage !== undefined && input.KeyUsage !== row.usage) {
    throw validation(`KeyUsage ${input.KeyUsage} is not compatible with KeySpec ${name}.`);
  }
  return row;
}

async function createKey(input: In<"CreateKey">, ctx: CallContext) {
  const row = specOf(input);
  const policy = input.Policy ?? defaultPolicy(ctx);
  if (input.Policy !== undefined) checkPolicy(policy);
  const tags = withTags({}, input.Tags ?? []);
  if ((await ctx.state.count(types.key)) >= maxKeys) {
    throw limitExceeded(`You have reached the limit of ${maxKeys} KMS keys in this Region.`);
  }
  const key = await ctx.once("create", async (): Promise<KeyDocument> => {
    const keyId = ctx.random.uuid();
    const arn = `arn:${ctx.partition}:kms:${ctx.region}:${ctx.account}:key/${keyId}`;
    const first = await holding(newVersion(ctx, { arn, spec: row.spec, versions: [] }, ctx.now), arn);
    return {
      keyId,
      arn,
      account: ctx.account,
      region: ctx.region,
      description: input.Description ?? "",
      spec: row.spec,
      usage: row.usage,
      state: "Enabled",
      manager: "CUSTOMER",
      createdAt: ctx.now,
      policy,
      tags,
      aliases: [],
      grants: 0,
      versions: [first],
    };
  });
  if (input.Policy !== undefined && !input.BypassPolicyLockoutSafetyCheck) await checkLockout(ctx, key, policy);
  ctx.state.put(types.key, key.keyId, key, { indexes: keyIndexes(key), version: 0 });
  return { KeyMetadata: metadataOf(key) };
}

async function describeKey(input: In<"DescribeKey">, ctx: CallContext) {
  const { key } = await identify(ctx, "DescribeKey", input.KeyId ?? "");
  await checkTokens(ctx, input.GrantTokens);
  return { KeyMetadata: metadataOf(key) };
}

async function listKeys(input: In<"ListKeys">, ctx: CallContext) {
  const paging = pagingOf(input, { limit: 100, max: 1000 });
  const page = await ctx.state.list<KeyDocument>(types.key, paging);
  const keys = page.items.filter(({ value }) => isVisible(value, ctx.now));
  return {
    Keys: keys.map(({ value }) => ({ KeyId: value.keyId, KeyArn: value.arn })),
    ...pageFields(page),
  };
}

async function updateKeyDescription(input: In<"UpdateKeyDescription">, ctx: CallContext) {
  const key = await customerKey(ctx, "UpdateKeyDescription", input.KeyId);
  writeKey(ctx, { ...key, description: input.Description ?? "" });
  return {};
}

/**
 * A key of the caller's account that its owner may change, in a state that the operation accepts.
 * AWS managed keys cannot be changed: their policy allows nobody to.
 */
export async function customerKey(
  ctx: CallContext,
  action: Parameters<typeof identify>[1],
  name: string | undefined,
): Promise<KeyDocument> {
  const { key } = await identify(ctx, action, name ?? "");
  // INVARIANT: also for callers that no policy binds, e.g. the root user of the account.
  if (key.manager === "AWS") throw accessDenied(`${key.arn} is an AWS managed key, which cannot be changed.`);
  requireState(key, action);
  return key;
}

export const keyHandlers = {
  CreateKey: createKey,
  DescribeKey: describeKey,
  ListKeys: listKeys,
  UpdateKeyDescription: updateKeyDescription,
} satisfies KmsHandlers;

export const keyAccessRows = {
  CreateKey(input, ctx) {
    const tags = input.Tags ?? [];
    const context = {
      "kms:KeySpec": input.KeySpec ?? input.CustomerMasterKeySpec ?? "SYMMETRIC_DEFAULT",
      "kms:KeyUsage": input.KeyUsage ?? "ENCRYPT_DECRYPT",
      "kms:KeyOrigin": input.Origin ?? "AWS_KMS",
      "kms:MultiRegion": String(input.MultiRegion ?? false),
      "kms:BypassPolicyLockoutSafetyCheck": String(input.BypassPolicyLockoutSafetyCheck ?? false),
      ...(tags.length > 0 ? requestTagKeys(tags) : {}),
    };
    const create = plainAccess(ctx, "CreateKey", "*", context);
    return tags.length > 0 ? [create, plainAccess(ctx, "TagResource", "*", context)] : create;
  },
  DescribeKey: (input, ctx) => keyAccess(ctx, "DescribeKey", input.KeyId),
  ListKeys: (_, ctx) => plainAccess(ctx, "ListKeys"),
  UpdateKeyDescription: (input, ctx) => keyAccess(ctx, "UpdateKeyDescription", input.KeyId),
} satisfies KmsAccess;
