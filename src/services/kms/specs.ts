/**
 * Key specs, one row each: what a key of the spec may be made for, and with which algorithms. SM2 is not here: AWS
 * has it in its China Regions only.
 * Sources: KMS API Reference, CreateKey; KMS Developer Guide, "Key spec reference", "Grant operations".
 */
import type { EncryptionAlgorithm, MaterialSpec, OaepAlgorithm, SigningAlgorithm } from "#keys/contract.ts";

export type KeyUsage =
  | "ENCRYPT_DECRYPT"
  | "SIGN_VERIFY"
  | "GENERATE_VERIFY_MAC"
  | "KEY_AGREEMENT"
  | "ENCAPSULATE_DECAPSULATE";

export type KeyType = "symmetric" | "mac" | "asymmetric";

export interface KeySpecRow {
  spec: MaterialSpec;
  type: KeyType;
  /** The first is the only one where there is no second; CreateKey takes a default for symmetric keys only. */
  usages: readonly [KeyUsage, ...KeyUsage[]];
  encryptionAlgorithms?: readonly EncryptionAlgorithm[];
  /** Longest plaintext of each RSAES-OAEP algorithm: RFC 8017, section 7.1.1. */
  maxPlaintext?: Readonly<Record<OaepAlgorithm, number>>;
  signingAlgorithms?: readonly SigningAlgorithm[];
  macAlgorithm?: "HMAC_SHA_224" | "HMAC_SHA_256" | "HMAC_SHA_384" | "HMAC_SHA_512";
}

const rsaSigning: readonly SigningAlgorithm[] = [
  "RSASSA_PKCS1_V1_5_SHA_256",
  "RSASSA_PKCS1_V1_5_SHA_384",
  "RSASSA_PKCS1_V1_5_SHA_512",
  "RSASSA_PSS_SHA_256",
  "RSASSA_PSS_SHA_384",
  "RSASSA_PSS_SHA_512",
];

function rsa(spec: "RSA_2048" | "RSA_3072" | "RSA_4096", modulusBytes: number): KeySpecRow {
  return {
    spec,
    type: "asymmetric",
    usages: ["ENCRYPT_DECRYPT", "SIGN_VERIFY"],
    encryptionAlgorithms: ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"],
    maxPlaintext: { RSAES_OAEP_SHA_1: modulusBytes - 2 * 20 - 2, RSAES_OAEP_SHA_256: modulusBytes - 2 * 32 - 2 },
    signingAlgorithms: rsaSigning,
  };
}

function curve(spec: MaterialSpec, signing: readonly SigningAlgorithm[], agreement: boolean): KeySpecRow {
  const usages = agreement ? (["SIGN_VERIFY", "KEY_AGREEMENT"] as const) : (["SIGN_VERIFY"] as const);
  return { spec, type: "asymmetric", usages, signingAlgorithms: signing };
}

function mac(spec: MaterialSpec, macAlgorithm: NonNullable<KeySpecRow["macAlgorithm"]>): KeySpecRow {
  return { spec, type: "mac", usages: ["GENERATE_VERIFY_MAC"], macAlgorithm };
}

const mlDsa = (spec: MaterialSpec): KeySpecRow => ({
  spec,
  type: "asymmetric",
  usages: ["SIGN_VERIFY"],
  signingAlgorithms: ["ML_DSA_SHAKE_256"],
});

const mlKem = (spec: MaterialSpec): KeySpecRow => ({ spec, type: "asymmetric", usages: ["ENCAPSULATE_DECAPSULATE"] });

const rows: readonly KeySpecRow[] = [
  {
    spec: "SYMMETRIC_DEFAULT",
    type: "symmetric",
    usages: ["ENCRYPT_DECRYPT"],
    encryptionAlgorithms: ["SYMMETRIC_DEFAULT"],
  },
  mac("HMAC_224", "HMAC_SHA_224"),
  mac("HMAC_256", "HMAC_SHA_256"),
  mac("HMAC_384", "HMAC_SHA_384"),
  mac("HMAC_512", "HMAC_SHA_512"),
  rsa("RSA_2048", 256),
  rsa("RSA_3072", 384),
  rsa("RSA_4096", 512),
  curve("ECC_NIST_P256", ["ECDSA_SHA_256"], true),
  curve("ECC_NIST_P384", ["ECDSA_SHA_384"], true),
  curve("ECC_NIST_P521", ["ECDSA_SHA_512"], true),
  curve("ECC_SECG_P256K1", ["ECDSA_SHA_256"], false),
  curve("ECC_NIST_EDWARDS25519", ["ED25519_SHA_512", "ED25519_PH_SHA_512"], false),
  mlDsa("ML_DSA_44"),
  mlDsa("ML_DSA_65"),
  mlDsa("ML_DSA_87"),
  mlKem("ML_KEM_512"),
  mlKem("ML_KEM_768"),
  mlKem("ML_KEM_1024"),
];

export const keySpecs: ReadonlyMap<string, KeySpecRow> = new Map(rows.map((row) => [row.spec, row]));

interface Algorithms {
  EncryptionAlgorithms?: EncryptionAlgorithm[];
  SigningAlgorithms?: SigningAlgorithm[];
  MacAlgorithms?: NonNullable<KeySpecRow["macAlgorithm"]>[];
  KeyAgreementAlgorithms?: "ECDH"[];
  EncapsulationAlgorithms?: "ML_KEM"[];
}

/** The algorithms of a key, as KeyMetadata and GetPublicKey list them: those of its usage only. */
export function algorithmsOf({ spec, usage }: { spec: string; usage: KeyUsage }): Algorithms {
  const row = keySpecs.get(spec)!;
  switch (usage) {
    case "ENCRYPT_DECRYPT":
      return { EncryptionAlgorithms: [...row.encryptionAlgorithms!] };
    case "SIGN_VERIFY":
      return { SigningAlgorithms: [...row.signingAlgorithms!] };
    case "GENERATE_VERIFY_MAC":
      return { MacAlgorithms: [row.macAlgorithm!] };
    case "KEY_AGREEMENT":
      return { KeyAgreementAlgorithms: ["ECDH"] };
    case "ENCAPSULATE_DECAPSULATE":
      return { EncapsulationAlgorithms: ["ML_KEM"] };
  }
}

const onAnyKey = ["CreateGrant", "DescribeKey", "RetireGrant"];
const byUsage: Readonly<Record<KeyUsage, readonly string[]>> = {
  ENCRYPT_DECRYPT: ["Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo"],
  SIGN_VERIFY: ["Sign", "Verify"],
  GENERATE_VERIFY_MAC: ["GenerateMac", "VerifyMac"],
  KEY_AGREEMENT: ["DeriveSharedSecret"],
  ENCAPSULATE_DECAPSULATE: ["Decapsulate", "Encapsulate"],
};
const onSymmetricKeys = [
  "GenerateDataKey",
  "GenerateDataKeyPair",
  "GenerateDataKeyPairWithoutPlaintext",
  "GenerateDataKeyWithoutPlaintext",
];

/** Operations that a grant on such a key may allow. */
export function grantOperationsOf({ spec, usage }: { spec: string; usage: KeyUsage }): readonly string[] {
  const { type } = keySpecs.get(spec)!;
  const more = type === "symmetric" ? onSymmetricKeys : type === "asymmetric" ? ["GetPublicKey"] : [];
  return [...onAnyKey, ...byUsage[usage], ...more];
}
