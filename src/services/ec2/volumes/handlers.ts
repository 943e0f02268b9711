import type { Ec2Handlers } from "../sdk.ts";
import { attachmentHandlers } from "./operations/attachments.ts";
import { createVolumeHandlers } from "./operations/createVolume.ts";
import { defaultHandlers } from "./operations/defaults.ts";
import { modificationHandlers } from "./operations/modifications.ts";
import { snapshotAttributeHandlers } from "./operations/snapshotAttributes.ts";
import { snapshotCopyHandlers } from "./operations/snapshotCopies.ts";
import { snapshotHandlers } from "./operations/snapshots.ts";
import { volumeHandlers } from "./operations/volumes.ts";

export const ebsHandlers: Ec2Handlers = {
  ...attachmentHandlers,
  ...createVolumeHandlers,
  ...defaultHandlers,
  ...modificationHandlers,
  ...snapshotAttributeHandlers,
  ...snapshotCopyHandlers,
  ...snapshotHandlers,
  ...volumeHandlers,
};
