import assert from "node:assert/strict";
import { test } from "node:test";
import { readSigV2, verifySigV2 } from "./sigv2.ts";
import { at, refusal, request, s3, s3Example } from "./signing.testing.ts";

/** S3 User Guide, "Signing and authenticating REST requests", query string authentication example. */
const line =
  "GET /photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620";
const options = { addressed: s3, clock: at("2007-03-29T03:00:00Z"), virtualHostBucket: "johnsmith" };

function check(
  target: string,
  headers: Record<string, string> = {},
  with_ = options,
  credential: typeof s3Example & { sessionToken?: string } = s3Example,
): void {
  const made = request(target, headers);
  verifySigV2(made, readSigV2(made, with_), credential, with_);
}

test("S3's documented query string authentication", () => check(line));

const changes: [string, string, Record<string, string>, typeof options, string, string | RegExp][] = [
  ["signature", line.replace("Npg", "Npf"), {}, options, "SignatureDoesNotMatch", /^The request signature/],
  ["key", line.replace("puppy", "kitten"), {}, options, "SignatureDoesNotMatch", /^The request signature/],
  ["method", line.replace("GET", "PUT"), {}, options, "SignatureDoesNotMatch", /^The request signature/],
  ["bucket", line, {}, { ...options, virtualHostBucket: "other" }, "SignatureDoesNotMatch", /^The request signature/],
  ["subresource added", `${line}&acl`, {}, options, "SignatureDoesNotMatch", /^The request signature/],
  [
    "amz header added",
    line,
    { "x-amz-acl": "public-read" },
    options,
    "SignatureDoesNotMatch",
    /^The request signature/,
  ],
  ["unsigned parameter added", `${line}&anything=1`, {}, options, "accepted", ""],
  ["later", line, {}, { ...options, clock: at("2007-03-29T03:40:21Z") }, "AccessDenied", "Request has expired"],
  [
    "expiry raised",
    line.replace("1175139620", "1999999999"),
    {},
    options,
    "SignatureDoesNotMatch",
    /^The request signature/,
  ],
  [
    "expiry no number",
    line.replace("1175139620", "soon"),
    {},
    options,
    "AccessDenied",
    "Invalid date (should be seconds since epoch): soon",
  ],
  [
    "no expiry",
    line.replace("&Expires=1175139620", ""),
    {},
    options,
    "AccessDenied",
    "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
  ],
  ["twice", `${line}&Expires=1999999999`, {}, options, "InvalidArgument", /^Duplicate/],
  ["header too", line, { authorization: "AWS a:b" }, options, "InvalidArgument", /^Only one auth mechanism allowed;/],
];

for (const [name, target, headers, with_, code, message] of changes) {
  test(`tampered: ${name}`, async () => {
    const got = await refusal(() => check(target, headers, with_));
    assert.equal(got.code, code);
    if (typeof message === "string") assert.equal(got.message, message);
    else assert.match(got.message, message);
  });
}

test("a session's key without its token", async () => {
  assert.equal(
    (await refusal(() => check(line, {}, options, { ...s3Example, sessionToken: "t" }))).code,
    "InvalidToken",
  );
});
