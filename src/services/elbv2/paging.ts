/** Marker and PageSize. Source: API Reference, DescribeLoadBalancers (at most 400 a page). */
import { PageTokens } from "#gateway/pageTokens.ts";
import { validation } from "./errors.ts";

const tokens = new PageTokens("elbv2", () => validation("Invalid marker"));
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
    ...(more ? { NextMarker: tokens.write(page.at(-1)!.arn) } : {}),
  };
}

function startOf(items: readonly { arn: string }[], marker: string | undefined): number {
  const last = tokens.read(marker);
  if (last === undefined) return 0;
  const at = items.findIndex(({ arn }) => arn === last);
  if (at < 0) throw validation("Invalid marker");
  return at + 1;
}
