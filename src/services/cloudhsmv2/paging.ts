/** Pages of what is filtered and sorted already. Source: CloudHSM API Reference (MaxResults of each operation). */
import { PageTokens } from "#gateway/pageTokens.ts";
import { badToken } from "./errors.ts";

const tokens = new PageTokens("cloudhsmv2", badToken);

export interface Order<T> {
  /** Never changes, and no two items have the same one. */
  position(item: T): string;
  descending?: boolean;
}

/** @throws CloudHsmInvalidRequestException for a token that is none of ours. */
export function paged<T>(
  items: readonly T[],
  input: { NextToken?: string | undefined; MaxResults?: number | undefined },
  most: number,
  { position, descending = false }: Order<T>,
): { page: T[]; next: { NextToken?: string } } {
  const after = tokens.read(input.NextToken);
  const sign = descending ? -1 : 1;
  const compare = (a: string, b: string): number => (a < b ? -sign : a > b ? sign : 0);
  const rest = items
    .toSorted((a, b) => compare(position(a), position(b)))
    .filter((item) => after === undefined || compare(position(item), after) > 0);
  const page = rest.slice(0, input.MaxResults ?? most);
  const last = page.at(-1);
  return { page, next: last && rest.length > page.length ? { NextToken: tokens.write(position(last)) } : {} };
}
