/** S3 through unmodified clients: the AWS SDK for JavaScript, the AWS CLI and boto3, over HTTP, with real signatures. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { Agent } from "node:http";
import { connect, type LookupFunction } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import {
  GetObjectCommand,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  S3,
  S3ServiceException,
  type ChecksumAlgorithm,
} from "@aws-sdk/client-s3";
import { S3Control } from "@aws-sdk/client-s3-control";
import { Upload } from "@aws-sdk/lib-storage";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { chunks } from "#blob/conformance.ts";
import { BlobExists } from "#blob/contract.ts";
import { openBlobs } from "#blob/open.ts";
import { systemClock } from "#kernel/clock.ts";
import { type Instance, startInstance } from "../instance.ts";

const MiB = 1024 ** 2;
let instance: Instance;
let s3: S3;
let folder: string;
before(async () => {
  instance = await startInstance();
  s3 = new S3(instance.s3Client);
  folder = await mkdtemp(join(tmpdir(), "jikimi-s3-files-"));
});
after(async () => {
  s3.destroy();
  await instance.stop();
  await rm(folder, { recursive: true, force: true });
});

async function bucket(Bucket: string): Promise<string> {
  await s3.createBucket({ Bucket, CreateBucketConfiguration: location() });
  return Bucket;
}

/** us-east-1 is the one Region that must not be named. */
function location() {
  const { region } = instance.ready;
  return region === "us-east-1" ? {} : { LocationConstraint: region as "eu-west-1" };
}

/** Configuration of a client that makes host names, with somebody who knows them all. */
function withNames(host: string) {
  const { port } = new URL(instance.endpoint);
  const lookup: LookupFunction = (_name, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]);
  const requestHandler = { httpAgent: new Agent({ lookup }) };
  return { ...instance.client, endpoint: `http://${host}:${port}`, requestHandler };
}

const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** The client's error of this code and status. */
function fails(code: string, status?: number) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof S3ServiceException, String(error));
    assert.equal(error.name, code, error.message);
    if (status !== undefined) assert.equal(error.$metadata.httpStatusCode, status);
    return true;
  };
}

function aws(...args: string[]): { status: number | null; stdout: string; stderr: string } | undefined {
  const run = spawnSync("aws", args, { encoding: "utf8", env: instance.env() });
  return run.error ? undefined : run;
}

/** Output of a Python program with boto3; `undefined` where there is none. */
function python(program: string): { status: number | null; stdout: string; stderr: string } | undefined {
  const env = instance.env();
  if (spawnSync("python3", ["-c", "import boto3"], { env }).status !== 0) return undefined;
  return spawnSync("python3", ["-c", program], { encoding: "utf8", env });
}

describe("integrity", () => {
  for (const size of [0, 1, 65_535, 65_536, 65_537, 5 * MiB + 1]) {
    test(`${size} bytes`, async () => {
      const Bucket = await bucket(`integrity-${size}`);
      const body = randomBytes(size);
      const { ETag } = await s3.putObject({ Bucket, Key: "k", Body: body });
      assert.equal(ETag, `"${md5(body)}"`);
      const got = await s3.getObject({ Bucket, Key: "k" });
      assert.equal(got.ContentLength, size);
      assert.deepEqual(Buffer.from(await got.Body!.transformToByteArray()), body);
    });
  }

  for (const algorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as ChecksumAlgorithm[]) {
    test(`${algorithm}, of a buffer and of a stream`, async () => {
      const Bucket = await bucket(`checksum-${algorithm.toLowerCase()}`);
      const body = randomBytes(200_000);
      await s3.putObject({ Bucket, Key: "buffer", Body: body, ChecksumAlgorithm: algorithm });
      await s3.putObject({
        Bucket,
        Key: "stream",
        Body: Readable.from([body.subarray(0, 100_000), body.subarray(100_000)]),
        ContentLength: body.length,
        ChecksumAlgorithm: algorithm,
      });
      for (const Key of ["buffer", "stream"]) {
        // The client compares the checksum of what it reads with the one that was kept.
        const got = await s3.getObject({ Bucket, Key, ChecksumMode: "ENABLED" });
        assert.equal(got.ChecksumType, "FULL_OBJECT");
        assert.ok(got[`Checksum${algorithm}` as "ChecksumCRC32"]);
        assert.deepEqual(Buffer.from(await got.Body!.transformToByteArray()), body);
        assert.equal(got.ContentEncoding, undefined);
      }
    });
  }

  test("64 MiB through lib-storage, in parts, from a stream of unknown length", async () => {
    const Bucket = await bucket("large");
    const piece = randomBytes(MiB);
    const digest = createHash("sha256");
    async function* body() {
      for (let i = 0; i < 64; i++) {
        piece.writeUInt32BE(i);
        const copy = Buffer.from(piece);
        digest.update(copy);
        yield copy;
      }
    }
    await new Upload({
      client: s3,
      params: { Bucket, Key: "k", Body: Readable.from(body()) },
      partSize: 8 * MiB,
    }).done();
    const got = await s3.getObject({ Bucket, Key: "k" });
    assert.equal(got.ContentLength, 64 * MiB);
    assert.match(got.ETag!, /^"[0-9a-f]{32}-8"$/);
    const back = createHash("sha256");
    for await (const chunk of got.Body as Readable) back.update(chunk);
    assert.equal(back.digest("hex"), digest.digest("hex"));
    const range = await s3.getObject({ Bucket, Key: "k", Range: `bytes=${8 * MiB - 2}-${8 * MiB + 1}` });
    assert.equal(range.$metadata.httpStatusCode, 206);
    assert.equal((await range.Body!.transformToByteArray()).length, 4);
  });

  test("1,000 concurrent puts are all there", async () => {
    const Bucket = await bucket("concurrent");
    const keys = Array.from({ length: 1000 }, (_, i) => `k-${String(i).padStart(4, "0")}`);
    const patient = new S3({ ...instance.s3Client, maxAttempts: 5 });
    await Promise.all(keys.map((Key) => patient.putObject({ Bucket, Key, Body: Key })));
    const listed = await s3.listObjectsV2({ Bucket });
    assert.deepEqual(
      listed.Contents!.map(({ Key }) => Key),
      keys,
    );
    const { Body } = await s3.getObject({ Bucket, Key: "k-0500" });
    assert.equal(await Body!.transformToString(), "k-0500");
    const removed = await s3.deleteObjects({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } });
    assert.equal(removed.Deleted!.length, 1000);
    await s3.deleteBucket({ Bucket });
    patient.destroy();
  });
});

describe("at rest", () => {
  test("nothing in the data folder holds a canary in clear", async () => {
    const Bucket = await bucket("at-rest");
    const canary = `canary-${randomBytes(12).toString("hex")}`;
    const sse = [{}, { ServerSideEncryption: "aws:kms" }, { ServerSideEncryption: "aws:kms:dsse" }] as const;
    for (const [i, encryption] of sse.entries()) {
      await s3.putObject({ Bucket, Key: `k${i}`, Body: canary.repeat(4000), ...encryption });
      const { Body } = await s3.getObject({ Bucket, Key: `k${i}` });
      assert.equal(await Body!.transformToString(), canary.repeat(4000));
    }
    let files = 0;
    for (const entry of await readdir(instance.dataDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      files++;
      const bytes = await readFile(join(entry.parentPath, entry.name));
      assert.equal(bytes.indexOf(canary), -1, join(entry.parentPath, entry.name));
    }
    assert.ok(files > 3);
  });

  test("a disabled KMS key gives the object to nobody", async () => {
    const Bucket = await bucket("kms-disabled");
    const kms = new KMS(instance.client);
    const { KeyMetadata } = await kms.createKey({});
    const KeyId = KeyMetadata!.KeyId!;
    await s3.putObject({ Bucket, Key: "k", Body: "x", ServerSideEncryption: "aws:kms", SSEKMSKeyId: KeyId });
    const head = await s3.headObject({ Bucket, Key: "k" });
    assert.equal(head.SSEKMSKeyId, KeyMetadata!.Arn);
    await kms.disableKey({ KeyId });
    await assert.rejects(s3.getObject({ Bucket, Key: "k" }), fails("KMS.DisabledException", 400));
    await kms.enableKey({ KeyId });
    assert.equal(await (await s3.getObject({ Bucket, Key: "k" })).Body!.transformToString(), "x");
    kms.destroy();
  });

  test("SSE-C: without the key there is nothing to read", async () => {
    const Bucket = await bucket("sse-c-wire");
    const secret = { SSECustomerAlgorithm: "AES256", SSECustomerKey: randomBytes(32).toString("latin1") };
    const bytes = Buffer.from(secret.SSECustomerKey, "latin1");
    const sse = {
      SSECustomerAlgorithm: "AES256",
      SSECustomerKey: bytes.toString("base64"),
      SSECustomerKeyMD5: createHash("md5").update(bytes).digest("base64"),
    };
    await s3.putBucketEncryption({
      Bucket,
      ServerSideEncryptionConfiguration: {
        Rules: [
          {
            ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" },
            BlockedEncryptionTypes: { EncryptionType: ["NONE"] },
          },
        ],
      },
    });
    await s3.putObject({ Bucket, Key: "k", Body: "x", ...sse });
    await assert.rejects(s3.getObject({ Bucket, Key: "k" }), fails("InvalidRequest", 400));
    assert.equal(await (await s3.getObject({ Bucket, Key: "k", ...sse })).Body!.transformToString(), "x");
  });
});

describe("a client that goes away", () => {
  test("leaves nothing visible", async () => {
    const Bucket = await bucket("cut");
    const url = new URL(await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "k" })));
    const socket = connect(Number(url.port), url.hostname);
    await once(socket, "connect");
    socket.write(`PUT ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Length: 1000000\r\n\r\n`);
    socket.write(Buffer.alloc(300_000));
    socket.destroy();
    await once(socket, "close");
    await assert.rejects(s3.headObject({ Bucket, Key: "k" }), NotFound);
    assert.equal((await s3.listObjectsV2({ Bucket })).KeyCount, 0);
    await s3.deleteBucket({ Bucket });
  });
});

describe("the SDK", () => {
  test("errors arrive as the classes and with the facts that S3 gives", async () => {
    const Bucket = await bucket("errors");
    await assert.rejects(s3.getObject({ Bucket, Key: "none" }), (error: unknown) => {
      assert.ok(error instanceof NoSuchKey);
      assert.equal((error as { Key?: string }).Key, "none");
      return fails("NoSuchKey", 404)(error);
    });
    await assert.rejects(s3.headObject({ Bucket, Key: "none" }), NotFound);
    await assert.rejects(s3.headBucket({ Bucket: "not-a-bucket" }), NotFound);
    await assert.rejects(s3.listObjectsV2({ Bucket: "not-a-bucket" }), fails("NoSuchBucket", 404));
    // As S3 does: creating one's own bucket again is an error everywhere but in us-east-1.
    if (instance.ready.region === "us-east-1") await bucket("errors");
    else await assert.rejects(bucket("errors"), fails("BucketAlreadyOwnedByYou", 409));
    await assert.rejects(s3.getBucketPolicy({ Bucket }), fails("NoSuchBucketPolicy", 404));
    await assert.rejects(s3.getBucketTagging({ Bucket }), fails("NoSuchTagSet", 404));
    await s3.putObject({ Bucket, Key: "k", Body: "hello" });
    await assert.rejects(s3.getObject({ Bucket, Key: "k", Range: "bytes=5-" }), fails("InvalidRange", 416));
    const { ETag } = await s3.headObject({ Bucket, Key: "k" });
    await assert.rejects(s3.getObject({ Bucket, Key: "k", IfNoneMatch: ETag }), (error: any) => {
      assert.equal(error.$metadata.httpStatusCode, 304);
      return true;
    });
    await assert.rejects(
      s3.putObject({ Bucket, Key: "k", Body: "x", IfNoneMatch: "*" }),
      fails("PreconditionFailed", 412),
    );
    await assert.rejects(
      s3.putObject({ Bucket, Key: "k", Body: "x", ContentMD5: md5(Buffer.from("y")) }),
      fails("InvalidDigest", 400),
    );
    await assert.rejects(s3.deleteBucket({ Bucket }), fails("BucketNotEmpty", 409));
    await assert.rejects(s3.listBucketInventoryConfigurations({ Bucket }), fails("NotImplemented"));
    await assert.rejects(
      s3.putObject({ Bucket, Key: "k", Body: "x", ACL: "public-read" }),
      fails("AccessControlListNotSupported", 400),
    );
  });

  test("location, versions, tags, encryption, lifecycle, lock and the rest of a bucket round-trip", async () => {
    const Bucket = "round-trip";
    await s3.createBucket({ Bucket, CreateBucketConfiguration: location(), ObjectLockEnabledForBucket: true });
    const { region } = instance.ready;
    assert.equal(
      (await s3.getBucketLocation({ Bucket })).LocationConstraint,
      region === "us-east-1" ? undefined : region,
    );
    assert.equal((await s3.getBucketVersioning({ Bucket })).Status, "Enabled");
    const first = await s3.putObject({ Bucket, Key: "k", Body: "1" });
    await s3.putObject({ Bucket, Key: "k", Body: "2", Metadata: { name: "value" }, Expires: new Date(4e12) });
    await s3.deleteObject({ Bucket, Key: "k" });
    const versions = await s3.listObjectVersions({ Bucket });
    assert.deepEqual([versions.Versions!.length, versions.DeleteMarkers!.length], [2, 1]);
    const old = await s3.getObject({ Bucket, Key: "k", VersionId: first.VersionId });
    assert.equal(await old.Body!.transformToString(), "1");
    await s3.putBucketTagging({ Bucket, Tagging: { TagSet: [{ Key: "a", Value: "b" }] } });
    assert.deepEqual((await s3.getBucketTagging({ Bucket })).TagSet, [{ Key: "a", Value: "b" }]);
    const Rules = [{ ID: "r", Status: "Enabled" as const, Filter: { Prefix: "x/" }, Expiration: { Days: 3 } }];
    await s3.putBucketLifecycleConfiguration({ Bucket, LifecycleConfiguration: { Rules } });
    assert.deepEqual((await s3.getBucketLifecycleConfiguration({ Bucket })).Rules, Rules);
    const CORSRules = [{ AllowedMethods: ["GET"], AllowedOrigins: ["*"] }];
    await s3.putBucketCors({ Bucket, CORSConfiguration: { CORSRules } });
    assert.deepEqual((await s3.getBucketCors({ Bucket })).CORSRules, CORSRules);
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Deny", Principal: "*", Action: "s3:PutObject", Resource: `arn:aws:s3:::${Bucket}/no` }],
    });
    await s3.putBucketPolicy({ Bucket, Policy });
    assert.equal((await s3.getBucketPolicy({ Bucket })).Policy, Policy);
    await assert.rejects(s3.putObject({ Bucket, Key: "no", Body: "x" }), fails("AccessDenied", 403));
    assert.equal((await s3.getPublicAccessBlock({ Bucket })).PublicAccessBlockConfiguration!.BlockPublicPolicy, true);
    assert.equal(
      (await s3.getBucketOwnershipControls({ Bucket })).OwnershipControls!.Rules![0]!.ObjectOwnership,
      "BucketOwnerEnforced",
    );
    assert.equal((await s3.getBucketAcl({ Bucket })).Grants![0]!.Permission, "FULL_CONTROL");
    assert.equal((await s3.getBucketRequestPayment({ Bucket })).Payer, "BucketOwner");
    assert.equal(
      (await s3.getObjectLockConfiguration({ Bucket })).ObjectLockConfiguration!.ObjectLockEnabled,
      "Enabled",
    );
    const listed = await s3.listBuckets({ Prefix: Bucket });
    assert.equal(listed.Buckets![0]!.BucketRegion, region);
  });

  test("keys of every kind come back as they were", async () => {
    const Bucket = await bucket("odd-keys");
    const keys = [
      "a b",
      "a+b",
      "한글/키",
      "a//b",
      "/lead",
      "./x",
      "../y",
      "%41",
      "q?x=1&y",
      "#",
      "~!@$*()'",
      "😀",
      "a\nb",
      "<&>\"'",
    ];
    for (const Key of keys) await s3.putObject({ Bucket, Key, Body: Key });
    for (const Key of keys)
      assert.equal(await (await s3.getObject({ Bucket, Key })).Body!.transformToString(), Key, Key);
    const listed = (await s3.listObjectsV2({ Bucket })).Contents!.map(({ Key }) => Key!);
    assert.deepEqual(listed.toSorted(), keys.toSorted());
    for (const Key of keys) {
      await s3.copyObject({ Bucket, Key: `copy of ${Key}`, CopySource: `${Bucket}/${encodeURIComponent(Key)}` });
    }
    await s3.deleteObjects({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } });
    assert.equal((await s3.listObjectsV2({ Bucket })).KeyCount, keys.length);
  });

  test("presigned URLs work until they expire or are changed", async () => {
    const Bucket = await bucket("presigned");
    const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "k" }));
    assert.equal((await fetch(put, { method: "PUT", body: "hello" })).status, 200);
    const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "k", ResponseContentType: "text/css" }));
    const answer = await fetch(get);
    assert.equal(answer.headers.get("content-type"), "text/css");
    assert.equal(await answer.text(), "hello");
    assert.equal((await fetch(get.replace("/k?", "/other?"))).status, 403);
    assert.equal((await fetch(`${instance.endpoint}/${Bucket}/k`)).status, 403);
  });

  test("header values beyond ASCII arrive as their bytes, and none begins another header", async () => {
    const Bucket = await bucket("header-values");
    await s3.putObject({ Bucket, Key: "k", Body: "x" });
    for (const name of ['attachment; filename="한글.txt"', "inline; filename=café"]) {
      const input = { Bucket, Key: "k", ResponseContentDisposition: name };
      const answer = await fetch(await getSignedUrl(s3, new GetObjectCommand(input)));
      assert.equal(answer.status, 200);
      const bytes = Buffer.from(answer.headers.get("content-disposition")!, "latin1");
      assert.ok([bytes.toString("utf8"), bytes.toString("latin1")].includes(name));
    }
    const split = { Bucket, Key: "k", ResponseContentDisposition: "a\r\nx-injected: 1" };
    const refused = await fetch(await getSignedUrl(s3, new GetObjectCommand(split)));
    assert.deepEqual([refused.status, refused.headers.get("x-injected")], [400, null]);
  });

  test("a user has what its policies give, and not more", async () => {
    const Bucket = await bucket("permissions");
    await s3.putObject({ Bucket, Key: "home/k", Body: "x" });
    const iam = new IAM(instance.client);
    await iam.createUser({ UserName: "reader" });
    const Statement = [
      { Effect: "Allow", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/home/*` },
      {
        Effect: "Allow",
        Action: "s3:ListBucket",
        Resource: `arn:aws:s3:::${Bucket}`,
        Condition: { StringLike: { "s3:prefix": "home/*" } },
      },
    ];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await iam.putUserPolicy({ UserName: "reader", PolicyName: "p", PolicyDocument });
    const { AccessKey } = await iam.createAccessKey({ UserName: "reader" });
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    const reader = new S3({ ...instance.s3Client, credentials });
    assert.equal(await (await reader.getObject({ Bucket, Key: "home/k" })).Body!.transformToString(), "x");
    assert.equal((await reader.listObjectsV2({ Bucket, Prefix: "home/" })).KeyCount, 1);
    await assert.rejects(reader.listObjectsV2({ Bucket }), fails("AccessDenied", 403));
    await assert.rejects(reader.putObject({ Bucket, Key: "home/n", Body: "x" }), fails("AccessDenied", 403));
    await assert.rejects(reader.getObject({ Bucket, Key: "other" }), fails("AccessDenied", 403));
    reader.destroy();
    iam.destroy();
  });
});

describe("browsers", () => {
  test("upload by a form whose policy is signed", async () => {
    const Bucket = await bucket("forms");
    const { url, fields } = await createPresignedPost(s3, {
      Bucket,
      Key: "up/${filename}",
      Conditions: [
        ["content-length-range", 1, 10],
        ["starts-with", "$x-amz-meta-tag", "v"],
        { success_action_status: "201" },
      ],
      Fields: { success_action_status: "201" },
      Expires: 600,
    });
    const post = async (body: string, change: Record<string, string> = {}) => {
      const form = new FormData();
      for (const [name, value] of Object.entries({ ...fields, "x-amz-meta-tag": "v1", ...change }))
        form.append(name, value);
      form.append("file", new Blob([body], { type: "text/plain" }), "a b.txt");
      return fetch(url, { method: "POST", body: form });
    };
    const made = await post("hello");
    assert.equal(made.status, 201);
    assert.match(await made.text(), /<PostResponse>.*<Key>up\/a b.txt<\/Key>/s);
    const got = await s3.getObject({ Bucket, Key: "up/a b.txt" });
    assert.equal(await got.Body!.transformToString(), "hello");
    assert.deepEqual([got.ContentType, got.Metadata], ["text/plain", { tag: "v1" }]);
    for (const [body, change, code] of [
      ["far too much of it", {}, "EntityTooLarge"],
      ["", {}, "EntityTooSmall"],
      ["hello", { "x-amz-meta-tag": "w" }, "AccessDenied"],
      ["hello", { acl: "public-read" }, "AccessDenied"],
      ["hello", { "X-Amz-Signature": "0".repeat(64) }, "SignatureDoesNotMatch"],
    ] as const) {
      const refused = await post(body, change);
      assert.match(await refused.text(), new RegExp(`<Code>${code}</Code>`), code);
      assert.ok(refused.status >= 400 && refused.status < 500);
    }
    assert.equal((await s3.listObjectsV2({ Bucket })).KeyCount, 1);
  });

  test("ask before they cross an origin, and are told", async () => {
    const Bucket = await bucket("origins");
    await s3.putObject({ Bucket, Key: "k", Body: "x" });
    const url = `${instance.endpoint}/${Bucket}/k`;
    const headers = { origin: "https://app.example.com", "access-control-request-method": "GET" };
    assert.equal((await fetch(url, { method: "OPTIONS", headers })).status, 403);
    const CORSRules = [{ AllowedMethods: ["GET"], AllowedOrigins: ["https://*.example.com"], ExposeHeaders: ["ETag"] }];
    await s3.putBucketCors({ Bucket, CORSConfiguration: { CORSRules } });
    const asked = await fetch(url, { method: "OPTIONS", headers });
    assert.equal(asked.status, 200);
    assert.equal(asked.headers.get("access-control-allow-origin"), headers.origin);
    const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "k" }));
    const answered = await fetch(get, { headers: { origin: headers.origin } });
    assert.equal(answered.headers.get("access-control-expose-headers"), "ETag");
    assert.equal(await answered.text(), "x");
    const other = await fetch(get, { headers: { origin: "https://example.org" } });
    assert.equal(other.headers.get("access-control-allow-origin"), null);
  });
});

describe("S3 Control", () => {
  const AccountId = () => instance.ready.accountId;
  let control: S3Control;
  before(() => {
    // The client puts the account id in front of the host name.
    control = new S3Control(withNames("s3-control.jikimi.internal"));
  });
  after(() => control.destroy());

  test("the account's Block Public Access holds for every bucket", async () => {
    const Bucket = await bucket("account-block");
    await s3.deletePublicAccessBlock({ Bucket });
    const PublicAccessBlockConfiguration = { BlockPublicPolicy: true, BlockPublicAcls: true };
    await control.putPublicAccessBlock({ AccountId: AccountId(), PublicAccessBlockConfiguration });
    const Statement = [
      { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/*` },
    ];
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
    await assert.rejects(s3.putBucketPolicy({ Bucket, Policy }), fails("AccessDenied", 403));
    const set = await control.getPublicAccessBlock({ AccountId: AccountId() });
    assert.equal(set.PublicAccessBlockConfiguration!.BlockPublicPolicy, true);
    await control.deletePublicAccessBlock({ AccountId: AccountId() });
    await assert.rejects(control.getPublicAccessBlock({ AccountId: AccountId() }), (error: any) => {
      assert.equal(error.name, "NoSuchPublicAccessBlockConfiguration");
      return true;
    });
    await s3.putBucketPolicy({ Bucket, Policy });
    await s3.putObject({ Bucket, Key: "k", Body: "public" });
    assert.equal(await (await fetch(`${instance.endpoint}/${Bucket}/k`)).text(), "public");
    await assert.rejects(control.getPublicAccessBlock({ AccountId: "999999999999" }), (error: any) => {
      assert.equal(error.name, "AccessDenied");
      return true;
    });
  });

  test("a bucket is tagged by its ARN", async () => {
    const Bucket = await bucket("tagged-by-arn");
    const at = { AccountId: AccountId(), ResourceArn: `arn:aws:s3:::${Bucket}` };
    await control.tagResource({
      ...at,
      Tags: [
        { Key: "a", Value: "1" },
        { Key: "b", Value: "2" },
      ],
    });
    assert.deepEqual((await s3.getBucketTagging({ Bucket })).TagSet, [
      { Key: "a", Value: "1" },
      { Key: "b", Value: "2" },
    ]);
    await control.untagResource({ ...at, TagKeys: ["a"] });
    assert.deepEqual((await control.listTagsForResource(at)).Tags, [{ Key: "b", Value: "2" }]);
    assert.equal((await s3.listBuckets({ Prefix: Bucket })).Buckets!.length, 1);
  });

  test("an access point is a name for a bucket, with a policy that is asked too", async () => {
    const Bucket = await bucket("pointed-at");
    await s3.putObject({ Bucket, Key: "k", Body: "x" });
    const Name = "finance";
    const { AccessPointArn, Alias } = await control.createAccessPoint({ AccountId: AccountId(), Name, Bucket });
    assert.match(Alias!, /^finance-[0-9a-z]{34}-s3alias$/);
    const read = async (name: string) => (await s3.getObject({ Bucket: name, Key: "k" })).Body!.transformToString();
    assert.equal(await read(Alias!), "x");
    assert.equal((await s3.listObjectsV2({ Bucket: Alias! })).KeyCount, 1);
    // By its ARN the client puts it into the host name.
    const named = new S3(withNames("s3.jikimi.internal"));
    const got = await named.getObject({ Bucket: AccessPointArn!, Key: "k" });
    assert.equal(await got.Body!.transformToString(), "x");
    // The other place for a bucket's name than the path.
    assert.equal((await named.listObjectsV2({ Bucket })).KeyCount, 1);
    const virtual = await getSignedUrl(named, new GetObjectCommand({ Bucket, Key: "k" }));
    assert.match(virtual, /^http:\/\/pointed-at\.s3\.jikimi\.internal:/);
    named.destroy();
    const Statement = [
      { Effect: "Deny", Principal: "*", Action: "s3:GetObject", Resource: `${AccessPointArn}/object/k` },
    ];
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
    await control.putAccessPointPolicy({ AccountId: AccountId(), Name, Policy });
    await assert.rejects(read(Alias!), fails("AccessDenied", 403));
    assert.equal(await read(Bucket), "x");
    assert.equal((await control.getAccessPointPolicy({ AccountId: AccountId(), Name })).Policy, Policy);
    // The bucket may insist on its access points.
    await control.deleteAccessPointPolicy({ AccountId: AccountId(), Name });
    const insist = {
      Effect: "Deny",
      Principal: "*",
      Action: "s3:GetObject",
      Resource: `arn:aws:s3:::${Bucket}/*`,
      Condition: { StringNotEquals: { "s3:DataAccessPointArn": AccessPointArn } },
    };
    await s3.putBucketPolicy({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement: [insist] }) });
    await assert.rejects(read(Bucket), fails("AccessDenied", 403));
    assert.equal(await read(Alias!), "x");
    await assert.rejects(s3.getBucketVersioning({ Bucket: Alias! }), fails("MethodNotAllowed", 405));
    await s3.deleteObject({ Bucket, Key: "k" });
    await assert.rejects(s3.deleteBucket({ Bucket }), fails("BucketHasAccessPointsAttached", 400));
    const { AccessPointList } = await control.listAccessPoints({ AccountId: AccountId(), Bucket });
    assert.deepEqual(
      AccessPointList!.map((point) => point.Name),
      [Name],
    );
    await control.deleteAccessPoint({ AccountId: AccountId(), Name });
    await assert.rejects(read(Alias!), fails("NoSuchAccessPoint", 404));
    await s3.deleteBucket({ Bucket });
  });
});

describe("our own blob store on S3", () => {
  test("keeps, reads in ranges, lists and removes bodies, a large one in parts", async () => {
    const Bucket = await bucket("blob-store");
    const { endpoint, region, accessKeyId, secretAccessKey } = instance.ready;
    const url = `s3://${Bucket}/blobs?endpoint=${encodeURIComponent(endpoint)}&region=${region}`;
    const blobs = await openBlobs(url, {
      clock: systemClock,
      credentials: { accessKeyId, secretAccessKey },
      partSize: 5 * MiB,
    });
    const body = randomBytes(12 * MiB + 5);
    await blobs.put("large", chunks(body));
    await assert.rejects(blobs.put("large", chunks("again")), BlobExists);
    const back: Uint8Array[] = [];
    for await (const piece of blobs.get("large", { start: 5 * MiB - 1, end: 5 * MiB + 1 })) back.push(piece);
    assert.deepEqual(Buffer.concat(back), body.subarray(5 * MiB - 1, 5 * MiB + 2));
    await blobs.put("empty", chunks());
    assert.deepEqual(
      (await blobs.list(undefined, 10)).map(({ id, size }) => [id, size]),
      [
        ["empty", 0],
        ["large", body.length],
      ],
    );
    await blobs.delete("large");
    assert.equal(await blobs.info("large"), undefined);
    await blobs.close();
  });
});

describe("the AWS CLI", () => {
  test("cp, sync, ls, presign, rm and rb", async (t) => {
    if (!aws("--version")) return t.skip("no AWS CLI here");
    await bucket("cli");
    const body = randomBytes(20 * MiB + 7);
    await writeFile(join(folder, "large"), body);
    await mkdir(join(folder, "tree/deep"), { recursive: true });
    for (const name of ["a.txt", "deep/b.txt", "deep/한글.txt"]) await writeFile(join(folder, "tree", name), name);
    const run = (...args: string[]) => {
      const result = aws(...args)!;
      assert.equal(result.status, 0, `${args.join(" ")}\n${result.stdout}${result.stderr}`);
      return result.stdout;
    };
    run("s3", "cp", join(folder, "large"), "s3://cli/large", "--no-progress");
    run("s3", "cp", "s3://cli/large", join(folder, "back"), "--no-progress");
    assert.equal(sha256(await readFile(join(folder, "back"))), sha256(body));
    run("s3", "sync", join(folder, "tree"), "s3://cli/tree", "--no-progress");
    assert.match(run("s3", "ls", "s3://cli/"), /PRE tree\/\n.*20971527 large/s);
    assert.match(run("s3", "ls", "s3://cli/tree/", "--recursive"), /tree\/deep\/한글.txt/);
    assert.equal(run("s3", "sync", join(folder, "tree"), "s3://cli/tree", "--no-progress"), "");
    run("s3", "sync", "s3://cli/tree", join(folder, "tree2"), "--no-progress");
    assert.equal(await readFile(join(folder, "tree2/deep/한글.txt"), "utf8"), "deep/한글.txt");
    const url = run("s3", "presign", "s3://cli/tree/a.txt").trim();
    assert.equal(await (await fetch(url)).text(), "a.txt");
    run("s3", "mv", "s3://cli/tree/a.txt", "s3://cli/moved");
    run("s3", "rm", "s3://cli", "--recursive");
    run("s3", "rb", "s3://cli");
    assert.match(aws("s3", "ls", "s3://cli")!.stderr, /NoSuchBucket/);
  });
});

describe("boto3", () => {
  test("uploads, reads, lists, presigns (SigV2) and sees errors", async (t) => {
    await bucket("boto");
    const run = python(`
import boto3, io, os, hashlib, urllib.request, botocore
from botocore.config import Config
s3 = boto3.client('s3', config=Config(s3={'addressing_style': 'path'}))
body = os.urandom(17 * 1024 * 1024 + 3)
s3.upload_fileobj(io.BytesIO(body), 'boto', 'big')
out = io.BytesIO()
s3.download_fileobj('boto', 'big', out)
assert hashlib.sha256(out.getvalue()).digest() == hashlib.sha256(body).digest()
s3.put_object(Bucket='boto', Key='a/b c', Body=b'hi', Metadata={'k': 'v'}, Tagging='t=1')
got = s3.get_object(Bucket='boto', Key='a/b c')
assert got['Body'].read() == b'hi' and got['Metadata'] == {'k': 'v'} and got['TagCount'] == 1
pages = list(s3.get_paginator('list_objects_v2').paginate(Bucket='boto', Delimiter='/', PaginationConfig={'PageSize': 1}))
assert [p['Prefix'] for page in pages for p in page.get('CommonPrefixes', [])] == ['a/'], pages
url = s3.generate_presigned_url('get_object', Params={'Bucket': 'boto', 'Key': 'a/b c'})
assert urllib.request.urlopen(url).read() == b'hi', url
for call, code in [(lambda: s3.get_object(Bucket='boto', Key='x'), 'NoSuchKey'), (lambda: s3.head_object(Bucket='boto', Key='x'), '404'),
                   (lambda: s3.get_bucket_lifecycle_configuration(Bucket='boto'), 'NoSuchLifecycleConfiguration')]:
    try:
        call()
        raise SystemExit('no error ' + code)
    except botocore.exceptions.ClientError as e:
        assert e.response['Error']['Code'] == code, e.response
s3.delete_objects(Bucket='boto', Delete={'Objects': [{'Key': 'a/b c'}, {'Key': 'big'}]})
s3.delete_bucket(Bucket='boto')
print('fine')
`);
    if (!run) return t.skip("no boto3 here");
    assert.equal(run.stdout, "fine\n", run.stderr);
  });
});
