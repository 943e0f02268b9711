/**
 * Object Lock: retention, legal hold and who may lift them; and MFA delete, the other thing that guards versions.
 * Source: Amazon S3 User Guide, "Locking objects with Object Lock", "Configuring MFA delete".
 */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { accessDenied, invalidArgument, invalidRequest } from "./errors.ts";
import type { Bucket, DefaultRetention, ObjectVersion, Retention, Version } from "./state.ts";

export interface LockInput {
  ObjectLockMode?: string | undefined;
  ObjectLockRetainUntilDate?: Date | undefined;
  ObjectLockLegalHoldStatus?: string | undefined;
}

const day = 86_400_000;

export function requireLockBucket(bucket: Bucket): void {
  if (!bucket.objectLock) throw invalidRequest("Bucket is missing Object Lock Configuration");
}

/** Retention and hold of a new version: the request's, else the bucket's default. */
export function lockOfRequest(
  ctx: CallContext,
  bucket: Bucket,
  input: LockInput,
): { retention?: Retention; legalHold?: boolean } {
  const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until, ObjectLockLegalHoldStatus: hold } = input;
  if (mode !== undefined || until !== undefined || hold !== undefined) requireLockBucket(bucket);
  if ((mode === undefined) !== (until === undefined)) {
    throw invalidArgument(
      "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
      mode === undefined ? "x-amz-object-lock-mode" : "x-amz-object-lock-retain-until-date",
    );
  }
  if (hold !== undefined && hold !== "ON" && hold !== "OFF") {
    throw invalidArgument("Unknown wormMode directive.", "x-amz-object-lock-legal-hold", hold);
  }
  const retention =
    mode === undefined
      ? defaultRetention(bucket.objectLock?.retention, ctx.now)
      : checkRetention(mode, until!, ctx.now);
  return { ...(retention ? { retention } : {}), ...(hold === "ON" ? { legalHold: true } : {}) };
}

export function checkRetention(mode: string, until: Date, now: number): Retention {
  if (mode !== "GOVERNANCE" && mode !== "COMPLIANCE") {
    throw invalidArgument("Unknown wormMode directive.", "x-amz-object-lock-mode", mode);
  }
  if (until.getTime() <= now) {
    throw invalidArgument("The retain until date must be in the future!", "x-amz-object-lock-retain-until-date");
  }
  return { mode, until: until.getTime() };
}

function defaultRetention(rule: DefaultRetention | undefined, now: number): Retention | undefined {
  if (!rule) return undefined;
  if (rule.days !== undefined) return { mode: rule.mode, until: now + rule.days * day };
  const end = new Date(now);
  end.setUTCFullYear(end.getUTCFullYear() + rule.years!);
  return { mode: rule.mode, until: end.getTime() };
}

/** Why a version may not be removed now; `undefined` when it may. */
export function lockedBy(version: Version, now: number): "legalHold" | "COMPLIANCE" | "GOVERNANCE" | undefined {
  if (version.kind === "deleteMarker") return undefined;
  if (version.legalHold) return "legalHold";
  return version.retention && version.retention.until > now ? version.retention.mode : undefined;
}

/**
 * INVARIANT: the only way around a lock is governance mode with `s3:BypassGovernanceRetention`, asked for.
 * @param mayBypass asks whether the caller has that permission
 * @throws AccessDenied
 */
export async function checkUnlocked(
  version: Version,
  now: number,
  bypass: boolean | undefined,
  mayBypass: () => Promise<boolean>,
): Promise<void> {
  const lock = lockedBy(version, now);
  if (lock === undefined) return;
  if (lock === "GOVERNANCE" && bypass && (await mayBypass())) return;
  throw accessDenied("Access Denied because object protected by object lock.");
}

/** Whether a change of retention only makes it stricter, which needs no bypass. */
export function tightens(from: Retention | undefined, to: Retention | undefined, now: number): boolean {
  if (!from || from.until <= now) return true;
  if (!to) return false;
  return to.until >= from.until && (to.mode === from.mode || to.mode === "COMPLIANCE");
}

/** Compliance mode cannot be shortened or changed by anyone, the account's root included. */
export function isComplianceLocked(version: ObjectVersion, now: number): boolean {
  return version.retention?.mode === "COMPLIANCE" && version.retention.until > now;
}

/** Object lock members of an answer. */
export function lockOutput(version: ObjectVersion) {
  return {
    ...(version.retention
      ? { ObjectLockMode: version.retention.mode, ObjectLockRetainUntilDate: new Date(version.retention.until) }
      : {}),
    ...(version.legalHold === undefined
      ? {}
      : { ObjectLockLegalHoldStatus: version.legalHold ? ("ON" as const) : ("OFF" as const) }),
  };
}

export function invalidBucketState(message: string): AwsError {
  return new AwsError("InvalidBucketState", message, 409);
}
