/** Access control lists and object ownership. */
import { AwsError } from "#kernel/errors.ts";
import type { AccessControlPolicy } from "@aws-sdk/client-s3";
import type { CallContext } from "#gateway/context.ts";
import {
  accessControlListNotSupported,
  asksForAcl,
  grantsOfPolicy,
  grantsOfRequest,
  isBucketOwnerFullControl,
  isPublicGrant,
  ownerGrant,
  wireGrants,
  type AclInput,
} from "../acl.ts";
import { ownershipOf, requestCharged, requireBucket } from "../bucket.ts";
import { canonicalId } from "../canonical.ts";
import { malformedXml, noSuchConfiguration } from "../errors.ts";
import { emitEvent } from "../events.ts";
import { History } from "../history.ts";
import { checkKey } from "../names.ts";
import { blockedByPublicAccessBlock, effectiveBlock } from "../publicAccess.ts";
import type { In, Out } from "../sdk.ts";
import { putBucket, type Bucket, type Grant, type ObjectOwnership } from "../state.ts";
import { requireVersion } from "../target.ts";

export async function getBucketAcl(input: In<"GetBucketAcl">, ctx: CallContext): Promise<Out<"GetBucketAcl">> {
  const bucket = await requireBucket(ctx, input);
  const grants = ownershipOf(bucket) === "BucketOwnerEnforced" ? [ownerGrant(bucket.owner)] : bucket.grants;
  return { Owner: { ID: canonicalId(bucket.owner) }, Grants: wireGrants(grants) };
}

export async function putBucketAcl(input: In<"PutBucketAcl">, ctx: CallContext): Promise<Out<"PutBucketAcl">> {
  const bucket = await requireBucket(ctx, input);
  const grants = await newGrants(ctx, bucket, input, bucket.owner);
  if (grants) putBucket(ctx, { ...bucket, grants });
  return {};
}

export async function getObjectAcl(input: In<"GetObjectAcl">, ctx: CallContext): Promise<Out<"GetObjectAcl">> {
  const bucket = await requireBucket(ctx, input);
  checkKey(input.Key);
  const version = await requireVersion(ctx, bucket, input);
  const enforced = ownershipOf(bucket) === "BucketOwnerEnforced";
  const owner = enforced ? bucket.owner : version.owner;
  const grants = enforced || version.grants.length === 0 ? [ownerGrant(owner)] : version.grants;
  return { Owner: { ID: canonicalId(owner) }, Grants: wireGrants(grants), ...requestCharged(ctx, bucket) };
}

export async function putObjectAcl(input: In<"PutObjectAcl">, ctx: CallContext): Promise<Out<"PutObjectAcl">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const version = await requireVersion(ctx, bucket, input);
  const grants = await newGrants(ctx, bucket, input, version.owner);
  if (grants) {
    await new History(ctx, bucket, key).update({ ...version, grants });
    emitEvent(ctx, bucket, "ObjectAcl:Put", key, version);
  }
  return { ...requestCharged(ctx, bucket) };
}

/** The list a request asks for; `undefined` when it asks for what a bucket without lists has anyway. */
async function newGrants(
  ctx: CallContext,
  bucket: Bucket,
  input: AclInput & { AccessControlPolicy?: AccessControlPolicy | undefined },
  owner: string,
): Promise<Grant[] | undefined> {
  const policy = input.AccessControlPolicy;
  if (policy && asksForAcl(input)) {
    throw new AwsError("UnexpectedContent", "This request does not support content", 400);
  }
  if (!policy && !asksForAcl(input)) {
    throw new AwsError("MissingSecurityHeader", "Your request was missing a required header", 400, {
      fields: { MissingHeaderName: "x-amz-acl" },
    });
  }
  const enforced = ownershipOf(bucket) === "BucketOwnerEnforced";
  if (enforced && !policy && input.ACL === "bucket-owner-full-control") return undefined;
  const grants = policy ? grantsOfPolicy(policy, owner) : grantsOfRequest(input, owner, bucket.owner);
  if (enforced) {
    if (input.ACL === undefined && isBucketOwnerFullControl(grants, bucket.owner)) return undefined;
    throw accessControlListNotSupported();
  }
  if (grants.some(isPublicGrant) && (await effectiveBlock(ctx, bucket)).BlockPublicAcls) {
    throw blockedByPublicAccessBlock("ACL");
  }
  return grants;
}

const ownerships = new Set<string | undefined>(["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]);

export async function putBucketOwnershipControls(
  input: In<"PutBucketOwnershipControls">,
  ctx: CallContext,
): Promise<Out<"PutBucketOwnershipControls">> {
  const bucket = await requireBucket(ctx, input);
  const rules = input.OwnershipControls?.Rules ?? [];
  const ownership = rules[0]?.ObjectOwnership;
  if (rules.length !== 1 || !ownerships.has(ownership)) throw malformedXml();
  if (ownership === "BucketOwnerEnforced" && !isBucketOwnerFullControl(bucket.grants, bucket.owner)) {
    throw new AwsError(
      "InvalidBucketAclWithObjectOwnership",
      "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
      400,
    );
  }
  putBucket(ctx, { ...bucket, ownership: ownership as ObjectOwnership });
  return {};
}

export async function getBucketOwnershipControls(
  input: In<"GetBucketOwnershipControls">,
  ctx: CallContext,
): Promise<Out<"GetBucketOwnershipControls">> {
  const bucket = await requireBucket(ctx, input);
  if (bucket.ownership === undefined) throw noSuchConfiguration.ownershipControls(bucket.name);
  return { OwnershipControls: { Rules: [{ ObjectOwnership: bucket.ownership }] } };
}

export async function deleteBucketOwnershipControls(
  input: In<"DeleteBucketOwnershipControls">,
  ctx: CallContext,
): Promise<Out<"DeleteBucketOwnershipControls">> {
  const { ownership: _, ...bucket } = await requireBucket(ctx, input);
  putBucket(ctx, bucket);
  return {};
}
