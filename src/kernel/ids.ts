import { randomBytes, randomInt, randomUUID } from "node:crypto";

/** Randomness comes in as an argument where a test must repeat it. */
export interface Random {
  bytes(count: number): Buffer;
  uuid(): string;
  /** A whole number in [0, max). */
  below(max: number): number;
}

export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  uuid: () => randomUUID(),
  below: (max) => randomInt(max),
};

const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const base36 = "0123456789abcdefghijklmnopqrstuvwxyz";
const hex = "0123456789abcdef";

function pick(random: Random, alphabet: string, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += alphabet[random.below(alphabet.length)];
  return text;
}

/**
 * IAM unique identifiers: a four-letter prefix and 17 base-32 characters (`AIDA` user, `AROA` role,
 * `AGPA` group, `ANPA` managed policy, `AIPA` instance profile).
 * Source: IAM User Guide, "IAM identifiers".
 */
export function iamId(prefix: string, random: Random = systemRandom): string {
  return prefix + pick(random, base32, 21 - prefix.length);
}

/**
 * Access key ids have 20 characters: `AKIA` for long-term keys, `ASIA` for those of sessions.
 * Source: IAM API Reference, AccessKey.
 */
export function accessKeyId(prefix: "AKIA" | "ASIA", random: Random = systemRandom): string {
  return prefix + pick(random, base32, 16);
}

/** Hexadecimal suffix such as EC2's `i-0abc…` (17 characters). */
export function hexId(prefix: string, length = 17, random: Random = systemRandom): string {
  return prefix + pick(random, hex, length);
}

export function base36Id(prefix: string, length: number, random: Random = systemRandom): string {
  return prefix + pick(random, base36, length);
}

/** 40 characters of base64 alphabet, the form of a secret access key. */
export function secretAccessKey(random: Random = systemRandom): string {
  return random.bytes(30).toString("base64");
}

/** A twelve-digit account id that does not start with zero. */
export function accountId(random: Random = systemRandom): string {
  return String(1 + random.below(9)) + pick(random, "0123456789", 11);
}
