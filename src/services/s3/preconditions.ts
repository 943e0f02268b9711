/**
 * Conditional requests. Source: RFC 9110 section 13.2.2 (precedence); Amazon S3 API Reference, GetObject,
 * CopyObject; Amazon S3 User Guide, "Add preconditions to S3 operations with conditional requests".
 */
import { noSuchKey, notImplementedHeader, notModified, preconditionFailed } from "./errors.ts";
import type { ObjectVersion } from "./state.ts";

interface ReadConditions {
  IfMatch?: string | undefined;
  IfNoneMatch?: string | undefined;
  IfModifiedSince?: Date | undefined;
  IfUnmodifiedSince?: Date | undefined;
}

/** Whether an entity tag is in a list such as `"a", W/"b"` or is any at all (`*`). Quotes are optional, as in S3. */
export function etagMatches(list: string, etag: string): boolean {
  return list
    .split(",")
    .map((item) =>
      item
        .trim()
        .replace(/^W\//, "")
        .replace(/^"(.*)"$/, "$1"),
    )
    .some((item) => item === "*" || item === etag);
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

/** The condition that does not hold, in the order of RFC 9110. */
function failing(conditions: ReadConditions, version: { etag: string; modified: number }): string | undefined {
  const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince } = conditions;
  const modified = seconds(version.modified);
  if (IfMatch !== undefined) {
    if (!etagMatches(IfMatch, version.etag)) return "If-Match";
  } else if (IfUnmodifiedSince !== undefined && modified > seconds(IfUnmodifiedSince.getTime())) {
    return "If-Unmodified-Since";
  }
  if (IfNoneMatch !== undefined) {
    if (etagMatches(IfNoneMatch, version.etag)) return "If-None-Match";
  } else if (IfModifiedSince !== undefined && modified <= seconds(IfModifiedSince.getTime())) {
    return "If-Modified-Since";
  }
  return undefined;
}

/** @throws PreconditionFailed (412) or NotModified (304) */
export function checkRead(conditions: ReadConditions, version: ObjectVersion): void {
  const failed = failing(conditions, version);
  if (failed === undefined) return;
  if (failed === "If-Match" || failed === "If-Unmodified-Since") throw preconditionFailed(failed);
  throw notModified({ etag: `"${version.etag}"`, "last-modified": new Date(version.modified).toUTCString() });
}

/** Conditions on the source of a copy: every failure is 412. */
export function checkCopySource(conditions: ReadConditions, version: ObjectVersion): void {
  const failed = failing(conditions, version);
  if (failed !== undefined) throw preconditionFailed(`x-amz-copy-source-${failed}`);
}

/** @throws PreconditionFailed, NoSuchKey (If-Match without an object), NotImplemented (If-None-Match other than `*`) */
export function checkWrite(
  conditions: { IfMatch?: string | undefined; IfNoneMatch?: string | undefined },
  key: string,
  current: { etag: string } | undefined,
): void {
  if (conditions.IfNoneMatch !== undefined) {
    if (conditions.IfNoneMatch !== "*") throw notImplementedHeader("If-None-Match");
    if (current) throw preconditionFailed("If-None-Match");
  }
  if (conditions.IfMatch !== undefined) {
    if (!current) throw noSuchKey(key);
    if (!etagMatches(conditions.IfMatch, current.etag)) throw preconditionFailed("If-Match");
  }
}
