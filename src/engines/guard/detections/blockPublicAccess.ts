/**
 * Block public access was switched off, in one of its four settings or whole, for a bucket or for the account.
 * Source: GuardDuty User Guide, Policy:S3/BucketBlockPublicAccessDisabled, Policy:S3/AccountBlockPublicAccessDisabled;
 * texts as AWS generates them.
 */
import { bucketOf, callerOf, isByService, nested, parameter, type CallRecord } from "../callRecord.ts";
import type { Detector } from "../detection.ts";
import { severityOf } from "../findingTypes.ts";

const settings = ["blockPublicAcls", "ignorePublicAcls", "blockPublicPolicy", "restrictPublicBuckets"];

/** Names of the calls in CloudTrail; those of an account are S3 Control's. */
const names = {
  bucket: ["PutBucketPublicAccessBlock", "DeleteBucketPublicAccessBlock"],
  account: [
    "PutAccountPublicAccessBlock",
    "DeleteAccountPublicAccessBlock",
    "PutPublicAccessBlock",
    "DeletePublicAccessBlock",
  ],
};

function switchesOff(record: CallRecord): boolean {
  if (record.eventName.startsWith("Delete")) return true;
  const configuration = parameter(record, "publicAccessBlockConfiguration");
  return settings.some((setting) => !isTrue(nested(configuration, setting)));
}

const isTrue = (value: unknown): boolean => value === true || value === "true";

const ending =
  "If this behavior is not expected, it may indicate a configuration mistake or that your credentials are compromised.";

function applies(record: CallRecord): boolean {
  return record.eventSource === "s3.amazonaws.com" && record.errorCode === undefined && !isByService(record);
}

export const bucketBlockDisabled: Detector = (record) => {
  if (!applies(record) || !names.bucket.includes(record.eventName) || !switchesOff(record)) return undefined;
  const bucket = bucketOf(record);
  if (bucket === undefined) return undefined;
  return {
    type: "Policy:S3/BucketBlockPublicAccessDisabled",
    severity: severityOf.Low,
    title: `Amazon S3 Block Public Access was disabled for S3 bucket ${bucket}.`,
    description: `Amazon S3 Block Public Access was disabled for S3 bucket ${bucket} by ${callerOf(record).userName} calling ${record.eventName}. ${ending}`,
    subject: bucket,
    bucket,
    affectedResources: { "AWS::S3::Bucket": bucket },
  };
};

export const accountBlockDisabled: Detector = (record) => {
  if (!applies(record) || !names.account.includes(record.eventName) || !switchesOff(record)) return undefined;
  const account = record.recipientAccountId;
  return {
    type: "Policy:S3/AccountBlockPublicAccessDisabled",
    severity: severityOf.Low,
    title: `Amazon S3 Block Public Access was disabled for account ${account}.`,
    description: `Amazon S3 Block Public Access was disabled for account ${account} by ${callerOf(record).userName} calling ${record.eventName}. ${ending}`,
    subject: account,
  };
};
