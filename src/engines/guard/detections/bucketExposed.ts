/**
 * A bucket was opened to the internet, or to everyone with an AWS account, by a change of its policy or its access
 * control list that block public access does not take back.
 * Source: GuardDuty User Guide, Policy:S3/BucketAnonymousAccessGranted ("made publicly accessible on the internet
 * because an IAM entity has changed a bucket policy or ACL"), Policy:S3/BucketPublicAccessGranted ("granted public
 * access … to all AWS users").
 */
import { isPublicPolicy } from "#engines/publicPolicy/publicPolicy.ts";
import { bucketOf, callerOf, isByService, parameter, type CallRecord } from "../callRecord.ts";
import type { BlockPublicAccess, BucketBlocks, Detection, Detector } from "../detection.ts";
import { severityOf } from "../findingTypes.ts";

const blocked = (blocks: BucketBlocks, setting: keyof BlockPublicAccess): boolean =>
  blocks.bucket?.[setting] === true || blocks.account?.[setting] === true;

/** The policy of the request: text as the API takes it, or an object as CloudTrail writes it. */
function policyOf(record: CallRecord): string | undefined {
  const policy = parameter(record, "bucketPolicy") ?? parameter(record, "policy");
  if (typeof policy === "string") return policy;
  return policy !== null && typeof policy === "object" ? JSON.stringify(policy) : undefined;
}

function opensPolicy(record: CallRecord): boolean {
  const policy = policyOf(record);
  try {
    // A policy that was too large for the record cannot be judged: told rather than passed over.
    return policy === undefined || isPublicPolicy(policy);
  } catch {
    return true;
  }
}

/** Whom an access control list lets in: canned lists by their names, grants by the group's URI. */
const groups = {
  everyone: /"public-read(-write)?"|acs\.amazonaws\.com\/groups\/global\/AllUsers/,
  authenticated: /"authenticated-read"|acs\.amazonaws\.com\/groups\/global\/AuthenticatedUsers/,
};

function grants(record: CallRecord, group: keyof typeof groups): boolean {
  return groups[group].test(JSON.stringify(record.requestParameters));
}

/** The calls that open a bucket, and the setting that takes it back. */
const byPolicy = new Set(["PutBucketPolicy"]);
const byAcl = new Set(["PutBucketAcl", "CreateBucket"]);

function takenBackBy(record: CallRecord, group: keyof typeof groups): keyof BlockPublicAccess | undefined {
  if (group === "everyone" && byPolicy.has(record.eventName)) {
    return opensPolicy(record) ? "restrictPublicBuckets" : undefined;
  }
  return byAcl.has(record.eventName) && grants(record, group) ? "ignorePublicAcls" : undefined;
}

function exposed(record: CallRecord, group: keyof typeof groups, type: string, whom: string): Detection | undefined {
  if (record.eventSource !== "s3.amazonaws.com" || record.errorCode !== undefined || isByService(record)) {
    return undefined;
  }
  const setting = takenBackBy(record, group);
  const bucket = bucketOf(record);
  if (bucket === undefined || setting === undefined) return undefined;
  return {
    type,
    severity: severityOf.High,
    title: `${whom} was granted to S3 bucket ${bucket}.`,
    description:
      `${whom} was granted to S3 bucket ${bucket} by ${callerOf(record).userName} calling ${record.eventName}. ` +
      "If this behavior is not expected, it may indicate a configuration mistake or that your credentials are compromised.",
    subject: bucket,
    bucket,
    affectedResources: { "AWS::S3::Bucket": bucket },
    holds: (blocks) => !blocked(blocks, setting),
  };
}

export const anonymousAccessGranted: Detector = (record) =>
  exposed(record, "everyone", "Policy:S3/BucketAnonymousAccessGranted", "Anonymous access");

export const publicAccessGranted: Detector = (record) =>
  exposed(record, "authenticated", "Policy:S3/BucketPublicAccessGranted", "Public access");
