/** NextToken and MaxResults: a token names the last item of the page before. */
import { invalidInput } from "./errors.ts";

export interface PageInput {
  NextToken?: string | undefined;
  MaxResults?: number | undefined;
}

/** "At most 20" for most lists of Organizations; the reference lets a page be shorter than asked for. */
const most = 20;
const prefix = "jikimi.organizations.";

/** One page of a list, ordered by `name`, which is unique in it. @throws InvalidInputException for a token of somebody else */
export function pageOf<T>(input: PageInput, list: readonly T[], name: (item: T) => string) {
  const ordered = [...list].sort((a, b) => (name(a) < name(b) ? -1 : 1));
  const after = input.NextToken === undefined ? undefined : decode(input.NextToken);
  const rest = after === undefined ? ordered : ordered.filter((item) => name(item) > after);
  const items = rest.slice(0, input.MaxResults ?? most);
  const more = rest.length > items.length;
  return {
    items,
    next: more ? { NextToken: Buffer.from(prefix + name(items.at(-1)!)).toString("base64url") } : {},
  };
}

function decode(token: string): string {
  const text = Buffer.from(token, "base64url").toString();
  if (!text.startsWith(prefix)) throw invalidInput("INVALID_NEXT_TOKEN", "You provided an invalid NextToken.");
  return text.slice(prefix.length);
}
