/** Rules of tags. Source: CloudWatch API Reference, TagResource: at most 50, no key that begins with `aws:`. */
import { invalidValue } from "./errors.ts";

const mostTags = 50;

interface GivenTag {
  Key?: string | undefined;
  Value?: string | undefined;
}

/** @throws InvalidParameterValue */
export function withTags(
  tags: Readonly<Record<string, string>>,
  added: readonly GivenTag[] | undefined,
): Record<string, string> {
  const merged = new Map(Object.entries(tags));
  for (const { Key: key = "", Value: value = "" } of added ?? []) {
    if (key.toLowerCase().startsWith("aws:")) throw invalidValue("Tag keys must not start with aws:.");
    merged.set(key, value);
  }
  if (merged.size > mostTags) throw invalidValue(`A resource can have no more than ${mostTags} tags.`);
  return Object.fromEntries(merged);
}
