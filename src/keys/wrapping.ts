/**
 * How imported material comes in: encrypted under an RSA key that was made for it, directly (RSAES-OAEP) or through a
 * fresh AES key (CKM_RSA_AES_KEY_WRAP: OAEP of the AES key, then AES key wrap with padding of the material).
 * Sources: KMS Developer Guide, "Encrypt the key material"; PKCS #11 v3.0, section 2.1.21; RFC 5649.
 */
import { constants, createDecipheriv, privateDecrypt, type KeyObject } from "node:crypto";
import type { WrappingAlgorithm } from "./contract.ts";

interface WrappingRow {
  oaepHash: "sha1" | "sha256";
  /** Through an AES key, so the material may be longer than the modulus. */
  aes: boolean;
}

const rows: Readonly<Record<WrappingAlgorithm, WrappingRow>> = {
  RSAES_OAEP_SHA_1: { oaepHash: "sha1", aes: false },
  RSAES_OAEP_SHA_256: { oaepHash: "sha256", aes: false },
  RSA_AES_KEY_WRAP_SHA_1: { oaepHash: "sha1", aes: true },
  RSA_AES_KEY_WRAP_SHA_256: { oaepHash: "sha256", aes: true },
};

const aesKeyBytes = 32;
/** The initial value of RFC 5649, section 3. */
const initialValue = Buffer.from("a65959a6", "hex");

/** The material; `undefined` when anything about the ciphertext is wrong. The caller zeroes it. */
export function unwrapped(algorithm: string, key: KeyObject, encrypted: Buffer): Buffer | undefined {
  if (!Object.hasOwn(rows, algorithm)) return undefined;
  const { oaepHash, aes } = rows[algorithm as WrappingAlgorithm];
  if (!aes) return decryptOaep(key, oaepHash, encrypted);
  const modulusBytes = key.asymmetricKeyDetails!.modulusLength! / 8;
  const aesKey = decryptOaep(key, oaepHash, encrypted.subarray(0, modulusBytes));
  if (!aesKey) return undefined;
  try {
    return aesKey.length === aesKeyBytes ? unwrapPadded(aesKey, encrypted.subarray(modulusBytes)) : undefined;
  } finally {
    aesKey.fill(0);
  }
}

/** One error for everything that can be wrong with a ciphertext: nothing can be learned from which it was. */
export function decryptOaep(key: KeyObject, oaepHash: string, ciphertext: Uint8Array): Buffer | undefined {
  // OpenSSL takes one whose leading zeros were cut off; RFC 8017, section 7.1.2, step 1, does not.
  if (ciphertext.length !== key.asymmetricKeyDetails!.modulusLength! / 8) return undefined;
  try {
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, ciphertext);
  } catch {
    return undefined;
  }
}

/** AES-256-KWP. INVARIANT: the length is checked first; OpenSSL accepts some that RFC 5649 does not have. */
function unwrapPadded(aesKey: Buffer, wrapped: Buffer): Buffer | undefined {
  if (wrapped.length < 16 || wrapped.length % 8 !== 0) return undefined;
  const decipher = createDecipheriv("id-aes256-wrap-pad", aesKey, initialValue);
  try {
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch {
    return undefined;
  }
}
