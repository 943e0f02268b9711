/** Rules of tags. Source: API Reference, AddTags ("maximum of 50 tags", keys that begin with `aws:` are reserved). */
import { duplicateTagKeys, tooMany, validation } from "./errors.ts";
import type { Tag } from "./sdk.ts";

const mostTags = 50;

/** @throws DuplicateTagKeys, TooManyTags, ValidationError */
export function withTags(tags: Readonly<Record<string, string>>, added: readonly Tag[] = []): Record<string, string> {
  const merged = new Map(Object.entries(tags));
  const given = new Set<string>();
  for (const { Key: key = "", Value: value = "" } of added) {
    if (given.has(key)) throw duplicateTagKeys(key);
    given.add(key);
    if (key.toLowerCase().startsWith("aws:")) {
      throw validation("aws: prefixed tag key names are not allowed for external use.");
    }
    merged.set(key, value);
  }
  if (merged.size > mostTags) {
    throw tooMany("Tags", "The quota for the number of tags that can be assigned to a resource has been reached");
  }
  return Object.fromEntries(merged);
}

export function shownTags(tags: Readonly<Record<string, string>>): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

export function tagContext(tags: readonly Tag[] | undefined): Record<string, string | string[]> {
  if (!tags?.length) return {};
  return {
    ...Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [`aws:RequestTag/${Key}`, Value])),
    "aws:TagKeys": tags.map(({ Key = "" }) => Key),
  };
}
