/** Rules of tags. Source: AWS WAF API Reference, TagResource: 50 tags a resource; keys that begin with `aws:` are AWS's. */
import { invalidTags } from "./errors.ts";

const mostTags = 50;

interface GivenTag {
  Key?: string | undefined;
  Value?: string | undefined;
}

/** @throws WAFTagOperationException */
export function withTags(
  tags: Readonly<Record<string, string>>,
  added: readonly GivenTag[] | undefined,
): Record<string, string> {
  const merged = new Map(Object.entries(tags));
  for (const { Key = "", Value = "" } of added ?? []) {
    if (Key.toLowerCase().startsWith("aws:"))
      throw invalidTags("Tag keys that begin with aws: are reserved for AWS use.");
    merged.set(Key, Value);
  }
  if (merged.size > mostTags) throw invalidTags(`A resource can have no more than ${mostTags} tags.`);
  return Object.fromEntries(merged);
}

export const tagList = (tags: Readonly<Record<string, string>>): { Key: string; Value: string }[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
