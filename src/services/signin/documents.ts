/** What the sign-in keeps: sessions of the console and tokens of federation. Times are epoch milliseconds. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { DocumentKey } from "#store/contract.ts";
import { globalRegion } from "#store/contract.ts";

/** Who signed in, by unique id: what the id stands for is read anew with every set of credentials. */
export type Subject =
  | { kind: "password"; account: string; /** Unique id of the user, or the account id for root. */ id: string }
  /** Credentials of a role or federated user, traded for a session at the federation endpoint. */
  | { kind: "federated"; accessKeyId: string };

export interface SwitchedRole {
  account: string;
  roleName: string;
  roleArn: string;
  displayName: string;
}

/** By the hash of the cookie's token. */
export interface ConsoleSession {
  subject: Subject;
  /** Hash of the key that only pages of this origin hold; cookies reach every port of a host, this does not. */
  pageHash: string;
  signedInAt: number;
  expiresAt: number;
  mfaAuthenticated: boolean;
  /** Nothing but a new password may come of this session. */
  mustChangePassword?: true;
  role?: SwitchedRole;
}

/** By the hash of a sign-in token. Used up by the sign-in. */
export interface SignInToken {
  accessKeyId: string;
  expiresAt: number;
}

const scope = { account: "000000000000", region: globalRegion, service: "signin" };

export const sessionKey = (token: string): DocumentKey => ({ ...scope, type: "consoleSession", id: hashOf(token) });
export const signInTokenKey = (token: string): DocumentKey => ({ ...scope, type: "signInToken", id: hashOf(token) });

/** Credentials that pages of a session were given; they end with it. By the hash of the cookie's token and their id. */
export interface GivenCredentials {
  /** Of whom they are: another than that of who signed in where a role was taken. */
  account: string;
  accessKeyId: string;
  expiresAt: number;
}

const givenPrefix = (token: string): string => `${hashOf(token)}/`;
export const givenQuery = (token: string) => ({ ...scope, type: "givenCredentials", prefix: givenPrefix(token) });
export const givenKey = (token: string, accessKeyId: string): DocumentKey => ({
  ...scope,
  type: "givenCredentials",
  id: givenPrefix(token) + accessKeyId,
});

/** Tokens of 256 random bits need no slow hash. */
export function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

export function isHashOf(token: string, hash: string): boolean {
  const actual = Buffer.from(hashOf(token));
  const expected = Buffer.from(hash);
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}
