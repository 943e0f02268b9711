/** Pages of the listings. "The default value is 50, maximum 50"; tokens are positions and stay valid. */
import { PageTokens } from "#gateway/pageTokens.ts";
import { outOfRange } from "./errors.ts";

interface Paged {
  MaxResults?: number | undefined;
  NextToken?: string | undefined;
}

const tokens = new PageTokens("guardduty", outOfRange);

/** A page of a list whose items have an order of their own. @throws BadRequestException */
export function pageOf<T>(input: Paged, items: readonly T[]): { items: readonly T[]; next: { NextToken?: string } } {
  const start = input.NextToken === undefined || input.NextToken === "" ? 0 : tokens.readOffset(input.NextToken);
  const end = start + (input.MaxResults ?? 50);
  const next = end < items.length ? { NextToken: tokens.write(String(end)) } : {};
  return { items: items.slice(start, end), next };
}
