/** Whatever is changed of a signed request: the exact error. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { verifySigV4 } from "./sigv4.ts";
import { SigningKeys } from "./signingKeys.ts";
import {
  authorization,
  clock,
  header,
  kms,
  refusal,
  s3,
  s3Example,
  s3Mismatch,
  signed,
  type Change,
} from "./signing.testing.ts";

const keys = new SigningKeys();

const kmsMismatch =
  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

const tamperedKms: [string, Change, string, number, string | RegExp][] = [
  [
    "signature digit",
    authorization((t) => t.replace(/.$/, (c) => (c === "0" ? "1" : "0"))),
    "InvalidSignatureException",
    400,
    kmsMismatch,
  ],
  ["signature short", authorization((t) => t.slice(0, -1)), "InvalidSignatureException", 400, kmsMismatch],
  ["signature no hex", authorization((t) => t.replace(/.$/, "g")), "InvalidSignatureException", 400, kmsMismatch],
  ["method", () => ({ method: "PUT" }), "InvalidSignatureException", 400, kmsMismatch],
  ["path", () => ({ path: "/x" }), "InvalidSignatureException", 400, kmsMismatch],
  ["query", () => ({ query: "a=b" }), "InvalidSignatureException", 400, kmsMismatch],
  ["host", header("host", "evil"), "InvalidSignatureException", 400, kmsMismatch],
  ["target", header("x-amz-target", "TrentService.Decrypt"), "InvalidSignatureException", 400, kmsMismatch],
  [
    "region of scope",
    authorization((t) => t.replace("/us-east-1/", "/us-west-2/")),
    "InvalidSignatureException",
    400,
    kmsMismatch,
  ],
  [
    "region that is none",
    authorization((t) => t.replace("/us-east-1/", "/mars/")),
    "InvalidSignatureException",
    400,
    "Credential should be scoped to a valid region, not 'mars'.",
  ],
  [
    "service of scope",
    authorization((t) => t.replace("/kms/", "/s3/")),
    "InvalidSignatureException",
    400,
    "Credential should be scoped to correct service: 'kms'.",
  ],
  [
    "terminator",
    authorization((t) => t.replace("aws4_request", "aws5_request")),
    "InvalidSignatureException",
    400,
    "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'.",
  ],
  [
    "date of scope",
    authorization((t) => t.replace("/20260301/", "/20260302/")),
    "InvalidSignatureException",
    400,
    "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260302' != '20260301', from '20260301T120000Z'.",
  ],
  [
    "everything in the scope",
    authorization((t) => t.replace("/20260301/us-east-1/kms/aws4_request", "/x/y/z/w")),
    "InvalidSignatureException",
    400,
    /^Credential should be scoped to a valid region, not 'y'\. Credential should be scoped to correct service: 'kms'\. Credential should be scoped with a valid terminator: 'aws4_request', not 'w'\. Date in Credential scope/,
  ],
  [
    "credential too short",
    authorization((t) => t.replace("/aws4_request", "")),
    "IncompleteSignatureException",
    400,
    "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIAIOSFODNN7EXAMPLE/20260301/us-east-1/kms'",
  ],
  ["date", header("x-amz-date", "20260301T120001Z"), "InvalidSignatureException", 400, kmsMismatch],
  [
    "date malformed",
    header("x-amz-date", "2026-03-01"),
    "IncompleteSignatureException",
    400,
    "Date must be in ISO-8601 'basic format'. Got '2026-03-01'. See http://en.wikipedia.org/wiki/ISO_8601",
  ],
  ["date impossible", header("x-amz-date", "20260231T120000Z"), "IncompleteSignatureException", 400, /ISO-8601/],
  [
    "date absent",
    header("x-amz-date", undefined),
    "IncompleteSignatureException",
    400,
    /^Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header\. \(Hashed/,
  ],
  [
    "algorithm",
    authorization((t) => t.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512")),
    "IncompleteSignatureException",
    400,
    "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now). ",
  ],
  [
    "another scheme",
    header("authorization", "Bearer abc"),
    "MissingAuthenticationTokenException",
    400,
    "Request is missing Authentication Token",
  ],
  [
    "no scheme",
    header("authorization", undefined),
    "MissingAuthenticationTokenException",
    400,
    "Request is missing Authentication Token",
  ],
  [
    "version 2",
    header("authorization", "AWS a:b"),
    "IncompleteSignatureException",
    400,
    "AWS Signature Version 2 is not supported.",
  ],
  [
    "no pair",
    authorization((t) => t.replace("SignedHeaders=", "SignedHeaders-")),
    "IncompleteSignatureException",
    400,
    /^'SignedHeaders-.*' not a valid key=value pair \(missing equal-sign\) in Authorization header: 'AWS4/,
  ],
  [
    "nothing but the algorithm",
    header("authorization", "AWS4-HMAC-SHA256 "),
    "IncompleteSignatureException",
    400,
    /^Authorization header requires 'Credential' parameter\. Authorization header requires 'Signature' parameter\. Authorization header requires 'SignedHeaders' parameter\. \(Hashed/,
  ],
  [
    "twice the same parameter",
    authorization((t) => `${t}, Signature=00`),
    "IncompleteSignatureException",
    400,
    "Duplicate 'Signature' parameter in Authorization header.",
  ],
  [
    "host not signed",
    authorization((t) => t.replace("host;", "")),
    "InvalidSignatureException",
    400,
    "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
  ],
  [
    "target not signed",
    authorization((t) => t.replace(";x-amz-target", "")),
    "InvalidSignatureException",
    400,
    "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.",
  ],
  [
    "signed in the query too",
    () => ({ query: "X-Amz-Signature=00" }),
    "IncompleteSignatureException",
    400,
    /^Only one of/,
  ],
  [
    "token added",
    header("x-amz-security-token", "t"),
    "UnrecognizedClientException",
    400,
    "The security token included in the request is invalid.",
  ],
  [
    "bad escape in query",
    () => ({ query: "a=%zz" }),
    "MalformedQueryString",
    404,
    "Illegal hex character in escape % pattern: %zz",
  ],
];

for (const [name, change, code, status, message] of tamperedKms) {
  test(`kms, tampered: ${name}`, async () => {
    const made = await signed(kms, "POST", "/", { headers: { "x-amz-target": "TrentService.Encrypt" }, body: "{}" });
    const changed = { ...made.request, ...change(made.request) };
    const got = await refusal(() =>
      verifySigV4(changed, { addressed: kms, clock, credential: s3Example, keys, body: made.body }),
    );
    assert.deepEqual([got.code, got.status], [code, status]);
    if (typeof message === "string") assert.equal(got.message, message);
    else assert.match(got.message, message);
  });
}

test("a changed body is noticed by services that hash it", async () => {
  const made = await signed(kms, "POST", "/", { body: "{}" });
  const got = await refusal(() =>
    verifySigV4(made.request, { addressed: kms, clock, credential: s3Example, keys, body: Buffer.from("{ }") }),
  );
  assert.equal(got.code, "InvalidSignatureException");
});

const malformed = "The authorization header is malformed; ";
const tamperedS3: [string, Change, string, number, string | RegExp][] = [
  ["key", () => ({ path: "/bucket/other" }), "SignatureDoesNotMatch", 403, s3Mismatch],
  ["dot segments are part of a key", () => ({ path: "/bucket/./key" }), "SignatureDoesNotMatch", 403, s3Mismatch],
  ["payload hash", header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), "SignatureDoesNotMatch", 403, s3Mismatch],
  [
    "payload hash malformed",
    header("x-amz-content-sha256", "abc"),
    "InvalidArgument",
    400,
    /^x-amz-content-sha256 must be UNSIGNED-PAYLOAD,/,
  ],
  [
    "payload hash absent",
    header("x-amz-content-sha256", undefined),
    "InvalidRequest",
    400,
    "Missing required header for this request: x-amz-content-sha256",
  ],
  [
    "unsigned x-amz header",
    header("x-amz-acl", "public-read"),
    "AccessDenied",
    403,
    "There were headers present in the request which were not signed",
  ],
  [
    "date absent",
    header("x-amz-date", undefined),
    "AccessDenied",
    403,
    "AWS authentication requires a valid Date or x-amz-date header",
  ],
  [
    "date of scope",
    authorization((t) => t.replace("/20260301/", "/20260302/")),
    "AuthorizationHeaderMalformed",
    400,
    `${malformed}Invalid credential date. Date is not the same as X-Amz-Date.`,
  ],
  [
    "scope date form",
    authorization((t) => t.replace("/20260301/", "/2026/")),
    "AuthorizationHeaderMalformed",
    400,
    `${malformed}incorrect date format "2026". This date in the credential must be in the format "yyyyMMdd".`,
  ],
  [
    "service",
    authorization((t) => t.replace("/s3/", "/ec2/")),
    "AuthorizationHeaderMalformed",
    400,
    `${malformed}incorrect service "ec2". This endpoint belongs to "s3".`,
  ],
  [
    "terminator",
    authorization((t) => t.replace("aws4_request", "aws_request")),
    "AuthorizationHeaderMalformed",
    400,
    `${malformed}incorrect terminal "aws_request". This endpoint uses "aws4_request".`,
  ],
  [
    "region that is none",
    authorization((t) => t.replace("/us-east-1/", "/us_east_1/")),
    "AuthorizationHeaderMalformed",
    400,
    `${malformed}the region 'us_east_1' is wrong; expecting 'us-east-1'`,
  ],
  [
    "credential",
    authorization((t) => t.replace(/Credential=[^,]*/, "Credential=x")),
    "AuthorizationHeaderMalformed",
    400,
    `${malformed}the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`,
  ],
  [
    "two components",
    authorization((t) => t.replace(/, Signature=.*/, "")),
    "AuthorizationHeaderMalformed",
    400,
    `${malformed}the authorization header requires three components: Credential, SignedHeaders, and Signature.`,
  ],
  [
    "empty signature",
    authorization((t) => t.replace(/Signature=.*/, "Signature=")),
    "AuthorizationHeaderMalformed",
    400,
    `${malformed}missing Signature.`,
  ],
  [
    "no blank",
    header("authorization", "AWS4-HMAC-SHA256"),
    "InvalidArgument",
    400,
    "Authorization header is invalid -- one and only one ' ' (space) required.",
  ],
  ["bearer", header("authorization", "Bearer x"), "InvalidArgument", 400, "Unsupported Authorization Type"],
  [
    "version 2 header",
    header("authorization", "AWS a:b"),
    "InvalidRequest",
    400,
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
  ],
  [
    "query too",
    () => ({ query: "X-Amz-Algorithm=AWS4-HMAC-SHA256" }),
    "InvalidArgument",
    400,
    /^Only one auth mechanism allowed;/,
  ],
  ["bad escape in path", () => ({ path: "/bucket/%zz" }), "InvalidURI", 400, "Couldn't parse the specified URI."],
];

for (const [name, change, code, status, message] of tamperedS3) {
  test(`s3, tampered: ${name}`, async () => {
    const made = await signed(s3, "PUT", "/bucket/key", { body: "data" });
    const got = await refusal(() =>
      verifySigV4({ ...made.request, ...change(made.request) }, { addressed: s3, clock, credential: s3Example, keys }),
    );
    assert.deepEqual([got.code, got.status], [code, status]);
    if (typeof message === "string") assert.equal(got.message, message);
    else assert.match(got.message, message);
  });
}

test("S3 tells what it signed", async () => {
  const made = await signed(s3, "PUT", "/bucket/key", { body: "data" });
  const got = await refusal(() =>
    verifySigV4({ ...made.request, path: "/bucket/b c" }, { addressed: s3, clock, credential: s3Example, keys }),
  );
  assert.match(String(got.fields["CanonicalRequest"]), /^PUT\n\/bucket\/b%20c\n\n.*host:localhost:4566\n/s);
  assert.equal(got.fields["AWSAccessKeyId"], s3Example.accessKeyId);
  assert.match(String(got.fields["StringToSignBytes"]), /^41 57 53 34 2d /);
});
