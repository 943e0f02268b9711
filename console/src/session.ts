/**
 * Who has signed in. Credentials are in the memory of this page only; the cookie that fetches new ones is out of reach
 * of scripts, and the key beside it is kept where only pages of this origin read it.
 */
import type { SigningCredentials } from "./aws/sigv4.ts";

export interface Session {
  credentials: SigningCredentials & { expiresAt: number };
  identity: { kind: string; account: string; arn: string; name: string; mfaAuthenticated: boolean };
  switchedFrom?: { account: string; name: string; displayName: string };
  expiresAt: number;
  /** The installation's time when this was answered; it may have been moved. */
  now: number;
}

export type SignInAnswer =
  | { outcome: "signedIn"; page: string; view: Session }
  | { outcome: "changePassword"; page: string }
  | { outcome: "mfaRequired" };

export class SessionError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status: number) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const api = "/_jikimi/console/api/";
const pageKey = "jikimi-page";

/** New credentials are fetched this long before the old ones end. */
const earlyMs = 2 * 60_000;

export async function post<T>(path: string, body: object = {}): Promise<T> {
  const page = localStorage.getItem(pageKey);
  const response = await fetch(api + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...(page ? { "x-jikimi-page": page } : {}) },
    body: JSON.stringify(body),
    cache: "no-store",
  });
  const answer = (await response.json()) as { code?: string; message?: string };
  if (!response.ok) throw new SessionError(answer.code ?? "", answer.message ?? "", response.status);
  return answer as T;
}

export async function signIn(form: object): Promise<SignInAnswer> {
  const answer = await post<SignInAnswer>("sign-in", form);
  if ("page" in answer) localStorage.setItem(pageKey, answer.page);
  return answer;
}

export async function redeem(token: string): Promise<Session> {
  const answer = await post<{ page: string; view: Session }>("federation", { token });
  localStorage.setItem(pageKey, answer.page);
  return answer.view;
}

/** The session that this browser still has, if any. */
export async function resume(): Promise<Session | undefined> {
  if (localStorage.getItem(pageKey) === null) return undefined;
  try {
    return await post<Session>("session");
  } catch (error) {
    if (error instanceof SessionError && error.status < 500) return undefined;
    throw error;
  }
}

export async function signOut(): Promise<void> {
  try {
    await post("sign-out");
  } finally {
    localStorage.removeItem(pageKey);
  }
}

/** Credentials that are good for a while, fetched anew when they are about to end. */
export class CredentialSource {
  #session: Session;
  /** When the credentials end, by this browser's clock. */
  #endsAt: number;
  #renewing: Promise<Session> | undefined;
  readonly #onEnd: () => void;

  constructor(session: Session, onEnd: () => void) {
    this.#session = session;
    this.#endsAt = endOf(session);
    this.#onEnd = onEnd;
  }

  /** @param anew also when the present ones should still be good: they have just been refused */
  async credentials(anew = false): Promise<SigningCredentials> {
    if (!anew && this.#endsAt - Date.now() > earlyMs) return this.#session.credentials;
    this.#renewing ??= post<Session>("session").finally(() => (this.#renewing = undefined));
    try {
      this.#session = await this.#renewing;
      this.#endsAt = endOf(this.#session);
    } catch (error) {
      if (error instanceof SessionError && error.status === 401) this.#onEnd();
      throw error;
    }
    return this.#session.credentials;
  }
}

function endOf({ credentials, now }: Session): number {
  return Date.now() + credentials.expiresAt - now;
}
