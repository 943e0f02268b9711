/** Changing volumes that exist. Source: EC2 API Reference, ModifyVolume (four times within 24 hours); EBS User Guide, "Elastic Volumes". */
import { failure, invalidCombination, invalidValue } from "../../errors.ts";
import { filtered } from "../../filters.ts";
import { paged } from "../../paging.ts";
import { all, need, save } from "../../resources.ts";
import type { Ec2Handlers, In } from "../../sdk.ts";
import { checkShape, kindRows, shownIops } from "../kinds.ts";
import { shownModification } from "../show.ts";
import type { Modification, Shape, Volume } from "../state.ts";

const dayMs = 24 * 3_600_000;
const mostADay = 4;

function targetOf(input: In<"ModifyVolume">, volume: Volume): Shape {
  const { Size, VolumeType, Iops, Throughput, MultiAttachEnabled } = input;
  if ([Size, VolumeType, Iops, Throughput, MultiAttachEnabled].every((each) => each === undefined)) {
    throw invalidCombination(
      "At least one of size, volumeType, iops, throughput or multiAttachEnabled must be specified.",
    );
  }
  if (Size !== undefined && Size < volume.size) throw invalidValue("New size cannot be smaller than existing size");
  const kind = VolumeType ?? volume.kind;
  const row = Object.hasOwn(kindRows, kind) ? kindRows[kind] : undefined;
  const keeps = kind === volume.kind;
  // "If you change the volume type to io1, io2, or gp3, the default is 3,000."
  const iops = Iops ?? (row?.iops ? (keeps ? volume.iops : 3000) : undefined);
  return checkShape({
    size: Size ?? volume.size,
    kind,
    iops,
    throughput: Throughput ?? (keeps ? volume.throughput : undefined),
    multiAttach: MultiAttachEnabled ?? (row?.multiAttach ? volume.multiAttach : false),
  });
}

/** @throws IncorrectState, IncorrectModificationState, VolumeModificationRateExceeded */
function requireModifiable(volume: Volume, recent: readonly number[]): void {
  if (volume.state !== "available" && volume.state !== "in-use") {
    throw failure("IncorrectState", `Volume '${volume.id}' is in the '${volume.state}' state.`);
  }
  if (volume.modification && volume.modification.state !== "completed") {
    throw failure(
      "IncorrectModificationState",
      `The volume ${volume.id} is in the ${volume.modification.state} state and cannot be modified.`,
    );
  }
  if (recent.length >= mostADay) {
    const next = new Date(recent.at(-mostADay)! + dayMs).toISOString();
    throw failure(
      "VolumeModificationRateExceeded",
      `You've reached the maximum modification rate per volume limit. ${volume.id} can be modified again at ${next}.`,
    );
  }
}

const fields = {
  "volume-id": ({ id }: Modified) => id,
  "modification-state": ({ modification: { state } }: Modified) => state,
  "original-iops": ({ modification: { from } }: Modified) => text(shownIops(from)),
  "original-size": ({ modification: { from } }: Modified) => String(from.size),
  "original-volume-type": ({ modification: { from } }: Modified) => from.kind,
  originalMultiAttachEnabled: ({ modification: { from } }: Modified) => from.multiAttach,
  "start-time": ({ modification: { startedAt } }: Modified) => new Date(startedAt).toISOString(),
  "target-iops": ({ modification: { to } }: Modified) => text(shownIops(to)),
  "target-size": ({ modification: { to } }: Modified) => String(to.size),
  "target-volume-type": ({ modification: { to } }: Modified) => to.kind,
  targetMultiAttachEnabled: ({ modification: { to } }: Modified) => to.multiAttach,
};

type Modified = Volume & { modification: Modification };
const text = (value: number | undefined): string | undefined => (value === undefined ? undefined : String(value));
const shapeOf = ({ size, kind, iops, throughput, multiAttach }: Volume): Shape => ({
  size,
  kind,
  ...(iops === undefined ? {} : { iops }),
  ...(throughput === undefined ? {} : { throughput }),
  multiAttach,
});

export const modificationHandlers: Ec2Handlers = {
  async ModifyVolume(input, ctx) {
    const volume = await need(ctx, "volume", input.VolumeId ?? "");
    const recent = (volume.modifiedAt ?? []).filter((at) => at > ctx.now - dayMs);
    requireModifiable(volume, recent);
    const to = targetOf(input, volume);
    if (to.multiAttach !== volume.multiAttach && volume.state === "in-use") {
      throw failure("IncorrectState", `Multi-Attach of '${volume.id}' cannot be changed while it is attached.`);
    }
    const modification: Modification = { state: "modifying", from: shapeOf(volume), to, startedAt: ctx.now };
    save(ctx, "volume", { ...volume, modification, modifiedAt: [...recent, ctx.now], requestId: ctx.requestId });
    return { VolumeModification: shownModification(volume.id, modification) };
  },

  async DescribeVolumesModifications(input, ctx) {
    for (const id of input.VolumeIds ?? []) await need(ctx, "volume", id);
    const wanted = input.VolumeIds?.length ? new Set(input.VolumeIds) : undefined;
    const modified = (await all(ctx, "volume")).filter(
      (volume): volume is Modified => volume.modification !== undefined && (wanted?.has(volume.id) ?? true),
    );
    for (const id of wanted ?? []) {
      if (modified.some((volume) => volume.id === id)) continue;
      throw failure("InvalidVolumeModification.NotFound", `Modification for volume '${id}' does not exist.`);
    }
    const { items, NextToken } = paged(filtered(modified, input.Filters, fields), input, { least: 1, most: 500 });
    return {
      VolumesModifications: items.map(({ id, modification }) => shownModification(id, modification)),
      ...(NextToken === undefined ? {} : { NextToken }),
    };
  },
};
