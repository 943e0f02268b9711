/** Pages of short lists: the token is the last id of the page before. */
import { invalidToken } from "../errors.ts";

export function page<T>(
  items: readonly T[],
  idOf: (item: T) => string,
  token: string | undefined,
  limit: number,
): { items: T[]; next?: string } {
  const after = token === undefined ? "" : open(token);
  const rest = items.filter((item) => idOf(item) > after).toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
  const shown = rest.slice(0, limit);
  return { items: shown, ...(rest.length > shown.length ? { next: seal(idOf(shown.at(-1)!)) } : {}) };
}

export function seal(cursor: string): string {
  return Buffer.from(cursor).toString("base64url");
}

/** @throws InvalidNextTokenException */
export function open(token: string): string {
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (text === "" || seal(text) !== token) throw invalidToken("The token is not valid.");
  return text;
}
