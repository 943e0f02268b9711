/**
 * RSA signatures over a digest that the caller made: `node:crypto` signs messages only, so the encodings of RFC 8017
 * are done here and OpenSSL does the exponentiation. EMSA-PKCS1-v1_5 (section 9.2), EMSA-PSS (section 9.1) with
 * MGF1 over the same hash and a salt as long as the digest.
 */
import { constants, createHash, privateEncrypt, publicDecrypt, randomBytes, type KeyObject } from "node:crypto";
import { timingSafeEqual } from "node:crypto";

export type RsaHash = "sha256" | "sha384" | "sha512";

/** DER of DigestInfo up to the digest: RFC 8017, section 9.2, note 1. */
const digestInfo: Readonly<Record<RsaHash, Buffer>> = {
  sha256: Buffer.from("3031300d060960864801650304020105000420", "hex"),
  sha384: Buffer.from("3041300d060960864801650304020205000430", "hex"),
  sha512: Buffer.from("3051300d060960864801650304020305000440", "hex"),
};

export function signPkcs1(key: KeyObject, hash: RsaHash, digest: Uint8Array): Buffer {
  const padding = constants.RSA_PKCS1_PADDING;
  return privateEncrypt({ key, padding }, Buffer.concat([digestInfo[hash], digest]));
}

/** Compares the whole encoded message, so there is no padding to be lenient about. */
export function verifyPkcs1(key: KeyObject, hash: RsaHash, digest: Uint8Array, signature: Uint8Array): boolean {
  const encoded = opened(key, signature);
  if (!encoded) return false;
  const info = Buffer.concat([digestInfo[hash], digest]);
  const expected = Buffer.concat([
    Buffer.of(0, 1),
    Buffer.alloc(encoded.length - info.length - 3, 0xff),
    Buffer.of(0),
    info,
  ]);
  return timingSafeEqual(expected, encoded);
}

export function signPss(key: KeyObject, hash: RsaHash, digest: Uint8Array): Buffer {
  const size = modulusBytes(key);
  const salt = randomBytes(digest.length);
  const seed = pssHash(hash, digest, salt);
  const dataBlock = Buffer.alloc(size - digest.length - 1);
  dataBlock[dataBlock.length - salt.length - 1] = 1;
  salt.copy(dataBlock, dataBlock.length - salt.length);
  mask(dataBlock, hash, seed);
  // The encoded message has one bit less than the modulus.
  dataBlock[0]! &= 0x7f;
  const encoded = Buffer.concat([dataBlock, seed, Buffer.of(0xbc)]);
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded);
}

export function verifyPss(key: KeyObject, hash: RsaHash, digest: Uint8Array, signature: Uint8Array): boolean {
  const encoded = opened(key, signature);
  if (!encoded || encoded.at(-1) !== 0xbc || encoded[0]! > 0x7f) return false;
  const length = digest.length;
  const seed = encoded.subarray(encoded.length - length - 1, -1);
  const dataBlock = Buffer.from(encoded.subarray(0, encoded.length - length - 1));
  mask(dataBlock, hash, seed);
  dataBlock[0]! &= 0x7f;
  const saltAt = dataBlock.length - length;
  if (dataBlock[saltAt - 1] !== 1 || dataBlock.subarray(0, saltAt - 1).some((byte) => byte !== 0)) return false;
  return timingSafeEqual(pssHash(hash, digest, dataBlock.subarray(saltAt)), seed);
}

function modulusBytes(key: KeyObject): number {
  return key.asymmetricKeyDetails!.modulusLength! / 8;
}

/** The encoded message of a signature, as long as the modulus; `undefined` when the signature cannot be one. */
function opened(key: KeyObject, signature: Uint8Array): Buffer | undefined {
  if (signature.length !== modulusBytes(key)) return undefined;
  try {
    return publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
  } catch {
    // Not below the modulus.
    return undefined;
  }
}

function pssHash(hash: RsaHash, digest: Uint8Array, salt: Uint8Array): Buffer {
  return createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest();
}

/** XORs MGF1(seed) into `block`: RFC 8017, appendix B.2.1. */
function mask(block: Buffer, hash: RsaHash, seed: Uint8Array): void {
  const counter = Buffer.alloc(4);
  for (let at = 0, i = 0; at < block.length; i++) {
    counter.writeUInt32BE(i);
    const part = createHash(hash).update(seed).update(counter).digest();
    for (let j = 0; j < part.length && at < block.length; j++) block[at++]! ^= part[j]!;
  }
}
