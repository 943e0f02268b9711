/**
 * A host attaches a volume by connecting to its NBD export; there are no instances here, so AttachVolume finds none.
 * DetachVolume ends the host's connections. Source: EC2 API Reference, AttachVolume, DetachVolume, CreateSnapshots.
 */
import { failure, missing } from "../../errors.ts";
import { need, save } from "../../resources.ts";
import type { Ec2Handlers } from "../../sdk.ts";
import { shownAttachments } from "../show.ts";

const instanceForm = /^i-([0-9a-f]{8}|[0-9a-f]{17})$/;

/** @throws InvalidInstanceID.Malformed, InvalidInstanceID.NotFound always */
function refuseInstance(id: string | undefined): never {
  if (id === undefined || id === "") throw missing("instanceId");
  if (!instanceForm.test(id)) throw failure("InvalidInstanceID.Malformed", `Invalid id: "${id}"`);
  throw failure("InvalidInstanceID.NotFound", `The instance ID '${id}' does not exist`);
}

export const attachmentHandlers: Ec2Handlers = {
  async AttachVolume(input, ctx) {
    if (input.Device === undefined || input.Device === "") throw missing("device");
    await need(ctx, "volume", input.VolumeId ?? "");
    return refuseInstance(input.InstanceId);
  },

  async DetachVolume(input, ctx) {
    const volume = await need(ctx, "volume", input.VolumeId ?? "");
    if (input.InstanceId !== undefined && input.InstanceId !== "") refuseInstance(input.InstanceId);
    const [attachment] = volume.attachments;
    if (volume.state !== "in-use" || !attachment) {
      throw failure("IncorrectState", `Volume '${volume.id}' is in the '${volume.state}' state.`);
    }
    const detaching = { ...volume, detach: true };
    save(ctx, "volume", detaching);
    return shownAttachments(detaching)[0]!;
  },

  async CreateSnapshots(input) {
    return refuseInstance(input.InstanceSpecification?.InstanceId);
  },
};
