import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { utimes } from "node:fs/promises";
import { after, before, test } from "node:test";
import { collect, otherAdmin, refused, region, World, admin } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");

test("a body of any size comes back, whole and in ranges", async () => {
  const Bucket = await world.bucket("sizes");
  for (const size of [0, 1, 65_535, 65_536, 65_537, 5 * 1024 ** 2 + 1]) {
    const body = randomBytes(size);
    const Key = `size-${size}`;
    const put = await world.put(Bucket, Key, body);
    assert.equal(put.ETag, `"${md5(body)}"`);
    assert.equal(put.ServerSideEncryption, "AES256");
    const got = await world.call("GetObject", { Bucket, Key });
    assert.equal(got.ContentLength, size);
    assert.deepEqual(await collect(got.Body), body);
    if (size < 2) continue;
    for (const [Range, start, end] of [
      ["bytes=0-0", 0, 0],
      [`bytes=${size - 1}-`, size - 1, size - 1],
      ["bytes=-10", size - 10, size - 1],
      ["bytes=100-70000", 100, Math.min(70_000, size - 1)],
    ] as const) {
      const part = await world.call("GetObject", { Bucket, Key, Range });
      assert.equal(part.ContentRange, `bytes ${start}-${end}/${size}`);
      assert.deepEqual(await collect(part.Body), body.subarray(start, end + 1));
    }
  }
  await assert.rejects(
    world.call("GetObject", { Bucket, Key: "size-1", Range: "bytes=1-" }),
    refused("InvalidRange", { status: 416, message: "The requested range is not satisfiable" }),
  );
  assert.equal((await world.call("GetObject", { Bucket, Key: "size-1", Range: "lines=1-2" })).ContentRange, undefined);
});

test("what is on disk is not what was put", async () => {
  const Bucket = await world.bucket("canary");
  const canary = "canary-9f3b7c-plain-text";
  await world.put(Bucket, "secret", canary.repeat(5000));
  for (const file of await world.blobFiles()) assert.equal(file.indexOf(canary), -1);
});

test("a changed byte on disk is an error answer, not a wrong body", async () => {
  const Bucket = await world.bucket("tampered");
  await world.put(Bucket, "k", "x".repeat(1000));
  const blobs = await world.blobs.list(undefined, 10_000);
  const before = new Set(blobs.map((blob) => blob.id));
  await world.put(Bucket, "k2", "y".repeat(1000));
  const fresh = (await world.blobs.list(undefined, 10_000)).find((blob) => !before.has(blob.id))!;
  const bytes = await collect(world.blobs.get(fresh.id));
  bytes[500]! ^= 1;
  await world.blobs.delete(fresh.id);
  await world.blobs.put(
    fresh.id,
    (async function* () {
      yield bytes;
    })(),
  );
  await assert.rejects(world.call("GetObject", { Bucket, Key: "k2" }), refused("InternalError", { status: 500 }));
});

test("headers, metadata and tags come back; response parameters override", async () => {
  const Bucket = await world.bucket("headers");
  await world.put(Bucket, "k", "body", {
    ContentType: "text/plain",
    ContentEncoding: "gzip,aws-chunked",
    CacheControl: "no-cache",
    Metadata: { Team: "blue" },
    Tagging: "a=1&b=%EA%B0%80",
    StorageClass: "STANDARD_IA",
  });
  const head = await world.call("HeadObject", { Bucket, Key: "k", ChecksumMode: "ENABLED" });
  assert.equal(head.ContentType, "text/plain");
  assert.equal(head.ContentEncoding, "gzip");
  assert.equal(head.CacheControl, "no-cache");
  assert.deepEqual(head.Metadata, { team: "blue" });
  assert.equal(head.TagCount, 2);
  assert.equal(head.StorageClass, "STANDARD_IA");
  assert.equal(head.ChecksumType, "FULL_OBJECT");
  assert.ok(head.ChecksumCRC64NVME);
  const tags = await world.call("GetObjectTagging", { Bucket, Key: "k" });
  assert.deepEqual(tags.TagSet, [
    { Key: "a", Value: "1" },
    { Key: "b", Value: "가" },
  ]);
  const got = await world.call("GetObject", { Bucket, Key: "k", ResponseContentType: "text/html" });
  assert.equal(got.ContentType, "text/html");
});

test("a wrong digest or length leaves nothing", async () => {
  const Bucket = await world.bucket("digests");
  const count = await world.blobCount();
  const wrong = Buffer.alloc(16).toString("base64");
  await assert.rejects(world.put(Bucket, "k", "body", { ContentMD5: wrong }), refused("BadDigest"));
  await assert.rejects(world.put(Bucket, "k", "body", { ContentMD5: "x" }), refused("InvalidDigest"));
  await assert.rejects(world.put(Bucket, "k", "body", { ChecksumCRC32: "AAAAAA==" }), refused("BadDigest"));
  await assert.rejects(world.put(Bucket, "k", "body", { ChecksumCRC32: "no" }), refused("InvalidRequest"));
  await assert.rejects(world.put(Bucket, "k", "body", { ContentLength: 5 }), refused("IncompleteBody"));
  async function* broken() {
    yield Buffer.alloc(100_000);
    throw new Error("the client went away");
  }
  await assert.rejects(world.call("PutObject", { Bucket, Key: "k", Body: broken() }));
  assert.equal(await world.blobCount(), count);
  await assert.rejects(world.call("HeadObject", { Bucket, Key: "k" }), refused("NoSuchKey", { status: 404 }));
});

test("conditional reads follow RFC 9110", async () => {
  const Bucket = await world.bucket("conditions");
  const { ETag } = await world.put(Bucket, "k", "body");
  const past = new Date(world.clock.now() - 10_000);
  const future = new Date(world.clock.now() + 10_000);
  const cases: [Record<string, unknown>, string | undefined][] = [
    [{ IfMatch: ETag }, undefined],
    [{ IfMatch: '"other"' }, "PreconditionFailed"],
    [{ IfNoneMatch: ETag }, "NotModified"],
    [{ IfNoneMatch: '"other"' }, undefined],
    [{ IfModifiedSince: future }, "NotModified"],
    [{ IfModifiedSince: past }, undefined],
    [{ IfUnmodifiedSince: past }, "PreconditionFailed"],
    [{ IfMatch: ETag, IfUnmodifiedSince: past }, undefined],
    [{ IfNoneMatch: '"other"', IfModifiedSince: future }, undefined],
    [{ IfNoneMatch: ETag, IfModifiedSince: past }, "NotModified"],
  ];
  for (const [conditions, expected] of cases) {
    const call = world.call("HeadObject", { Bucket, Key: "k", ...conditions });
    if (expected) await assert.rejects(call, refused(expected), JSON.stringify(conditions));
    else await call;
  }
});

test("conditional writes: one of many racing creators wins", async () => {
  const Bucket = await world.bucket("races");
  const attempts = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => world.put(Bucket, "k", `writer ${i}`, { IfNoneMatch: "*" })),
  );
  assert.equal(attempts.filter((attempt) => attempt.status === "fulfilled").length, 1);
  for (const attempt of attempts) {
    if (attempt.status === "rejected") refused("PreconditionFailed", { status: 412 })(attempt.reason);
  }
  const { ETag } = await world.call("HeadObject", { Bucket, Key: "k" });
  await assert.rejects(world.put(Bucket, "k", "x", { IfMatch: '"other"' }), refused("PreconditionFailed"));
  await world.put(Bucket, "k", "second", { IfMatch: ETag });
  await assert.rejects(world.put(Bucket, "none", "x", { IfMatch: ETag }), refused("NoSuchKey"));
  await assert.rejects(world.put(Bucket, "k", "x", { IfNoneMatch: ETag }), refused("NotImplemented"));
  await assert.rejects(world.call("DeleteObject", { Bucket, Key: "k", IfMatch: ETag }), refused("PreconditionFailed"));
  assert.equal(await world.text(Bucket, "k"), "second");
});

test("a replaced body is removed, after a while", async () => {
  const Bucket = await world.bucket("replaced");
  await world.put(Bucket, "k", "one");
  const count = await world.blobCount();
  await world.put(Bucket, "k", "two");
  await world.run("s3-remove-garbage");
  assert.equal(await world.blobCount(), count + 1);
  world.clock.advance(2 * 3_600_000);
  await world.run("s3-remove-garbage");
  assert.ok((await world.blobCount()) <= count);
  assert.equal(await world.text(Bucket, "k"), "two");
});

test("the sweep removes old bodies that nothing names, and no others", async () => {
  const Bucket = await world.bucket("swept");
  await world.put(Bucket, "k", "named");
  const orphan = "s3-00000000000000000000000000000000";
  await world.blobs.put(
    orphan,
    (async function* () {
      yield Buffer.from("x");
    })(),
  );
  await world.blobs.put(
    "other-service",
    (async function* () {
      yield Buffer.from("x");
    })(),
  );
  await world.run("s3-sweep-bodies");
  assert.ok(await world.blobs.info(orphan), "it is young");
  for (const path of await world.blobPaths()) await utimes(path, 1, 1);
  await world.run("s3-sweep-bodies");
  assert.equal(await world.blobs.info(orphan), undefined);
  assert.ok(await world.blobs.info("other-service"));
  assert.equal(await world.text(Bucket, "k"), "named");
});

test("copying keeps or replaces what is said about an object", async () => {
  const Bucket = await world.bucket("copies");
  await world.put(Bucket, "a b+한글", "body", { Metadata: { x: "1" }, ContentType: "text/plain", Tagging: "t=1" });
  const source = `/${Bucket}/${encodeURIComponent("a b+한글")}`;
  await world.call("CopyObject", { Bucket, Key: "copy", CopySource: source });
  const copy = await world.call("HeadObject", { Bucket, Key: "copy" });
  assert.deepEqual([copy.Metadata, copy.ContentType, copy.TagCount], [{ x: "1" }, "text/plain", 1]);
  assert.equal(await world.text(Bucket, "copy"), "body");
  await world.call("CopyObject", {
    Bucket,
    Key: "copy",
    CopySource: source,
    MetadataDirective: "REPLACE",
    TaggingDirective: "REPLACE",
    Metadata: { y: "2" },
  });
  const replaced = await world.call("HeadObject", { Bucket, Key: "copy" });
  assert.deepEqual([replaced.Metadata, replaced.TagCount], [{ y: "2" }, undefined]);
  await assert.rejects(
    world.call("CopyObject", { Bucket, Key: "copy", CopySource: `${Bucket}/copy` }),
    refused("InvalidRequest", { message: /^This copy request is illegal/ }),
  );
  await assert.rejects(
    world.call("CopyObject", { Bucket, Key: "c", CopySource: `${Bucket}/none` }),
    refused("NoSuchKey"),
  );
  await assert.rejects(
    world.call("CopyObject", { Bucket, Key: "c", CopySource: "nothing" }),
    refused("InvalidArgument"),
  );
});

test("keys and headers that cannot be are refused", async () => {
  const Bucket = await world.bucket("limits");
  await assert.rejects(world.put(Bucket, "k".repeat(1025), "x"), refused("KeyTooLongError"));
  await assert.rejects(world.put(Bucket, "\u0000".repeat(1000), "x"), refused("KeyTooLongError"));
  await assert.rejects(world.put(Bucket, "k", "x", { Metadata: { a: "b".repeat(2048) } }), refused("MetadataTooLarge"));
  await assert.rejects(world.put(Bucket, "k", "x", { Metadata: { a: "b\nc" } }), refused("InvalidArgument"));
  await assert.rejects(world.put(Bucket, "k", "x", { ContentType: "a\r\nb" }), refused("InvalidArgument"));
  await assert.rejects(world.put(Bucket, "k", "x", { StorageClass: "GLACIER" }), refused("InvalidStorageClass"));
  await assert.rejects(world.put(Bucket, "k", "x", { ChecksumXXHASH3: "x" }), refused("NotImplemented"));
  await assert.rejects(world.put(Bucket, "k", "x", { Tagging: "a=1&a=2" }), refused("InvalidTag"));
  await assert.rejects(world.call("HeadObject", { Bucket, Key: "k", VersionId: "x" }), refused("InvalidArgument"));
  for (const key of ["\u0000", "a\u0001b", "//", "../../etc/passwd", "?versionId=1", "😀"]) {
    await world.put(Bucket, key, key);
    assert.equal(await world.text(Bucket, key), key);
  }
});

test("buckets: names, owners, Regions, emptiness", async () => {
  await world.bucket("owned-one");
  for (const name of ["ab", "A-b-c", "a..b", "192.168.0.1", "xn--abc", "abc-s3alias", "-abc", "a_b_c"]) {
    await assert.rejects(world.bucket(name), refused("InvalidBucketName"), name);
  }
  await assert.rejects(world.bucket("owned-one"), refused("BucketAlreadyOwnedByYou", { status: 409 }));
  const CreateBucketConfiguration = { LocationConstraint: region };
  await assert.rejects(
    world.call("CreateBucket", { Bucket: "owned-one", CreateBucketConfiguration }, { as: otherAdmin }),
    refused("BucketAlreadyExists", { status: 409 }),
  );
  await assert.rejects(
    world.call("CreateBucket", { Bucket: "no-region" }),
    refused("IllegalLocationConstraintException"),
  );
  await world.call("CreateBucket", { Bucket: "in-virginia" }, { region: "us-east-1" });
  assert.deepEqual(await world.call("GetBucketLocation", { Bucket: "in-virginia" }), {});
  assert.deepEqual(await world.call("GetBucketLocation", { Bucket: "owned-one" }), { LocationConstraint: region });
  await assert.rejects(
    world.call("HeadBucket", { Bucket: "in-virginia" }),
    refused("PermanentRedirect", { status: 301 }),
  );
  await assert.rejects(world.call("ListObjectsV2", { Bucket: "in-virginia" }), refused("AuthorizationHeaderMalformed"));
  await assert.rejects(
    world.call("HeadBucket", { Bucket: "owned-one", ExpectedBucketOwner: "999999999999" }),
    refused("AccessDenied"),
  );
  await assert.rejects(world.call("HeadBucket", { Bucket: "not-there" }), refused("NoSuchBucket", { status: 404 }));
  await world.put("owned-one", "k", "x");
  await assert.rejects(world.call("DeleteBucket", { Bucket: "owned-one" }), refused("BucketNotEmpty", { status: 409 }));
  await world.call("DeleteObject", { Bucket: "owned-one", Key: "k" });
  await world.call("DeleteBucket", { Bucket: "owned-one" });
  await assert.rejects(world.put("owned-one", "k", "x"), refused("NoSuchBucket"));
});

test("no object survives in a bucket whose deletion it raced", async () => {
  for (let round = 0; round < 10; round++) {
    const Bucket = await world.bucket(`race-${round}`);
    const [put, gone] = await Promise.allSettled([world.put(Bucket, "k", "x"), world.call("DeleteBucket", { Bucket })]);
    assert.notEqual(put.status, gone.status);
  }
});

test("buckets are listed in pages, by prefix and Region, and only one's own", async () => {
  for (const name of ["list-a", "list-b", "list-c"]) await world.bucket(name);
  const first = await world.call("ListBuckets", { Prefix: "list-", MaxBuckets: 2 });
  assert.deepEqual(
    first.Buckets.map((bucket: { Name: string }) => bucket.Name),
    ["list-a", "list-b"],
  );
  const next = { Prefix: "list-", MaxBuckets: 2, ContinuationToken: first.ContinuationToken };
  const second = await world.call("ListBuckets", next);
  assert.deepEqual(
    second.Buckets.map((bucket: { Name: string }) => bucket.Name),
    ["list-c"],
  );
  assert.equal(second.ContinuationToken, undefined);
  await assert.rejects(world.call("ListBuckets", { ...next, Prefix: "x" }), refused("InvalidArgument"));
  assert.deepEqual((await world.call("ListBuckets", { BucketRegion: "eu-west-1" })).Buckets, []);
  assert.deepEqual((await world.call("ListBuckets", {}, { as: otherAdmin })).Buckets, []);
  assert.ok((await world.call("ListBuckets", {}, { as: admin })).Buckets.length > 3);
});
