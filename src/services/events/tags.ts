/** Tags of buses and rules. */
import { invalid } from "./errors.ts";

interface GivenTag {
  Key?: string | undefined;
  Value?: string | undefined;
}

/** "You can associate tags with up to 50 per resource"; keys that begin with "aws:" are AWS's own. @throws ValidationException */
export function mergeTags(
  tags: Readonly<Record<string, string>>,
  added: readonly GivenTag[] | undefined,
): Record<string, string> {
  const merged = { ...tags };
  for (const { Key = "", Value = "" } of added ?? []) {
    if (/^aws:/i.test(Key)) throw invalid("Tag keys starting with 'aws:' are reserved for system use.");
    merged[Key] = Value;
  }
  if (Object.keys(merged).length > 50) throw invalid("The resource has more than 50 tags.");
  return merged;
}

/** Condition keys of a request that sets tags. */
export function tagContext(tags: readonly GivenTag[] | undefined): Record<string, string | string[]> {
  if (!tags || tags.length === 0) return {};
  return {
    "aws:TagKeys": tags.map(({ Key = "" }) => Key),
    ...Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [`aws:RequestTag/${Key}`, Value])),
  };
}
