/**
 * What a caller must be allowed to do for each operation.
 * Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; the
 * permissions sections of the Amazon S3 API Reference.
 */
import type { CallContext } from "#gateway/context.ts";
import { accountOf } from "#gateway/principal.ts";
import type { Access, AccessOf } from "#gateway/service.ts";
import { asksForAcl, type AclInput } from "./acl.ts";
import { bucketAccess, objectAccess } from "./authorization.ts";
import { requireBucket, type BucketInput } from "./bucket.ts";
import { addTags, existingTags, remainingDays, requestKeys, type Keys } from "./conditionKeys.ts";
import { copySource } from "./copySource.ts";
import { accessDenied } from "./errors.ts";
import { checkBucketName, checkKey } from "./names.ts";
import type { S3 } from "./sdk.ts";
import { bucketArn, type Bucket } from "./state.ts";
import { checkTags } from "./tags.ts";
import { lookUp } from "./target.ts";
import { encryptionAskedOf } from "./uploads.ts";

type Row = (input: never, ctx: CallContext) => Promise<readonly Access[] | "none">;

interface ObjectInput extends BucketInput {
  Key?: string | undefined;
  VersionId?: string | undefined;
}

/** An operation on a bucket: one action, on the bucket. */
function onBucket(action: string): Row {
  return async (input: BucketInput, ctx) => {
    const bucket = await requireBucket(ctx, input);
    return await bucketAccess(ctx, bucket, action, requestKeys(ctx, input, bucket));
  };
}

/**
 * The same for the bucket's policy itself: the account's root user is never locked out by it.
 * Source: Amazon S3 API Reference, PutBucketPolicy.
 */
function onPolicy(action: string): Row {
  return async (input: BucketInput, ctx) => {
    const bucket = await requireBucket(ctx, input);
    const access = await bucketAccess(ctx, bucket, action, requestKeys(ctx, input, bucket));
    const isOwnersRoot = ctx.principal.kind === "root" && ctx.principal.account === bucket.owner;
    return isOwnersRoot ? access.map(({ resourcePolicies: _, ...rest }) => rest) : access;
  };
}

/** An operation on an existing object; with a version id some actions have another name. */
function onObject(action: string, versioned = action, also: (input: never) => string[] = () => []): Row {
  return async (input: ObjectInput, ctx) => {
    const bucket = await requireBucket(ctx, input);
    const key = checkKey(input.Key);
    const found = await lookUp(ctx, bucket, key, input.VersionId);
    const version = found?.kind === "object" ? found : undefined;
    const keys = { ...requestKeys(ctx, input, bucket), ...existingTags(version), ...taggingKeys(input) };
    const actions = [input.VersionId === undefined ? action : versioned, ...also(input as never)];
    return await objectAccess(ctx, bucket, key, version, actions, keys);
  };
}

/** Tags in the body of a request, in the form of condition keys. */
function taggingKeys(input: object): Keys {
  const set = (input as { Tagging?: { TagSet?: { Key: string; Value: string }[] } }).Tagging?.TagSet;
  if (!set) return {};
  const keys: Keys = {};
  addTags(keys, checkTags(set, "object"));
  return keys;
}

interface WriteInput extends ObjectInput, AclInput {
  Tagging?: string | undefined;
  ObjectLockMode?: string | undefined;
  ObjectLockLegalHoldStatus?: string | undefined;
}

/** A new object: beside PutObject, an action for each thing the request sets. */
function writeActions(ctx: CallContext, input: WriteInput, inheritsTags = false): string[] {
  // The documented bucket policies for deliveries of services allow s3:PutObject with this list and nothing else.
  const isDelivery = ctx.principal.kind === "service" && input.ACL === "bucket-owner-full-control";
  return [
    "s3:PutObject",
    ...(asksForAcl(input) && !isDelivery ? ["s3:PutObjectAcl"] : []),
    ...(input.Tagging !== undefined || inheritsTags ? ["s3:PutObjectTagging"] : []),
    ...(input.ObjectLockMode === undefined ? [] : ["s3:PutObjectRetention"]),
    ...(input.ObjectLockLegalHoldStatus === undefined ? [] : ["s3:PutObjectLegalHold"]),
  ];
}

const onNewObject: Row = async (input: WriteInput, ctx) => {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  return await objectAccess(ctx, bucket, key, undefined, writeActions(ctx, input), requestKeys(ctx, input, bucket));
};

interface UploadInput extends ObjectInput {
  UploadId?: string | undefined;
}

/** Parts and the end of an upload are writes to its key, and nothing more. */
const onUpload: Row = async (input: UploadInput, ctx) => {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  return await objectAccess(ctx, bucket, key, undefined, "s3:PutObject", await uploadKeys(ctx, bucket, key, input));
};

async function uploadKeys(ctx: CallContext, bucket: Bucket, key: string, input: UploadInput): Promise<Keys> {
  const asked = await encryptionAskedOf(ctx, bucket, key, input.UploadId);
  return { ...requestKeys(ctx, asked), ...requestKeys(ctx, input, bucket) };
}

function onCopy(describes: boolean): Row {
  return async (
    input: WriteInput &
      UploadInput & { CopySource?: string; ExpectedSourceBucketOwner?: string; TaggingDirective?: string },
    ctx,
  ) => {
    const bucket = await requireBucket(ctx, input);
    const key = checkKey(input.Key);
    const from = await copySource(ctx, input);
    const found = await lookUp(ctx, from.bucket, from.key, from.versionId);
    const source = found?.kind === "object" ? found : undefined;
    const copiesTags = describes && input.TaggingDirective !== "REPLACE" && Object.keys(source?.tags ?? {}).length > 0;
    const of = (name: string) => `s3:GetObject${from.versionId === undefined ? "" : "Version"}${name}`;
    const reads = copiesTags ? [of(""), of("Tagging")] : [of("")];
    const sourceKeys = { ...sourceRequestKeys(ctx, from.bucket, from.versionId), ...existingTags(source) };
    return [
      ...(await objectAccess(ctx, from.bucket, from.key, source, reads, sourceKeys)),
      ...(await objectAccess(
        ctx,
        bucket,
        key,
        undefined,
        describes ? writeActions(ctx, input, copiesTags) : "s3:PutObject",
        describes ? requestKeys(ctx, input, bucket) : await uploadKeys(ctx, bucket, key, input),
      )),
    ];
  };
}

function sourceRequestKeys(ctx: CallContext, bucket: Bucket, versionId: string | undefined): Keys {
  return requestKeys(ctx, versionId === undefined ? {} : { VersionId: versionId }, bucket);
}

const onNewBucket: Row = async (
  input: BucketInput &
    AclInput & {
      ObjectOwnership?: string;
      ObjectLockEnabledForBucket?: boolean;
      CreateBucketConfiguration?: { LocationConstraint?: string; Tags?: unknown[] };
    },
  ctx,
) => {
  checkBucketName(input.Bucket!);
  // Nobody without an account can own a bucket.
  if (accountOf(ctx.principal) === undefined) throw accessDenied();
  const location = input.CreateBucketConfiguration?.LocationConstraint;
  const context: Keys = {
    ...requestKeys(ctx, input),
    ...(location === undefined ? {} : { "s3:LocationConstraint": location }),
  };
  const actions = [
    "s3:CreateBucket",
    ...(asksForAcl(input) ? ["s3:PutBucketAcl"] : []),
    ...(input.ObjectOwnership === undefined ? [] : ["s3:PutBucketOwnershipControls"]),
    ...(input.ObjectLockEnabledForBucket ? ["s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"] : []),
    ...(input.CreateBucketConfiguration?.Tags?.length ? ["s3:TagResource"] : []),
  ];
  const resource = bucketArn(input.Bucket!, ctx.partition);
  return actions.map((action) => ({ action, resource, context, onDenied: accessDenied }));
};

const onAllBuckets: Row = async (input: object, ctx) => [
  { action: "s3:ListAllMyBuckets", resource: "*", context: requestKeys(ctx, input), onDenied: accessDenied },
];

const onDelete: Row = async (input: ObjectInput, ctx) => {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const found = await lookUp(ctx, bucket, key, input.VersionId);
  const keys = {
    ...requestKeys(ctx, input, bucket),
    ...existingTags(found?.kind === "object" ? found : undefined),
  };
  const action = input.VersionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion";
  return await objectAccess(ctx, bucket, key, undefined, action, keys);
};

/** Each key is authorized by itself in the handler, and refused by itself in its answer. */
const onEachKey: Row = async (input: BucketInput, ctx) => {
  await requireBucket(ctx, input);
  return "none";
};

const onRetention: Row = async (
  input: ObjectInput & { Retention?: { Mode?: string; RetainUntilDate?: Date } },
  ctx,
) => {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const { Mode: mode, RetainUntilDate: until } = input.Retention ?? {};
  const keys = {
    ...requestKeys(ctx, input, bucket),
    ...(mode === undefined ? {} : { "s3:object-lock-mode": mode }),
    ...(until === undefined
      ? {}
      : {
          "s3:object-lock-retain-until-date": until.toISOString(),
          "s3:object-lock-remaining-retention-days": remainingDays(until.getTime(), ctx.now),
        }),
  };
  return await objectAccess(ctx, bucket, key, undefined, "s3:PutObjectRetention", keys);
};

const attributesAction = { plain: ["s3:GetObjectAttributes"], versioned: ["s3:GetObjectVersionAttributes"] };

const rows = {
  CreateBucket: onNewBucket,
  HeadBucket: onBucket("s3:ListBucket"),
  DeleteBucket: onBucket("s3:DeleteBucket"),
  ListBuckets: onAllBuckets,
  GetBucketLocation: onBucket("s3:GetBucketLocation"),

  PutObject: onNewObject,
  GetObject: onObject("s3:GetObject", "s3:GetObjectVersion"),
  HeadObject: onObject("s3:GetObject", "s3:GetObjectVersion"),
  GetObjectAttributes: onObject("s3:GetObject", "s3:GetObjectVersion", (input: ObjectInput) =>
    input.VersionId === undefined ? attributesAction.plain : attributesAction.versioned,
  ),
  CopyObject: onCopy(true),
  DeleteObject: onDelete,
  DeleteObjects: onEachKey,
  ListObjects: onBucket("s3:ListBucket"),
  ListObjectsV2: onBucket("s3:ListBucket"),
  ListObjectVersions: onBucket("s3:ListBucketVersions"),

  CreateMultipartUpload: onNewObject,
  UploadPart: onUpload,
  UploadPartCopy: onCopy(false),
  CompleteMultipartUpload: onUpload,
  AbortMultipartUpload: onObject("s3:AbortMultipartUpload"),
  ListParts: onObject("s3:ListMultipartUploadParts"),
  ListMultipartUploads: onBucket("s3:ListBucketMultipartUploads"),

  PutBucketPolicy: onPolicy("s3:PutBucketPolicy"),
  GetBucketPolicy: onPolicy("s3:GetBucketPolicy"),
  DeleteBucketPolicy: onPolicy("s3:DeleteBucketPolicy"),
  GetBucketPolicyStatus: onBucket("s3:GetBucketPolicyStatus"),
  PutPublicAccessBlock: onBucket("s3:PutBucketPublicAccessBlock"),
  GetPublicAccessBlock: onBucket("s3:GetBucketPublicAccessBlock"),
  DeletePublicAccessBlock: onBucket("s3:PutBucketPublicAccessBlock"),
  PutBucketAcl: onBucket("s3:PutBucketAcl"),
  GetBucketAcl: onBucket("s3:GetBucketAcl"),
  PutObjectAcl: onObject("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
  GetObjectAcl: onObject("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
  PutBucketOwnershipControls: onBucket("s3:PutBucketOwnershipControls"),
  GetBucketOwnershipControls: onBucket("s3:GetBucketOwnershipControls"),
  DeleteBucketOwnershipControls: onBucket("s3:PutBucketOwnershipControls"),

  PutBucketVersioning: onBucket("s3:PutBucketVersioning"),
  GetBucketVersioning: onBucket("s3:GetBucketVersioning"),
  PutBucketEncryption: onBucket("s3:PutEncryptionConfiguration"),
  GetBucketEncryption: onBucket("s3:GetEncryptionConfiguration"),
  DeleteBucketEncryption: onBucket("s3:PutEncryptionConfiguration"),
  PutBucketRequestPayment: onBucket("s3:PutBucketRequestPayment"),
  GetBucketRequestPayment: onBucket("s3:GetBucketRequestPayment"),
  PutBucketNotificationConfiguration: onBucket("s3:PutBucketNotification"),
  GetBucketNotificationConfiguration: onBucket("s3:GetBucketNotification"),
  PutBucketTagging: onBucket("s3:PutBucketTagging"),
  GetBucketTagging: onBucket("s3:GetBucketTagging"),
  DeleteBucketTagging: onBucket("s3:PutBucketTagging"),
  PutObjectTagging: onObject("s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
  GetObjectTagging: onObject("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
  DeleteObjectTagging: onObject("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
  PutBucketCors: onBucket("s3:PutBucketCORS"),
  GetBucketCors: onBucket("s3:GetBucketCORS"),
  DeleteBucketCors: onBucket("s3:PutBucketCORS"),
  PutBucketLifecycleConfiguration: onBucket("s3:PutLifecycleConfiguration"),
  GetBucketLifecycleConfiguration: onBucket("s3:GetLifecycleConfiguration"),
  DeleteBucketLifecycle: onBucket("s3:PutLifecycleConfiguration"),

  PutObjectLockConfiguration: onBucket("s3:PutBucketObjectLockConfiguration"),
  GetObjectLockConfiguration: onBucket("s3:GetBucketObjectLockConfiguration"),
  PutObjectRetention: onRetention,
  GetObjectRetention: onObject("s3:GetObjectRetention"),
  PutObjectLegalHold: onObject("s3:PutObjectLegalHold"),
  GetObjectLegalHold: onObject("s3:GetObjectLegalHold"),

  PutBucketWebsite: onBucket("s3:PutBucketWebsite"),
  GetBucketWebsite: onBucket("s3:GetBucketWebsite"),
  GetBucketReplication: onBucket("s3:GetReplicationConfiguration"),
  PutBucketLogging: onBucket("s3:PutBucketLogging"),
  GetBucketLogging: onBucket("s3:GetBucketLogging"),
  GetBucketAccelerateConfiguration: onBucket("s3:GetAccelerateConfiguration"),
} satisfies { [Op in keyof AccessOf<S3>]: Row };

export const access = rows as unknown as AccessOf<S3>;
