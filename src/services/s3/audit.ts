/**
 * What a call leaves in the audit trail: object-level calls are data events, recorded where a trail selects
 * them; bucket-level calls are management events.
 * Source: Amazon S3 User Guide, "Amazon S3 CloudTrail events"; the list of object-level actions is that page's.
 */
import type { CallContext } from "#gateway/context.ts";
import type { AuditDetail, ServiceDefinition } from "#gateway/service.ts";
import { parseCopySource } from "./copySource.ts";
import type { S3 } from "./sdk.ts";
import { bucketArn, objectArn } from "./state.ts";

const dataEvents = [
  "AbortMultipartUpload",
  "CompleteMultipartUpload",
  "CopyObject",
  "CreateMultipartUpload",
  "DeleteObject",
  "DeleteObjectTagging",
  "DeleteObjects",
  "GetObject",
  "GetObjectAcl",
  "GetObjectAttributes",
  "GetObjectLegalHold",
  "GetObjectRetention",
  "GetObjectTagging",
  "HeadBucket",
  "HeadObject",
  "ListMultipartUploads",
  "ListObjectVersions",
  "ListObjects",
  "ListObjectsV2",
  "ListParts",
  "PutObject",
  "PutObjectAcl",
  "PutObjectLegalHold",
  "PutObjectRetention",
  "PutObjectTagging",
  "UploadPart",
  "UploadPartCopy",
] as const;

const managementEvents = [
  "CreateBucket",
  "DeleteBucket",
  "DeleteBucketCors",
  "DeleteBucketEncryption",
  "DeleteBucketLifecycle",
  "DeleteBucketOwnershipControls",
  "DeleteBucketPolicy",
  "DeleteBucketTagging",
  "DeletePublicAccessBlock",
  "GetBucketAccelerateConfiguration",
  "GetBucketAcl",
  "GetBucketCors",
  "GetBucketEncryption",
  "GetBucketLifecycleConfiguration",
  "GetBucketLocation",
  "GetBucketLogging",
  "GetBucketNotificationConfiguration",
  "GetBucketOwnershipControls",
  "GetBucketPolicy",
  "GetBucketPolicyStatus",
  "GetBucketReplication",
  "GetBucketRequestPayment",
  "GetBucketTagging",
  "GetBucketVersioning",
  "GetBucketWebsite",
  "GetObjectLockConfiguration",
  "GetPublicAccessBlock",
  "PutBucketAcl",
  "PutBucketCors",
  "PutBucketEncryption",
  "PutBucketLifecycleConfiguration",
  "PutBucketLogging",
  "PutBucketNotificationConfiguration",
  "PutBucketOwnershipControls",
  "PutBucketPolicy",
  "PutBucketRequestPayment",
  "PutBucketTagging",
  "PutBucketVersioning",
  "PutBucketWebsite",
  "PutObjectLockConfiguration",
  "PutPublicAccessBlock",
] as const;

interface Named {
  Bucket?: string | undefined;
  Key?: string | undefined;
  CopySource?: string | undefined;
}

function resourcesOf(input: Named, ctx: CallContext): NonNullable<AuditDetail["resources"]> {
  const named = (bucket: string, key: string | undefined) => {
    if (bucket.startsWith("arn:")) return [{ ARN: bucket, type: "AWS::S3::AccessPoint" }];
    return [
      ...(key === undefined ? [] : [{ ARN: objectArn(bucket, key, ctx.partition), type: "AWS::S3::Object" }]),
      { ARN: bucketArn(bucket, ctx.partition), type: "AWS::S3::Bucket" },
    ];
  };
  const own = input.Bucket === undefined ? [] : named(input.Bucket, input.Key);
  if (input.CopySource === undefined) return own;
  const source = parseCopySource(input.CopySource);
  return [...own, ...named(source.bucket, source.key)];
}

/**
 * CloudTrail's names of S3 operations that differ from the API's.
 * Source: Amazon S3 User Guide, "Amazon S3 CloudTrail events", bucket-level and object-level actions.
 */
const eventNames: Readonly<Record<string, string>> = {
  DeletePublicAccessBlock: "DeleteBucketPublicAccessBlock",
  GetBucketLifecycleConfiguration: "GetBucketLifecycle",
  GetBucketNotificationConfiguration: "GetBucketNotification",
  GetObjectLockConfiguration: "GetBucketObjectLockConfiguration",
  GetPublicAccessBlock: "GetBucketPublicAccessBlock",
  ListObjectsV2: "ListObjects",
  PutBucketLifecycleConfiguration: "PutBucketLifecycle",
  PutBucketNotificationConfiguration: "PutBucketNotification",
  PutObjectLockConfiguration: "PutBucketObjectLockConfiguration",
  PutPublicAccessBlock: "PutBucketPublicAccessBlock",
};

function detail(operation: string, category: "Data" | "Management") {
  const eventName = eventNames[operation];
  return (input: Named, _output: unknown, ctx: CallContext): AuditDetail => ({
    category,
    ...(eventName === undefined ? {} : { eventName }),
    requestNames: { bucket: "bucketName" },
    requestMore: ctx.request.host === "" ? {} : { Host: ctx.request.host },
    resources: resourcesOf(input, ctx),
    ...(category === "Data"
      ? {
          additionalEventData: {
            AuthenticationMethod: authenticationMethod(ctx),
            SignatureVersion: signatureVersion(ctx),
          },
        }
      : {}),
  });
}

function authenticationMethod(ctx: CallContext): string | undefined {
  const type = ctx.request.signature?.authType;
  return type === "REST-QUERY-STRING" ? "QueryString" : type === "REST-HEADER" ? "AuthHeader" : undefined;
}

function signatureVersion(ctx: CallContext): string | undefined {
  const version = ctx.request.signature?.version;
  return version === undefined ? undefined : version === "AWS" ? "SigV2" : "SigV4";
}

export const audit = Object.fromEntries([
  ...dataEvents.map((operation) => [operation, detail(operation, "Data")]),
  ...managementEvents.map((operation) => [operation, detail(operation, "Management")]),
]) as NonNullable<ServiceDefinition<S3>["audit"]>;
