/**
 * Making key pairs, and the two ways of writing their secret: as the holder keeps it, and as PKCS #8, which is how
 * keys come in by import and go out as data key pairs.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, generateKeyPairSync, type KeyObject } from "node:crypto";
import { availableParallelism } from "node:os";
import { isConsistent } from "./rsaConsistency.ts";
import type { LatticeRow, PairRow } from "./materials.ts";

/**
 * RSA generations at once. They share libuv's four threads with signatures and the machine's cores with everything
 * else; neither is to wait for them, so one core and two threads stay free.
 */
const maxGenerations = Math.max(1, Math.min(2, availableParallelism() - 1));
let generations = 0;
const waiting: (() => void)[] = [];

/** A new pair. RSA takes up to seconds, so it is made on a thread of libuv; the others take less than a millisecond. */
export async function makePair(row: PairRow): Promise<KeyObject> {
  if (row.kind !== "rsa") return makeFastPair(row);
  if (generations >= maxGenerations) await new Promise<void>((resolve) => waiting.push(resolve));
  generations++;
  try {
    return await new Promise((resolve, reject) => {
      generateKeyPair("rsa", { modulusLength: row.modulusBits, publicExponent: 65537 }, (error, _public, key) =>
        error ? reject(error) : resolve(key),
      );
    });
  } finally {
    generations--;
    waiting.shift()?.();
  }
}

function makeFastPair(row: Exclude<PairRow, { kind: "rsa" }>): KeyObject {
  switch (row.kind) {
    case "ec":
      return generateKeyPairSync("ec", { namedCurve: row.curve }).privateKey;
    case "ed25519":
      return generateKeyPairSync("ed25519").privateKey;
    default:
      return makeLatticePair(row.type);
  }
}

function makeLatticePair(type: LatticeRow["type"]): KeyObject {
  switch (type) {
    case "ml-dsa-44":
      return generateKeyPairSync("ml-dsa-44").privateKey;
    case "ml-dsa-65":
      return generateKeyPairSync("ml-dsa-65").privateKey;
    case "ml-dsa-87":
      return generateKeyPairSync("ml-dsa-87").privateKey;
    case "ml-kem-512":
      return generateKeyPairSync("ml-kem-512").privateKey;
    case "ml-kem-768":
      return generateKeyPairSync("ml-kem-768").privateKey;
    case "ml-kem-1024":
      return generateKeyPairSync("ml-kem-1024").privateKey;
  }
}

/** The secret in the holder's form (`materials.ts`). The caller zeroes it. */
export function secretOf(row: PairRow, key: KeyObject): Buffer {
  switch (row.kind) {
    case "rsa":
      return pkcs8Of(key);
    case "ml-dsa":
    case "ml-kem":
      return key.export({ format: "raw-seed" });
    default:
      return key.export({ format: "raw-private" });
  }
}

/** The private key of a secret in the holder's form; throws when it is none. */
export function privateKeyOf(row: PairRow, secret: Buffer): KeyObject {
  switch (row.kind) {
    case "rsa":
      return createPrivateKey({ key: secret, format: "der", type: "pkcs8" });
    case "ec":
      return createPrivateKey({
        key: secret,
        format: "raw-private",
        asymmetricKeyType: "ec",
        namedCurve: row.curve,
      });
    case "ed25519":
      return createPrivateKey({ key: secret, format: "raw-private", asymmetricKeyType: "ed25519" });
    default:
      return createPrivateKey({ key: secret, format: "raw-seed", asymmetricKeyType: row.type });
  }
}

/** DER, RFC 5958; ML-KEM in seed form, as GenerateDataKeyPair has it. The caller zeroes it. */
export function pkcs8Of(key: KeyObject): Buffer {
  return key.export({ type: "pkcs8", format: "der" });
}

/** DER, X.509 SubjectPublicKeyInfo. */
export function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: "spki", format: "der" });
}

/** OpenSSL's names of the curves, as a KeyObject tells them. */
const namedCurves: Readonly<Record<string, string>> = {
  "P-256": "prime256v1",
  "P-384": "secp384r1",
  "P-521": "secp521r1",
  secp256k1: "secp256k1",
};

/**
 * The private key in a PKCS #8 document, when it is one of the kind that `row` says; `undefined` otherwise.
 * INVARIANT: what is returned was built from the secret alone, so its public key is the secret's, whatever the document
 * says, and an RSA key whose numbers contradict each other is none.
 */
export function importedKey(row: PairRow, pkcs8: Buffer): KeyObject | undefined {
  try {
    const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
    if (!isOfKind(row, key)) return undefined;
    const secret = secretOf(row, key);
    const own = privateKeyOf(row, secret);
    secret.fill(0);
    return row.kind === "rsa" && !isConsistent(own) ? undefined : own;
  } catch {
    // Not PKCS #8, or a key without the form that is kept, e.g. ML-DSA without its seed.
    return undefined;
  }
}

function isOfKind(row: PairRow, key: KeyObject): boolean {
  const details = key.asymmetricKeyDetails ?? {};
  switch (row.kind) {
    case "rsa":
      return key.asymmetricKeyType === "rsa" && details.modulusLength === row.modulusBits;
    case "ec":
      return key.asymmetricKeyType === "ec" && details.namedCurve === namedCurves[row.curve];
    case "ed25519":
      return key.asymmetricKeyType === "ed25519";
    default:
      return key.asymmetricKeyType === row.type;
  }
}
