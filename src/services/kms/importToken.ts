/**
 * The import token: the private half of the wrapping key, which only the key holder can open, and what it was made
 * for. INVARIANT: KMS key, wrapping algorithm and end of validity are authenticated together with the wrapping key,
 * so a token works for nothing else. Source: KMS Developer Guide, "Download the wrapping public key and import token".
 */
import type { WrappingAlgorithm, WrappingKey } from "#keys/contract.ts";
import { expiredImportToken, invalidImportToken } from "./errors.ts";

/** "Each public key and import token set is valid for 24 hours." */
export const validityMs = 24 * 3600_000;

interface Written {
  arn: string;
  algorithm: WrappingAlgorithm;
  /** Epoch milliseconds. */
  validTo: number;
  key: string;
}

export function wrappingBound(arn: string, algorithm: WrappingAlgorithm, validTo: number): string {
  return `${arn}|import|${algorithm}|${validTo}`;
}

export function encodeToken(arn: string, algorithm: WrappingAlgorithm, validTo: number, key: WrappingKey): Buffer {
  const written: Written = { arn, algorithm, validTo, key: Buffer.from(key.wrapped).toString("base64") };
  return Buffer.from(JSON.stringify(written));
}

/**
 * What a token says; whether that is true shows when the key holder opens the wrapping key.
 * @throws InvalidImportTokenException, ExpiredImportTokenException
 */
export function decodeToken(
  token: Uint8Array,
  arn: string,
  now: number,
): { key: WrappingKey; algorithm: WrappingAlgorithm } {
  let written: Partial<Written> | null;
  try {
    written = JSON.parse(Buffer.from(token).toString("utf8")) as Partial<Written> | null;
  } catch {
    throw invalidImportToken();
  }
  const { algorithm, validTo, key } = written ?? {};
  if (typeof algorithm !== "string" || typeof validTo !== "number" || typeof key !== "string" || written?.arn !== arn) {
    throw invalidImportToken();
  }
  if (validTo <= now) throw expiredImportToken();
  const wrapped = Buffer.from(key, "base64");
  return { algorithm, key: { wrapped, bound: wrappingBound(arn, algorithm, validTo) } };
}
