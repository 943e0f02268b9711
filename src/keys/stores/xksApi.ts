/**
 * The XKS proxy API, version 1, as both sides of it know it.
 * Source: aws/aws-kms-xksproxy-api-spec, "External Key Store Proxy API Specification" (November 10, 2022).
 */

/** The service in the credential scope of signatures: Appendix A. */
export const xksSigningService = "kms-xks-proxy";

export interface RequestMetadata {
  awsPrincipalArn: string;
  /** Absent while CreateKey asks about a key that no KMS key has yet. */
  kmsKeyArn?: string;
  kmsOperation: string;
  kmsRequestId: string;
  kmsViaService?: string;
}

/** What an external key made of a plaintext; all of it is needed to open it again. */
export interface ExternalCiphertext {
  ciphertext: Uint8Array;
  /** Up to 20 bytes of the proxy's own; empty where it has none. */
  metadata: Uint8Array;
  /** 12 or 16 bytes. */
  iv: Uint8Array;
  /** 16 bytes. */
  tag: Uint8Array;
}

export interface ExternalKeyMetadata {
  keySpec: string;
  keyUsage: readonly string[];
  keyStatus: string;
}

export const maxMetadataBytes = 20;
export const tagBytes = 16;
export const ivLengths: readonly number[] = [12, 16];

/** "Error codes": name and HTTP status. */
export const xksErrors = {
  ValidationException: 400,
  InvalidStateException: 400,
  InvalidCiphertextException: 400,
  InvalidKeyUsageException: 400,
  AuthenticationFailedException: 401,
  AccessDeniedException: 403,
  KeyNotFoundException: 404,
  InvalidUriPathException: 404,
  ThrottlingException: 429,
  UnsupportedOperationException: 501,
  DependencyTimeoutException: 503,
  InternalException: 500,
} as const;

export type XksErrorName = keyof typeof xksErrors;
