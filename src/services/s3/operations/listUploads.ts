/** ListParts, ListMultipartUploads. */
import type { CallContext } from "#gateway/context.ts";
import { afterPrefix } from "#store/limits.ts";
import { requestCharged, requireBucket } from "../bucket.ts";
import { canonicalId } from "../canonical.ts";
import { checksumMember } from "../checksums.ts";
import { invalidArgument } from "../errors.ts";
import { entriesOfKey, keyOfEntryId, partId, uploadEntryId } from "../ids.ts";
import { listParameters, startAfterKey, startAt, walk, type Start } from "../listing.ts";
import { checkKey, checkKeyText } from "../names.ts";
import { quoted } from "../output.ts";
import type { In, Out } from "../sdk.ts";
import { within, type Bucket, type Part, type Upload } from "../state.ts";
import { maxParts, requireUpload } from "../uploads.ts";

export async function listParts(input: In<"ListParts">, ctx: CallContext): Promise<Out<"ListParts">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const upload = await requireUpload(ctx, bucket, key, input.UploadId);
  const max = input.MaxParts ?? 1000;
  const marker = Number(input.PartNumberMarker ?? 0);
  if (!Number.isInteger(max) || max < 0) {
    throw invalidArgument("Argument max-parts must be an integer between 0 and 2147483647", "max-parts", max);
  }
  if (!Number.isInteger(marker) || marker < 0) {
    throw invalidArgument(
      "Argument part-number-marker must be an integer between 0 and 2147483647",
      "part-number-marker",
      input.PartNumberMarker,
    );
  }
  const limit = Math.min(max, 1000);
  const page =
    limit === 0
      ? { items: [] }
      : await ctx.state.list<Part>(
          "part",
          {
            prefix: `${bucket.uid}/${upload.uploadId}/`,
            after: partId(bucket.uid, upload.uploadId, Math.min(marker, maxParts)),
            limit,
          },
          within(bucket),
        );
  const parts = page.items.map((item) => item.value);
  return {
    Bucket: bucket.name,
    Key: key,
    UploadId: upload.uploadId,
    PartNumberMarker: String(marker),
    NextPartNumberMarker: String(parts.at(-1)?.number ?? 0),
    MaxParts: max,
    IsTruncated: "next" in page && page.next !== undefined,
    Parts: parts.map((part) => ({
      PartNumber: part.number,
      LastModified: new Date(part.modified),
      ETag: quoted(part.etag),
      Size: part.size,
      ...(upload.checksumAsked ? checksumMember(upload.checksumAlgorithm, part.checksum) : {}),
    })),
    ...uploadFacts(upload),
    ...requestCharged(ctx, bucket),
  };
}

function uploadFacts(upload: Upload) {
  return {
    Initiator: { ID: upload.initiator.id, DisplayName: upload.initiator.name },
    Owner: { ID: canonicalId(upload.owner) },
    StorageClass: upload.storageClass as "STANDARD",
    ...(upload.checksumAsked ? { ChecksumAlgorithm: upload.checksumAlgorithm, ChecksumType: upload.checksumType } : {}),
  };
}

export async function listMultipartUploads(
  input: In<"ListMultipartUploads">,
  ctx: CallContext,
): Promise<Out<"ListMultipartUploads">> {
  const bucket = await requireBucket(ctx, input);
  const query = listParameters({ ...input, max: input.MaxUploads, maxName: "max-uploads" });
  const { prefix, delimiter, encode, limit } = query;
  const { KeyMarker: keyMarker = "", UploadIdMarker: uploadIdMarker = "" } = input;
  checkKeyText(keyMarker);
  const start = uploadStart(bucket, keyMarker, uploadIdMarker, prefix, delimiter);
  const { rows, truncated } =
    limit === 0
      ? { rows: [], truncated: false }
      : await walk<Upload>(ctx, bucket, { ...query, sources: [{ type: "upload", keyOf: keyOfEntryId, start }] });
  const last = rows.at(-1);
  const prefixes = rows.flatMap((row) => ("prefix" in row ? [{ Prefix: encode(row.prefix) }] : []));
  return {
    Bucket: bucket.name,
    KeyMarker: encode(keyMarker),
    UploadIdMarker: uploadIdMarker,
    MaxUploads: input.MaxUploads ?? 1000,
    IsTruncated: truncated,
    ...(prefix === "" ? {} : { Prefix: encode(prefix) }),
    ...(delimiter === "" ? {} : { Delimiter: encode(delimiter) }),
    ...(input.EncodingType === undefined ? {} : { EncodingType: "url" }),
    ...(prefixes.length > 0 ? { CommonPrefixes: prefixes } : {}),
    Uploads: rows.flatMap((row) => {
      if ("prefix" in row) return [];
      const upload = row.document.value;
      return [
        {
          UploadId: upload.uploadId,
          Key: encode(row.key),
          Initiated: new Date(upload.initiated),
          ...uploadFacts(upload),
        },
      ];
    }),
    ...(truncated && last
      ? {
          NextKeyMarker: encode("prefix" in last ? last.prefix : last.key),
          NextUploadIdMarker: "prefix" in last ? "" : last.document.value.uploadId,
        }
      : {}),
    ...requestCharged(ctx, bucket),
  };
}

function uploadStart(bucket: Bucket, key: string, uploadId: string, prefix: string, delimiter: string): Start {
  if (key === "") return {};
  if (uploadId !== "") {
    if (!/^[\w.]{1,100}$/.test(uploadId)) {
      throw invalidArgument("Invalid uploadId marker", "upload-id-marker", uploadId);
    }
    return { after: uploadEntryId(bucket.uid, key, uploadId) };
  }
  const start = startAfterKey(bucket, key, prefix, delimiter);
  return start.from === undefined ? startAt(afterPrefix(entriesOfKey(bucket.uid, key))) : start;
}
