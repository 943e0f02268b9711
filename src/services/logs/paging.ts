/** nextToken: the store's cursor, bound to the operation that made it. */
import { invalidToken } from "./errors.ts";

/** @throws InvalidParameterException a token that this operation did not make */
export function readToken(kind: string, token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (!text.startsWith(`${kind}\n`) || writeToken(kind, text.slice(kind.length + 1)) !== token) throw invalidToken();
  return text.slice(kind.length + 1);
}

export function writeToken(kind: string, cursor: string): string {
  return Buffer.from(`${kind}\n${cursor}`).toString("base64url");
}

export function nextToken(kind: string, cursor: string | undefined): { nextToken?: string } {
  return cursor === undefined ? {} : { nextToken: writeToken(kind, cursor) };
}
