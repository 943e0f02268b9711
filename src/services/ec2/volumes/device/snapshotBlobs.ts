/**
 * Snapshots in the blob store: the written chunks of a volume one after the other in blobs of at most 1 GiB, and a
 * manifest that says which chunk lies where and what each blob hashes to.
 *
 * INVARIANT: the manifest is written last. What has none is left over from a cut snapshot, and is removed by its prefix.
 */
import { createHash } from "node:crypto";
import type { BlobStore } from "#blob/contract.ts";
import { isZero } from "#engines/xts/index.ts";
import type { CutChunk } from "./cut.ts";
import { chunkBytes } from "./writtenMap.ts";

const blobChunks = (1024 * 1024 * 1024) / chunkBytes;

interface Manifest {
  format: 1;
  chunkBytes: number;
  blobs: {
    id: string;
    sha256: string;
    /** `[first chunk, number of chunks]`, in the order they lie. */ runs: [number, number][];
  }[];
}

const prefixOf = (snapshotId: string): string => `ebs-${snapshotId}-`;
const manifestOf = (snapshotId: string): string => `${prefixOf(snapshotId)}manifest`;

/** Data as it was read is another snapshot than the one that was kept. */
export class SnapshotDamaged extends Error {
  constructor(snapshotId: string) {
    super(`the data of snapshot ${snapshotId} is damaged`);
    this.name = "SnapshotDamaged";
  }
}

/** Keeps the chunks; zeros are left out. `told` hears of every chunk. Gives the bytes that are kept. */
export async function keepSnapshot(
  blobs: BlobStore,
  snapshotId: string,
  chunks: AsyncIterable<CutChunk>,
  told: () => void = () => {},
): Promise<number> {
  const manifest: Manifest = { format: 1, chunkBytes, blobs: [] };
  const source = nonZero(chunks, told)[Symbol.asyncIterator]();
  try {
    let kept = 0;
    for (let next = await source.next(); !next.done;) {
      const id = `${prefixOf(snapshotId)}${String(manifest.blobs.length).padStart(6, "0")}`;
      const hash = createHash("sha256");
      const runs: [number, number][] = [];
      const body = async function* (): AsyncGenerator<Uint8Array> {
        for (let count = 0; count < blobChunks && !next.done; count++) {
          const { chunk, data } = next.value;
          const run = runs.at(-1);
          if (run && run[0] + run[1] === chunk) run[1]++;
          else runs.push([chunk, 1]);
          hash.update(data);
          kept += data.length;
          yield data;
          next = await source.next();
        }
      };
      await blobs.put(id, body());
      manifest.blobs.push({ id, sha256: hash.digest("hex"), runs });
    }
    await blobs.put(manifestOf(snapshotId), once(Buffer.from(JSON.stringify(manifest))));
    return kept;
  } finally {
    await source.return?.(undefined);
  }
}

async function* nonZero(chunks: AsyncIterable<CutChunk>, told: () => void): AsyncGenerator<CutChunk> {
  for await (const each of chunks) {
    told();
    if (!isZero(each.data)) yield each;
  }
}

async function* once(data: Uint8Array): AsyncGenerator<Uint8Array> {
  yield data;
}

/** @throws SnapshotDamaged after the last chunk of a blob that is not what was kept */
export async function* snapshotChunks(blobs: BlobStore, snapshotId: string): AsyncGenerator<CutChunk> {
  const manifest = await readManifest(blobs, snapshotId);
  for (const { id, sha256, runs } of manifest.blobs) {
    const hash = createHash("sha256");
    const numbers = numbersOf(runs);
    for await (const data of wholeChunks(blobs.get(id))) {
      const { value: chunk, done } = numbers.next();
      if (done) throw new SnapshotDamaged(snapshotId);
      hash.update(data);
      yield { chunk, data };
    }
    if (!numbers.next().done || hash.digest("hex") !== sha256) throw new SnapshotDamaged(snapshotId);
  }
}

export async function countChunks(blobs: BlobStore, snapshotId: string): Promise<number> {
  const { blobs: each } = await readManifest(blobs, snapshotId);
  return each.flatMap(({ runs }) => runs).reduce((sum, [, count]) => sum + count, 0);
}

/** Everything of a snapshot, or of an attempt at it; the manifest goes first. */
export async function removeSnapshotBlobs(blobs: BlobStore, snapshotId: string): Promise<void> {
  await blobs.delete(manifestOf(snapshotId));
  const prefix = prefixOf(snapshotId);
  for (;;) {
    const page = await blobs.list(prefix, 1000);
    const own = page.filter(({ id }) => id.startsWith(prefix));
    for (const { id } of own) await blobs.delete(id);
    if (own.length < page.length || page.length < 1000) return;
  }
}

async function readManifest(blobs: BlobStore, snapshotId: string): Promise<Manifest> {
  const parts: Uint8Array[] = [];
  for await (const part of blobs.get(manifestOf(snapshotId))) parts.push(part);
  const manifest = JSON.parse(Buffer.concat(parts).toString("utf8")) as Manifest;
  if (manifest.format !== 1 || manifest.chunkBytes !== chunkBytes) throw new SnapshotDamaged(snapshotId);
  return manifest;
}

function* numbersOf(runs: readonly [number, number][]): Generator<number> {
  for (const [first, count] of runs) for (let chunk = first; chunk < first + count; chunk++) yield chunk;
}

async function* wholeChunks(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let whole = Buffer.allocUnsafeSlow(chunkBytes);
  let filled = 0;
  for await (const part of body) {
    for (let at = 0; at < part.length;) {
      const take = Math.min(part.length - at, chunkBytes - filled);
      whole.set(part.subarray(at, at + take), filled);
      filled += take;
      at += take;
      if (filled < chunkBytes) continue;
      yield whole;
      whole = Buffer.allocUnsafeSlow(chunkBytes);
      filled = 0;
    }
  }
  if (filled > 0) throw new Error("a blob of a snapshot ends within a chunk");
}
