/** PutBucketLifecycleConfiguration and its kin; the job acts on what is kept here. */
import type { LifecycleRule } from "@aws-sdk/client-s3";
import type { CallContext } from "#gateway/context.ts";
import { requireBucket } from "../bucket.ts";
import { invalidArgument, invalidRequest, malformedXml, noSuchConfiguration, notImplemented } from "../errors.ts";
import { day } from "../lifecycle.ts";
import { invalidBucketState } from "../objectLock.ts";
import type { In, Out } from "../sdk.ts";
import { putBucket, type StoredLifecycleRule } from "../state.ts";

const maxRules = 1000;
/** Amazon S3 API Reference, PutBucketLifecycleConfiguration: the default; clients compare what they read with it. */
const usualTransitionMinimum = "all_storage_classes_128K";

export async function putBucketLifecycleConfiguration(
  input: In<"PutBucketLifecycleConfiguration">,
  ctx: CallContext,
): Promise<Out<"PutBucketLifecycleConfiguration">> {
  const bucket = await requireBucket(ctx, input);
  if (bucket.mfaDelete === "Enabled") {
    throw invalidBucketState("Lifecycle configurations cannot be set on a bucket with MFA Delete enabled.");
  }
  const rules = input.LifecycleConfiguration?.Rules ?? [];
  if (rules.length === 0 || rules.length > maxRules) throw malformedXml();
  const stored = rules.map((rule) => checkRule(rule, ctx));
  const ids = stored.map((rule) => rule.ID);
  if (new Set(ids).size < ids.length) {
    throw invalidArgument("Rule ID must be unique. Found same ID for more than one rule", "ID");
  }
  const transitionMinimum = input.TransitionDefaultMinimumObjectSize ?? usualTransitionMinimum;
  putBucket(ctx, { ...bucket, lifecycle: stored, transitionMinimum });
  return { TransitionDefaultMinimumObjectSize: transitionMinimum };
}

/** Source: Amazon S3 API Reference, LifecycleRule; Amazon S3 User Guide, "Lifecycle configuration elements". */
function checkRule(rule: LifecycleRule, ctx: CallContext): StoredLifecycleRule {
  const {
    Expiration: expiration,
    NoncurrentVersionExpiration: noncurrent,
    AbortIncompleteMultipartUpload: abort,
  } = rule;
  if (rule.Transitions?.length || rule.NoncurrentVersionTransitions?.length) {
    throw notImplemented("Transitions are not served: there is no other storage to move objects to.");
  }
  if (rule.Status !== "Enabled" && rule.Status !== "Disabled") throw malformedXml();
  if (rule.ID !== undefined && rule.ID.length > 255) {
    throw invalidArgument("ID length should not exceed allowed limit of 255", "ID");
  }
  if (rule.Prefix !== undefined && rule.Filter !== undefined) throw malformedXml();
  if (!expiration && !noncurrent && !abort) {
    throw invalidRequest("At least one action needs to be specified in a rule");
  }
  const filter = rule.Filter;
  const hasTags = filter?.Tag !== undefined || (filter?.And?.Tags?.length ?? 0) > 0;
  const sized = [filter, filter?.And].some(
    (part) => part?.ObjectSizeGreaterThan !== undefined || part?.ObjectSizeLessThan !== undefined,
  );
  if (filter && Object.values(filter).filter((value) => value !== undefined).length > 1) throw malformedXml();
  if (abort) {
    positive(abort.DaysAfterInitiation, "DaysAfterInitiation");
    if (hasTags) throw invalidRequest("AbortIncompleteMultipartUpload cannot be specified with Tags.");
    if (sized) throw invalidRequest("AbortIncompleteMultipartUpload cannot be specified with object size.");
  }
  if (noncurrent) {
    positive(noncurrent.NoncurrentDays, "NoncurrentDays");
    if (noncurrent.NewerNoncurrentVersions !== undefined) {
      positive(noncurrent.NewerNoncurrentVersions, "NewerNoncurrentVersions");
    }
  }
  const { Expiration: _, ...rest } = rule;
  return {
    ...rest,
    ID: rule.ID ?? ctx.random.bytes(24).toString("base64url"),
    ...(expiration ? { Expiration: checkExpiration(expiration, hasTags) } : {}),
  };
}

function checkExpiration(
  expiration: NonNullable<LifecycleRule["Expiration"]>,
  hasTags: boolean,
): NonNullable<StoredLifecycleRule["Expiration"]> {
  const { Days: days, Date: date, ExpiredObjectDeleteMarker: marker } = expiration;
  if ([days, date, marker].filter((value) => value !== undefined).length !== 1) throw malformedXml();
  if (days !== undefined) {
    positive(days, "Days");
    return { Days: days };
  }
  if (date !== undefined) {
    if (date.getTime() % day !== 0) throw invalidArgument("'Date' must be at midnight GMT", "Date", date.toISOString());
    return { Date: date.getTime() };
  }
  if (hasTags) throw invalidRequest("ExpiredObjectDeleteMarker cannot be specified with Tags.");
  return { ExpiredObjectDeleteMarker: marker! };
}

function positive(value: number | undefined, name: string): void {
  if (value !== undefined && Number.isInteger(value) && value > 0) return;
  throw invalidArgument(`'${name}' for Lifecycle action must be a positive integer`, name, value);
}

export async function getBucketLifecycleConfiguration(
  input: In<"GetBucketLifecycleConfiguration">,
  ctx: CallContext,
): Promise<Out<"GetBucketLifecycleConfiguration">> {
  const bucket = await requireBucket(ctx, input);
  if (!bucket.lifecycle) throw noSuchConfiguration.lifecycle(bucket.name);
  return {
    TransitionDefaultMinimumObjectSize: bucket.transitionMinimum ?? usualTransitionMinimum,
    Rules: bucket.lifecycle.map((rule): LifecycleRule => {
      const { Expiration: expiration, ...rest } = rule;
      if (!expiration) return rest;
      const { Date: date, ...others } = expiration;
      return { ...rest, Expiration: { ...others, ...(date === undefined ? {} : { Date: new Date(date) }) } };
    }),
  };
}

export async function deleteBucketLifecycle(
  input: In<"DeleteBucketLifecycle">,
  ctx: CallContext,
): Promise<Out<"DeleteBucketLifecycle">> {
  const { lifecycle: _, transitionMinimum: _minimum, ...bucket } = await requireBucket(ctx, input);
  putBucket(ctx, bucket);
  return {};
}
