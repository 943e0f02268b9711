/**
 * Marker and MaxItems. A marker names the last item of the page before, so that inserts and deletions between
 * pages neither repeat nor skip what stays.
 */
import { PageTokens } from "#gateway/pageTokens.ts";
import type { Page } from "#store/contract.ts";
import { validationError } from "./errors.ts";

export interface PageInput {
  Marker?: string | undefined;
  MaxItems?: number | undefined;
}

export interface PageOutput<T> {
  items: T[];
  paging: { IsTruncated: boolean; Marker?: string };
}

const defaultItems = 100;
const markers = new PageTokens("iam", () => validationError("Invalid Marker."));

/** One page of a stored listing, of the items that `keep` accepts. */
export async function pageOf<T>(
  input: PageInput,
  fetch: (after: string | undefined, limit: number) => Promise<Page<T>>,
  keep: (value: T) => boolean = () => true,
): Promise<PageOutput<T>> {
  const wanted = input.MaxItems ?? defaultItems;
  const items: T[] = [];
  let after = markers.read(input.Marker);
  let last = after;
  for (;;) {
    const page = await fetch(after, Math.max(wanted + 1, defaultItems));
    for (const document of page.items) {
      if (!keep(document.value)) continue;
      if (items.length === wanted) return { items, paging: { IsTruncated: true, Marker: markers.write(last!) } };
      items.push(document.value);
      last = document.key.id;
    }
    if (page.next === undefined) return { items, paging: { IsTruncated: false } };
    after = page.next;
  }
}

/** One page of a list that is already in memory, in the order given; `name` must be unique in it. */
export function pageOfArray<T>(input: PageInput, list: readonly T[], name: (item: T) => string): PageOutput<T> {
  const wanted = input.MaxItems ?? defaultItems;
  const after = markers.read(input.Marker);
  let start = 0;
  if (after !== undefined) {
    const at = list.findIndex((item) => name(item) === after);
    // The item of the marker is gone: go on behind where it would sort.
    start = at >= 0 ? at + 1 : list.findIndex((item) => name(item) > after);
    if (start < 0) start = list.length;
  }
  const items = list.slice(start, start + wanted);
  const more = start + wanted < list.length;
  return {
    items,
    paging: more ? { IsTruncated: true, Marker: markers.write(name(items.at(-1)!)) } : { IsTruncated: false },
  };
}
