/** NextToken of the listings, 100 items a page. */
import { invalid } from "./errors.ts";

export const pageSize = 100;
const mark = "jikimi-sns:";

/** @throws InvalidParameter */
export function startOf(token: string | undefined): { limit: number; after?: string } {
  if (token === undefined) return { limit: pageSize };
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (!text.startsWith(mark)) throw invalid("NextToken");
  return { limit: pageSize, after: text.slice(mark.length) };
}

export function nextOf(next: string | undefined): { NextToken?: string } {
  return next === undefined ? {} : { NextToken: Buffer.from(mark + next).toString("base64url") };
}
