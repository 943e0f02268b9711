/**
 * Rules for bucket names and object keys.
 * Source: Amazon S3 User Guide, "General purpose bucket naming rules", "Naming Amazon S3 objects".
 */
import { AwsError } from "#kernel/errors.ts";
import { objectId } from "./ids.ts";
import { invalidArgument, invalidBucketName, keyTooLong } from "./errors.ts";

const reservedPrefixes = ["xn--", "sthree-", "amzn-s3-demo-"] as const;
const reservedSuffixes = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"] as const;

export function isBucketName(name: string): boolean {
  return (
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes("..") &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name) &&
    !reservedPrefixes.some((prefix) => name.startsWith(prefix)) &&
    !reservedSuffixes.some((suffix) => name.endsWith(suffix))
  );
}

export function checkBucketName(name: string): void {
  if (!isBucketName(name)) throw invalidBucketName(name);
}

const maxKeyBytes = 1024;

/** U+0000 and U+0001 take two bytes in a document id; together with its other parts it must fit the store. */
const maxEscapedBytes = 1900;

/** @throws KeyTooLongError above 1,024 bytes of UTF-8, InvalidArgument for an empty key, InvalidURI for no text */
export function checkKey(key: string | undefined): string {
  if (key === undefined || key === "") throw invalidArgument("Object key must not be empty", "key", key ?? "");
  checkKeyText(key);
  return key;
}

/** The same for what is compared with keys: prefixes and markers, which may be empty. */
export function checkKeyText(text: string): void {
  if (!text.isWellFormed()) throw new AwsError("InvalidURI", "Couldn't parse the specified URI.", 400);
  const size = Buffer.byteLength(text);
  if (size > maxKeyBytes || objectId("", text).length > maxEscapedBytes) throw keyTooLong(size);
}
