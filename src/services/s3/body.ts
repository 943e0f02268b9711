/**
 * Bodies on their way in (count, digest, encrypt, store) and out (read, decrypt). Nothing is held whole.
 *
 * INVARIANT: a body that is too short, too long or does not match a digest that was sent fails *inside* the
 * stream that the blob store reads, so the store keeps nothing of it.
 */
import { createHash } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import { BlobMissing } from "#blob/contract.ts";
import type { CallContext } from "#gateway/context.ts";
import type { ByteStream } from "#gateway/service.ts";
import { createChecksum, parseChecksum } from "#wire/checksums.ts";
import { open, OpenError } from "#engines/aead/open.ts";
import { prefixSize, sealedSize } from "#engines/aead/layout.ts";
import { seal } from "#engines/aead/seal.ts";
import { bodyKey, type ObjectKeys } from "./encryption.ts";
import { badContentMd5, badDigest, entityTooLarge, invalidDigest, invalidRequest } from "./errors.ts";
import type { ChecksumAlgorithm, Encryption, StoredBody } from "./state.ts";

/** 5 GiB in one request. Source: Amazon S3 User Guide, "Uploading objects". */
export const maxBodySize = 5 * 1024 ** 3;

/** What the ids of our bodies begin with. */
export const bodyPrefix = "s3-";

/** What the caller claims about a body. */
interface BodyClaims {
  contentLength?: number | undefined;
  /** Base64. */
  contentMd5?: string | undefined;
  /** Computed and kept; compared when the caller sent a value. */
  checksum: { algorithm: ChecksumAlgorithm; expected?: string | undefined };
  /** How it is encrypted, on which the ETag depends. */
  encryption: { kind: Encryption["kind"] };
}

export interface WrittenBody extends StoredBody {
  /** 32 hexadecimal digits. */
  etag: string;
  /** Base64. */
  checksum: string;
}

/** Streams a body through digests and encryption into the blob store. */
export async function writeBody(
  ctx: CallContext,
  keys: ObjectKeys,
  source: ByteStream | Uint8Array | undefined,
  claims: BodyClaims,
): Promise<WrittenBody> {
  if (claims.contentMd5 !== undefined && Buffer.from(claims.contentMd5, "base64").length !== 16) throw invalidDigest();
  const { algorithm, expected } = claims.checksum;
  if (expected !== undefined && !parseChecksum(algorithm, expected)) {
    throw invalidRequest(`Value for x-amz-checksum-${algorithm.toLowerCase()} header is invalid.`);
  }
  if ((claims.contentLength ?? 0) > maxBodySize) throw entityTooLarge(claims.contentLength!, maxBodySize);

  const blob = `${bodyPrefix}${ctx.random.bytes(16).toString("hex")}`;
  const hasMd5 = claims.encryption.kind === "SSE-S3";
  const needsMd5 = hasMd5 || claims.contentMd5 !== undefined;
  // The wire layer digests what it checks anyway; nothing is digested twice.
  const payload = ctx.payload?.stream === source ? ctx.payload : undefined;
  payload?.also(algorithm);
  if (needsMd5) payload?.also("MD5");
  const md5 = payload || !needsMd5 ? undefined : createHash("md5");
  const checksum = payload ? undefined : createChecksum(algorithm);
  let size = 0;
  let digests: { md5: Buffer | undefined; checksum: string } | undefined;

  async function* metered(): ByteStream {
    for await (const piece of streamOf(source)) {
      if (ctx.signal.aborted) throw incompleteBody();
      size += piece.length;
      if (size > maxBodySize) throw entityTooLarge(size, maxBodySize);
      md5?.update(piece);
      checksum?.update(piece);
      yield piece;
    }
    if (claims.contentLength !== undefined && size !== claims.contentLength) throw incompleteBody();
    digests = {
      md5: md5?.digest() ?? payload?.digests.get("MD5"),
      checksum: (checksum?.digest() ?? payload!.digests.get(algorithm)!).toString("base64"),
    };
    if (claims.contentMd5 !== undefined && digests.md5?.toString("base64") !== claims.contentMd5) throw badContentMd5();
    if (expected !== undefined && digests.checksum !== expected) throw badDigest(algorithm);
  }

  const bound = Buffer.from(blob);
  let sealed: ByteStream = seal(bodyKey(keys.inner, blob), ctx.random.bytes(prefixSize), bound, metered());
  if (keys.outer) sealed = seal(bodyKey(keys.outer, blob), ctx.random.bytes(prefixSize), bound, sealed);
  await ctx.blobs.put(blob, sealed);
  const etag = hasMd5 ? digests!.md5!.toString("hex") : opaqueEtag(blob, digests!.checksum);
  return { blob, size, etag, checksum: digests!.checksum };
}

/**
 * Where the MD5 would tell something of the body: "Objects created ... and are encrypted by SSE-C or SSE-KMS, have
 * ETags that are not an MD5 digest of their object data." Source: Amazon S3 API Reference, Object.
 */
function opaqueEtag(blob: string, checksum: string): string {
  return createHash("md5").update(blob).update(checksum).digest("hex");
}

/** What follows a written body; when it fails, nothing will ever name the body, so it goes at once. */
export async function naming<T>(ctx: CallContext, body: StoredBody, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await ctx.blobs.delete(body.blob);
    throw error;
  }
}

async function* streamOf(source: ByteStream | Uint8Array | undefined): ByteStream {
  if (source === undefined) return;
  if (source instanceof Uint8Array) yield source;
  else yield* source;
}

function incompleteBody(): AwsError {
  return new AwsError(
    "IncompleteBody",
    "You did not provide the number of bytes specified by the Content-Length HTTP header",
    400,
  );
}

/** Bytes `start`..`end` (inclusive) of one body. */
export function readBody(ctx: CallContext, keys: ObjectKeys, body: StoredBody, start: number, end: number): ByteStream {
  const bound = Buffer.from(body.blob);
  const stored = (from: number, to: number) => ctx.blobs.get(body.blob, { start: from, end: to });
  const inner = bodyKey(keys.inner, body.blob);
  if (!keys.outer) return open(inner, bound, { plainSize: body.size, read: stored }, start, end);
  const outer = bodyKey(keys.outer, body.blob);
  const layer = { plainSize: sealedSize(body.size), read: stored };
  return open(
    inner,
    bound,
    { plainSize: body.size, read: (from, to) => open(outer, bound, layer, from, to) },
    start,
    end,
  );
}

/** Bytes `start`..`end` of an object that consists of bodies one after the other. */
export async function* readBodies(
  ctx: CallContext,
  keys: ObjectKeys,
  bodies: readonly StoredBody[],
  start: number,
  end: number,
): ByteStream {
  let offset = 0;
  for (const body of bodies) {
    const from = Math.max(start, offset) - offset;
    const to = Math.min(end, offset + body.size - 1) - offset;
    // The empty object has one body without a byte, which is opened too: a forged one must not pass.
    const whole = body.size === 0 && bodies.length === 1;
    if (from <= to || whole) yield* readBody(ctx, keys, body, from, to);
    offset += body.size;
  }
}

/**
 * A stream whose first piece is already there: what is missing or does not verify is an error answer and not a
 * broken download, and a body that is replaced meanwhile has been opened.
 */
export async function started(stream: ByteStream): Promise<ByteStream> {
  const iterator = stream[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array>;
  try {
    first = await iterator.next();
  } catch (error) {
    if (error instanceof OpenError || error instanceof BlobMissing) {
      throw new AwsError("InternalError", "We encountered an internal error. Please try again.", 500, { cause: error });
    }
    throw error;
  }
  let begun = false;
  // Not a generator: one that is ended before it was started would not end what it reads from.
  const rest: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => rest,
    async next() {
      if (begun) return await iterator.next();
      begun = true;
      return first;
    },
    async return() {
      begun = true;
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
  return rest;
}
