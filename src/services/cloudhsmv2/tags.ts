/** Rules of tags. Source: CloudHSM API Reference, Tag, TagResource; AWS General Reference, "Tagging" (50, no `aws:`). */
import { limitExceeded, tagFailure } from "./errors.ts";
import type { Tag } from "./sdk.ts";

const mostTags = 50;

/** @throws CloudHsmTagException, CloudHsmResourceLimitExceededException */
export function withTags(tags: Readonly<Record<string, string>>, added: readonly Tag[] = []): Record<string, string> {
  const keys = added.map(({ Key }) => Key);
  if (new Set(keys).size < keys.length) throw tagFailure("A tag key can be given only once.");
  const reserved = keys.find((key) => key.toLowerCase().startsWith("aws:"));
  if (reserved !== undefined) throw tagFailure(`The tag key ${reserved} is reserved for AWS.`);
  const merged = { ...tags, ...Object.fromEntries(added.map(({ Key, Value }) => [Key, Value])) };
  if (Object.keys(merged).length > mostTags) throw limitExceeded(`A resource can have no more than ${mostTags} tags.`);
  return merged;
}

/** In the order of their keys, so that pages do not change with additions elsewhere. */
export function shownTags(tags: Readonly<Record<string, string>>): Tag[] {
  return Object.keys(tags)
    .toSorted()
    .map((Key) => ({ Key, Value: tags[Key]! }));
}

export function requestTags(tags: readonly Tag[] | undefined): Record<string, string | string[]> {
  if (!tags?.length) return {};
  return {
    ...Object.fromEntries(tags.map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value])),
    "aws:TagKeys": tags.map(({ Key }) => Key),
  };
}

export function resourceTags(tags: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:ResourceTag/${key}`, value]));
}
