/**
 * A trail no longer records, or records less: it was stopped or deleted, or an update took Regions, global services or
 * the management events out of it. "This finding can be triggered by a successful deletion or update of a trail."
 * Source: GuardDuty User Guide, Stealth:IAMUser/CloudTrailLoggingDisabled; texts as AWS generates them.
 */
import { bucketOf, callerOf, isByService, parameter, parameterText, type CallRecord } from "../callRecord.ts";
import type { Detector } from "../detection.ts";
import { severityOf } from "../findingTypes.ts";

const switchesOff: Readonly<Record<string, (record: CallRecord) => boolean>> = {
  StopLogging: () => true,
  DeleteTrail: () => true,
  UpdateTrail: (record) =>
    parameter(record, "isMultiRegionTrail") === false || parameter(record, "includeGlobalServiceEvents") === false,
  PutEventSelectors: (record) => !recordsManagementEvents(record),
};

export const trailDisabled: Detector = (record) => {
  if (record.eventSource !== "cloudtrail.amazonaws.com" || record.errorCode !== undefined || isByService(record)) {
    return undefined;
  }
  const off = Object.hasOwn(switchesOff, record.eventName) ? switchesOff[record.eventName] : undefined;
  if (!off?.(record)) return undefined;
  const trail = nameOf(parameterText(record, "name") ?? parameterText(record, "trailName") ?? "");
  return {
    type: "Stealth:IAMUser/CloudTrailLoggingDisabled",
    severity: severityOf.Low,
    title: `AWS CloudTrail trail ${trail} was disabled.`,
    description:
      `AWS CloudTrail trail ${trail} was disabled by ${callerOf(record).userName} calling ${record.eventName} under unusual circumstances. ` +
      "This can be attackers attempt to cover their tracks by eliminating any trace of activity performed while they accessed your account.",
    subject: trail,
    affectedResources: { "AWS::CloudTrail::Trail": trail },
  };
};

/** "This finding can also be triggered by a successful deletion of an S3 bucket that stores the logs from a trail." */
export const trailBucketDeleted: Detector = (record) => {
  if (record.eventSource !== "s3.amazonaws.com" || record.eventName !== "DeleteBucket") return undefined;
  const bucket = bucketOf(record);
  if (record.errorCode !== undefined || isByService(record) || bucket === undefined) return undefined;
  return {
    type: "Stealth:IAMUser/CloudTrailLoggingDisabled",
    severity: severityOf.Low,
    title: `The S3 bucket ${bucket} that stores the logs of an AWS CloudTrail trail was deleted.`,
    description:
      `The S3 bucket ${bucket}, to which an AWS CloudTrail trail delivers its logs, was deleted by ${callerOf(record).userName} calling ${record.eventName}. ` +
      "This can be an attempt to hide what is done in the account.",
    subject: bucket,
    affectedResources: { "AWS::S3::Bucket": bucket },
    trailBucket: bucket,
  };
};

/** A trail is named by its name or its ARN. */
function nameOf(given: string): string {
  return given.startsWith("arn:") ? (given.split(":trail/")[1] ?? given) : given;
}

function recordsManagementEvents(record: CallRecord): boolean {
  const advanced = parameter(record, "advancedEventSelectors");
  if (Array.isArray(advanced) && advanced.length > 0) {
    return JSON.stringify(advanced).includes('"Management"');
  }
  const basic = parameter(record, "eventSelectors");
  if (!Array.isArray(basic)) return true;
  // A selector that does not say otherwise includes management events.
  return basic.some((selector: unknown) => memberOf(selector, "includemanagementevents") !== false);
}

function memberOf(value: unknown, name: string): unknown {
  if (value === null || typeof value !== "object") return undefined;
  return Object.entries(value).find(([key]) => key.toLowerCase() === name)?.[1];
}
