/** Tags of objects and buckets. Source: Amazon S3 User Guide, "Categorizing your objects using tags". */
import { AwsError } from "#kernel/errors.ts";
import type { Tag } from "@aws-sdk/client-s3";
import { invalidArgument, invalidTag } from "./errors.ts";

const maxObjectTags = 10;
const maxBucketTags = 50;
/** Letters, numbers and spaces of any script, and `_ . : / = + - @`. */
const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** The `x-amz-tagging` header: `key=value&key=value`, URL-encoded. */
export function parseTagHeader(header: string | undefined): Record<string, string> {
  if (header === undefined || header === "") return {};
  const tags: Tag[] = header.split("&").map((pair) => {
    const [key, value = "", ...rest] = pair.split("=");
    if (rest.length > 0 || !key) {
      throw invalidArgument(
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
        "x-amz-tagging",
        header,
      );
    }
    return { Key: decode(key, header), Value: decode(value, header) };
  });
  return checkTags(tags, "object");
}

function decode(text: string, header: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw invalidArgument(
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      "x-amz-tagging",
      header,
    );
  }
}

export function checkTags(tags: readonly Tag[], of: "object" | "bucket"): Record<string, string> {
  const max = of === "object" ? maxObjectTags : maxBucketTags;
  if (tags.length > max) {
    throw new AwsError(
      "BadRequest",
      of === "object" ? "Object tags cannot be greater than 10" : "Bucket tag count cannot be greater than 50",
      400,
    );
  }
  const result: Record<string, string> = {};
  for (const { Key: key = "", Value: value = "" } of tags) {
    if (key.length === 0 || key.length > 128 || !allowed.test(key)) {
      throw invalidTag("The TagKey you have provided is invalid");
    }
    if (value.length > 256 || !allowed.test(value)) throw invalidTag("The TagValue you have provided is invalid");
    if (key.startsWith("aws:")) {
      throw invalidTag("System tags cannot be added/updated by requester");
    }
    if (Object.hasOwn(result, key)) throw invalidTag("Cannot provide multiple Tags with the same key");
    Object.defineProperty(result, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return result;
}

export function tagSet(tags: Record<string, string>): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}
