/** CopyObject. The body is decrypted and encrypted again under a key of its own while it streams. */
import type { CallContext } from "#gateway/context.ts";
import { maxBodySize, naming, readBodies, writeBody } from "../body.ts";
import { requestCharged, requireBucket } from "../bucket.ts";
import { checkAlgorithm, checksumOutput } from "../checksums.ts";
import { copySource } from "../copySource.ts";
import { describe } from "../description.ts";
import {
  chooseEncryption,
  customerKey,
  encryptionContextOutput,
  encryptionOutput,
  newObjectKeys,
  openObjectKeys,
} from "../encryption.ts";
import { invalidArgument, invalidRequest } from "../errors.ts";
import { emitEvent } from "../events.ts";
import { History } from "../history.ts";
import { checkKey } from "../names.ts";
import { quoted, versionOutput, writtenVersionOutput } from "../output.ts";
import { checkCopySource, checkWrite } from "../preconditions.ts";
import type { In, Out } from "../sdk.ts";
import { installation, type ChecksumAlgorithm, type Description, type ObjectVersion } from "../state.ts";
import { requireVersion } from "../target.ts";

export async function copyObject(input: In<"CopyObject">, ctx: CallContext): Promise<Out<"CopyObject">> {
  const bucket = await requireBucket(ctx, input);
  const key = checkKey(input.Key);
  const from = await copySource(ctx, input);
  const source = await requireVersion(ctx, from.bucket, { Key: from.key, VersionId: from.versionId });
  checkCopySource(
    {
      IfMatch: input.CopySourceIfMatch,
      IfNoneMatch: input.CopySourceIfNoneMatch,
      IfModifiedSince: input.CopySourceIfModifiedSince,
      IfUnmodifiedSince: input.CopySourceIfUnmodifiedSince,
    },
    source,
  );
  if (source.size > maxBodySize) {
    throw invalidRequest(
      `The specified copy source is larger than the maximum allowable size for a copy source: ${maxBodySize}`,
    );
  }
  if (bucket.name === from.bucket.name && key === from.key && from.versionId === undefined) refuseUnchanged(input);
  const description = await copiedDescription(ctx, input, bucket, source);
  const choice = chooseEncryption(ctx, bucket, key, input);
  const algorithm = copiedAlgorithm(input, source);
  const history = new History(ctx, bucket, key);
  const conditional = input.IfMatch !== undefined || input.IfNoneMatch !== undefined;
  if (conditional) checkWrite(input, key, await history.peek());

  const stored = await ctx.once("body", async () => {
    const sourceCustomer = customerKey(ctx, {
      SSECustomerAlgorithm: input.CopySourceSSECustomerAlgorithm,
      SSECustomerKey: input.CopySourceSSECustomerKey,
      SSECustomerKeyMD5: input.CopySourceSSECustomerKeyMD5,
    });
    const sourceKeys = await openObjectKeys(ctx, from.bucket, from.key, source.encryption, sourceCustomer);
    const { encryption, keys } = await newObjectKeys(ctx, bucket, key, choice);
    const body = await writeBody(ctx, keys, readBodies(ctx, sourceKeys, source.bodies, 0, source.size - 1), {
      contentLength: source.size,
      checksum: { algorithm },
      encryption,
    });
    return { encryption, body };
  });
  if (conditional) await naming(ctx, stored.body, async () => checkWrite(input, key, await history.current()));
  const version = await history.place({
    kind: "object",
    ...description,
    modified: ctx.now,
    size: stored.body.size,
    etag: stored.body.etag,
    encryption: stored.encryption,
    checksum: { algorithm, type: "FULL_OBJECT", value: stored.body.checksum },
    bodies: [{ blob: stored.body.blob, size: stored.body.size }],
  });
  ctx.state.check("bucket", bucket.name, installation);
  emitEvent(ctx, bucket, "ObjectCreated:Copy", key, version);
  return {
    CopyObjectResult: {
      ETag: quoted(version.etag),
      LastModified: new Date(version.modified),
      ...checksumOutput(version.checksum),
    },
    ...(versionOutput(from.bucket, source).VersionId === undefined ? {} : { CopySourceVersionId: source.versionId }),
    ...writtenVersionOutput(bucket, version),
    ...encryptionOutput(version.encryption),
    ...encryptionContextOutput(version.encryption),
    ...requestCharged(ctx, bucket),
  };
}

/** Source: Amazon S3 API Reference, CopyObject; the text is S3's. */
function refuseUnchanged(input: In<"CopyObject">): void {
  const changes =
    input.MetadataDirective === "REPLACE" ||
    input.TaggingDirective === "REPLACE" ||
    input.StorageClass !== undefined ||
    input.WebsiteRedirectLocation !== undefined ||
    input.ServerSideEncryption !== undefined ||
    input.SSECustomerAlgorithm !== undefined ||
    input.BucketKeyEnabled !== undefined ||
    input.ChecksumAlgorithm !== undefined;
  if (changes) return;
  throw invalidRequest(
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  );
}

function directive(value: string | undefined, name: string): "COPY" | "REPLACE" {
  if (value === undefined || value === "COPY") return "COPY";
  if (value === "REPLACE") return "REPLACE";
  throw invalidArgument(`Unknown ${name} directive.`, `x-amz-${name}-directive`, value);
}

async function copiedDescription(
  ctx: CallContext,
  input: In<"CopyObject">,
  bucket: Parameters<typeof describe>[1],
  source: ObjectVersion,
): Promise<Description> {
  const metadata = directive(input.MetadataDirective, "metadata");
  const tagging = directive(input.TaggingDirective, "tagging");
  if (tagging === "COPY" && input.Tagging !== undefined) {
    throw invalidArgument(
      "The tagging directive must be REPLACE when tags are given.",
      "x-amz-tagging-directive",
      "COPY",
    );
  }
  const own = await describe(ctx, bucket, input);
  return {
    ...own,
    ...(metadata === "COPY"
      ? {
          metadata: source.metadata,
          // A redirect belongs to a place, so it is never copied.
          headers: {
            ...without(source.headers, "websiteRedirectLocation"),
            ...(input.WebsiteRedirectLocation === undefined
              ? {}
              : { websiteRedirectLocation: input.WebsiteRedirectLocation }),
          },
        }
      : {}),
    ...(tagging === "COPY" ? { tags: source.tags } : {}),
  };
}

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = value;
  return rest;
}

function copiedAlgorithm(input: In<"CopyObject">, source: ObjectVersion): ChecksumAlgorithm {
  if (input.ChecksumAlgorithm !== undefined) return checkAlgorithm(input.ChecksumAlgorithm);
  return source.checksum?.algorithm ?? "CRC64NVME";
}
