/**
 * Session tags. Source: IAM User Guide, "Pass session tags in AWS STS": at most 50, keys up to 128 and values up
 * to 256 characters, keys unique without regard to case; transitive tags of a session cannot be replaced by the
 * next one in the chain.
 */
import { AwsError } from "#kernel/errors.ts";
import type { SessionContext } from "#gateway/principal.ts";
import { setOwn } from "#wire/scalars.ts";

export interface SessionTags {
  tags: Record<string, string>;
  transitive: string[];
}

interface SentTag {
  Key?: string | undefined;
  Value?: string | undefined;
}

const most = 50;
const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

export function sessionTags(
  sent: readonly SentTag[] | undefined,
  transitiveKeys: readonly string[] | undefined,
  previous: SessionContext | undefined,
): SessionTags {
  const tags: Record<string, string> = {};
  const seen = new Set<string>();
  if ((sent?.length ?? 0) > most) {
    throw new AwsError("ValidationError", `Member must have length less than or equal to ${most}`, 400);
  }
  for (const { Key: key = "", Value: value = "" } of sent ?? []) {
    if (key.length === 0 || key.length > 128 || value.length > 256 || !allowed.test(key) || !allowed.test(value)) {
      throw new AwsError("ValidationError", `Invalid session tag ${key}.`, 400);
    }
    if (key.toLowerCase().startsWith("aws:")) {
      throw new AwsError("InvalidParameterValue", "Tag keys beginning with aws: are reserved.", 400);
    }
    if (seen.has(key.toLowerCase())) {
      throw new AwsError(
        "InvalidParameterValue",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        400,
      );
    }
    seen.add(key.toLowerCase());
    setOwn(tags, key, value);
  }
  const transitive = [...(transitiveKeys ?? [])];
  for (const key of transitive) {
    if (!seen.has(key.toLowerCase())) {
      throw new AwsError(
        "InvalidParameterValue",
        "The specified transitive tag key must be included in the requested tags.",
        400,
      );
    }
  }
  for (const key of previous?.transitiveTagKeys ?? []) {
    if (seen.has(key.toLowerCase())) {
      throw new AwsError(
        "InvalidParameterValue",
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
        400,
      );
    }
    const value = previous?.tags?.[key];
    if (value === undefined) continue;
    setOwn(tags, key, value);
    transitive.push(key);
  }
  return { tags, transitive };
}

/** Context keys of a request that passes tags. */
export function tagContext(tags: SessionTags, sent: readonly SentTag[] | undefined): Record<string, string | string[]> {
  const context: Record<string, string | string[]> = {};
  for (const { Key: key = "", Value: value = "" } of sent ?? []) context[`aws:RequestTag/${key}`] = value;
  if (sent && sent.length > 0) context["aws:TagKeys"] = sent.map(({ Key: key = "" }) => key);
  if (tags.transitive.length > 0) context["sts:TransitiveTagKeys"] = tags.transitive;
  return context;
}
