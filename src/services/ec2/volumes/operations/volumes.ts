/** Volumes: what there is, how it is, and its end. Source: EC2 API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { failure } from "../../errors.ts";
import { lookup } from "../../lookup.ts";
import { need, save } from "../../resources.ts";
import type { Ec2Handlers } from "../../sdk.ts";
import { describedVolume } from "../show.ts";
import type { Volume } from "../state.ts";

const pageLimits = { least: 5, most: 1000, idsName: "volumeIds" };
const time = (at: number): string => new Date(at).toISOString();

const fields = {
  "volume-id": ({ id }: Volume) => id,
  "attachment.attach-time": ({ attachments }: Volume) => attachments.map(({ at }) => time(at)),
  "attachment.delete-on-termination": ({ attachments }: Volume) => attachments.map(() => "false"),
  "attachment.device": () => [],
  "attachment.instance-id": () => [],
  "attachment.status": ({ attachments, detach }: Volume) => attachments.map(() => (detach ? "detaching" : "attached")),
  "availability-zone": ({ zone }: Volume) => zone,
  "availability-zone-id": ({ zoneId }: Volume) => zoneId,
  "create-time": ({ createdAt }: Volume) => time(createdAt),
  encrypted: ({ encryption }: Volume) => encryption !== undefined,
  "fast-restored": () => false,
  "multi-attach-enabled": ({ multiAttach }: Volume) => multiAttach,
  "operator.managed": () => false,
  size: ({ size }: Volume) => String(size),
  "snapshot-id": ({ snapshotId }: Volume) => snapshotId,
  status: ({ state }: Volume) => state,
  "volume-type": ({ kind }: Volume) => kind,
};

const isWell = ({ state }: Volume): boolean => state !== "error";
const detailsOf = (volume: Volume) => [
  { Name: "io-enabled" as const, Status: isWell(volume) ? "passed" : "failed" },
  { Name: "io-performance" as const, Status: "not-applicable" },
];

const statusFields = {
  "availability-zone": ({ zone }: Volume) => zone,
  "volume-status.status": (volume: Volume) => (isWell(volume) ? "ok" : "impaired"),
  "volume-status.details-name": (volume: Volume) => detailsOf(volume).map(({ Name }) => Name),
  "volume-status.details-status": (volume: Volume) => detailsOf(volume).map(({ Status }) => Status),
  "action.code": () => [],
  "action.description": () => [],
  "action.event-id": () => [],
  "event.description": () => [],
  "event.event-id": () => [],
  "event.event-type": () => [],
  "event.not-after": () => [],
  "event.not-before": () => [],
};

/** @throws VolumeInUse, IncorrectState */
function requireDeletable(volume: Volume): void {
  if (volume.state === "in-use") {
    throw failure("VolumeInUse", `Volume ${volume.id} is currently attached to a host`);
  }
  if (volume.state === "creating") {
    throw failure("IncorrectState", `Volume '${volume.id}' is in the 'creating' state.`);
  }
}

const page = (NextToken: string | undefined) => (NextToken === undefined ? {} : { NextToken });

export const volumeHandlers: Ec2Handlers = {
  async DescribeVolumes(input, ctx: CallContext) {
    const { items, NextToken } = await lookup(ctx, "volume", input.VolumeIds, input, fields, pageLimits);
    return { Volumes: items.map((volume) => describedVolume(ctx, volume)), ...page(NextToken) };
  },

  async DescribeVolumeStatus(input, ctx) {
    const { items, NextToken } = await lookup(ctx, "volume", input.VolumeIds, input, statusFields, pageLimits);
    return {
      VolumeStatuses: items.map((volume) => ({
        VolumeId: volume.id,
        AvailabilityZone: volume.zone,
        AvailabilityZoneId: volume.zoneId,
        VolumeStatus: { Status: isWell(volume) ? ("ok" as const) : ("impaired" as const), Details: detailsOf(volume) },
        Actions: [],
        Events: [],
        AttachmentStatuses: [],
      })),
      ...page(NextToken),
    };
  },

  /** The role that has the image removes it, and the document last. */
  async DeleteVolume(input, ctx) {
    const volume = await need(ctx, "volume", input.VolumeId ?? "");
    requireDeletable(volume);
    save(ctx, "volume", { ...volume, state: "deleting", requestId: ctx.requestId });
    return {};
  },
};
