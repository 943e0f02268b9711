import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { readClaim } from "./claim.ts";
import { verifySigV4 } from "./sigv4.ts";
import { deriveSigningKey, SigningKeys } from "./signingKeys.ts";
import type { Addressed } from "./authErrors.ts";
import type { HttpRequest } from "./contract.ts";
import {
  at,
  clock,
  ec2,
  iam,
  kms,
  lambda,
  noon,
  refusal,
  request,
  s3,
  s3Example,
  session,
  signed,
} from "./signing.testing.ts";

const keys = new SigningKeys();

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
