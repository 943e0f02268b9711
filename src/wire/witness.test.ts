/**
 * Other people's programs against the HTTP front with real verification behind it: the SDKs' own clients, boto3, the AWS
 * CLI and curl sign; openssl makes the certificate. A program that is not installed is skipped by name.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import {
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  type ChecksumAlgorithm as SdkAlgorithm,
} from "@aws-sdk/client-s3";
import { KMSClient, ListKeysCommand } from "@aws-sdk/client-kms";
import { Upload } from "@aws-sdk/lib-storage";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { systemClock } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { silentLogger } from "#kernel/log.ts";
import { missingToken, unknownAccessKey, type Addressed } from "./authErrors.ts";
import { readClaim } from "./claim.ts";
import type { HttpRequest, HttpResponse } from "./contract.ts";
import { collectBody } from "./incomingBody.ts";
import { readPostForm } from "./multipart.ts";
import { openPayload } from "./payload.ts";
import { readPostSignature, verifyPostPolicy } from "./postPolicy.ts";
import { createServer, type FrontServer } from "./server.ts";
import { readSigV2, verifySigV2 } from "./sigv2.ts";
import { readSignature, verifySignature } from "./sigv4.ts";
import { SigningKeys } from "./signingKeys.ts";
import { iam, kms, s3, s3Example } from "./signing.testing.ts";

const run = promisify(execFile);
const python = await run("python3", ["-c", "import boto3; print(boto3.__version__)"]).then(
  () => true,
  () => false,
);
const cli = await run("aws", ["--version"]).then(
  () => true,
  () => false,
);
const curl = await run("curl", ["--help", "all"]).then(
  ({ stdout }) => stdout.includes("--aws-sigv4"),
  () => false,
);

const keys = new SigningKeys();
const objects = new Map<string, Buffer>();
/** What each accepted request used: `header sha256`, `header chunked unsigned trailer CRC32` … */
let used: string[] = [];
let server: FrontServer;
let port: number;
let directory: string;

const xml = (status: number, body: string, headers: Record<string, string> = {}): HttpResponse => ({
  status,
  headers: { "content-type": "application/xml", ...headers },
  body,
});

async function serveS3(request: HttpRequest): Promise<HttpResponse> {
  const claim = readClaim(request);
  if (claim.kind === "anonymous") {
    if (request.method !== "POST") throw missingToken(s3);
    const form = await readPostForm(request);
    const presented = readPostSignature(form, { addressed: s3, clock: systemClock });
    if (presented === undefined) throw missingToken(s3);
    const upload = verifyPostPolicy(form, presented, s3Example, { bucket: "bucket", clock: systemClock, keys });
    objects.set(`/bucket/${upload.key}`, await collectBody(upload.stream, 1e8));
    used.push("post");
    return { status: 204, headers: {}, body: undefined };
  }
  if (claim.accessKeyId !== s3Example.accessKeyId) throw unknownAccessKey(s3, claim.accessKeyId);
  let mode: Parameters<typeof openPayload>[1]["mode"] = { kind: "unsigned" };
  let signature;
  if (claim.kind === "sigv2") {
    const options = { addressed: s3, clock: systemClock };
    verifySigV2(request, readSigV2(request, options), s3Example, options);
  } else {
    signature = verifySignature(
      request,
      readSignature(request, { addressed: s3, clock: systemClock }),
      s3Example,
      keys,
    );
    mode = signature.payload;
  }
  const payload = openPayload(request, { addressed: s3, mode, ...(signature === undefined ? {} : { signature }) });
  const body = await collectBody(payload.stream, 1e8);
  const kind = mode.kind === "chunked" ? `chunked ${mode.signed ? "signed" : "unsigned"}` : mode.kind;
  used.push(`${request.method} ${claim.kind} ${kind} ${payload.claimed ?? ""}`.trim());

  if (request.method === "POST" && request.query.startsWith("uploads")) {
    return xml(200, "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>");
  }
  if (request.method === "POST")
    return xml(200, "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>");
  if (request.method === "PUT") {
    const part = /partNumber=(\d+)/.exec(request.query)?.[1];
    objects.set(part === undefined ? request.path : `${request.path}#${part}`, body);
    return { status: 200, headers: { etag: '"e"' }, body: undefined };
  }
  const object = objects.get(request.path);
  return object === undefined
    ? xml(404, "<Error><Code>NoSuchKey</Code></Error>")
    : { status: 200, headers: { "content-type": "binary/octet-stream" }, body: object };
}

async function serveSigned(request: HttpRequest, addressed: Addressed): Promise<HttpResponse> {
  const given = readSignature(request, { addressed, clock: systemClock });
  if (given.accessKeyId !== s3Example.accessKeyId) throw unknownAccessKey(addressed);
  verifySignature(request, given, s3Example, keys, await collectBody(request.body, 1e6));
  used.push(`${addressed.id} ${given.form}`);
  return addressed === iam
    ? xml(200, "<ListUsersResponse><ListUsersResult><Users/></ListUsersResult></ListUsersResponse>")
    : { status: 200, headers: { "content-type": "application/x-amz-json-1.1" }, body: '{"Keys":[]}' };
}

async function handler(request: HttpRequest): Promise<HttpResponse> {
  try {
    const service = readClaim(request).signingService;
    if (service === "kms") return await serveSigned(request, kms);
    if (service === "iam") return await serveSigned(request, iam);
    return await serveS3(request);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return request.headers["x-amz-target"] === undefined
      ? xml(
          error.status,
          `<Error><Code>${error.code}</Code><Message>${error.message.replace(/[<&]/g, "")}</Message></Error>`,
        )
      : { status: error.status, headers: {}, body: JSON.stringify({ __type: error.code, message: error.message }) };
  }
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "witness-"));
  await run("openssl", [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-keyout",
    join(directory, "key.pem"),
    "-out",
    join(directory, "cert.pem"),
  ]);
  server = createServer({
    handler,
    logger: silentLogger,
    tls: { cert: await readFile(join(directory, "cert.pem")), key: await readFile(join(directory, "key.pem")) },
  });
  ({ port } = await server.listen({ port: 0 }));
});
after(async () => {
  await server.close(0);
  await rm(directory, { recursive: true, force: true });
});

const client = (): S3Client =>
  new S3Client({
    region: "eu-west-1",
    endpoint: `http://127.0.0.1:${port}`,
    forcePathStyle: true,
    credentials: s3Example,
    maxAttempts: 1,
  });

/** Pieces of 16 KB: S3 does not take smaller chunks but the last. */
const streamOf = (data: Buffer): Readable =>
  Readable.from(
    Array.from({ length: Math.ceil(data.length / 16_384) }, (_, i) => data.subarray(i * 16_384, (i + 1) * 16_384)),
  );

test("the SDK's S3 client: buffers and streams, every checksum", async () => {
  const sdk = client();
  const data = randomBytes(100_000);
  for (const algorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] satisfies SdkAlgorithm[]) {
    used = [];
    await sdk.send(
      new PutObjectCommand({ Bucket: "bucket", Key: "a b+c/ü", Body: data, ChecksumAlgorithm: algorithm }),
    );
    assert.deepEqual(used, [`PUT header sha256 ${algorithm}`]);
    assert.deepEqual(objects.get("/bucket/a%20b%2Bc/%C3%BC"), data);
    used = [];
    await sdk.send(
      new PutObjectCommand({
        Bucket: "bucket",
        Key: "s",
        Body: streamOf(data),
        ContentLength: data.length,
        ChecksumAlgorithm: algorithm,
      }),
    );
    assert.deepEqual(used, [`PUT header chunked unsigned ${algorithm}`]);
    assert.deepEqual(objects.get("/bucket/s"), data);
  }
  const got = await sdk.send(new GetObjectCommand({ Bucket: "bucket", Key: "s" }));
  assert.deepEqual(Buffer.from(await got.Body!.transformToByteArray()), data);
});

test("the SDK's client is refused by name", async () => {
  const stranger = new S3Client({
    region: "us-east-1",
    endpoint: `http://127.0.0.1:${port}`,
    forcePathStyle: true,
    credentials: { ...s3Example, accessKeyId: "AKIAUNKNOWN" },
  });
  await assert.rejects(stranger.send(new GetObjectCommand({ Bucket: "bucket", Key: "s" })), {
    name: "InvalidAccessKeyId",
  });
  const wrong = new S3Client({
    region: "us-east-1",
    endpoint: `http://127.0.0.1:${port}`,
    forcePathStyle: true,
    credentials: { ...s3Example, secretAccessKey: "x" },
  });
  await assert.rejects(wrong.send(new GetObjectCommand({ Bucket: "bucket", Key: "s" })), {
    name: "SignatureDoesNotMatch",
  });
  const key = new KMSClient({
    region: "us-east-1",
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { ...s3Example, secretAccessKey: "x" },
  });
  await assert.rejects(key.send(new ListKeysCommand({})), { name: "InvalidSignatureException" });
});

test("lib-storage uploads a stream of unknown length in parts", async () => {
  const data = randomBytes(12 << 20);
  used = [];
  await new Upload({
    client: client(),
    params: { Bucket: "bucket", Key: "big", Body: streamOf(data) },
    queueSize: 2,
    partSize: 5 << 20,
  }).done();
  assert.deepEqual(Buffer.concat([1, 2, 3].map((part) => objects.get(`/bucket/big#${part}`)!)), data);
  assert.ok(used.includes("PUT header sha256 CRC32"));
});

test("presigned GET and PUT, and a browser's form", async () => {
  const sdk = client();
  const put = await getSignedUrl(
    sdk,
    new PutObjectCommand({ Bucket: "bucket", Key: "p q", ContentType: "text/plain" }),
    { expiresIn: 60 },
  );
  assert.equal(
    (await fetch(put, { method: "PUT", body: "pre", headers: { "content-type": "text/plain" } })).status,
    200,
  );
  const get = await getSignedUrl(
    sdk,
    new GetObjectCommand({ Bucket: "bucket", Key: "p q", ResponseContentType: "a/b" }),
    { expiresIn: 60 },
  );
  assert.equal(await (await fetch(get)).text(), "pre");
  assert.equal((await fetch(get.replace("a%2Fb", "a%2Fc"))).status, 403);

  const post = await createPresignedPost(sdk, {
    Bucket: "bucket",
    Key: "forms/${filename}",
    Conditions: [["content-length-range", 1, 5]],
  });
  const form = (content: string): FormData => {
    const data = new FormData();
    for (const [name, value] of Object.entries(post.fields)) data.set(name, value);
    data.set("file", new Blob([content]), "f.txt");
    return data;
  };
  assert.equal((await fetch(post.url, { method: "POST", body: form("12345") })).status, 204);
  assert.equal(String(objects.get("/bucket/forms/f.txt")), "12345");
  const large = await fetch(post.url, { method: "POST", body: form("123456") });
  assert.match(await large.text(), /EntityTooLarge/);
});

test(
  "boto3: header, trailer over TLS, its default (SigV2) and SigV4 presigned URLs",
  { skip: !python && "boto3 is not installed" },
  async () => {
    const script = join(directory, "witness.py");
    await writeFile(
      script,
      `
import sys, io, urllib.request, urllib.error, boto3
from botocore.config import Config
port, ca = sys.argv[1], sys.argv[2]
def client(scheme="http", service="s3", **kw):
    return boto3.client(service, endpoint_url=f"{scheme}://localhost:{port}", region_name="us-east-1", verify=ca,
        aws_access_key_id="${s3Example.accessKeyId}", aws_secret_access_key="${s3Example.secretAccessKey}", config=Config(retries={"max_attempts":1}, s3={"addressing_style":"path"}, **kw))
plain, tls = client(), client("https")
plain.put_object(Bucket="bucket", Key="py", Body=b"plain")
tls.put_object(Bucket="bucket", Key="py2", Body=io.BytesIO(b"x" * 200000))
assert plain.get_object(Bucket="bucket", Key="py")["Body"].read() == b"plain"
for how in ("s3", "s3v4"):
    url = client(signature_version=how).generate_presigned_url("get_object", Params={"Bucket":"bucket","Key":"py","ResponseContentType":"x/y z"})
    assert urllib.request.urlopen(url).read() == b"plain", url
    put = client(signature_version=how).generate_presigned_url("put_object", Params={"Bucket":"bucket","Key":"put-"+how})
    headers = {} if how == "s3v4" else {"Content-Type": ""}
    urllib.request.urlopen(urllib.request.Request(put, data=b"up", method="PUT", headers=headers))
    try:
        urllib.request.urlopen(url.replace("/py?", "/py2?")); raise SystemExit("accepted another key")
    except urllib.error.HTTPError as e:
        assert e.code == 403 and b"SignatureDoesNotMatch" in e.read()
default = client().generate_presigned_url("get_object", Params={"Bucket":"bucket","Key":"py"})
assert "AWSAccessKeyId" in default, default
assert urllib.request.urlopen(default).read() == b"plain"
client("https", "kms").list_keys()
client("http", "iam").list_users()
`,
    );
    used = [];
    await run("python3", ["-W", "ignore", script, String(port), join(directory, "cert.pem")]);
    assert.deepEqual(objects.get("/bucket/py2"), Buffer.alloc(200_000, "x"));
    assert.ok(used.includes("GET sigv2 unsigned"), used.join("; "));
    assert.ok(used.includes("GET presigned unsigned"));
    assert.ok(
      used.some((one) => one.startsWith("PUT header chunked unsigned CRC32")),
      used.join("; "),
    );
    assert.ok(used.includes("kms header") && used.includes("iam header"));
  },
);

test("the AWS CLI copies a file", { skip: !cli && "aws is not installed" }, async () => {
  const file = join(directory, "file.bin");
  const data = randomBytes(300_000);
  await writeFile(file, data);
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: s3Example.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3Example.secretAccessKey,
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_EC2_METADATA_DISABLED: "true",
  };
  await run("aws", ["--endpoint-url", `http://127.0.0.1:${port}`, "s3", "cp", file, "s3://bucket/cli.bin"], { env });
  assert.deepEqual(objects.get("/bucket/cli.bin"), data);
  await run("aws", ["--endpoint-url", `http://127.0.0.1:${port}`, "kms", "list-keys"], { env });
});

test("curl --aws-sigv4", { skip: !curl && "curl has no --aws-sigv4" }, async () => {
  const user = `${s3Example.accessKeyId}:${s3Example.secretAccessKey}`;
  const { stdout } = await run("curl", [
    "-sS",
    "--noproxy",
    "*",
    "--aws-sigv4",
    "aws:amz:us-east-1:kms",
    "-u",
    user,
    "-H",
    "Content-Type: application/x-amz-json-1.1",
    "-H",
    "X-Amz-Target: TrentService.ListKeys",
    "-d",
    "{}",
    `http://127.0.0.1:${port}/`,
  ]);
  assert.equal(stdout, '{"Keys":[]}');
  const wrong = await run("curl", [
    "-sS",
    "--noproxy",
    "*",
    "--aws-sigv4",
    "aws:amz:us-east-1:kms",
    "-u",
    `${user}x`,
    "-H",
    "X-Amz-Target: TrentService.ListKeys",
    "-d",
    "{}",
    `http://127.0.0.1:${port}/`,
  ]);
  assert.match(wrong.stdout, /InvalidSignatureException/);
});
