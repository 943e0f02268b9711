/** nextToken: the store's cursor, bound to the operation that made it. */
import { PageTokens } from "#gateway/pageTokens.ts";
import { invalidToken } from "./errors.ts";

const tokensOf = (operation: string) => new PageTokens(`logs-${operation}`, invalidToken);

/** @throws InvalidParameterException a token that this operation did not make */
export function readToken(operation: string, token: string | undefined): string | undefined {
  return tokensOf(operation).read(token);
}

export function nextToken(operation: string, cursor: string | undefined): { nextToken?: string } {
  return cursor === undefined ? {} : { nextToken: tokensOf(operation).write(cursor) };
}
