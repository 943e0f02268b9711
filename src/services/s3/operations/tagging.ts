/** Tags of buckets and objects. */
import type { CallContext } from "#gateway/context.ts";
import { requireBucket } from "../bucket.ts";
import { malformedXml, noSuchConfiguration } from "../errors.ts";
import { emitEvent } from "../events.ts";
import { History } from "../history.ts";
import { checkKey } from "../names.ts";
import { versionOutput } from "../output.ts";
import type { In, Out } from "../sdk.ts";
import { putBucket } from "../state.ts";
import { checkTags, tagSet } from "../tags.ts";
import { requireVersion } from "../target.ts";

export async function putBucketTagging(
  input: In<"PutBucketTagging">,
  ctx: CallContext,
): Promise<Out<"PutBucketTagging">> {
  const bucket = await requireBucket(ctx, input);
  if (!input.Tagging?.TagSet) throw malformedXml();
  putBucket(ctx, { ...bucket, tags: checkTags(input.Tagging.TagSet, "bucket") });
  return {};
}

export async function getBucketTagging(
  input: In<"GetBucketTagging">,
  ctx: CallContext,
): Promise<Out<"GetBucketTagging">> {
  const bucket = await requireBucket(ctx, input);
  if (!bucket.tags || Object.keys(bucket.tags).length === 0) throw noSuchConfiguration.tagging(bucket.name);
  return { TagSet: tagSet(bucket.tags) };
}

export async function deleteBucketTagging(
  input: In<"DeleteBucketTagging">,
  ctx: CallContext,
): Promise<Out<"DeleteBucketTagging">> {
  const { tags: _, ...bucket } = await requireBucket(ctx, input);
  putBucket(ctx, bucket);
  return {};
}

export async function getObjectTagging(
  input: In<"GetObjectTagging">,
  ctx: CallContext,
): Promise<Out<"GetObjectTagging">> {
  const bucket = await requireBucket(ctx, input);
  checkKey(input.Key);
  const version = await requireVersion(ctx, bucket, input);
  return { TagSet: tagSet(version.tags), ...versionOutput(bucket, version) };
}

export async function putObjectTagging(
  input: In<"PutObjectTagging">,
  ctx: CallContext,
): Promise<Out<"PutObjectTagging">> {
  if (!input.Tagging?.TagSet) throw malformedXml();
  return await replaceTags(ctx, input, checkTags(input.Tagging.TagSet, "object"), "ObjectTagging:Put");
}

export async function deleteObjectTagging(
  input: In<"DeleteObjectTagging">,
  ctx: CallContext,
): Promise<Out<"DeleteObjectTagging">> {
  return await replaceTags(ctx, input, {}, "ObjectTagging:Delete");
}

async function replaceTags(
  ctx: CallContext,
  input: In<"DeleteObjectTagging">,
  tags: Record<string, string>,
  event: string,
): Promise<{ VersionId?: string }> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const version = await requireVersion(ctx, bucket, input);
  await new History(ctx, bucket, key).update({ ...version, tags });
  emitEvent(ctx, bucket, event, key, version);
  return versionOutput(bucket, version);
}
