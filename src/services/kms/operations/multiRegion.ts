/** ReplicateKey and UpdatePrimaryRegion. Both are done when they answer: no key is ever Creating or Updating. */
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import { partitionOf } from "#kernel/arn.ts";
import { defaultRegions, optInRegions } from "#kernel/regions.ts";
import { accessTo, keyAccess, plainAccess, requestTagKeys } from "../access.ts";
import { alreadyExists, holding, notFound, unsupported, validation } from "../errors.ts";
import { identify } from "../identify.ts";
import { metadataOf } from "../metadata.ts";
import { atRegion, relatives, replicaMaterial } from "../multiRegion.ts";
import { checkLockout, checkPolicy, defaultPolicy } from "../policy.ts";
import { requireState } from "../rules.ts";
import { recordReplica } from "../serviceEvents.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { arnIn, type KeyDocument, keyIndexes, readKey, types, writeKey } from "../state.ts";
import { withTags } from "../tags.ts";
import { checkKeyQuota, customerKey } from "./keys.ts";

/** @throws UnsupportedOperationException */
function requirePrimary(key: KeyDocument): NonNullable<KeyDocument["multiRegion"]> {
  if (key.multiRegion?.type !== "PRIMARY") throw unsupported(`${key.arn} is not a multi-Region primary key.`);
  return key.multiRegion;
}

/**
 * A replica is made where the account can reach it: in a Region that exists and that it has opened. Which Regions there are
 * is known for the partition `aws` only. @throws ValidationException
 */
async function requireRegion(ctx: CallContext, region: string): Promise<void> {
  const known = partitionOf(region) !== "aws" || defaultRegions.includes(region) || optInRegions.has(region);
  if (!known || partitionOf(region) !== ctx.partition) {
    throw validation(`${region} is not a Region of this partition.`);
  }
  if (!(await ctx.identity.regionEnabled(ctx.account, region))) {
    throw validation(`${region} is not enabled for account ${ctx.account}.`);
  }
}

async function replicateKey(input: In<"ReplicateKey">, ctx: CallContext) {
  const primary = await customerKey(ctx, "ReplicateKey", input.KeyId);
  const { primaryRegion, replicaRegions } = requirePrimary(primary);
  const region = input.ReplicaRegion ?? "";
  await requireRegion(ctx, region);
  if (region === primary.region) throw validation("The replica must be in a different Region than its primary key.");
  const existing = await readKey(ctx, primary.keyId, atRegion(primary, region));
  if (existing) throw alreadyExists(`Key ${arnIn(primary, region)} already exists.`);
  await checkKeyQuota(ctx, region);
  const policy = input.Policy === undefined ? { policy: defaultPolicy(ctx) } : await checkPolicy(ctx, input.Policy);
  const tags = withTags({}, input.Tags ?? []);
  const material = await ctx.once(`replica of ${primary.versions.length}`, () =>
    holding(replicaMaterial(ctx.keys, primary, region), primary.arn),
  );
  const regions = [...replicaRegions, region].sort();
  const replica: KeyDocument = {
    keyId: primary.keyId,
    arn: arnIn(primary, region),
    account: primary.account,
    region,
    description: input.Description ?? "",
    spec: primary.spec,
    usage: primary.usage,
    manager: "CUSTOMER",
    createdAt: ctx.now,
    ...policy,
    tags,
    aliases: [],
    grants: 0,
    ...(primary.origin ? { origin: primary.origin } : {}),
    // Imported: the public key comes with the material.
    ...(primary.publicKey !== undefined && !primary.origin ? { publicKey: primary.publicKey } : {}),
    ...(primary.rotation ? { rotation: primary.rotation } : {}),
    ...material,
    multiRegion: { type: "REPLICA", primaryRegion, replicaRegions: regions },
  };
  if (input.Policy !== undefined && !input.BypassPolicyLockoutSafetyCheck) await checkLockout(ctx, replica);
  for (const relative of [primary, ...(await relatives(ctx, primary))]) {
    writeKey(ctx, { ...relative, multiRegion: { ...relative.multiRegion!, replicaRegions: regions } });
  }
  ctx.state.put(types.key, replica.keyId, replica, { indexes: keyIndexes(replica), version: 0, at: { region } });
  recordReplica(ctx, replica, {
    description: replica.description,
    keySpec: replica.spec,
    keyUsage: replica.usage,
    origin: replica.origin ?? "AWS_KMS",
    multiRegion: true,
    bypassPolicyLockoutSafetyCheck: input.BypassPolicyLockoutSafetyCheck ?? false,
  });
  return {
    ReplicaKeyMetadata: metadataOf(replica),
    ReplicaPolicy: replica.policy,
    ReplicaTags: Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
  };
}

/** The replica that is to become the primary key. @throws NotFoundException */
async function successor(ctx: CallContext, key: KeyDocument, region: string): Promise<KeyDocument> {
  const document = await readKey(ctx, key.keyId, atRegion(key, region));
  if (!document || !key.multiRegion?.replicaRegions.includes(region)) {
    throw notFound(`Key '${arnIn(key, region)}' does not exist`);
  }
  return document.value;
}

async function updatePrimaryRegion(input: In<"UpdatePrimaryRegion">, ctx: CallContext) {
  const key = await customerKey(ctx, "UpdatePrimaryRegion", input.KeyId);
  const { replicaRegions } = requirePrimary(key);
  const region = input.PrimaryRegion ?? "";
  if (region === key.region) throw validation(`${key.arn} is already the primary key.`);
  requireState(await successor(ctx, key, region), "UpdatePrimaryRegion");
  const regions = [...replicaRegions.filter((each) => each !== region), key.region].sort();
  for (const each of [key, ...(await relatives(ctx, key))]) {
    const type = each.region === region ? ("PRIMARY" as const) : ("REPLICA" as const);
    writeKey(ctx, { ...each, multiRegion: { type, primaryRegion: region, replicaRegions: regions } });
  }
  return {};
}

export const multiRegionHandlers = {
  ReplicateKey: replicateKey,
  UpdatePrimaryRegion: updatePrimaryRegion,
} satisfies KmsHandlers;

export const multiRegionAccess = {
  /** "kms:ReplicateKey on the primary key …; kms:CreateKey in an IAM policy in the replica Region." */
  async ReplicateKey(input, ctx): Promise<Access[]> {
    const region = input.ReplicaRegion ?? "";
    const { key } = await identify(ctx, "ReplicateKey", input.KeyId ?? "");
    const tags = input.Tags ?? [];
    const created = {
      "aws:RequestedRegion": region,
      "kms:KeySpec": key.spec,
      "kms:KeyUsage": key.usage,
      "kms:KeyOrigin": key.origin ?? "AWS_KMS",
      "kms:MultiRegion": "true",
      "kms:MultiRegionKeyType": "REPLICA",
      "kms:BypassPolicyLockoutSafetyCheck": String(input.BypassPolicyLockoutSafetyCheck ?? false),
      ...(tags.length > 0 ? requestTagKeys(tags) : {}),
    };
    return [
      await keyAccess(ctx, "ReplicateKey", input.KeyId, { context: { "kms:ReplicaRegion": region } }),
      plainAccess(ctx, "CreateKey", "*", created),
      ...(tags.length > 0 ? [plainAccess(ctx, "TagResource", "*", created)] : []),
    ];
  },
  /** On both keys, each by its own policy. */
  async UpdatePrimaryRegion(input, ctx) {
    const region = input.PrimaryRegion ?? "";
    const context = { "kms:PrimaryRegion": region };
    const { key } = await identify(ctx, "UpdatePrimaryRegion", input.KeyId ?? "");
    const first = await accessTo(ctx, "UpdatePrimaryRegion", { key }, { context });
    if (!key.multiRegion?.replicaRegions.includes(region)) return first;
    const there = { ...context, "aws:RequestedRegion": region };
    const replica = await successor(ctx, key, region);
    return [first, await accessTo(ctx, "UpdatePrimaryRegion", { key: replica }, { context: there })];
  },
} satisfies KmsAccess;
