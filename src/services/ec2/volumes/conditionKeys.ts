/** Condition keys of volumes and snapshots. Source: Service Authorization Reference, Amazon EC2, resource types `volume` and `snapshot`. */
import type { CallContext } from "#gateway/context.ts";
import { isoSeconds } from "#kernel/clock.ts";
import { snapshotArn, volumeArn } from "./events.ts";
import { shownIops } from "./kinds.ts";
import type { Shape, Snapshot, Volume } from "./state.ts";

type Values = Record<string, string | readonly string[]>;
type Where = Pick<CallContext, "account" | "region">;

export function conditionKeysOf(ctx: Where, type: string, found: object | undefined): Values {
  if (found === undefined) return {};
  if (type === "volume") return volumeKeys(ctx, found as Volume);
  return type === "snapshot" ? snapshotKeys(ctx, ctx.account, found as Snapshot) : {};
}

export interface PlannedVolume extends Shape {
  zone: string;
  encrypted: boolean;
  kmsKeyId?: string | undefined;
  snapshotId?: string | undefined;
}

export function plannedKeys(ctx: Where, planned: PlannedVolume): Values {
  const iops = shownIops(planned);
  return {
    "ec2:AvailabilityZone": planned.zone,
    "ec2:Encrypted": String(planned.encrypted),
    "ec2:VolumeSize": String(planned.size),
    "ec2:VolumeType": planned.kind,
    ...(iops === undefined ? {} : { "ec2:VolumeIops": String(iops) }),
    ...(planned.throughput === undefined ? {} : { "ec2:VolumeThroughput": String(planned.throughput) }),
    ...(planned.kmsKeyId === undefined ? {} : { "ec2:KmsKeyId": planned.kmsKeyId }),
    ...(planned.snapshotId === undefined ? {} : { "ec2:ParentSnapshot": snapshotArn(ctx.region, planned.snapshotId) }),
  };
}

function volumeKeys(ctx: Where, volume: Volume): Values {
  return {
    ...plannedKeys(ctx, {
      ...volume,
      encrypted: volume.encryption !== undefined,
      kmsKeyId: volume.encryption?.kmsKeyArn,
    }),
    "ec2:VolumeID": volume.id,
  };
}

export function snapshotKeys(ctx: Where, owner: string, snapshot: Snapshot): Values {
  return {
    "ec2:Encrypted": String(snapshot.encryption !== undefined),
    "ec2:Owner": owner,
    "ec2:ParentVolume": volumeArn({ account: owner, region: ctx.region }, snapshot.volumeId),
    "ec2:SnapshotID": snapshot.id,
    "ec2:SnapshotTime": isoSeconds(snapshot.startedAt),
    "ec2:VolumeSize": String(snapshot.size),
  };
}
