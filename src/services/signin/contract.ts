/**
 * What the sign-in asks of other services, and what it answers. The wiring in `src/roles` brings IAM's passwords,
 * STS's credentials and the gateway's calls; services never import each other.
 */
import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { State } from "#gateway/context.ts";
import type { IdentitySource } from "#gateway/identity.ts";
import type { Principal, SessionContext } from "#gateway/principal.ts";
import type { CallSource } from "#gateway/runtime.ts";
import type { Operation, Store } from "#store/contract.ts";

export type Member = Exclude<Principal, { kind: "anonymous" } | { kind: "service" }>;
export type Owner = Extract<Member, { kind: "user" | "root" }>;

export type PasswordRequest =
  | { kind: "user"; account: string; userName: string; password: string; mfaCode?: string }
  | { kind: "root"; email: string; password: string; mfaCode?: string };

/** Whom an attempt named; for the trail, never for whoever tries. */
export interface Named {
  account: string;
  kind: "user" | "root";
  id?: string;
  userName?: string;
}

export type PasswordResult =
  | {
      outcome: "signedIn";
      account: string;
      id: string;
      mfaAuthenticated: boolean;
      mfaSerial?: string;
      mustChangePassword: boolean;
    }
  | { outcome: "mfaRequired" | "passwordExpired"; attempted: Named }
  | { outcome: "refused"; attempted?: Named }
  | { outcome: "throttled"; retryAfterMs: number; attempted?: Named };

export interface Credentials {
  AccessKeyId: string;
  SecretAccessKey: string;
  SessionToken: string;
  Expiration: Date;
}

/** Credentials, and who they make one. */
export interface Given {
  credentials: Credentials;
  principal: Member;
}

/** A call of an API as somebody who has signed in, authorized and recorded like any other. */
export type CallAs = (
  principal: Member,
  source: CallSource,
  service: "iam" | "sts",
  operation: string,
  input: Record<string, unknown>,
) => Promise<Record<string, unknown>>;

export interface SignInParts {
  store: Store;
  clock: Clock;
  random: Random;
  identity: Pick<IdentitySource, "credential">;
  checkPassword(request: PasswordRequest): Promise<PasswordResult>;
  /** Who has a unique id today; `undefined` once they may not sign in any more. */
  owner(account: string, id: string): Promise<Owner | undefined>;
  accountNamed(idOrAlias: string): Promise<string | undefined>;
  /** Makes session credentials and stages their document. */
  issue(state: State, principal: Owner, session: SessionContext): Promise<Credentials>;
  /** Ends session credentials of a principal of the account that run out at `expiresAt` (epoch milliseconds). */
  end(account: string, accessKeyId: string, expiresAt: number): Operation;
  call: CallAs;
}

/** The browser behind a request. */
export interface Visitor {
  source: CallSource;
  /** Address of the console as the browser names it. */
  loginTo: string;
  region: string;
}

/** The two halves that open a session: the cookie's token and the key that only pages of this origin hold. */
export interface Halves {
  token: string;
  page: string;
}

/** What a page of the console is told. Credentials are for its memory only. */
export interface SessionView {
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string; expiresAt: number };
  identity: { kind: Member["kind"]; account: string; arn: string; name: string; mfaAuthenticated: boolean };
  /** Set while another role is taken: who signed in. */
  switchedFrom?: { account: string; name: string; displayName: string };
  expiresAt: number;
  /** The installation's time, which may have been moved; every time here is measured by it. */
  now: number;
}

export type SignInAnswer =
  | ({ outcome: "signedIn"; view: SessionView; expiresAt: number } & Halves)
  | ({ outcome: "changePassword"; expiresAt: number } & Halves)
  | { outcome: "mfaRequired" | "refused" | "passwordExpired" }
  | { outcome: "throttled"; retryAfterMs: number };
