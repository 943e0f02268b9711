/**
 * Time-based one-time passwords of virtual MFA devices: six digits, 30 seconds, HMAC-SHA-1.
 * Source: RFC 6238, RFC 4226 (truncation), RFC 4648 (base32).
 */
import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import type { Random } from "#kernel/ids.ts";

const stepMs = 30_000;
const digits = 6;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** AWS's seeds have 64 base32 characters. */
const seedBytes = 40;

export function newSeed(random: Random): Buffer {
  return random.bytes(seedBytes);
}

export function base32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(value >>> bits) & 31];
    }
    value &= 0xff;
  }
  if (bits > 0) text += alphabet[(value << (5 - bits)) & 31];
  return text;
}

export function timeStep(now: number): number {
  return Math.floor(now / stepMs);
}

/** The code of one time step. */
export function totpCode(seed: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", createSecretKey(seed)).update(counter).digest();
  const offset = mac[mac.length - 1]! & 15;
  const number = (mac.readUInt32BE(offset) & 0x7fff_ffff) % 10 ** digits;
  return String(number).padStart(digits, "0");
}

function sameCode(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

/**
 * The step of a code near a step, or undefined. INVARIANT: steps up to and including `after` are not looked at,
 * so a code that was used once is never accepted a second time.
 */
export function matchCode(
  seed: Uint8Array,
  code: string,
  around: number,
  window: number,
  after: number,
): number | undefined {
  for (let step = Math.max(around - window, after + 1); step <= around + window; step++) {
    if (sameCode(totpCode(seed, step), code)) return step;
  }
  return undefined;
}

/** Step of the first of two consecutive codes near a step. */
export function matchConsecutive(
  seed: Uint8Array,
  first: string,
  second: string,
  around: number,
  window: number,
  after: number,
): number | undefined {
  for (let step = Math.max(around - window, after + 1); step <= around + window; step++) {
    if (sameCode(totpCode(seed, step), first) && sameCode(totpCode(seed, step + 1), second)) return step;
  }
  return undefined;
}
