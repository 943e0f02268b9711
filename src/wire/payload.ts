/**
 * The body of a request as a handler may have it: decoded from aws-chunked, and held against everything the client said
 * about it (signature, Content-MD5, checksum headers or trailers) while it streams by.
 * Sources: S3 API Reference, PutObject; S3 User Guide, "Checking object integrity"; RFC 1864.
 */
import { createHash, type Hash } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import type { ByteStream, HttpRequest } from "./contract.ts";
import { authError, authFamily, type Addressed } from "./authErrors.ts";
import {
  checksumAlgorithms,
  checksumByHeader,
  createChecksum,
  parseChecksum,
  type Checksum,
  type ChecksumAlgorithm,
} from "./checksums.ts";
import { decodeChunked, incompleteBody, malformedTrailer } from "./chunked.ts";
import { invalidArgument } from "./signatureChecks.ts";
import type { PayloadMode, VerifiedSignature } from "./signature.ts";

export interface PayloadOptions {
  addressed: Addressed;
  /** What the signature said of the body; `{ kind: "unsigned" }` for anonymous and SigV2 requests. */
  mode: PayloadMode;
  /** Needed when chunks are signed. */
  signature?: VerifiedSignature;
}

export interface Payload {
  /** Reads the body once. Ends without an error only if everything the client claimed of it held. */
  stream: ByteStream;
  /** Bytes of data to come, when the client said so. */
  length: number | undefined;
  /** The checksum the client sends, in a header or at the end. */
  claimed: ChecksumAlgorithm | undefined;
  /** Computes this too, while the body is read: a checksum that is kept, the MD5 of an ETag. Before the stream is read. */
  also(digest: ChecksumAlgorithm | "MD5"): void;
  /** What was claimed and asked for, after the stream has ended. */
  digests: ReadonlyMap<ChecksumAlgorithm | "MD5", Buffer>;
}

/**
 * Throws at once for headers that contradict each other (InvalidDigest, InvalidRequest, InvalidArgument,
 * MissingContentLength); the stream throws BadDigest, XAmzContentSHA256Mismatch, IncompleteBody and those of
 * `decodeChunked` before it would end.
 */
export function openPayload(request: HttpRequest, options: PayloadOptions): Payload {
  const { mode } = options;
  const chunked = mode.kind === "chunked";
  const claim = readClaims(request, options);
  const digests = new Map<ChecksumAlgorithm | "MD5", Buffer>();

  const wanted = new Set<ChecksumAlgorithm | "MD5">();
  if (claim.algorithm !== undefined) wanted.add(claim.algorithm);
  if (claim.md5 !== undefined) wanted.add("MD5");
  let begun = false;

  const length = chunked ? decodedLength(request) : plainLength(request);
  let value = claim.value;
  const source = chunked
    ? decodeChunked(request.body, {
        signature: mode.signed ? signatureOf(options) : undefined,
        trailer: mode.trailer,
        decodedLength: length as number,
        onTrailers: (trailers) => {
          value = readTrailers(trailers, claim) ?? value;
        },
      })
    : request.body;

  const begin = (): Checks => {
    begun = true;
    const sha256 = mode.kind === "sha256" ? createHash("sha256") : undefined;
    const md5 = wanted.delete("MD5") ? createHash("md5") : undefined;
    const checksums = [...wanted].map((algorithm) => createChecksum(algorithm as ChecksumAlgorithm));
    const finish = (): void => {
      if (sha256 !== undefined && mode.kind === "sha256") checkSha256(sha256, mode.sha256, options.addressed);
      if (md5 !== undefined) {
        const digest = md5.digest();
        digests.set("MD5", digest);
        if (claim.md5 !== undefined && !digest.equals(claim.md5)) throw badMd5(claim.md5, digest);
      }
      for (const checksum of checksums) digests.set(checksum.algorithm, checksum.digest());
      if (claim.algorithm !== undefined && value !== undefined) {
        if (!digests.get(claim.algorithm)?.equals(value)) throw badChecksum(claim.algorithm);
      }
    };
    return { length, sha256, md5, checksums, finish };
  };

  return {
    length,
    claimed: claim.algorithm,
    digests,
    also: (digest) => {
      if (begun) throw new Error("the body is being read already");
      wanted.add(digest);
    },
    stream: checked(source, begin),
  };
}

interface Checks {
  length: number | undefined;
  sha256: Hash | undefined;
  md5: Hash | undefined;
  checksums: readonly Checksum[];
  finish(): void;
}

async function* checked(source: ByteStream, begin: () => Checks): AsyncGenerator<Uint8Array, void, undefined> {
  const checks = begin();
  let read = 0;
  for await (const piece of source) {
    read += piece.length;
    checks.sha256?.update(piece);
    checks.md5?.update(piece);
    for (const checksum of checks.checksums) checksum.update(piece);
    yield piece;
  }
  if (checks.length !== undefined && read !== checks.length) throw incompleteBody();
  checks.finish();
}

interface Claims {
  md5: Buffer | undefined;
  algorithm: ChecksumAlgorithm | undefined;
  /** Absent while it is still to come in a trailer. */
  value: Buffer | undefined;
  /** Name of the trailing header that was announced. */
  trailer: string | undefined;
}

function readClaims(request: HttpRequest, options: PayloadOptions): Claims {
  const { headers } = request;
  const md5Text = headers["content-md5"];
  let md5: Buffer | undefined;
  if (md5Text !== undefined) {
    md5 = Buffer.from(md5Text, "base64");
    if (md5.length !== 16 || md5.toString("base64") !== md5Text) {
      throw new AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.", 400, {
        fields: { "Content-MD5": md5Text },
      });
    }
  }
  if (authFamily(options.addressed) !== "s3")
    return { md5, algorithm: undefined, value: undefined, trailer: undefined };

  const mode = options.mode;
  if (mode.kind === "unsigned" && /(?:^|,)\s*aws-chunked\s*(?:,|$)/i.test(headers["content-encoding"] ?? "")) {
    throw invalidArgument(
      "aws-chunked encoding is not supported when x-amz-content-sha256 UNSIGNED-PAYLOAD is supplied.",
      "Content-Encoding",
      headers["content-encoding"] as string,
    );
  }

  const sent: [ChecksumAlgorithm, string][] = [];
  for (const [header, algorithm] of checksumByHeader) {
    // Only headers: S3 ignores a checksum in the query of a presigned URL, where SDKs put that of an empty body
    // (aws/aws-sdk#480, aws-sdk-go-v2#2610, localstack#12169).
    const text = headers[header];
    if (text !== undefined) sent.push([algorithm, text]);
  }
  const trailer = announcedTrailer(headers["x-amz-trailer"], mode);
  if (sent.length + (trailer === undefined ? 0 : 1) > 1) {
    throw new AwsError(
      "InvalidRequest",
      "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
      400,
    );
  }

  const named = sdkAlgorithm(headers["x-amz-sdk-checksum-algorithm"]);
  const [only] = sent;
  const algorithm = only?.[0] ?? (trailer === undefined ? undefined : checksumByHeader.get(trailer));
  if (named !== undefined && algorithm === undefined && request.method !== "GET" && request.method !== "HEAD") {
    throw new AwsError(
      "InvalidRequest",
      "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
      400,
    );
  }
  if (named !== undefined && algorithm !== undefined && named !== algorithm) {
    throw new AwsError("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.", 400);
  }
  if (only === undefined) return { md5, algorithm, value: undefined, trailer };
  const value = parseChecksum(only[0], only[1]);
  if (value === undefined) {
    throw new AwsError("InvalidRequest", `Value for ${checksumAlgorithms[only[0]].header} header is invalid.`, 400);
  }
  return { md5, algorithm, value, trailer };
}

function announcedTrailer(text: string | undefined, mode: PayloadMode): string | undefined {
  if (text === undefined || text === "") {
    return undefined;
  }
  const name = text.trim().toLowerCase();
  if (!checksumByHeader.has(name)) {
    throw new AwsError("InvalidRequest", "The value specified in the x-amz-trailer header is not supported", 400);
  }
  // Announced for a body that has no trailers.
  if (mode.kind !== "chunked" || !mode.trailer) throw malformedTrailer();
  return name;
}

function sdkAlgorithm(text: string | undefined): ChecksumAlgorithm | undefined {
  if (text === undefined) return undefined;
  const name = text.toUpperCase();
  if (!Object.hasOwn(checksumAlgorithms, name)) {
    throw new AwsError("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.", 400);
  }
  return name as ChecksumAlgorithm;
}

function readTrailers(trailers: ReadonlyMap<string, string>, claim: Claims): Buffer | undefined {
  for (const name of trailers.keys()) if (name !== claim.trailer) throw malformedTrailer();
  if (claim.trailer === undefined) return undefined;
  const text = trailers.get(claim.trailer);
  if (text === undefined) throw malformedTrailer();
  const value = parseChecksum(claim.algorithm as ChecksumAlgorithm, text);
  if (value === undefined) {
    throw new AwsError("InvalidRequest", `Value for ${claim.trailer} trailing header is invalid.`, 400);
  }
  return value;
}

function decodedLength(request: HttpRequest): number {
  const text = request.headers["x-amz-decoded-content-length"];
  if (text === undefined) {
    throw new AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411);
  }
  if (!/^\d{1,15}$/.test(text)) {
    throw invalidArgument("Invalid x-amz-decoded-content-length", "x-amz-decoded-content-length", text);
  }
  return Number(text);
}

function plainLength(request: HttpRequest): number | undefined {
  const text = request.headers["content-length"];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function signatureOf(options: PayloadOptions): VerifiedSignature {
  if (options.signature === undefined) throw new TypeError("signed chunks without a verified signature");
  return options.signature;
}

function checkSha256(computed: Hash, claimed: string, addressed: Addressed): void {
  const digest = computed.digest("hex");
  if (digest === claimed) return;
  if (authFamily(addressed) !== "s3") throw authError(addressed, "mismatch");
  throw new AwsError(
    "XAmzContentSHA256Mismatch",
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
    400,
    { fields: { ClientComputedContentSHA256: claimed, S3ComputedContentSHA256: digest } },
  );
}

function badMd5(expected: Buffer, calculated: Buffer): AwsError {
  return new AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.", 400, {
    fields: { ExpectedDigest: expected.toString("base64"), CalculatedDigest: calculated.toString("base64") },
  });
}

function badChecksum(algorithm: ChecksumAlgorithm): AwsError {
  return new AwsError("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`, 400);
}
