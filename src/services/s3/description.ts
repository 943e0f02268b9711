/**
 * What a write request says about an object beside its body: headers, metadata, tags, storage class, lock,
 * owner and list.
 */
import type { CallContext } from "#gateway/context.ts";
import { accountOf } from "#gateway/principal.ts";
import { AwsError } from "#kernel/errors.ts";
import { isPublicGrant, newObjectAcl, type AclInput } from "./acl.ts";
import { ownershipOf } from "./bucket.ts";
import { invalidArgument, metadataTooLarge, notImplementedHeader } from "./errors.ts";
import { lockOfRequest, type LockInput } from "./objectLock.ts";
import { blockedByPublicAccessBlock, effectiveBlock } from "./publicAccess.ts";
import type { Bucket, ContentHeaders, Description } from "./state.ts";
import { parseTagHeader } from "./tags.ts";

interface DescriptionInput extends AclInput, LockInput {
  CacheControl?: string | undefined;
  ContentDisposition?: string | undefined;
  ContentEncoding?: string | undefined;
  ContentLanguage?: string | undefined;
  ContentType?: string | undefined;
  Expires?: Date | undefined;
  WebsiteRedirectLocation?: string | undefined;
  Metadata?: Record<string, string> | undefined;
  Tagging?: string | undefined;
  StorageClass?: string | undefined;
}

/** Members that the API has and that nothing stands behind here: refused rather than ignored. */
const unservedMembers = [
  ["WriteOffsetBytes", "x-amz-write-offset-bytes"],
  ["ObjectLockEventHold", "x-amz-object-lock-event-hold"],
  ["ObjectLockEventHoldDurationDays", "x-amz-object-lock-event-hold-duration-days"],
  ["ObjectLockEventHoldDurationYears", "x-amz-object-lock-event-hold-duration-years"],
  ["AnnotationDirective", "x-amz-annotation-directive"],
] as const;

/**
 * Classes that behave as STANDARD does through the API. Archive classes need a restore before a read and are
 * refused, since nothing here archives.
 * Source: Amazon S3 User Guide, "Understanding and managing Amazon S3 storage classes".
 */
const storageClasses = new Set([
  "STANDARD",
  "REDUCED_REDUNDANCY",
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "GLACIER_IR",
]);

export async function describe(ctx: CallContext, bucket: Bucket, input: DescriptionInput): Promise<Description> {
  for (const [member, header] of unservedMembers) {
    if ((input as Record<string, unknown>)[member] !== undefined) throw notImplementedHeader(header);
  }
  const writer = accountOf(ctx.principal);
  const { owner, grants } = newObjectAcl(ownershipOf(bucket), input, writer, bucket.owner);
  if (grants.some(isPublicGrant) && (await effectiveBlock(ctx, bucket)).BlockPublicAcls) {
    throw blockedByPublicAccessBlock("ACL");
  }
  return {
    headers: contentHeaders(ctx, input),
    metadata: checkMetadata(input.Metadata ?? {}),
    tags: parseTagHeader(input.Tagging),
    storageClass: checkStorageClass(input.StorageClass ?? "STANDARD"),
    owner,
    grants,
    ...lockOfRequest(ctx, bucket, input),
  };
}

function checkStorageClass(name: string): string {
  if (storageClasses.has(name)) return name;
  throw new AwsError("InvalidStorageClass", "The storage class you specified is not valid", 400, {
    fields: { StorageClassRequested: name },
  });
}

/** 2 KB over names and values, in UTF-8. Source: Amazon S3 User Guide, "Working with object metadata". */
function checkMetadata(metadata: Record<string, string>): Record<string, string> {
  let size = 0;
  const lower: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata)) {
    size += Buffer.byteLength(name) + Buffer.byteLength(value);
    checkHeaderText(`x-amz-meta-${name}`, value);
    lower[name.toLowerCase()] = value;
  }
  if (size > 2048) throw metadataTooLarge(size);
  return lower;
}

// oxlint-disable-next-line no-control-regex -- the control characters are the point
const control = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/** A form can carry what no header can: it would be kept and could never be given back. */
function checkHeaderText(name: string, value: string): void {
  if (control.test(value)) throw invalidArgument("Header values must not hold control characters", name, value);
}

function contentHeaders(ctx: CallContext, input: DescriptionInput): ContentHeaders {
  for (const [name, value] of [
    ["Cache-Control", input.CacheControl],
    ["Content-Disposition", input.ContentDisposition],
    ["Content-Encoding", input.ContentEncoding],
    ["Content-Language", input.ContentLanguage],
    ["Content-Type", input.ContentType],
    ["x-amz-website-redirect-location", input.WebsiteRedirectLocation],
  ] as const) {
    if (value !== undefined) checkHeaderText(name, value);
  }
  const encoding = withoutAwsChunked(input.ContentEncoding);
  const expires = (ctx.payload && ctx.request.headers["expires"]) ?? input.Expires?.toUTCString();
  return {
    ...(input.CacheControl === undefined ? {} : { cacheControl: input.CacheControl }),
    ...(input.ContentDisposition === undefined ? {} : { contentDisposition: input.ContentDisposition }),
    ...(encoding === undefined ? {} : { contentEncoding: encoding }),
    ...(input.ContentLanguage === undefined ? {} : { contentLanguage: input.ContentLanguage }),
    contentType: input.ContentType ?? "binary/octet-stream",
    ...(input.Expires === undefined ? {} : { expires: expires! }),
    ...(input.WebsiteRedirectLocation === undefined ? {} : { websiteRedirectLocation: input.WebsiteRedirectLocation }),
  };
}

/** The transfer form of a signed upload is not the object's encoding. */
function withoutAwsChunked(encoding: string | undefined): string | undefined {
  const rest = encoding
    ?.split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "" && item !== "aws-chunked");
  return rest && rest.length > 0 ? rest.join(",") : undefined;
}

/**
 * Bytes that a body will have, as far as the client said: the wire layer knows them decoded. A call between
 * services has no body on the wire, and headers of the request behind it say nothing of this one.
 */
export function declaredLength(ctx: CallContext, contentLength: number | undefined): number | undefined {
  return ctx.payload ? ctx.payload.length : contentLength;
}
