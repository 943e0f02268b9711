import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { crc32 } from "node:zlib";
import { collect, refused, World } from "./testing.ts";

const MiB = 1024 ** 2;
let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

async function begin(Bucket: string, Key: string, input: Record<string, unknown> = {}): Promise<string> {
  return (await world.call("CreateMultipartUpload", { Bucket, Key, ...input })).UploadId;
}

const upload = (Bucket: string, Key: string, UploadId: string, PartNumber: number, Body: Uint8Array, rest = {}) =>
  world.call("UploadPart", { Bucket, Key, UploadId, PartNumber, Body, ...rest });

const complete = (Bucket: string, Key: string, UploadId: string, Parts: object[], rest = {}) =>
  world.call("CompleteMultipartUpload", { Bucket, Key, UploadId, MultipartUpload: { Parts }, ...rest });

const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest();

test("parts become one object, readable whole, in ranges and by part", async () => {
  const Bucket = await world.bucket("multi");
  const bodies = [randomBytes(5 * MiB), randomBytes(6 * MiB + 3), randomBytes(10)];
  const UploadId = await begin(Bucket, "k", { Metadata: { a: "1" }, Tagging: "t=1" });
  const parts = [];
  for (const [i, body] of bodies.entries()) {
    const { ETag } = await upload(Bucket, "k", UploadId, i + 1, body);
    assert.equal(ETag, `"${md5(body).toString("hex")}"`);
    parts.push({ PartNumber: i + 1, ETag });
  }
  await assert.rejects(world.call("HeadObject", { Bucket, Key: "k" }), refused("NoSuchKey"));
  const listed = await world.call("ListParts", { Bucket, Key: "k", UploadId, MaxParts: 2 });
  assert.equal(listed.IsTruncated, true);
  assert.equal(listed.NextPartNumberMarker, "2");
  const done = await complete(Bucket, "k", UploadId, parts);
  const etag = `"${md5(Buffer.concat(bodies.map(md5))).toString("hex")}-3"`;
  assert.equal(done.ETag, etag);
  assert.equal(done.ChecksumType, "FULL_OBJECT");
  const whole = Buffer.concat(bodies);
  const got = await world.call("GetObject", { Bucket, Key: "k" });
  assert.deepEqual(await collect(got.Body), whole);
  assert.deepEqual([got.Metadata, got.TagCount], [{ a: "1" }, 1]);
  const Range = `bytes=${5 * MiB - 5}-${11 * MiB + 5}`;
  const range = await world.call("GetObject", { Bucket, Key: "k", Range });
  assert.deepEqual(await collect(range.Body), whole.subarray(5 * MiB - 5, 11 * MiB + 6));
  const second = await world.call("GetObject", { Bucket, Key: "k", PartNumber: 2 });
  assert.equal(second.PartsCount, 3);
  assert.deepEqual(await collect(second.Body), bodies[1]);
  await assert.rejects(world.call("GetObject", { Bucket, Key: "k", PartNumber: 4 }), refused("InvalidPartNumber"));
  // The client that lost the answer asks again.
  assert.equal((await complete(Bucket, "k", UploadId, parts)).ETag, etag);
  await assert.rejects(upload(Bucket, "k", UploadId, 4, Buffer.alloc(1)), refused("NoSuchUpload", { status: 404 }));
  await world.call("PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: "Enabled" } });
});

test("a composite checksum is one of checksums, a full object one is combined", async () => {
  const Bucket = await world.bucket("multi-checksum");
  const bodies = [randomBytes(5 * MiB), randomBytes(1000)];
  const crc = (bytes: Uint8Array) => {
    const out = Buffer.alloc(4);
    out.writeUInt32BE(crc32(bytes));
    return out;
  };
  for (const [type, expected] of [
    ["COMPOSITE", `${crc(Buffer.concat(bodies.map(crc))).toString("base64")}-2`],
    ["FULL_OBJECT", crc(Buffer.concat(bodies)).toString("base64")],
  ] as const) {
    const UploadId = await begin(Bucket, type, { ChecksumAlgorithm: "CRC32", ChecksumType: type });
    const parts = [];
    for (const [i, body] of bodies.entries()) {
      const { ETag, ChecksumCRC32 } = await upload(Bucket, type, UploadId, i + 1, body, { ChecksumAlgorithm: "CRC32" });
      parts.push({ PartNumber: i + 1, ETag, ChecksumCRC32 });
    }
    if (type === "COMPOSITE") {
      const bare = parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
      await assert.rejects(
        complete(Bucket, type, UploadId, bare),
        refused("InvalidRequest", { message: /missing for part 1/ }),
      );
    }
    await assert.rejects(
      upload(Bucket, type, UploadId, 3, Buffer.alloc(1), { ChecksumAlgorithm: "SHA256" }),
      refused("InvalidRequest", { message: /mismatch/ }),
    );
    assert.equal((await complete(Bucket, type, UploadId, parts)).ChecksumCRC32, expected);
    const attributes = await world.call("GetObjectAttributes", {
      Bucket,
      Key: type,
      ObjectAttributes: ["Checksum", "ObjectParts", "ObjectSize", "ETag"],
    });
    assert.equal(attributes.Checksum.ChecksumType, type);
    assert.equal(attributes.ObjectParts.TotalPartsCount, 2);
    assert.equal(attributes.ObjectSize, 5 * MiB + 1000);
  }
  for (const [ChecksumAlgorithm, ChecksumType] of [
    ["SHA256", "FULL_OBJECT"],
    ["CRC64NVME", "COMPOSITE"],
  ]) {
    await assert.rejects(begin(Bucket, "k", { ChecksumAlgorithm, ChecksumType }), refused("InvalidRequest"));
  }
});

test("a completion that cannot be is refused, and the upload stays", async () => {
  const Bucket = await world.bucket("multi-refusals");
  const UploadId = await begin(Bucket, "k");
  const small = await upload(Bucket, "k", UploadId, 1, Buffer.alloc(100));
  const last = await upload(Bucket, "k", UploadId, 2, Buffer.alloc(100));
  const one = { PartNumber: 1, ETag: small.ETag };
  const two = { PartNumber: 2, ETag: last.ETag };
  const cases: [object[], string, object?][] = [
    [[], "MalformedXML"],
    [[two, one], "InvalidPartOrder"],
    [[one, one], "InvalidPartOrder"],
    [[one, two], "EntityTooSmall"],
    [[{ PartNumber: 3, ETag: small.ETag }], "InvalidPart"],
    [[{ PartNumber: 1, ETag: '"0"' }], "InvalidPart"],
    [[one], "InvalidRequest", { MpuObjectSize: 99 }],
    [[one], "NoSuchKey", { IfMatch: '"x"' }],
    [[one], "BadDigest", { ChecksumCRC64NVME: "AAAAAAAAAAA=" }],
  ];
  for (const [parts, code, rest] of cases) {
    await assert.rejects(complete(Bucket, "k", UploadId, parts, rest), refused(code), code);
  }
  await assert.rejects(upload(Bucket, "k", UploadId, 0, Buffer.alloc(1)), refused("InvalidArgument"));
  await assert.rejects(upload(Bucket, "k", UploadId, 10_001, Buffer.alloc(1)), refused("InvalidArgument"));
  await assert.rejects(upload(Bucket, "other", UploadId, 1, Buffer.alloc(1)), refused("NoSuchUpload"));
  await assert.rejects(upload(Bucket, "k", "\u0000", 1, Buffer.alloc(1)), refused("NoSuchUpload"));
  await complete(Bucket, "k", UploadId, [two]);
  await assert.rejects(
    complete(Bucket, "k", await begin(Bucket, "k"), [one], { IfNoneMatch: "*" }),
    refused("InvalidPart"),
  );
});

test("a replaced part, an abort and a deleted bucket leave no bodies", async () => {
  const Bucket = await world.bucket("multi-abort");
  world.clock.advance(2 * 3_600_000);
  await world.run("s3-remove-garbage");
  const count = await world.blobCount();
  const UploadId = await begin(Bucket, "k");
  await upload(Bucket, "k", UploadId, 1, Buffer.alloc(100));
  await upload(Bucket, "k", UploadId, 1, Buffer.alloc(200));
  await world.call("AbortMultipartUpload", { Bucket, Key: "k", UploadId });
  await assert.rejects(world.call("AbortMultipartUpload", { Bucket, Key: "k", UploadId }), refused("NoSuchUpload"));
  const left = await begin(Bucket, "k");
  await upload(Bucket, "k", left, 1, Buffer.alloc(300));
  await world.call("DeleteBucket", { Bucket });
  await world.bucket("multi-abort");
  assert.deepEqual((await world.call("ListMultipartUploads", { Bucket })).Uploads, []);
  await world.run("s3-remove-garbage");
  world.clock.advance(2 * 3_600_000);
  await world.run("s3-remove-garbage");
  assert.equal(await world.blobCount(), count);
});

test("a part that races the completion is in the object or refused, never lost", async () => {
  const Bucket = await world.bucket("multi-race");
  for (let round = 0; round < 5; round++) {
    const UploadId = await begin(Bucket, "k");
    const { ETag } = await upload(Bucket, "k", UploadId, 1, Buffer.alloc(10));
    const [part, done] = await Promise.allSettled([
      upload(Bucket, "k", UploadId, 2, Buffer.alloc(20)),
      complete(Bucket, "k", UploadId, [{ PartNumber: 1, ETag }]),
    ]);
    assert.equal(done.status, "fulfilled");
    if (part.status === "rejected") refused("NoSuchUpload")(part.reason);
    for (const row of world.store.rows.values()) assert.ok(!row.key.id.includes(`/${UploadId}/`), row.key.id);
  }
});

test("parts are copied from objects, in ranges", async () => {
  const Bucket = await world.bucket("multi-copy");
  const body = randomBytes(6 * MiB);
  await world.put(Bucket, "source", body);
  const UploadId = await begin(Bucket, "k");
  const copy = (PartNumber: number, CopySourceRange?: string) =>
    world.call("UploadPartCopy", {
      Bucket,
      Key: "k",
      UploadId,
      PartNumber,
      CopySource: `${Bucket}/source`,
      CopySourceRange,
    });
  const first = await copy(1);
  const second = await copy(2, "bytes=10-19");
  await assert.rejects(copy(3, "bytes=0-99999999"), refused("InvalidRange"));
  await assert.rejects(copy(3, "bytes=5-"), refused("InvalidArgument"));
  await complete(Bucket, "k", UploadId, [
    { PartNumber: 1, ETag: first.CopyPartResult.ETag },
    { PartNumber: 2, ETag: second.CopyPartResult.ETag },
  ]);
  const got = await collect((await world.call("GetObject", { Bucket, Key: "k" })).Body);
  assert.deepEqual(got, Buffer.concat([body, body.subarray(10, 20)]));
});

test("uploads are listed by key and time, in pages and groups", async () => {
  const Bucket = await world.bucket("multi-list");
  const ids: string[] = [];
  for (const key of ["a/1", "a/2", "b", "b"]) {
    world.clock.advance(1);
    ids.push(await begin(Bucket, key));
  }
  const all = await world.call("ListMultipartUploads", { Bucket });
  assert.deepEqual(
    all.Uploads.map(({ UploadId }: any) => UploadId),
    ids,
  );
  const grouped = await world.call("ListMultipartUploads", { Bucket, Delimiter: "/" });
  assert.deepEqual(grouped.CommonPrefixes, [{ Prefix: "a/" }]);
  const seen: string[] = [];
  let markers: Record<string, unknown> = {};
  for (;;) {
    const page = await world.call("ListMultipartUploads", { Bucket, MaxUploads: 1, ...markers });
    seen.push(...page.Uploads.map(({ UploadId }: any) => UploadId));
    if (!page.IsTruncated) break;
    markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
  }
  assert.deepEqual(seen, ids);
});
