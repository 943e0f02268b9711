/**
 * S3's Signature Version 2 in the query string: `?AWSAccessKeyId=…&Signature=…&Expires=…`, which boto3 still makes by
 * default. Nothing else of Version 2 is accepted.
 * Source: S3 User Guide, "Signing and authenticating REST requests (AWS signature version 2)".
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import { isoSeconds, type Clock } from "#kernel/clock.ts";
import type { HttpRequest } from "./contract.ts";
import type { Addressed } from "./authErrors.ts";
import { decodeQuery, queryValue, queryValues } from "./canonical.ts";
import { hexBytes, checkToken } from "./sigv4.ts";
import { invalidArgument } from "./signatureChecks.ts";
import type { SigningCredential } from "./signature.ts";

export interface SigV2Options {
  addressed: Addressed;
  clock: Clock;
  /** Set when the bucket came in the host name: it is part of what was signed. */
  virtualHostBucket?: string;
  /** URI of the addressed operation in the model: `/{Bucket}/{Key+}?retention`. */
  operationUri?: string;
}

export interface PresentedSigV2 {
  accessKeyId: string;
  sessionToken?: string;
  signature: string;
  expires: string;
}

/** Subresources and response overrides that are signed, with their values. */
const signedParameters: ReadonlySet<string> = new Set([
  "accelerate",
  "acl",
  "analytics",
  "cors",
  "defaultObjectAcl",
  "delete",
  "inventory",
  "lifecycle",
  "location",
  "logging",
  "metrics",
  "notification",
  "object-lock",
  "partNumber",
  "policy",
  "replication",
  "requestPayment",
  "response-cache-control",
  "response-content-disposition",
  "response-content-encoding",
  "response-content-language",
  "response-content-type",
  "response-expires",
  "restore",
  "select",
  "select-type",
  "storageClass",
  "tagging",
  "torrent",
  "uploadId",
  "uploads",
  "versionId",
  "versioning",
  "versions",
  "website",
]);

/** Chooses between two operations that list the same bucket by the same permission. */
const harmless: ReadonlySet<string> = new Set(["list-type", "x-id"]);

/**
 * INVARIANT: a signature holds for one operation. Version 2 does not sign subresources younger than itself, so a URL
 * for an object would otherwise serve for its retention, legal hold or attributes.
 */
function requireSignedOperation(uri: string): void {
  const [, query = ""] = uri.split("?");
  const unsigned = query
    .split("&")
    .map((part) => part.split("=")[0]!)
    .filter((name) => name !== "" && !signedParameters.has(name) && !harmless.has(name));
  if (unsigned.length === 0) return;
  throw new AwsError(
    "InvalidRequest",
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    400,
  );
}

/** Form and time. Throws AccessDenied ("Request has expired", "Query-string authentication requires …"). */
export function readSigV2(request: HttpRequest, options: SigV2Options): PresentedSigV2 {
  for (const name of ["AWSAccessKeyId", "Signature", "Expires"]) {
    const count = queryValues(request.query, name).length;
    if (count > 1) throw invalidArgument(`Duplicate query parameter: ${name}`, name, "");
    if (count === 0 || queryValue(request.query, name) === "") {
      throw new AwsError(
        "AccessDenied",
        "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
        403,
      );
    }
  }
  if (request.headers["authorization"] !== undefined) {
    throw invalidArgument(
      "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
      "Authorization",
      request.headers["authorization"],
    );
  }
  requireSignedOperation(options.operationUri ?? "");
  const expires = queryValue(request.query, "Expires") as string;
  if (!/^\d{1,12}$/.test(expires)) {
    throw new AwsError("AccessDenied", `Invalid date (should be seconds since epoch): ${expires}`, 403);
  }
  const now = options.clock.now();
  if (now > Number(expires) * 1000) {
    throw new AwsError("AccessDenied", "Request has expired", 403, {
      fields: { Expires: isoSeconds(Number(expires) * 1000), ServerTime: isoSeconds(now) },
    });
  }
  const token = queryValue(request.query, "x-amz-security-token") ?? request.headers["x-amz-security-token"];
  return {
    accessKeyId: queryValue(request.query, "AWSAccessKeyId") as string,
    ...(token === undefined ? {} : { sessionToken: token }),
    signature: queryValue(request.query, "Signature") as string,
    expires,
  };
}

/** Compares in constant time, then the session token. Throws SignatureDoesNotMatch, InvalidToken. */
export function verifySigV2(
  request: HttpRequest,
  given: PresentedSigV2,
  credential: SigningCredential,
  options: SigV2Options,
): void {
  const text = stringToSign(request, given, options.virtualHostBucket);
  const expected = createHmac("sha1", credential.secretAccessKey).update(text, "latin1").digest();
  const provided = Buffer.from(given.signature, "base64");
  if (provided.length !== expected.length || !timingSafeEqual(provided, expected)) {
    throw new AwsError(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
      403,
      {
        fields: {
          AWSAccessKeyId: given.accessKeyId,
          StringToSign: text,
          SignatureProvided: given.signature,
          StringToSignBytes: hexBytes(text),
        },
      },
    );
  }
  checkToken(options.addressed, given.sessionToken, credential.sessionToken);
}

function stringToSign(request: HttpRequest, given: PresentedSigV2, bucket: string | undefined): string {
  // Content-MD5, Content-Type and x-amz-* headers may have been moved to the query by the signer.
  const hoisted = new Map<string, string>();
  const resource: [string, string | undefined][] = [];
  for (const part of request.query.split("&")) {
    const at = part.indexOf("=");
    const name = decodeQuery(at < 0 ? part : part.slice(0, at));
    const value = at < 0 ? undefined : decodeQuery(part.slice(at + 1));
    if (signedParameters.has(name)) resource.push([name, value]);
    const lower = name.toLowerCase();
    if (lower.startsWith("x-amz-") || lower === "content-md5" || lower === "content-type")
      hoisted.set(lower, value ?? "");
  }
  const header = (name: string): string => request.headers[name] ?? hoisted.get(name) ?? "";

  const amz = new Map<string, string>();
  for (const [name, value] of hoisted) if (name.startsWith("x-amz-")) amz.set(name, value);
  for (const name in request.headers) {
    if (name.startsWith("x-amz-")) amz.set(name, (request.headers[name] as string).trim().replace(/\s*\r?\n\s*/g, " "));
  }
  const headers = [...amz].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}:${value}\n`);

  resource.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const query = resource.map(([name, value]) => (value === undefined ? name : `${name}=${value}`)).join("&");
  const path = bucket === undefined ? request.path : `/${bucket}${request.path}`;
  return `${request.method}\n${header("content-md5")}\n${header("content-type")}\n${given.expires}\n${headers.join("")}${path}${query === "" ? "" : `?${query}`}`;
}
