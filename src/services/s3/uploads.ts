/** Multipart uploads in progress: finding one, its parts, ending it. */
import { AwsError } from "#kernel/errors.ts";
import type { Document } from "#store/contract.ts";
import type { CallContext } from "#gateway/context.ts";
import { canonicalId } from "./canonical.ts";
import { invalidArgument, noSuchUpload } from "./errors.ts";
import { partId, uploadEntryId } from "./ids.ts";
import {
  discard,
  within,
  type Bucket,
  type CompletedUpload,
  type EncryptionAsked,
  type Part,
  type StoredBody,
  type Upload,
  type Work,
} from "./state.ts";

/** Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits". */
export const maxParts = 10_000;
export const minPartSize = 5 * 1024 ** 2;
export const maxObjectSize = 50 * 1024 ** 4;

const uploadIdForm = /^[0-9a-f]{12}\.[A-Za-z0-9._]{16,64}$/;

/** @throws NoSuchUpload */
export async function requireUpload(
  ctx: CallContext,
  bucket: Bucket,
  key: string,
  uploadId: string | undefined,
): Promise<Upload> {
  const upload = await findUpload(ctx, bucket, key, uploadId);
  if (!upload) throw noSuchUpload(uploadId ?? "");
  return upload;
}

export async function findUpload(
  ctx: CallContext,
  bucket: Bucket,
  key: string,
  uploadId: string | undefined,
): Promise<Upload | undefined> {
  if (uploadId === undefined || !uploadIdForm.test(uploadId)) return undefined;
  const id = uploadEntryId(bucket.uid, key, uploadId);
  return (await ctx.state.get<Upload>("upload", id, within(bucket)))?.value;
}

/** The answer of an upload that has been completed, while it is remembered. */
export async function findCompleted(
  ctx: CallContext,
  bucket: Bucket,
  key: string,
  uploadId: string | undefined,
): Promise<CompletedUpload | undefined> {
  if (uploadId === undefined || !uploadIdForm.test(uploadId)) return undefined;
  const id = uploadEntryId(bucket.uid, key, uploadId);
  return (await ctx.state.get<CompletedUpload>("completedUpload", id, within(bucket)))?.value;
}

/**
 * The encryption that the upload was begun with, for the condition keys of its parts and its end, which have no such
 * headers: S3 refuses `x-amz-server-side-encryption` with UploadPart ("header is not supported for this operation",
 * aws/aws-sdk-java#1876), and its documented policies that deny uploads without it let large objects in all the same.
 */
export async function encryptionAskedOf(
  ctx: CallContext,
  bucket: Bucket,
  key: string,
  uploadId: string | undefined,
): Promise<EncryptionAsked> {
  const found = (await findUpload(ctx, bucket, key, uploadId)) ?? (await findCompleted(ctx, bucket, key, uploadId));
  return found?.encryptionAsked ?? {};
}

export function checkPartNumber(number: number | undefined): number {
  if (number !== undefined && Number.isInteger(number) && number >= 1 && number <= maxParts) return number;
  throw invalidArgument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", number);
}

/** All parts by number, as they are now. */
export async function partsOf(ctx: Pick<Work, "state">, bucket: Bucket, uploadId: string): Promise<Document<Part>[]> {
  const prefix = `${bucket.uid}/${uploadId}/`;
  const parts: Document<Part>[] = [];
  let after: string | undefined;
  do {
    const page = await ctx.state.list<Part>(
      "part",
      { prefix, ...(after === undefined ? {} : { after }) },
      within(bucket),
    );
    parts.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return parts;
}

/**
 * Removes an upload and its parts; bodies that `kept` names live on in the object.
 * INVARIANT: the upload document goes with the version that was seen, and each part with its own, so a part
 * that arrives at the same time makes the batch fail instead of being forgotten.
 */
export function endUpload(
  ctx: Work,
  bucket: Bucket,
  upload: Upload,
  parts: readonly Document<Part>[],
  kept: readonly StoredBody[] = [],
): void {
  const at = within(bucket);
  const named = new Set(kept.map((body) => body.blob));
  ctx.state.delete("upload", uploadEntryId(bucket.uid, upload.key, upload.uploadId), { at });
  for (const { key, value, version } of parts) {
    ctx.state.delete("part", key.id, { version, at });
    if (!named.has(value.blob)) discard(ctx, [value]);
  }
}

export function putPart(
  ctx: CallContext,
  bucket: Bucket,
  upload: Upload,
  part: Part,
  replaced: Part | undefined,
): void {
  if (replaced) discard(ctx, [replaced]);
  ctx.state.put("part", partId(bucket.uid, upload.uploadId, part.number), part, {
    indexes: { blob: part.blob },
    at: within(bucket),
  });
  ctx.state.check("upload", uploadEntryId(bucket.uid, upload.key, upload.uploadId), within(bucket));
}

/** Who began an upload. */
export function initiatorOf(ctx: CallContext): { id: string; name: string } {
  const { principal } = ctx;
  if (principal.kind === "anonymous") return { id: "anonymous", name: "anonymous" };
  if (principal.kind === "service") return { id: principal.service, name: principal.service };
  if (principal.kind === "root") return { id: canonicalId(principal.account), name: principal.account };
  return { id: principal.arn, name: principal.arn.split(/[:/]/).at(-1)! };
}

export const invalidPart = (uploadId: string, number: number, etag: string) =>
  new AwsError(
    "InvalidPart",
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    400,
    { fields: { UploadId: uploadId, PartNumber: String(number), ETag: etag } },
  );

export const invalidPartOrder = (uploadId: string) =>
  new AwsError(
    "InvalidPartOrder",
    "The list of parts was not in ascending order. Parts must be ordered by part number.",
    400,
    { fields: { UploadId: uploadId } },
  );

export const entityTooSmall = (number: number, size: number, etag: string) =>
  new AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", 400, {
    fields: {
      ProposedSize: String(size),
      MinSizeAllowed: String(minPartSize),
      PartNumber: String(number),
      ETag: etag,
    },
  });
