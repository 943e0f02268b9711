/**
 * Passwords at rest (argon2id) and what the account's policy asks of new ones.
 * Source: RFC 9106; OWASP, "Password Storage Cheat Sheet" (argon2id, 19 MiB, 2 passes, 1 lane) for the parameters;
 * IAM User Guide, "Set an account password policy for IAM users" for the default and custom policies.
 */
import { argon2, timingSafeEqual } from "node:crypto";
import type { Random } from "#kernel/ids.ts";
import { passwordPolicyViolation } from "./errors.ts";
import type { PasswordHash, PasswordPolicy } from "./state.ts";

interface Cost {
  /** KiB. */
  memory: number;
  passes: number;
  parallelism: number;
}

const cost: Cost = { memory: 19_456, passes: 2, parallelism: 1 };
const hashBytes = 32;

function derive(password: string, nonce: Buffer, { memory, passes, parallelism }: Cost): Promise<Buffer> {
  const message = Buffer.from(password.normalize("NFC"));
  return new Promise((resolve, reject) => {
    argon2("argon2id", { message, nonce, memory, passes, parallelism, tagLength: hashBytes }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

/** PHC string: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`; parameters travel with the hash, so that they can be raised. */
export async function hashPassword(password: string, random: Random): Promise<PasswordHash> {
  const salt = random.bytes(16);
  const hash = await derive(password, salt, cost);
  const parameters = `m=${cost.memory},t=${cost.passes},p=${cost.parallelism}`;
  const base64 = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
  return `$argon2id$v=19$${parameters}$${base64(salt)}$${base64(hash)}`;
}

const phc = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** INVARIANT: a hash that cannot be read matches no password. */
export async function verifyPassword(password: string, stored: PasswordHash): Promise<boolean> {
  const match = phc.exec(stored);
  if (!match) return false;
  const [, memory, passes, parallelism, salt, hash] = match;
  const expected = Buffer.from(hash!, "base64");
  const actual = await derive(password, Buffer.from(salt!, "base64"), {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
  });
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
