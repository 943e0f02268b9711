/**
 * Who a request says it comes from, before anything is checked: enough to route it and to look up its key.
 * Never throws: what is malformed here is refused, in the words of the addressed service, when the signature is read.
 */
import type { Claim, HttpRequest } from "./contract.ts";
import { queryValue } from "./canonical.ts";

const anonymous: Claim = { kind: "anonymous" };

/**
 * Reads the `Authorization` header (SigV4), or the query (SigV4 presigned, S3's SigV2 presigned), or nothing. A browser's
 * POST policy sits in the form and is found by `readPostForm`. With both header and query the header speaks; the
 * contradiction is refused by `readSignature`.
 */
export function readClaim(request: HttpRequest): Claim {
  const authorization = request.headers["authorization"];
  if (authorization !== undefined) {
    const credential = /(?:^|[\s,])Credential=([^\s,]*)/.exec(authorization)?.[1];
    return claimOf("header", credential, request.headers["x-amz-security-token"]);
  }
  if (request.query === "") return anonymous;
  // Substring tests first: nearly no request carries its signature in the query.
  if (request.query.includes("X-Amz-")) {
    const credential = queryValue(request.query, "X-Amz-Credential");
    if (
      credential !== undefined ||
      queryValue(request.query, "X-Amz-Algorithm") !== undefined ||
      queryValue(request.query, "X-Amz-Signature") !== undefined
    ) {
      return claimOf("presigned", credential, queryValue(request.query, "X-Amz-Security-Token"));
    }
  }
  if (request.query.includes("AWSAccessKeyId") || request.query.includes("Signature=")) {
    const accessKeyId = queryValue(request.query, "AWSAccessKeyId");
    if (accessKeyId !== undefined || queryValue(request.query, "Signature") !== undefined) {
      const claim: Claim = { kind: "sigv2", signingService: "s3" };
      if (accessKeyId !== undefined) claim.accessKeyId = accessKeyId;
      const token = queryValue(request.query, "x-amz-security-token") ?? request.headers["x-amz-security-token"];
      if (token !== undefined) claim.sessionToken = token;
      return claim;
    }
  }
  return anonymous;
}

/** `credential` is `AKID/20260101/us-east-1/kms/aws4_request`; access key ids hold no slash. */
export function claimOf(kind: Claim["kind"], credential: string | undefined, sessionToken: string | undefined): Claim {
  const claim: Claim = { kind };
  if (credential !== undefined && credential !== "") {
    const [accessKeyId, , region, service] = credential.split("/");
    if (accessKeyId !== undefined && accessKeyId !== "") claim.accessKeyId = accessKeyId;
    if (region !== undefined && region !== "") claim.region = region;
    if (service !== undefined && service !== "") claim.signingService = service;
  }
  if (sessionToken !== undefined) claim.sessionToken = sessionToken;
  return claim;
}
