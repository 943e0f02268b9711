/** Key agreement (SP 800-56A, section 5.7.1.2) and ML-KEM (FIPS 203). */
import { createPublicKey, decapsulate, diffieHellman, encapsulate, type KeyObject } from "node:crypto";
import { spkiOf } from "./keyPairs.ts";
import type { EcRow, LatticeRow } from "./materials.ts";

/**
 * The x coordinate of the shared point, as long as the field. `undefined` when `peer` is not the DER of a
 * SubjectPublicKeyInfo on the same **named** curve with a point that is on it. Explicit curve parameters, which
 * OpenSSL would accept, and any other way of writing the same key are refused (CVE-2020-0601).
 */
export function sharedSecret(row: EcRow, key: KeyObject, peer: Uint8Array): Buffer | undefined {
  const point = pointOf(row, key, Buffer.from(peer));
  if (!point) return undefined;
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey({
      key: point,
      format: "raw-public",
      asymmetricKeyType: "ec",
      namedCurve: row.curve,
    });
  } catch {
    return undefined;
  }
  return diffieHellman({ privateKey: key, publicKey });
}

/** The point, compressed or not, of a document that has exactly the form of our own public key's. */
function pointOf(row: EcRow, key: KeyObject, peer: Buffer): Buffer | undefined {
  const own = spkiOf(key);
  // 30 len | algorithm: 30 len … | 03 len 00 point
  const algorithmAt = own[1]! < 0x80 ? 2 : 3;
  const algorithm = own.subarray(algorithmAt, algorithmAt + 2 + own[algorithmAt + 1]!);
  for (const length of [1 + 2 * row.bytes, 1 + row.bytes]) {
    const point = peer.subarray(-length);
    const bits = Buffer.concat([header(0x03, length + 1), Buffer.of(0), point]);
    const whole = Buffer.concat([header(0x30, algorithm.length + bits.length), algorithm, bits]);
    if (whole.equals(peer)) return point;
  }
  return undefined;
}

function header(tag: number, length: number): Buffer {
  return length < 0x80 ? Buffer.of(tag, length) : Buffer.of(tag, 0x81, length);
}

export function encapsulated(publicKey: KeyObject): { ciphertext: Buffer; secret: Buffer } {
  const { ciphertext, sharedKey } = encapsulate(publicKey);
  return { ciphertext, secret: sharedKey };
}

/** Another ciphertext of the right length gives another secret, not an error (implicit rejection). */
export function decapsulated(row: LatticeRow, key: KeyObject, ciphertext: Uint8Array): Buffer | undefined {
  if (ciphertext.length !== row.ciphertextBytes) return undefined;
  return decapsulate(key, ciphertext);
}
