/** NextMarker and Limit of the listings: 1 to 100, 100 unless told otherwise. */
import type { StateQuery } from "#gateway/context.ts";
import { invalidParameter, reasons } from "./errors.ts";

const mark = "jikimi-waf:";
export const pageSize = 100;

/** @throws WAFInvalidParameterException */
export function pageQuery(
  input: { NextMarker?: string | undefined; Limit?: number | undefined },
  prefix: string,
): StateQuery {
  const base = { prefix, limit: input.Limit ?? pageSize };
  if (input.NextMarker === undefined) return base;
  const text = Buffer.from(input.NextMarker, "base64url").toString("utf8");
  if (!text.startsWith(mark)) throw invalidParameter("ENTITY_LIMIT", "NextMarker", reasons.formatting);
  return { ...base, after: text.slice(mark.length) };
}

export function nextMarker(next: string | undefined): { NextMarker?: string } {
  return next === undefined ? {} : { NextMarker: Buffer.from(mark + next).toString("base64url") };
}
