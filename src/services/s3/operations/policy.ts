/** Bucket policies and Block Public Access. */
import { AwsError } from "#kernel/errors.ts";
import { parsePolicy } from "#policy/parse.ts";
import { checkResourceScope } from "#policy/resourceScope.ts";
import { bindPolicy, shownPolicy, UnknownPrincipal, type BoundPolicy } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { requireBucket } from "../bucket.ts";
import { accountOfCanonicalId } from "../canonical.ts";
import { malformedXml, noSuchConfiguration } from "../errors.ts";
import { isPublicPolicy } from "#engines/publicPolicy/publicPolicy.ts";
import { blockedByPublicAccessBlock, effectiveBlock } from "../publicAccess.ts";
import type { In, Out } from "../sdk.ts";
import { bucketArn, putBucket } from "../state.ts";

/** Source: Amazon S3 User Guide, "Policies and permissions in Amazon S3": 20 KB. */
const maxPolicySize = 20 * 1024;

const malformedPolicy = (message: string) => new AwsError("MalformedPolicy", message, 400);

export async function putBucketPolicy(input: In<"PutBucketPolicy">, ctx: CallContext): Promise<Out<"PutBucketPolicy">> {
  const bucket = await requireBucket(ctx, input);
  const written = input.Policy ?? "";
  if (!written.trimStart().startsWith("{")) {
    throw malformedPolicy("Policies must be valid JSON and the first byte must be '{'");
  }
  if (Buffer.byteLength(written) > maxPolicySize) {
    throw malformedPolicy("Policy exceeds the maximum allowed document size.");
  }
  const arn = bucketArn(bucket.name, ctx.partition);
  checkResourceScope(parsePolicy(written, "resource"), "s3", (resource) => typesWithin(arn, resource));
  const document = withoutCanonicalUsers(written);
  if (isPublicPolicy(document) && (await effectiveBlock(ctx, bucket)).BlockPublicPolicy) {
    throw blockedByPublicAccessBlock("policy");
  }
  const { boundPolicy: _, ...rest } = bucket;
  const bound = await bind(ctx, document);
  putBucket(ctx, { ...rest, policy: document, ...(bound ? { boundPolicy: bound } : {}) });
  return {};
}

async function bind(ctx: CallContext, document: string): Promise<BoundPolicy | undefined> {
  try {
    return await bindPolicy(ctx.identity, document);
  } catch (error) {
    throw error instanceof UnknownPrincipal ? malformedPolicy("Invalid principal in policy") : error;
  }
}

/**
 * Principals that are named by canonical user id are kept by account, as S3 does.
 * Source: IAM User Guide, "AWS JSON policy elements: Principal", section "AWS account principals".
 */
function withoutCanonicalUsers(text: string): string {
  if (!text.includes('"CanonicalUser"')) return text;
  const policy = JSON.parse(text) as { Statement: Statement | Statement[] };
  for (const statement of list(policy.Statement)) {
    for (const element of ["Principal", "NotPrincipal"] as const) {
      const principal = statement[element];
      if (typeof principal !== "object" || principal["CanonicalUser"] === undefined) continue;
      const { CanonicalUser: ids, AWS: others, ...rest } = principal;
      const accounts = list(ids).map((id) => {
        const account = accountOfCanonicalId(id);
        if (account === undefined) throw malformedPolicy("Invalid principal in policy");
        return `arn:aws:iam::${account}:root`;
      });
      statement[element] = { ...rest, AWS: [...list(others), ...accounts] };
    }
  }
  return JSON.stringify(policy);
}

interface Statement {
  Principal?: string | Record<string, string | string[]>;
  NotPrincipal?: string | Record<string, string | string[]>;
}

/** A bucket's policy speaks of that bucket and what is in it. */
function typesWithin(bucket: string, resource: string): readonly string[] | undefined {
  if (resource === bucket) return ["bucket"];
  return resource.startsWith(`${bucket}/`) ? ["object"] : undefined;
}

function list<T>(value: T | T[] | undefined): T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

export async function getBucketPolicy(input: In<"GetBucketPolicy">, ctx: CallContext): Promise<Out<"GetBucketPolicy">> {
  const bucket = await requireBucket(ctx, input);
  if (bucket.policy === undefined) throw noSuchConfiguration.policy(bucket.name);
  return { Policy: await shownPolicy(ctx.identity, bucket.policy, bucket.boundPolicy) };
}

export async function deleteBucketPolicy(
  input: In<"DeleteBucketPolicy">,
  ctx: CallContext,
): Promise<Out<"DeleteBucketPolicy">> {
  const { policy: _policy, boundPolicy: _bound, ...bucket } = await requireBucket(ctx, input);
  putBucket(ctx, bucket);
  return {};
}

export async function getBucketPolicyStatus(
  input: In<"GetBucketPolicyStatus">,
  ctx: CallContext,
): Promise<Out<"GetBucketPolicyStatus">> {
  const bucket = await requireBucket(ctx, input);
  if (bucket.policy === undefined) throw noSuchConfiguration.policy(bucket.name);
  return { PolicyStatus: { IsPublic: isPublicPolicy(bucket.policy) } };
}

export async function putPublicAccessBlock(
  input: In<"PutPublicAccessBlock">,
  ctx: CallContext,
): Promise<Out<"PutPublicAccessBlock">> {
  const bucket = await requireBucket(ctx, input);
  const wanted = input.PublicAccessBlockConfiguration;
  if (!wanted) throw malformedXml();
  putBucket(ctx, {
    ...bucket,
    publicAccessBlock: {
      BlockPublicAcls: wanted.BlockPublicAcls ?? false,
      IgnorePublicAcls: wanted.IgnorePublicAcls ?? false,
      BlockPublicPolicy: wanted.BlockPublicPolicy ?? false,
      RestrictPublicBuckets: wanted.RestrictPublicBuckets ?? false,
    },
  });
  return {};
}

export async function getPublicAccessBlock(
  input: In<"GetPublicAccessBlock">,
  ctx: CallContext,
): Promise<Out<"GetPublicAccessBlock">> {
  const bucket = await requireBucket(ctx, input);
  if (!bucket.publicAccessBlock) throw noSuchConfiguration.publicAccessBlock(bucket.name);
  return { PublicAccessBlockConfiguration: bucket.publicAccessBlock };
}

export async function deletePublicAccessBlock(
  input: In<"DeletePublicAccessBlock">,
  ctx: CallContext,
): Promise<Out<"DeletePublicAccessBlock">> {
  const { publicAccessBlock: _, ...bucket } = await requireBucket(ctx, input);
  putBucket(ctx, bucket);
  return {};
}
