import assert from "node:assert/strict";
import { test } from "node:test";
import { verifySigV4 } from "./sigv4.ts";
import { deriveSigningKey, SigningKeys } from "./signingKeys.ts";
import { at, generic, refusal, request, s3, s3Example, suiteExample } from "./signing.testing.ts";

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
