import type { CallContext } from "#gateway/context.ts";
import { keyAccess, plainAccess, requestTagKeys } from "../access.ts";
import { accessDenied, holding, limitExceeded, unsupported, validation } from "../errors.ts";
import { identify, isVisible } from "../identify.ts";
import { metadataOf } from "../metadata.ts";
import { checkTokens } from "../grants.ts";
import { pageFields, pagingOf } from "../paging.ts";
import { checkLockout, checkPolicy, defaultPolicy } from "../policy.ts";
import { requireState } from "../rules.ts";
import type { Material } from "../keyStores/material.ts";
import { keyInStore } from "../keyStores/newKey.ts";
import { storeIdOf, storeOf } from "../keyStores/state.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { type KeySpecRow, keySpecs, type KeyUsage } from "../specs.ts";
import {
  fingerprintBound,
  type KeyDocument,
  keyIndexes,
  type MaterialVersion,
  newMaterial,
  types,
  writeKey,
} from "../state.ts";
import { withTags } from "../tags.ts";

/** Customer managed keys per account and Region: KMS Developer Guide, "Resource quotas". */
const maxKeys = 100_000;

/** What the request asks for, checked. @throws ValidationException, UnsupportedOperationException */
function specOf(input: In<"CreateKey">): { row: KeySpecRow; usage: KeyUsage } {
  if (input.KeySpec !== undefined && input.CustomerMasterKeySpec !== undefined) {
    throw validation(
      "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
    );
  }
  const name = input.KeySpec ?? input.CustomerMasterKeySpec ?? "SYMMETRIC_DEFAULT";
  if (input.KeyUsage === undefined && name !== "SYMMETRIC_DEFAULT") {
    throw validation("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.");
  }
  const origin = input.Origin ?? "AWS_KMS";
  const inStore = origin === "AWS_CLOUDHSM" || origin === "EXTERNAL_KEY_STORE";
  if (inStore !== (input.CustomKeyStoreId !== undefined)) {
    throw validation(
      "CustomKeyStoreId is required with Origin AWS_CLOUDHSM or EXTERNAL_KEY_STORE, and valid with these only.",
    );
  }
  if ((origin === "EXTERNAL_KEY_STORE") !== (input.XksKeyId !== undefined)) {
    throw validation("XksKeyId is required with Origin EXTERNAL_KEY_STORE, and valid with this only.");
  }
  if (inStore && (name !== "SYMMETRIC_DEFAULT" || input.MultiRegion)) {
    throw unsupported("A custom key store holds symmetric encryption keys in a single Region only.");
  }
  const row = keySpecs.get(name);
  if (!row) throw unsupported(`KeySpec ${name} is not supported in this Region.`);
  const usage = input.KeyUsage ?? row.usages[0];
  if (!row.usages.includes(usage)) throw validation(`KeyUsage ${usage} is not compatible with KeySpec ${name}.`);
  return { row, usage };
}

/** Material of a new key: made here, or a place for what is imported and the key of its fingerprints. */
async function firstMaterial(
  ctx: CallContext,
  key: Pick<KeyDocument, "arn" | "spec" | "versions">,
  origin: In<"CreateKey">["Origin"],
): Promise<Pick<KeyDocument, "state" | "versions" | "origin" | "publicKey" | "fingerprintKey">> {
  if (origin === "EXTERNAL") {
    const { token } = await holding(ctx.keys.generate("HMAC_256", fingerprintBound(key.arn)), key.arn);
    const fingerprintKey = Buffer.from(token.wrapped).toString("base64");
    return { state: "PendingImport", origin, versions: [], fingerprintKey };
  }
  const { version, publicKey } = await holding(newMaterial(ctx, key, ctx.now), key.arn);
  return { state: "Enabled", versions: [version], ...(publicKey === undefined ? {} : { publicKey }) };
}

/** The only version of a key whose material the key holder has never seen. */
function materialElsewhere(ctx: CallContext): MaterialVersion {
  return { version: 1, materialId: Buffer.from(ctx.random.bytes(32)).toString("hex"), createdAt: ctx.now };
}

/** Replicas count as well: "quotas for KMS keys apply to each primary key and replica key". @throws LimitExceededException */
export async function checkKeyQuota(ctx: CallContext, region: string): Promise<void> {
  if ((await ctx.state.count(types.key, undefined, { region })) >= maxKeys) {
    throw limitExceeded(`You have reached the limit of ${maxKeys} KMS keys in this Region.`);
  }
}

async function createKey(material: Material, input: In<"CreateKey">, ctx: CallContext) {
  const { row, usage } = specOf(input);
  const policy = input.Policy === undefined ? { policy: defaultPolicy(ctx) } : await checkPolicy(ctx, input.Policy);
  const tags = withTags({}, input.Tags ?? []);
  await checkKeyQuota(ctx, ctx.region);
  const inStore = await keyInStore(ctx, material, input);
  const key = await ctx.once("create", async (): Promise<KeyDocument> => {
    const uuid = ctx.random.uuid();
    const keyId = input.MultiRegion ? `mrk-${uuid.replaceAll("-", "")}` : uuid;
    const arn = `arn:${ctx.partition}:kms:${ctx.region}:${ctx.account}:key/${keyId}`;
    const found = await inStore?.members({ keyId, arn });
    const first = inStore?.alone
      ? { state: "Enabled" as const, versions: [materialElsewhere(ctx)] }
      : await firstMaterial(ctx, { arn, spec: row.spec, versions: [] }, input.Origin);
    return {
      keyId,
      arn,
      account: ctx.account,
      region: ctx.region,
      description: input.Description ?? "",
      spec: row.spec,
      usage,
      manager: "CUSTOMER",
      createdAt: ctx.now,
      ...policy,
      tags,
      aliases: [],
      grants: 0,
      ...first,
      ...found,
      ...(input.MultiRegion
        ? { multiRegion: { type: "PRIMARY" as const, primaryRegion: ctx.region, replicaRegions: [] } }
        : {}),
    };
  });
  if (input.Policy !== undefined && !input.BypassPolicyLockoutSafetyCheck) await checkLockout(ctx, key);
  inStore?.claim(key.keyId);
  ctx.state.put(types.key, key.keyId, key, { indexes: keyIndexes(key), version: 0 });
  return { KeyMetadata: metadataOf(key, inStore?.store) };
}

async function describeKey(input: In<"DescribeKey">, ctx: CallContext) {
  const { key } = await identify(ctx, "DescribeKey", input.KeyId ?? "");
  await checkTokens(ctx, input.GrantTokens);
  const storeId = storeIdOf(key);
  if (storeId === undefined) return { KeyMetadata: metadataOf(key) };
  return { KeyMetadata: metadataOf(key, await storeOf(ctx, key, storeId)) };
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

export function keyHandlers(material: Material) {
  return {
    CreateKey: (input, ctx) => createKey(material, input, ctx),
    DescribeKey: describeKey,
    ListKeys: listKeys,
    UpdateKeyDescription: updateKeyDescription,
  } satisfies KmsHandlers;
}

export const keyAccessRows = {
  CreateKey(input, ctx) {
    const tags = input.Tags ?? [];
    const context = {
      "kms:KeySpec": input.KeySpec ?? input.CustomerMasterKeySpec ?? "SYMMETRIC_DEFAULT",
      "kms:KeyUsage": input.KeyUsage ?? "ENCRYPT_DECRYPT",
      "kms:KeyOrigin": input.Origin ?? "AWS_KMS",
      "kms:MultiRegion": String(input.MultiRegion ?? false),
      ...(input.MultiRegion ? { "kms:MultiRegionKeyType": "PRIMARY" } : {}),
      "kms:CustomerMasterKeySpec": input.KeySpec ?? input.CustomerMasterKeySpec ?? "SYMMETRIC_DEFAULT",
      "kms:CustomerMasterKeyUsage": input.KeyUsage ?? "ENCRYPT_DECRYPT",
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
