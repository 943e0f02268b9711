/** Every rule of the contract, run against each store. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { BlobExists, BlobMissing, type BlobStore } from "./contract.ts";
import { sweepBlobs } from "./sweep.ts";

export interface BlobsUnderTest {
  blobs: BlobStore;
  /** Makes a blob look older, in milliseconds. */
  age(id: string, milliseconds: number): Promise<void>;
  /** Files or objects that exist although no blob has them as its body. */
  leftovers(): Promise<number>;
  dispose(): Promise<void>;
}

export async function* chunks(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === "string" ? Buffer.from(part) : part;
}

async function text(blobs: BlobStore, id: string, range?: { start: number; end: number }): Promise<string> {
  return Buffer.concat(await Array.fromAsync(blobs.get(id, range))).toString();
}

export function blobConformance(kind: string, create: () => Promise<BlobsUnderTest>): void {
  const rule = (name: string, body: (t: BlobsUnderTest) => Promise<void>): void => {
    void test(`${kind}: ${name}`, async () => {
      const t = await create();
      try {
        await body(t);
      } finally {
        await t.dispose();
      }
    });
  };

  rule("a body comes back byte for byte", async ({ blobs }) => {
    const info = await blobs.put("blob-1", chunks("hello ", "", "world"));
    assert.deepEqual([info.id, info.size], ["blob-1", 11]);
    assert.equal(await text(blobs, "blob-1"), "hello world");
    const found = (await blobs.info("blob-1"))!;
    assert.equal(found.size, 11);
    assert.ok(Math.abs(found.modified - info.modified) < 5_000);
    await blobs.put("empty", chunks());
    assert.equal(await text(blobs, "empty"), "");
    assert.equal((await blobs.info("empty"))?.size, 0);
  });

  rule("ranges, inclusive, cut at the end", async ({ blobs }) => {
    await blobs.put("r", chunks("0123456789"));
    for (const [start, end, expected] of [
      [0, 0, "0"],
      [2, 5, "2345"],
      [9, 9, "9"],
      [5, 100, "56789"],
    ] as const) {
      assert.equal(await text(blobs, "r", { start, end }), expected);
    }
    for (const [start, end] of [
      [10, 10],
      [5, 4],
      [-1, 3],
      [0.5, 3],
    ] as const) {
      await assert.rejects(text(blobs, "r", { start, end }), RangeError);
    }
  });

  rule("large bodies stream in chunks of at most 1 MiB", async ({ blobs }) => {
    const piece = Buffer.alloc(700_001);
    for (let n = 0; n < piece.length; n++) piece[n] = (n * 31 + (n >> 8)) & 255;
    const sent = createHash("sha256");
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < 20; n++) {
        sent.update(piece);
        yield piece;
      }
    }
    assert.equal((await blobs.put("large", body())).size, 20 * piece.length);
    const received = createHash("sha256");
    for await (const chunk of blobs.get("large")) {
      assert.ok(chunk.length <= 1024 * 1024);
      received.update(chunk);
    }
    assert.equal(received.digest("hex"), sent.digest("hex"));
    const start = 5 * piece.length - 3;
    const part = Buffer.concat(await Array.fromAsync(blobs.get("large", { start, end: start + 5 })));
    assert.deepEqual(part, Buffer.concat([piece.subarray(-3), piece.subarray(0, 3)]));
  });

  rule("a body that fails leaves nothing", async ({ blobs, leftovers }) => {
    for (const size of [10, 13_000_000]) {
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield Buffer.alloc(size);
        throw new Error("the client went away");
      }
      await assert.rejects(blobs.put("broken", broken()), /the client went away/);
    }
    assert.equal(await blobs.info("broken"), undefined);
    assert.deepEqual(await blobs.list(undefined, 10), []);
    assert.equal(await leftovers(), 0);
    await blobs.put("broken", chunks("now"));
    assert.equal(await text(blobs, "broken"), "now");
  });

  rule("a blob never changes: of 8 writers of one id one wins, whole", async ({ blobs, leftovers }) => {
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => blobs.put("same", chunks(String(n).repeat(1000), String(n).repeat(1000)))),
    );
    const refused = results.filter((result) => result.status === "rejected");
    assert.equal(refused.length, 7);
    for (const { reason } of refused) assert.ok(reason instanceof BlobExists, String(reason));
    assert.match(await text(blobs, "same"), /^(\d)\1{1999}$/);
    await assert.rejects(blobs.put("same", chunks(Buffer.alloc(9_000_000))), BlobExists);
    assert.equal(await leftovers(), 0);
  });

  rule("what is missing is missing", async ({ blobs }) => {
    assert.equal(await blobs.info("none"), undefined);
    await assert.rejects(text(blobs, "none"), BlobMissing);
    await blobs.delete("none");
    await blobs.put("gone", chunks("x"));
    await blobs.delete("gone");
    assert.equal(await blobs.info("gone"), undefined);
    await assert.rejects(text(blobs, "gone"), BlobMissing);
  });

  rule("a reader that has begun reads to its end or fails, beside a delete", async ({ blobs }) => {
    await blobs.put("d", chunks(Buffer.alloc(3_000_000, 1)));
    const iterator = blobs.get("d")[Symbol.asyncIterator]();
    const first = await iterator.next();
    assert.ok(!first.done);
    await blobs.delete("d");
    let size = first.value.length;
    for await (const chunk of { [Symbol.asyncIterator]: () => iterator }) size += chunk.length;
    assert.equal(size, 3_000_000);
  });

  rule("ids that are paths or patterns are refused", async ({ blobs }) => {
    const bad = [
      "",
      ".",
      "..",
      "../x",
      "a/b",
      "/etc/passwd",
      "a\\b",
      "a\0b",
      ".hidden",
      "-x",
      "_x",
      "가",
      "a b",
      "a%2fb",
      "x".repeat(129),
      "a\n",
      "*",
    ];
    for (const id of bad) {
      await assert.rejects(blobs.put(id, chunks("x")), RangeError, JSON.stringify(id));
      await assert.rejects(blobs.info(id), RangeError);
      await assert.rejects(blobs.delete(id), RangeError);
      await assert.rejects(text(blobs, id), RangeError);
    }
    await assert.rejects(blobs.list("../", 1), RangeError);
    const good = ["a", "A", "0", "a.", "ab..cd", "a..", "ab.", "a-_.", "x".repeat(128), "a...b"];
    for (const id of good) await blobs.put(id, chunks(id));
    for (const id of good) assert.equal(await text(blobs, id), id);
    assert.equal((await blobs.list(undefined, 100)).length, good.length);
  });

  rule("lists page in byte order", async ({ blobs }) => {
    const ids = [
      "a",
      "a-",
      "a-b",
      "a.",
      "a.b",
      "a0",
      "aB",
      "a_",
      "ab",
      "ab-",
      "ab..",
      "ab..x",
      "ab.0",
      "ab0",
      "abc",
      "abcd",
      "abcde",
      "abce",
      "b",
      "Z",
      "0",
    ];
    for (const id of ids.toSorted(() => 1)) await blobs.put(id, chunks(id));
    const sorted = ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const limit of [1, 4, 100]) {
      const found: string[] = [];
      for (;;) {
        const page = await blobs.list(found.at(-1), limit);
        if (page.length === 0) break;
        assert.ok(page.length <= limit);
        for (const { id, size } of page) {
          assert.equal(size, id.length);
          found.push(id);
        }
      }
      assert.deepEqual(found, sorted);
    }
    assert.deepEqual(
      (await blobs.list("ab..y", 2)).map((blob) => blob.id),
      ["ab.0", "ab0"],
      "after an id that is not there",
    );
  });

  rule("the sweep removes what is old and has no name", async ({ blobs, age }) => {
    for (const id of ["old-named", "old-unnamed", "new-unnamed"]) await blobs.put(id, chunks("x"));
    await age("old-named", 7_200_000);
    await age("old-unnamed", 7_200_000);
    const asked: string[] = [];
    const named = async (ids: readonly string[]): Promise<Set<string>> => {
      asked.push(...ids);
      return new Set(["old-named"]);
    };
    await assert.rejects(
      sweepBlobs(blobs, { named: () => Promise.reject(new Error("store gone")), olderThanMs: 3_600_000 }),
      /store gone/,
    );
    assert.equal((await blobs.list(undefined, 10)).length, 3, "no answer, no removal");
    assert.equal(await sweepBlobs(blobs, { named, olderThanMs: 3_600_000, pageSize: 1 }), 1);
    assert.deepEqual(asked.sort(), ["old-named", "old-unnamed"]);
    assert.deepEqual(
      (await blobs.list(undefined, 10)).map((blob) => blob.id),
      ["new-unnamed", "old-named"],
    );
  });
}
