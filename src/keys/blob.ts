import { createCipheriv, createDecipheriv, createHmac, randomFillSync, type KeyObject } from "node:crypto";

const nonceBytes = 16;
const ivBytes = 12;
const tagBytes = 16;
/** What `sealBlob` adds to the plaintext, in bytes. */
export const blobOverhead = nonceBytes + ivBytes + tagBytes;

/**
 * 256-bit key for one blob: NIST SP 800-108r1 KDF in counter mode with HMAC-SHA-256, one iteration,
 * `[1]₃₂ ‖ label ‖ 0x00 ‖ nonce ‖ [256]₃₂`. Deriving per blob lifts the limit of 2³² random IVs per key.
 * The caller zeroes the result.
 */
export function deriveBlobKey(key: KeyObject, label: string, nonce: Uint8Array): Buffer {
  return createHmac("sha256", key)
    .update("\0\0\0\x01" + label + "\0", "latin1")
    .update(nonce)
    .update("\0\0\x01\0", "latin1")
    .digest();
}

/** Random bytes are drawn in blocks: a call per 28 bytes costs more than the cipher. */
class RandomPool {
  readonly #block = Buffer.alloc(4096);
  #at = this.#block.length;

  take(target: Buffer, offset: number, count: number): void {
    if (this.#at + count > this.#block.length) {
      randomFillSync(this.#block);
      this.#at = 0;
    }
    this.#block.copy(target, offset, this.#at, this.#at + count);
    this.#block.fill(0, this.#at, this.#at + count);
    this.#at += count;
  }
}

const pool = new RandomPool();

/** `nonce₁₆ ‖ iv₁₂ ‖ ciphertext ‖ tag₁₆`, AES-256-GCM under the derived key; `aad` is authenticated, not contained. */
export function sealBlob(key: KeyObject, label: string, plaintext: Uint8Array, aad: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(blobOverhead + plaintext.length);
  pool.take(out, 0, nonceBytes + ivBytes);
  const derived = deriveBlobKey(key, label, out.subarray(0, nonceBytes));
  const cipher = createCipheriv("aes-256-gcm", derived, out.subarray(nonceBytes, nonceBytes + ivBytes), {
    authTagLength: tagBytes,
  });
  derived.fill(0);
  cipher.setAAD(aad, { plaintextLength: plaintext.length });
  const body = cipher.update(plaintext);
  out.set(body, nonceBytes + ivBytes);
  cipher.final();
  out.set(cipher.getAuthTag(), nonceBytes + ivBytes + plaintext.length);
  return out;
}

/** `undefined` when anything differs: key, label, aad, a bit, or the length. Never partial plaintext. */
export function openBlob(key: KeyObject, label: string, blob: Uint8Array, aad: Uint8Array): Buffer | undefined {
  if (blob.length < blobOverhead) return undefined;
  const derived = deriveBlobKey(key, label, blob.subarray(0, nonceBytes));
  const decipher = createDecipheriv("aes-256-gcm", derived, blob.subarray(nonceBytes, nonceBytes + ivBytes), {
    authTagLength: tagBytes,
  });
  derived.fill(0);
  decipher.setAAD(aad);
  decipher.setAuthTag(blob.subarray(blob.length - tagBytes));
  const plaintext = decipher.update(blob.subarray(nonceBytes + ivBytes, blob.length - tagBytes));
  try {
    decipher.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    return undefined;
  }
}

/** Additional data without ambiguity: each part with its length in front, so that {a:bc} is never {ab:c}. */
export function frameAad(...parts: readonly (string | Uint8Array)[]): Buffer {
  const encoded = parts.map((part) => (typeof part === "string" ? Buffer.from(part, "utf8") : part));
  const out = Buffer.allocUnsafe(encoded.reduce((sum, part) => sum + 4 + part.length, 0));
  let at = 0;
  for (const part of encoded) {
    at = out.writeUInt32BE(part.length, at);
    out.set(part, at);
    at += part.length;
  }
  return out;
}
