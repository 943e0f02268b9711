/**
 * The authorization questions of EBS, one row per operation. Source: Service Authorization Reference, Amazon EC2: what
 * is made is asked about with what it is going to be, what it is made from as well.
 */
import type { CallContext } from "#gateway/context.ts";
import type { Access } from "#gateway/service.ts";
import type { Ec2Access, In } from "../sdk.ts";
import { requestTags } from "../tags.ts";
import { plannedKeys, snapshotKeys } from "./conditionKeys.ts";
import { snapshotArn, volumeArn } from "./events.ts";
import { defaultKind, kindRows } from "./kinds.ts";
import { changeOf } from "./operations/snapshotAttributes.ts";
import { settingsOf } from "./settings.ts";
import { needVisible, type OwnedSnapshot } from "./snapshotAccess.ts";
import type { Snapshot, Volume, VolumeKind } from "./state.ts";

type Values = Record<string, string | readonly string[]>;
type Tags = Parameters<typeof requestTags>[0];

const withTags = (prefix: string, tags: Readonly<Record<string, string>>): Values =>
  Object.fromEntries(Object.entries(tags).map(([key, value]) => [`${prefix}${key}`, value]));

const about = (ctx: CallContext, action: string, resource: string, context: Values): Access => ({
  action: `ec2:${action}`,
  resource,
  context: { "ec2:Region": ctx.region, ...context },
});

/** What is made, and the tags it is made with. */
function making(ctx: CallContext, action: string, resource: string, context: Values, tags: Tags): Access[] {
  const given = requestTags(tags);
  const made = about(ctx, action, resource, { ...context, ...given });
  if (Object.keys(given).length === 0) return [made];
  return [made, about(ctx, "CreateTags", resource, { ...context, ...given, "ec2:CreateAction": action })];
}

const tagKeys = (tags: Readonly<Record<string, string>>): Values => ({
  ...withTags("aws:ResourceTag/", tags),
  ...withTags("ec2:ResourceTag/", tags),
});

async function onVolume(ctx: CallContext, action: string, id: string | undefined, more: Values = {}): Promise<Access> {
  const found = id === undefined ? undefined : (await ctx.state.get<Volume>("volume", id))?.value;
  const keys = found ? { ...plannedKeys(ctx, planOf(found)), "ec2:VolumeID": found.id, ...tagKeys(found.tags) } : {};
  return about(ctx, action, volumeArn(ctx, id ?? "*"), { ...keys, ...more });
}

const planOf = (volume: Volume) => ({
  ...volume,
  encrypted: volume.encryption !== undefined,
  kmsKeyId: volume.encryption?.kmsKeyArn,
});

async function onSnapshot(
  ctx: CallContext,
  action: string,
  id: string | undefined,
  more: Values = {},
): Promise<Access> {
  const found = id === undefined ? undefined : (await ctx.state.get<Snapshot>("snapshot", id))?.value;
  const keys = found ? { ...snapshotKeys(ctx, ctx.account, found), ...tagKeys(found.tags) } : {};
  return about(ctx, action, snapshotArn(ctx.region, id ?? "*"), { ...keys, ...more });
}

/** A snapshot that something is made from; one that cannot be seen is refused by the handler. */
async function visible(ctx: CallContext, id: string | undefined, region?: string): Promise<OwnedSnapshot | undefined> {
  if (id === undefined || id === "") return undefined;
  return await needVisible(ctx, id, region).catch(() => undefined);
}

function onSource(ctx: CallContext, action: string, from: OwnedSnapshot | undefined): Access[] {
  if (!from) return [];
  const tags = from.owner === ctx.account ? tagKeys(from.snapshot.tags) : {};
  const keys = { ...snapshotKeys(ctx, from.owner, from.snapshot), ...tags };
  return [about(ctx, action, snapshotArn(from.region, from.snapshot.id), keys)];
}

async function createVolume(input: In<"CreateVolume">, ctx: CallContext): Promise<Access[]> {
  const from = await visible(ctx, input.SnapshotId);
  const settings = await settingsOf(ctx);
  const kind = input.VolumeType ?? defaultKind;
  const row = Object.hasOwn(kindRows, kind) ? kindRows[kind as VolumeKind] : undefined;
  const iops = input.Iops ?? row?.iops?.fallback;
  const throughput = input.Throughput ?? row?.throughput?.fallback;
  const keys = plannedKeys(ctx, {
    zone: input.AvailabilityZone ?? input.AvailabilityZoneId ?? "",
    size: input.Size ?? from?.snapshot.size ?? 0,
    kind: kind as VolumeKind,
    multiAttach: input.MultiAttachEnabled ?? false,
    encrypted: (input.Encrypted ?? false) || settings.encryptByDefault || from?.snapshot.encryption !== undefined,
    kmsKeyId: input.KmsKeyId,
    snapshotId: from?.snapshot.id,
    ...(iops === undefined ? {} : { iops }),
    ...(throughput === undefined ? {} : { throughput }),
  });
  return [
    ...making(ctx, "CreateVolume", volumeArn(ctx, "*"), keys, input.TagSpecifications),
    ...onSource(ctx, "CreateVolume", from),
  ];
}

async function createSnapshot(input: In<"CreateSnapshot">, ctx: CallContext): Promise<Access[]> {
  const volume = await onVolume(ctx, "CreateSnapshot", input.VolumeId ?? "");
  const keys = { "ec2:Owner": ctx.account, "ec2:ParentVolume": volumeArn(ctx, input.VolumeId ?? "*") };
  return [...making(ctx, "CreateSnapshot", snapshotArn(ctx.region, "*"), keys, input.TagSpecifications), volume];
}

async function copySnapshot(input: In<"CopySnapshot">, ctx: CallContext): Promise<Access[]> {
  const from = await visible(ctx, input.SourceSnapshotId, input.SourceRegion);
  const keys: Values = {
    "ec2:Owner": ctx.account,
    ...(from ? { "ec2:VolumeSize": String(from.snapshot.size) } : {}),
    "ec2:Encrypted": String((input.Encrypted ?? false) || from?.snapshot.encryption !== undefined),
  };
  return [
    ...making(ctx, "CopySnapshot", snapshotArn(ctx.region, "*"), keys, input.TagSpecifications),
    ...onSource(ctx, "CopySnapshot", from),
  ];
}

/** Source: "ec2:Add/userId", "ec2:Add/group", and the same of Remove. */
function permissionKeys(input: In<"ModifySnapshotAttribute">): Values {
  const change = (() => {
    try {
      return changeOf(input);
    } catch {
      // The handler refuses it.
      return undefined;
    }
  })();
  if (!change) return {};
  const keys: Values = {};
  for (const [name, { accounts, everybody }] of [["Add", change.add] as const, ["Remove", change.remove] as const]) {
    if (accounts.length > 0) keys[`ec2:${name}/userId`] = accounts;
    if (everybody) keys[`ec2:${name}/group`] = "all";
  }
  return keys;
}

const plain =
  (action: string) =>
  (_input: unknown, ctx: CallContext): Access =>
    about(ctx, action, "*", {});

const attribute = { "ec2:Attribute": "CREATE_VOLUME_PERMISSION" };

export const volumeAccess: Ec2Access = {
  AttachVolume: async (input, ctx) => [
    await onVolume(ctx, "AttachVolume", input.VolumeId ?? ""),
    about(
      ctx,
      "AttachVolume",
      `arn:${ctx.partition}:ec2:${ctx.region}:${ctx.account}:instance/${input.InstanceId ?? "*"}`,
      {},
    ),
  ],
  CopySnapshot: copySnapshot,
  CreateSnapshot: createSnapshot,
  CreateSnapshots: (input, ctx) => [
    ...making(
      ctx,
      "CreateSnapshots",
      snapshotArn(ctx.region, "*"),
      { "ec2:Owner": ctx.account },
      input.TagSpecifications,
    ),
    about(
      ctx,
      "CreateSnapshots",
      `arn:${ctx.partition}:ec2:${ctx.region}:${ctx.account}:instance/${input.InstanceSpecification?.InstanceId ?? "*"}`,
      {},
    ),
  ],
  CreateVolume: createVolume,
  DeleteSnapshot: (input, ctx) => onSnapshot(ctx, "DeleteSnapshot", input.SnapshotId ?? ""),
  DeleteVolume: (input, ctx) => onVolume(ctx, "DeleteVolume", input.VolumeId ?? ""),
  DescribeSnapshotAttribute: (input, ctx) => onSnapshot(ctx, "DescribeSnapshotAttribute", input.SnapshotId ?? ""),
  DescribeSnapshots: plain("DescribeSnapshots"),
  DescribeVolumeStatus: plain("DescribeVolumeStatus"),
  DescribeVolumes: plain("DescribeVolumes"),
  DescribeVolumesModifications: plain("DescribeVolumesModifications"),
  DetachVolume: (input, ctx) => onVolume(ctx, "DetachVolume", input.VolumeId ?? ""),
  DisableEbsEncryptionByDefault: plain("DisableEbsEncryptionByDefault"),
  EnableEbsEncryptionByDefault: plain("EnableEbsEncryptionByDefault"),
  GetEbsDefaultKmsKeyId: plain("GetEbsDefaultKmsKeyId"),
  GetEbsEncryptionByDefault: plain("GetEbsEncryptionByDefault"),
  ModifyEbsDefaultKmsKeyId: plain("ModifyEbsDefaultKmsKeyId"),
  ModifySnapshotAttribute: (input, ctx) =>
    onSnapshot(ctx, "ModifySnapshotAttribute", input.SnapshotId ?? "", { ...attribute, ...permissionKeys(input) }),
  ModifyVolume: (input, ctx) => onVolume(ctx, "ModifyVolume", input.VolumeId ?? ""),
  ResetEbsDefaultKmsKeyId: plain("ResetEbsDefaultKmsKeyId"),
  ResetSnapshotAttribute: (input, ctx) => onSnapshot(ctx, "ResetSnapshotAttribute", input.SnapshotId ?? "", attribute),
};
