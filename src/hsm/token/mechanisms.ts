/** Mechanisms an HSM has: what they are for, for which keys. Sizes in bits for RSA and EC, in bytes for secret keys. */
import { CKF, CKM, CKR, Failure } from "./constants.ts";
import type { KeyReference } from "./backend.ts";

export type Use =
  | "encrypt"
  | "decrypt"
  | "sign"
  | "verify"
  | "wrap"
  | "unwrap"
  | "generate"
  | "generatePair"
  | "digest"
  | "derive";

export interface MechanismRow {
  type: number;
  uses: readonly Use[];
  /** Of the keys it works with, or makes. */
  keyType?: KeyReference["type"];
  min: number;
  max: number;
  hash?: Hash;
}

export type Hash = "sha1" | "sha224" | "sha256" | "sha384" | "sha512";

const aes = { keyType: "AES", min: 16, max: 32 } as const;
const generic = { keyType: "GENERIC", min: 16, max: 512 } as const;
const rsa = { keyType: "RSA", min: 2048, max: 4096 } as const;
const ec = { keyType: "EC", min: 256, max: 521 } as const;
const digest = { uses: ["digest"], min: 0, max: 0 } as const;
const both = ["encrypt", "decrypt"] as const;
const signing = ["sign", "verify"] as const;
const wrapping = ["wrap", "unwrap"] as const;

const rows: readonly MechanismRow[] = [
  { type: CKM.AES_KEY_GEN, uses: ["generate"], ...aes },
  { type: CKM.AES_ECB, uses: both, ...aes },
  { type: CKM.AES_CBC, uses: both, ...aes },
  { type: CKM.AES_CBC_PAD, uses: [...both, ...wrapping], ...aes },
  { type: CKM.AES_GCM, uses: both, ...aes },
  { type: CKM.AES_CMAC, uses: signing, ...aes },
  { type: CKM.AES_KEY_WRAP, uses: wrapping, ...aes },
  { type: CKM.AES_KEY_WRAP_PAD, uses: wrapping, ...aes },
  { type: CKM.AES_KEY_WRAP_KWP, uses: wrapping, ...aes },
  { type: CKM.GENERIC_SECRET_KEY_GEN, uses: ["generate"], ...generic },
  { type: CKM.SHA256_HMAC, uses: signing, hash: "sha256", ...generic },
  { type: CKM.SHA384_HMAC, uses: signing, hash: "sha384", ...generic },
  { type: CKM.SHA512_HMAC, uses: signing, hash: "sha512", ...generic },
  { type: CKM.RSA_PKCS_KEY_PAIR_GEN, uses: ["generatePair"], ...rsa },
  { type: CKM.RSA_PKCS, uses: [...both, ...signing, ...wrapping], ...rsa },
  { type: CKM.RSA_PKCS_OAEP, uses: [...both, ...wrapping], ...rsa },
  { type: CKM.RSA_PKCS_PSS, uses: signing, ...rsa },
  { type: CKM.SHA256_RSA_PKCS, uses: signing, hash: "sha256", ...rsa },
  { type: CKM.SHA384_RSA_PKCS, uses: signing, hash: "sha384", ...rsa },
  { type: CKM.SHA512_RSA_PKCS, uses: signing, hash: "sha512", ...rsa },
  { type: CKM.SHA256_RSA_PKCS_PSS, uses: signing, hash: "sha256", ...rsa },
  { type: CKM.SHA384_RSA_PKCS_PSS, uses: signing, hash: "sha384", ...rsa },
  { type: CKM.SHA512_RSA_PKCS_PSS, uses: signing, hash: "sha512", ...rsa },
  { type: CKM.EC_KEY_PAIR_GEN, uses: ["generatePair"], ...ec },
  { type: CKM.ECDSA, uses: signing, ...ec },
  { type: CKM.ECDSA_SHA256, uses: signing, hash: "sha256", ...ec },
  { type: CKM.ECDSA_SHA384, uses: signing, hash: "sha384", ...ec },
  { type: CKM.ECDSA_SHA512, uses: signing, hash: "sha512", ...ec },
  { type: CKM.ECDH1_DERIVE, uses: ["derive"], ...ec },
  { type: CKM.SHA_1, hash: "sha1", ...digest },
  { type: CKM.SHA224, hash: "sha224", ...digest },
  { type: CKM.SHA256, hash: "sha256", ...digest },
  { type: CKM.SHA384, hash: "sha384", ...digest },
  { type: CKM.SHA512, hash: "sha512", ...digest },
];

const byType = new Map(rows.map((row) => [row.type, row]));

export const mechanismTypes: readonly number[] = rows.map(({ type }) => type);

/** @throws Failure */
export function mechanismFor(type: number, use: Use): MechanismRow {
  const row = byType.get(type);
  if (!row?.uses.includes(use)) throw new Failure(CKR.MECHANISM_INVALID);
  return row;
}

export function mechanismRow(type: number): MechanismRow | undefined {
  return byType.get(type);
}

const flags: Readonly<Record<Use, number>> = {
  encrypt: CKF.ENCRYPT,
  decrypt: CKF.DECRYPT,
  sign: CKF.SIGN,
  verify: CKF.VERIFY,
  wrap: CKF.WRAP,
  unwrap: CKF.UNWRAP,
  generate: CKF.GENERATE,
  generatePair: CKF.GENERATE_KEY_PAIR,
  digest: CKF.DIGEST,
  derive: CKF.DERIVE,
};

export function flagsOf({ uses }: MechanismRow): number {
  return uses.reduce((sum, use) => sum | flags[use], 0);
}
