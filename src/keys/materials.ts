/**
 * The kinds of key material the holder knows, one row each: a code that starts the wrapped bytes, and what the
 * secret looks like. Secrets are stored in the shortest form that rebuilds the key: raw bytes for symmetric and MAC
 * keys, the scalar for elliptic curves, the seed for ML-DSA and ML-KEM (FIPS 203 and 204), PKCS #8 for RSA.
 * Sources: KMS Developer Guide, "Key spec reference"; sizes of MAC keys: RFC 2104, section 3.
 */
import type { MaterialSpec } from "./contract.ts";

export type MacDigest = "sha224" | "sha256" | "sha384" | "sha512";

interface Row {
  spec: MaterialSpec;
  /** First byte of the wrapped secret. INVARIANT: never reused for another spec. */
  code: number;
}

export interface SecretRow extends Row {
  kind: "symmetric" | "mac";
  /** Bytes of the secret that is made here. */
  bytes: number;
  /** Bytes that an imported secret may have. */
  importable: { min: number; max: number };
  digest?: MacDigest;
}

export interface RsaRow extends Row {
  kind: "rsa";
  modulusBits: number;
}

export interface EcRow extends Row {
  kind: "ec";
  /** Node's name. */
  curve: "P-256" | "P-384" | "P-521" | "secp256k1";
  bytes: number;
}

export interface EdwardsRow extends Row {
  kind: "ed25519";
  bytes: number;
}

export interface LatticeRow extends Row {
  kind: "ml-dsa" | "ml-kem";
  /** Node's name of the parameter set. */
  type: "ml-dsa-44" | "ml-dsa-65" | "ml-dsa-87" | "ml-kem-512" | "ml-kem-768" | "ml-kem-1024";
  /** Bytes of the seed. */
  bytes: number;
  /** Bytes of an ML-KEM ciphertext: FIPS 203, table 3. */
  ciphertextBytes?: number;
}

export type PairRow = RsaRow | EcRow | EdwardsRow | LatticeRow;
export type MaterialRow = SecretRow | PairRow;

const exactly = (bytes: number) => ({ bytes, importable: { min: bytes, max: bytes } });

const rows: readonly MaterialRow[] = [
  { spec: "SYMMETRIC_DEFAULT", code: 1, kind: "symmetric", ...exactly(32) },
  // KMS generates as many bytes as the digest has, and takes imported keys of the same length.
  { spec: "HMAC_224", code: 2, kind: "mac", ...exactly(28), digest: "sha224" },
  { spec: "HMAC_256", code: 3, kind: "mac", ...exactly(32), digest: "sha256" },
  { spec: "HMAC_384", code: 4, kind: "mac", ...exactly(48), digest: "sha384" },
  { spec: "HMAC_512", code: 5, kind: "mac", ...exactly(64), digest: "sha512" },
  { spec: "RSA_2048", code: 6, kind: "rsa", modulusBits: 2048 },
  { spec: "RSA_3072", code: 7, kind: "rsa", modulusBits: 3072 },
  { spec: "RSA_4096", code: 8, kind: "rsa", modulusBits: 4096 },
  { spec: "ECC_NIST_P256", code: 9, kind: "ec", curve: "P-256", bytes: 32 },
  { spec: "ECC_NIST_P384", code: 10, kind: "ec", curve: "P-384", bytes: 48 },
  { spec: "ECC_NIST_P521", code: 11, kind: "ec", curve: "P-521", bytes: 66 },
  { spec: "ECC_SECG_P256K1", code: 12, kind: "ec", curve: "secp256k1", bytes: 32 },
  { spec: "ECC_NIST_EDWARDS25519", code: 13, kind: "ed25519", bytes: 32 },
  { spec: "ML_DSA_44", code: 14, kind: "ml-dsa", type: "ml-dsa-44", bytes: 32 },
  { spec: "ML_DSA_65", code: 15, kind: "ml-dsa", type: "ml-dsa-65", bytes: 32 },
  { spec: "ML_DSA_87", code: 16, kind: "ml-dsa", type: "ml-dsa-87", bytes: 32 },
  { spec: "ML_KEM_512", code: 17, kind: "ml-kem", type: "ml-kem-512", bytes: 64, ciphertextBytes: 768 },
  { spec: "ML_KEM_768", code: 18, kind: "ml-kem", type: "ml-kem-768", bytes: 64, ciphertextBytes: 1088 },
  { spec: "ML_KEM_1024", code: 19, kind: "ml-kem", type: "ml-kem-1024", bytes: 64, ciphertextBytes: 1568 },
];

const bySpec: ReadonlyMap<string, MaterialRow> = new Map(rows.map((row) => [row.spec, row]));
const byCode: ReadonlyMap<number, MaterialRow> = new Map(rows.map((row) => [row.code, row]));

export function materialOf(spec: string): MaterialRow | undefined {
  return bySpec.get(spec);
}

export function materialOfCode(code: number): MaterialRow | undefined {
  return byCode.get(code);
}

export function isPair(row: MaterialRow): row is PairRow {
  return row.kind !== "symmetric" && row.kind !== "mac";
}
