import assert from "node:assert/strict";
import { test } from "node:test";
import type { AwsError } from "#kernel/errors.ts";
import {
  accessDenied,
  expiredToken,
  missingToken,
  unknownAccessKey,
  wrongBucketRegion,
  wrongToken,
  type Addressed,
} from "./authErrors.ts";
import { ec2, iam, kms, lambda, s3 } from "./signing.testing.ts";

const sts: Addressed = { id: "sts", signingName: "sts", protocol: "awsQuery" };
const route53: Addressed = { id: "route53", signingName: "route53", protocol: "restXml" };
const cloudwatch: Addressed = { id: "cloudwatch", signingName: "monitoring", protocol: "rpcV2Cbor" };
const sns: Addressed = { id: "sns", signingName: "sns", protocol: "awsQuery" };

/** Sources: see authErrors.ts; unknown keys were measured on AWS by ministack#1745. */
const rows: [string, AwsError, string, number, string][] = [
  [
    "kms, unknown key",
    unknownAccessKey(kms),
    "UnrecognizedClientException",
    400,
    "The security token included in the request is invalid.",
  ],
  [
    "lambda, unknown key",
    unknownAccessKey(lambda),
    "UnrecognizedClientException",
    403,
    "The security token included in the request is invalid.",
  ],
  [
    "sts, unknown key",
    unknownAccessKey(sts),
    "InvalidClientTokenId",
    403,
    "The security token included in the request is invalid.",
  ],
  [
    "iam, unknown key",
    unknownAccessKey(iam),
    "InvalidClientTokenId",
    403,
    "The security token included in the request is invalid.",
  ],
  [
    "route53, unknown key",
    unknownAccessKey(route53),
    "InvalidClientTokenId",
    403,
    "The security token included in the request is invalid.",
  ],
  [
    "cloudwatch over CBOR, unknown key",
    unknownAccessKey(cloudwatch),
    "InvalidClientTokenId",
    403,
    "The security token included in the request is invalid.",
  ],
  [
    "s3, unknown key",
    unknownAccessKey(s3, "AKIDX"),
    "InvalidAccessKeyId",
    403,
    "The AWS Access Key Id you provided does not exist in our records.",
  ],
  [
    "ec2, unknown key",
    unknownAccessKey(ec2),
    "AuthFailure",
    401,
    "AWS was not able to validate the provided access credentials",
  ],
  [
    "kms, expired session",
    expiredToken(kms),
    "ExpiredTokenException",
    400,
    "The security token included in the request is expired",
  ],
  [
    "iam, expired session",
    expiredToken(iam),
    "ExpiredToken",
    403,
    "The security token included in the request is expired",
  ],
  ["s3, expired session", expiredToken(s3, "t"), "ExpiredToken", 400, "The provided token has expired."],
  ["ec2, expired session", expiredToken(ec2), "RequestExpired", 400, "Request has expired."],
  [
    "kms, no signature",
    missingToken(kms),
    "MissingAuthenticationTokenException",
    400,
    "Request is missing Authentication Token",
  ],
  [
    "lambda, no signature",
    missingToken(lambda),
    "MissingAuthenticationTokenException",
    403,
    "Request is missing Authentication Token",
  ],
  [
    "iam, no signature",
    missingToken(iam),
    "MissingAuthenticationToken",
    403,
    "Request is missing Authentication Token",
  ],
  ["s3, no signature", missingToken(s3), "AccessDenied", 403, "Access Denied"],
  [
    "s3, another session's token",
    wrongToken(s3, "t"),
    "InvalidToken",
    400,
    "The provided token is malformed or otherwise invalid.",
  ],
  [
    "kms, denied",
    accessDenied(kms, "User: u is not authorized"),
    "AccessDeniedException",
    400,
    "User: u is not authorized",
  ],
  ["iam, denied", accessDenied(iam, "User: u is not authorized"), "AccessDenied", 403, "User: u is not authorized"],
  [
    "sns, denied",
    accessDenied(sns, "User: u is not authorized"),
    "AuthorizationError",
    403,
    "User: u is not authorized",
  ],
  [
    "ec2, denied",
    accessDenied(ec2, "User: u …"),
    "UnauthorizedOperation",
    403,
    "You are not authorized to perform this operation. User: u …",
  ],
  ["s3, denied without a sentence", accessDenied(s3, ""), "AccessDenied", 403, "Access Denied"],
  [
    "s3, another Region",
    wrongBucketRegion(false, "us-east-1", "eu-west-1"),
    "AuthorizationHeaderMalformed",
    400,
    "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
  ],
];

for (const [name, error, code, status, message] of rows) {
  test(name, () => assert.deepEqual([error.code, error.status, error.message], [code, status, message]));
}

test("S3 names what it refused", () => {
  assert.deepEqual(unknownAccessKey(s3, "AKIDX").fields, { AWSAccessKeyId: "AKIDX" });
  assert.deepEqual(expiredToken(s3, "t").fields, { "Token-0": "t" });
  assert.deepEqual(wrongBucketRegion(true, "a", "eu-west-1").headers, { "x-amz-bucket-region": "eu-west-1" });
});
