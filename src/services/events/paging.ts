/** NextToken and Limit of the listings, up to 100 items a page. */
import { invalid } from "./errors.ts";

const mostItems = 100;
const mark = "jikimi-events:";

/** @throws ValidationException */
export function startOf(token: string | undefined, limit = mostItems): { limit: number; after?: string } {
  if (token === undefined) return { limit };
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (!text.startsWith(mark)) throw invalid("Unrecognized nextToken value.");
  return { limit, after: text.slice(mark.length) };
}

export function nextOf(next: string | undefined): { NextToken?: string } {
  return next === undefined ? {} : { NextToken: Buffer.from(mark + next).toString("base64url") };
}
