/**
 * What a lifecycle configuration means for an object, as pure functions: the job acts on them, and answers tell
 * them (`x-amz-expiration`).
 * Source: Amazon S3 User Guide, "Lifecycle configuration elements", "Lifecycle rules based on an object's age":
 * ages are counted to the next midnight UTC.
 */
import type { ObjectVersion, StoredLifecycleRule } from "./state.ts";

export const day = 86_400_000;

interface Subject {
  key: string;
  tags: Record<string, string>;
  size: number;
}

/** Whether a rule's filter takes an object. An upload in progress has no tags and no size yet. */
export function ruleApplies(rule: StoredLifecycleRule, subject: Subject): boolean {
  if (rule.Status !== "Enabled") return false;
  const filter = rule.Filter ?? {};
  const all = filter.And;
  const prefix = rule.Prefix ?? filter.Prefix ?? all?.Prefix ?? "";
  const tags = filter.Tag ? [filter.Tag] : (all?.Tags ?? []);
  const above = filter.ObjectSizeGreaterThan ?? all?.ObjectSizeGreaterThan;
  const below = filter.ObjectSizeLessThan ?? all?.ObjectSizeLessThan;
  return (
    subject.key.startsWith(prefix) &&
    tags.every((tag) => subject.tags[tag.Key!] === tag.Value) &&
    (above === undefined || subject.size > above) &&
    (below === undefined || subject.size < below)
  );
}

/** The midnight UTC after `days` full days. */
export function dueAfter(since: number, days: number): number {
  return Math.ceil((since + days * day) / day) * day;
}

/** When the current version expires, by the rule that comes first; `undefined` when never. */
export function expirationOf(
  rules: readonly StoredLifecycleRule[] | undefined,
  key: string,
  version: ObjectVersion,
): { at: number; ruleId: string } | undefined {
  let first: { at: number; ruleId: string } | undefined;
  for (const rule of rules ?? []) {
    const { Days: days, Date: date } = rule.Expiration ?? {};
    if ((days === undefined && date === undefined) || !ruleApplies(rule, { ...version, key })) continue;
    const at = date ?? dueAfter(version.modified, days!);
    if (!first || at < first.at) first = { at, ruleId: rule.ID ?? "" };
  }
  return first;
}

/** The text of `x-amz-expiration`. */
export function expirationHeader(
  rules: readonly StoredLifecycleRule[] | undefined,
  key: string,
  version: ObjectVersion,
): { Expiration?: string } {
  const expiration = expirationOf(rules, key, version);
  if (!expiration) return {};
  const date = new Date(expiration.at).toUTCString();
  return { Expiration: `expiry-date="${date}", rule-id="${encodeURIComponent(expiration.ruleId)}"` };
}

/** Noncurrent versions of one key, newest first, that are due. */
export function dueNoncurrent(
  rules: readonly StoredLifecycleRule[],
  key: string,
  versions: readonly (ObjectVersion & { noncurrentSince?: number })[],
  now: number,
): ObjectVersion[] {
  return versions.filter((version, newer) =>
    rules.some((rule) => {
      const { NoncurrentDays: days, NewerNoncurrentVersions: keep = 0 } = rule.NoncurrentVersionExpiration ?? {};
      if (days === undefined || version.noncurrentSince === undefined) return false;
      return newer >= keep && dueAfter(version.noncurrentSince, days) <= now && ruleApplies(rule, { ...version, key });
    }),
  );
}

/** Whether an upload in progress is due to be aborted. */
export function dueUpload(
  rules: readonly StoredLifecycleRule[],
  upload: { key: string; initiated: number },
  now: number,
): boolean {
  return rules.some((rule) => {
    const days = rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation;
    if (days === undefined || !ruleApplies(rule, { key: upload.key, tags: {}, size: 0 })) return false;
    return dueAfter(upload.initiated, days) <= now;
  });
}
