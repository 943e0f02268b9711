import assert from "node:assert/strict";
import { createHmac, createHash } from "node:crypto";
import { test } from "node:test";
import { createChecksum, type ChecksumAlgorithm } from "./checksums.ts";
import type { HttpRequest } from "./contract.ts";
import { openPayload } from "./payload.ts";
import { payloadMode } from "./signatureChecks.ts";
import { verifySigV4 } from "./sigv4.ts";
import { SigningKeys } from "./signingKeys.ts";
import { emptySha256, type VerifiedSignature } from "./signature.ts";
import { at, clientSigner, collect, pieces, refusal, request, s3, s3Example } from "./signing.testing.ts";

const keys = new SigningKeys();
const documented = Buffer.alloc(66_560, "a");

/** S3 API Reference, "Transferring Payload in Multiple Chunks" and "Including Trailing Headers": requests with their published signatures. */
const examples = {
  signed: {
    headers: {
      host: "s3.amazonaws.com",
      "x-amz-date": "20130524T000000Z",
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
      "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
      "content-encoding": "aws-chunked",
      "x-amz-decoded-content-length": "66560",
      "content-length": "66824",
      authorization:
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    },
    chunks: [
      "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
      "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
      "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ],
    trailer: "",
  },
  trailer: {
    headers: {
      host: "s3.amazonaws.com",
      "x-amz-date": "20130524T000000Z",
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
      "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
      "content-encoding": "aws-chunked",
      "x-amz-decoded-content-length": "66560",
      "x-amz-trailer": "x-amz-checksum-crc32c",
      authorization:
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer,Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    },
    chunks: [
      "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
      "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
      "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ],
    trailer:
      "x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n",
  },
};

function documentedBody(example: (typeof examples)["signed"]): string {
  const [one, two, three] = example.chunks;
  return `10000;chunk-signature=${one}\r\n${"a".repeat(65_536)}\r\n400;chunk-signature=${two}\r\n${"a".repeat(1024)}\r\n0;chunk-signature=${three}\r\n${example.trailer}\r\n`;
}

function open(headers: Record<string, string>, body: AsyncIterable<Uint8Array>) {
  const made = request("PUT /examplebucket/chunkObject.txt", headers, body);
  const signature = verifySigV4(made, {
    addressed: s3,
    clock: at("2013-05-24T00:00:00Z"),
    credential: s3Example,
    keys,
  });
  return openPayload(made, { addressed: s3, mode: signature.payload, signature });
}

for (const [name, example] of Object.entries(examples)) {
  test(`S3's documented chunked upload: ${name}`, async () => {
    const payload = open(example.headers, pieces(documentedBody(example as never)));
    assert.deepEqual(await collect(payload.stream), documented);
    assert.equal(payload.length, 66_560);
    if (name === "trailer") assert.equal(payload.digests.get("CRC32C")?.toString("base64"), "sOO8/Q==");
  });

  test(`S3's documented chunked upload in pieces of any size: ${name}`, async () => {
    const body = Buffer.from(documentedBody(example as never));
    for (const size of [1, 3, 7, 4096, 65_537]) {
      const parts = Array.from({ length: Math.ceil(body.length / size) }, (_, i) =>
        body.subarray(i * size, (i + 1) * size),
      );
      assert.deepEqual(await collect(open(example.headers, pieces(...parts)).stream), documented, `pieces of ${size}`);
    }
  });
}

const changes: [string, keyof typeof examples, (body: string) => string, string, number][] = [
  [
    "a byte of data",
    "signed",
    (b) => b.replace("aab", "a").replace("a\r\n400", "b\r\n400"),
    "SignatureDoesNotMatch",
    403,
  ],
  ["signature of the first chunk", "signed", (b) => b.replace("ad80", "ad81"), "SignatureDoesNotMatch", 403],
  ["signature of the last chunk", "signed", (b) => b.replace("b6c6", "b6c7"), "SignatureDoesNotMatch", 403],
  ["cut in the data", "signed", (b) => b.slice(0, 60_000), "IncompleteBody", 400],
  ["cut before the last chunk", "signed", (b) => b.slice(0, b.indexOf("0;chunk-signature=b6")), "IncompleteBody", 400],
  ["cut inside the last line", "signed", (b) => b.slice(0, -10), "IncompleteBody", 400],
  ["chunks left out", "signed", (b) => b.slice(b.indexOf("\r\n400;") + 2), "SignatureDoesNotMatch", 403],
  ["something after the end", "signed", (b) => `${b}x`, "IncompleteBody", 400],
  ["size no number", "signed", (b) => `x${b}`, "IncompleteBody", 400],
  ["size endless", "signed", (b) => b.replace("10000;", "100000000000000000;"), "IncompleteBody", 400],
  ["header endless", "signed", () => "1".repeat(5000), "IncompleteBody", 400],
  ["data longer than its size", "signed", (b) => b.replace("\r\n400;", "a\r\n400;"), "IncompleteBody", 400],
  ["bare line feed", "signed", (b) => b.replace("\r\n", "\n"), "IncompleteBody", 400],
  ["no signature", "signed", (b) => b.replace(/;chunk-signature=\w+/, ""), "IncompleteBody", 400],
  [
    "trailer where none belongs",
    "signed",
    (b) => b.replace(/\r\n$/, "x-amz-checksum-crc32:AAAAAA==\r\n\r\n"),
    "MalformedTrailerError",
    400,
  ],
  ["trailing checksum", "trailer", (b) => b.replace("sOO8", "sOO9"), "SignatureDoesNotMatch", 403],
  ["trailer signature", "trailer", (b) => b.replace("d81f", "d81e"), "SignatureDoesNotMatch", 403],
  [
    "trailer signature left out",
    "trailer",
    (b) => b.replace(/x-amz-trailer-signature:\w+\r\n/, ""),
    "MalformedTrailerError",
    400,
  ],
  ["trailer cut", "trailer", (b) => b.slice(0, -40), "IncompleteBody", 400],
  [
    "trailer without colon",
    "trailer",
    (b) => b.replace("x-amz-checksum-crc32c:", "x-amz-checksum-crc32c"),
    "MalformedTrailerError",
    400,
  ],
];

for (const [name, example, change, code, status] of changes) {
  test(`a changed chunked body never ends cleanly: ${name}`, async () => {
    const got = await refusal(() =>
      collect(open(examples[example].headers, pieces(change(documentedBody(examples[example] as never)))).stream),
    );
    assert.deepEqual([got.code, got.status], [code, status]);
  });
}

// ---- unsigned chunks and plain bodies ----

type Headers = Record<string, string>;
const base64 = (algorithm: ChecksumAlgorithm, data: string): string => {
  const checksum = createChecksum(algorithm);
  checksum.update(Buffer.from(data));
  return checksum.digest().toString("base64");
};
const crc32 = base64("CRC32", "hello");
const unsignedTrailer: Headers = {
  "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
  "content-encoding": "aws-chunked",
  "x-amz-decoded-content-length": "5",
  "x-amz-trailer": "x-amz-checksum-crc32",
};
const trailerBody = (value = crc32, name = "x-amz-checksum-crc32") => `5\r\nhello\r\n0\r\n${name}:${value}\r\n\r\n`;
const sha256 = createHash("sha256").update("hello").digest("hex");
const plain: Headers = { "x-amz-content-sha256": sha256 };
const trailing =
  "The request contained trailing data that was not well-formed or did not conform to our published schema.";

const bodies: [string, Headers, string, string, number, string | undefined][] = [
  ["unsigned trailer", unsignedTrailer, trailerBody(), "accepted", 200, undefined],
  [
    "unsigned trailer, wrong value",
    unsignedTrailer,
    trailerBody("AAAAAA=="),
    "BadDigest",
    400,
    "The CRC32 you specified did not match the calculated checksum.",
  ],
  [
    "unsigned trailer, flipped byte",
    unsignedTrailer,
    trailerBody().replace("hello", "jello"),
    "BadDigest",
    400,
    undefined,
  ],
  ["unsigned trailer, no value", unsignedTrailer, "5\r\nhello\r\n0\r\n\r\n", "MalformedTrailerError", 400, trailing],
  [
    "unsigned trailer, no base64",
    unsignedTrailer,
    trailerBody("x"),
    "InvalidRequest",
    400,
    "Value for x-amz-checksum-crc32 trailing header is invalid.",
  ],
  [
    "another trailer than announced",
    unsignedTrailer,
    trailerBody(base64("CRC32C", "hello"), "x-amz-checksum-crc32c"),
    "MalformedTrailerError",
    400,
    trailing,
  ],
  [
    "trailer given twice",
    unsignedTrailer,
    `5\r\nhello\r\n0\r\nx-amz-checksum-crc32:${crc32}\r\nx-amz-checksum-crc32:${crc32}\r\n\r\n`,
    "MalformedTrailerError",
    400,
    trailing,
  ],
  [
    "decoded length too small",
    { ...unsignedTrailer, "x-amz-decoded-content-length": "4" },
    trailerBody(),
    "IncompleteBody",
    400,
    undefined,
  ],
  [
    "decoded length too large",
    { ...unsignedTrailer, "x-amz-decoded-content-length": "6" },
    trailerBody(),
    "IncompleteBody",
    400,
    undefined,
  ],
  [
    "decoded length absent",
    { "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER" },
    trailerBody(),
    "MissingContentLength",
    411,
    "You must provide the Content-Length HTTP header.",
  ],
  [
    "decoded length no number",
    { ...unsignedTrailer, "x-amz-decoded-content-length": "-5" },
    trailerBody(),
    "InvalidArgument",
    400,
    undefined,
  ],
  [
    "trailer that is no checksum",
    { ...unsignedTrailer, "x-amz-trailer": "x-amz-meta-a" },
    trailerBody(),
    "InvalidRequest",
    400,
    "The value specified in the x-amz-trailer header is not supported",
  ],
  [
    "trailer for a body without any",
    { ...plain, "x-amz-trailer": "x-amz-checksum-crc32" },
    "hello",
    "MalformedTrailerError",
    400,
    trailing,
  ],
  [
    "small chunks",
    { ...unsignedTrailer },
    `2\r\nhe\r\n3\r\nllo\r\n0\r\nx-amz-checksum-crc32:${crc32}\r\n\r\n`,
    "InvalidChunkSizeError",
    403,
    "Only the last chunk is allowed to have a size less than 8192 bytes",
  ],
  [
    "checksum in header and trailer",
    { ...unsignedTrailer, "x-amz-checksum-sha1": base64("SHA1", "hello") },
    trailerBody(),
    "InvalidRequest",
    400,
    "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
  ],
  ["plain", plain, "hello", "accepted", 200, undefined],
  [
    "plain, changed",
    plain,
    "jello",
    "XAmzContentSHA256Mismatch",
    400,
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  ],
  ["plain, shorter than said", { ...plain, "content-length": "6" }, "hello", "IncompleteBody", 400, undefined],
  [
    "md5",
    { ...plain, "content-md5": createHash("md5").update("hello").digest("base64") },
    "hello",
    "accepted",
    200,
    undefined,
  ],
  [
    "md5 wrong",
    { ...plain, "content-md5": createHash("md5").update("jello").digest("base64") },
    "hello",
    "BadDigest",
    400,
    "The Content-MD5 you specified did not match what we received.",
  ],
  [
    "md5 no digest",
    { ...plain, "content-md5": "abc" },
    "hello",
    "InvalidDigest",
    400,
    "The Content-MD5 you specified was invalid.",
  ],
  [
    "unsigned payload, aws-chunked",
    { "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "content-encoding": "gzip,aws-chunked" },
    "hello",
    "InvalidArgument",
    400,
    "aws-chunked encoding is not supported when x-amz-content-sha256 UNSIGNED-PAYLOAD is supplied.",
  ],
  [
    "algorithm without checksum",
    { ...plain, "x-amz-sdk-checksum-algorithm": "CRC32" },
    "hello",
    "InvalidRequest",
    400,
    "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
  ],
  [
    "algorithm unknown",
    { ...plain, "x-amz-sdk-checksum-algorithm": "MD4" },
    "hello",
    "InvalidRequest",
    400,
    "Value for x-amz-sdk-checksum-algorithm header is invalid.",
  ],
  [
    "algorithm of another checksum",
    { ...plain, "x-amz-sdk-checksum-algorithm": "SHA1", "x-amz-checksum-crc32": crc32 },
    "hello",
    "InvalidRequest",
    400,
    "Value for x-amz-sdk-checksum-algorithm header is invalid.",
  ],
  ...(["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const).flatMap(
    (algorithm): [string, Headers, string, string, number, string | undefined][] => {
      const name = `x-amz-checksum-${algorithm.toLowerCase()}`;
      return [
        [
          `${algorithm} header`,
          { ...plain, [name]: base64(algorithm, "hello"), "x-amz-sdk-checksum-algorithm": algorithm },
          "hello",
          "accepted",
          200,
          undefined,
        ],
        [
          `${algorithm} header wrong`,
          { ...plain, [name]: base64(algorithm, "jello") },
          "hello",
          "BadDigest",
          400,
          `The ${algorithm} you specified did not match the calculated checksum.`,
        ],
        [
          `${algorithm} header no base64`,
          { ...plain, [name]: "x" },
          "hello",
          "InvalidRequest",
          400,
          `Value for ${name} header is invalid.`,
        ],
      ];
    },
  ),
];

for (const [name, headers, body, code, status, message] of bodies) {
  test(`payload: ${name}`, async () => {
    const got = await refusal(async () => {
      const mode = payloadMode(headers["x-amz-content-sha256"] as string);
      const made = request("PUT /b/k", headers, pieces(body));
      assert.equal(String(await collect(openPayload(made, { addressed: s3, mode: mode! }).stream)), "hello");
    });
    assert.deepEqual([got.code, got.status], [code, status]);
    if (message !== undefined) assert.equal(got.message, message);
  });
}

test("a checksum in a presigned URL's query is not heeded, as in S3", async () => {
  const made = request(
    "PUT /b/k?x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32",
    {},
    pieces("hello"),
  );
  const payload = openPayload(made, { addressed: s3, mode: { kind: "unsigned" } });
  assert.equal(String(await collect(payload.stream)), "hello");
  assert.equal(payload.claimed, undefined);
});

test("asked-for digests are computed beside the claimed one", async () => {
  const made = request("PUT /b/k", { ...plain, "x-amz-checksum-sha1": base64("SHA1", "hello") }, pieces("hel", "lo"));
  const payload = openPayload(made, {
    addressed: s3,
    mode: { kind: "sha256", sha256 },
  });
  payload.also("CRC64NVME");
  payload.also("MD5");
  payload.also("SHA1");
  await collect(payload.stream);
  assert.equal(payload.claimed, "SHA1");
  assert.equal(payload.digests.get("CRC64NVME")?.toString("base64"), base64("CRC64NVME", "hello"));
  assert.equal(payload.digests.get("MD5")?.toString("hex"), "5d41402abc4b2a76b9719d911017c592");
  assert.equal(payload.digests.size, 3);
  assert.throws(() => payload.also("CRC32"), /read already/);
});

test("chunks signed by the SDK's signer, split at 8192", async () => {
  const signer = clientSigner(s3, s3Example);
  const date = new Date("2026-03-01T12:00:00Z");
  const data = Buffer.alloc(20_000, "z");
  const headers = {
    host: "h",
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "x-amz-decoded-content-length": "20000",
  };
  const made = await signer.sign(
    { method: "PUT", protocol: "http:", hostname: "h", path: "/b/k", query: {}, headers },
    { signingDate: date },
  );
  const incoming = (body: AsyncIterable<Uint8Array>): HttpRequest => request("PUT /b/k", made.headers, body);
  const signature: VerifiedSignature = verifySigV4(incoming(pieces()), {
    addressed: s3,
    clock: at("2026-03-01T12:00:00Z"),
    credential: s3Example,
    keys,
  });
  let previous = signature.signature;
  const encoded: Uint8Array[] = [];
  for (const chunk of [data.subarray(0, 8192), data.subarray(8192, 16_384), data.subarray(16_384), Buffer.alloc(0)]) {
    const text = `AWS4-HMAC-SHA256-PAYLOAD\n20260301T120000Z\n20260301/us-east-1/s3/aws4_request\n${previous}\n${emptySha256}\n${createHash("sha256").update(chunk).digest("hex")}`;
    previous = createHmac("sha256", signature.signingKey).update(text).digest("hex");
    encoded.push(
      Buffer.from(`${chunk.length.toString(16)};chunk-signature=${previous}\r\n`),
      chunk,
      Buffer.from("\r\n"),
    );
  }
  const payload = openPayload(incoming(pieces(...encoded)), { addressed: s3, mode: signature.payload, signature });
  assert.deepEqual(await collect(payload.stream), data);
});
