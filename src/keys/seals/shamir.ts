/**
 * Shamir's secret sharing, byte by byte over GF(2⁸): the secret is the value at 0 of a random polynomial of degree
 * threshold − 1, a share its value at another place. Source: A. Shamir, "How to share a secret", CACM 22 (1979).
 *
 * INVARIANT: fewer shares than the threshold fit every secret equally well (`shamir.test.ts` counts them).
 */
import { createHash, randomBytes } from "node:crypto";
import { inverse, multiply } from "./field.ts";
import { type SealDefinition, SealInputError } from "./seal.ts";

export const mostShares = 16;
const secretBytes = 32;
const checksumBytes = 4;
const prefix = "JKM1";
/** Crockford's base 32: no I, L, O, U, so nothing is misread from paper. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

export interface Share {
  /** How many open the seal. */
  threshold: number;
  /** Its place on the polynomials, 1 … 255. */
  index: number;
  value: Buffer;
}

/** @param random `count` random bytes: the coefficients */
export function split(
  secret: Uint8Array,
  threshold: number,
  count: number,
  random: (count: number) => Buffer = randomBytes,
): Share[] {
  const shares = Array.from({ length: count }, (_, at) => ({
    threshold,
    index: at + 1,
    value: Buffer.alloc(secret.length),
  }));
  const coefficients = random((threshold - 1) * secret.length);
  for (let byte = 0; byte < secret.length; byte++) {
    for (const { index, value } of shares) {
      let sum = 0;
      for (let power = threshold - 2; power >= 0; power--) {
        sum = multiply(sum ^ coefficients[power * secret.length + byte]!, index);
      }
      value[byte] = sum ^ secret[byte]!;
    }
  }
  coefficients.fill(0);
  return shares;
}

/** The secret, where the shares belong together; something else where they do not. Indexes differ. */
export function combine(shares: readonly Share[]): Buffer {
  const secret = Buffer.alloc(shares[0]?.value.length ?? 0);
  for (const { index, value } of shares) {
    let weight = 1;
    for (const other of shares) {
      if (other.index !== index) weight = multiply(weight, multiply(other.index, inverse(other.index ^ index)));
    }
    for (let byte = 0; byte < secret.length; byte++) secret[byte]! ^= multiply(weight, value[byte]!);
  }
  return secret;
}

/** As a person keeps it: `JKM1-…` in groups of five, ending in a checksum against misspelling. */
export function shareText({ threshold, index, value }: Share): string {
  const body = Buffer.concat([Buffer.of(threshold, index), value]);
  const bytes = Buffer.concat([body, checksum(body)]);
  let digits = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) digits += alphabet[(held >> (bits - 5)) & 31]!;
    held &= 0xff;
  }
  if (bits > 0) digits += alphabet[(held << (5 - bits)) & 31]!;
  body.fill(0);
  bytes.fill(0);
  return [prefix, ...(digits.match(/.{1,5}/g) ?? [])].join("-");
}

/** Capital or small, with or without hyphens. `undefined` when it is misspelled or no share. */
export function readShare(text: string): Share | undefined {
  const digits = text.toUpperCase().replaceAll(/[\s-]/g, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  if (!digits.startsWith(prefix)) return undefined;
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const digit of digits.slice(prefix.length)) {
    const five = alphabet.indexOf(digit);
    if (five < 0) return undefined;
    held = (held << 5) | five;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
    }
    held &= 0xff;
  }
  if (bytes.length !== 2 + secretBytes + checksumBytes) return undefined;
  const body = Buffer.from(bytes.slice(0, -checksumBytes));
  if (!checksum(body).equals(Buffer.from(bytes.slice(-checksumBytes)))) return undefined;
  const [threshold, index] = body;
  if (!threshold || !index) return undefined;
  return { threshold, index, value: body.subarray(2) };
}

/** It is computed from the share alone, so it tells nothing that the share does not. */
function checksum(body: Buffer): Buffer {
  return createHash("sha256").update("jikimi share").update(body).digest().subarray(0, checksumBytes);
}

/** Shares, one a line: what the seal's secret looks like outside. */
export const shamirSeal: SealDefinition = {
  kind: "shamir",
  development: false,
  secret: "made",
  newParameters(config) {
    if (config.kind !== "shamir") throw new SealInputError("no number of shares was given");
    const { threshold, shares } = config;
    if (!isSharing(threshold, shares)) throw new SealInputError(`2 to ${mostShares} shares, and at least 2 to open it`);
    return { threshold, shares };
  },
  root(secret, { threshold }) {
    const shares = new Map<number, Share>();
    for (const line of Buffer.from(secret).toString("latin1").split("\n").filter(Boolean)) {
      const share = readShare(line);
      if (!share) throw new SealInputError("this is not a share, or it is misspelled");
      shares.set(share.index, share);
    }
    if (typeof threshold !== "number" || shares.size < threshold) throw new SealInputError("there are too few shares");
    const root = combine([...shares.values()].slice(0, threshold));
    for (const { value } of shares.values()) value.fill(0);
    return root;
  },
  handOut(secret, { threshold, shares }) {
    const made = split(secret, threshold as number, shares as number);
    const lines = Buffer.from(made.map(shareText).join("\n"), "latin1");
    for (const { value } of made) value.fill(0);
    return lines;
  },
};

export function isSharing(threshold: number, shares: number): boolean {
  const whole = Number.isInteger(threshold) && Number.isInteger(shares);
  return whole && threshold >= 2 && threshold <= shares && shares <= mostShares;
}
