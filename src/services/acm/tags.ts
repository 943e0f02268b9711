/** Rules of tags. Source: ACM API Reference, AddTagsToCertificate, Tag. */
import { invalidTag, tooManyTags } from "./errors.ts";
import type { Tag } from "./sdk.ts";

const mostTags = 50;

/** @throws InvalidTagException, TooManyTagsException */
export function withTags(tags: Readonly<Record<string, string>>, added: readonly Tag[]): Record<string, string> {
  const merged = new Map(Object.entries(tags));
  for (const { Key: key = "", Value: value = "" } of added) {
    if (key.toLowerCase().startsWith("aws:")) {
      throw invalidTag(`Invalid Tag Key: "${key}". AWS internal tags cannot be changed with this API`);
    }
    merged.set(key, value);
  }
  if (merged.size > mostTags) throw tooManyTags();
  return Object.fromEntries(merged);
}

/** A tag with a value goes only where it has that value. */
export function withoutTags(tags: Readonly<Record<string, string>>, removed: readonly Tag[]): Record<string, string> {
  const goes = (key: string, value: string): boolean =>
    removed.some((tag) => tag.Key === key && (tag.Value === undefined || tag.Value === value));
  return Object.fromEntries(Object.entries(tags).filter(([key, value]) => !goes(key, value)));
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
