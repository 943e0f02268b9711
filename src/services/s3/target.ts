/** The object version that a read addresses, with S3's answers for what is not there. */
import type { CallContext } from "#gateway/context.ts";
import { mayList } from "./authorization.ts";
import { requestKeys } from "./conditionKeys.ts";
import { accessDenied, methodNotAllowed, noSuchKey, noSuchVersion } from "./errors.ts";
import { History } from "./history.ts";
import type { Bucket, ObjectVersion, Version } from "./state.ts";

/** `undefined` when there is none; looked up before authorization, for its tags, owner and list. */
export async function lookUp(
  ctx: CallContext,
  bucket: Bucket,
  key: string,
  versionId: string | undefined,
): Promise<Version | undefined> {
  const history = new History(ctx, bucket, key);
  return versionId === undefined ? await history.current() : await history.find(versionId);
}

/**
 * @throws NoSuchKey or NoSuchVersion, AccessDenied in their place for whoever may not list the bucket,
 *   MethodNotAllowed for a delete marker that was named by its version id
 */
export async function requireVersion(
  ctx: CallContext,
  bucket: Bucket,
  input: { Key?: string | undefined; VersionId?: string | undefined },
): Promise<ObjectVersion> {
  const key = input.Key!;
  const version = await lookUp(ctx, bucket, key, input.VersionId);
  if (version?.kind === "object") return version;
  if (version) {
    throw methodNotAllowed(ctx.operation.startsWith("Head") ? "HEAD" : "GET", "DeleteMarker", {
      "x-amz-delete-marker": "true",
      "x-amz-version-id": version.versionId,
      "last-modified": new Date(version.modified).toUTCString(),
      allow: "DELETE",
    });
  }
  if (!(await mayList(ctx, bucket, requestKeys(ctx, {}, bucket)))) throw accessDenied();
  if (input.VersionId !== undefined) throw noSuchVersion(key, input.VersionId);
  const newest = bucket.versioning === undefined ? undefined : await new History(ctx, bucket, key).newestEntry();
  if (newest?.kind !== "deleteMarker") throw noSuchKey(key);
  throw noSuchKey(key, { "x-amz-delete-marker": "true", "x-amz-version-id": newest.versionId });
}
