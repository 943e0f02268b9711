/**
 * S3's condition keys for a request. A key that the request says nothing about is absent.
 * Source: Service Authorization Reference, "Condition keys for Amazon S3"; Amazon S3 API Reference,
 * "Amazon S3 Signature Version 4 Authentication Specific Policy Keys".
 */
import type { CallContext } from "#gateway/context.ts";
import { parseTagHeader } from "./tags.ts";
import type { Bucket, ObjectVersion } from "./state.ts";

export type Keys = Record<string, string | readonly string[]>;

/** Input member → condition key. */
const memberKeys = [
  ["Prefix", "s3:prefix"],
  ["Delimiter", "s3:delimiter"],
  ["MaxKeys", "s3:max-keys"],
  ["ACL", "s3:x-amz-acl"],
  ["GrantFullControl", "s3:x-amz-grant-full-control"],
  ["GrantRead", "s3:x-amz-grant-read"],
  ["GrantReadACP", "s3:x-amz-grant-read-acp"],
  ["GrantWrite", "s3:x-amz-grant-write"],
  ["GrantWriteACP", "s3:x-amz-grant-write-acp"],
  ["CopySource", "s3:x-amz-copy-source"],
  ["MetadataDirective", "s3:x-amz-metadata-directive"],
  ["ServerSideEncryption", "s3:x-amz-server-side-encryption"],
  ["SSEKMSKeyId", "s3:x-amz-server-side-encryption-aws-kms-key-id"],
  ["SSECustomerAlgorithm", "s3:x-amz-server-side-encryption-customer-algorithm"],
  ["StorageClass", "s3:x-amz-storage-class"],
  ["WebsiteRedirectLocation", "s3:x-amz-website-redirect-location"],
  ["ObjectOwnership", "s3:x-amz-object-ownership"],
  ["ObjectLockMode", "s3:object-lock-mode"],
  ["ObjectLockRetainUntilDate", "s3:object-lock-retain-until-date"],
  ["ObjectLockLegalHoldStatus", "s3:object-lock-legal-hold"],
  ["VersionId", "s3:VersionId"],
  ["IfMatch", "s3:if-match"],
  ["IfNoneMatch", "s3:if-none-match"],
] as const;

const day = 86_400_000;

export function requestKeys(ctx: CallContext, input: object, bucket?: Bucket): Keys {
  const keys: Keys = {};
  const values = input as Record<string, unknown>;
  for (const [member, key] of memberKeys) {
    const value = values[member];
    if (value === undefined) continue;
    keys[key] = value instanceof Date ? value.toISOString() : String(value);
  }
  const until = values["ObjectLockRetainUntilDate"];
  if (until instanceof Date) keys["s3:object-lock-remaining-retention-days"] = remainingDays(until.getTime(), ctx.now);
  if (typeof values["Tagging"] === "string") addTags(keys, parseTagHeader(values["Tagging"]));
  if (bucket) keys["s3:ResourceAccount"] = bucket.owner;
  addSignature(ctx, keys);
  return keys;
}

export function remainingDays(until: number, now: number): string {
  return String(Math.max(0, Math.ceil((until - now) / day)));
}

export function addTags(keys: Keys, tags: Record<string, string>): void {
  for (const [key, value] of Object.entries(tags)) keys[`s3:RequestObjectTag/${key}`] = value;
  keys["s3:RequestObjectTagKeys"] = Object.keys(tags);
}

/** Tags of the object that the request addresses. */
export function existingTags(version: ObjectVersion | undefined): Keys {
  const tags = Object.entries(version?.tags ?? {});
  return Object.fromEntries(tags.map(([key, value]) => [`s3:ExistingObjectTag/${key}`, value]));
}

function addSignature(ctx: CallContext, keys: Keys): void {
  const { signature, headers, tls } = ctx.request;
  if (signature) {
    keys["s3:signatureversion"] = signature.version;
    keys["s3:authType"] = signature.authType;
    if (signature.ageMs !== undefined) keys["s3:signatureAge"] = String(signature.ageMs);
  }
  const digest = headers["x-amz-content-sha256"];
  if (digest !== undefined && ctx.payload) keys["s3:x-amz-content-sha256"] = digest;
  const version = /^TLSv(1(?:\.\d)?)$/.exec(tls?.protocol ?? "")?.[1];
  if (version !== undefined) keys["s3:TlsVersion"] = version === "1" ? "1.0" : version;
}
