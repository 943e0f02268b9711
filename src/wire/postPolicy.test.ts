import assert from "node:assert/strict";
import { test } from "node:test";
import { createHmac } from "node:crypto";
import { S3Client } from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import type { HttpRequest } from "./contract.ts";
import { readPostForm } from "./multipart.ts";
import { anonymousPost, readPostClaim, readPostSignature, verifyPostPolicy } from "./postPolicy.ts";
import { deriveSigningKey, SigningKeys } from "./signingKeys.ts";
import { at, collect, pieces, refusal, request, s3, s3Example } from "./signing.testing.ts";

const keys = new SigningKeys();
const boundary = "9431149156168";

function form(
  fields: readonly (readonly [string, string])[],
  file: string | null = "data",
  filename = "photo.png",
  tail = `\r\n--${boundary}--\r\n`,
): string {
  const parts = fields.map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const last =
    file === null
      ? `--${boundary}--\r\n`
      : `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${filename}"\r\nContent-Type: image/png\r\n\r\n${file}${tail}`;
  return parts.join("") + last;
}

function post(
  body: string | AsyncIterable<Uint8Array>,
  type = `multipart/form-data; boundary=${boundary}`,
): HttpRequest {
  return request("POST /bucket", { "content-type": type }, typeof body === "string" ? pieces(body) : body);
}

/** S3 API Reference, "Example: Browser-Based Upload using HTTP POST (Using AWS Signature Version 4)". */
const documentedPolicy = [
  '{ "expiration": "2015-12-30T12:00:00.000Z",',
  '  "conditions": [',
  '    {"bucket": "sigv4examplebucket"},',
  '    ["starts-with", "$key", "user/user1/"],',
  '    {"acl": "public-read"},',
  '    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},',
  '    ["starts-with", "$Content-Type", "image/"],',
  '    {"x-amz-meta-uuid": "14365123651274"},',
  '    {"x-amz-server-side-encryption": "AES256"},',
  '    ["starts-with", "$x-amz-meta-tag", ""],',
  "",
  '    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},',
  '    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},',
  '    {"x-amz-date": "20151229T000000Z" }',
  "  ]",
  "}",
].join("\r\n");

const documentedFields: [string, string][] = [
  ["key", "user/user1/${filename}"],
  ["acl", "public-read"],
  ["success_action_redirect", "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"],
  ["Content-Type", "image/jpeg"],
  ["x-amz-meta-uuid", "14365123651274"],
  ["x-amz-server-side-encryption", "AES256"],
  ["X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"],
  ["X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
  ["X-Amz-Date", "20151229T000000Z"],
  ["x-amz-meta-tag", ""],
  ["Policy", Buffer.from(documentedPolicy).toString("base64")],
  ["X-Amz-Signature", "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"],
];

async function upload(httpRequest: HttpRequest, bucket: string, now: string) {
  const clock = at(now);
  const parsed = await readPostForm(httpRequest);
  const presented = readPostSignature(parsed, { addressed: s3, clock });
  if (presented === undefined) return anonymousPost(parsed);
  assert.equal(readPostClaim(parsed).accessKeyId, presented.accessKeyId);
  return verifyPostPolicy(parsed, presented, s3Example, { bucket, clock, keys });
}

test("S3's documented browser upload", async () => {
  const result = await upload(
    post(form(documentedFields, "picture", "C:\\pictures\\me.jpg")),
    "sigv4examplebucket",
    "2015-12-29T01:00:00Z",
  );
  assert.equal(result.key, "user/user1/me.jpg");
  assert.equal(result.contentType, "image/jpeg");
  assert.equal(String(await collect(result.stream)), "picture");
});

const documentedChanges: [
  string,
  (f: [string, string][]) => [string, string][],
  string,
  string,
  number,
  string | RegExp,
][] = [
  ["expired", (f) => f, "2015-12-30T12:00:00Z", "AccessDenied", 403, "Invalid according to Policy: Policy expired."],
  [
    "key elsewhere",
    (f) => f.map(([n, v]) => [n, n === "key" ? "user/user2/x" : v]),
    "2015-12-29T01:00:00Z",
    "AccessDenied",
    403,
    'Invalid according to Policy: Policy Condition failed: ["starts-with", "$key", "user/user1/"]',
  ],
  [
    "acl raised",
    (f) => f.map(([n, v]) => [n, n === "acl" ? "public-read-write" : v]),
    "2015-12-29T01:00:00Z",
    "AccessDenied",
    403,
    'Invalid according to Policy: Policy Condition failed: ["eq", "$acl", "public-read"]',
  ],
  [
    "one of two content types",
    (f) => f.map(([n, v]) => [n, n === "Content-Type" ? "image/png, text/html" : v]),
    "2015-12-29T01:00:00Z",
    "AccessDenied",
    403,
    /Content-Type/,
  ],
  [
    "extra field",
    (f) => [...f, ["x-amz-meta-extra", "1"]],
    "2015-12-29T01:00:00Z",
    "AccessDenied",
    403,
    "Invalid according to Policy: Extra input fields: x-amz-meta-extra",
  ],
  ["ignored field", (f) => [...f, ["x-ignore-this", "1"]], "2015-12-29T01:00:00Z", "accepted", 200, ""],
  [
    "signature",
    (f) => f.map(([n, v]) => [n, n === "X-Amz-Signature" ? v.replace("8", "9") : v]),
    "2015-12-29T01:00:00Z",
    "SignatureDoesNotMatch",
    403,
    /^The request signature/,
  ],
  [
    "policy",
    (f) => f.map(([n, v]) => [n, n === "Policy" ? v.replace("ey", "eX") : v]),
    "2015-12-29T01:00:00Z",
    "SignatureDoesNotMatch",
    403,
    /^The request signature/,
  ],
  [
    "algorithm",
    (f) => f.map(([n, v]) => [n, n === "X-Amz-Algorithm" ? "none" : v]),
    "2015-12-29T01:00:00Z",
    "InvalidArgument",
    400,
    "Only AWS4-HMAC-SHA256 is supported",
  ],
  [
    "date",
    (f) => f.map(([n, v]) => [n, n === "X-Amz-Date" ? "now" : v]),
    "2015-12-29T01:00:00Z",
    "InvalidArgument",
    400,
    "X-Amz-Date must be formated via ISO8601 Long format",
  ],
  [
    "credential",
    (f) => f.map(([n, v]) => [n, n === "X-Amz-Credential" ? "x" : v]),
    "2015-12-29T01:00:00Z",
    "InvalidArgument",
    400,
    'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
  ],
  [
    "no policy",
    (f) => f.filter(([n]) => n !== "Policy"),
    "2015-12-29T01:00:00Z",
    "InvalidArgument",
    400,
    "Bucket POST must contain a field named 'policy'.  If it is specified, please check the order of the fields.",
  ],
  [
    "no key",
    (f) => f.filter(([n]) => n !== "key"),
    "2015-12-29T01:00:00Z",
    "InvalidArgument",
    400,
    "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
  ],
  [
    "twice the same field",
    (f) => [...f, ["acl", "private"]],
    "2015-12-29T01:00:00Z",
    "InvalidArgument",
    400,
    /only once/,
  ],
];

for (const [name, change, now, code, status, message] of documentedChanges) {
  test(`the documented upload, changed: ${name}`, async () => {
    const got = await refusal(() => upload(post(form(change(documentedFields), "x")), "sigv4examplebucket", now));
    assert.deepEqual([got.code, got.status], [code, status]);
    if (typeof message === "string") assert.equal(got.message, message);
    else assert.match(got.message, message);
  });
}

test("the bucket is a condition too", async () => {
  const got = await refusal(() => upload(post(form(documentedFields)), "other", "2015-12-29T01:00:00Z"));
  assert.equal(
    got.message,
    'Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "sigv4examplebucket"]',
  );
});

// ---- policy documents, signed by ourselves ----

function signedFields(policy: string, extra: [string, string][] = []): [string, string][] {
  const key = deriveSigningKey(s3Example.secretAccessKey, { date: "20260301", region: "us-east-1", service: "s3" });
  return [
    ["key", "k"],
    ...extra,
    ["x-amz-credential", "AKIAIOSFODNN7EXAMPLE/20260301/us-east-1/s3/aws4_request"],
    ["x-amz-algorithm", "AWS4-HMAC-SHA256"],
    ["x-amz-date", "20260301T120000Z"],
    ["policy", policy],
    ["x-amz-signature", createHmac("sha256", key).update(policy).digest("hex")],
  ];
}
const encode = (document: unknown) =>
  Buffer.from(typeof document === "string" ? document : JSON.stringify(document)).toString("base64");
const usual: unknown[] = [
  { bucket: "bucket" },
  { key: "k" },
  ["starts-with", "$x-amz-credential", ""],
  { "x-amz-algorithm": "AWS4-HMAC-SHA256" },
  ["starts-with", "$x-amz-date", ""],
];
const withConditions = (...conditions: unknown[]) =>
  encode({ expiration: "2026-03-01T13:00:00Z", conditions: [...usual, ...conditions] });

const documents: [string, string, string, string][] = [
  ["fine", withConditions(), "accepted", ""],
  ["empty", "", "InvalidPolicyDocument", "Invalid Policy: Expecting '{' but found End-of-Input"],
  ["no base64", "%%%", "InvalidPolicyDocument", "Invalid Policy: invalid Base64 encoding."],
  ["no JSON", encode("nothing"), "InvalidPolicyDocument", "Invalid Policy: Invalid JSON."],
  ["a list", encode([]), "InvalidPolicyDocument", "Invalid Policy: Invalid JSON."],
  ["no expiration", encode({ conditions: [] }), "InvalidPolicyDocument", "Invalid Policy: Policy missing expiration."],
  [
    "odd expiration",
    encode({ expiration: "soon", conditions: [] }),
    "InvalidPolicyDocument",
    "Invalid Policy: Invalid 'expiration' value: 'soon'",
  ],
  [
    "no conditions",
    encode({ expiration: "2144-11-08T04:19:33Z" }),
    "InvalidPolicyDocument",
    "Invalid Policy: Policy missing conditions.",
  ],
  [
    "conditions no list",
    encode({ expiration: "2144-11-08T04:19:33Z", conditions: true }),
    "InvalidPolicyDocument",
    "Invalid Policy: Invalid 'conditions' value: must be a List.",
  ],
  [
    "condition of another kind",
    withConditions(true),
    "InvalidPolicyDocument",
    "Invalid Policy: Invalid condition test: must be a List or Object.",
  ],
  [
    "empty condition",
    withConditions([]),
    "InvalidPolicyDocument",
    "Invalid Policy: Invalid Condition: missing operation identifier.",
  ],
  [
    "unknown operation",
    withConditions(["like", "$a", "b"]),
    "InvalidPolicyDocument",
    "Invalid Policy: Invalid Condition: unknown operation 'like'.",
  ],
  [
    "too many arguments",
    withConditions(["eq", "$a", "b", "c"]),
    "InvalidPolicyDocument",
    "Invalid Policy: Invalid eq: wrong number of arguments.",
  ],
  [
    "two properties",
    withConditions({ a: "1", b: "2" }),
    "InvalidPolicyDocument",
    "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
  ],
  [
    "value no string",
    withConditions({ a: 1 }),
    "InvalidPolicyDocument",
    "Invalid Policy: Invalid Simple-Condition: value must be a string.",
  ],
  [
    "range no number",
    withConditions(["content-length-range", 1, "x"]),
    "InvalidPolicyDocument",
    "Invalid Policy: Invalid JSON.",
  ],
  [
    "no dollar",
    withConditions(["eq", "acl", "x"]),
    "AccessDenied",
    'Invalid according to Policy: Policy Condition failed: ["eq","acl","x"]',
  ],
  [
    "field that is not there",
    withConditions(["starts-with", "$acl", ""]),
    "AccessDenied",
    'Invalid according to Policy: Policy Condition failed: ["starts-with","$acl",""]',
  ],
  [
    "unknown member",
    encode({ expiration: "2026-03-01T13:00:00Z", conditions: usual, extra: 1 }),
    "InvalidPolicyDocument",
    "Invalid Policy: Unexpected: 'extra'",
  ],
  [
    "too large",
    withConditions(["content-length-range", 0, 3]),
    "EntityTooLarge",
    "Your proposed upload exceeds the maximum allowed size",
  ],
  [
    "too small",
    withConditions(["content-length-range", 5, 10]),
    "EntityTooSmall",
    "Your proposed upload is smaller than the minimum allowed size",
  ],
  [
    "narrowest of two ranges",
    withConditions(["content-length-range", 0, 100], ["content-length-range", 0, 3]),
    "EntityTooLarge",
    "Your proposed upload exceeds the maximum allowed size",
  ],
  ["within", withConditions(["content-length-range", 4, 4]), "accepted", ""],
];

for (const [name, policy, code, message] of documents) {
  test(`policy document: ${name}`, async () => {
    const got = await refusal(async () =>
      collect((await upload(post(form(signedFields(policy))), "bucket", "2026-03-01T12:00:00Z")).stream),
    );
    assert.deepEqual([got.code, got.message], [code, message]);
  });
}

test("EntityTooLarge comes before the file has been read", async () => {
  let served = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(form(signedFields(withConditions(["content-length-range", 0, 100_000])), "", "f", ""));
    for (;;) {
      served += 65_536;
      yield Buffer.alloc(65_536, "x");
    }
  }
  const got = await refusal(async () =>
    collect((await upload(post(endless()), "bucket", "2026-03-01T12:00:00Z")).stream),
  );
  assert.equal(got.code, "EntityTooLarge");
  assert.ok(served < 500_000, `${served} bytes were read`);
});

// ---- the form itself ----

const forms: [string, string, string, string, number][] = [
  ["another type", form(documentedFields), "application/json", "PreconditionFailed", 412],
  ["no boundary", form(documentedFields), "multipart/form-data", "MalformedPOSTRequest", 400],
  ["no file", form(documentedFields, null), `multipart/form-data; boundary=${boundary}`, "InvalidArgument", 400],
  [
    "cut in the file",
    form(documentedFields, "data", "f", ""),
    `multipart/form-data; boundary=${boundary}`,
    "MalformedPOSTRequest",
    400,
  ],
  [
    "cut in a field",
    form(documentedFields).slice(0, 300),
    `multipart/form-data; boundary=${boundary}`,
    "MalformedPOSTRequest",
    400,
  ],
  ["nothing", "", `multipart/form-data; boundary=${boundary}`, "MalformedPOSTRequest", 400],
  ["another boundary", form(documentedFields), "multipart/form-data; boundary=xyz", "MalformedPOSTRequest", 400],
  [
    "large fields",
    form([["a", "x".repeat(25_000)]]),
    `multipart/form-data; boundary=${boundary}`,
    "MaxPostPreDataLengthExceededError",
    400,
  ],
  [
    "part without name",
    `--${boundary}\r\nContent-Disposition: form-data\r\n\r\nx\r\n--${boundary}--`,
    `multipart/form-data; boundary=${boundary}`,
    "MalformedPOSTRequest",
    400,
  ],
  [
    "endless part header",
    `--${boundary}\r\nX: ${"y".repeat(9000)}`,
    `multipart/form-data; boundary=${boundary}`,
    "MalformedPOSTRequest",
    400,
  ],
];
for (const [name, body, type, code, status] of forms) {
  test(`form: ${name}`, async () => {
    const got = await refusal(async () => collect((await readPostForm(post(body, type))).file.stream));
    assert.deepEqual([got.code, got.status], [code, status]);
  });
}

test("a file is found whatever the pieces, with delimiters that almost match inside", async () => {
  const file = `a\r\n--${boundary.slice(0, -1)}\r\n--\r\n\r--${boundary}\r\n`;
  const body = Buffer.from(
    `preamble\r\n${form([["key", "k"]], file, "f", `\r\n--${boundary}\r\nContent-Disposition: form-data; name="late"\r\n\r\nignored\r\n--${boundary}--\r\n`)}`,
  );
  for (const size of [1, 2, 5, 64, body.length]) {
    const parts = Array.from({ length: Math.ceil(body.length / size) }, (_, i) =>
      body.subarray(i * size, (i + 1) * size),
    );
    const parsed = await readPostForm(post(pieces(...parts)));
    assert.deepEqual([...parsed.fields], [["key", "k"]]);
    assert.equal(String(await collect(parsed.file.stream)), file);
  }
});

test("no signature at all is anonymous", async () => {
  const result = await upload(post(form([["key", "a"]])), "bucket", "2026-03-01T12:00:00Z");
  assert.equal(result.accessKeyId, undefined);
});

test("SigV2 policies (boto's old form)", async () => {
  const policy = encode({ expiration: "2026-03-01T13:00:00Z", conditions: [{ bucket: "bucket" }, { key: "k" }] });
  const fields = (signature: string): [string, string][] => [
    ["key", "k"],
    ["AWSAccessKeyId", s3Example.accessKeyId],
    ["policy", policy],
    ["signature", signature],
  ];
  const good = createHmac("sha1", s3Example.secretAccessKey).update(policy).digest("base64");
  assert.equal(
    (await upload(post(form(fields(good))), "bucket", "2026-03-01T12:00:00Z")).accessKeyId,
    s3Example.accessKeyId,
  );
  const got = await refusal(() =>
    upload(post(form(fields(good.replace(/^./, (c) => (c === "A" ? "B" : "A"))))), "bucket", "2026-03-01T12:00:00Z"),
  );
  assert.equal(got.code, "SignatureDoesNotMatch");
});

test("a form of the SDK's createPresignedPost", async () => {
  const client = new S3Client({ region: "us-east-1", credentials: s3Example });
  const made = await createPresignedPost(client, {
    Bucket: "bucket",
    Key: "up/${filename}",
    Expires: 600,
    Conditions: [["content-length-range", 1, 10], { acl: "private" }],
    Fields: { acl: "private" },
  });
  const result = await upload(
    post(form(Object.entries(made.fields), "tiny", "a.txt")),
    "bucket",
    new Date().toISOString(),
  );
  assert.equal(result.key, "up/a.txt");
  assert.equal(String(await collect(result.stream)), "tiny");
});
