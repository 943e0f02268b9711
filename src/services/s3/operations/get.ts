/** GetObject, HeadObject, GetObjectAttributes. */
import type { CallContext } from "#gateway/context.ts";
import { readBodies, started } from "../body.ts";
import { requestCharged, requireBucket } from "../bucket.ts";
import { checksumMember } from "../checksums.ts";
import { customerKey, openObjectKeys } from "../encryption.ts";
import { invalidArgument, invalidPartNumber, invalidRequest } from "../errors.ts";
import { checkKey } from "../names.ts";
import { objectOutput, versionOutput } from "../output.ts";
import { checkRead } from "../preconditions.ts";
import { parseRange, type Range } from "../ranges.ts";
import type { In, Out } from "../sdk.ts";
import type { ObjectVersion } from "../state.ts";
import { requireVersion } from "../target.ts";

export async function getObject(input: In<"GetObject">, ctx: CallContext): Promise<Out<"GetObject">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const version = await requireVersion(ctx, bucket, input);
  checkRead(input, version);
  const part = selection(input, version);
  const keys = await openObjectKeys(ctx, bucket, key, version.encryption, customerKey(ctx, input));
  const { start, end } = part ?? { start: 0, end: version.size - 1 };
  return {
    ...objectOutput(bucket, key, version, {
      isCurrent: input.VersionId === undefined,
      // A checksum of the whole says nothing about a range.
      checksums: input.ChecksumMode === "ENABLED" && !part,
    }),
    ...overrides(ctx, input),
    ...partOutput(input, version),
    ...requestCharged(ctx, bucket),
    ContentLength: end - start + 1,
    ...(part ? { ContentRange: `bytes ${start}-${end}/${version.size}` } : {}),
    Body: await started(readBodies(ctx, keys, version.bodies, start, end)),
  };
}

export async function headObject(input: In<"HeadObject">, ctx: CallContext): Promise<Out<"HeadObject">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const version = await requireVersion(ctx, bucket, input);
  checkRead(input, version);
  const part = selection(input, version);
  const checksums = input.ChecksumMode === "ENABLED" && !part;
  const customer = customerKey(ctx, input);
  const needsKey = version.encryption.kind === "SSE-C" || customer !== undefined || checksums;
  if (needsKey) await openObjectKeys(ctx, bucket, key, version.encryption, customer);
  const { start, end } = part ?? { start: 0, end: version.size - 1 };
  return {
    ...objectOutput(bucket, key, version, { isCurrent: input.VersionId === undefined, checksums }),
    ...overrides(ctx, input),
    ...partOutput(input, version),
    ...requestCharged(ctx, bucket),
    ContentLength: end - start + 1,
    ...(part ? { ContentRange: `bytes ${start}-${end}/${version.size}` } : {}),
  };
}

interface Selecting {
  Range?: string | undefined;
  PartNumber?: number | undefined;
}

/** The bytes that a Range header or a part number selects; `undefined` for all of them. */
function selection(input: Selecting, version: ObjectVersion): Range | undefined {
  const { Range: range, PartNumber: number } = input;
  if (number === undefined) return parseRange(range, version.size);
  if (range !== undefined) throw invalidRequest("Cannot specify both Range header and partNumber query parameter");
  if (number < 1 || number > 10_000) {
    throw invalidArgument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", number);
  }
  // An object that was put whole is its own only part.
  if (!version.parts) {
    if (number > 1) throw invalidPartNumber(number, 1);
    return version.size === 0 ? undefined : { start: 0, end: version.size - 1 };
  }
  const index = version.parts.findIndex((part) => part.number === number);
  if (index < 0) throw invalidPartNumber(number, version.parts.length);
  const start = version.parts.slice(0, index).reduce((sum, part) => sum + part.size, 0);
  return { start, end: start + version.parts[index]!.size - 1 };
}

function partOutput(input: Selecting, version: ObjectVersion): { PartsCount?: number } {
  return input.PartNumber !== undefined && version.parts ? { PartsCount: version.parts.length } : {};
}

const overridable = [
  ["ResponseCacheControl", "CacheControl"],
  ["ResponseContentDisposition", "ContentDisposition"],
  ["ResponseContentEncoding", "ContentEncoding"],
  ["ResponseContentLanguage", "ContentLanguage"],
  ["ResponseContentType", "ContentType"],
  ["ResponseExpires", "Expires"],
] as const;

/** `response-*` parameters, for signed requests only. */
function overrides(ctx: CallContext, input: object): Record<string, unknown> {
  const values = input as Record<string, unknown>;
  const asked = overridable.filter(([parameter]) => values[parameter] !== undefined);
  if (asked.length > 0 && ctx.principal.kind === "anonymous") {
    throw invalidRequest("Request specific response headers cannot be used for anonymous GET requests.");
  }
  return Object.fromEntries(asked.map(([parameter, member]) => [member, values[parameter]]));
}

const attributes = new Set(["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]);

export async function getObjectAttributes(
  input: In<"GetObjectAttributes">,
  ctx: CallContext,
): Promise<Out<"GetObjectAttributes">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const asked = new Set<string>(input.ObjectAttributes ?? []);
  if (asked.size === 0 || [...asked].some((name) => !attributes.has(name))) {
    throw invalidArgument("Invalid attribute name specified.", "x-amz-object-attributes", [...asked].join(","));
  }
  const version = await requireVersion(ctx, bucket, input);
  const customer = customerKey(ctx, input);
  if (version.encryption.kind === "SSE-C" || customer) {
    await openObjectKeys(ctx, bucket, key, version.encryption, customer);
  }
  return {
    LastModified: new Date(version.modified),
    ...versionOutput(bucket, version),
    ...requestCharged(ctx, bucket),
    // Here alone the entity tag has no quotes.
    ...(asked.has("ETag") ? { ETag: version.etag } : {}),
    ...(asked.has("Checksum") && version.checksum
      ? {
          Checksum: {
            // Composite values are told without their number of parts.
            ...checksumMember(version.checksum.algorithm, version.checksum.value.replace(/-\d+$/, "")),
            ChecksumType: version.checksum.type,
          },
        }
      : {}),
    ...(asked.has("ObjectParts") && version.parts ? { ObjectParts: partsPage(input, version) } : {}),
    ...(asked.has("StorageClass") ? { StorageClass: version.storageClass as "STANDARD" } : {}),
    ...(asked.has("ObjectSize") ? { ObjectSize: version.size } : {}),
  };
}

function partsPage(input: In<"GetObjectAttributes">, version: ObjectVersion) {
  const marker = Number(input.PartNumberMarker ?? 0);
  const max = Math.min(input.MaxParts ?? 1000, 1000);
  if (!Number.isInteger(marker) || marker < 0) {
    throw invalidArgument("Part number marker must be a number", "x-amz-part-number-marker", input.PartNumberMarker);
  }
  const parts = version.parts!;
  const rest = parts.filter((part) => part.number > marker);
  const shown = rest.slice(0, max);
  const { checksum } = version;
  return {
    TotalPartsCount: parts.length,
    PartNumberMarker: String(marker),
    NextPartNumberMarker: String(shown.at(-1)?.number ?? marker),
    MaxParts: max,
    IsTruncated: rest.length > shown.length,
    // Parts are listed one by one only where each has its own checksum.
    ...(checksum?.type === "COMPOSITE"
      ? {
          Parts: shown.map((part) => ({
            PartNumber: part.number,
            Size: part.size,
            ...checksumMember(checksum.algorithm, part.checksum),
          })),
        }
      : {}),
  };
}
