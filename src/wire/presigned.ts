/**
 * SigV4 in the query string: presigned URLs.
 * Source: S3 API Reference, "Authenticating Requests: Using Query Parameters"; texts: see authErrors.ts.
 */
import { AwsError } from "#kernel/errors.ts";
import { isoSeconds } from "#kernel/clock.ts";
import type { HttpRequest } from "./contract.ts";
import { authError, authFamily, skewWindow, type Addressed } from "./authErrors.ts";
import { readCredential, readCredentialS3 } from "./authorization.ts";
import { queryValue, queryValues } from "./canonical.ts";
import { algorithm, parseAmzDate, parseSignedHeaders, type PresentedSignature, type ReadOptions } from "./signature.ts";
import {
  badPayloadHeader,
  checkRegionS3,
  checkScope,
  checkSkew,
  payloadMode,
  requestDate,
  requireSigned,
  requireSignedS3,
} from "./signatureChecks.ts";

/** Seven days, the most a presigned URL may live. */
export const longestExpiry = 604_800;

const parameters = [
  "X-Amz-Algorithm",
  "X-Amz-Credential",
  "X-Amz-Signature",
  "X-Amz-Date",
  "X-Amz-SignedHeaders",
  "X-Amz-Expires",
  "X-Amz-Security-Token",
] as const;

type Given = { [K in (typeof parameters)[number]]?: string };

export function presentedInQuery(request: HttpRequest, options: ReadOptions): PresentedSignature {
  const s3 = authFamily(options.addressed) === "s3";
  const given: Given = {};
  for (const name of parameters) {
    const values = queryValues(request.query, name);
    // A second value could be the one that another reader of the same URL believes.
    if (values.length > 1) throw duplicate(name, options.addressed, s3);
    if (values[0] !== undefined) given[name] = values[0];
  }
  return s3 ? inQueryOfS3(request, given, options) : inQuery(request, given, options);
}

function duplicate(name: string, addressed: Addressed, s3: boolean): AwsError {
  return s3
    ? parametersError(`Duplicate query parameter: ${name}`)
    : authError(
        addressed,
        "incomplete",
        `AWS query-string parameters must include '${name}' only once. Re-examine the query-string parameters.`,
      );
}

function inQuery(request: HttpRequest, given: Given, options: ReadOptions): PresentedSignature {
  const { addressed } = options;
  if (given["X-Amz-Algorithm"] !== algorithm) throw authError(addressed, "missingToken");
  const missing = (["X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"] as const)
    .filter((name) => !given[name])
    .map((name) => `AWS query-string parameters must include '${name}'.`);
  if (missing.length > 0) {
    throw authError(addressed, "incomplete", `${missing.join(" ")} Re-examine the query-string parameters.`);
  }
  const { amzDate, signedAt } = requestDate(given["X-Amz-Date"] as string, addressed);
  const signedHeaders = parseSignedHeaders(given["X-Amz-SignedHeaders"] as string);
  requireSigned(request, signedHeaders, addressed);

  let window: number | undefined;
  const expires = given["X-Amz-Expires"];
  if (expires !== undefined) {
    const seconds = /^\d{1,9}$/.test(expires) ? Number(expires) : Number.NaN;
    if (!(seconds >= 1 && seconds <= longestExpiry)) {
      throw authError(
        addressed,
        "incomplete",
        `X-Amz-Expires must be between 1 and ${longestExpiry} seconds. Re-examine the query-string parameters.`,
      );
    }
    window = seconds * 1000;
  }
  checkSkew(amzDate, signedAt, options, window);
  const credential = readCredential(given["X-Amz-Credential"] as string, addressed);
  const signature = given["X-Amz-Signature"] as string;
  checkScope({ ...credential, signedHeaders, signature }, amzDate, options);
  return assemble(given, credential, amzDate, signedAt, signedHeaders, options);
}

function inQueryOfS3(request: HttpRequest, given: Given, options: ReadOptions): PresentedSignature {
  const name = given["X-Amz-Algorithm"];
  if (name !== undefined && name !== "" && name !== algorithm) {
    throw parametersError('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"');
  }
  for (const parameter of parameters) {
    if (parameter !== "X-Amz-Security-Token" && !given[parameter]) {
      throw parametersError(
        "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
      );
    }
  }
  const refuse = (detail: string) => parametersError(`Error parsing the X-Amz-Credential parameter; ${detail}`);
  const credential = readCredentialS3(given["X-Amz-Credential"] as string, refuse);
  checkRegionS3(credential.scope.region, options, refuse);
  const amzDate = given["X-Amz-Date"] as string;
  const signedAt = parseAmzDate(amzDate);
  if (signedAt === undefined) {
    throw parametersError("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  if (credential.scope.date !== amzDate.slice(0, 8)) {
    throw parametersError(
      `Invalid credential date "${credential.scope.date}". This date is not the same as X-Amz-Date: "${amzDate.slice(0, 8)}".`,
    );
  }
  checkExpiry(given["X-Amz-Expires"] as string, signedAt, options);

  const signedHeaders = parseSignedHeaders(given["X-Amz-SignedHeaders"] as string);
  requireSignedS3(request, signedHeaders);
  const presented = assemble(given, credential, amzDate, signedAt, signedHeaders, options);
  const declared = request.headers["x-amz-content-sha256"] ?? queryValue(request.query, "X-Amz-Content-Sha256");
  if (declared === undefined) return presented;
  if (payloadMode(declared) === undefined) throw badPayloadHeader(declared);
  return { ...presented, declaredPayload: declared };
}

function checkExpiry(text: string, signedAt: number, options: ReadOptions): void {
  if (!/^-?\d{1,18}$/.test(text)) throw parametersError("X-Amz-Expires should be a number");
  const seconds = Number(text);
  if (seconds < 0) throw parametersError("X-Amz-Expires must be non-negative");
  if (seconds > longestExpiry) {
    throw parametersError(
      "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
    );
  }
  const now = options.clock.now();
  if (signedAt > now + skewWindow(options.addressed)) {
    throw new AwsError("AccessDenied", "Request is not valid yet", 403, {
      fields: { "X-Amz-Date": isoSeconds(signedAt), ServerTime: isoSeconds(now) },
    });
  }
  const end = signedAt + seconds * 1000;
  // One second is the least; zero must not live through the window that is granted to clocks ahead of ours.
  if (seconds === 0 || now > end) {
    throw new AwsError("AccessDenied", "Request has expired", 403, {
      fields: { "X-Amz-Expires": String(seconds), Expires: isoSeconds(end), ServerTime: isoSeconds(now) },
    });
  }
}

function assemble(
  given: Given,
  credential: ReturnType<typeof readCredential>,
  amzDate: string,
  signedAt: number,
  signedHeaders: readonly string[],
  options: ReadOptions,
): PresentedSignature {
  const token = given["X-Amz-Security-Token"];
  return {
    ...options,
    form: "query",
    accessKeyId: credential.accessKeyId,
    ...(token === undefined ? {} : { sessionToken: token }),
    scope: credential.scope,
    amzDate,
    signedAt,
    signature: given["X-Amz-Signature"] as string,
    signedHeaders,
    signedHeadersText: signedHeaders.join(";"),
  };
}

function parametersError(message: string): AwsError {
  return new AwsError("AuthorizationQueryParametersError", message, 400);
}
