/** Volumes and snapshots as the API shows them. */
import type { CallContext } from "#gateway/context.ts";
import { shownTags } from "../tags.ts";
import { volumeArn } from "./events.ts";
import { kindRows, shownIops } from "./kinds.ts";
import type { Modification, Shape, Snapshot, Volume } from "./state.ts";

const date = (at: number): Date => new Date(at);

/** What CreateVolume answers; `describedVolume` adds the rest. */
export function shownVolume(ctx: CallContext, volume: Volume, keyAsGiven?: string) {
  const iops = shownIops(volume);
  const kmsKeyId = keyAsGiven ?? volume.encryption?.kmsKeyArn;
  return {
    VolumeId: volume.id,
    VolumeArn: volumeArn(ctx, volume.id),
    Size: volume.size,
    SnapshotId: volume.snapshotId ?? "",
    AvailabilityZone: volume.zone,
    AvailabilityZoneId: volume.zoneId,
    State: volume.state,
    CreateTime: date(volume.createdAt),
    Encrypted: volume.encryption !== undefined || keyAsGiven !== undefined,
    ...(kmsKeyId === undefined ? {} : { KmsKeyId: kmsKeyId }),
    ...(iops === undefined ? {} : { Iops: iops }),
    ...(volume.throughput === undefined ? {} : { Throughput: volume.throughput }),
    VolumeType: volume.kind,
    MultiAttachEnabled: volume.multiAttach,
    OwnerId: ctx.account,
    Tags: shownTags(volume.tags),
  };
}

export function describedVolume(ctx: CallContext, volume: Volume) {
  return { ...shownVolume(ctx, volume), Attachments: shownAttachments(volume) };
}

/**
 * A host attaches a volume over NBD: there is no instance to name, as for the resources of other services on AWS
 * ("If the volume is attached to an AWS-managed resource, this parameter returns null", VolumeAttachment).
 */
export function shownAttachments(volume: Volume) {
  return volume.attachments.map(({ at }) => ({
    VolumeId: volume.id,
    State: volume.detach ? ("detaching" as const) : ("attached" as const),
    AttachTime: date(at),
    DeleteOnTermination: false,
  }));
}

export function shownSnapshot(owner: string, snapshot: Snapshot) {
  return {
    SnapshotId: snapshot.id,
    VolumeId: snapshot.volumeId,
    VolumeSize: snapshot.size,
    Description: snapshot.description,
    State: snapshot.state,
    Progress: `${snapshot.progress}%`,
    StartTime: date(snapshot.startedAt),
    OwnerId: owner,
    Encrypted: snapshot.encryption !== undefined,
    ...(snapshot.encryption === undefined ? {} : { KmsKeyId: snapshot.encryption.kmsKeyArn }),
    Tags: shownTags(snapshot.tags),
  };
}

export function describedSnapshot(owner: string, snapshot: Snapshot) {
  return {
    ...shownSnapshot(owner, snapshot),
    StorageTier: "standard" as const,
    ...(snapshot.encryption === undefined ? {} : { DataEncryptionKeyId: snapshot.encryption.id }),
    ...(snapshot.stateMessage === undefined ? {} : { StateMessage: snapshot.stateMessage }),
    ...(snapshot.completedAt === undefined ? {} : { CompletionTime: date(snapshot.completedAt) }),
    ...(snapshot.bytes === undefined ? {} : { FullSnapshotSizeInBytes: snapshot.bytes }),
  };
}

export function shownModification(volumeId: string, { state, from, to, startedAt, endedAt }: Modification) {
  return {
    VolumeId: volumeId,
    ModificationState: state,
    ...shapeMembers("Original", from),
    ...shapeMembers("Target", to),
    Progress: state === "modifying" ? 0 : 100,
    StartTime: date(startedAt),
    ...(endedAt === undefined ? {} : { EndTime: date(endedAt) }),
  };
}

function shapeMembers<Prefix extends "Original" | "Target">(prefix: Prefix, shape: Shape) {
  const iops = shownIops(shape);
  return {
    [`${prefix}Size`]: shape.size,
    [`${prefix}VolumeType`]: shape.kind,
    ...(iops === undefined ? {} : { [`${prefix}Iops`]: iops }),
    ...(shape.throughput === undefined ? {} : { [`${prefix}Throughput`]: shape.throughput }),
    ...(kindRows[shape.kind].multiAttach ? { [`${prefix}MultiAttachEnabled`]: shape.multiAttach } : {}),
  };
}
