import { AwsError } from "#kernel/errors.ts";
import {
  DecryptError,
  InvalidInput,
  KeyDestroyed,
  KeyHolderUnavailable,
  Sealed,
  UnsupportedMaterial,
} from "#keys/contract.ts";

/**
 * KMS answers 400 to everything that is the caller's fault, NotFoundException included (recorded against AWS in
 * LocalStack's KMS snapshots), and 500 to what may be tried again.
 */
export const notFound = (message: string): AwsError => new AwsError("NotFoundException", message);
export const keyNotFound = (arn: string): AwsError => notFound(`Key '${arn}' does not exist`);
export const aliasNotFound = (arn: string): AwsError => notFound(`Alias ${arn} is not found.`);
export const invalidKeyId = (keyId: string): AwsError => notFound(`Invalid keyId '${keyId}'`);
export const invalidArn = (message: string): AwsError => new AwsError("InvalidArnException", message);
export const validation = (message: string): AwsError => new AwsError("ValidationException", message);
export const disabled = (arn: string): AwsError => new AwsError("DisabledException", `${arn} is disabled.`);
export const invalidState = (message: string): AwsError => new AwsError("KMSInvalidStateException", message);
export const unsupported = (message: string): AwsError => new AwsError("UnsupportedOperationException", message);
export const limitExceeded = (message: string): AwsError => new AwsError("LimitExceededException", message);
export const alreadyExists = (message: string): AwsError => new AwsError("AlreadyExistsException", message);
export const invalidKeyUsage = (message: string): AwsError => new AwsError("InvalidKeyUsageException", message);
export const tagFault = (message: string): AwsError => new AwsError("TagException", message);
export const malformedPolicy = (message: string): AwsError => new AwsError("MalformedPolicyDocumentException", message);
/** AWS leaves the text of these empty, so that nothing can be learned from it. */
export const invalidCiphertext = (): AwsError => new AwsError("InvalidCiphertextException", "");
export const invalidMac = (): AwsError => new AwsError("KMSInvalidMacException", "");
export const invalidSignature = (): AwsError => new AwsError("KMSInvalidSignatureException", "");
export const invalidImportToken = (): AwsError => new AwsError("InvalidImportTokenException", "");
export const expiredImportToken = (): AwsError => new AwsError("ExpiredImportTokenException", "");
export const incorrectKeyMaterial = (): AwsError => new AwsError("IncorrectKeyMaterialException", "");
export const incorrectKey = (): AwsError =>
  new AwsError(
    "IncorrectKeyException",
    "The key ID in the request does not identify a CMK that can perform this operation.",
  );
export const accessDenied = (message: string): AwsError => new AwsError("AccessDeniedException", message);
export const dryRun = (): AwsError =>
  new AwsError("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.", 412);

/** An error of the key holder in KMS's words. Sealed and restarting are 5xx: SDKs try those again. */
export function fromKeyHolder(error: unknown, arn?: string): unknown {
  if (error instanceof DecryptError) return invalidCiphertext();
  if (error instanceof Sealed) return new AwsError("KMSInternalException", `${error.message}.`, 500);
  if (error instanceof KeyHolderUnavailable) return new AwsError("KeyUnavailableException", error.message, 500);
  if (error instanceof KeyDestroyed)
    return invalidState(`${arn ?? "The key"} has no key material: it has been deleted.`);
  if (error instanceof UnsupportedMaterial) return unsupported(error.message);
  if (error instanceof InvalidInput) return validation(`The request holds what the key cannot take: ${error.message}.`);
  return error;
}

/** Awaits a call of the key holder and translates its errors. */
export async function holding<T>(call: Promise<T>, arn?: string): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw fromKeyHolder(error, arn);
  }
}
