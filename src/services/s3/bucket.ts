/** Which bucket a request means, and the checks that precede every use of it. */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { accountOf } from "#gateway/principal.ts";
import { accessPointOfHost, namesAccessPoint, requireAccessPoint, type AccessPoint } from "./accessPoint.ts";
import { accessDenied, noSuchBucket } from "./errors.ts";
import { checkBucketName } from "./names.ts";
import { getBucket, type Bucket, type ObjectOwnership } from "./state.ts";

export interface BucketInput {
  Bucket?: string | undefined;
  ExpectedBucketOwner?: string | undefined;
  RequestPayer?: string | undefined;
}

/** Operations that name a bucket of any Region: they are how a client learns the Region. */
const anyRegion = new Set(["GetBucketLocation"]);

/** A bucket as a request names it: by its own name, or through an access point. */
export type NamedBucket = Bucket & { via?: AccessPoint };

/**
 * The bucket, after `x-amz-expected-bucket-owner`, the Region and requester pays have been checked.
 * @throws NoSuchBucket, AccessDenied, AuthorizationHeaderMalformed
 */
export async function requireBucket(ctx: CallContext, input: BucketInput): Promise<NamedBucket> {
  const bucket = await namedBucket(ctx, input.Bucket, input.ExpectedBucketOwner);
  if (bucket.region !== ctx.region && !isRegionless(ctx)) throw wrongRegion(ctx, bucket);
  if (bucket.requestPayer === "Requester") checkRequester(ctx, bucket, input.RequestPayer);
  return bucket;
}

/** The same without the Region: the source of a copy may be anywhere. */
export async function namedBucket(
  ctx: CallContext,
  name: string | undefined,
  expectedOwner: string | undefined,
): Promise<NamedBucket> {
  let via = namesAccessPoint(name ?? "") ? await requireAccessPoint(ctx, name!) : undefined;
  if (!via) checkBucketName(name ?? "");
  let bucket = (await getBucket(ctx, via?.bucket ?? name!))?.value;
  if (!bucket && !via) {
    via = await accessPointOfHost(ctx, name!);
    if (via) bucket = (await getBucket(ctx, via.bucket))?.value;
  }
  if (!bucket) throw noSuchBucket(via?.bucket ?? name!);
  if (expectedOwner !== undefined && expectedOwner !== bucket.owner) throw accessDenied();
  return via ? { ...bucket, via } : bucket;
}

/** Calls that were not signed for a Region, or come from a service that works for a bucket elsewhere. */
function isRegionless(ctx: CallContext): boolean {
  const { principal, request } = ctx;
  return (
    anyRegion.has(ctx.operation) ||
    principal.kind === "anonymous" ||
    principal.kind === "service" ||
    request.calledVia.length > 0 ||
    request.signature?.version === "AWS"
  );
}

function wrongRegion(ctx: CallContext, bucket: Bucket): AwsError {
  const headers = { "x-amz-bucket-region": bucket.region };
  // The one operation whose refusal has no body: clients go by its status and read the Region from the header.
  if (ctx.operation === "HeadBucket") {
    return new AwsError(
      "PermanentRedirect",
      "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
      301,
      { headers },
    );
  }
  return new AwsError(
    "AuthorizationHeaderMalformed",
    `The authorization header is malformed; the region '${ctx.region}' is wrong; expecting '${bucket.region}'`,
    400,
    { fields: { Region: bucket.region }, headers },
  );
}

/** Source: Amazon S3 User Guide, "Using Requester Pays general purpose buckets". */
function checkRequester(ctx: CallContext, bucket: Bucket, requestPayer: string | undefined): void {
  const caller = accountOf(ctx.principal);
  if (caller === bucket.owner || ctx.principal.kind === "service") return;
  if (ctx.principal.kind === "anonymous" || requestPayer !== "requester") {
    throw accessDenied("Access Denied. This bucket is configured for Requester Pays.");
  }
}

export function ownershipOf(bucket: Bucket): ObjectOwnership {
  // A bucket whose ownership controls were deleted behaves as before ownership controls existed.
  return bucket.ownership ?? "ObjectWriter";
}

/** `RequestCharged` member of answers from a requester pays bucket. */
export function requestCharged(ctx: CallContext, bucket: Bucket): { RequestCharged?: "requester" } {
  const pays = bucket.requestPayer === "Requester" && accountOf(ctx.principal) !== bucket.owner;
  return pays ? { RequestCharged: "requester" } : {};
}
