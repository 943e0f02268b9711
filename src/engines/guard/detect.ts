/** The table of detections over one CloudTrail record. Adding a detection is a file in `detections/` and a row here. */
import type { CallRecord } from "./callRecord.ts";
import type { Detection, Detector, Knowledge } from "./detection.ts";
import { accessLoggingDisabled } from "./detections/accessLogging.ts";
import { bedrockLoggingDisabled } from "./detections/bedrockLogging.ts";
import { accountBlockDisabled, bucketBlockDisabled } from "./detections/blockPublicAccess.ts";
import { anonymousAccessGranted, publicAccessGranted } from "./detections/bucketExposed.ts";
import { passwordPolicyWeakened } from "./detections/passwordPolicy.ts";
import { penTest } from "./detections/penTest.ts";
import { rootUsage } from "./detections/rootUsage.ts";
import { threatListed } from "./detections/threatLists.ts";
import { trailBucketDeleted, trailDisabled } from "./detections/trailDisabled.ts";

const detectors: readonly Detector[] = [
  rootUsage,
  trailDisabled,
  trailBucketDeleted,
  bedrockLoggingDisabled,
  passwordPolicyWeakened,
  bucketBlockDisabled,
  accountBlockDisabled,
  anonymousAccessGranted,
  publicAccessGranted,
  accessLoggingDisabled,
  penTest,
  threatListed,
];

/** What the record shows; most records show nothing. */
export function detect(record: CallRecord, knowledge: Knowledge): Detection[] {
  const found: Detection[] = [];
  for (const detector of detectors) {
    const detection = detector(record, knowledge);
    if (detection) found.push(detection);
  }
  return found;
}
