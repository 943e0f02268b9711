/** DeleteObject, DeleteObjects. */
import type { DeletedObject, _Error as DeleteError } from "@aws-sdk/client-s3";
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { accountOf } from "#gateway/principal.ts";
import { allowedAll, objectAccess } from "../authorization.ts";
import { requestCharged, requireBucket } from "../bucket.ts";
import { existingTags, requestKeys } from "../conditionKeys.ts";
import { accessDenied, invalidRequest, malformedXml, notImplementedHeader, preconditionFailed } from "../errors.ts";
import { emitEvent } from "../events.ts";
import { History, type Removal } from "../history.ts";
import { requireMfa } from "../mfa.ts";
import { checkKey } from "../names.ts";
import { checkUnlocked } from "../objectLock.ts";
import { etagMatches } from "../preconditions.ts";
import type { In, Out } from "../sdk.ts";
import { installation, type Bucket } from "../state.ts";
import { lookUp } from "../target.ts";

interface Target {
  key: string;
  versionId: string | undefined;
  ifMatch: string | undefined;
  bypass: boolean | undefined;
}

export async function deleteObject(input: In<"DeleteObject">, ctx: CallContext): Promise<Out<"DeleteObject">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  if (input.IfMatchLastModifiedTime !== undefined) throw notImplementedHeader("x-amz-if-match-last-modified-time");
  if (input.IfMatchSize !== undefined) throw notImplementedHeader("x-amz-if-match-size");
  if (input.VersionId !== undefined && bucket.mfaDelete === "Enabled") await requireMfa(ctx, bucket, input.MFA);
  const removal = await remove(ctx, bucket, new History(ctx, bucket, key), {
    key,
    versionId: input.VersionId,
    ifMatch: input.IfMatch,
    bypass: input.BypassGovernanceRetention,
  });
  ctx.state.check("bucket", bucket.name, installation);
  return {
    ...(removal.deleteMarker ? { DeleteMarker: true } : {}),
    ...(removal.versionId === undefined ? {} : { VersionId: removal.versionId }),
    ...requestCharged(ctx, bucket),
  };
}

async function remove(ctx: CallContext, bucket: Bucket, history: History, target: Target): Promise<Removal> {
  const { key, versionId } = target;
  if (target.ifMatch !== undefined) {
    const current = await history.current();
    // Deleting what is not there succeeds, conditional or not.
    if (!current) return { deleteMarker: false };
    if (!etagMatches(target.ifMatch, current.etag)) throw preconditionFailed("If-Match");
  }
  if (versionId === undefined) {
    const removal = await history.removeCurrent(accountOf(ctx.principal) ?? bucket.owner);
    const event = removal.deleteMarker ? "ObjectRemoved:DeleteMarkerCreated" : "ObjectRemoved:Delete";
    if (removal.deleteMarker || removal.removed) emitEvent(ctx, bucket, event, key, removal.removed);
    return removal;
  }
  const version = await history.find(versionId);
  if (version) {
    await checkUnlocked(version, ctx.now, target.bypass, async () => {
      const keys = requestKeys(ctx, { VersionId: versionId }, bucket);
      return await allowedAll(
        ctx,
        await objectAccess(ctx, bucket, key, undefined, "s3:BypassGovernanceRetention", keys),
      );
    });
  }
  const removal = await history.removeVersion(versionId);
  if (removal.removed) emitEvent(ctx, bucket, "ObjectRemoved:Delete", key, removal.removed);
  return removal;
}

/**
 * Up to 1,000 keys; each is authorized, and fails, by itself.
 * INVARIANT: everything that is reported as deleted goes in one batch.
 */
export async function deleteObjects(input: In<"DeleteObjects">, ctx: CallContext): Promise<Out<"DeleteObjects">> {
  const bucket = await requireBucket(ctx, input);
  const objects = input.Delete?.Objects ?? [];
  if (objects.length === 0 || objects.length > 1000) throw malformedXml();
  if (bucket.mfaDelete === "Enabled" && objects.some((object) => object.VersionId !== undefined)) {
    await requireMfa(ctx, bucket, input.MFA);
  }
  const histories = new Map<string, History>();
  const deleted: DeletedObject[] = [];
  const errors: DeleteError[] = [];
  for (const object of objects) {
    try {
      if (object.LastModifiedTime !== undefined || object.Size !== undefined) {
        throw invalidRequest("Conditions on LastModifiedTime and Size are for directory buckets only.");
      }
      const key = checkKey(object.Key);
      await authorizeDelete(ctx, bucket, key, object.VersionId);
      const history = histories.get(key) ?? new History(ctx, bucket, key);
      histories.set(key, history);
      const removal = await remove(ctx, bucket, history, {
        key,
        versionId: object.VersionId,
        ifMatch: object.ETag,
        bypass: input.BypassGovernanceRetention,
      });
      deleted.push(described(key, object.VersionId, removal));
    } catch (error) {
      if (!(error instanceof AwsError) || error.status >= 500) throw error;
      errors.push({
        Key: object.Key,
        ...(object.VersionId === undefined ? {} : { VersionId: object.VersionId }),
        Code: error.code,
        Message: error.message,
      });
    }
  }
  ctx.state.check("bucket", bucket.name, installation);
  return {
    ...(input.Delete?.Quiet ? {} : { Deleted: deleted }),
    ...(errors.length > 0 ? { Errors: errors } : {}),
    ...requestCharged(ctx, bucket),
  };
}

async function authorizeDelete(
  ctx: CallContext,
  bucket: Bucket,
  key: string,
  versionId: string | undefined,
): Promise<void> {
  const action = versionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion";
  const found = await lookUp(ctx, bucket, key, versionId);
  // The same keys as for DeleteObject: a policy holds for both ways of deleting.
  const keys = {
    ...requestKeys(ctx, { VersionId: versionId }, bucket),
    ...existingTags(found?.kind === "object" ? found : undefined),
  };
  if (!(await allowedAll(ctx, await objectAccess(ctx, bucket, key, undefined, action, keys)))) throw accessDenied();
}

function described(key: string, versionId: string | undefined, removal: Removal): DeletedObject {
  return {
    Key: key,
    ...(versionId === undefined ? {} : { VersionId: versionId }),
    ...(removal.deleteMarker ? { DeleteMarker: true, DeleteMarkerVersionId: removal.versionId } : {}),
  };
}
