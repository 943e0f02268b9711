/** Calls to an identity provider. Source: OpenID Connect Core 1.0 sections 3.1.3 and 5.3. */
import { Agent, fetch, type RequestInit, type Response } from "undici";
import type { OidcConfig } from "../config.ts";
import type { Reaches } from "../networks.ts";
import { outgoing } from "../outgoing.ts";

/** What the real load balancer waits for an identity provider, and how much it takes from one. */
const timeoutMs = 5_000;
const mostBytes = 11 * 1024;

/** `status` is what the client is answered, `reason` what the access log says. */
export class AuthenticationFailed extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause });
    this.name = "AuthenticationFailed";
    this.status = status;
    this.reason = reason;
  }
}

export interface Tokens {
  accessToken: string;
  refreshToken?: string;
  /** Seconds. */
  expiresIn: number;
  /** Of the ID token; a refresh need not bring one. */
  sub?: string;
}

export async function redeem(
  config: OidcConfig,
  secret: string,
  form: Record<string, string>,
  nowMs: number,
  reaches: Reaches,
): Promise<Tokens> {
  const credentials = `${encodeURIComponent(config.clientId)}:${encodeURIComponent(secret)}`;
  const answer = await call("Token", reaches, config.tokenEndpoint, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
      "content-type": "application/x-www-form-urlencoded",
      accept: "application/json",
    },
    body: new URLSearchParams(form).toString(),
  });
  const { access_token: accessToken, expires_in: expiresIn, refresh_token: refreshToken, id_token: idToken } = answer;
  if (typeof accessToken !== "string") throw new AuthenticationFailed(401, "AuthInvalidTokenResponse");
  const sub = typeof idToken === "string" ? subjectOf(idToken, config, nowMs) : undefined;
  if (sub === undefined && form["grant_type"] === "authorization_code") {
    throw new AuthenticationFailed(401, "AuthInvalidIdToken");
  }
  return {
    accessToken,
    expiresIn: Number(expiresIn) > 0 ? Number(expiresIn) : 3600,
    ...(typeof refreshToken === "string" ? { refreshToken } : {}),
    ...(sub === undefined ? {} : { sub }),
  };
}

export async function userInfo(
  config: OidcConfig,
  accessToken: string,
  reaches: Reaches,
): Promise<Record<string, unknown>> {
  const claims = await call("Userinfo", reaches, config.userInfoEndpoint, {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  if (typeof claims["sub"] !== "string") throw new AuthenticationFailed(500, "AuthInvalidUserinfoResponse");
  return claims;
}

/** The token came from the provider itself over TLS, so its claims are checked and its signature need not be: OpenID Connect Core section 3.1.3.7, point 6. */
function subjectOf(idToken: string, { issuer, clientId }: OidcConfig, nowMs: number): string {
  let claims: Record<string, unknown>;
  try {
    claims = JSON.parse(Buffer.from(idToken.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
  } catch (error) {
    throw new AuthenticationFailed(401, "AuthInvalidIdToken", error);
  }
  const { iss, aud, exp, sub } = claims;
  const audiences = Array.isArray(aud) ? aud : [aud];
  const valid = iss === issuer && audiences.includes(clientId) && Number(exp) * 1000 > nowMs && typeof sub === "string";
  if (!valid) throw new AuthenticationFailed(401, "AuthInvalidIdToken");
  return sub;
}

async function call(
  what: "Token" | "Userinfo",
  reaches: Reaches,
  url: string,
  init: RequestInit,
): Promise<Record<string, unknown>> {
  const dispatcher = new Agent({ connect: outgoing(reaches, 2 * timeoutMs) });
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { ...init, dispatcher, redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
    text = await limited(response);
  } catch (error) {
    if (error instanceof AuthenticationFailed) throw error;
    const late = (error as Error).name === "TimeoutError";
    throw new AuthenticationFailed(late ? 504 : 500, `Auth${what}EpRequest${late ? "Timeout" : "Failed"}`, error);
  } finally {
    void dispatcher.destroy();
  }
  if (!response.ok)
    throw new AuthenticationFailed(561, what === "Token" ? "AuthInvalidGrantError" : "AuthUserinfoEpRequestFailed");
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new AuthenticationFailed(500, what === "Token" ? "AuthInvalidTokenResponse" : "AuthInvalidUserinfoResponse");
}

async function limited(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new AuthenticationFailed(500, "AuthUserinfoResponseSizeExceeded");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
