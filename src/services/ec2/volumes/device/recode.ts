/** Chunks from under one data key to under another, or none: what was never written stays so. */
import { isZero, unitBytes, type XtsCipher } from "#engines/xts/index.ts";
import type { CutChunk } from "./cut.ts";
import { chunkBytes } from "./writtenMap.ts";

const chunkUnits = chunkBytes / unitBytes;

/** With neither cipher the data passes as it is. */
export async function* recoded(
  chunks: AsyncIterable<CutChunk>,
  from: XtsCipher | undefined,
  to: XtsCipher | undefined,
): AsyncGenerator<CutChunk> {
  for await (const { chunk, data } of chunks) {
    const plain = from ? from.decrypt(data, chunk * chunkUnits) : data;
    yield { chunk, data: to ? encrypted(to, plain, chunk * chunkUnits) : plain };
    if (from && to) plain.fill(0);
  }
}

function encrypted(cipher: XtsCipher, plain: Buffer, first: number): Buffer {
  const out = cipher.encrypt(plain, first);
  for (let at = 0; at < plain.length; at += unitBytes) {
    if (isZero(plain.subarray(at, at + unitBytes))) out.fill(0, at, at + unitBytes);
  }
  return out;
}
