/** The session cookies of signed-in users. Source: Elastic Load Balancing User Guide, "Authenticate users": cookies up to 16 KB in shards of 4 KB. */
import { cookieOf, setCookie } from "../cookies.ts";
import type { Sealing } from "../sealing.ts";

export interface UserSession {
  /** Which listener's identity provider it is of: issuer and client. */
  of: string;
  sub: string;
  accessToken: string;
  refreshToken?: string;
  /** Claims as the user info endpoint gave them. */
  claims: Record<string, unknown>;
  /** Epoch milliseconds: of the access token, and of the whole session. */
  tokenUntil: number;
  until: number;
}

const shardSize = 4_000;
const mostShards = 4;

/** Undefined when it takes more room than cookies have. */
export function sessionCookies(
  sealing: Sealing,
  name: string,
  session: UserSession,
  shardsBefore: number,
): string[] | undefined {
  const text = sealing.sealText(session);
  const shards = text.match(new RegExp(`.{1,${shardSize}}`, "g")) ?? [];
  if (shards.length > mostShards) return undefined;
  const options = { expires: session.until, secure: true, httpOnly: true } as const;
  const cookies = shards.map((shard, index) => setCookie(`${name}-${index}`, shard, options));
  // Shards of a longer session before would be read as part of this one.
  for (let index = shards.length; index < shardsBefore; index++) {
    cookies.push(setCookie(`${name}-${index}`, "", { ...options, expires: 0 }));
  }
  return cookies;
}

export interface FoundSession {
  session: UserSession | undefined;
  shards: number;
}

export function readSession(sealing: Sealing, name: string, rawHeaders: readonly string[]): FoundSession {
  const shards: string[] = [];
  for (let index = 0; index < mostShards; index++) {
    const shard = cookieOf(rawHeaders, `${name}-${index}`);
    if (shard === undefined) break;
    shards.push(shard);
  }
  const session = shards.length === 0 ? undefined : (sealing.openText(shards.join("")) as UserSession | undefined);
  return { session, shards: shards.length };
}
