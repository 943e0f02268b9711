/** Marker and PageSize. Source: API Reference, DescribeLoadBalancers (at most 400 a page). */
import { validation } from "./errors.ts";

const mark = "elb:";
const mostItems = 400;

export function paged<T extends { arn: string }>(
  items: readonly T[],
  input: { Marker?: string | undefined; PageSize?: number | undefined },
): { items: T[]; NextMarker?: string } {
  const first = startOf(items, input.Marker);
  const page = items.slice(first, first + (input.PageSize ?? mostItems));
  const more = first + page.length < items.length;
  return {
    items: page,
    ...(more ? { NextMarker: Buffer.from(mark + page.at(-1)!.arn).toString("base64url") } : {}),
  };
}

function startOf(items: readonly { arn: string }[], marker: string | undefined): number {
  if (marker === undefined) return 0;
  const text = Buffer.from(marker, "base64url").toString("utf8");
  const at = text.startsWith(mark) ? items.findIndex(({ arn }) => arn === text.slice(mark.length)) : -1;
  if (at < 0) throw validation("Invalid marker");
  return at + 1;
}
