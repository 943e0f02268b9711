/** NextToken and Limit of the listings, up to 100 items a page. */
import { PageTokens } from "#gateway/pageTokens.ts";
import { invalid } from "./errors.ts";

const mostItems = 100;
const tokens = new PageTokens("events", () => invalid("Unrecognized nextToken value."));

/** @throws ValidationException */
export function startOf(token: string | undefined, limit = mostItems): { limit: number; after?: string } {
  const after = tokens.read(token);
  return after === undefined ? { limit } : { limit, after };
}

export function nextOf(next: string | undefined): { NextToken?: string } {
  return next === undefined ? {} : { NextToken: tokens.write(next) };
}
