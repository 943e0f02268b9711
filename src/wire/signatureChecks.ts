/**
 * What is checked of a signature before any secret is asked for: payload declaration, date, signed headers, scope.
 * Shared by the header and the query form. Sources: see authErrors.ts.
 */
import { AwsError } from "#kernel/errors.ts";
import { isoSeconds } from "#kernel/clock.ts";
import { regionName } from "#kernel/regions.ts";
import type { HttpRequest } from "./contract.ts";
import { authError, authFamily, skewWindow, type Addressed } from "./authErrors.ts";
import type { AuthorizationParts } from "./authorization.ts";
import { formatAmzDate, parseAmzDate, type PayloadMode, type ReadOptions } from "./signature.ts";

/** Source: S3 API Reference, "Authenticating Requests", table of `x-amz-content-sha256` values. */
export function payloadMode(declared: string): PayloadMode | undefined {
  switch (declared) {
    case "UNSIGNED-PAYLOAD":
      return { kind: "unsigned" };
    case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
      return { kind: "chunked", signed: true, trailer: false };
    case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
      return { kind: "chunked", signed: true, trailer: true };
    case "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
      return { kind: "chunked", signed: false, trailer: true };
    default:
      return /^[0-9a-fA-F]{64}$/.test(declared) ? { kind: "sha256", sha256: declared.toLowerCase() } : undefined;
  }
}

export function badPayloadHeader(value: string): AwsError {
  return invalidArgument(
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
    "x-amz-content-sha256",
    value,
  );
}

/** S3's `InvalidArgument` with the argument's name and value. */
export function invalidArgument(message: string, name: string, value: string): AwsError {
  return new AwsError("InvalidArgument", message, 400, { fields: { ArgumentName: name, ArgumentValue: value } });
}

export function malformed(detail: string): AwsError {
  return new AwsError("AuthorizationHeaderMalformed", `The authorization header is malformed; ${detail}`, 400);
}

export function parseHttpDate(text: string): number | undefined {
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} (?:GMT|[+-]0000)$/.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

export function requestDate(text: string, addressed: Addressed): { amzDate: string; signedAt: number } {
  const basic = parseAmzDate(text);
  if (basic !== undefined) return { amzDate: text, signedAt: basic };
  const signedAt = parseHttpDate(text);
  if (signedAt === undefined) {
    throw authError(
      addressed,
      "incomplete",
      `Date must be in ISO-8601 'basic format'. Got '${text}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    );
  }
  return { amzDate: formatAmzDate(signedAt), signedAt };
}

/**
 * Every service but S3 insists on `host` only. We also insist on `x-amz-target`: the JSON protocols name the operation
 * nowhere else, so a captured signature would otherwise serve for any operation with the same body.
 */
export function requireSigned(request: HttpRequest, signed: readonly string[], addressed: Addressed): void {
  if (!signed.includes("host") && !signed.includes(":authority")) {
    throw authError(addressed, "mismatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  if (request.headers["x-amz-target"] !== undefined && !signed.includes("x-amz-target")) {
    throw authError(addressed, "mismatch", "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.");
  }
}

/** S3: `host` and every `x-amz-*` header that is present. Source: S3 API Reference, "Signature calculations", CanonicalHeaders. */
export function requireSignedS3(request: HttpRequest, signed: readonly string[]): void {
  const missing: string[] = [];
  if (!signed.includes("host")) missing.push("host");
  for (const name in request.headers) {
    if (name.startsWith("x-amz-") && !signed.includes(name)) missing.push(name);
  }
  if (missing.length > 0) {
    throw new AwsError("AccessDenied", "There were headers present in the request which were not signed", 403, {
      fields: { HeadersNotSigned: missing.join(", ") },
    });
  }
}

export function checkSkew(amzDate: string, signedAt: number, options: ReadOptions, window?: number): void {
  const now = options.clock.now();
  const skew = skewWindow(options.addressed);
  const past = window ?? skew;
  const ec2 = authFamily(options.addressed) === "ec2";
  if (signedAt < now - past) {
    const limit = `${formatAmzDate(now - past)} (${formatAmzDate(now)} - ${Math.ceil(past / 60_000)} min.)`;
    throw authError(
      options.addressed,
      "expired",
      ec2 ? undefined : `Signature expired: ${amzDate} is now earlier than ${limit}`,
    );
  }
  if (signedAt > now + skew) {
    const limit = `${formatAmzDate(now + skew)} (${formatAmzDate(now)} + ${skew / 60_000} min.)`;
    throw authError(
      options.addressed,
      "expired",
      ec2 ? undefined : `Signature not yet current: ${amzDate} is still later than ${limit}`,
    );
  }
}

export function checkS3Skew(date: string, signedAt: number, options: ReadOptions): void {
  const now = options.clock.now();
  const skew = skewWindow(options.addressed);
  if (Math.abs(now - signedAt) <= skew) return;
  throw authError(options.addressed, "expired", undefined, {
    RequestTime: date,
    ServerTime: isoSeconds(now),
    MaxAllowedSkewMilliseconds: skew,
  });
}

const globalRegions: ReadonlySet<string> = new Set(["aws-global", "aws-cn-global", "aws-us-gov-global"]);
const isRegion = (name: string): boolean => regionName.test(name) || globalRegions.has(name);

/** Region, service, terminator and date of the scope; all that is wrong is told at once, in this order. */
export function checkScope(parts: AuthorizationParts, amzDate: string, options: ReadOptions): void {
  const { scope, terminator } = parts;
  const wrong: string[] = [];
  const known = options.knownRegion?.(scope.region) ?? isRegion(scope.region);
  if (!known) wrong.push(`Credential should be scoped to a valid region, not '${scope.region}'.`);
  const { signingName } = options.addressed;
  if (scope.service !== signingName) wrong.push(`Credential should be scoped to correct service: '${signingName}'.`);
  if (terminator !== "aws4_request") {
    wrong.push(`Credential should be scoped with a valid terminator: 'aws4_request', not '${terminator}'.`);
  }
  if (scope.date !== amzDate.slice(0, 8)) {
    wrong.push(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${scope.date}' != '${amzDate.slice(0, 8)}', from '${amzDate}'.`,
    );
  }
  if (wrong.length > 0) throw authError(options.addressed, "mismatch", wrong.join(" "));
}

/** S3: a Region we do not have. Whether it is the bucket's own is the service's question (`wrongBucketRegion`). */
export function checkRegionS3(region: string, options: ReadOptions, refuse: (detail: string) => AwsError): void {
  if (options.knownRegion?.(region) ?? isRegion(region)) return;
  throw refuse(`the region '${region}' is wrong; expecting 'us-east-1'`);
}
