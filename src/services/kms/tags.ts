/** Rules of tags. Source: KMS Developer Guide, "Tags in AWS KMS"; AWS General Reference, "Tagging AWS resources". */
import { limitExceeded, tagFault } from "./errors.ts";

interface Tag {
  TagKey: string | undefined;
  TagValue: string | undefined;
}

const maxTags = 50;

/** The tags after adding. @throws TagException, LimitExceededException */
export function withTags(tags: Readonly<Record<string, string>>, added: readonly Tag[]): Record<string, string> {
  const merged = new Map(Object.entries(tags));
  const seen = new Set<string>();
  for (const { TagKey: key = "", TagValue: value = "" } of added) {
    if (key.length === 0 || key.length > 128 || value.length > 256)
      throw tagFault("Tag key or value has an invalid length.");
    if (key.toLowerCase().startsWith("aws:")) throw tagFault("Tag keys must not start with aws:");
    if (seen.has(key)) throw tagFault("Duplicate tag keys found.");
    seen.add(key);
    merged.set(key, value);
  }
  if (merged.size > maxTags) throw limitExceeded(`A KMS key can have at most ${maxTags} tags.`);
  return Object.fromEntries(merged);
}
