import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { account, collect, refused, region, user, World } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

const key = `arn:aws:kms:${region}:${account}:key/data`;
const s3Key = `arn:aws:kms:${region}:${account}:key/s3`;

test("SSE-KMS: the object's ARN is the context, the ETag is no MD5, the key is asked for every read", async () => {
  const Bucket = await world.bucket("kms");
  const body = randomBytes(100_000);
  world.kms.calls.length = 0;
  const put = await world.put(Bucket, "k", body, { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key });
  assert.equal(put.SSEKMSKeyId, key);
  assert.notEqual(put.ETag, `"${createHash("md5").update(body).digest("hex")}"`);
  const got = await world.call("GetObject", { Bucket, Key: "k" });
  assert.deepEqual(await collect(got.Body), body);
  assert.equal(got.ServerSideEncryption, "aws:kms");
  const context = { "aws:s3:arn": "arn:aws:s3:::kms/k" };
  assert.deepEqual(world.kms.calls, [
    { operation: "GenerateDataKey", context },
    { operation: "Decrypt", context },
  ]);
  // Saying nothing of a key means the one that AWS manages for S3.
  assert.equal((await world.put(Bucket, "k2", body, { ServerSideEncryption: "aws:kms" })).SSEKMSKeyId, s3Key);
});

test("who may read the object but not use its key gets nothing, and a disabled key gives nothing to anyone", async () => {
  const Bucket = await world.bucket("kms-denied");
  const own = `arn:aws:kms:${region}:${account}:key/denied`;
  await world.put(Bucket, "k", "secret", { ServerSideEncryption: "aws:kms", SSEKMSKeyId: own });
  const reader = user("reader");
  world.allow(reader, { Effect: "Allow", Action: "s3:GetObject", Resource: "*" });
  await assert.rejects(
    world.call("GetObject", { Bucket, Key: "k" }, { as: reader }),
    refused("AccessDenied", { status: 403, message: /not authorized to perform: kms:Decrypt/ }),
  );
  world.allow(reader, { Effect: "Allow", Action: ["s3:GetObject", "kms:Decrypt"], Resource: "*" });
  assert.equal(await world.text(Bucket, "k", {}, { as: reader }), "secret");
  world.kms.disabled.add(own);
  const disabled = refused("KMS.DisabledException", { status: 400, message: `${own} is disabled.` });
  await assert.rejects(world.call("GetObject", { Bucket, Key: "k" }), disabled);
  await assert.rejects(world.put(Bucket, "n", "x", { ServerSideEncryption: "aws:kms", SSEKMSKeyId: own }), disabled);
  await assert.rejects(world.call("CopyObject", { Bucket, Key: "c", CopySource: `${Bucket}/k` }), disabled);
});

/** How many records each batch has that the store commits during the work, and the names of their events. */
async function committed(work: () => Promise<unknown>): Promise<{ batches: number[]; names: string[] }> {
  const { store } = world;
  const [before, commit] = [world.records().length, store.commit];
  const batches: number[] = [];
  store.commit = async (batch) => {
    batches.push(batch.filter(({ op }) => op === "append").length);
    await commit.call(store, batch);
  };
  try {
    await work();
  } finally {
    store.commit = commit;
  }
  const names = world.records().slice(before);
  return { batches, names: names.map(({ eventName }) => eventName as string) };
}

test("the use of the key is recorded with the request that needed it, in one batch, also when that is refused", async () => {
  const Bucket = await world.bucket("kms-records");
  const encrypted = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key };
  assert.deepEqual(await committed(() => world.put(Bucket, "k", "secret", encrypted)), {
    batches: [2],
    names: ["GenerateDataKey", "PutObject"],
  });
  assert.deepEqual(await committed(() => world.text(Bucket, "k")), { batches: [2], names: ["Decrypt", "GetObject"] });
  assert.deepEqual(await committed(() => world.call("CopyObject", { Bucket, Key: "c", CopySource: `${Bucket}/k` })), {
    batches: [2],
    names: ["Decrypt", "CopyObject"],
  });
  const blobs = await world.blobCount();
  const wrong = { ...encrypted, ContentMD5: createHash("md5").update("other").digest("base64") };
  assert.deepEqual(
    await committed(() => assert.rejects(world.put(Bucket, "n", "secret", wrong), refused("BadDigest"))),
    { batches: [2], names: ["GenerateDataKey", "PutObject"] },
  );
  assert.equal(await world.blobCount(), blobs);
});

test("the record of a key's use does not wait for a slow upload", async () => {
  const Bucket = await world.bucket("kms-slow");
  const before = world.records().length;
  const since = () =>
    world
      .records()
      .slice(before)
      .map(({ eventName }) => eventName as string);
  async function* slow() {
    yield Buffer.from("first");
    while (since().length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(since(), ["GenerateDataKey"]);
    yield Buffer.from("last");
  }
  const input = { Bucket, Key: "k", Body: slow(), ServerSideEncryption: "aws:kms", SSEKMSKeyId: key };
  await world.call("PutObject", input);
  assert.deepEqual(since(), ["GenerateDataKey", "PutObject"]);
});

test("bucket default, bucket key and the caller's context", async () => {
  const Bucket = await world.bucket("kms-default");
  const set = (rule: object) =>
    world.call("PutBucketEncryption", { Bucket, ServerSideEncryptionConfiguration: { Rules: [rule] } });
  await set({
    ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: key },
    BucketKeyEnabled: true,
  });
  world.kms.calls.length = 0;
  const put = await world.put(Bucket, "k", "x", {
    SSEKMSEncryptionContext: Buffer.from('{"dept":"a"}').toString("base64"),
  });
  assert.equal(put.BucketKeyEnabled, true);
  assert.deepEqual(world.kms.calls[0]!.context, { dept: "a", "aws:s3:arn": "arn:aws:s3:::kms-default" });
  assert.equal(await world.text(Bucket, "k"), "x");
  assert.equal(
    (await world.put(Bucket, "plain", "x", { ServerSideEncryption: "AES256" })).ServerSideEncryption,
    "AES256",
  );
  await world.call("DeleteBucketEncryption", { Bucket });
  assert.equal((await world.put(Bucket, "k3", "x")).ServerSideEncryption, "AES256");
  await assert.rejects(set({ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "rot13" } }), refused("MalformedXML"));
  await assert.rejects(
    set({ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256", KMSMasterKeyID: key } }),
    refused("InvalidArgument"),
  );
});

test("DSSE-KMS: two layers, both needed, ranges included", async () => {
  const Bucket = await world.bucket("dsse");
  const body = randomBytes(200_000);
  await world.put(Bucket, "k", body, { ServerSideEncryption: "aws:kms:dsse", SSEKMSKeyId: key });
  const got = await world.call("GetObject", { Bucket, Key: "k", Range: "bytes=65530-131080" });
  assert.equal(got.ServerSideEncryption, "aws:kms:dsse");
  assert.deepEqual(await collect(got.Body), body.subarray(65_530, 131_081));
  assert.deepEqual(await collect((await world.call("GetObject", { Bucket, Key: "k" })).Body), body);
});

test("SSE-C: the key is not kept, and only its bearer reads", async () => {
  const Bucket = await world.bucket("sse-c");
  const headers = (secret: Buffer) => ({
    SSECustomerAlgorithm: "AES256",
    SSECustomerKey: secret.toString("base64"),
    SSECustomerKeyMD5: createHash("md5").update(secret).digest("base64"),
  });
  const secret = randomBytes(32);
  const mine = headers(secret);
  // New buckets do not take it until they are told to.
  await assert.rejects(world.put(Bucket, "k", "x", mine), refused("AccessDenied", { status: 403 }));
  const rule = {
    ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" },
    BlockedEncryptionTypes: { EncryptionType: ["NONE"] },
  };
  await world.call("PutBucketEncryption", { Bucket, ServerSideEncryptionConfiguration: { Rules: [rule] } });
  const put = await world.put(Bucket, "k", "x", mine);
  assert.deepEqual([put.SSECustomerAlgorithm, put.ServerSideEncryption], ["AES256", undefined]);
  assert.equal(await world.text(Bucket, "k", mine), "x");
  await assert.rejects(
    world.call("GetObject", { Bucket, Key: "k" }),
    refused("InvalidRequest", { message: /form of Server Side Encryption/ }),
  );
  await assert.rejects(world.call("HeadObject", { Bucket, Key: "k" }), refused("InvalidRequest"));
  await assert.rejects(
    world.call("GetObject", { Bucket, Key: "k", ...headers(randomBytes(32)) }),
    refused("AccessDenied", { status: 403 }),
  );
  for (const row of world.store.rows.values()) assert.ok(!row.value.includes(mine.SSECustomerKey));
  for (const record of world.records()) assert.ok(!JSON.stringify(record).includes(mine.SSECustomerKey));
  const cases: [object, string][] = [
    [{ ...mine, SSECustomerAlgorithm: "DES" }, "InvalidEncryptionAlgorithmError"],
    [{ ...mine, SSECustomerAlgorithm: undefined }, "InvalidArgument"],
    [{ ...mine, SSECustomerKey: undefined }, "InvalidArgument"],
    [{ ...mine, SSECustomerKeyMD5: undefined }, "InvalidArgument"],
    [{ ...mine, SSECustomerKeyMD5: "AAAA" }, "InvalidArgument"],
    [headers(randomBytes(16)), "InvalidArgument"],
    [{ ...mine, ServerSideEncryption: "AES256" }, "InvalidArgument"],
    [{ SSEKMSKeyId: key }, "InvalidArgument"],
    [{ ServerSideEncryption: "aws:rot13" }, "InvalidArgument"],
    [{ ServerSideEncryption: "aws:kms", SSEKMSEncryptionContext: "e30x" }, "InvalidArgument"],
  ];
  for (const [input, code] of cases) {
    await assert.rejects(world.put(Bucket, "n", "x", { ...input }), refused(code), JSON.stringify(input));
  }
  await world.call("CopyObject", {
    Bucket,
    Key: "copy",
    CopySource: `${Bucket}/k`,
    CopySourceSSECustomerAlgorithm: "AES256",
    CopySourceSSECustomerKey: mine.SSECustomerKey,
    CopySourceSSECustomerKeyMD5: mine.SSECustomerKeyMD5,
  });
  assert.equal(await world.text(Bucket, "copy"), "x");
  await assert.rejects(
    world.call("GetObject", { Bucket, Key: "copy", ...mine }),
    refused("InvalidRequest", { message: /not applicable/ }),
  );
});

test("multipart uploads are encrypted under one object key, whatever the kind", async () => {
  const Bucket = await world.bucket("kms-multi");
  const { UploadId } = await world.call("CreateMultipartUpload", {
    Bucket,
    Key: "k",
    ServerSideEncryption: "aws:kms",
    SSEKMSKeyId: key,
  });
  const part = await world.call("UploadPart", { Bucket, Key: "k", UploadId, PartNumber: 1, Body: Buffer.from("part") });
  assert.equal(part.ServerSideEncryption, "aws:kms");
  await world.call("CompleteMultipartUpload", {
    Bucket,
    Key: "k",
    UploadId,
    MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part.ETag }] },
  });
  assert.equal(await world.text(Bucket, "k"), "part");
});
