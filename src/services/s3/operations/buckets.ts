/** CreateBucket, HeadBucket, DeleteBucket, ListBuckets, GetBucketLocation. */
import { AwsError } from "#kernel/errors.ts";
import { base36Id } from "#kernel/ids.ts";
import type { CallContext } from "#gateway/context.ts";
import { accountOf } from "#gateway/principal.ts";
import { accessControlListNotSupported, asksForAcl, grantsOfRequest, isPublicGrant, ownerGrant } from "../acl.ts";
import { requireBucket } from "../bucket.ts";
import { canonicalId } from "../canonical.ts";
import {
  accessDenied,
  bucketAlreadyExists,
  bucketAlreadyOwnedByYou,
  bucketNotEmpty,
  invalidArgument,
  malformedXml,
  notImplemented,
} from "../errors.ts";
import { readListToken, writeListToken } from "../listing.ts";
import { checkBucketName } from "../names.ts";
import { fullBlock } from "../publicAccess.ts";
import type { In, Out } from "../sdk.ts";
import { bucketArn, getBucket, installation, putBucket, within, type Bucket, type ObjectOwnership } from "../state.ts";
import { checkTags } from "../tags.ts";

/** Default quota. Source: Amazon S3 User Guide, "General purpose bucket quotas". */
const maxBuckets = 10_000;
const ownerships = new Set(["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]);

export async function createBucket(input: In<"CreateBucket">, ctx: CallContext): Promise<Out<"CreateBucket">> {
  const name = input.Bucket!;
  checkBucketName(name);
  const owner = accountOf(ctx.principal);
  if (owner === undefined) throw accessDenied();
  const configuration = input.CreateBucketConfiguration;
  if (configuration?.Location || configuration?.Bucket) {
    throw notImplemented("Directory buckets are not served: there are no Availability Zones to place them in.");
  }
  if (input.BucketNamespace !== undefined && input.BucketNamespace !== "global") {
    throw notImplemented("Buckets in an account's regional namespace are not served.");
  }
  checkLocation(ctx.region, configuration?.LocationConstraint);
  const ownership = (input.ObjectOwnership ?? "BucketOwnerEnforced") as ObjectOwnership;
  if (!ownerships.has(ownership)) {
    throw invalidArgument("Invalid x-amz-object-ownership header: " + ownership, "x-amz-object-ownership", ownership);
  }
  const grants = initialGrants(input, ownership, owner);

  const existing = (await getBucket(ctx, name))?.value;
  if (existing) {
    if (existing.owner !== owner) throw bucketAlreadyExists(name);
    // As S3 does for old clients: in us-east-1 creating one's own bucket again succeeds.
    if (ctx.region !== "us-east-1" || existing.region !== "us-east-1") throw bucketAlreadyOwnedByYou(name);
    return location(name, ctx);
  }
  await checkQuota(ctx, owner);
  const bucket: Bucket = {
    name,
    uid: base36Id("", 16, ctx.random),
    owner,
    region: ctx.region,
    createdAt: ctx.now,
    encryption: { algorithm: "AES256", bucketKey: false, blocked: ["SSE-C"] },
    publicAccessBlock: fullBlock,
    ownership,
    grants,
    ...(configuration?.LocationConstraint ? { locationConstraint: configuration.LocationConstraint } : {}),
    ...(configuration?.Tags?.length ? { tags: checkTags(configuration.Tags, "bucket") } : {}),
    ...(input.ObjectLockEnabledForBucket ? { versioning: "Enabled" as const, objectLock: {} } : {}),
  };
  putBucket(ctx, bucket);
  return location(name, ctx);
}

async function checkQuota(ctx: CallContext, owner: string): Promise<void> {
  let count = 0;
  let after: string | undefined;
  do {
    const range = { from: `${owner}/`, to: `${owner}0`, ...(after === undefined ? {} : { after }) };
    const page = await ctx.state.find("bucket", "owner", range, installation);
    count += page.items.length;
    after = page.next;
  } while (after !== undefined && count < maxBuckets);
  if (count >= maxBuckets) {
    throw new AwsError("TooManyBuckets", "You have attempted to create more buckets than allowed", 400);
  }
}

/** New buckets block public access, so a public list cannot be part of their creation. */
function initialGrants(input: In<"CreateBucket">, ownership: ObjectOwnership, owner: string) {
  if (ownership === "BucketOwnerEnforced") {
    if (!asksForAcl(input) || input.ACL === "private") return [ownerGrant(owner)];
    throw input.ObjectOwnership === undefined
      ? new AwsError(
          "InvalidBucketAclWithObjectOwnership",
          "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
          400,
        )
      : accessControlListNotSupported();
  }
  const grants = grantsOfRequest(input, owner, owner);
  if (grants.some(isPublicGrant)) {
    throw new AwsError(
      "InvalidBucketAclWithBlockPublicAccessError",
      "Bucket cannot have public ACLs set with BlockPublicAccess enabled",
      400,
    );
  }
  return grants;
}

/** Source: Amazon S3 API Reference, CreateBucket: a Region must be named everywhere but in us-east-1. */
function checkLocation(region: string, constraint: string | undefined): void {
  const wanted = constraint === "EU" ? "eu-west-1" : constraint;
  if (wanted === region && region !== "us-east-1") return;
  if (wanted === undefined && region === "us-east-1") return;
  if (wanted === "us-east-1" || (wanted !== undefined && !/^[a-z]{2}(-[a-z]+)+-\d$/.test(wanted))) {
    throw new AwsError("InvalidLocationConstraint", "The specified location-constraint is not valid", 400, {
      fields: { LocationConstraint: wanted },
    });
  }
  throw new AwsError(
    "IllegalLocationConstraintException",
    `The ${wanted ?? "unspecified"} location constraint is incompatible for the region specific endpoint this request was sent to.`,
    400,
  );
}

function location(name: string, ctx: CallContext): Out<"CreateBucket"> {
  return { Location: `/${name}`, BucketArn: bucketArn(name, ctx.partition) };
}

export async function headBucket(input: In<"HeadBucket">, ctx: CallContext): Promise<Out<"HeadBucket">> {
  const bucket = await requireBucket(ctx, input);
  return { BucketRegion: bucket.region, BucketArn: bucketArn(bucket.name, ctx.partition), AccessPointAlias: false };
}

/**
 * INVARIANT: no object can appear in a bucket that is being deleted: every writer checks the bucket document in
 * its batch, and this batch removes it while checking that nothing is inside.
 */
export async function deleteBucket(input: In<"DeleteBucket">, ctx: CallContext): Promise<Out<"DeleteBucket">> {
  const bucket = await requireBucket(ctx, input);
  const at = within(bucket);
  const prefix = `${bucket.uid}/`;
  const points = await ctx.state.find("accessPoint", "bucket", { value: bucket.name, limit: 1 }, at);
  if (points.items.length > 0) {
    throw new AwsError(
      "BucketHasAccessPointsAttached",
      "The bucket you are attempting to delete has one or more access points attached. Delete your access points before attempting to delete the bucket.",
      400,
    );
  }
  for (const type of ["object", "version"]) {
    const page = await ctx.state.list(type, { prefix, limit: 1 }, at);
    if (page.items.length > 0) throw bucketNotEmpty(bucket.name, bucket.versioning !== undefined);
    ctx.state.checkNone(type, prefix, at);
  }
  ctx.state.delete("bucket", bucket.name, { at: installation });
  ctx.state.put(
    "remains",
    bucket.uid,
    { owner: bucket.owner, region: bucket.region },
    { version: "any", at: installation },
  );
  return {};
}

export async function getBucketLocation(
  input: In<"GetBucketLocation">,
  ctx: CallContext,
): Promise<Out<"GetBucketLocation">> {
  const bucket = await requireBucket(ctx, input);
  if (bucket.region === "us-east-1") return {};
  return { LocationConstraint: (bucket.locationConstraint ?? bucket.region) as "eu-west-1" };
}

export async function listBuckets(input: In<"ListBuckets">, ctx: CallContext): Promise<Out<"ListBuckets">> {
  const owner = accountOf(ctx.principal);
  if (owner === undefined) throw accessDenied();
  const { MaxBuckets: asked, Prefix: prefix = "", BucketRegion: region } = input;
  if (asked !== undefined && (asked < 1 || asked > 10_000)) {
    throw invalidArgument("Argument max-buckets must be an integer between 1 and 10000", "max-buckets", asked);
  }
  if (/[^a-z0-9.-]/.test(prefix)) throw malformedXml();
  const limit = asked ?? 10_000;
  const binding = ["ListBuckets", owner, prefix, region ?? ""];
  const after = readListToken(input.ContinuationToken, binding);
  const found: Bucket[] = [];
  let cursor: string | undefined = after;
  let more = true;
  while (more && found.length <= limit) {
    const page: { items: { value: Bucket }[]; next?: string } = await ctx.state.find<Bucket>(
      "bucket",
      "owner",
      {
        from: cursor === undefined ? `${owner}/${prefix}` : `${owner}/${cursor}\u0001`,
        to: `${owner}/${prefix}~`,
        limit: 1000,
      },
      installation,
    );
    for (const { value } of page.items) {
      cursor = value.name;
      if (region === undefined || value.region === region) found.push(value);
    }
    more = page.next !== undefined;
  }
  const shown = found.slice(0, limit);
  return {
    Owner: { ID: canonicalId(owner) },
    Buckets: shown.map((bucket) => ({
      Name: bucket.name,
      CreationDate: new Date(bucket.createdAt),
      BucketArn: bucketArn(bucket.name, ctx.partition),
      // "If the request contains at least one valid parameter, it is included": API Reference, Bucket.
      ...([asked, region, input.Prefix, input.ContinuationToken].some((parameter) => parameter !== undefined)
        ? { BucketRegion: bucket.region }
        : {}),
    })),
    ...(input.Prefix === undefined ? {} : { Prefix: prefix }),
    ...(found.length > limit ? { ContinuationToken: writeListToken(shown.at(-1)!.name, binding) } : {}),
  };
}
