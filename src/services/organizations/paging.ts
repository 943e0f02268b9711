/** NextToken and MaxResults: a token names the last item of the page before. */
import { PageTokens, pageOfNamed } from "#gateway/pageTokens.ts";
import { invalidInput } from "./errors.ts";

export interface PageInput {
  NextToken?: string | undefined;
  MaxResults?: number | undefined;
}

/** "At most 20" for most lists of Organizations; the reference lets a page be shorter than asked for. */
const most = 20;
const tokens = new PageTokens("organizations", () =>
  invalidInput("INVALID_NEXT_TOKEN", "You provided an invalid NextToken."),
);

/** One page of a list, ordered by `name`, which is unique in it. @throws InvalidInputException for a token of somebody else */
export function pageOf<T>(input: PageInput, list: readonly T[], name: (item: T) => string) {
  const ordered = list.toSorted((a, b) => (name(a) < name(b) ? -1 : 1));
  const page = pageOfNamed(ordered, { after: tokens.read(input.NextToken), limit: input.MaxResults ?? most }, name);
  return { items: page.items, next: page.next === undefined ? {} : { NextToken: tokens.write(page.next) } };
}
