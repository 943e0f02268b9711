/**
 * Tags of buckets by ARN, which provisioning tools use in place of PutBucketTagging.
 * Source: Amazon S3 Control API Reference, TagResource, UntagResource, ListTagsForResource.
 */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import type { In, Out } from "./sdk.ts";
import { installation, requireAccount } from "./state.ts";

/** Of S3's document of a bucket, what is needed here; the rest is kept as it is. */
interface TaggedBucket {
  name: string;
  owner: string;
  tags?: Record<string, string>;
  lifecycle?: unknown;
}

const maxTags = 50;
const bucketArn = /^arn:aws[a-z-]*:s3:::([a-z0-9.-]{3,63})$/;

async function requireBucket(
  ctx: CallContext,
  input: { AccountId?: string | undefined; ResourceArn?: string | undefined },
): Promise<TaggedBucket> {
  const account = requireAccount(ctx, input.AccountId);
  const name = bucketArn.exec(input.ResourceArn ?? "")?.[1];
  if (name === undefined) {
    throw new AwsError("InvalidRequest", "Only general purpose buckets are tagged by their ARN here.", 400);
  }
  const found = await ctx.state.get<TaggedBucket>("bucket", name, installation);
  if (found?.value.owner === account) return found.value;
  throw new AwsError("NoSuchBucket", "The specified bucket does not exist", 404, { fields: { BucketName: name } });
}

function put(ctx: CallContext, bucket: TaggedBucket): void {
  const indexes = {
    owner: `${bucket.owner}/${bucket.name}`,
    ...(bucket.lifecycle ? { lifecycle: bucket.name } : {}),
  };
  ctx.state.put("bucket", bucket.name, bucket, { indexes, at: installation });
}

export async function listTagsForResource(
  input: In<"ListTagsForResource">,
  ctx: CallContext,
): Promise<Out<"ListTagsForResource">> {
  const { tags = {} } = await requireBucket(ctx, input);
  return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
}

export async function tagResource(input: In<"TagResource">, ctx: CallContext): Promise<Out<"TagResource">> {
  const bucket = await requireBucket(ctx, input);
  const added = (input.Tags ?? []).map(({ Key = "", Value = "" }): [string, string] => {
    if (Key === "" || Key.length > 128 || Value.length > 256 || Key.startsWith("aws:")) {
      throw new AwsError("InvalidTag", "The TagKey you have provided is invalid", 400);
    }
    return [Key, Value];
  });
  const tags = { ...bucket.tags, ...Object.fromEntries(added) };
  if (Object.keys(tags).length > maxTags) {
    throw new AwsError("TooManyTags", "Bucket tag count cannot be greater than 50", 400);
  }
  put(ctx, { ...bucket, tags });
  return {};
}

export async function untagResource(input: In<"UntagResource">, ctx: CallContext): Promise<Out<"UntagResource">> {
  const bucket = await requireBucket(ctx, input);
  const gone = new Set(input.TagKeys ?? []);
  const tags = Object.fromEntries(Object.entries(bucket.tags ?? {}).filter(([key]) => !gone.has(key)));
  put(ctx, { ...bucket, tags });
  return {};
}
