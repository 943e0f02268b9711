/** Object Lock: configuration of the bucket, retention and legal hold of versions. */
import type { CallContext } from "#gateway/context.ts";
import { allowedAll, objectAccess } from "../authorization.ts";
import { requestCharged, requireBucket } from "../bucket.ts";
import { requestKeys } from "../conditionKeys.ts";
import { accessDenied, invalidArgument, malformedXml, noSuchConfiguration } from "../errors.ts";
import { History } from "../history.ts";
import { checkKey } from "../names.ts";
import { checkRetention, invalidBucketState, isComplianceLocked, requireLockBucket, tightens } from "../objectLock.ts";
import type { In, Out } from "../sdk.ts";
import { putBucket, type DefaultRetention, type Retention } from "../state.ts";
import { requireVersion } from "../target.ts";

export async function putObjectLockConfiguration(
  input: In<"PutObjectLockConfiguration">,
  ctx: CallContext,
): Promise<Out<"PutObjectLockConfiguration">> {
  const bucket = await requireBucket(ctx, input);
  const wanted = input.ObjectLockConfiguration;
  if (wanted?.ObjectLockEnabled !== "Enabled") throw malformedXml();
  if (bucket.versioning !== "Enabled") {
    throw invalidBucketState("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
  }
  const retention = wanted.Rule ? defaultRetention(wanted.Rule.DefaultRetention) : undefined;
  putBucket(ctx, { ...bucket, objectLock: retention ? { retention } : {} });
  return { ...requestCharged(ctx, bucket) };
}

function defaultRetention(
  rule: { Mode?: string | undefined; Days?: number | undefined; Years?: number | undefined } | undefined,
): DefaultRetention {
  const { Mode: mode, Days: days, Years: years } = rule ?? {};
  if (mode !== "GOVERNANCE" && mode !== "COMPLIANCE") throw malformedXml();
  if ((days === undefined) === (years === undefined)) throw malformedXml();
  const period = days ?? years!;
  if (period <= 0)
    throw invalidArgument(
      "Default retention period must be a positive integer value.",
      days === undefined ? "Years" : "Days",
      period,
    );
  if (days !== undefined ? days > 36_500 : period > 100) {
    throw invalidArgument("Default retention period too large.", days === undefined ? "Years" : "Days", period);
  }
  return { mode, ...(days === undefined ? { years: period } : { days: period }) };
}

export async function getObjectLockConfiguration(
  input: In<"GetObjectLockConfiguration">,
  ctx: CallContext,
): Promise<Out<"GetObjectLockConfiguration">> {
  const bucket = await requireBucket(ctx, input);
  if (!bucket.objectLock) throw noSuchConfiguration.objectLock(bucket.name);
  const { retention } = bucket.objectLock;
  return {
    ObjectLockConfiguration: {
      ObjectLockEnabled: "Enabled",
      ...(retention
        ? {
            Rule: {
              DefaultRetention: {
                Mode: retention.mode,
                ...(retention.days === undefined ? { Years: retention.years } : { Days: retention.days }),
              },
            },
          }
        : {}),
    },
  };
}

export async function putObjectRetention(
  input: In<"PutObjectRetention">,
  ctx: CallContext,
): Promise<Out<"PutObjectRetention">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  requireLockBucket(bucket);
  const version = await requireVersion(ctx, bucket, input);
  const { Mode: mode, RetainUntilDate: until } = input.Retention ?? {};
  if ((mode === undefined) !== (until === undefined)) throw malformedXml();
  const wanted: Retention | undefined = mode === undefined ? undefined : checkRetention(mode, until!, ctx.now);
  if (!tightens(version.retention, wanted, ctx.now)) {
    const denied = () => accessDenied("Access Denied because object protected by object lock.");
    if (isComplianceLocked(version, ctx.now) || !input.BypassGovernanceRetention) throw denied();
    const keys = requestKeys(ctx, input, bucket);
    const questions = await objectAccess(ctx, bucket, key, undefined, "s3:BypassGovernanceRetention", keys);
    if (!(await allowedAll(ctx, questions))) throw denied();
  }
  const { retention: _, ...rest } = version;
  await new History(ctx, bucket, key).update({ ...rest, ...(wanted ? { retention: wanted } : {}) });
  return { ...requestCharged(ctx, bucket) };
}

export async function getObjectRetention(
  input: In<"GetObjectRetention">,
  ctx: CallContext,
): Promise<Out<"GetObjectRetention">> {
  const bucket = await requireBucket(ctx, input);
  checkKey(input.Key);
  requireLockBucket(bucket);
  const version = await requireVersion(ctx, bucket, input);
  if (!version.retention) throw noSuchConfiguration.objectRetention();
  return { Retention: { Mode: version.retention.mode, RetainUntilDate: new Date(version.retention.until) } };
}

export async function putObjectLegalHold(
  input: In<"PutObjectLegalHold">,
  ctx: CallContext,
): Promise<Out<"PutObjectLegalHold">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  requireLockBucket(bucket);
  const status = input.LegalHold?.Status;
  if (status !== "ON" && status !== "OFF") throw malformedXml();
  const version = await requireVersion(ctx, bucket, input);
  await new History(ctx, bucket, key).update({ ...version, legalHold: status === "ON" });
  return { ...requestCharged(ctx, bucket) };
}

export async function getObjectLegalHold(
  input: In<"GetObjectLegalHold">,
  ctx: CallContext,
): Promise<Out<"GetObjectLegalHold">> {
  const bucket = await requireBucket(ctx, input);
  checkKey(input.Key);
  requireLockBucket(bucket);
  const version = await requireVersion(ctx, bucket, input);
  if (version.legalHold === undefined) throw noSuchConfiguration.objectRetention();
  return { LegalHold: { Status: version.legalHold ? "ON" : "OFF" } };
}
