/**
 * What EBS tells EventBridge, in AWS's form. Source: EBS User Guide, "Amazon EventBridge events for Amazon EBS".
 */
import type { Random } from "#kernel/ids.ts";
import { isoSeconds } from "#kernel/clock.ts";
import { partitionOf } from "#kernel/arn.ts";

export const eventsStream = "events";

export interface Place {
  account: string;
  region: string;
}

export interface VolumeNews {
  event: "createVolume" | "deleteVolume" | "attachVolume" | "modifyVolume";
  result: "available" | "failed" | "deleted" | "optimizing" | "completed";
  cause?: string;
  requestId?: string;
  /** Of a key that could not be used. */
  kmsKeyArn?: string | undefined;
}

export const volumeArn = ({ account, region }: Place, id: string): string =>
  `arn:${partitionOf(region)}:ec2:${region}:${account}:volume/${id}`;
/** Snapshots have no account in their ARN. Source: Service Authorization Reference, Amazon EC2. */
export const snapshotArn = (region: string, id: string): string =>
  `arn:${partitionOf(region)}:ec2:${region}::snapshot/${id}`;

export function volumeEvent(place: Place, volumeId: string, news: VolumeNews, now: number, random: Random) {
  const keys = news.event === "attachVolume" && news.kmsKeyArn !== undefined ? [news.kmsKeyArn] : [];
  return enveloped(place, "EBS Volume Notification", [volumeArn(place, volumeId), ...keys], now, random, {
    result: news.result,
    cause: news.cause ?? "",
    event: news.event,
    "request-id": news.requestId ?? "",
  });
}

export interface SnapshotNews {
  event: "createSnapshot" | "copySnapshot" | "shareSnapshot";
  result: "succeeded" | "failed";
  cause?: string;
  /** ARN of the volume or snapshot it was made from; of a shared one, the account that shares it. */
  source: string;
  startedAt: number;
}

/** @param place of the bus; `region` is the snapshot's as well */
export function snapshotEvent(place: Place, snapshotId: string, news: SnapshotNews, now: number, random: Random) {
  const arn = snapshotArn(place.region, snapshotId);
  return enveloped(place, "EBS Snapshot Notification", [arn], now, random, {
    event: news.event,
    result: news.result,
    cause: news.cause ?? "",
    "request-id": "",
    snapshot_id: arn,
    source: news.source,
    startTime: isoSeconds(news.startedAt),
    endTime: isoSeconds(now),
    ...(news.event === "copySnapshot" && news.result === "succeeded" ? { Incremental: "false" } : {}),
  });
}

function enveloped(
  { account, region }: Place,
  type: string,
  resources: string[],
  now: number,
  random: Random,
  detail: Record<string, unknown>,
) {
  return {
    version: "0",
    id: random.uuid(),
    "detail-type": type,
    source: "aws.ec2",
    account,
    time: isoSeconds(now),
    region,
    resources,
    detail,
  };
}
