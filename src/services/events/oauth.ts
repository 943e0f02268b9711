/**
 * Access tokens by the client credentials grant.
 * Source: RFC 6749, sections 4.4 and 5.1; EventBridge User Guide, "Authorization methods for connections": tokens are
 * asked for anew when less than a minute is left, and after a 401 or 407.
 */
import type { Clock } from "#kernel/clock.ts";
import type { HttpCalls } from "./httpCalls.ts";
import type { ConnectionSecret, HttpParameter } from "./state.ts";

/** Of a token that does not say how long it is good. */
const unknownLifeMs = 3_600_000;
export const renewBeforeMs = 60_000;

export type TokenAnswer = { token: string; until: number } | { refusal: string; passing: boolean };

export async function requestToken(
  http: HttpCalls,
  clock: Clock,
  { clientId, clientSecret, endpoint, method, parameters }: NonNullable<ConnectionSecret["oauth"]>,
  signal: AbortSignal,
): Promise<TokenAnswer> {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
    ...named(parameters?.body),
  });
  const url = new URL(endpoint);
  for (const { key, value } of parameters?.query ?? []) url.searchParams.set(key, value);
  if (method === "GET") for (const [key, value] of form) url.searchParams.set(key, value);
  const answer = await http.send(
    {
      url: url.href,
      method,
      headers: {
        accept: "application/json",
        "user-agent": "Amazon/EventBridge/ApiDestinations",
        ...named(parameters?.headers),
        ...(method === "GET" ? {} : { "content-type": "application/x-www-form-urlencoded" }),
      },
      ...(method === "GET" ? {} : { body: form.toString() }),
    },
    signal,
  );
  if ("failure" in answer)
    return {
      refusal: `The authorization endpoint could not be reached: ${answer.message}`,
      passing: answer.failure !== "PRIVATE_TARGET",
    };
  if (answer.status !== 200 && answer.status !== 201) {
    return { refusal: `The authorization endpoint answered ${answer.status}.`, passing: answer.status >= 500 };
  }
  return readToken(answer.text, clock.now());
}

function readToken(text: string, now: number): TokenAnswer {
  let parsed: { access_token?: unknown; expires_in?: unknown } | undefined;
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch {
    parsed = undefined;
  }
  const token = parsed?.access_token;
  if (typeof token !== "string" || !/^[!-~]{1,8192}$/.test(token)) {
    return { refusal: "The authorization endpoint answered without an access token.", passing: false };
  }
  const seconds = Number(parsed?.expires_in);
  return { token, until: now + (seconds > 0 ? Math.min(seconds, 31_536_000) * 1000 : unknownLifeMs) };
}

const named = (list: readonly HttpParameter[] | undefined): Record<string, string> =>
  Object.fromEntries((list ?? []).map(({ key, value }) => [key, value]));
