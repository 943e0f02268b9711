import assert from "node:assert/strict";
import { createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import { chunkOffset, chunkSize, headerSize, sealedSize, tagSize } from "./layout.ts";
import { open, OpenError } from "./open.ts";
import { seal } from "./seal.ts";

const key = createSecretKey(Buffer.alloc(32, 7));
const prefix = Buffer.from("0123456");
const bound = Buffer.from("body-1");

async function* pieces(body: Buffer, size: number) {
  for (let i = 0; i < body.length; i += size) yield body.subarray(i, i + size);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of source) all.push(piece);
  return Buffer.concat(all);
}

function sourceOf(sealed: Buffer, plainSize: number, log: [number, number][] = []) {
  return {
    plainSize,
    async *read(start: number, end: number) {
      log.push([start, end]);
      for (let i = start; i <= end; i += 10_000) yield sealed.subarray(i, Math.min(i + 10_000, end + 1));
    },
  };
}

for (const size of [0, 1, 15, 16, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize, 3 * chunkSize + 17]) {
  test(`a body of ${size} bytes comes back, whatever the pieces were`, async () => {
    const body = randomBytes(size);
    for (const piece of [1000, chunkSize, 200_000]) {
      const sealed = await collect(seal(key, prefix, bound, pieces(body, piece)));
      assert.equal(sealed.length, sealedSize(size));
      assert.deepEqual(await collect(open(key, bound, sourceOf(sealed, size))), body);
    }
  });
}

test("a range reads only the chunks it touches", async () => {
  const body = randomBytes(10 * chunkSize);
  const sealed = await collect(seal(key, prefix, bound, pieces(body, chunkSize)));
  for (const [start, end] of [
    [0, 0],
    [chunkSize - 1, chunkSize],
    [5 * chunkSize, 5 * chunkSize],
    [9 * chunkSize + 5, 10 * chunkSize - 1],
    [12, 10 * chunkSize - 1],
  ] as const) {
    const log: [number, number][] = [];
    const part = await collect(open(key, bound, sourceOf(sealed, body.length, log), start, end));
    assert.deepEqual(part, body.subarray(start, end + 1));
    const touched = Math.floor(end / chunkSize) - Math.floor(start / chunkSize) + 1;
    const read = log.reduce((sum, [from, to]) => sum + to - from + 1, 0);
    assert.ok(read <= headerSize + touched * (chunkSize + tagSize), `${read} bytes read for ${touched} chunks`);
  }
});

test("every kind of tampering is noticed before a byte of it is given out", async () => {
  const body = randomBytes(3 * chunkSize);
  const sealed = await collect(seal(key, prefix, bound, pieces(body, chunkSize)));
  const flipped = (at: number) => {
    const copy = Buffer.from(sealed);
    copy[at]! ^= 1;
    return copy;
  };
  const reordered = Buffer.concat([
    sealed.subarray(0, headerSize),
    sealed.subarray(chunkOffset(1), chunkOffset(2)),
    sealed.subarray(chunkOffset(0), chunkOffset(1)),
    sealed.subarray(chunkOffset(2)),
  ]);
  const other = await collect(seal(key, prefix, Buffer.from("body-2"), pieces(body, chunkSize)));
  const cases: [string, Buffer, number][] = [
    ["format", flipped(0), body.length],
    ["nonce prefix", flipped(3), body.length],
    ["ciphertext", flipped(chunkOffset(1) + 5), body.length],
    ["tag", flipped(sealed.length - 1), body.length],
    ["reordered chunks", reordered, body.length],
    ["cut at a chunk, with the size changed to match", sealed.subarray(0, chunkOffset(2)), 2 * chunkSize],
    ["cut", sealed.subarray(0, sealed.length - 1), body.length],
    ["of another body", other, body.length],
  ];
  for (const [what, bytes, size] of cases) {
    await assert.rejects(collect(open(key, bound, sourceOf(bytes, size))), OpenError, what);
  }
  await assert.rejects(
    collect(open(createSecretKey(Buffer.alloc(32, 8)), bound, sourceOf(sealed, body.length))),
    OpenError,
  );
});

test("a failing body fails the sealed stream", async () => {
  async function* broken() {
    yield randomBytes(10);
    throw new Error("client went away");
  }
  await assert.rejects(collect(seal(key, prefix, bound, broken())), /client went away/);
});
