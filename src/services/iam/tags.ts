/**
 * Tag sets. Keys of users, roles and the rest are unique without regard to case; keys of managed policies
 * keep case apart.
 * Source: IAM User Guide, "Rules for tagging in IAM"; texts recorded from AWS in LocalStack's snapshot tests.
 */
import { invalidInput, limitExceeded, validationError } from "./errors.ts";
import { quotas } from "./quotas.ts";
import type { Tag } from "./state.ts";

export interface TagInput {
  Key?: string | undefined;
  Value?: string | undefined;
}

export type TagCase = "insensitive" | "sensitive";

/** Checks the tags of a request. @throws InvalidInput for a key that occurs twice or begins with "aws:". */
export function readTags(input: readonly TagInput[] | undefined, tagCase: TagCase = "insensitive"): Tag[] {
  const seen = new Set<string>();
  return (input ?? []).map((tag) => {
    const key = tag.Key ?? "";
    const folded = fold(key, tagCase);
    if (seen.has(folded)) {
      throw invalidInput(
        tagCase === "sensitive"
          ? "Duplicate tag keys found."
          : "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
      );
    }
    if (key.toLowerCase().startsWith("aws:")) {
      throw invalidInput("Caller is not authorized to create or modify a tag with key prefixed with aws:");
    }
    seen.add(folded);
    return { Key: key, Value: tag.Value ?? "" };
  });
}

/** The set after `TagX`: new values for known keys, new keys at the end. @throws LimitExceeded above 50. */
export function addTags(existing: readonly Tag[], added: readonly Tag[], tagCase: TagCase = "insensitive"): Tag[] {
  const result = new Map(existing.map((tag) => [fold(tag.Key, tagCase), tag]));
  for (const tag of added) result.set(fold(tag.Key, tagCase), tag);
  if (result.size > quotas.tags) throw limitExceeded("The number of tags has reached the maximum limit.");
  return [...result.values()];
}

export function removeTags(existing: readonly Tag[], keys: readonly string[], tagCase: TagCase = "insensitive"): Tag[] {
  const removed = new Set(keys.map((key) => fold(key, tagCase)));
  return existing.filter((tag) => !removed.has(fold(tag.Key, tagCase)));
}

/** Listing order: by key, byte order. */
export function sortedTags(tags: readonly Tag[]): Tag[] {
  return [...tags].sort((a, b) => (a.Key < b.Key ? -1 : a.Key > b.Key ? 1 : 0));
}

/** @throws ValidationError; the wire checks it too, handlers called in process do not pass the wire. */
export function requireTagCount(tags: readonly TagInput[] | undefined): void {
  if ((tags?.length ?? 0) > quotas.tags) {
    throw validationError(
      "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50",
    );
  }
}

/** Condition keys of a resource's own tags. */
export function resourceTagContext(tags: readonly Tag[]): Record<string, string> {
  const context: Record<string, string> = {};
  for (const tag of tags) {
    context[`aws:ResourceTag/${tag.Key}`] = tag.Value;
    context[`iam:ResourceTag/${tag.Key}`] = tag.Value;
  }
  return context;
}

/** Condition keys of the tags a request brings along. */
export function requestTagContext(tags: readonly TagInput[] | undefined): Record<string, string | string[]> {
  if (!tags || tags.length === 0) return {};
  const context: Record<string, string | string[]> = { "aws:TagKeys": tags.map((tag) => tag.Key ?? "") };
  for (const tag of tags) context[`aws:RequestTag/${tag.Key ?? ""}`] = tag.Value ?? "";
  return context;
}

function fold(key: string, tagCase: TagCase): string {
  return tagCase === "sensitive" ? key : key.toLowerCase();
}
