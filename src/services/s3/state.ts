/**
 * What S3 keeps, by document type. Buckets live in the installation's own scope, because their names are
 * unique across all accounts; everything inside a bucket lives in the account and Region of the bucket.
 *
 * | type | id | what |
 * |---|---|---|
 * | bucket | name | owner, Region and every configuration |
 * | object | uid/key | the current version, when it is not a delete marker |
 * | version | uid/key, place in history | every other version, and delete markers |
 * | nullVersion | uid/key | place of the version with id "null" among `version` |
 * | upload | uid/key, upload id | a multipart upload in progress |
 * | part | uid/upload id/number | an uploaded part |
 * | completedUpload | as upload | the answer of a completed upload, for a while |
 * | remains | uid | a deleted bucket whose uploads are still to be removed |
 * | garbage | blob id | a body that nothing names any more |
 *
 * INVARIANT: a bucket's `uid` is never used again, so what a deleted bucket left behind cannot surface in a
 * new bucket of the same name.
 * INVARIANT: a body is named by exactly one document (index `blob`), or by one `garbage` document, or by none
 * while it is being written.
 */
import type { LifecycleRule } from "@aws-sdk/client-s3";
import type { Notification } from "./notifications.ts";
import { globalRegion, type Document } from "#store/contract.ts";
import type { BoundPolicy } from "#gateway/boundPolicy.ts";
import type { At, CallContext } from "#gateway/context.ts";

export const installation: At = { account: "000000000000", region: globalRegion, service: "s3" };

export type ObjectOwnership = "BucketOwnerEnforced" | "BucketOwnerPreferred" | "ObjectWriter";

export interface PublicAccessBlock {
  BlockPublicAcls: boolean;
  IgnorePublicAcls: boolean;
  BlockPublicPolicy: boolean;
  RestrictPublicBuckets: boolean;
}

/** A grant in an access control list. Accounts are named by id here, by canonical user id on the wire. */
export interface Grant {
  grantee: { account: string } | { group: "AllUsers" | "AuthenticatedUsers" | "LogDelivery" };
  permission: "FULL_CONTROL" | "READ" | "WRITE" | "READ_ACP" | "WRITE_ACP";
}

export interface BucketEncryption {
  algorithm: "AES256" | "aws:kms" | "aws:kms:dsse";
  kmsKeyId?: string;
  bucketKey: boolean;
  /** "SSE-C", when uploads with customer keys are refused. */
  blocked?: string[];
}

export interface CorsRule {
  ID?: string;
  AllowedHeaders?: string[];
  AllowedMethods: string[];
  AllowedOrigins: string[];
  ExposeHeaders?: string[];
  MaxAgeSeconds?: number;
}

export interface DefaultRetention {
  mode: "GOVERNANCE" | "COMPLIANCE";
  days?: number;
  years?: number;
}

/** Lifecycle rule as the API has it, with its date as epoch milliseconds. */
export type StoredLifecycleRule = Omit<LifecycleRule, "Expiration"> & {
  Expiration?: { Days?: number; Date?: number; ExpiredObjectDeleteMarker?: boolean };
};

export interface Bucket {
  name: string;
  uid: string;
  owner: string;
  region: string;
  createdAt: number;
  versioning?: "Enabled" | "Suspended";
  mfaDelete?: "Enabled" | "Disabled";
  policy?: string;
  /** The policy as it is evaluated, where it names users or roles. */
  boundPolicy?: BoundPolicy;
  tags?: Record<string, string>;
  encryption: BucketEncryption;
  publicAccessBlock?: PublicAccessBlock;
  ownership?: ObjectOwnership;
  grants: Grant[];
  cors?: CorsRule[];
  lifecycle?: StoredLifecycleRule[];
  /** Objects below it stay where they are when a rule moves others. */
  transitionMinimum?: "varies_by_storage_class" | "all_storage_classes_128K";
  objectLock?: { retention?: DefaultRetention };
  requestPayer?: "Requester";
  eventBridge?: boolean;
  /** To queues and topics. */
  notifications?: Notification[];
  /** The caller's chosen location text, which GetBucketLocation gives back ("EU" stays "EU"). */
  locationConstraint?: string;
}

/** How a body was encrypted. The key of a body is derived from an object key; this says how to get that one. */
export type Encryption =
  /** The object key, protected by the key holder. */
  | { kind: "SSE-S3"; protectedKey: string }
  /** The object key is the data key whose KMS ciphertext this is. */
  | {
      kind: "SSE-KMS";
      kmsKeyArn: string;
      ciphertext: string;
      context: Record<string, string>;
      bucketKey: boolean;
    }
  /** Two layers with two independent keys. */
  | {
      kind: "DSSE-KMS";
      kmsKeyArn: string;
      ciphertext: string;
      context: Record<string, string>;
      protectedKey: string;
    }
  /** The object key, sealed under the customer's key, which is not kept. */
  | { kind: "SSE-C"; sealedKey: string; keyMd5: string };

export interface StoredBody {
  blob: string;
  size: number;
}

/** What a completed object remembers of a part. */
interface PartFacts {
  number: number;
  size: number;
  /** Base64, of the upload's algorithm. */
  checksum?: string;
}

export type ChecksumAlgorithm = "CRC32" | "CRC32C" | "CRC64NVME" | "SHA1" | "SHA256";

export interface StoredChecksum {
  algorithm: ChecksumAlgorithm;
  type: "FULL_OBJECT" | "COMPOSITE";
  /** Base64; composite ones end in "-N". */
  value: string;
}

export interface ContentHeaders {
  cacheControl?: string;
  contentDisposition?: string;
  contentEncoding?: string;
  contentLanguage?: string;
  contentType?: string;
  /** The text as it was sent. */
  expires?: string;
  websiteRedirectLocation?: string;
}

export interface Retention {
  mode: "GOVERNANCE" | "COMPLIANCE";
  until: number;
}

/** What a caller says about an object beside its body. */
export interface Description {
  headers: ContentHeaders;
  metadata: Record<string, string>;
  tags: Record<string, string>;
  storageClass: string;
  owner: string;
  grants: Grant[];
  retention?: Retention;
  legalHold?: boolean;
}

export interface ObjectVersion extends Description {
  kind: "object";
  versionId: string;
  sequence: number;
  modified: number;
  size: number;
  etag: string;
  encryption: Encryption;
  checksum?: StoredChecksum;
  /** One body, or those of the parts of a multipart upload in order. */
  bodies: StoredBody[];
  parts?: PartFacts[];
}

export interface DeleteMarker {
  kind: "deleteMarker";
  versionId: string;
  sequence: number;
  modified: number;
  owner: string;
}

export type Version = ObjectVersion | DeleteMarker;

export interface Upload extends Description {
  key: string;
  uploadId: string;
  initiated: number;
  /** Canonical id or ARN of who began it, and a name for people. */
  initiator: { id: string; name: string };
  encryption: Encryption;
  /** What the one who began it asked for, in the request's own words; policies read it of the parts too. */
  encryptionAsked?: EncryptionAsked;
  checksumAlgorithm: ChecksumAlgorithm;
  checksumType: "FULL_OBJECT" | "COMPOSITE";
  /** False when the client named no algorithm and S3 uses its default. */
  checksumAsked: boolean;
}

export interface Part extends StoredBody {
  number: number;
  /** Hexadecimal. */
  etag: string;
  /** Base64, of the upload's algorithm. */
  checksum: string;
  modified: number;
}

export interface EncryptionAsked {
  ServerSideEncryption?: string;
  SSEKMSKeyId?: string;
  SSECustomerAlgorithm?: string;
}

/** The answer to a completion, for the client that did not get it and asks again. */
export interface CompletedUpload {
  etag: string;
  versionId: string;
  checksum?: StoredChecksum;
  encryption: Encryption;
  encryptionAsked?: EncryptionAsked;
}

/** What changing state needs of a call; jobs have it too. */
export type Work = Pick<CallContext, "state" | "now" | "random">;

/** Where the contents of a bucket live. */
export function within(bucket: Bucket): At {
  return { account: bucket.owner, region: bucket.region, service: "s3" };
}

export async function getBucket(ctx: CallContext, name: string): Promise<Document<Bucket> | undefined> {
  return await ctx.state.get<Bucket>("bucket", name, installation);
}

export function putBucket(ctx: CallContext, bucket: Bucket): void {
  ctx.state.put("bucket", bucket.name, bucket, {
    indexes: {
      owner: `${bucket.owner}/${bucket.name}`,
      // For the job, which looks at no other bucket.
      ...(bucket.lifecycle ? { lifecycle: bucket.name } : {}),
    },
    at: installation,
  });
}

/** Index rows of a document that names bodies. */
export function blobIndex(bodies: readonly StoredBody[]): Record<string, string[]> {
  return { blob: bodies.map((body) => body.blob) };
}

/** Says that nothing names these bodies any more; the job removes them. */
export function discard(ctx: Work, bodies: readonly StoredBody[]): void {
  for (const body of bodies) {
    ctx.state.put("garbage", body.blob, { at: ctx.now }, { version: "any", at: installation });
  }
}

export function bucketArn(bucket: string, partition = "aws"): string {
  return `arn:${partition}:s3:::${bucket}`;
}

export function objectArn(bucket: string, key: string, partition = "aws"): string {
  return `arn:${partition}:s3:::${bucket}/${key}`;
}
