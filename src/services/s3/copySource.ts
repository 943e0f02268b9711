/** The `x-amz-copy-source` header: `[/]bucket/key[?versionId=id]`, or an object's ARN; URL-encoded. */
import type { CallContext } from "#gateway/context.ts";
import { namedBucket } from "./bucket.ts";
import { invalidArgument } from "./errors.ts";
import type { Bucket } from "./state.ts";

export interface CopySource {
  bucket: Bucket;
  key: string;
  versionId: string | undefined;
}

export function parseCopySource(header: string): { bucket: string; key: string; versionId: string | undefined } {
  const invalid = (message: string) => invalidArgument(message, "x-amz-copy-source", header);
  const [path, query] = splitLast(header, "?versionId=");
  let text: string;
  try {
    text = decodeURIComponent(path.replaceAll("+", "%20"));
  } catch {
    throw invalid("Invalid copy source encoding.");
  }
  text = text.replace(/^arn:aws[a-z-]*:s3:::/, "").replace(/^\//, "");
  const slash = text.indexOf("/");
  if (slash < 1 || slash === text.length - 1) throw invalid("Invalid copy source object key");
  return { bucket: text.slice(0, slash), key: text.slice(slash + 1), versionId: query };
}

function splitLast(text: string, separator: string): [string, string | undefined] {
  const at = text.lastIndexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

export async function copySource(
  ctx: CallContext,
  input: { CopySource?: string | undefined; ExpectedSourceBucketOwner?: string | undefined },
): Promise<CopySource> {
  const { bucket, key, versionId } = parseCopySource(input.CopySource ?? "");
  return { bucket: await namedBucket(ctx, bucket, input.ExpectedSourceBucketOwner), key, versionId };
}
