/** Limit, Marker, Truncated. A marker carries the cursor of the store; one that is not ours is InvalidMarkerException. */
import { AwsError } from "#kernel/errors.ts";
import type { Page } from "#store/contract.ts";

export interface PageInput {
  Limit?: number | undefined;
  Marker?: string | undefined;
}

export interface Paging {
  limit: number;
  after?: string;
}

const start = "jikimi-kms:";

/** @throws InvalidMarkerException */
export function pagingOf(input: PageInput, defaults: { limit: number; max: number }): Paging {
  const limit = Math.min(input.Limit ?? defaults.limit, defaults.max);
  if (input.Marker === undefined) return { limit };
  const text = Buffer.from(input.Marker, "base64url").toString("utf8");
  if (!text.startsWith(start) || encodeMarker(text.slice(start.length)) !== input.Marker) {
    throw new AwsError("InvalidMarkerException", "Could not deserialize marker");
  }
  return { limit, after: text.slice(start.length) };
}

function encodeMarker(cursor: string): string {
  return Buffer.from(start + cursor).toString("base64url");
}

export function pageFields(page: Pick<Page<unknown>, "next">): { Truncated: boolean; NextMarker?: string } {
  return page.next === undefined ? { Truncated: false } : { Truncated: true, NextMarker: encodeMarker(page.next) };
}

/** One page of a list that is in memory, in the order of `name`, which is unique in it. */
export function pageOfList<T>(
  items: readonly T[],
  paging: Paging,
  name: (item: T) => string,
): { items: T[]; next?: string } {
  const { after, limit } = paging;
  const rest = after === undefined ? items : items.filter((item) => name(item) > after);
  const shown = rest.slice(0, limit);
  return rest.length > shown.length ? { items: shown, next: name(shown.at(-1)!) } : { items: shown };
}
