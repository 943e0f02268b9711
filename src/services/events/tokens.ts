/** Tokens of connections: kept in their document, asked for by whoever needs one. */
import type { JobContext } from "#gateway/context.ts";
import { Conflict, type Document } from "#store/contract.ts";
import { keepSecret, openSecret } from "./connections.ts";
import type { HttpCalls } from "./httpCalls.ts";
import { renewBeforeMs, requestToken } from "./oauth.ts";
import type { Connection, ConnectionSecret } from "./state.ts";
import { connectionIndexes } from "./connectionIndexes.ts";

export type Bearer = { token: string } | { refusal: string; passing: boolean };

/** The token of a connection, or a new one. @param rejected the endpoint did not take the one it has */
export async function bearerOf(
  ctx: JobContext,
  http: HttpCalls,
  document: Document<Connection>,
  secret: ConnectionSecret,
  rejected = false,
): Promise<Bearer> {
  const { uid, token } = document.value;
  if (!rejected && token && token.until - ctx.clock.now() > renewBeforeMs) {
    return { token: await openSecret<string>(ctx.keys, uid, token.kept) };
  }
  return await authorize(ctx, http, document, secret);
}

/** Asks for a token and writes down how it went: AUTHORIZED, or DEAUTHORIZED with the reason. */
export async function authorize(
  ctx: JobContext,
  http: HttpCalls,
  { key, value, version }: Document<Connection>,
  secret: ConnectionSecret,
): Promise<Bearer> {
  const answer = await requestToken(http, ctx.clock, secret.oauth!, ctx.signal);
  if (ctx.signal.aborted && "refusal" in answer) return answer;
  const now = ctx.clock.now();
  const { token: _token, stateReason: _reason, ...rest } = value;
  let next: Connection;
  if ("token" in answer) {
    const kept = await keepSecret(ctx.keys, value.uid, answer.token);
    next = { ...rest, state: "AUTHORIZED", authorizedAt: now, token: { kept, until: answer.until } };
  } else if (answer.passing) {
    next = { ...rest, stateReason: answer.refusal };
  } else {
    next = { ...rest, state: "DEAUTHORIZED", stateReason: answer.refusal };
  }
  try {
    await ctx.store.commit([{ op: "put", key, value: next, ifVersion: version, indexes: connectionIndexes(next) }]);
  } catch (error) {
    // It was changed meanwhile; what it is now decides at the next attempt.
    if (!(error instanceof Conflict)) throw error;
  }
  return "token" in answer ? { token: answer.token } : answer;
}
