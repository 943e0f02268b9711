/**
 * Price classes of KMS's requests. Source: AWS KMS pricing: "$0.03 per 10,000 requests", "$0.03 per 10,000 requests
 * involving RSA 2048 keys", "$0.10 per 10,000 ECC GenerateDataKeyPair requests", "$0.15 per 10,000 asymmetric requests
 * except RSA 2048", "$12.00 per 10,000 RSA GenerateDataKeyPair requests"; what the free tier leaves out:
 * GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext, and "Sign, Verify, Encrypt, Decrypt, and GetPublicKey that
 * reference asymmetric KMS keys".
 */
export const requestClasses = ["symmetric", "rsa-2048", "asymmetric", "ecc-key-pair", "rsa-key-pair"] as const;

export type RequestClass = (typeof requestClasses)[number];

/** The free tier counts for these only. */
export const freeTierClass: RequestClass = "symmetric";

const pairs = new Set(["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"]);

/** Operations that use a key pair where the key is one. */
const withPairs = new Set([
  "Decapsulate",
  "Decrypt",
  "DeriveSharedSecret",
  "Encapsulate",
  "Encrypt",
  "GetPublicKey",
  "ReEncrypt",
  "Sign",
  "Verify",
]);

/** Whether the price depends on the specs of the keys. */
export function dependsOnKey(operation: string): boolean {
  return withPairs.has(operation);
}

/**
 * @param keySpecs KeySpec of every key that the request names
 * @param keyPairSpec of a data key pair
 */
export function requestClass(operation: string, keySpecs: readonly string[], keyPairSpec?: string): RequestClass {
  if (pairs.has(operation)) return keyPairSpec?.startsWith("RSA_") ? "rsa-key-pair" : "ecc-key-pair";
  if (!withPairs.has(operation)) return "symmetric";
  const asymmetric = keySpecs.filter((spec) => !/^(SYMMETRIC|HMAC)_/.test(spec));
  if (asymmetric.some((spec) => spec !== "RSA_2048")) return "asymmetric";
  return asymmetric.length > 0 ? "rsa-2048" : "symmetric";
}
