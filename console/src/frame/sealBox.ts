/**
 * What opens the seal, encrypted in the browser to the one process that is to read it: nothing in between, the API
 * included, sees it. The form is that of `src/keys/seals/box.ts`, whose own reader the test opens it with.
 */
const encoder = new TextEncoder();
const label = "jikimi box";
const purpose = "secret of the seal";
const nonceBytes = 16;
const ivBytes = 12;

/** @param reader public key, SubjectPublicKeyInfo, base64. Base64 as well: sender's key, nonce, IV, ciphertext, tag. */
export async function boxed(reader: string, secret: string): Promise<string> {
  const readerBytes = fromBase64(reader);
  const peer = await crypto.subtle.importKey("spki", readerBytes, { name: "X25519" }, false, []);
  const own = (await crypto.subtle.generateKey({ name: "X25519" }, true, ["deriveBits"])) as CryptoKeyPair;
  const sender = new Uint8Array(await crypto.subtle.exportKey("spki", own.publicKey));
  const shared = await crypto.subtle.deriveBits({ name: "X25519", public: peer }, own.privateKey, 256);
  const hkdf = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveBits"]);
  const derivation = { name: "HKDF", hash: "SHA-256", salt: joined(sender, readerBytes), info: encoder.encode(label) };
  const key = await crypto.subtle.deriveBits(derivation, hkdf, 256);
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
  const cipher = { name: "AES-GCM", iv, additionalData: encoder.encode(purpose), tagLength: 128 };
  const sealed = await crypto.subtle.encrypt(cipher, await blobKey(key, nonce), encoder.encode(secret));
  return btoa(String.fromCharCode(...joined(sender, nonce, iv, new Uint8Array(sealed))));
}

/** NIST SP 800-108r1 in counter mode, HMAC-SHA-256, one iteration. */
async function blobKey(key: ArrayBuffer, nonce: Uint8Array): Promise<CryptoKey> {
  const hmac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const input = joined(encoder.encode(`\0\0\0\u0001${label}\0`), nonce, Uint8Array.of(0, 0, 1, 0));
  const derived = await crypto.subtle.sign("HMAC", hmac, input);
  return crypto.subtle.importKey("raw", derived, "AES-GCM", false, ["encrypt"]);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
