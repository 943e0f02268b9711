/**
 * Sessions of the console: found by the cookie's token, opened by the page's key beside it, and turned into
 * temporary credentials that the page asks for anew every few minutes.
 *
 * INVARIANT: a session is worth nothing without both halves. The cookie is out of reach of scripts; the page's key is
 * out of reach of other ports of the host, to which browsers send the same cookies.
 */
import { AwsError } from "#kernel/errors.ts";
import type { Random } from "#kernel/ids.ts";
import type { Document, Operation } from "#store/contract.ts";
import type { Store } from "#store/contract.ts";
import type { Given, Halves } from "./contract.ts";
import { givenKey, hashOf, isHashOf, sessionKey, type ConsoleSession, type GivenCredentials } from "./documents.ts";

/** "The console session expires after 12 hours": IAM User Guide, "Sign in to the AWS Management Console". */
export const sessionMs = 12 * 3_600_000;

/** A session whose new password is awaited. */
export const passwordChangeMs = 10 * 60_000;

/** Credentials end this long after they were given, if their session has not ended before. */
export const credentialsMs = 15 * 60_000;

export const noSession = () => new AwsError("NoSession", "Sign in first.", 401);

export function newHalves(random: Random): Halves {
  const secret = () => random.bytes(32).toString("base64url");
  return { token: secret(), page: secret() };
}

export function putSession(halves: Halves, session: Omit<ConsoleSession, "pageHash">): Operation {
  const value: ConsoleSession = { ...session, pageHash: hashOf(halves.page) };
  return { op: "put", key: sessionKey(halves.token), value, expiresAt: session.expiresAt, ifVersion: 0 };
}

/** @throws AwsError NoSession */
export async function openSession(store: Store, halves: Halves, now: number): Promise<Document<ConsoleSession>> {
  const document = await store.get<ConsoleSession>(sessionKey(halves.token));
  if (!document || document.value.expiresAt <= now || !isHashOf(halves.page, document.value.pageHash)) {
    throw noSession();
  }
  return document;
}

/** With the session as it was seen: whoever has signed out meanwhile gives no credentials any more. */
export function giveCredentials(
  { token }: Halves,
  session: Document<ConsoleSession> | undefined,
  { credentials, principal }: Given,
): Operation[] {
  const { AccessKeyId: accessKeyId, Expiration } = credentials;
  const value: GivenCredentials = { account: principal.account, accessKeyId, expiresAt: Expiration.getTime() };
  const put: Operation = { op: "put", key: givenKey(token, accessKeyId), value, expiresAt: value.expiresAt };
  return session ? [{ op: "check", key: session.key, ifVersion: session.version }, put] : [put];
}

export function changeSession(document: Document<ConsoleSession>, value: ConsoleSession): Operation {
  return { op: "put", key: document.key, value, expiresAt: value.expiresAt, ifVersion: document.version };
}
