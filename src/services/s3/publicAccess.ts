/**
 * Block Public Access: the settings of a bucket and of its account, the stricter of both.
 * Source: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage".
 */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { globalRegion } from "#store/contract.ts";
import type { Bucket, PublicAccessBlock } from "./state.ts";

const noBlock: PublicAccessBlock = {
  BlockPublicAcls: false,
  IgnorePublicAcls: false,
  BlockPublicPolicy: false,
  RestrictPublicBuckets: false,
};

/** What new buckets get: everything blocked. */
export const fullBlock: PublicAccessBlock = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: true,
  RestrictPublicBuckets: true,
};

/** The settings that hold for a bucket: the most restrictive of the bucket's and its account's. */
export async function effectiveBlock(ctx: CallContext, bucket: Bucket): Promise<PublicAccessBlock> {
  const account = await ctx.state.get<PublicAccessBlock>("accountPublicAccessBlock", "configuration", {
    account: bucket.owner,
    region: globalRegion,
    service: "s3",
  });
  return strictest(bucket.publicAccessBlock ?? noBlock, account?.value ?? noBlock);
}

export function strictest(a: PublicAccessBlock, b: PublicAccessBlock): PublicAccessBlock {
  return {
    BlockPublicAcls: a.BlockPublicAcls || b.BlockPublicAcls,
    IgnorePublicAcls: a.IgnorePublicAcls || b.IgnorePublicAcls,
    BlockPublicPolicy: a.BlockPublicPolicy || b.BlockPublicPolicy,
    RestrictPublicBuckets: a.RestrictPublicBuckets || b.RestrictPublicBuckets,
  };
}

/** A refusal by Block Public Access, in S3's words. */
export function blockedByPublicAccessBlock(what: "policy" | "ACL"): AwsError {
  return new AwsError(
    "AccessDenied",
    what === "policy"
      ? "Public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access."
      : "Public access control lists (ACLs) are prevented by the BlockPublicAcls setting in S3 Block Public Access.",
    403,
  );
}
