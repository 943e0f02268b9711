/** Tags. Source: Security Hub API Reference, TagResource; at most 50, keys without `aws:`. */
import { invalidInput } from "./errors.ts";

type Tags = Partial<Record<string, string>> | undefined;

/** @throws InvalidInputException */
export function checkedTags(tags: Tags, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const merged: Record<string, string> = { ...before };
  for (const [key, value = ""] of Object.entries(tags ?? {})) {
    if (key.length < 1 || key.length > 128 || /^aws:/i.test(key)) throw invalidInput(`Invalid tag key: ${key}`);
    if (value.length > 256) throw invalidInput(`Invalid value of the tag ${key}`);
    merged[key] = value;
  }
  if (Object.keys(merged).length > 50) throw invalidInput("A resource can have at most 50 tags");
  return merged;
}
