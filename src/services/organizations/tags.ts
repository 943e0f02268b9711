/** Tags of roots, units, accounts, policies and the resource policy. Source: API Reference, TagResource. */
import { constraint, invalidInput } from "./errors.ts";
import { quotas } from "./quotas.ts";
import type { OrganizationState, Tag } from "./state.ts";

export type SentTags = readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined;

/** @throws InvalidInputException for a key that occurs twice or is reserved */
export function readTags(sent: SentTags): Tag[] {
  const seen = new Set<string>();
  return (sent ?? []).map(({ Key = "", Value = "" }) => {
    if (Key.toLowerCase().startsWith("aws:")) {
      throw invalidInput("INVALID_SYSTEM_TAGS_PARAMETER", "You specified a tag key that is a system tag.");
    }
    if (seen.has(Key)) throw invalidInput("DUPLICATE_TAG_KEY", "Tag keys must be unique among the tags of a request.");
    seen.add(Key);
    return { Key, Value };
  });
}

export async function tagsOf(organization: OrganizationState, id: string): Promise<Tag[]> {
  return (await organization.get("tags", id))?.tags ?? [];
}

/** Adds to what is there. @throws ConstraintViolationException beyond fifty */
export async function addTags(organization: OrganizationState, id: string, sent: SentTags): Promise<void> {
  const added = readTags(sent);
  if (added.length === 0) return;
  const tags = new Map((await tagsOf(organization, id)).map((tag) => [tag.Key, tag]));
  for (const tag of added) tags.set(tag.Key, tag);
  if (tags.size > quotas.tags) {
    throw constraint("MAX_TAG_LIMIT_EXCEEDED", "You have exceeded the number of tags allowed on this resource.");
  }
  organization.put("tags", id, { tags: [...tags.values()] });
}
