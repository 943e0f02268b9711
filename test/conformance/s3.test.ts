/** S3 through the unmodified SDK for JavaScript, over HTTP, with real signatures. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import {
  GetObjectCommand,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  S3,
  type ChecksumAlgorithm,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { MiB, instance, s3, bucket, location, md5, fails } from "./s3Client.ts";

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
