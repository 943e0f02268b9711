import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { objectId } from "./ids.ts";
import { refused, World, account, region } from "./testing.ts";

let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

async function walkAll(input: Record<string, unknown>): Promise<string[]> {
  const seen: string[] = [];
  let token: string | undefined;
  do {
    const page = await world.call("ListObjectsV2", { ...input, ContinuationToken: token });
    assert.equal(page.KeyCount, (page.Contents?.length ?? 0) + (page.CommonPrefixes?.length ?? 0));
    const rows = [
      ...(page.Contents ?? []).map(({ Key }: any) => Key),
      ...(page.CommonPrefixes ?? []).map(({ Prefix }: any) => Prefix),
    ];
    seen.push(...rows.sort());
    token = page.NextContinuationToken;
    assert.equal(page.IsTruncated, token !== undefined);
  } while (token !== undefined);
  return seen;
}

test("prefix, delimiter, start-after and pages, in the order of bytes", async () => {
  const Bucket = await world.bucket("keys");
  const keys = ["a", "a-b", "a/", "a/1", "a/2/x", "a/2/y", "a/3", "b/1", "c", "é", "\uFFFD", "😀"];
  for (const key of keys) await world.put(Bucket, key, "x");
  const bytes = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const whole = await world.call("ListObjectsV2", { Bucket });
  assert.deepEqual(
    whole.Contents.map(({ Key }: any) => Key),
    bytes,
  );
  for (const MaxKeys of [1, 2, 3, 1000]) {
    assert.deepEqual((await walkAll({ Bucket, MaxKeys })).sort(), [...keys].sort());
    assert.deepEqual(
      (await walkAll({ Bucket, MaxKeys, Delimiter: "/" })).sort(),
      ["a", "a-b", "a/", "b/", "c", "é", "\uFFFD", "😀"].sort(),
    );
    assert.deepEqual(await walkAll({ Bucket, MaxKeys, Delimiter: "/", Prefix: "a/" }), ["a/", "a/1", "a/2/", "a/3"]);
  }
  const after = await world.call("ListObjectsV2", { Bucket, StartAfter: "a/2/x", Prefix: "a/", Delimiter: "/" });
  assert.deepEqual(after.CommonPrefixes, [{ Prefix: "a/2/" }]);
  assert.deepEqual(
    after.Contents.map(({ Key }: any) => Key),
    ["a/3"],
  );
  const none = await world.call("ListObjectsV2", { Bucket, MaxKeys: 0 });
  assert.deepEqual([none.KeyCount, none.IsTruncated], [0, false]);

  const first = await world.call("ListObjects", { Bucket, Delimiter: "/", MaxKeys: 4 });
  assert.equal(first.NextMarker, "b/");
  const second = await world.call("ListObjects", { Bucket, Delimiter: "/", Marker: first.NextMarker });
  assert.deepEqual(
    second.Contents.map(({ Key }: any) => Key),
    ["c", "é", "\uFFFD", "😀"],
  );
  assert.equal(second.CommonPrefixes, undefined);
});

test("encoding, owners and refusals", async () => {
  const Bucket = await world.bucket("encoding");
  await world.put(Bucket, "a b/\u0001+é", "x");
  const page = await world.call("ListObjectsV2", { Bucket, EncodingType: "url", Prefix: "a b/", FetchOwner: true });
  assert.equal(page.Contents[0].Key, "a+b/%01%2B%C3%A9");
  assert.equal(page.Prefix, "a+b/");
  assert.match(page.Contents[0].Owner.ID, /^[0-9a-f]{64}$/);
  await world.put(Bucket, "b", "x");
  const { NextContinuationToken: ContinuationToken } = await world.call("ListObjectsV2", { Bucket, MaxKeys: 1 });
  for (const input of [
    { ContinuationToken, Prefix: "other" },
    { ContinuationToken, Delimiter: "/" },
    { ContinuationToken: "x" },
    { ContinuationToken: "" },
    { MaxKeys: -1 },
    { EncodingType: "gzip" },
  ]) {
    await assert.rejects(
      world.call("ListObjectsV2", { Bucket, ...input }),
      refused("InvalidArgument"),
      JSON.stringify(input),
    );
  }
  await assert.rejects(world.call("ListObjectsV2", { Bucket, Prefix: "x".repeat(1025) }), refused("KeyTooLongError"));
});

test("a common prefix is jumped over, however much is below it", async () => {
  const Bucket = await world.bucket("many");
  const { value } = JSON.parse(JSON.stringify([...world.store.rows.values()].find((row) => row.key.id === Bucket)));
  const { uid } = JSON.parse(value) as { uid: string };
  const document = {
    kind: "object",
    versionId: "null",
    sequence: 1,
    modified: 0,
    size: 0,
    etag: "x",
    storageClass: "STANDARD",
    tags: {},
    metadata: {},
    headers: {},
    grants: [],
    bodies: [],
    owner: account,
  };
  for (let folder = 0; folder < 20; folder++) {
    await world.store.commit(
      Array.from({ length: 100 }, (_, i) => ({
        op: "put" as const,
        key: { account, region, service: "s3", type: "object", id: objectId(uid, `f${folder}/${i}`) },
        value: document,
      })),
    );
  }
  let read = 0;
  const list = world.store.list.bind(world.store);
  world.store.list = async (query) => {
    const page = await list(query);
    read += page.items.length;
    return page as never;
  };
  const page = await world.call("ListObjectsV2", { Bucket, Delimiter: "/" });
  assert.equal(page.CommonPrefixes.length, 20);
  assert.ok(read <= 20 * 16, `${read} documents were read for 20 rows`);
});
