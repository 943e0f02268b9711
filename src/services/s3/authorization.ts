/**
 * The authorization questions of S3: resource, owner, and every policy that is attached to the resource: bucket
 * policy, access control lists as policies, both after Block Public Access.
 */
import type { CallContext } from "#gateway/context.ts";
import type { NamedPolicy } from "#gateway/identity.ts";
import { accountOf } from "#gateway/principal.ts";
import type { Access } from "#gateway/service.ts";
import { aclPolicy, isPublicGrant } from "./acl.ts";
import { accessPointArn, accessPointKeys, type AccessPoint } from "./accessPoint.ts";
import { ownershipOf, type NamedBucket } from "./bucket.ts";
import type { Keys } from "./conditionKeys.ts";
import { accessDenied } from "./errors.ts";
import { isPublicPolicy } from "#engines/publicPolicy/publicPolicy.ts";
import { effectiveBlock, strictest } from "./publicAccess.ts";
import { bucketArn, objectArn, type Bucket, type Grant, type ObjectVersion } from "./state.ts";

type Actions = string | readonly string[];

const list = (actions: Actions) => (typeof actions === "string" ? [actions] : actions);

export async function bucketAccess(
  ctx: CallContext,
  bucket: NamedBucket,
  actions: Actions,
  keys: Keys,
): Promise<Access[]> {
  const policies = await bucketPolicies(ctx, bucket);
  const context = throughKeys(ctx, bucket, keys);
  const own = list(actions).map((action) => ({
    action,
    resource: bucketArn(bucket.name, ctx.partition),
    resourceAccount: bucket.owner,
    resourcePolicies: policies,
    context,
    // Where a bucket is, is no secret: SDKs ask for it without credentials and read it from the refusal.
    onDenied: (message: string) => accessDenied(message, { "x-amz-bucket-region": bucket.region }),
  }));
  return [...(await pointAccess(ctx, bucket, "", actions, context)), ...own];
}

function throughKeys(ctx: CallContext, bucket: NamedBucket, keys: Keys): Keys {
  return bucket.via ? { ...keys, ...accessPointKeys(bucket.via, ctx.partition) } : keys;
}

/** A request through an access point must be allowed by the access point *and* by the bucket. */
async function pointAccess(
  ctx: CallContext,
  bucket: NamedBucket,
  suffix: string,
  actions: Actions,
  context: Keys,
): Promise<Access[]> {
  const { via } = bucket;
  if (!via) return [];
  const arn = accessPointArn(via, ctx.partition);
  const policies = await pointPolicies(ctx, bucket, via, arn);
  return list(actions).map((action) => ({
    action,
    resource: arn + suffix,
    resourceAccount: via.account,
    resourcePolicies: policies,
    context,
    onDenied: accessDenied,
  }));
}

async function pointPolicies(ctx: CallContext, bucket: Bucket, via: AccessPoint, arn: string): Promise<NamedPolicy[]> {
  if (via.policy === undefined) return [];
  const named = { name: arn, document: via.boundPolicy?.document ?? via.policy };
  if (!isStranger(ctx, via.account) || !isPublicPolicy(via.policy)) return [named];
  const block = strictest(via.publicAccessBlock, await effectiveBlock(ctx, bucket));
  return block.RestrictPublicBuckets ? denialsOnly(named) : [named];
}

function isStranger(ctx: CallContext, account: string): boolean {
  return ctx.principal.kind !== "service" && accountOf(ctx.principal) !== account;
}

/**
 * @param version the object that is there, when the request is about an existing one: its own list counts, and
 *   when somebody else owns it, the bucket's policy can only deny
 */
export async function objectAccess(
  ctx: CallContext,
  bucket: NamedBucket,
  key: string,
  version: ObjectVersion | undefined,
  actions: Actions,
  keys: Keys,
): Promise<Access[]> {
  const context = throughKeys(ctx, bucket, keys);
  const policies = await bucketPolicies(ctx, bucket);
  const resource = objectArn(bucket.name, key, ctx.partition);
  const owner = version?.owner ?? bucket.owner;
  const own = version ? await objectPolicies(ctx, bucket, version, resource) : [];
  const foreign = owner !== bucket.owner;
  const point = await pointAccess(ctx, bucket, `/object/${key}`, actions, context);
  const direct = list(actions).map((action) => {
    // Whoever owns the bucket may remove what is in it and pays for it; reading it is the object owner's affair.
    const byBucket = !foreign || isBucketOwnersAction(action);
    return {
      action,
      resource,
      resourceAccount: byBucket ? bucket.owner : owner,
      resourcePolicies: byBucket ? [...policies, ...own] : [...policies.flatMap(denialsOnly), ...own],
      context,
      onDenied: accessDenied,
    };
  });
  return [...point, ...direct];
}

function isBucketOwnersAction(action: string): boolean {
  return !/^s3:(Get|Put)Object(Version)?(Acl|Attributes|Tagging)?$/.test(action) || action === "s3:PutObject";
}

async function bucketPolicies(ctx: CallContext, bucket: Bucket): Promise<NamedPolicy[]> {
  const arn = bucketArn(bucket.name, ctx.partition);
  const policies: NamedPolicy[] = [];
  const hasPublicGrants = bucket.grants.some(isPublicGrant);
  const stranger = isStranger(ctx, bucket.owner);
  const block =
    (bucket.policy !== undefined && stranger) || hasPublicGrants ? await effectiveBlock(ctx, bucket) : undefined;
  if (bucket.policy !== undefined) {
    const named = { name: arn, document: bucket.boundPolicy?.document ?? bucket.policy };
    // Under RestrictPublicBuckets a public policy still denies strangers, but allows them nothing.
    const restricted = stranger && block!.RestrictPublicBuckets && isPublicPolicy(bucket.policy);
    policies.push(...(restricted ? denialsOnly(named) : [named]));
  }
  if (ownershipOf(bucket) === "BucketOwnerEnforced") return policies;
  const grants = block?.IgnorePublicAcls ? withoutPublic(bucket.grants) : bucket.grants;
  const acl = aclPolicy(grants, { kind: "bucket", arn, owner: bucket.owner, name: `${arn}/acl` }, isAuthenticated(ctx));
  if (acl) policies.push(acl);
  return policies;
}

async function objectPolicies(
  ctx: CallContext,
  bucket: Bucket,
  version: ObjectVersion,
  arn: string,
): Promise<NamedPolicy[]> {
  if (ownershipOf(bucket) === "BucketOwnerEnforced" || version.grants.length === 0) return [];
  const isPublic = version.grants.some(isPublicGrant);
  const ignore = isPublic && (await effectiveBlock(ctx, bucket)).IgnorePublicAcls;
  const grants = ignore ? withoutPublic(version.grants) : version.grants;
  const of = { kind: "object", arn, owner: version.owner, name: `${arn}/acl` } as const;
  const acl = aclPolicy(grants, of, isAuthenticated(ctx));
  return acl ? [acl] : [];
}

function isAuthenticated(ctx: CallContext): boolean {
  return ctx.principal.kind !== "anonymous";
}

function withoutPublic(grants: readonly Grant[]): Grant[] {
  return grants.filter((grant) => !isPublicGrant(grant));
}

/** What a policy refuses, without what it allows; nothing when it refuses nothing. */
function denialsOnly(policy: NamedPolicy): NamedPolicy[] {
  const document = JSON.parse(policy.document) as { Statement: unknown };
  const statements = (Array.isArray(document.Statement) ? document.Statement : [document.Statement]) as {
    Effect?: unknown;
  }[];
  const denials = statements.filter((statement) => statement.Effect === "Deny");
  return denials.length === 0 ? [] : [{ ...policy, document: JSON.stringify({ ...document, Statement: denials }) }];
}

/** Whether the caller may learn that a key does not exist: 404 with ListBucket, 403 without. */
export async function mayList(ctx: CallContext, bucket: NamedBucket, context: Keys): Promise<boolean> {
  return await allowedAll(ctx, await bucketAccess(ctx, bucket, "s3:ListBucket", context));
}

/** Whether everything that a request needs is allowed. */
export async function allowedAll(ctx: CallContext, questions: readonly Access[]): Promise<boolean> {
  for (const access of questions) if (!(await ctx.allowed(access))) return false;
  return true;
}
