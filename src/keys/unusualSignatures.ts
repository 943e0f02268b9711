/**
 * The two kinds of signature that `node:crypto` cannot make: Ed25519ph (RFC 8032, section 5.1) and ML-DSA over an
 * external µ (FIPS 204, algorithms 7 and 8; node:crypto takes an option `externalMu` without a word and ignores it).
 * They are the library noble's, in JavaScript: some ten milliseconds each, and not proved to take constant time.
 * `docs/rationale.md`, "Keys". Loaded at first use.
 */
import type { KeyObject } from "node:crypto";
import { createPublicKey } from "node:crypto";

type MlDsa = "ml-dsa-44" | "ml-dsa-65" | "ml-dsa-87";

async function mlDsaOf(type: string) {
  const { ml_dsa44, ml_dsa65, ml_dsa87 } = await import("@noble/post-quantum/ml-dsa.js");
  return { "ml-dsa-44": ml_dsa44, "ml-dsa-65": ml_dsa65, "ml-dsa-87": ml_dsa87 }[type as MlDsa];
}

/** Deterministic, as RFC 8032 has it. The message is hashed with SHA-512 here: "hashed twice: once by you and once by KMS". */
export async function signEd25519ph(key: KeyObject, message: Uint8Array): Promise<Buffer> {
  const own = Uint8Array.from(message);
  const { ed25519ph } = await import("@noble/curves/ed25519.js");
  const secret = key.export({ format: "raw-private" });
  try {
    return Buffer.from(ed25519ph.sign(own, secret));
  } finally {
    secret.fill(0);
  }
}

export async function verifyEd25519ph(
  publicKey: KeyObject,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const [ownMessage, ownSignature] = [Uint8Array.from(message), Uint8Array.from(signature)];
  const { ed25519ph } = await import("@noble/curves/ed25519.js");
  try {
    // Strict as OpenSSL's Ed25519 and FIPS 186-5 have it, not ZIP 215.
    return ed25519ph.verify(ownSignature, ownMessage, rawPublicKey(publicKey), { zip215: false });
  } catch {
    return false;
  }
}

/** `mu`: 64 bytes, SHAKE256(SHAKE256(public key) ‖ 0x00 ‖ 0x00 ‖ message). */
export async function signMu(type: string, key: KeyObject, mu: Uint8Array): Promise<Buffer> {
  const own = Uint8Array.from(mu);
  const scheme = await mlDsaOf(type);
  const seed = key.export({ format: "raw-seed" });
  const { secretKey } = scheme.keygen(seed);
  seed.fill(0);
  try {
    return Buffer.from(scheme.internal.sign(own, secretKey, { externalMu: true }));
  } finally {
    secretKey.fill(0);
  }
}

export async function verifyMu(
  type: string,
  publicKey: KeyObject,
  mu: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const [ownMu, ownSignature] = [Uint8Array.from(mu), Uint8Array.from(signature)];
  const scheme = await mlDsaOf(type);
  try {
    return scheme.internal.verify(ownSignature, ownMu, rawPublicKey(publicKey), { externalMu: true });
  } catch {
    return false;
  }
}

function rawPublicKey(key: KeyObject): Uint8Array {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return Uint8Array.from(publicKey.export({ format: "raw-public" }));
}
