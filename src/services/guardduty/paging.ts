/** Pages of the listings. "The default value is 50, maximum 50"; tokens are positions and stay valid. */
import { outOfRange } from "./errors.ts";

interface Paged {
  MaxResults?: number | undefined;
  NextToken?: string | undefined;
}

const mark = "jikimi-guardduty:";

/** A page of a list whose items have an order of their own. @throws BadRequestException */
export function pageOf<T>(input: Paged, items: readonly T[]): { items: readonly T[]; next: { NextToken?: string } } {
  const start = input.NextToken === undefined || input.NextToken === "" ? 0 : positionOf(input.NextToken);
  const end = start + (input.MaxResults ?? 50);
  return { items: items.slice(start, end), next: end < items.length ? { NextToken: tokenOf(end) } : {} };
}

function tokenOf(position: number): string {
  return Buffer.from(mark + position).toString("base64url");
}

function positionOf(token: string): number {
  const text = Buffer.from(token, "base64url").toString("utf8");
  const position = text.startsWith(mark) ? Number(text.slice(mark.length)) : Number.NaN;
  if (!Number.isSafeInteger(position) || position < 0) throw outOfRange();
  return position;
}
