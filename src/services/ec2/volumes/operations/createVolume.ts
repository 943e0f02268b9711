/**
 * CreateVolume. What KMS refuses does not refuse the call, as on AWS: the answer says `creating`, the event
 * `createVolume` says why it failed, and the volume is not there. Source: CreateVolume, KmsKeyId ("AWS authenticates the
 * KMS key asynchronously"); kubernetes-sigs/aws-ebs-csi-driver#3010; EBS User Guide, "Create volume (createVolume)".
 */
import type { CallContext } from "#gateway/context.ts";
import { failure, invalidCombination, invalidValue, missing, dryRun, unsupported } from "../../errors.ts";
import { newId, save } from "../../resources.ts";
import type { Ec2Handlers, In } from "../../sdk.ts";
import { tagsOf } from "../../tags.ts";
import { type Zone, zonesOf } from "../../zones.ts";
import { eventsStream, volumeEvent } from "../events.ts";
import { ebsAlias, granted, grantedBoth, isKeyRefusal, newDataKey, rewrapped } from "../keys.ts";
import { checkShape, defaultKind } from "../kinds.ts";
import { settingsOf } from "../settings.ts";
import { shownVolume } from "../show.ts";
import { needVisible, type OwnedSnapshot } from "../snapshotAccess.ts";
import { type DataKey, ebsTypes, type Shape, type Source, type Volume, type VolumeToken } from "../state.ts";

const tokenMs = 24 * 3_600_000;

function zoneOf(input: In<"CreateVolume">, ctx: CallContext): Zone {
  const { AvailabilityZone: name, AvailabilityZoneId: id } = input;
  if (name === undefined && id === undefined) throw missing("availabilityZone");
  if (name !== undefined && id !== undefined) {
    throw invalidCombination("The parameters AvailabilityZone and AvailabilityZoneId cannot be used together.");
  }
  const zone = zonesOf(ctx.region).find((each) => each.name === name || each.id === id);
  if (!zone) throw failure("InvalidZone.NotFound", `The zone '${name ?? id}' does not exist.`);
  return zone;
}

async function sourceOf(input: In<"CreateVolume">, ctx: CallContext): Promise<OwnedSnapshot | undefined> {
  if (input.SnapshotId === undefined || input.SnapshotId === "") return undefined;
  const found = await needVisible(ctx, input.SnapshotId);
  const { state, size } = found.snapshot;
  if (state !== "completed") {
    throw failure("IncorrectState", `Snapshot is in invalid state - ${state}`);
  }
  if (input.Size !== undefined && input.Size < size) {
    throw invalidValue(
      `Volume of size ${input.Size}GB is smaller than snapshot '${input.SnapshotId}', expect size >= ${size}GB`,
    );
  }
  return found;
}

function shapeOf(input: In<"CreateVolume">, from: OwnedSnapshot | undefined): Shape {
  const size = input.Size ?? from?.snapshot.size;
  if (size === undefined) throw missing("size/snapshotId");
  return checkShape({
    size,
    kind: input.VolumeType ?? defaultKind,
    iops: input.Iops,
    throughput: input.Throughput,
    multiAttach: input.MultiAttachEnabled,
  });
}

/** What is asked of KMS before anything is kept; `undefined` for a volume without encryption. */
async function wantedKey(
  input: In<"CreateVolume">,
  ctx: CallContext,
  from: OwnedSnapshot | undefined,
): Promise<string | undefined> {
  if (input.KmsKeyId !== undefined && !input.Encrypted) {
    throw failure("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.");
  }
  const settings = await settingsOf(ctx);
  if (!input.Encrypted && !settings.encryptByDefault && !from?.snapshot.encryption) return undefined;
  if (input.Encrypted === false && from?.snapshot.encryption) {
    throw invalidValue(`Encrypted flag cannot be set to false since snapshot ${from.snapshot.id} is encrypted.`);
  }
  if (input.KmsKeyId !== undefined) return input.KmsKeyId;
  // "If the snapshot is encrypted and yours: its key; otherwise the default one."
  const inherited = from?.owner === ctx.account ? from.snapshot.encryption?.kmsKeyArn : undefined;
  return inherited ?? settings.kmsKeyArn ?? ebsAlias;
}

interface Keys {
  encryption?: DataKey;
  source?: Source;
}

/**
 * A snapshot under the same KMS key hands its data key on; under another key, EC2 may read it until it has been copied.
 * Source: EBS User Guide, "How EBS encryption works when the snapshot is encrypted".
 */
async function keysFor(
  ctx: CallContext,
  id: string,
  wanted: string | undefined,
  from: OwnedSnapshot | undefined,
): Promise<Keys> {
  const sourceKey = from?.snapshot.encryption;
  const origin = from && {
    account: from.owner,
    region: from.region,
    snapshotId: from.snapshot.id,
    plain: !sourceKey,
  };
  if (wanted === undefined) return origin ? { source: origin } : {};
  const { kms } = ctx.aws;
  const fresh = await newDataKey(kms, ctx.random, wanted, id);
  if (!origin) return { encryption: await granted(kms, fresh, id) };
  if (sourceKey?.kmsKeyArn === fresh.kmsKeyArn) {
    return { encryption: await granted(kms, await rewrapped(kms, sourceKey, id), id), source: origin };
  }
  if (!sourceKey) return { encryption: await granted(kms, fresh, id), source: origin };
  const [encryption, key] = await grantedBoth(ctx, fresh, { key: sourceKey, region: from.region }, id);
  return { encryption, source: { ...origin, key } };
}

async function earlier(input: In<"CreateVolume">, ctx: CallContext): Promise<Volume | undefined> {
  if (input.ClientToken === undefined || input.ClientToken === "") return undefined;
  const token = await ctx.state.get<VolumeToken>(ebsTypes.token, input.ClientToken);
  if (!token) return undefined;
  if (token.value.parameters !== parametersOf(input)) {
    throw failure(
      "IdempotentParameterMismatch",
      "The request uses the same client token as a previous, but non-identical request.",
    );
  }
  const found = (await ctx.state.get<Volume>("volume", token.value.volumeId))?.value;
  if (!found)
    throw failure(
      "IdempotentParameterMismatch",
      "The resource that was created with this client token has been deleted.",
    );
  return found;
}

function parametersOf(input: In<"CreateVolume">): string {
  const { ClientToken: _token, DryRun: _dryRun, ...rest } = input;
  return JSON.stringify(Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export const createVolumeHandlers: Ec2Handlers = {
  async CreateVolume(input, ctx) {
    if (input.OutpostArn !== undefined) throw unsupported("An Outpost");
    if (input.VolumeInitializationRate !== undefined) throw unsupported("VolumeInitializationRate");
    const before = await earlier(input, ctx);
    if (before) return shownVolume(ctx, before);
    const zone = zoneOf(input, ctx);
    const from = await sourceOf(input, ctx);
    const shape = shapeOf(input, from);
    const tags = tagsOf(input.TagSpecifications, "volume");
    const wanted = await wantedKey(input, ctx, from);
    // What KMS does is done: a dry run ends before it.
    if (input.DryRun) throw dryRun();
    const id = await ctx.once("volume id", async () => newId(ctx, "vol-"));
    const volume: Volume = {
      id,
      ...shape,
      zone: zone.name,
      zoneId: zone.id,
      createdAt: ctx.now,
      state: "creating",
      attachments: [],
      requestId: ctx.requestId,
      tags,
      ...(from ? { snapshotId: from.snapshot.id } : {}),
    };
    if (input.ClientToken) {
      const token: VolumeToken = { volumeId: id, parameters: parametersOf(input) };
      ctx.state.put(ebsTypes.token, input.ClientToken, token, { expiresAt: ctx.now + tokenMs });
    }
    try {
      const keys = await ctx.once("keys", () => keysFor(ctx, id, wanted, from));
      const made: Volume = { ...volume, ...keys };
      save(ctx, "volume", made);
      return shownVolume(ctx, made);
    } catch (error) {
      if (!isKeyRefusal(error)) throw error;
      const news = { event: "createVolume", result: "failed", cause: error.message, requestId: ctx.requestId } as const;
      ctx.state.emit(eventsStream, ctx.account, volumeEvent(ctx, id, news, ctx.now, ctx.random));
      return shownVolume(ctx, volume, wanted ?? "");
    }
  },
};
