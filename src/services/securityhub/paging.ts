/** NextToken of the listings. */
import { PageTokens } from "#gateway/pageTokens.ts";
import { invalidInput } from "./errors.ts";

export const tokens = new PageTokens("securityhub", () => invalidInput("Invalid parameter 'NextToken'"));

export function tokenAfter(end: number, length: number): { NextToken?: string } {
  return end < length ? { NextToken: tokens.write(String(end)) } : {};
}
