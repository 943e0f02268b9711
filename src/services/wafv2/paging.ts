/** NextMarker and Limit of the listings: 1 to 100, 100 unless told otherwise. */
import type { StateQuery } from "#gateway/context.ts";
import { PageTokens } from "#gateway/pageTokens.ts";
import { invalidParameter, reasons } from "./errors.ts";

const tokens = new PageTokens("waf", () => invalidParameter("ENTITY_LIMIT", "NextMarker", reasons.formatting));

export const pageSize = 100;

/** @throws WAFInvalidParameterException */
export function pageQuery(
  input: { NextMarker?: string | undefined; Limit?: number | undefined },
  prefix: string,
): StateQuery {
  const base = { prefix, limit: input.Limit ?? pageSize };
  const after = tokens.read(input.NextMarker);
  return after === undefined ? base : { ...base, after };
}

export function nextMarker(next: string | undefined): { NextMarker?: string } {
  return next === undefined ? {} : { NextMarker: tokens.write(next) };
}
