/** Rules of tags. Source: SQS Developer Guide, "Amazon SQS cost allocation tags"; TagQueue: at most 50. */
import { invalidParameter } from "./errors.ts";

const mostTags = 50;

/** The tags after adding. @throws InvalidParameterValue */
export function checkTags(
  tags: Readonly<Record<string, string>>,
  added: Readonly<Record<string, string>>,
): Record<string, string> {
  for (const [key, value] of Object.entries(added)) {
    if (key.length < 1 || key.length > 128)
      throw invalidParameter("Tag keys must be between 1 and 128 characters in length.");
    if (value.length > 256) throw invalidParameter("Tag values must be between 0 and 256 characters in length.");
    if (/^aws:/i.test(key)) throw invalidParameter("Tag keys must not start with aws:.");
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u.test(key + value)) {
      throw invalidParameter("Tags can only contain letters, digits, white space and _.:/=+-@.");
    }
  }
  const merged = { ...tags, ...added };
  if (Object.keys(merged).length > mostTags)
    throw invalidParameter(`Too many tags added for queue. At most ${mostTags} are allowed.`);
  return merged;
}
