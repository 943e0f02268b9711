/**
 * Trading temporary credentials for a session of the console.
 * Source: IAM User Guide, "Enable custom identity broker access to the AWS console": getSigninToken takes the three
 * parts of credentials that AssumeRole or GetFederationToken gave; its token is good for fifteen minutes.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import { Conflict } from "#store/contract.ts";
import type { Halves, SignInParts, Visitor } from "./contract.ts";
import { signInTokenKey, type SignInToken } from "./documents.ts";
import { consoleLogin, gaveSignInToken, type RecordFacts } from "./records.ts";
import { newHalves, putSession } from "./sessions.ts";
import type { SignIn } from "./signIn.ts";

const tokenMs = 15 * 60_000;

const refused = (message: string) => new AwsError("InvalidRequest", message, 400);

export class Federation {
  readonly #parts: SignInParts;
  readonly #signIn: SignIn;

  constructor(parts: SignInParts, signIn: SignIn) {
    this.#parts = parts;
    this.#signIn = signIn;
  }

  /** @param session JSON: `{"sessionId", "sessionKey", "sessionToken"}` */
  async token(session: string, visitor: Visitor): Promise<{ SigninToken: string }> {
    const { sessionId, sessionKey, sessionToken } = read(session);
    const credential = await this.#parts.identity.credential(sessionId);
    const known =
      credential?.status === "Active" &&
      same(credential.secretAccessKey, sessionKey) &&
      same(credential.sessionToken ?? "", sessionToken);
    const principal = credential?.principal;
    if (!known || (principal?.kind !== "role" && principal?.kind !== "federated")) {
      throw refused("The credentials are not valid credentials of a role or a federated user.");
    }
    const { store, random } = this.#parts;
    const facts = this.#facts(visitor);
    const token = random.bytes(48).toString("base64url");
    const expiresAt = Math.min(facts.now + tokenMs, principal.session.expiresAt);
    const value: SignInToken = { accessKeyId: sessionId, expiresAt };
    await store.commit([
      { op: "put", key: signInTokenKey(token), value, expiresAt, ifVersion: 0 },
      gaveSignInToken(facts, principal),
    ]);
    return { SigninToken: token };
  }

  /** Opens the session that a token is for, once. */
  async open(token: string, visitor: Visitor): Promise<Halves & { expiresAt: number }> {
    const { store, identity, random } = this.#parts;
    const facts = this.#facts(visitor);
    const document = await store.get<SignInToken>(signInTokenKey(token));
    const late = refused("The sign-in token is not valid, was used, or has expired.");
    if (!document || document.value.expiresAt <= facts.now) throw late;
    const { accessKeyId } = document.value;
    const credential = await identity.credential(accessKeyId);
    const principal = credential?.principal;
    if (credential?.status !== "Active" || (principal?.kind !== "role" && principal?.kind !== "federated")) throw late;
    const halves = newHalves(random);
    const { expiresAt, mfaAuthenticated } = principal.session;
    const session = {
      subject: { kind: "federated", accessKeyId } as const,
      signedInAt: facts.now,
      expiresAt,
      mfaAuthenticated,
    };
    try {
      await store.commit([
        { op: "delete", key: document.key, ifVersion: document.version },
        putSession(halves, session),
        consoleLogin(facts, principal, undefined),
      ]);
    } catch (error) {
      throw error instanceof Conflict ? late : error;
    }
    return { ...halves, expiresAt };
  }

  #facts(visitor: Visitor): RecordFacts {
    return this.#signIn.facts(visitor);
  }
}

function read(text: string): Record<"sessionId" | "sessionKey" | "sessionToken", string> {
  let parsed: Record<string, unknown> = {};
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null && typeof value === "object") parsed = { ...value };
  } catch {
    // Refused below.
  }
  const { sessionId, sessionKey, sessionToken } = parsed;
  if (typeof sessionId !== "string" || typeof sessionKey !== "string" || typeof sessionToken !== "string") {
    throw refused("Session must be JSON with sessionId, sessionKey and sessionToken.");
  }
  return { sessionId, sessionKey, sessionToken };
}

function same(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
