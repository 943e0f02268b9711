/** Page tokens: opaque, of this service, and refused when they are not ours. */
import { invalidInput } from "./errors.ts";

const mark = "jikimi-hub:";

export function tokenOf(position: string): string {
  return Buffer.from(mark + position).toString("base64url");
}

/** @throws InvalidInputException */
export function positionOf(token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (!text.startsWith(mark)) throw invalidInput("Invalid parameter 'NextToken'");
  return text.slice(mark.length);
}

/** Of short lists, paged by number. @throws InvalidInputException */
export function offsetOf(token: string | undefined): number {
  const position = positionOf(token) ?? "0";
  if (!/^\d{1,9}$/.test(position)) throw invalidInput("Invalid parameter 'NextToken'");
  return Number(position);
}

export function tokenAfter(end: number, length: number): { NextToken?: string } {
  return end < length ? { NextToken: tokenOf(String(end)) } : {};
}
