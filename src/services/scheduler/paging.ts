/** NextToken and MaxResults of the listings, up to 100 items a page. */
import { invalid } from "./errors.ts";

const mostItems = 100;
const mark = "jikimi-scheduler:";

/** @throws ValidationException */
export function startOf(token: string | undefined, limit = mostItems): { limit: number; after?: string } {
  if (token === undefined) return { limit };
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (!text.startsWith(mark)) throw invalid("Invalid NextToken.");
  return { limit, after: text.slice(mark.length) };
}

/** A page of names with one more that is always there, in its place; never longer than it may be. */
export function withAlways<T extends { Name?: string | undefined }>(
  page: { items: T[]; next?: string | undefined },
  always: T & { Name: string },
  { prefix, after, limit }: { prefix: string; after?: string | undefined; limit: number },
): { items: T[]; next?: string } {
  const name = always.Name;
  const inPlace = (after === undefined || after < name) && (page.next === undefined || name < page.next);
  const known = page.items.some(({ Name }) => Name === name);
  const next = page.next === undefined ? {} : { next: page.next };
  if (known || !inPlace || !name.startsWith(prefix)) return { items: page.items, ...next };
  const items = [...page.items, always].toSorted((a, b) => (a.Name! < b.Name! ? -1 : 1));
  if (items.length <= limit) return { items, ...next };
  const kept = items.slice(0, limit);
  return { items: kept, next: kept.at(-1)!.Name! };
}

export function nextOf(next: string | undefined): { NextToken?: string } {
  return next === undefined ? {} : { NextToken: Buffer.from(mark + next).toString("base64url") };
}
