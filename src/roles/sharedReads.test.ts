import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { StoredEvent, Stream } from "#stream/contract.ts";
import { SharedReads } from "./sharedReads.ts";

/** A partition of so many events, counting how often it is read. */
class CountedStream {
  last = 0;
  reads = 0;

  async read(_stream: string, partition: number, after: number, limit: number): Promise<StoredEvent[]> {
    this.reads++;
    const count = Math.max(0, Math.min(limit, this.last - after));
    return Array.from({ length: count }, (_, n) => ({
      id: `${after + n + 1}`,
      key: "k",
      event: {},
      partition,
      offset: after + n + 1,
      time: 0,
    }));
  }
}

function subject() {
  const stream = new CountedStream();
  const reads = new SharedReads(stream as unknown as Stream);
  const offsets = async (after: number, limit = 500) =>
    (await reads.read("audit", 0, after, limit)).map(({ offset }) => offset);
  return { stream, reads, offsets };
}

describe("reactors of one partition", () => {
  test("read and parse its events once, at the same time or one after the other", async () => {
    const { stream, offsets } = subject();
    stream.last = 3;
    const all = await Promise.all([offsets(0), offsets(0), offsets(0)]);
    assert.deepEqual(all, [
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]);
    assert.deepEqual(await offsets(1), [2, 3]);
    assert.deepEqual(await offsets(0, 2), [1, 2]);
    assert.equal(stream.reads, 1);
  });

  test("see what came later, also where they had not read everything", async () => {
    const { stream, offsets } = subject();
    stream.last = 3;
    await offsets(0);
    stream.last = 5;
    assert.deepEqual(await offsets(3), [4, 5]);
    assert.deepEqual(await offsets(2), [3, 4, 5], "read anew: the last events begin behind it");
    assert.deepEqual(await offsets(5), []);
  });

  test("one that is far behind reads for itself", async () => {
    const { stream, offsets } = subject();
    stream.last = 2_000;
    assert.deepEqual((await offsets(1_500)).at(-1), 2_000);
    assert.deepEqual((await offsets(0)).at(-1), 500);
    assert.equal(stream.reads, 2);
    assert.deepEqual((await offsets(1_800)).at(0), 1_801);
    assert.equal(stream.reads, 2, "the others still have what they were about to read");
  });

  test("have nothing of a stream that was emptied", async () => {
    const { stream, reads, offsets } = subject();
    stream.last = 3;
    await offsets(0);
    stream.last = 0;
    reads.forget("audit", 0);
    assert.deepEqual(await offsets(0), []);
  });
});
