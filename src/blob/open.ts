import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { BlobStore } from "./contract.ts";
import { FilesystemBlobs } from "./filesystem.ts";
import { S3Blobs } from "./s3.ts";
import type { SigningCredentials } from "#kernel/signedRequest.ts";

export interface BlobOptions {
  clock: Clock;
  random?: Random;
  /** For `s3:`; never part of the URL, which is logged. */
  credentials?: SigningCredentials;
  partSize?: number;
  timeoutMs?: number;
}

/**
 * Opens the blob store that a URL names: `file:<folder>`, or
 * `s3://bucket/prefix?endpoint=http://127.0.0.1:4566&region=us-east-1`.
 */
export async function openBlobs(url: string, options: BlobOptions): Promise<BlobStore> {
  if (url.startsWith("file:"))
    return FilesystemBlobs.open(url.slice("file:".length).replace(/^\/\/(?=\/)/, ""), options);
  const match = /^s3:\/\/([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(url);
  if (!match) throw new TypeError(`unknown kind of blob store: ${url.split(":", 1)[0]}:`);
  const parameters = new URLSearchParams(match[3]);
  const region = parameters.get("region") ?? "us-east-1";
  const endpoint = parameters.get("endpoint") ?? `https://s3.${region}.amazonaws.com`;
  const { credentials } = options;
  if (!credentials) throw new TypeError("an S3 blob store needs credentials");
  const prefix = match[2] ? `${match[2].replace(/\/$/, "")}/` : "";
  return new S3Blobs({ ...options, credentials, endpoint, bucket: match[1]!, prefix, region });
}
