/**
 * Signature Version 4, the server's side, in two steps with the look-up of the credential between them, so that
 * refusals come in AWS's order: form, date, scope, key, signature, token.
 *
 *   const presented = readSignature(request, options);
 *   const credential = (await identity.credential(presented.accessKeyId)) ?? throw unknownAccessKey(...)
 *   const verified = verifySignature(request, presented, credential, keys, body);
 *
 * Source: IAM User Guide, "Create a signed AWS API request"; S3 API Reference, "Authenticating Requests: Using the
 * Authorization Header"; order and texts of the refusals: see authErrors.ts.
 */
import { hash, timingSafeEqual } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import type { HttpRequest } from "./contract.ts";
import { authError, authFamily, wrongToken, type Addressed } from "./authErrors.ts";
import {
  BadEscape,
  canonicalHeaders,
  canonicalPathOnce,
  canonicalPathTwice,
  canonicalQuery,
  queryValue,
} from "./canonical.ts";
import { readAuthorization, readAuthorizationS3, type AuthorizationParts } from "./authorization.ts";
import { presentedInQuery } from "./presigned.ts";
import {
  badPayloadHeader,
  checkRegionS3,
  checkS3Skew,
  checkScope,
  checkSkew,
  invalidArgument,
  malformed,
  parseHttpDate,
  payloadMode,
  requestDate,
  requireSigned,
  requireSignedS3,
} from "./signatureChecks.ts";
import type { SigningKeys } from "./signingKeys.ts";
import {
  algorithm,
  emptySha256,
  formatAmzDate,
  parseAmzDate,
  type PayloadMode,
  type PresentedSignature,
  type ReadOptions,
  type SigningCredential,
  type VerifiedSignature,
} from "./signature.ts";

/**
 * Reads and checks everything about a signature that needs no secret. Throws `AwsError` in the words of the addressed
 * service: malformed, incomplete, both header and query, wrong scope, too old, too new, headers left unsigned.
 */
export function readSignature(request: HttpRequest, options: ReadOptions): PresentedSignature {
  const authorization = request.headers["authorization"];
  const inQuery =
    request.query !== "" &&
    (queryValue(request.query, "X-Amz-Algorithm") !== undefined ||
      queryValue(request.query, "X-Amz-Credential") !== undefined ||
      queryValue(request.query, "X-Amz-Signature") !== undefined);
  if (authorization === undefined) {
    if (!inQuery) throw authError(options.addressed, "missingToken");
    return presentedInQuery(request, options);
  }
  const s3 = authFamily(options.addressed) === "s3";
  if (inQuery || (s3 && queryValue(request.query, "AWSAccessKeyId") !== undefined)) {
    throw s3
      ? invalidArgument(
          "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
          "Authorization",
          authorization,
        )
      : authError(
          options.addressed,
          "incomplete",
          "Only one of the 'Authorization' header and the AWS query-string authentication parameters may be present.",
        );
  }
  return s3 ? presentedToS3(request, authorization, options) : presented(request, authorization, options);
}

/** Every service but S3: missing things are told together, then date, signed headers, scope. */
function presented(request: HttpRequest, authorization: string, options: ReadOptions): PresentedSignature {
  const { addressed } = options;
  const date = request.headers["x-amz-date"] ?? request.headers["date"];
  const parts = readAuthorization(authorization, date !== undefined && date !== "", addressed);
  const { amzDate, signedAt } = requestDate(date as string, addressed);
  requireSigned(request, parts.signedHeaders, addressed);
  checkSkew(amzDate, signedAt, options);
  checkScope(parts, amzDate, options);
  return assemble(request, parts, amzDate, signedAt, options);
}

function presentedToS3(request: HttpRequest, authorization: string, options: ReadOptions): PresentedSignature {
  const parts = readAuthorizationS3(authorization);
  const date = request.headers["x-amz-date"] ?? request.headers["date"] ?? "";
  const signedAt = parseAmzDate(date) ?? parseHttpDate(date);
  if (signedAt === undefined) {
    throw new AwsError("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header", 403);
  }
  const amzDate = formatAmzDate(signedAt);
  if (amzDate.slice(0, 8) !== parts.scope.date) {
    throw malformed("Invalid credential date. Date is not the same as X-Amz-Date.");
  }
  checkRegionS3(parts.scope.region, options, malformed);
  const declared = request.headers["x-amz-content-sha256"];
  if (declared === undefined) {
    throw new AwsError("InvalidRequest", "Missing required header for this request: x-amz-content-sha256", 400);
  }
  if (payloadMode(declared) === undefined) throw badPayloadHeader(declared);
  checkS3Skew(date, signedAt, options);
  requireSignedS3(request, parts.signedHeaders);
  return { ...assemble(request, parts, amzDate, signedAt, options), declaredPayload: declared };
}

function assemble(
  request: HttpRequest,
  parts: AuthorizationParts,
  amzDate: string,
  signedAt: number,
  options: ReadOptions,
): PresentedSignature {
  const presented: PresentedSignature = {
    addressed: options.addressed,
    clock: options.clock,
    form: "header",
    accessKeyId: parts.accessKeyId,
    scope: parts.scope,
    amzDate,
    signedAt,
    signature: parts.signature,
    signedHeaders: parts.signedHeaders,
    signedHeadersText: parts.signedHeaders.join(";"),
  };
  const token = request.headers["x-amz-security-token"];
  if (token !== undefined) presented.sessionToken = token;
  return presented;
}

/**
 * Compares the signature with the one the secret makes, then the session token.
 *
 * `body` is needed by every service but S3, whose requests carry `x-amz-content-sha256` so that bodies can stream:
 * for S3 the returned `payload` says what `openPayload` must check while the body is read.
 *
 * INVARIANT: no result without a comparison of the whole signature in constant time.
 */
export function verifySignature(
  request: HttpRequest,
  given: PresentedSignature,
  credential: SigningCredential,
  keys: SigningKeys,
  body?: Uint8Array,
): VerifiedSignature {
  const s3 = authFamily(given.addressed) === "s3";
  let payloadHash: string;
  let payload: PayloadMode;
  if (s3) {
    payloadHash = given.declaredPayload ?? "UNSIGNED-PAYLOAD";
    const mode = payloadMode(payloadHash);
    if (mode === undefined) throw badPayloadHeader(payloadHash);
    payload = mode;
  } else {
    if (body === undefined) throw new TypeError(`${given.addressed.id} needs the body to verify a signature`);
    payloadHash = body.length === 0 ? emptySha256 : hash("sha256", body, "hex");
    payload = { kind: "sha256", sha256: payloadHash };
  }

  const canonical = canonicalRequest(request, given, payloadHash, s3);
  const { date, region, service } = given.scope;
  const stringToSign = `${algorithm}\n${given.amzDate}\n${date}/${region}/${service}/aws4_request\n${sha256OfLatin1(canonical)}`;
  const { key, hmac, keep } = keys.get(credential.accessKeyId, credential.secretAccessKey, given.scope);
  const signature = given.signature.toLowerCase();
  if (!sameDigest(hmac.hex(stringToSign), signature)) throw signatureMismatch(given, stringToSign, canonical);
  keep();
  checkToken(given.addressed, given.sessionToken, credential.sessionToken);
  return {
    accessKeyId: credential.accessKeyId,
    scope: given.scope,
    amzDate: given.amzDate,
    signedAt: given.signedAt,
    signature,
    signingKey: key,
    payload,
    signedHeaders: given.signedHeaders,
    authType: given.form === "header" ? "REST-HEADER" : "REST-QUERY-STRING",
    signatureAge: Math.max(0, given.clock.now() - given.signedAt),
  };
}

const digestForm = /^[0-9a-f]{64}$/;
/** Filled and compared within one call; a new pair for each would cost more than the comparison. */
const digests = { expected: Buffer.alloc(64), provided: Buffer.alloc(64) };

/** Compares in constant time. `expected` is of 64 hexadecimal digits; what is not is equal to nothing. */
function sameDigest(expected: string, provided: string): boolean {
  if (!digestForm.test(provided)) return false;
  digests.expected.write(expected, "latin1");
  digests.provided.write(provided, "latin1");
  return timingSafeEqual(digests.expected, digests.provided);
}

const ascii = /^[\0-\x7f]*$/;

/** Of a text with one byte per character. A string is hashed as UTF-8, which is the same for ASCII. */
function sha256OfLatin1(text: string): string {
  return hash("sha256", ascii.test(text) ? text : Buffer.from(text, "latin1"), "hex");
}

/** Both steps at once, for callers that hold the credential already. */
export function verifySigV4(
  request: HttpRequest,
  options: ReadOptions & { credential: SigningCredential; keys: SigningKeys; body?: Uint8Array },
): VerifiedSignature {
  return verifySignature(request, readSignature(request, options), options.credential, options.keys, options.body);
}

function canonicalRequest(request: HttpRequest, given: PresentedSignature, payloadHash: string, s3: boolean): string {
  try {
    const path = s3 ? canonicalPathOnce(request.path) : canonicalPathTwice(request.path);
    const query = canonicalQuery(request.query, given.form === "query" ? "X-Amz-Signature" : undefined);
    const headers = canonicalHeaders(request.headers, given.signedHeaders);
    return `${request.method}\n${path}\n${query}\n${headers}\n${given.signedHeadersText}\n${payloadHash}`;
  } catch (error) {
    if (!(error instanceof BadEscape)) throw error;
    throw s3
      ? new AwsError("InvalidURI", "Couldn't parse the specified URI.", 400, { fields: { URI: request.path } })
      : new AwsError("MalformedQueryString", error.message, 404);
  }
}

/** The token must be exactly the credential's: present for a session, absent for long-term credentials. */
export function checkToken(addressed: Addressed, given: string | undefined, expected: string | undefined): void {
  if (given === expected) return;
  if (given !== undefined && expected !== undefined) {
    const a = hash("sha256", given, "buffer");
    const b = hash("sha256", expected, "buffer");
    if (timingSafeEqual(a, b)) return;
  }
  throw wrongToken(addressed, given);
}

/** S3 tells what it signed, the others do not any more. */
export function signatureMismatch(given: PresentedSignature, stringToSign: string, canonical: string): AwsError {
  if (authFamily(given.addressed) !== "s3") return authError(given.addressed, "mismatch");
  return authError(given.addressed, "mismatch", undefined, {
    AWSAccessKeyId: given.accessKeyId,
    StringToSign: stringToSign,
    SignatureProvided: given.signature,
    StringToSignBytes: hexBytes(stringToSign),
    CanonicalRequest: canonical,
    CanonicalRequestBytes: hexBytes(canonical),
  });
}

/** `"AB"` → `"41 42"`, as S3 prints bytes. */
export function hexBytes(text: string): string {
  return Buffer.from(text, "latin1")
    .toString("hex")
    .replace(/..(?!$)/g, "$& ");
}
