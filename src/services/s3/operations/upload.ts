/** CreateMultipartUpload, UploadPart, UploadPartCopy, AbortMultipartUpload. */
import type { CallContext } from "#gateway/context.ts";
import { maxBodySize, naming, readBodies, writeBody, type WrittenBody } from "../body.ts";
import { requestCharged, requireBucket } from "../bucket.ts";
import { checkAlgorithm, checksumMember, requestedChecksum, type RequestedChecksum } from "../checksums.ts";
import { copySource } from "../copySource.ts";
import { declaredLength, describe } from "../description.ts";
import {
  chooseEncryption,
  customerKey,
  encryptionContextOutput,
  encryptionOutput,
  newObjectKeys,
  openObjectKeys,
  type EncryptionInput,
  type ObjectKeys,
} from "../encryption.ts";
import { entityTooLarge, invalidArgument, invalidRange, invalidRequest } from "../errors.ts";
import { newUploadId, partId, uploadEntryId } from "../ids.ts";
import { checkKey } from "../names.ts";
import { quoted, versionOutput } from "../output.ts";
import { checkCopySource } from "../preconditions.ts";
import type { In, Out } from "../sdk.ts";
import {
  installation,
  within,
  type Bucket,
  type ChecksumAlgorithm,
  type EncryptionAsked,
  type Part,
  type Upload,
} from "../state.ts";
import { requireVersion } from "../target.ts";
import { checkPartNumber, endUpload, initiatorOf, partsOf, putPart, requireUpload } from "../uploads.ts";

export async function createMultipartUpload(
  input: In<"CreateMultipartUpload">,
  ctx: CallContext,
): Promise<Out<"CreateMultipartUpload">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const description = await describe(ctx, bucket, input);
  const checksum = uploadChecksum(input.ChecksumAlgorithm, input.ChecksumType);
  const choice = chooseEncryption(ctx, bucket, key, input);
  const { encryption } = await ctx.once("keys", () => newObjectKeys(ctx, bucket, key, choice));
  const upload: Upload = {
    ...description,
    key,
    uploadId: newUploadId(ctx.now, ctx.random.bytes(33)),
    initiated: ctx.now,
    initiator: initiatorOf(ctx),
    encryption,
    encryptionAsked: askedEncryption(input),
    ...checksum,
  };
  ctx.state.put("upload", uploadEntryId(bucket.uid, key, upload.uploadId), upload, { version: 0, at: within(bucket) });
  ctx.state.check("bucket", bucket.name, installation);
  return {
    Bucket: bucket.name,
    Key: key,
    UploadId: upload.uploadId,
    ...(checksum.checksumAsked
      ? { ChecksumAlgorithm: checksum.checksumAlgorithm, ChecksumType: checksum.checksumType }
      : {}),
    ...encryptionOutput(encryption),
    ...encryptionContextOutput(encryption),
    ...requestCharged(ctx, bucket),
  };
}

/** Nothing of a customer's key but its algorithm. */
function askedEncryption(input: EncryptionInput): EncryptionAsked {
  const { ServerSideEncryption, SSEKMSKeyId, SSECustomerAlgorithm } = input;
  return {
    ...(ServerSideEncryption === undefined ? {} : { ServerSideEncryption }),
    ...(SSEKMSKeyId === undefined ? {} : { SSEKMSKeyId }),
    ...(SSECustomerAlgorithm === undefined ? {} : { SSECustomerAlgorithm }),
  };
}

/** Source: Amazon S3 User Guide, "Checking object integrity": which algorithm goes with which type. */
function uploadChecksum(name: string | undefined, type: string | undefined) {
  const checksumAlgorithm = name === undefined ? "CRC64NVME" : checkAlgorithm(name);
  if (type !== undefined && type !== "FULL_OBJECT" && type !== "COMPOSITE") {
    throw invalidRequest("Value for x-amz-checksum-type header is invalid.");
  }
  if (type !== undefined && name === undefined) {
    throw invalidRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.");
  }
  const isSha = checksumAlgorithm.startsWith("SHA");
  const impossible = (type === "FULL_OBJECT" && isSha) || (type === "COMPOSITE" && checksumAlgorithm === "CRC64NVME");
  if (impossible) {
    throw invalidRequest(
      `The ${type} checksum type cannot be used with the ${checksumAlgorithm.toLowerCase()} checksum algorithm.`,
    );
  }
  const checksumType = type ?? (checksumAlgorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE");
  return { checksumAlgorithm, checksumType, checksumAsked: name !== undefined } as const;
}

export async function uploadPart(input: In<"UploadPart">, ctx: CallContext): Promise<Out<"UploadPart">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const number = checkPartNumber(input.PartNumber);
  const upload = await requireUpload(ctx, bucket, key, input.UploadId);
  const checksum = partChecksum(upload, requestedChecksum(input, ctx.payload?.claimed, upload.checksumAlgorithm));
  const body = await ctx.once("body", async () =>
    writeBody(ctx, await uploadKeys(ctx, bucket, upload, input), input.Body, {
      contentLength: declaredLength(ctx, input.ContentLength),
      contentMd5: input.ContentMD5,
      checksum,
      encryption: upload.encryption,
    }),
  );
  const part = await storePart(ctx, bucket, upload, number, body);
  return {
    ETag: quoted(part.etag),
    ...checksumMember(checksum.algorithm, body.checksum),
    ...encryptionOutput(upload.encryption),
    ...requestCharged(ctx, bucket),
  };
}

/** A part's checksum is of the upload's algorithm; a client that names none gets the upload's. */
function partChecksum(upload: Upload, asked: RequestedChecksum): { algorithm: ChecksumAlgorithm; expected?: string } {
  if (asked.algorithm === upload.checksumAlgorithm) return asked;
  if (upload.checksumAsked) {
    const [expected, actual] = [upload.checksumAlgorithm.toLowerCase(), asked.algorithm.toLowerCase()];
    throw invalidRequest(
      `Checksum Type mismatch occurred, expected checksum Type: ${expected}, actual checksum Type: ${actual}`,
    );
  }
  // The wire layer has compared what the client sent; kept is the default.
  return { algorithm: upload.checksumAlgorithm };
}

async function uploadKeys(
  ctx: CallContext,
  bucket: Bucket,
  upload: Upload,
  input: Pick<EncryptionInput, "SSECustomerAlgorithm" | "SSECustomerKey" | "SSECustomerKeyMD5">,
): Promise<ObjectKeys> {
  const customer = customerKey(ctx, input);
  if (upload.encryption.kind === "SSE-C" && customer?.md5 !== upload.encryption.keyMd5) {
    throw invalidRequest(
      "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.",
    );
  }
  return await openObjectKeys(ctx, bucket, upload.key, upload.encryption, customer);
}

async function storePart(
  ctx: CallContext,
  bucket: Bucket,
  upload: Upload,
  number: number,
  body: WrittenBody,
): Promise<Part> {
  return await naming(ctx, body, async () => {
    const replaced = await ctx.state.get<Part>("part", partId(bucket.uid, upload.uploadId, number), within(bucket));
    const part: Part = {
      number,
      blob: body.blob,
      size: body.size,
      etag: body.etag,
      checksum: body.checksum,
      modified: ctx.now,
    };
    putPart(ctx, bucket, upload, part, replaced?.value);
    ctx.state.check("bucket", bucket.name, installation);
    return part;
  });
}

export async function uploadPartCopy(input: In<"UploadPartCopy">, ctx: CallContext): Promise<Out<"UploadPartCopy">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const number = checkPartNumber(input.PartNumber);
  const upload = await requireUpload(ctx, bucket, key, input.UploadId);
  const from = await copySource(ctx, input);
  const source = await requireVersion(ctx, from.bucket, { Key: from.key, VersionId: from.versionId });
  checkCopySource(
    {
      IfMatch: input.CopySourceIfMatch,
      IfNoneMatch: input.CopySourceIfNoneMatch,
      IfModifiedSince: input.CopySourceIfModifiedSince,
      IfUnmodifiedSince: input.CopySourceIfUnmodifiedSince,
    },
    source,
  );
  const { start, end } = copyRange(input.CopySourceRange, source.size);
  const body = await ctx.once("body", async () => {
    const sourceCustomer = customerKey(ctx, {
      SSECustomerAlgorithm: input.CopySourceSSECustomerAlgorithm,
      SSECustomerKey: input.CopySourceSSECustomerKey,
      SSECustomerKeyMD5: input.CopySourceSSECustomerKeyMD5,
    });
    const sourceKeys = await openObjectKeys(ctx, from.bucket, from.key, source.encryption, sourceCustomer);
    const keys = await uploadKeys(ctx, bucket, upload, input);
    return await writeBody(ctx, keys, readBodies(ctx, sourceKeys, source.bodies, start, end), {
      contentLength: end - start + 1,
      checksum: { algorithm: upload.checksumAlgorithm },
      encryption: upload.encryption,
    });
  });
  const part = await storePart(ctx, bucket, upload, number, body);
  return {
    CopyPartResult: {
      ETag: quoted(part.etag),
      LastModified: new Date(part.modified),
      ...(upload.checksumAsked ? checksumMember(upload.checksumAlgorithm, body.checksum) : {}),
    },
    ...(versionOutput(from.bucket, source).VersionId === undefined ? {} : { CopySourceVersionId: source.versionId }),
    ...encryptionOutput(upload.encryption),
    ...requestCharged(ctx, bucket),
  };
}

/** Both ends are required and must exist. Source: Amazon S3 API Reference, UploadPartCopy. */
function copyRange(header: string | undefined, size: number): { start: number; end: number } {
  if (header === undefined) {
    if (size > maxBodySize) throw entityTooLarge(size, maxBodySize);
    return { start: 0, end: size - 1 };
  }
  const match = /^bytes=(\d+)-(\d+)$/.exec(header);
  if (!match) {
    throw invalidArgument(
      "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
      "x-amz-copy-source-range",
      header,
    );
  }
  const [start, end] = [Number(match[1]), Number(match[2])];
  if (start > end || end >= size) throw invalidRange(header, size);
  return { start, end };
}

export async function abortMultipartUpload(
  input: In<"AbortMultipartUpload">,
  ctx: CallContext,
): Promise<Out<"AbortMultipartUpload">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const upload = await requireUpload(ctx, bucket, key, input.UploadId);
  endUpload(ctx, bucket, upload, await partsOf(ctx, bucket, upload.uploadId));
  return { ...requestCharged(ctx, bucket) };
}
