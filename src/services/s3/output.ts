/** How an object version appears in answers. */
import { checksumOutput } from "./checksums.ts";
import { encryptionOutput } from "./encryption.ts";
import { expirationHeader } from "./lifecycle.ts";
import { lockOutput } from "./objectLock.ts";
import type { Bucket, ContentHeaders, ObjectVersion } from "./state.ts";

export function quoted(etag: string): string {
  return `"${etag}"`;
}

/** A version id, where the bucket has or had versioning. */
export function versionOutput(bucket: Bucket, version: { versionId: string }): { VersionId?: string } {
  return bucket.versioning === undefined ? {} : { VersionId: version.versionId };
}

/** After a write, the id of the null version is not told. */
export function writtenVersionOutput(bucket: Bucket, version: { versionId: string }): { VersionId?: string } {
  return bucket.versioning === "Enabled" ? { VersionId: version.versionId } : {};
}

function headerOutput(headers: ContentHeaders) {
  const expires = headers.expires === undefined ? Number.NaN : Date.parse(headers.expires);
  return {
    ...(headers.cacheControl === undefined ? {} : { CacheControl: headers.cacheControl }),
    ...(headers.contentDisposition === undefined ? {} : { ContentDisposition: headers.contentDisposition }),
    ...(headers.contentEncoding === undefined ? {} : { ContentEncoding: headers.contentEncoding }),
    ...(headers.contentLanguage === undefined ? {} : { ContentLanguage: headers.contentLanguage }),
    ...(headers.contentType === undefined ? {} : { ContentType: headers.contentType }),
    ...(Number.isNaN(expires) ? {} : { Expires: new Date(expires) }),
    ...(headers.websiteRedirectLocation === undefined
      ? {}
      : { WebsiteRedirectLocation: headers.websiteRedirectLocation }),
  };
}

/** What GetObject and HeadObject say of a version; the caller adds length and body. */
export function objectOutput(
  bucket: Bucket,
  key: string,
  version: ObjectVersion,
  options: { isCurrent: boolean; checksums: boolean },
) {
  const tagCount = Object.keys(version.tags).length;
  return {
    AcceptRanges: "bytes",
    LastModified: new Date(version.modified),
    ETag: quoted(version.etag),
    ...(options.checksums ? checksumOutput(version.checksum) : {}),
    ...versionOutput(bucket, version),
    ...headerOutput(version.headers),
    Metadata: version.metadata,
    ...encryptionOutput(version.encryption),
    ...(version.storageClass === "STANDARD" ? {} : { StorageClass: version.storageClass as "STANDARD" }),
    ...(tagCount === 0 ? {} : { TagCount: tagCount }),
    ...lockOutput(version),
    ...(options.isCurrent ? expirationHeader(bucket.lifecycle, key, version) : {}),
  };
}
