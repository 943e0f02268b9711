/**
 * Temporary credentials. A session is looked up by its access key id alone, so it lives under the installation's
 * account; it disappears when it has run out. Secret and token are protected by the key holder.
 */
import type { CallContext } from "#gateway/context.ts";
import type { Credential, NamedPolicy } from "#gateway/identity.ts";
import type { Principal, SessionContext } from "#gateway/principal.ts";
import { accessKeyId as newAccessKeyId, secretAccessKey } from "#kernel/ids.ts";
import { globalRegion, type Scope } from "#store/contract.ts";

export const sessionScope: Scope = { account: "000000000000", region: globalRegion, service: "sts" };

/** `session`, by access key id. */
export interface Session {
  principal: Exclude<Principal, { kind: "anonymous" } | { kind: "service" }>;
  /** Session policies that were passed; absent when none was. */
  policies?: NamedPolicy[];
  /** Base64 of `secret access key \0 session token`, protected with purpose `sts-session`, bound to the access key id. */
  secret: string;
  expiresAt: number;
}

/** Expired sessions are kept this long, so that they are answered with ExpiredToken and not as unknown. */
const afterlifeMs = 24 * 3600 * 1000;

export const sessionPurpose = "sts-session";

export interface IssuedCredentials {
  AccessKeyId: string;
  SecretAccessKey: string;
  SessionToken: string;
  Expiration: Date;
}

/** What issuing needs of a call; the console's sign-in, which is no call of an API, brings the same. */
export type SessionIssuer = Pick<CallContext, "once" | "random" | "keys" | "state">;

/** Makes credentials for a session and stages its document. */
export async function issueSession(
  ctx: SessionIssuer,
  principal: Session["principal"],
  session: SessionContext,
  policies: readonly NamedPolicy[] | undefined,
): Promise<IssuedCredentials> {
  const issued = await ctx.once("credentials", async () => {
    const accessKeyId = newAccessKeyId("ASIA", ctx.random);
    const secret = secretAccessKey(ctx.random);
    const token = Buffer.from(ctx.random.bytes(192)).toString("base64");
    const sealed = await ctx.keys.protect(sessionPurpose, accessKeyId, Buffer.from(`${secret}\0${token}`));
    return { accessKeyId, secret, token, sealed: Buffer.from(sealed).toString("base64") };
  });
  const document: Session = {
    principal: { ...principal, session, accessKeyId: issued.accessKeyId },
    ...(policies && policies.length > 0 ? { policies: [...policies] } : {}),
    secret: issued.sealed,
    expiresAt: session.expiresAt,
  };
  ctx.state.put("session", issued.accessKeyId, document, {
    version: 0,
    at: sessionScope,
    expiresAt: session.expiresAt + afterlifeMs,
  });
  return {
    AccessKeyId: issued.accessKeyId,
    SecretAccessKey: issued.secret,
    SessionToken: issued.token,
    Expiration: new Date(session.expiresAt),
  };
}

/** The credential that a session document stands for. `revealed` is `secret access key \0 session token`. */
export function credentialOf(accessKeyId: string, session: Session, revealed: Uint8Array, now: number): Credential {
  const [secret, token] = Buffer.from(revealed).toString("utf8").split("\0") as [string, string];
  return {
    accessKeyId,
    secretAccessKey: secret,
    sessionToken: token,
    status: session.expiresAt <= now ? "Expired" : "Active",
    principal: session.principal,
  };
}
