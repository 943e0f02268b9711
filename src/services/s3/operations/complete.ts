/** CompleteMultipartUpload. */
import { createHash } from "node:crypto";
import type { CompletedPart } from "@aws-sdk/client-s3";
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { compositeChecksum, fullObjectChecksum } from "#wire/checksums.ts";
import { requestCharged, requireBucket } from "../bucket.ts";
import { checksumOf, checksumOutput } from "../checksums.ts";
import { customerKey, encryptionOutput } from "../encryption.ts";
import { badDigest, entityTooLarge, invalidRequest, malformedXml, noSuchUpload } from "../errors.ts";
import { emitEvent } from "../events.ts";
import { History } from "../history.ts";
import { uploadEntryId } from "../ids.ts";
import { expirationHeader } from "../lifecycle.ts";
import { checkKey } from "../names.ts";
import { quoted, writtenVersionOutput } from "../output.ts";
import { checkWrite } from "../preconditions.ts";
import type { In, Out } from "../sdk.ts";
import {
  installation,
  within,
  type Bucket,
  type CompletedUpload,
  type Part,
  type StoredChecksum,
  type Upload,
} from "../state.ts";
import {
  endUpload,
  entityTooSmall,
  findUpload,
  invalidPart,
  invalidPartOrder,
  maxObjectSize,
  maxParts,
  minPartSize,
  partsOf,
  requireUpload,
  findCompleted,
} from "../uploads.ts";

/** How long a completed upload answers a client that did not get the first answer. */
const remembered = 24 * 3_600_000;

type Complete = In<"CompleteMultipartUpload">;

export async function completeMultipartUpload(
  input: Complete,
  ctx: CallContext,
): Promise<Out<"CompleteMultipartUpload">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const found = await findUpload(ctx, bucket, key, input.UploadId);
  if (!found) {
    const before = await findCompleted(ctx, bucket, key, input.UploadId);
    if (before) return answer(ctx, bucket, key, before);
  }
  const upload = found ?? (await requireUpload(ctx, bucket, key, input.UploadId));
  if (upload.encryption.kind === "SSE-C") {
    const customer = customerKey(ctx, input);
    if (customer && customer.md5 !== upload.encryption.keyMd5) {
      throw invalidRequest("The encryption parameters are not the ones the multipart upload was initiated with.");
    }
  }
  const stored = await partsOf(ctx, bucket, upload.uploadId);
  let parts: Part[];
  try {
    parts = chosenParts(upload, input.MultipartUpload?.Parts ?? [], stored);
  } catch (error) {
    // Another completion may have ended the upload between the two reads, and its parts with it.
    if (await findUpload(ctx, bucket, key, input.UploadId)) throw error;
    const before = await findCompleted(ctx, bucket, key, input.UploadId);
    if (before) return answer(ctx, bucket, key, before);
    throw noSuchUpload(upload.uploadId);
  }
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  if (size > maxObjectSize) throw entityTooLarge(size, maxObjectSize);
  if (input.MpuObjectSize !== undefined && Number(input.MpuObjectSize) !== size) {
    throw invalidRequest(
      `The provided 'x-amz-mp-object-size' header value ${input.MpuObjectSize} does not match what was computed: ${size}`,
    );
  }
  const checksum = objectChecksum(upload, parts);
  compareChecksum(input, checksum);
  const history = new History(ctx, bucket, key);
  if (input.IfMatch !== undefined || input.IfNoneMatch !== undefined) {
    checkWrite(input, key, await history.current());
  }
  const version = await history.place({
    kind: "object",
    headers: upload.headers,
    metadata: upload.metadata,
    tags: upload.tags,
    storageClass: upload.storageClass,
    owner: upload.owner,
    grants: upload.grants,
    ...(upload.retention ? { retention: upload.retention } : {}),
    ...(upload.legalHold === undefined ? {} : { legalHold: upload.legalHold }),
    modified: ctx.now,
    size,
    etag: multipartEtag(parts),
    encryption: upload.encryption,
    checksum,
    bodies: parts.map(({ blob, size: bytes }) => ({ blob, size: bytes })),
    parts: parts.map((part) => ({ number: part.number, size: part.size, checksum: part.checksum })),
  });
  endUpload(ctx, bucket, upload, stored, version.bodies);
  const completed: CompletedUpload = {
    etag: version.etag,
    versionId: version.versionId,
    checksum,
    encryption: upload.encryption,
    ...(upload.encryptionAsked === undefined ? {} : { encryptionAsked: upload.encryptionAsked }),
  };
  ctx.state.put("completedUpload", uploadEntryId(bucket.uid, key, upload.uploadId), completed, {
    version: "any",
    expiresAt: ctx.now + remembered,
    at: within(bucket),
  });
  ctx.state.check("bucket", bucket.name, installation);
  emitEvent(ctx, bucket, "ObjectCreated:CompleteMultipartUpload", key, version);
  return { ...answer(ctx, bucket, key, completed), ...expirationHeader(bucket.lifecycle, key, version) };
}

function answer(
  ctx: CallContext,
  bucket: Bucket,
  key: string,
  completed: CompletedUpload,
): Out<"CompleteMultipartUpload"> {
  const encodedKey = encodeURIComponent(key).replaceAll("%2F", "/");
  return {
    Location: `${ctx.config.endpoint}/${bucket.name}/${encodedKey}`,
    Bucket: bucket.name,
    Key: key,
    ETag: quoted(completed.etag),
    ...checksumOutput(completed.checksum),
    ...writtenVersionOutput(bucket, completed),
    ...encryptionOutput(completed.encryption),
    ...requestCharged(ctx, bucket),
  };
}

/** The parts that the request lists, each as it was uploaded. */
function chosenParts(upload: Upload, listed: readonly CompletedPart[], stored: readonly Document<Part>[]): Part[] {
  const { uploadId } = upload;
  if (listed.length === 0 || listed.length > maxParts) throw malformedXml();
  const byNumber = new Map(stored.map((part) => [part.value.number, part.value]));
  let previous = 0;
  const parts = listed.map((item) => {
    const { PartNumber: number, ETag: etag } = item;
    if (number === undefined || etag === undefined) throw malformedXml();
    if (number <= previous) throw invalidPartOrder(uploadId);
    previous = number;
    const part = byNumber.get(number);
    const plainEtag = etag.replaceAll('"', "");
    if (!part || part.etag !== plainEtag) throw invalidPart(uploadId, number, plainEtag);
    checkPartChecksum(upload, item, part);
    return part;
  });
  for (const part of parts.slice(0, -1)) {
    if (part.size < minPartSize) throw entityTooSmall(part.number, part.size, part.etag);
  }
  return parts;
}

function checkPartChecksum(upload: Upload, item: CompletedPart, part: Part): void {
  const given = checksumOf(item, upload.checksumAlgorithm);
  if (given === undefined) {
    if (!upload.checksumAsked || upload.checksumType === "FULL_OBJECT") return;
    throw invalidRequest(
      `The upload was created using a ${upload.checksumAlgorithm.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${part.number} in the request.`,
    );
  }
  if (given !== part.checksum) throw invalidPart(upload.uploadId, part.number, part.etag);
}

function objectChecksum(upload: Upload, parts: readonly Part[]): StoredChecksum {
  const algorithm = upload.checksumAlgorithm;
  const digests = parts.map((part) => ({ digest: Buffer.from(part.checksum, "base64"), length: part.size }));
  return upload.checksumType === "COMPOSITE"
    ? { algorithm, type: "COMPOSITE", value: compositeChecksum(algorithm, digests) }
    : { algorithm, type: "FULL_OBJECT", value: fullObjectChecksum(algorithm, digests).toString("base64") };
}

function compareChecksum(input: Complete, checksum: StoredChecksum): void {
  if (input.ChecksumType !== undefined && input.ChecksumType !== checksum.type) {
    throw invalidRequest(
      `The upload was created using the ${checksum.type} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
  const expected = checksumOf(input, checksum.algorithm);
  if (expected !== undefined && expected !== checksum.value) throw badDigest(checksum.algorithm.toLowerCase());
}

/** MD5 over the parts' MD5s, and how many. */
function multipartEtag(parts: readonly Part[]): string {
  const md5 = createHash("md5");
  for (const part of parts) md5.update(Buffer.from(part.etag, "hex"));
  return `${md5.digest("hex")}-${parts.length}`;
}
