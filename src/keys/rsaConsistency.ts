/**
 * Whether the numbers of an RSA private key belong together (SP 800-56B, section 6.4.1.2). OpenSSL takes a key at its
 * word: with a wrong factor it falls back to the slow exponentiation, with a wrong modulus it signs nonsense.
 */
import { checkPrimeSync, type KeyObject } from "node:crypto";

/** The secret numbers are big integers for the time of the check, which cannot be wiped: it is made once, on import. */
export function isConsistent(key: KeyObject): boolean {
  const der = key.export({ type: "pkcs1", format: "der" });
  try {
    const numbers = integersOf(der);
    if (numbers.length !== 9) return false;
    const [, n, e, d, p, q, dp, dq, inverse] = numbers.map(toInteger) as Numbers;
    if (p * q !== n || e < 3n || e % 2n === 0n) return false;
    if ((d * e) % (p - 1n) !== 1n || (d * e) % (q - 1n) !== 1n) return false;
    if (dp !== d % (p - 1n) || dq !== d % (q - 1n) || (inverse * q) % p !== 1n) return false;
    return checkPrimeSync(p) && checkPrimeSync(q);
  } finally {
    der.fill(0);
  }
}

type Numbers = [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint];

/** Contents of the INTEGERs in RSAPrivateKey (RFC 8017, appendix A.1.2), which OpenSSL has just written as DER. */
function integersOf(der: Buffer): Buffer[] {
  const integers: Buffer[] = [];
  let [at] = headerOf(der, 0);
  while (at < der.length) {
    const [start, length] = headerOf(der, at);
    integers.push(der.subarray(start, start + length));
    at = start + length;
  }
  return integers;
}

/** Where the content begins, and its length. */
function headerOf(der: Buffer, at: number): [number, number] {
  const first = der[at + 1]!;
  if (first < 0x80) return [at + 2, first];
  const bytes = first & 0x7f;
  return [at + 2 + bytes, der.readUIntBE(at + 2, bytes)];
}

function toInteger(bytes: Buffer): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}
