/**
 * Access points: further names of a bucket, each with a policy of its own, in place of the bucket's name. They are
 * made through S3 Control; here they are followed.
 * Source: Amazon S3 User Guide, "Managing access to shared datasets with access points", "Access point
 * compatibility".
 */
import { parseArn } from "#kernel/arn.ts";
import { AwsError } from "#kernel/errors.ts";
import type { BoundPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { methodNotAllowed } from "./errors.ts";
import { installation, type PublicAccessBlock } from "./state.ts";

/** Document `accessPoint`, written by S3 Control in the access point's account and Region. */
export interface AccessPoint {
  name: string;
  account: string;
  region: string;
  bucket: string;
  alias: string;
  publicAccessBlock: PublicAccessBlock;
  policy?: string;
  boundPolicy?: BoundPolicy;
}

/** What an access point takes; the bucket's configuration is not among it. */
const operations = new Set([
  "AbortMultipartUpload",
  "CompleteMultipartUpload",
  "CopyObject",
  "CreateMultipartUpload",
  "DeleteObject",
  "DeleteObjects",
  "DeleteObjectTagging",
  "GetBucketLocation",
  "GetObject",
  "GetObjectAcl",
  "GetObjectAttributes",
  "GetObjectLegalHold",
  "GetObjectRetention",
  "GetObjectTagging",
  "HeadBucket",
  "HeadObject",
  "ListMultipartUploads",
  "ListObjects",
  "ListObjectsV2",
  "ListObjectVersions",
  "ListParts",
  "PutObject",
  "PutObjectAcl",
  "PutObjectLegalHold",
  "PutObjectRetention",
  "PutObjectTagging",
  "UploadPart",
  "UploadPartCopy",
]);

/** Whether text in the place of a bucket name is an access point's ARN or alias. */
export function namesAccessPoint(name: string): boolean {
  return name.startsWith("arn:") || name.endsWith("-s3alias");
}

/** @throws NoSuchAccessPoint, InvalidARN, MethodNotAllowed for an operation that access points do not take */
export async function requireAccessPoint(ctx: CallContext, name: string): Promise<AccessPoint> {
  if (!operations.has(ctx.operation)) throw methodNotAllowed("", "ACCESSPOINT");
  const at = name.startsWith("arn:") ? placeOfArn(name) : await placeOfAlias(ctx, name);
  const found =
    at &&
    (await ctx.state.get<AccessPoint>("accessPoint", at.name, {
      account: at.account,
      region: at.region,
      service: "s3",
    }));
  if (found) return found.value;
  throw new AwsError("NoSuchAccessPoint", "The specified accesspoint does not exist", 404, {
    fields: { AccessPointName: at?.name ?? name },
  });
}

/**
 * With an endpoint of their own, clients put an access point's name and account into the host name, where a bucket's
 * name would be. A bucket of that name comes first.
 */
export async function accessPointOfHost(ctx: CallContext, name: string): Promise<AccessPoint | undefined> {
  const match = /^([a-z0-9-]{3,50})-(\d{12})$/.exec(name);
  if (!match || !operations.has(ctx.operation)) return undefined;
  const at = { account: match[2]!, region: ctx.region, service: "s3" };
  return (await ctx.state.get<AccessPoint>("accessPoint", match[1]!, at))?.value;
}

interface Place {
  name: string;
  account: string;
  region: string;
}

function placeOfArn(text: string): Place {
  const arn = parseArn(text);
  const match = /^accesspoint[:/]([a-z0-9-]{3,50})$/.exec(arn?.resource ?? "");
  if (arn?.service !== "s3" || !match) throw new AwsError("InvalidARN", "Invalid ARN", 400);
  return { name: match[1]!, account: arn.account, region: arn.region };
}

async function placeOfAlias(ctx: CallContext, alias: string): Promise<Place | undefined> {
  if (!/^[a-z0-9-]{3,63}$/.test(alias)) return undefined;
  return (await ctx.state.get<Place>("accessPointAlias", alias, installation))?.value;
}

export function accessPointArn(point: AccessPoint, partition: string): string {
  return `arn:${partition}:s3:${point.region}:${point.account}:accesspoint/${point.name}`;
}

/** Condition keys of a request that came through an access point. */
export function accessPointKeys(point: AccessPoint, partition: string): Record<string, string> {
  return {
    "s3:DataAccessPointArn": accessPointArn(point, partition),
    "s3:DataAccessPointAccount": point.account,
    "s3:AccessPointNetworkOrigin": "Internet",
  };
}
