/** Rules of tags. Source: CloudWatch Logs API Reference, TagResource: at most 50 tags, no key that begins with `aws:`. */
import { AwsError } from "#kernel/errors.ts";
import { invalidParameter } from "./errors.ts";

const mostTags = 50;

/** @throws InvalidParameterException, TooManyTagsException */
export function withTags(
  tags: Readonly<Record<string, string>>,
  added: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  for (const key of Object.keys(added ?? {})) {
    if (key.toLowerCase().startsWith("aws:")) {
      throw invalidParameter("User-defined tag keys can't start with 'aws:'. This prefix is reserved for system tags.");
    }
  }
  const merged = Object.fromEntries([...Object.entries(tags), ...Object.entries(added ?? {})]);
  if (Object.keys(merged).length > mostTags) {
    throw new AwsError("TooManyTagsException", `A resource can have no more than ${mostTags} tags.`);
  }
  return merged;
}

export function withoutTags(
  tags: Readonly<Record<string, string>>,
  removed: readonly string[],
): Record<string, string> {
  const gone = new Set(removed);
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key)));
}
