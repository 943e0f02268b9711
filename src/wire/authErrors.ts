/**
 * What AWS says when it does not accept a signature: one row per family of services and fault.
 * A family shares its authentication layer, hence codes, texts and statuses, whatever the operation.
 *
 * Sources: S3 API Reference "Error responses" and "Troubleshooting"; "Common Error Types" of each service's API reference;
 * texts as recorded against AWS in versity/versitygw (s3err, iamapi/iamerr), mhart/dynalite (order of checks of the
 * JSON services), scratchstack-aws-signature; status per service in ministack#1745.
 */
import { AwsError } from "#kernel/errors.ts";
import type { Protocol } from "./contract.ts";

export type AuthFamily = "s3" | "json" | "restJson" | "query" | "ec2" | "restXml";

/** As much of a route as decides how a refusal is worded. `route.service` and `route.protocol` fit. */
export interface Addressed {
  id: string;
  signingName: string;
  protocol: Protocol;
}

export type AuthFault =
  | "missingToken"
  | "unknownKey"
  | "mismatch"
  | "incomplete"
  | "expired"
  | "expiredToken"
  | "invalidToken"
  | "accessDenied";

interface Row {
  code: string;
  status: number;
  message: string;
}

const invalidToken = "The security token included in the request is invalid.";
const expiredTokenText = "The security token included in the request is expired";
const missingTokenText = "Request is missing Authentication Token";
const mismatchText =
  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
const incompleteText = "The request signature does not conform to AWS standards.";
const ec2Failure = "AWS was not able to validate the provided access credentials";

const json = (status: number): Record<AuthFault, Row> => ({
  missingToken: { code: "MissingAuthenticationTokenException", status, message: missingTokenText },
  unknownKey: { code: "UnrecognizedClientException", status, message: invalidToken },
  mismatch: { code: "InvalidSignatureException", status, message: mismatchText },
  incomplete: { code: "IncompleteSignatureException", status, message: incompleteText },
  expired: { code: "InvalidSignatureException", status, message: "Signature expired" },
  expiredToken: { code: "ExpiredTokenException", status, message: expiredTokenText },
  invalidToken: { code: "UnrecognizedClientException", status, message: invalidToken },
  accessDenied: { code: "AccessDeniedException", status, message: "" },
});

const query: Record<AuthFault, Row> = {
  missingToken: { code: "MissingAuthenticationToken", status: 403, message: missingTokenText },
  unknownKey: { code: "InvalidClientTokenId", status: 403, message: invalidToken },
  mismatch: { code: "SignatureDoesNotMatch", status: 403, message: mismatchText },
  incomplete: { code: "IncompleteSignature", status: 400, message: incompleteText },
  expired: { code: "SignatureDoesNotMatch", status: 403, message: "Signature expired" },
  expiredToken: { code: "ExpiredToken", status: 403, message: expiredTokenText },
  invalidToken: { code: "InvalidClientTokenId", status: 403, message: invalidToken },
  accessDenied: { code: "AccessDenied", status: 403, message: "" },
};

const faults: Record<AuthFamily, Record<AuthFault, Row>> = {
  json: json(400),
  restJson: json(403),
  query,
  restXml: query,
  ec2: {
    missingToken: { code: "AuthFailure", status: 401, message: ec2Failure },
    unknownKey: { code: "AuthFailure", status: 401, message: ec2Failure },
    mismatch: { code: "AuthFailure", status: 401, message: ec2Failure },
    incomplete: { code: "AuthFailure", status: 401, message: ec2Failure },
    expired: { code: "RequestExpired", status: 400, message: "Request has expired." },
    expiredToken: { code: "RequestExpired", status: 400, message: "Request has expired." },
    invalidToken: { code: "AuthFailure", status: 401, message: ec2Failure },
    accessDenied: {
      code: "UnauthorizedOperation",
      status: 403,
      message: "You are not authorized to perform this operation.",
    },
  },
  s3: {
    missingToken: { code: "AccessDenied", status: 403, message: "Access Denied" },
    unknownKey: {
      code: "InvalidAccessKeyId",
      status: 403,
      message: "The AWS Access Key Id you provided does not exist in our records.",
    },
    mismatch: {
      code: "SignatureDoesNotMatch",
      status: 403,
      message:
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    },
    incomplete: { code: "AuthorizationHeaderMalformed", status: 400, message: "The authorization header is malformed" },
    expired: {
      code: "RequestTimeTooSkewed",
      status: 403,
      message: "The difference between the request time and the current time is too large.",
    },
    expiredToken: { code: "ExpiredToken", status: 400, message: "The provided token has expired." },
    invalidToken: {
      code: "InvalidToken",
      status: 400,
      message: "The provided token is malformed or otherwise invalid.",
    },
    accessDenied: { code: "AccessDenied", status: 403, message: "Access Denied" },
  },
};

/** Services whose authentication keeps another family's words than their protocol suggests. */
const familyByService: Readonly<Record<string, AuthFamily>> = {
  s3: "s3",
  s3control: "s3",
  // Query services that moved to JSON or CBOR kept their codes (awsQueryCompatible).
  cloudwatch: "query",
  sqs: "query",
};

const familyByProtocol: Record<Protocol, AuthFamily> = {
  awsJson1_0: "json",
  awsJson1_1: "json",
  rpcV2Cbor: "json",
  restJson1: "restJson",
  awsQuery: "query",
  ec2Query: "ec2",
  restXml: "restXml",
};

/** Codes of a refused authorization that differ from the family's. */
const deniedByService: Readonly<Record<string, Pick<Row, "code" | "status">>> = {
  sns: { code: "AuthorizationError", status: 403 },
};

/**
 * How far a request's clock may be off, in minutes, either way. Everything else allows 15.
 * Source: measured on AWS by ministack#1745; "(… - 5 min.)" in error texts of Lambda, API Gateway and KMS users.
 */
const skewMinutes: Readonly<Record<string, number>> = {
  kms: 5,
  lambda: 5,
  route53: 5,
  monitoring: 5,
  "execute-api": 5,
};

export function authFamily(addressed: Addressed): AuthFamily {
  return familyByService[addressed.id] ?? familyByProtocol[addressed.protocol];
}

export function skewWindow(addressed: Addressed): number {
  return (skewMinutes[addressed.signingName] ?? 15) * 60_000;
}

/** Code and status of a fault in the words of the addressed service, with its general text unless `message` is given. */
export function authError(
  addressed: Addressed,
  fault: AuthFault,
  message?: string,
  fields?: Record<string, unknown>,
): AwsError {
  const row = faults[authFamily(addressed)][fault];
  return new AwsError(row.code, message ?? row.message, row.status, fields === undefined ? {} : { fields });
}

/** The access key id does not exist, or is inactive: AWS does not tell the two apart. S3 names the key in `AWSAccessKeyId`. */
export function unknownAccessKey(addressed: Addressed, accessKeyId?: string): AwsError {
  const named = authFamily(addressed) === "s3" && accessKeyId !== undefined;
  return authError(addressed, "unknownKey", undefined, named ? { AWSAccessKeyId: accessKeyId } : undefined);
}

/** A session's credentials are past their end. */
export function expiredToken(addressed: Addressed, token?: string): AwsError {
  const named = authFamily(addressed) === "s3" && token !== undefined;
  return authError(addressed, "expiredToken", undefined, named ? { "Token-0": token } : undefined);
}

/** The session token is missing, belongs to other credentials, or accompanies long-term ones. */
export function wrongToken(addressed: Addressed, token?: string): AwsError {
  const named = authFamily(addressed) === "s3" && token !== undefined;
  return authError(addressed, "invalidToken", undefined, named ? { "Token-0": token } : undefined);
}

/** Nothing was signed, and the operation needs it. */
export function missingToken(addressed: Addressed): AwsError {
  return authError(addressed, "missingToken");
}

/**
 * The policies say no. `message` is AWS's sentence ("User: arn… is not authorized to perform: kms:Encrypt on resource: …").
 * EC2 puts its own sentence first.
 */
export function accessDenied(addressed: Addressed, message: string): AwsError {
  const family = authFamily(addressed);
  const row = { ...faults[family].accessDenied, ...deniedByService[addressed.id] };
  const text = message === "" ? row.message : family === "ec2" ? `${row.message} ${message}` : message;
  return new AwsError(row.code, text, row.status);
}

/** S3: the scope names another Region than the bucket's; clients follow `Region` to the right one. */
export function wrongBucketRegion(presigned: boolean, got: string, expected: string): AwsError {
  const sentence = `the region '${got}' is wrong; expecting '${expected}'`;
  return presigned
    ? new AwsError(
        "AuthorizationQueryParametersError",
        `Error parsing the X-Amz-Credential parameter; ${sentence}`,
        400,
        {
          fields: { Region: expected },
          headers: { "x-amz-bucket-region": expected },
        },
      )
    : new AwsError("AuthorizationHeaderMalformed", `The authorization header is malformed; ${sentence}`, 400, {
        fields: { Region: expected },
        headers: { "x-amz-bucket-region": expected },
      });
}
