/**
 * Passwords at rest (scrypt) and what the account's policy asks of new ones.
 * Source: RFC 7914 and OWASP's "Password Storage Cheat Sheet" (N = 2^17, r = 8, p = 1) for the parameters;
 * IAM User Guide, "Set an account password policy for IAM users" for the default and custom policies.
 */
import { scrypt, timingSafeEqual } from "node:crypto";
import type { Random } from "#kernel/ids.ts";
import { passwordPolicyViolation } from "./errors.ts";
import type { PasswordHash, PasswordPolicy } from "./state.ts";

const logN = 17;
const blockSize = 8;
const parallelism = 1;
const hashBytes = 32;

function derive(password: string, salt: Buffer, n: number, r: number, p: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // 128·N·r bytes are what scrypt needs; the limit is above it, not at it.
    scrypt(password.normalize("NFC"), salt, hashBytes, { N: 2 ** n, r, p, maxmem: 256 * 2 ** n * r }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

/** `scrypt$17$8$1$salt$hash`: parameters travel with the hash, so that they can be raised later. */
export async function hashPassword(password: string, random: Random): Promise<PasswordHash> {
  const salt = random.bytes(16);
  const hash = await derive(password, salt, logN, blockSize, parallelism);
  return ["scrypt", logN, blockSize, parallelism, salt.toString("base64"), hash.toString("base64")].join("$");
}

/** INVARIANT: a hash that cannot be read matches no password. */
export async function verifyPassword(password: string, stored: PasswordHash): Promise<boolean> {
  const [scheme, n, r, p, salt, hash] = stored.split("$");
  if (scheme !== "scrypt" || !n || !r || !p || !salt || !hash) return false;
  const expected = Buffer.from(hash, "base64");
  const actual = await derive(password, Buffer.from(salt, "base64"), Number(n), Number(r), Number(p));
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** What UpdateAccountPasswordPolicy sets for members that a request leaves out (API reference). */
export const emptyPolicy: PasswordPolicy = {
  minimumLength: 6,
  symbols: false,
  numbers: false,
  uppercase: false,
  lowercase: false,
  usersMayChange: false,
  maxAge: 0,
  reusePrevention: 0,
  hardExpiry: false,
};

/** Non-alphanumeric characters that count as symbols: `! @ # $ % ^ & * ( ) _ + - = [ ] { } | '`. */
const symbols = /[!@#$%^&*()_+\-=[\]{}|']/;
const kindsOfCharacter: readonly [RegExp, keyof PasswordPolicy, string][] = [
  [/[A-Z]/, "uppercase", "Password should have at least one uppercase letter"],
  [/[a-z]/, "lowercase", "Password should have at least one lowercase letter"],
  [/[0-9]/, "numbers", "Password should have at least one number"],
  [symbols, "symbols", "Password should have at least one symbol"],
];

/** Without a policy of its own, an account asks for this: 8 characters, three of four kinds, not its name or e-mail. */
const defaultMinimum = 8;
const defaultKinds = 3;

/** @throws PasswordPolicyViolation */
export function requireGoodPassword(
  password: string,
  policy: PasswordPolicy | undefined,
  forbidden: readonly string[],
): void {
  const minimum = policy?.minimumLength ?? defaultMinimum;
  if (password.length < minimum) {
    throw passwordPolicyViolation(`Password should have a minimum length of ${minimum}`);
  }
  if (policy) {
    for (const [pattern, wanted, message] of kindsOfCharacter) {
      if (policy[wanted] === true && !pattern.test(password)) throw passwordPolicyViolation(message);
    }
    return;
  }
  const found = kindsOfCharacter.filter(([pattern]) => pattern.test(password)).length;
  const same = forbidden.some((word) => word.toLowerCase() === password.toLowerCase());
  if (found < defaultKinds || same) {
    throw passwordPolicyViolation("Password does not conform to the account password policy.");
  }
}

/** When a password ends; undefined: never. */
export function passwordExpiry(changedAt: number, policy: PasswordPolicy | undefined): number | undefined {
  return policy && policy.maxAge > 0 ? changedAt + policy.maxAge * 86_400_000 : undefined;
}
