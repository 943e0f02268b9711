import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { readClaim } from "./claim.ts";
import { verifySigV4, readSignature } from "./sigv4.ts";
import { deriveSigningKey, SigningKeys } from "./signingKeys.ts";
import type { Addressed } from "./authErrors.ts";
import type { HttpRequest } from "./contract.ts";
import {
  at,
  clientSigner,
  ec2,
  generic,
  iam,
  kms,
  lambda,
  refusal,
  request,
  s3,
  s3Example,
  suiteExample,
} from "./signing.testing.ts";

const keys = new SigningKeys();
const sha = (hex: string) => ({ "x-amz-content-sha256": hex });
const emptySha = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** S3 API Reference, "Signature Calculations for the Authorization Header: Single Chunk", examples. */
const s3Examples: [string, string, Record<string, string>, string, string][] = [
  [
    "GET Object",
    "GET /test.txt",
    { range: "bytes=0-9", ...sha(emptySha) },
    "host;range;x-amz-content-sha256;x-amz-date",
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  ],
  [
    "PUT Object",
    "PUT /test%24file.text",
    {
      date: "Fri, 24 May 2013 00:00:00 GMT",
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
      ...sha("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
    },
    "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  ],
  [
    "GET Bucket Lifecycle",
    "GET /?lifecycle",
    sha(emptySha),
    "host;x-amz-content-sha256;x-amz-date",
    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  ],
  [
    "List Objects",
    "GET /?max-keys=2&prefix=J",
    sha(emptySha),
    "host;x-amz-content-sha256;x-amz-date",
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  ],
];

for (const [name, line, headers, signed, signature] of s3Examples) {
  test(`S3's documented example: ${name}`, () => {
    const signedRequest = request(line, {
      host: "examplebucket.s3.amazonaws.com",
      "x-amz-date": "20130524T000000Z",
      ...headers,
      authorization: `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=${signed},Signature=${signature}`,
    });
    const verified = verifySigV4(signedRequest, {
      addressed: s3,
      clock: at("2013-05-24T00:05:00Z"),
      credential: s3Example,
      keys,
    });
    assert.equal(verified.authType, "REST-HEADER");
    assert.equal(verified.payload.kind, "sha256");
    assert.equal(verified.signatureAge, 300_000);
  });
}

test("S3's documented presigned URL, one second before and after its end", async () => {
  const presigned = (age: string) =>
    refusal(() =>
      verifySigV4(
        request(
          "GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
          { host: "examplebucket.s3.amazonaws.com" },
        ),
        { addressed: s3, clock: at(age), credential: s3Example, keys },
      ),
    );
  assert.equal((await presigned("2013-05-24T23:59:59Z")).code, "accepted");
  const late = await presigned("2013-05-25T00:00:01Z");
  assert.deepEqual(
    [late.code, late.status, late.message, late.fields],
    [
      "AccessDenied",
      403,
      "Request has expired",
      { "X-Amz-Expires": "86400", Expires: "2013-05-25T00:00:00Z", ServerTime: "2013-05-25T00:00:01Z" },
    ],
  );
});

/** The general SigV4 test suite (aws-sig-v4-test-suite): request line, extra headers, body, signed headers, signature. */
const suite: [string, string, Record<string, string>, string, string, string][] = [
  [
    "get-vanilla",
    "GET /",
    {},
    "",
    "host;x-amz-date",
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  ],
  [
    "get-vanilla-query-order-key-case",
    "GET /?Param2=value2&Param1=value1",
    {},
    "",
    "host;x-amz-date",
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
  ],
  [
    "get-relative",
    "GET /example/..",
    {},
    "",
    "host;x-amz-date",
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  ],
  [
    "get-slash",
    "GET //",
    {},
    "",
    "host;x-amz-date",
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  ],
  [
    "get-slash-dot-slash",
    "GET /./",
    {},
    "",
    "host;x-amz-date",
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  ],
  [
    "get-slash-pointless-dot",
    "GET /./example",
    {},
    "",
    "host;x-amz-date",
    "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
  ],
  [
    "get-utf8",
    `GET /${Buffer.from("ሴ").toString("latin1")}`,
    {},
    "",
    "host;x-amz-date",
    "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
  ],
  [
    "get-unreserved",
    "GET /-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    {},
    "",
    "host;x-amz-date",
    "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
  ],
  [
    "get-header-value-trim",
    "GET /",
    { "my-header1": " value1", "my-header2": ' "a   b   c"' },
    "",
    "host;my-header1;my-header2;x-amz-date",
    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
  ],
  [
    "get-vanilla-query-unreserved",
    "GET /?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    {},
    "",
    "host;x-amz-date",
    "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
  ],
  [
    "post-vanilla",
    "POST /",
    {},
    "",
    "host;x-amz-date",
    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
  ],
  [
    "post-header-key-sort",
    "POST /",
    { "my-header1": "value1" },
    "",
    "host;my-header1;x-amz-date",
    "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
  ],
  [
    "post-x-www-form-urlencoded",
    "POST /",
    { "content-type": "application/x-www-form-urlencoded" },
    "Param1=value1",
    "content-type;host;x-amz-date",
    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
  ],
];

for (const [name, line, headers, body, signed, signature] of suite) {
  test(`the general test suite: ${name}`, () => {
    verifySigV4(
      request(line, {
        host: "example.amazonaws.com",
        "x-amz-date": "20150830T123600Z",
        ...headers,
        authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${signed}, Signature=${signature}`,
      }),
      {
        addressed: generic,
        clock: at("2015-08-30T12:36:00Z"),
        credential: suiteExample,
        keys,
        body: Buffer.from(body),
      },
    );
  });
}

test("the derived key of the documentation", () => {
  const key = deriveSigningKey(suiteExample.secretAccessKey, { date: "20150830", region: "us-east-1", service: "iam" });
  assert.equal(key.export().toString("hex"), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
});

// ---- unmodified client signer ----

const noon = new Date("2026-03-01T12:00:00Z");
const clock = at("2026-03-01T12:00:00Z");
const session = {
  ...s3Example,
  accessKeyId: "ASIAIOSFODNN7EXAMPLE",
  sessionToken: "FwoGZXIvYXdzEBY//////////token+/=",
};

async function signed(
  addressed: Addressed,
  method: string,
  path: string,
  options: {
    query?: Record<string, string | string[]>;
    headers?: Record<string, string>;
    body?: string;
    credential?: typeof s3Example & { sessionToken?: string };
  } = {},
): Promise<{ request: HttpRequest; body: Buffer }> {
  const result = await clientSigner(addressed, options.credential ?? s3Example).sign(
    {
      method,
      protocol: "https:",
      hostname: "localhost",
      path,
      query: options.query ?? {},
      headers: { host: "localhost:4566", ...options.headers },
      body: options.body,
    },
    { signingDate: noon },
  );
  const query = Object.entries(options.query ?? {})
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`),
    )
    .join("&");
  return {
    request: request(`${method} ${path}${query === "" ? "" : `?${query}`}`, result.headers),
    body: Buffer.from(options.body ?? ""),
  };
}

const clientRequests: [string, Addressed, string, string, Parameters<typeof signed>[3]][] = [
  [
    "kms",
    kms,
    "POST",
    "/",
    {
      headers: { "x-amz-target": "TrentService.Encrypt", "content-type": "application/x-amz-json-1.1" },
      body: '{"KeyId":"é"}',
    },
  ],
  [
    "lambda path with encoded colon",
    lambda,
    "POST",
    "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af/invocations",
    { body: "{}" },
  ],
  ["s3 key with everything", s3, "PUT", "/bucket/a%20b%2Bc%2F%24%25/%E1%88%B4//..%21", { body: "x" }],
  ["s3 query sorted by value", s3, "GET", "/bucket", { query: { prefix: "a b+c/~'()*!", uploads: "", x: ["2", "1"] } }],
  ["iam with session", iam, "POST", "/", { body: "Action=ListUsers&Version=2010-05-08", credential: session }],
  ["header with inner spaces", lambda, "GET", "/x", { headers: { "x-amz-meta": "a   b \t c" } }],
];

for (const [name, addressed, method, path, options] of clientRequests) {
  test(`the SDK's signer is believed: ${name}`, async () => {
    const made = await signed(addressed, method, path, options);
    const credential = options?.credential ?? s3Example;
    const claim = readClaim(made.request);
    assert.equal(claim.kind, "header");
    assert.equal(claim.accessKeyId, credential.accessKeyId);
    assert.equal(claim.signingService, addressed.signingName);
    assert.equal(claim.region, "us-east-1");
    verifySigV4(made.request, { addressed, clock, credential, keys, body: made.body });
  });
}

// ---- tamper matrix: whatever is changed, the exact error ----

type Change = (r: HttpRequest) => Partial<HttpRequest>;
const header =
  (name: string, value: string | undefined): Change =>
  (r) => {
    const headers = { ...r.headers };
    if (value === undefined) delete headers[name];
    else headers[name] = value;
    return { headers };
  };
const authorization =
  (change: (text: string) => string): Change =>
  (r) => ({
    headers: { ...r.headers, authorization: change(r.headers["authorization"] as string) },
  });

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

const s3Mismatch =
  "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
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

const windows: [string, Addressed, number, string, number, string | RegExp][] = [
  [
    "kms after 5 minutes",
    kms,
    301,
    "InvalidSignatureException",
    400,
    "Signature expired: 20260301T120000Z is now earlier than 20260301T120001Z (20260301T120501Z - 5 min.)",
  ],
  [
    "kms before 5 minutes",
    kms,
    -301,
    "InvalidSignatureException",
    400,
    "Signature not yet current: 20260301T120000Z is still later than 20260301T115959Z (20260301T115459Z + 5 min.)",
  ],
  ["lambda after 5 minutes", lambda, 301, "InvalidSignatureException", 403, /- 5 min/],
  ["iam within 15 minutes", iam, 899, "accepted", 200, ""],
  ["iam after 15 minutes", iam, 901, "SignatureDoesNotMatch", 403, /^Signature expired: .* - 15 min\.\)$/],
  ["ec2 after 15 minutes", ec2, 901, "RequestExpired", 400, "Request has expired."],
  [
    "s3 after 15 minutes",
    s3,
    901,
    "RequestTimeTooSkewed",
    403,
    "The difference between the request time and the current time is too large.",
  ],
  ["s3 before 15 minutes", s3, -901, "RequestTimeTooSkewed", 403, /too large/],
];

for (const [name, addressed, seconds, code, status, message] of windows) {
  test(`time window: ${name}`, async () => {
    const made = await signed(addressed, "POST", "/", { body: "" });
    const later = at(new Date(noon.getTime() + seconds * 1000).toISOString());
    const got = await refusal(() =>
      verifySigV4(made.request, { addressed, clock: later, credential: s3Example, keys, body: made.body }),
    );
    assert.deepEqual([got.code, got.status], [code, status]);
    if (typeof message === "string") assert.equal(got.message, message);
    else assert.match(got.message, message);
  });
}

test("the Date header serves where x-amz-date is absent", async () => {
  const made = await signed(kms, "POST", "/", { body: "{}" });
  const { "x-amz-date": amzDate, ...rest } = made.request.headers;
  assert.equal(amzDate, "20260301T120000Z");
  // Signed without x-amz-date among the headers: the date is part of what is signed all the same.
  const names = "host";
  const text = `AWS4-HMAC-SHA256\n20260301T120000Z\n20260301/us-east-1/kms/aws4_request\n${createHash("sha256")
    .update(`POST\n/\n\nhost:localhost:4566\n\n${names}\n${createHash("sha256").update("{}").digest("hex")}`)
    .digest("hex")}`;
  const key = deriveSigningKey(s3Example.secretAccessKey, { date: "20260301", region: "us-east-1", service: "kms" });
  const signature = createHmac("sha256", key).update(text).digest("hex");
  const by = (date: string): HttpRequest => ({
    ...made.request,
    headers: {
      ...rest,
      date,
      authorization: `AWS4-HMAC-SHA256 Credential=${s3Example.accessKeyId}/20260301/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=${signature}`,
    },
  });
  const options = { addressed: kms, clock, credential: s3Example, keys, body: made.body };
  for (const date of ["Sun, 01 Mar 2026 12:00:00 GMT", "20260301T120000Z"]) verifySigV4(by(date), options);
  const got = await refusal(() => verifySigV4(by("1 March 2026"), options));
  assert.equal(got.code, "IncompleteSignatureException");
});

test("ec2 answers AuthFailure 401 to a wrong signature", async () => {
  const made = await signed(ec2, "POST", "/", { body: "" });
  const got = await refusal(() =>
    verifySigV4(made.request, {
      addressed: ec2,
      clock,
      credential: { ...s3Example, secretAccessKey: "other" },
      keys,
      body: made.body,
    }),
  );
  assert.deepEqual(
    [got.code, got.status, got.message],
    ["AuthFailure", 401, "AWS was not able to validate the provided access credentials"],
  );
});

test("session credentials need exactly their token", async () => {
  const verify = async (given: string | undefined, expected: string | undefined, addressed: Addressed) => {
    const credential = { ...s3Example, ...(given === undefined ? {} : { sessionToken: given }) };
    const made = await signed(addressed, "POST", "/", { body: "", credential });
    return refusal(() =>
      verifySigV4(made.request, {
        addressed,
        clock,
        keys,
        body: made.body,
        credential: { ...s3Example, ...(expected === undefined ? {} : { sessionToken: expected }) },
      }),
    );
  };
  assert.equal((await verify("a", "a", kms)).code, "accepted");
  assert.equal((await verify("b", "a", kms)).code, "UnrecognizedClientException");
  assert.equal((await verify(undefined, "a", iam)).code, "InvalidClientTokenId");
  assert.equal((await verify("b", undefined, s3)).code, "InvalidToken");
});

// ---- presigned ----

async function presign(
  addressed: Addressed,
  expiresIn: number,
  credential: typeof s3Example & { sessionToken?: string } = s3Example,
) {
  const result = await clientSigner(addressed, credential).presign(
    {
      method: "GET",
      protocol: "https:",
      hostname: "localhost",
      path: "/bucket/k%20y",
      query: { "response-content-type": "a/b c" },
      headers: { host: "localhost:4566", ...(addressed === s3 ? { "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD" } : {}) },
    },
    { signingDate: noon, expiresIn },
  );
  const query = Object.entries(result.query ?? {})
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
    .join("&");
  return request(`GET ${result.path}?${query}`, { host: "localhost:4566" });
}

test("a presigned URL of the SDK's signer, with a session token", async () => {
  const made = await presign(iam, 900, session);
  const claim = readClaim(made);
  assert.deepEqual(
    [claim.kind, claim.accessKeyId, claim.sessionToken],
    ["presigned", session.accessKeyId, session.sessionToken],
  );
  verifySigV4(made, { addressed: iam, clock, credential: session, keys, body: Buffer.alloc(0) });
});

const replace =
  (from: RegExp | string, to: string): Change =>
  (r) => ({ query: r.query.replace(from, to) });
const needsAll =
  "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";
const parse = "Error parsing the X-Amz-Credential parameter; ";
const tamperedPresigned: [string, Change, string, number, string | RegExp][] = [
  ["nothing", () => ({}), "accepted", 200, ""],
  ["override", replace("a%2Fb", "a%2Fc"), "SignatureDoesNotMatch", 403, s3Mismatch],
  ["extra parameter", (r) => ({ query: `${r.query}&x=y` }), "SignatureDoesNotMatch", 403, s3Mismatch],
  ["expiry raised", replace("Expires=900", "Expires=901"), "SignatureDoesNotMatch", 403, s3Mismatch],
  [
    "expiry over a week",
    replace("Expires=900", "Expires=604801"),
    "AuthorizationQueryParametersError",
    400,
    "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
  ],
  ["expiry zero", replace("Expires=900", "Expires=0"), "AccessDenied", 403, "Request has expired"],
  [
    "expiry negative",
    replace("Expires=900", "Expires=-1"),
    "AuthorizationQueryParametersError",
    400,
    "X-Amz-Expires must be non-negative",
  ],
  [
    "expiry no number",
    replace("Expires=900", "Expires=abc"),
    "AuthorizationQueryParametersError",
    400,
    "X-Amz-Expires should be a number",
  ],
  ["no expiry", replace(/&?X-Amz-Expires=\d+/, ""), "AuthorizationQueryParametersError", 400, needsAll],
  ["no signature", replace(/&?X-Amz-Signature=\w+/, ""), "AuthorizationQueryParametersError", 400, needsAll],
  [
    "algorithm",
    replace("AWS4-HMAC-SHA256", "AWS4-SHA1"),
    "AuthorizationQueryParametersError",
    400,
    'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"',
  ],
  [
    "service",
    replace("%2Fs3%2F", "%2Fiam%2F"),
    "AuthorizationQueryParametersError",
    400,
    `${parse}incorrect service "iam". This endpoint belongs to "s3".`,
  ],
  [
    "date form",
    replace("20260301T120000Z", "20260301"),
    "AuthorizationQueryParametersError",
    400,
    "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
  ],
  [
    "date differs",
    replace("%2F20260301%2F", "%2F20260302%2F"),
    "AuthorizationQueryParametersError",
    400,
    'Invalid credential date "20260302". This date is not the same as X-Amz-Date: "20260301".',
  ],
  [
    "duplicate",
    (r) => ({ query: `${r.query}&X-Amz-Expires=1` }),
    "AuthorizationQueryParametersError",
    400,
    /^Duplicate/,
  ],
  [
    "unsigned header",
    header("x-amz-acl", "private"),
    "AccessDenied",
    403,
    "There were headers present in the request which were not signed",
  ],
];

for (const [name, change, code, status, message] of tamperedPresigned) {
  test(`s3 presigned, tampered: ${name}`, async () => {
    const made = await presign(s3, 900);
    const got = await refusal(() =>
      verifySigV4({ ...made, ...change(made) }, { addressed: s3, clock, credential: s3Example, keys }),
    );
    assert.deepEqual([got.code, got.status], [code, status]);
    if (typeof message === "string") assert.equal(got.message, message);
    else assert.match(got.message, message);
  });
}

test("presigned for the future, and what query services miss", async () => {
  const made = await presign(s3, 900);
  const early = await refusal(() => readSignature(made, { addressed: s3, clock: at("2026-03-01T11:44:59Z") }));
  assert.deepEqual([early.code, early.message], ["AccessDenied", "Request is not valid yet"]);
  const query = await presign(iam, 900);
  const missing = { ...query, query: query.query.replace(/&?X-Amz-SignedHeaders=\w+/, "") };
  const got = await refusal(() => readSignature(missing, { addressed: iam, clock }));
  assert.deepEqual(
    [got.code, got.message],
    [
      "IncompleteSignature",
      "AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters.",
    ],
  );
  const late = await refusal(() => readSignature(query, { addressed: iam, clock: at("2026-03-01T12:15:01Z") }));
  assert.match(late.message, /^Signature expired: 20260301T120000Z is now earlier than .* - 15 min\.\)$/);
  for (const bad of ["0", "604801", "x"]) {
    const changed = { ...query, query: query.query.replace("Expires=900", `Expires=${bad}`) };
    assert.equal((await refusal(() => readSignature(changed, { addressed: iam, clock }))).code, "IncompleteSignature");
  }
});

test("SigningKeys: bounded, by fingerprint, kept only on request", () => {
  const small = new SigningKeys(4);
  const scope = (region: string) => ({ date: "20260301", region, service: "s3" });
  const first = small.get("A", "secret", scope("r0"));
  assert.equal(small.size, 0);
  first.keep();
  assert.equal(small.get("A", "secret", scope("r0")).key, first.key);
  assert.notEqual(
    small.get("A", "rotated", scope("r0")).key.export().toString("hex"),
    first.key.export().toString("hex"),
  );
  for (let i = 0; i < 100; i++) small.get("A", "secret", scope(`r${i}`)).keep();
  assert.ok(small.size <= 4, `holds ${small.size}`);
});

test("claims: nothing, malformed, SigV2", () => {
  assert.deepEqual(readClaim(request("GET /")), { kind: "anonymous" });
  assert.deepEqual(readClaim(request("GET /?prefix=X-Amz-Nothing")), { kind: "anonymous" });
  assert.deepEqual(readClaim(request("GET /", { authorization: "garbage" })), { kind: "header" });
  assert.deepEqual(readClaim(request("GET /?AWSAccessKeyId=AK&Signature=x&Expires=1")), {
    kind: "sigv2",
    signingService: "s3",
    accessKeyId: "AK",
  });
  assert.deepEqual(readClaim(request("GET /?X-Amz-Signature=1")), { kind: "presigned" });
});
