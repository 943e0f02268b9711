/**
 * Signing and verifying, one row per algorithm of KMS: what it hashes, and what a message of each type is.
 * Source: KMS API Reference, Sign, SigningAlgorithm and MessageType; RFC 8017, FIPS 186-5, FIPS 204.
 */
import { constants, sign, verify, type KeyObject } from "node:crypto";
import type { MessageType, SigningAlgorithm } from "./contract.ts";
import { signDigest, verifyDigest } from "./ecdsaDigest.ts";
import type { PairRow } from "./materials.ts";
import { type RsaHash, signPkcs1, signPss, verifyPkcs1, verifyPss } from "./rsaDigest.ts";
import { signEd25519ph, signMu, verifyEd25519ph, verifyMu } from "./unusualSignatures.ts";

type Algorithm =
  | { family: "pkcs1" | "pss"; hash: RsaHash }
  | { family: "ecdsa"; hash: RsaHash; curves: readonly string[] }
  | { family: "ed25519" }
  | { family: "ed25519ph" }
  | { family: "ml-dsa" };

const algorithms: Readonly<Record<SigningAlgorithm, Algorithm>> = {
  RSASSA_PKCS1_V1_5_SHA_256: { family: "pkcs1", hash: "sha256" },
  RSASSA_PKCS1_V1_5_SHA_384: { family: "pkcs1", hash: "sha384" },
  RSASSA_PKCS1_V1_5_SHA_512: { family: "pkcs1", hash: "sha512" },
  RSASSA_PSS_SHA_256: { family: "pss", hash: "sha256" },
  RSASSA_PSS_SHA_384: { family: "pss", hash: "sha384" },
  RSASSA_PSS_SHA_512: { family: "pss", hash: "sha512" },
  ECDSA_SHA_256: { family: "ecdsa", hash: "sha256", curves: ["P-256", "secp256k1"] },
  ECDSA_SHA_384: { family: "ecdsa", hash: "sha384", curves: ["P-384"] },
  ECDSA_SHA_512: { family: "ecdsa", hash: "sha512", curves: ["P-521"] },
  ED25519_SHA_512: { family: "ed25519" },
  ED25519_PH_SHA_512: { family: "ed25519ph" },
  ML_DSA_SHAKE_256: { family: "ml-dsa" },
};

const digestBytes: Readonly<Record<RsaHash, number>> = { sha256: 32, sha384: 48, sha512: 64 };
/** The representative µ of ML-DSA: FIPS 204, algorithm 7. The digest that Ed25519ph is given is SHA-512's. */
const muBytes = 64;
const sha512Bytes = 64;

export interface SigningRequest {
  row: PairRow;
  algorithm: string;
  messageType: string;
  message: Uint8Array;
}

/** What signs and what verifies for one key, algorithm and message type; `undefined` when they do not go together. */
interface Scheme {
  sign(key: KeyObject, message: Uint8Array): Buffer | Promise<Buffer>;
  verify(key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>;
}

function schemeOf({ row, algorithm: name, messageType, message }: SigningRequest): Scheme | undefined {
  if (!Object.hasOwn(algorithms, name)) return undefined;
  const algorithm = algorithms[name as SigningAlgorithm];
  const type = messageType as MessageType;
  switch (algorithm.family) {
    case "pkcs1":
    case "pss":
      return row.kind === "rsa"
        ? rsaScheme(algorithm.family, algorithm.hash, type, message, row.modulusBits)
        : undefined;
    case "ecdsa":
      if (row.kind !== "ec" || !algorithm.curves.includes(row.curve)) return undefined;
      return ecdsaScheme(row.curve, algorithm.hash, type, message);
    case "ed25519":
      return row.kind === "ed25519" && type === "RAW" ? ed25519 : undefined;
    case "ed25519ph":
      return row.kind === "ed25519" && type === "DIGEST" && message.length === sha512Bytes ? ed25519ph : undefined;
    case "ml-dsa":
      if (row.kind !== "ml-dsa") return undefined;
      if (type === "RAW") return mlDsa;
      if (type !== "EXTERNAL_MU" || message.length !== muBytes) return undefined;
      return {
        sign: (key, mu) => signMu(row.type, key, mu),
        verify: (key, mu, signature) => verifyMu(row.type, key, mu, signature),
      };
  }
}

function rsaScheme(
  family: "pkcs1" | "pss",
  hash: RsaHash,
  type: MessageType,
  message: Uint8Array,
  modulusBits: number,
): Scheme | undefined {
  if (type === "DIGEST") {
    if (message.length !== digestBytes[hash]) return undefined;
    return family === "pkcs1"
      ? {
          sign: (key, digest) => signPkcs1(key, hash, digest),
          verify: (key, ...rest) => verifyPkcs1(key, hash, ...rest),
        }
      : { sign: (key, digest) => signPss(key, hash, digest), verify: (key, ...rest) => verifyPss(key, hash, ...rest) };
  }
  if (type !== "RAW") return undefined;
  const padding =
    family === "pkcs1"
      ? { padding: constants.RSA_PKCS1_PADDING }
      : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return {
    // A large modulus takes milliseconds: on a thread of libuv, so that nobody else waits for it.
    sign: (key, data) =>
      modulusBits > 2048 ? signOnThread(hash, { key, ...padding }, data) : sign(hash, data, { key, ...padding }),
    // OpenSSL takes a PSS signature whose leading zeros were cut off; RFC 8017, section 8.1.2, step 1, does not.
    verify: (key, data, signature) =>
      signature.length === modulusBits / 8 && verify(hash, data, { key, ...padding }, signature),
  };
}

function ecdsaScheme(
  curve: Parameters<typeof signDigest>[0],
  hash: RsaHash,
  type: MessageType,
  message: Uint8Array,
): Scheme | undefined {
  if (type === "DIGEST") {
    if (message.length !== digestBytes[hash]) return undefined;
    return {
      sign: (key, digest) => signDigest(curve, key, digest),
      verify: (key, digest, signature) => verifyDigest(curve, key, digest, signature),
    };
  }
  if (type !== "RAW") return undefined;
  return {
    sign: (key, data) => sign(hash, data, { key, dsaEncoding: "der" }),
    verify: (key, data, signature) => verify(hash, data, { key, dsaEncoding: "der" }, signature),
  };
}

const ed25519: Scheme = {
  sign: (key, message) => sign(null, message, key),
  verify: (key, message, signature) => verify(null, message, key, signature),
};

const ed25519ph: Scheme = { sign: signEd25519ph, verify: verifyEd25519ph };

const mlDsa: Scheme = {
  sign: (key, message) => signOnThread(null, { key }, message),
  verify: (key, message, signature) => verify(null, message, key, signature),
};

function signOnThread(
  hash: string | null,
  key: { key: KeyObject; padding?: number; saltLength?: number },
  message: Uint8Array,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(hash, message, key, (error, signature) => (error ? reject(error) : resolve(signature)));
  });
}

/** `undefined` when key, algorithm, message type and length of the message do not go together. */
export function signMessage(request: SigningRequest, key: KeyObject): Buffer | Promise<Buffer> | undefined {
  return schemeOf(request)?.sign(key, request.message);
}

/** `undefined` as for `signMessage`; `false` for every signature that is not valid, whatever is wrong with it. */
export function verifyMessage(
  request: SigningRequest,
  publicKey: KeyObject,
  signature: Uint8Array,
): boolean | Promise<boolean> | undefined {
  return schemeOf(request)?.verify(publicKey, request.message, signature);
}
