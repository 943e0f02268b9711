/**
 * Key specs this installation makes, one row each. Others that KMS knows are refused by name.
 * Source: KMS API Reference, CreateKey; KMS Developer Guide, "Key spec reference".
 */
import type { MaterialSpec } from "#keys/contract.ts";

export type KeyUsage = "ENCRYPT_DECRYPT" | "GENERATE_VERIFY_MAC";

export interface KeySpecRow {
  spec: MaterialSpec & ("SYMMETRIC_DEFAULT" | `HMAC_${string}`);
  usage: KeyUsage;
  encryptionAlgorithms?: readonly ["SYMMETRIC_DEFAULT"];
  macAlgorithm?: "HMAC_SHA_224" | "HMAC_SHA_256" | "HMAC_SHA_384" | "HMAC_SHA_512";
  /** Operations that a grant on such a key may allow: KMS Developer Guide, "Grant operations". */
  grantOperations: readonly string[];
}

const anyKey = ["CreateGrant", "DescribeKey", "RetireGrant"];
const macOperations = [...anyKey, "GenerateMac", "VerifyMac"];

const rows: readonly KeySpecRow[] = [
  {
    spec: "SYMMETRIC_DEFAULT",
    usage: "ENCRYPT_DECRYPT",
    encryptionAlgorithms: ["SYMMETRIC_DEFAULT"],
    grantOperations: [
      ...anyKey,
      "Decrypt",
      "Encrypt",
      "GenerateDataKey",
      "GenerateDataKeyPair",
      "GenerateDataKeyPairWithoutPlaintext",
      "GenerateDataKeyWithoutPlaintext",
      "ReEncryptFrom",
      "ReEncryptTo",
    ],
  },
  { spec: "HMAC_224", usage: "GENERATE_VERIFY_MAC", macAlgorithm: "HMAC_SHA_224", grantOperations: macOperations },
  { spec: "HMAC_256", usage: "GENERATE_VERIFY_MAC", macAlgorithm: "HMAC_SHA_256", grantOperations: macOperations },
  { spec: "HMAC_384", usage: "GENERATE_VERIFY_MAC", macAlgorithm: "HMAC_SHA_384", grantOperations: macOperations },
  { spec: "HMAC_512", usage: "GENERATE_VERIFY_MAC", macAlgorithm: "HMAC_SHA_512", grantOperations: macOperations },
];

export const keySpecs: ReadonlyMap<string, KeySpecRow> = new Map(rows.map((row) => [row.spec, row]));
