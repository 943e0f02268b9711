/** ListObjects, ListObjectsV2, ListObjectVersions. */
import type { CommonPrefix, DeleteMarkerEntry, ObjectVersion as WireVersion, Owner } from "@aws-sdk/client-s3";
import type { CallContext } from "#gateway/context.ts";
import { afterPrefix } from "#store/limits.ts";
import { requestCharged, requireBucket } from "../bucket.ts";
import { canonicalId } from "../canonical.ts";
import { invalidArgument } from "../errors.ts";
import { History } from "../history.ts";
import { entriesOfKey, keyOfEntryId, keyOfObjectId, sequenceOfVersionId, versionEntryId } from "../ids.ts";
import {
  listParameters,
  readListToken,
  startAfterKey,
  startAt,
  walk,
  writeListToken,
  type Row,
  type Start,
} from "../listing.ts";
import { checkKeyText } from "../names.ts";
import { quoted } from "../output.ts";
import type { In, Out } from "../sdk.ts";
import type { Bucket, ObjectVersion, Version } from "../state.ts";

function ownerOf(account: string): Owner {
  return { ID: canonicalId(account) };
}

function objectEntry(key: string, version: ObjectVersion, withOwner: boolean) {
  return {
    Key: key,
    LastModified: new Date(version.modified),
    ETag: quoted(version.etag),
    ...(version.checksum
      ? { ChecksumAlgorithm: [version.checksum.algorithm], ChecksumType: version.checksum.type }
      : {}),
    Size: version.size,
    StorageClass: version.storageClass as "STANDARD",
    ...(withOwner ? { Owner: ownerOf(version.owner) } : {}),
  };
}

interface ObjectPage {
  entries: { key: string; version: ObjectVersion }[];
  prefixes: CommonPrefix[];
  truncated: boolean;
  last: Row<ObjectVersion> | undefined;
}

async function objectPage(
  ctx: CallContext,
  bucket: Bucket,
  query: { prefix: string; delimiter: string; limit: number; start: Start; encode(text: string): string },
): Promise<ObjectPage> {
  // No keys were asked for, so there is nothing to say about more of them.
  if (query.limit === 0) return { entries: [], prefixes: [], truncated: false, last: undefined };
  const { rows, truncated } = await walk<ObjectVersion>(ctx, bucket, {
    ...query,
    sources: [{ type: "object", keyOf: keyOfObjectId, start: query.start }],
  });
  return {
    entries: rows.flatMap((row) => ("document" in row ? [{ key: row.key, version: row.document.value }] : [])),
    prefixes: commonPrefixes(rows, query.encode),
    truncated,
    last: rows.at(-1),
  };
}

function commonPrefixes(rows: readonly Row<unknown>[], encode: (text: string) => string): CommonPrefix[] {
  return rows.flatMap((row) => ("prefix" in row ? [{ Prefix: encode(row.prefix) }] : []));
}

export async function listObjectsV2(input: In<"ListObjectsV2">, ctx: CallContext): Promise<Out<"ListObjectsV2">> {
  const bucket = await requireBucket(ctx, input);
  const query = listParameters({ ...input, max: input.MaxKeys, maxName: "max-keys" });
  const { prefix, delimiter, encode } = query;
  if (input.ContinuationToken === "") {
    throw invalidArgument("The continuation token provided is incorrect", "continuation-token");
  }
  const binding = ["ListObjectsV2", bucket.uid, prefix, delimiter];
  const position = readListToken(input.ContinuationToken, binding);
  checkKeyText(input.StartAfter ?? "");
  const start = startAfterKey(bucket, position ?? input.StartAfter, prefix, delimiter);
  const page = await objectPage(ctx, bucket, { ...query, start });
  const { last } = page;
  return {
    Name: bucket.name,
    Prefix: encode(prefix),
    MaxKeys: input.MaxKeys ?? 1000,
    KeyCount: page.entries.length + page.prefixes.length,
    IsTruncated: page.truncated,
    ...(page.entries.length > 0
      ? {
          Contents: page.entries.map(({ key, version }) =>
            objectEntry(encode(key), version, input.FetchOwner === true),
          ),
        }
      : {}),
    ...(page.prefixes.length > 0 ? { CommonPrefixes: page.prefixes } : {}),
    ...(delimiter === "" ? {} : { Delimiter: encode(delimiter) }),
    ...(input.EncodingType === undefined ? {} : { EncodingType: "url" }),
    ...(input.StartAfter === undefined ? {} : { StartAfter: encode(input.StartAfter) }),
    ...(input.ContinuationToken === undefined ? {} : { ContinuationToken: input.ContinuationToken }),
    ...(page.truncated && last ? { NextContinuationToken: writeListToken(positionOf(last), binding) } : {}),
    ...requestCharged(ctx, bucket),
  };
}

function positionOf(row: Row<unknown>): string {
  return "prefix" in row ? row.prefix : row.key;
}

export async function listObjects(input: In<"ListObjects">, ctx: CallContext): Promise<Out<"ListObjects">> {
  const bucket = await requireBucket(ctx, input);
  const query = listParameters({ ...input, max: input.MaxKeys, maxName: "max-keys" });
  const { prefix, delimiter, encode } = query;
  checkKeyText(input.Marker ?? "");
  const start = startAfterKey(bucket, input.Marker, prefix, delimiter);
  const page = await objectPage(ctx, bucket, { ...query, start });
  return {
    Name: bucket.name,
    Prefix: encode(prefix),
    Marker: encode(input.Marker ?? ""),
    MaxKeys: input.MaxKeys ?? 1000,
    IsTruncated: page.truncated,
    ...(page.entries.length > 0
      ? { Contents: page.entries.map(({ key, version }) => objectEntry(encode(key), version, true)) }
      : {}),
    ...(page.prefixes.length > 0 ? { CommonPrefixes: page.prefixes } : {}),
    ...(delimiter === "" ? {} : { Delimiter: encode(delimiter) }),
    ...(input.EncodingType === undefined ? {} : { EncodingType: "url" }),
    // Without a delimiter clients continue from the last key themselves.
    ...(page.truncated && page.last && delimiter !== "" ? { NextMarker: encode(positionOf(page.last)) } : {}),
    ...requestCharged(ctx, bucket),
  };
}

export async function listObjectVersions(
  input: In<"ListObjectVersions">,
  ctx: CallContext,
): Promise<Out<"ListObjectVersions">> {
  const bucket = await requireBucket(ctx, input);
  const query = listParameters({ ...input, max: input.MaxKeys, maxName: "max-keys" });
  const { prefix, delimiter, encode, limit } = query;
  const { KeyMarker: keyMarker = "", VersionIdMarker: versionMarker = "" } = input;
  if (versionMarker !== "" && keyMarker === "") {
    throw invalidArgument(
      "A version-id marker cannot be specified without a key marker.",
      "version-id-marker",
      versionMarker,
    );
  }
  checkKeyText(keyMarker);
  const starts = await versionStarts(ctx, bucket, keyMarker, versionMarker, prefix, delimiter);
  const { rows, truncated } =
    limit === 0
      ? { rows: [], truncated: false }
      : await walk<Version>(ctx, bucket, {
          ...query,
          sources: [
            { type: "object", keyOf: keyOfObjectId, start: starts.objects },
            { type: "version", keyOf: keyOfEntryId, start: starts.versions },
          ],
        });
  const versions: WireVersion[] = [];
  const markers: DeleteMarkerEntry[] = [];
  let previous = versionMarker === "" ? undefined : keyMarker;
  for (const row of rows) {
    if ("prefix" in row) continue;
    const { value } = row.document;
    const common = {
      Key: encode(row.key),
      VersionId: value.versionId,
      IsLatest: row.key !== previous,
      LastModified: new Date(value.modified),
      Owner: ownerOf(value.owner),
    };
    previous = row.key;
    if (value.kind === "deleteMarker") markers.push(common);
    else
      versions.push({
        ...objectEntry(common.Key, value, true),
        StorageClass: value.storageClass as "STANDARD",
        ...common,
      });
  }
  const last = rows.at(-1);
  const prefixes = commonPrefixes(rows, encode);
  return {
    Name: bucket.name,
    Prefix: encode(prefix),
    KeyMarker: encode(keyMarker),
    VersionIdMarker: versionMarker,
    MaxKeys: input.MaxKeys ?? 1000,
    IsTruncated: truncated,
    ...(versions.length > 0 ? { Versions: versions } : {}),
    ...(markers.length > 0 ? { DeleteMarkers: markers } : {}),
    ...(prefixes.length > 0 ? { CommonPrefixes: prefixes } : {}),
    ...(delimiter === "" ? {} : { Delimiter: encode(delimiter) }),
    ...(input.EncodingType === undefined ? {} : { EncodingType: "url" }),
    ...(truncated && last
      ? {
          NextKeyMarker: encode(positionOf(last)),
          ...("document" in last ? { NextVersionIdMarker: last.document.value.versionId } : {}),
        }
      : {}),
    ...requestCharged(ctx, bucket),
  };
}

/** Where to go on in current versions and in all others, after a version that a client names. */
async function versionStarts(
  ctx: CallContext,
  bucket: Bucket,
  key: string,
  versionId: string,
  prefix: string,
  delimiter: string,
): Promise<{ objects: Start; versions: Start }> {
  if (key === "") return { objects: {}, versions: {} };
  const objects = startAfterKey(bucket, key, prefix, delimiter);
  if (versionId === "") {
    const versions = objects.from === undefined ? startAt(afterPrefix(entriesOfKey(bucket.uid, key))) : objects;
    return { objects, versions };
  }
  // Entries are ordered by their place in history, so the named version itself need not be there any more.
  const sequence =
    versionId === "null"
      ? (await new History(ctx, bucket, key).find(versionId))?.sequence
      : sequenceOfVersionId(versionId);
  if (sequence === undefined) throw invalidArgument("Invalid version id specified", "version-id-marker", versionId);
  const versions = { after: versionEntryId(bucket.uid, key, sequence, versionId) };
  return { objects, versions };
}
