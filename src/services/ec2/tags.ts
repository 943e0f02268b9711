/**
 * Rules of tags. Source: EC2 User Guide, "Tag restrictions" (50 tags, key of 1 to 128, value of up to 256 characters,
 * `aws:` is reserved); CreateTags, "Errors".
 */
import { failure, invalidValue } from "./errors.ts";
import type { TagSpecification } from "./sdk.ts";

const mostTags = 50;

interface GivenTag {
  Key?: string | undefined;
  Value?: string | undefined;
}

/** @throws InvalidParameterValue, TagLimitExceeded */
export function withTags(tags: Readonly<Record<string, string>>, added: readonly GivenTag[]): Record<string, string> {
  const merged = new Map(Object.entries(tags));
  const given = new Set<string>();
  for (const { Key: key = "", Value: value = "" } of added) {
    if (key === "") throw invalidValue("Tag key cannot be null or empty.");
    if (key.length > 128)
      throw invalidValue(`Tag key exceeds the maximum length of 128 characters: '${key.slice(0, 128)}'`);
    if (value.length > 256) throw invalidValue(`Tag value exceeds the maximum length of 256 characters`);
    if (key.toLowerCase().startsWith("aws:")) {
      throw invalidValue(`Tag keys starting with 'aws:' are reserved for internal use`);
    }
    if (given.has(key)) throw invalidValue(`Duplicate tag key '${key}' specified.`);
    given.add(key);
    merged.set(key, value);
  }
  if (merged.size > mostTags) {
    throw failure("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.");
  }
  return Object.fromEntries(merged);
}

/** Tags of a resource that is being created. @throws InvalidParameterValue for a specification of another type. */
export function tagsOf(specifications: readonly TagSpecification[] | undefined, type: string): Record<string, string> {
  let tags: Record<string, string> = {};
  for (const { ResourceType: given, Tags: added = [] } of specifications ?? []) {
    if (given !== type) {
      throw invalidValue(`'${String(given)}' is not a valid taggable resource type for this operation.`);
    }
    if (added.length === 0) throw invalidValue("Tag specification must have at least one tag");
    tags = withTags(tags, added);
  }
  return tags;
}

export function shownTags(tags: Readonly<Record<string, string>>): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** Condition keys of tags that a request brings along. */
export function requestTags(
  specifications: readonly TagSpecification[] | undefined,
): Record<string, string | string[]> {
  const tags = (specifications ?? []).flatMap(({ Tags = [] }) => Tags);
  if (tags.length === 0) return {};
  return {
    ...Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [`aws:RequestTag/${Key}`, Value])),
    "aws:TagKeys": tags.map(({ Key = "" }) => Key),
  };
}
