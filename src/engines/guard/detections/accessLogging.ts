/** Server access logs of a bucket were switched off. Source: GuardDuty User Guide, Stealth:S3/ServerAccessLoggingDisabled. */
import { bucketOf, callerOf, isByService, nested, parameter } from "../callRecord.ts";
import type { Detector } from "../detection.ts";
import { severityOf } from "../findingTypes.ts";

export const accessLoggingDisabled: Detector = (record) => {
  if (record.eventSource !== "s3.amazonaws.com" || record.eventName !== "PutBucketLogging") return undefined;
  if (record.errorCode !== undefined || isByService(record)) return undefined;
  if (nested(parameter(record, "bucketLoggingStatus"), "loggingEnabled") !== undefined) return undefined;
  const bucket = bucketOf(record);
  if (bucket === undefined) return undefined;
  return {
    type: "Stealth:S3/ServerAccessLoggingDisabled",
    severity: severityOf.Low,
    title: `S3 server access logging was disabled for S3 bucket ${bucket}.`,
    description:
      `S3 server access logging was disabled for S3 bucket ${bucket} by ${callerOf(record).userName} calling ${record.eventName}. ` +
      "This can be an attempt to hide what is done with the bucket.",
    subject: bucket,
    bucket,
    affectedResources: { "AWS::S3::Bucket": bucket },
  };
};
