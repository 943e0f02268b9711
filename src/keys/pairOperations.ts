/**
 * What the holder does with key pairs, and how pairs and imported material come to be. Fields as `client.ts` sends
 * them: each token is three, the wrapped bytes, its bound and the group's wrapped tombstone key (or nothing).
 *
 * INVARIANT: fields are views into a frame that is zeroed when the turn of the event loop ends. What is needed after
 * an `await` is copied before it.
 */
import { constants, createPrivateKey, publicEncrypt, type KeyObject } from "node:crypto";
import { decapsulated, encapsulated, sharedSecret } from "./agreement.ts";
import { importedKey, makePair, pkcs8Of, secretOf, spkiOf } from "./keyPairs.ts";
import { isPair, materialOf, type MaterialRow } from "./materials.ts";
import { Op } from "./protocol.ts";
import { signMessage, verifyMessage } from "./signatures.ts";
import { type Vault, VaultDecrypt, VaultInput, VaultUnsupported, VaultWrappingKey, type Wrapped } from "./vault.ts";
import { decryptOaep, unwrapped } from "./wrapping.ts";

export type Answer = Buffer[] | Promise<Buffer[]>;
type Fields = readonly Buffer[];

const empty = Buffer.alloc(0);
const text = (field: Buffer | undefined): string => (field ?? empty).toString("utf8");
const at = (fields: Fields, index: number): Buffer => fields[index] ?? empty;

const oaepHashes: Readonly<Record<string, string>> = { RSAES_OAEP_SHA_1: "sha1", RSAES_OAEP_SHA_256: "sha256" };
const fingerprintLabel = "jikimi key material";

/** Secret or pair: the pair is made on a thread where that takes long. */
export function generate(vault: Vault, fields: Fields): Answer {
  const [spec, bound] = [text(fields[0]), text(fields[1])];
  const row = materialOf(spec);
  if (!row) throw new VaultUnsupported("key material of this type");
  if (!isPair(row)) return wrappedFields(vault.generate(spec, bound, at(fields, 2)));
  const tombstone = Buffer.from(at(fields, 2));
  return makePair(row).then((key) => wrappedFields(vault.wrap(row, secretOf(row, key), bound, tombstone), spkiOf(key)));
}

function wrappedFields({ wrapped, tombstone }: Wrapped, publicKey: Buffer = empty): Buffer[] {
  return [wrapped, tombstone ?? empty, publicKey];
}

/** Plaintext of a ciphertext under any key that decrypts; `algorithm` is KMS's. The caller zeroes it. */
export function decryptWith(vault: Vault, token: Fields, algorithm: string, ciphertext: Buffer, aad: Buffer): Buffer {
  const [wrapped, bound, tombstone] = [at(token, 0), text(token[1]), at(token, 2)];
  if (!Object.hasOwn(oaepHashes, algorithm)) return vault.decrypt(wrapped, bound, tombstone, ciphertext, aad);
  const { key } = rsaPair(vault, token);
  const plaintext = decryptOaep(key, oaepHashes[algorithm]!, ciphertext);
  if (!plaintext) throw new VaultDecrypt();
  return plaintext;
}

export function encryptWith(vault: Vault, token: Fields, algorithm: string, plaintext: Buffer, aad: Buffer): Buffer {
  const [wrapped, bound, tombstone] = [at(token, 0), text(token[1]), at(token, 2)];
  if (!Object.hasOwn(oaepHashes, algorithm)) return vault.encrypt(wrapped, bound, tombstone, plaintext, aad);
  const { publicKey } = rsaPair(vault, token);
  try {
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    return publicEncrypt({ key: publicKey, padding, oaepHash: oaepHashes[algorithm]! }, plaintext);
  } catch {
    throw new VaultInput("the plaintext is too long for the modulus");
  }
}

function pairOf(vault: Vault, token: Fields) {
  return vault.pair(at(token, 0), text(token[1]), at(token, 2));
}

function rsaPair(vault: Vault, token: Fields) {
  const pair = pairOf(vault, token);
  // INVARIANT: one key, one use. KMS names the use when it makes the key, and its service keeps to it.
  if (pair.row.kind !== "rsa") throw new VaultUnsupported("RSAES-OAEP with this kind of key");
  return pair;
}

function signing(fields: Fields, vault: Vault) {
  const pair = pairOf(vault, fields);
  const request = { row: pair.row, algorithm: text(fields[3]), messageType: text(fields[4]), message: at(fields, 5) };
  return { pair, request };
}

const mismatch = (): Error => new VaultUnsupported("this algorithm and message with this key");

function then<T>(result: T | Promise<T> | undefined, map: (value: T) => Buffer[]): Answer {
  if (result === undefined) throw mismatch();
  return result instanceof Promise ? result.then(map) : map(result);
}

function dataKeyPair(vault: Vault, fields: Fields): Answer {
  const row = materialOf(text(fields[3]));
  if (!row || !isPair(row) || row.kind === "ml-dsa") throw new VaultUnsupported("data key pairs of this type");
  // Opens the token now, so that a missing tombstone key is asked for before the work.
  const seal = vault.sealer(at(fields, 0), text(fields[1]), at(fields, 2));
  const aad = Buffer.from(at(fields, 4));
  const withPlaintext = text(fields[5]) === "plaintext";
  return makePair(row).then((key) => {
    const pkcs8 = pkcs8Of(key);
    const ciphertext = seal(pkcs8, aad);
    if (withPlaintext) return [spkiOf(key), ciphertext, pkcs8];
    pkcs8.fill(0);
    return [spkiOf(key), ciphertext];
  });
}

function newWrappingKey(vault: Vault, fields: Fields): Answer {
  const row = materialOf(text(fields[0]));
  const bound = text(fields[1]);
  if (row?.kind !== "rsa") throw new VaultUnsupported("wrapping keys of this type");
  return makePair(row).then((key) => {
    const pkcs8 = pkcs8Of(key);
    const wrapped = vault.protect(wrappingPurpose, bound, pkcs8);
    pkcs8.fill(0);
    return [wrapped, spkiOf(key)];
  });
}

/** Never a purpose of `protect` from outside: those are words, and this has a control character. */
const wrappingPurpose = "\u0001import wrapping key";

/** Fields: spec, bound, tombstone; wrapping key, its bound, algorithm; encrypted material; the fingerprint key's token. */
function importMaterial(vault: Vault, fields: Fields): Buffer[] {
  const row = materialOf(text(fields[0]));
  if (!row) throw new VaultUnsupported("key material of this type");
  // First, because it may ask for a tombstone key, and then all of this comes again.
  const token = fields.slice(7);
  const fingerprintOf = (secret: Buffer): Buffer =>
    vault.mac(at(token, 0), text(token[1]), at(token, 2), Buffer.concat([Buffer.from(fingerprintLabel), secret]));
  fingerprintOf(empty);
  const wrappingKey = openWrappingKey(vault, at(fields, 3), text(fields[4]));
  const material = unwrapped(text(fields[5]), wrappingKey, at(fields, 6));
  if (!material) throw new VaultDecrypt();
  try {
    const { secret, publicKey } = acceptable(row, material);
    const fingerprint = fingerprintOf(Buffer.concat([Buffer.of(row.code), secret]));
    const { wrapped, tombstone } = vault.wrap(row, secret, text(fields[1]), at(fields, 2));
    return [wrapped, tombstone ?? empty, publicKey, fingerprint];
  } finally {
    material.fill(0);
  }
}

function openWrappingKey(vault: Vault, wrapped: Buffer, bound: string): KeyObject {
  let pkcs8: Buffer;
  try {
    pkcs8 = vault.reveal(wrappingPurpose, bound, wrapped);
  } catch (error) {
    throw error instanceof VaultDecrypt ? new VaultWrappingKey() : error;
  }
  try {
    return createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  } finally {
    pkcs8.fill(0);
  }
}

/** What came out of the wrapping as material of a spec, in the holder's form. @throws VaultInput */
function acceptable(row: MaterialRow, material: Buffer): { secret: Buffer; publicKey: Buffer } {
  if (!isPair(row)) {
    const { min, max } = row.importable;
    if (material.length < min || material.length > max) throw new VaultInput("the key material has a wrong length");
    return { secret: Buffer.from(material), publicKey: empty };
  }
  const key = importedKey(row, material);
  if (!key) throw new VaultInput("the key material is not a private key of this spec");
  return { secret: secretOf(row, key), publicKey: spkiOf(key) };
}

function rewrap(vault: Vault, fields: Fields): Buffer[] {
  const to = { bound: text(fields[3]), tombstone: at(fields, 4) };
  return wrappedFields(vault.rewrap(at(fields, 0), text(fields[1]), at(fields, 2), to));
}

export const pairHandlers: Readonly<Record<number, (vault: Vault, fields: Fields) => Answer>> = {
  [Op.generate]: generate,
  [Op.sign]: (vault, fields) => {
    const { pair, request } = signing(fields, vault);
    return then(signMessage(request, pair.key), (signature) => [signature]);
  },
  [Op.verify]: (vault, fields) => {
    const { pair, request } = signing(fields, vault);
    return then(verifyMessage(request, pair.publicKey, at(fields, 6)), (valid) => [Buffer.of(valid ? 1 : 0)]);
  },
  [Op.encryptOaep]: (vault, fields) => [encryptWith(vault, fields, oaep(fields[3]), at(fields, 4), empty)],
  [Op.decryptOaep]: (vault, fields) => [decryptWith(vault, fields, oaep(fields[3]), at(fields, 4), empty)],
  // INVARIANT: the plaintext of a re-encryption does not leave this process.
  [Op.reencrypt]: (vault, f) => {
    const plaintext = decryptWith(vault, f, text(f[9]), at(f, 3), at(f, 4));
    try {
      return [encryptWith(vault, f.slice(5), text(f[10]), plaintext, at(f, 8))];
    } finally {
      plaintext.fill(0);
    }
  },
  [Op.agree]: (vault, fields) => {
    const { row, key } = pairOf(vault, fields);
    if (row.kind !== "ec") throw new VaultUnsupported("key agreement with this kind of key");
    const secret = sharedSecret(row, key, at(fields, 3));
    if (!secret) throw new VaultInput("not a public key on this curve");
    return [secret];
  },
  [Op.encapsulate]: (vault, fields) => {
    const { row, publicKey } = pairOf(vault, fields);
    if (row.kind !== "ml-kem") throw new VaultUnsupported("encapsulation with this kind of key");
    const { ciphertext, secret } = encapsulated(publicKey);
    return [ciphertext, secret];
  },
  [Op.decapsulate]: (vault, fields) => {
    const { row, key } = pairOf(vault, fields);
    if (row.kind !== "ml-kem") throw new VaultUnsupported("decapsulation with this kind of key");
    const secret = decapsulated(row, key, at(fields, 3));
    if (!secret) throw new VaultInput("the ciphertext has a wrong length");
    return [secret];
  },
  [Op.dataKeyPair]: dataKeyPair,
  [Op.newWrappingKey]: newWrappingKey,
  [Op.importMaterial]: importMaterial,
  [Op.rewrap]: rewrap,
};

function oaep(field: Buffer | undefined): string {
  const algorithm = text(field);
  if (!Object.hasOwn(oaepHashes, algorithm)) throw new VaultUnsupported("this encryption algorithm");
  return algorithm;
}
