/**
 * S3's errors: code, text, status and the extra XML elements that clients read.
 * Source: Amazon S3 API Reference, "Error responses".
 */
import { AwsError } from "#kernel/errors.ts";

type Extra = Record<string, unknown>;

function error(
  code: string,
  message: string,
  status: number,
  fields: Extra = {},
  headers: Record<string, string> = {},
) {
  return new AwsError(code, message, status, { fields, headers });
}

export const accessDenied = (message = "Access Denied", headers: Record<string, string> = {}) =>
  error("AccessDenied", message, 403, {}, headers);

export const noSuchBucket = (bucket: string) =>
  error("NoSuchBucket", "The specified bucket does not exist", 404, { BucketName: bucket });

export const noSuchKey = (key: string, headers: Record<string, string> = {}) =>
  error("NoSuchKey", "The specified key does not exist.", 404, { Key: key }, headers);

export const noSuchVersion = (key: string, versionId: string) =>
  error("NoSuchVersion", "The specified version does not exist.", 404, { Key: key, VersionId: versionId });

export const noSuchUpload = (uploadId: string) =>
  error(
    "NoSuchUpload",
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    404,
    { UploadId: uploadId },
  );

export const invalidBucketName = (bucket: string) =>
  error("InvalidBucketName", "The specified bucket is not valid.", 400, { BucketName: bucket });

export const bucketAlreadyOwnedByYou = (bucket: string) =>
  error(
    "BucketAlreadyOwnedByYou",
    "Your previous request to create the named bucket succeeded and you already own it.",
    409,
    { BucketName: bucket },
  );

export const bucketAlreadyExists = (bucket: string) =>
  error(
    "BucketAlreadyExists",
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
    409,
    { BucketName: bucket },
  );

export const bucketNotEmpty = (bucket: string, versioned: boolean) =>
  error(
    "BucketNotEmpty",
    versioned
      ? "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
      : "The bucket you tried to delete is not empty",
    409,
    { BucketName: bucket },
  );

export const invalidArgument = (message: string, name: string, value?: unknown) =>
  error("InvalidArgument", message, 400, {
    ArgumentName: name,
    ...(value === undefined ? {} : { ArgumentValue: String(value) }),
  });

export const invalidRequest = (message: string) => error("InvalidRequest", message, 400);

export const malformedXml = () =>
  error(
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema",
    400,
  );

export const preconditionFailed = (condition: string) =>
  error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412, {
    Condition: condition,
  });

/** The client has it already: status and validators only, no body. */
export const notModified = (headers: Record<string, string>) => error("NotModified", "Not Modified", 304, {}, headers);

export const invalidRange = (requested: string, size: number) =>
  error(
    "InvalidRange",
    "The requested range is not satisfiable",
    416,
    { RangeRequested: requested, ActualObjectSize: String(size) },
    { "content-range": `bytes */${size}` },
  );

export const invalidPartNumber = (requested: number, parts: number) =>
  error("InvalidPartNumber", "The requested partnumber is not satisfiable", 416, {
    ActualPartCount: String(parts),
    PartNumberRequested: String(requested),
  });

export const methodNotAllowed = (method: string, resourceType: string, headers: Record<string, string> = {}) =>
  error(
    "MethodNotAllowed",
    "The specified method is not allowed against this resource.",
    405,
    { Method: method, ResourceType: resourceType },
    headers,
  );

export const entityTooLarge = (proposed: number, max: number) =>
  error("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400, {
    ProposedSize: String(proposed),
    MaxSizeAllowed: String(max),
  });

export const notImplementedHeader = (header: string) =>
  error("NotImplemented", "A header you provided implies functionality that is not implemented", 501, {
    Header: header,
  });

export const notImplemented = (reason: string) => error("NotImplemented", reason, 501);

export const badDigest = (what: string) =>
  error("BadDigest", `The ${what} you specified did not match the calculated checksum.`, 400);

export const badContentMd5 = () =>
  error("BadDigest", "The Content-MD5 you specified did not match what we received.", 400);

export const invalidDigest = () => error("InvalidDigest", "The Content-MD5 you specified was invalid.", 400);

export const keyTooLong = (size: number) =>
  error("KeyTooLongError", "Your key is too long", 400, { Size: String(size), MaxSizeAllowed: "1024" });

export const metadataTooLarge = (size: number) =>
  error("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", 400, {
    Size: String(size),
    MaxSizeAllowed: "2048",
  });

export const invalidTag = (message: string) => error("InvalidTag", message, 400);

/** A configuration that was never set; each has its own code and text. */
export const noSuchConfiguration = {
  policy: (bucket: string) =>
    error("NoSuchBucketPolicy", "The bucket policy does not exist", 404, { BucketName: bucket }),
  tagging: (bucket: string) => error("NoSuchTagSet", "The TagSet does not exist", 404, { BucketName: bucket }),
  lifecycle: (bucket: string) =>
    error("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", 404, { BucketName: bucket }),
  cors: (bucket: string) =>
    error("NoSuchCORSConfiguration", "The CORS configuration does not exist", 404, { BucketName: bucket }),
  publicAccessBlock: (bucket: string) =>
    error("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found", 404, {
      BucketName: bucket,
    }),
  ownershipControls: (bucket: string) =>
    error("OwnershipControlsNotFoundError", "The bucket ownership controls were not found", 404, {
      BucketName: bucket,
    }),
  objectLock: (bucket: string) =>
    error("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket", 404, {
      BucketName: bucket,
    }),
  objectRetention: () =>
    error("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration", 404),
  website: (bucket: string) =>
    error("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration", 404, {
      BucketName: bucket,
    }),
  replication: (bucket: string) =>
    error("ReplicationConfigurationNotFoundError", "The replication configuration was not found", 404, {
      BucketName: bucket,
    }),
} as const;
