/** Limit, Marker, Truncated. A marker carries the cursor of the store; one that is not ours is InvalidMarkerException. */
import { AwsError } from "#kernel/errors.ts";
import { PageTokens } from "#gateway/pageTokens.ts";
import type { Page } from "#store/contract.ts";

export interface PageInput {
  Limit?: number | undefined;
  Marker?: string | undefined;
}

export interface Paging {
  limit: number;
  after?: string;
}

const tokens = new PageTokens("kms", () => new AwsError("InvalidMarkerException", "Could not deserialize marker"));

/** @throws InvalidMarkerException */
export function pagingOf(input: PageInput, defaults: { limit: number; max: number }): Paging {
  const limit = Math.min(input.Limit ?? defaults.limit, defaults.max);
  const after = tokens.read(input.Marker);
  return after === undefined ? { limit } : { limit, after };
}

export function pageFields(page: Pick<Page<unknown>, "next">): { Truncated: boolean; NextMarker?: string } {
  return page.next === undefined ? { Truncated: false } : { Truncated: true, NextMarker: tokens.write(page.next) };
}
