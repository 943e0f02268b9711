/** NextToken of the listings, 100 items a page. */
import { PageTokens } from "#gateway/pageTokens.ts";
import { invalid } from "./errors.ts";

export const pageSize = 100;
const tokens = new PageTokens("sns", () => invalid("NextToken"));

/** @throws InvalidParameter */
export function startOf(token: string | undefined): { limit: number; after?: string } {
  const after = tokens.read(token);
  return after === undefined ? { limit: pageSize } : { limit: pageSize, after };
}

export function nextOf(next: string | undefined): { NextToken?: string } {
  return next === undefined ? {} : { NextToken: tokens.write(next) };
}
